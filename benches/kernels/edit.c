// Edit distance of two strings: dynamic programming over a row, minimum of three.
#include "kernel.h"

#define N 1000
static u8 a[N], b[N];
static u32 row[N + 1];

NOINLINE static u32 distance(void) {
    for (u32 j = 0; j <= N; j++) row[j] = j;
    for (u32 i = 1; i <= N; i++) {
        u32 diagonal = row[0];
        row[0] = i;
        for (u32 j = 1; j <= N; j++) {
            u32 up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            if (up + 1 < best) best = up + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
            diagonal = up;
        }
    }
    return row[N];
}

EXPORT(run) i64 run(i32 scale) {
    u32 seed = 77;
    i64 sum = 0;
    for (int i = 0; i < N; i++) a[i] = next(&seed) >> 8 & 7, b[i] = next(&seed) >> 8 & 7;
    for (int round = 0; round < scale * 14; round++) {
        a[next(&seed) % N] = round & 7;
        sum = sum * 31 + distance();
    }
    return sum;
}
