// 64-bit mixing: xoshiro256**, splitmix and a wyhash-like multiply-fold over a buffer.
#include "kernel.h"

#define N 4096
static u64 data[N];

static u64 fold(u64 a, u64 b) {
    u64 al = (u32)a, ah = a >> 32, bl = (u32)b, bh = b >> 32;
    u64 ll = al * bl, lh = al * bh, hl = ah * bl, hh = ah * bh;
    u64 mid = (ll >> 32) + (u32)lh + hl;
    return ((mid << 32) | (u32)ll) ^ (hh + (lh >> 32) + (mid >> 32));
}

NOINLINE static u64 hash(const u64 *p, u32 n, u64 seed) {
    u64 s = seed ^ 0xa0761d6478bd642f;
    for (u32 i = 0; i < n; i += 2) s = fold(p[i] ^ 0xe7037ed1a0b428db, p[i + 1] ^ s);
    return fold(s, n ^ 0x8ebc6af09c88c6e3);
}

EXPORT(run) i64 run(i32 scale) {
    u64 s0 = 1, s1 = 2, s2 = 3, s3 = 4, sum = 0;
    for (int round = 0; round < scale * 1500; round++) {
        for (u32 i = 0; i < N; i++) {
            u64 r = rotl64(s1 * 5, 7) * 9, t = s1 << 17;
            s2 ^= s0;
            s3 ^= s1;
            s1 ^= s2;
            s0 ^= s3;
            s2 ^= t;
            s3 = rotl64(s3, 45);
            data[i] = r ^ (r >> 31);
        }
        sum += hash(data, N, sum);
    }
    return (i64)sum;
}
