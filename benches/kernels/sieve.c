// The sieve of Eratosthenes over bytes, then over bits.
#include "kernel.h"

#define N (1 << 18)
static u8 bytes[N];
static u32 words[N / 32];

EXPORT(run) i64 run(i32 scale) {
    i64 sum = 0;
    for (int round = 0; round < scale * 20; round++) {
        for (u32 i = 0; i < N; i++) bytes[i] = 1;
        for (u32 i = 0; i < N / 32; i++) words[i] = ~0u;
        for (u32 p = 2; p * p < N; p++)
            if (bytes[p])
                for (u32 k = p * p; k < N; k += p) bytes[k] = 0;
        for (u32 p = 2; p * p < N; p++)
            if (words[p >> 5] >> (p & 31) & 1)
                for (u32 k = p * p; k < N; k += p) words[k >> 5] &= ~(1u << (k & 31));
        for (u32 i = 2 + round; i < N; i++) sum += bytes[i];
        for (u32 i = 0; i < N / 32; i++) sum += __builtin_popcount(words[i]);
    }
    return sum;
}
