//! The arm64 backend.
