// What every kernel shares. No libc: each file is one program with one export,
// `i64 run(i32 scale)`, whose result is a checksum that every runtime must agree on.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef int i32;
typedef unsigned u32;
typedef long long i64;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;

#define EXPORT(name) __attribute__((export_name(#name)))
#define NOINLINE __attribute__((noinline))

static inline u32 rotl32(u32 x, int r) { return (x << r) | (x >> (32 - r)); }
static inline u64 rotl64(u64 x, int r) { return (x << r) | (x >> (64 - r)); }

// Marsaglia's xorshift: the source of all test data.
static inline u32 next(u32 *s) {
    u32 x = *s;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *s = x;
}

static inline i64 bits(f64 x) {
    union { f64 f; i64 i; } u = {x};
    return u.i;
}
