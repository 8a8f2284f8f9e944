// Recursion: two calls and an addition per level.
#include "kernel.h"

NOINLINE static u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

EXPORT(run) i64 run(i32 scale) { return fib(32 + scale); }
