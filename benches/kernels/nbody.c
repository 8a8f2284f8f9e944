// Five bodies, double precision: sqrt, division and a struct array in memory.
#include "kernel.h"

typedef struct { f64 x, y, z, vx, vy, vz, mass; } Body;

static const Body start[5] = {
    {0, 0, 0, 0, 0, 0, 39.47841760435743},
    {4.84, -1.16, -0.10, 0.606, 2.812, -0.025, 0.0377},
    {8.34, 4.12, -0.40, -1.010, 1.818, 0.0084, 0.0113},
    {12.89, -15.11, -0.22, 1.083, 0.868, -0.0108, 0.0017},
    {15.37, -25.91, 0.18, 0.979, 0.594, -0.0347, 0.0020},
};
static Body bodies[5];

static void advance(f64 dt) {
    for (int i = 0; i < 5; i++) {
        Body *a = &bodies[i];
        for (int j = i + 1; j < 5; j++) {
            Body *b = &bodies[j];
            f64 dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            f64 d2 = dx * dx + dy * dy + dz * dz;
            f64 mag = dt / (d2 * __builtin_sqrt(d2));
            a->vx -= dx * b->mass * mag;
            a->vy -= dy * b->mass * mag;
            a->vz -= dz * b->mass * mag;
            b->vx += dx * a->mass * mag;
            b->vy += dy * a->mass * mag;
            b->vz += dz * a->mass * mag;
        }
    }
    for (int i = 0; i < 5; i++) {
        Body *a = &bodies[i];
        a->x += dt * a->vx;
        a->y += dt * a->vy;
        a->z += dt * a->vz;
    }
}

EXPORT(run) i64 run(i32 scale) {
    for (int i = 0; i < 5; i++) bodies[i] = start[i];
    for (int i = 0; i < scale * 250000; i++) advance(0.001);
    i64 sum = 0;
    for (int i = 0; i < 5; i++) sum ^= bits(bodies[i].x) + bits(bodies[i].vy);
    return sum;
}
