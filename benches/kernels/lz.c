// An LZ77 byte format: greedy compression by hash chains, then decompression.
#include "kernel.h"

#define N 65536
static u8 plain[N], packed[N * 2], unpacked[N];
static u16 heads[4096];

static inline u32 read32(const u8 *p) { return *(const u32 *)p; }

// Token: literal count (4 bits) and match length - 4 (4 bits), 15 = more bytes; literals; 16-bit distance.
static u8 *put_len(u8 *out, u32 n) {
    for (; n >= 255; n -= 255) *out++ = 255;
    *out++ = n;
    return out;
}

NOINLINE static u32 pack(u8 *out, const u8 *in, u32 len) {
    const u8 *anchor = in, *p = in, *end = in + len - 12;
    u8 *start = out;
    for (int i = 0; i < 4096; i++) heads[i] = 0;
    while (p < end) {
        u32 hash = read32(p) * 2654435761u >> 20;
        const u8 *m = in + heads[hash];
        heads[hash] = p - in;
        if (m >= p || read32(m) != read32(p)) {
            p++;
            continue;
        }
        u32 n = 4, lits = p - anchor, dist = p - m;
        while (p + n < end && m[n] == p[n]) n++;
        *out++ = (lits < 15 ? lits : 15) << 4 | (n - 4 < 15 ? n - 4 : 15);
        if (lits >= 15) out = put_len(out, lits - 15);
        for (u32 i = 0; i < lits; i++) *out++ = anchor[i];
        *out++ = dist;
        *out++ = dist >> 8;
        if (n - 4 >= 15) out = put_len(out, n - 4 - 15);
        anchor = p += n;
    }
    u32 lits = in + len - anchor;
    *out++ = (lits < 15 ? lits : 15) << 4;
    if (lits >= 15) out = put_len(out, lits - 15);
    for (u32 i = 0; i < lits; i++) *out++ = anchor[i];
    return out - start;
}

NOINLINE static u32 unpack(u8 *out, const u8 *p, u32 len) {
    const u8 *end = p + len;
    u8 *start = out;
    for (;;) {
        u8 token = *p++;
        u32 lits = token >> 4, n = token & 15, x;
        if (lits == 15) do lits += x = *p++; while (x == 255);
        for (u32 i = 0; i < lits; i++) *out++ = *p++;
        if (p >= end) return out - start;
        u32 dist = p[0] | p[1] << 8;
        p += 2;
        if (n == 15) do n += x = *p++; while (x == 255);
        const u8 *m = out - dist;
        for (n += 4; n > 0; n--) *out++ = *m++;
    }
}

EXPORT(run) i64 run(i32 scale) {
    static const char *const nouns[8] = {"register ", "module ", "frame ", "memory ", "the ", "of a ", "value\n", "trap, "};
    u32 seed = 11, n = 0;
    i64 sum = 0;
    while (n < N) {
        const char *w = nouns[next(&seed) >> 13 & 7];
        while (*w && n < N) plain[n++] = *w++;
        if ((seed & 31) == 0 && n < N) plain[n++] = seed >> 24;
    }
    u32 size = 0;
    for (int round = 0; round < scale * 30; round++) size = pack(packed, plain, N);
    for (int round = 0; round < scale * 250; round++) sum = sum * 31 + unpack(unpacked, packed, size);
    for (int i = 0; i < N; i++) sum = sum * 31 + (unpacked[i] ^ plain[i] ^ packed[i % size]);
    return sum;
}
