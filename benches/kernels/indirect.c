// Calls through function pointers: visitors over a list of shapes, and a comparison callback.
#include "kernel.h"

typedef struct Shape Shape;
struct Shape { u32 (*area)(const Shape *); u32 (*grow)(Shape *, u32); u32 w, h; };

NOINLINE static u32 square(const Shape *s) { return s->w * s->w; }
NOINLINE static u32 rectangle(const Shape *s) { return s->w * s->h; }
NOINLINE static u32 triangle(const Shape *s) { return s->w * s->h / 2; }
NOINLINE static u32 wider(Shape *s, u32 n) { return s->w += n; }
NOINLINE static u32 higher(Shape *s, u32 n) { return s->h += n; }
NOINLINE static i32 by_width(const Shape *a, const Shape *b) { return (i32)(a->w - b->w); }
NOINLINE static i32 by_height(const Shape *a, const Shape *b) { return (i32)(a->h - b->h); }

#define N 1024
static Shape shapes[N];
static u32 (*const areas[3])(const Shape *) = {square, rectangle, triangle};
static u32 (*const grows[2])(Shape *, u32) = {wider, higher};
static i32 (*const orders[2])(const Shape *, const Shape *) = {by_width, by_height};

NOINLINE static u32 inversions(i32 (*order)(const Shape *, const Shape *)) {
    u32 n = 0;
    for (int i = 1; i < N; i++) n += order(&shapes[i - 1], &shapes[i]) > 0;
    return n;
}

EXPORT(run) i64 run(i32 scale) {
    u32 seed = 42;
    u64 sum = 0;
    for (int i = 0; i < N; i++) {
        u32 r = next(&seed);
        shapes[i] = (Shape){areas[r % 3], grows[r >> 8 & 1], r >> 9 & 255, r >> 17 & 255};
    }
    for (int round = 0; round < scale * 2500; round++) {
        for (int i = 0; i < N; i++) {
            Shape *s = &shapes[i];
            sum += s->area(s);
            sum ^= s->grow(s, round & 3);
        }
        sum += inversions(orders[round & 1]);
    }
    return (i64)sum;
}
