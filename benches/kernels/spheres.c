// Single precision: rays against spheres, with min, sqrt, comparisons and conversions.
#include "kernel.h"

typedef struct { f32 x, y, z, r; } Sphere;
#define COUNT 12
static Sphere spheres[COUNT];

NOINLINE static f32 hit(const Sphere *s, f32 dx, f32 dy, f32 dz) {
    f32 b = dx * s->x + dy * s->y + dz * s->z;
    f32 c = s->x * s->x + s->y * s->y + s->z * s->z - s->r * s->r;
    f32 disc = b * b - c;
    if (disc < 0) return 1e9f;
    f32 t = b - __builtin_sqrtf(disc);
    return t > 0 ? t : 1e9f;
}

EXPORT(run) i64 run(i32 scale) {
    u32 seed = 8;
    for (int i = 0; i < COUNT; i++) {
        f32 r = next(&seed) & 255;
        spheres[i] = (Sphere){(f32)(next(&seed) % 9) - 4, (f32)(next(&seed) % 7) - 3, 6 + (f32)(i & 3), 0.5f + r / 256};
    }
    i64 sum = 0;
    for (int y = 0; y < 1000 * scale; y++) {
        for (int x = 0; x < 320; x++) {
            f32 dx = (x - 160) / 200.0f, dy = (y % 200 - 100) / 200.0f, dz = 1;
            f32 inv = 1 / __builtin_sqrtf(dx * dx + dy * dy + dz * dz), nearest = 1e9f;
            dx *= inv, dy *= inv, dz *= inv;
            for (int i = 0; i < COUNT; i++) {
                f32 t = hit(&spheres[i], dx, dy, dz);
                nearest = t < nearest ? t : nearest;
            }
            f32 shade = nearest < 1e9f ? 255 - nearest * 20 : 16;
            sum += (i32)__builtin_floorf(shade < 0 ? 0 : shade);
        }
    }
    return sum;
}
