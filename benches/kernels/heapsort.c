// Heap sort of 64-bit keys: sift down with data-dependent indices.
#include "kernel.h"

#define N (1 << 15)
static u64 v[N];

static void sift(u32 root, u32 end) {
    u64 x = v[root];
    for (;;) {
        u32 child = 2 * root + 1;
        if (child >= end) break;
        if (child + 1 < end && v[child] < v[child + 1]) child++;
        if (x >= v[child]) break;
        v[root] = v[child];
        root = child;
    }
    v[root] = x;
}

EXPORT(run) i64 run(i32 scale) {
    u32 seed = 5;
    u64 sum = 0;
    for (int round = 0; round < scale * 8; round++) {
        for (int i = 0; i < N; i++) v[i] = (u64)next(&seed) << 20 ^ next(&seed);
        for (u32 i = N / 2; i-- > 0;) sift(i, N);
        for (u32 end = N - 1; end > 0; end--) {
            u64 t = v[0];
            v[0] = v[end];
            v[end] = t;
            sift(0, end);
        }
        for (int i = 0; i < N; i += 17) sum = sum * 31 + v[i];
    }
    return (i64)sum;
}
