// N queens by bit masks: recursion whose arguments are all in registers.
#include "kernel.h"

NOINLINE static u32 place(u32 all, u32 cols, u32 left, u32 right) {
    if (cols == all) return 1;
    u32 n = 0;
    for (u32 free = all & ~(cols | left | right); free;) {
        u32 bit = free & -free;
        free ^= bit;
        n += place(all, cols | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return n;
}

EXPORT(run) i64 run(i32 scale) {
    i64 sum = 0;
    for (int i = 0; i < scale * 80; i++) sum = sum * 31 + place((1u << (9 + i % 2)) - 1, 0, 0, 0);
    return sum;
}
