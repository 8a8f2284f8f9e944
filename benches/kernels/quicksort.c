// Recursive quicksort with insertion sort below 16: unpredictable branches on memory.
#include "kernel.h"

#define N (1 << 16)
static i32 v[N];

NOINLINE static void sort(i32 *lo, i32 *hi) {
    while (hi - lo > 16) {
        i32 *mid = lo + (hi - lo) / 2, pivot = *mid, *i = lo, *j = hi;
        while (i <= j) {
            while (*i < pivot) i++;
            while (*j > pivot) j--;
            if (i <= j) {
                i32 t = *i;
                *i++ = *j;
                *j-- = t;
            }
        }
        if (j - lo < hi - i) {
            sort(lo, j);
            lo = i;
        } else {
            sort(i, hi);
            hi = j;
        }
    }
    for (i32 *p = lo + 1; p <= hi; p++) {
        i32 x = *p, *q = p;
        while (q > lo && q[-1] > x) {
            *q = q[-1];
            q--;
        }
        *q = x;
    }
}

EXPORT(run) i64 run(i32 scale) {
    u32 seed = 99;
    i64 sum = 0;
    for (int round = 0; round < scale * 6; round++) {
        for (int i = 0; i < N; i++) v[i] = (i32)next(&seed);
        sort(v, v + N - 1);
        for (int i = 0; i < N; i += 61) sum = sum * 31 + v[i];
    }
    return sum;
}
