//! Running: the public types, the dispatcher, memory, instances.
