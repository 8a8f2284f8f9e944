// Matrix product, doubles, row times column: three nested loops and address arithmetic.
#include "kernel.h"

#define N 192
static f64 a[N][N], b[N][N], c[N][N];

EXPORT(run) i64 run(i32 scale) {
    u32 seed = 7;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (next(&seed) & 1023) / 1024.0;
            b[i][j] = (next(&seed) & 1023) / 1024.0;
        }
    f64 sum = 0;
    for (int round = 0; round < scale * 4; round++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                f64 s = 0;
                for (int k = 0; k < N; k++) s += a[i][k] * b[k][j];
                c[i][j] = s;
            }
        a[round % N][0] += 1;
        sum += c[round % N][3] + c[N - 1][N - 1];
    }
    return bits(sum);
}
