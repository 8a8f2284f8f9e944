//! WASI preview 1 for Pronto.
