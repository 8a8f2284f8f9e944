// Byte loops over text: base64, case folding, a histogram, counting words.
#include "kernel.h"

#define N 49152
static u8 text[N], coded[N / 3 * 4];
static u32 histogram[256];
static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

NOINLINE static void base64(u8 *out, const u8 *in, int len) {
    for (int i = 0; i < len; i += 3, out += 4) {
        u32 x = (u32)in[i] << 16 | (u32)in[i + 1] << 8 | in[i + 2];
        out[0] = alphabet[x >> 18];
        out[1] = alphabet[x >> 12 & 63];
        out[2] = alphabet[x >> 6 & 63];
        out[3] = alphabet[x & 63];
    }
}

NOINLINE static void swap_case(u8 *p, int len) {
    for (int i = 0; i < len; i++) {
        u8 c = p[i];
        if (c >= 'a' && c <= 'z') p[i] = c - 32;
        else if (c >= 'A' && c <= 'Z') p[i] = c + 32;
    }
}

NOINLINE static u32 words(const u8 *p, int len) {
    u32 n = 0;
    int inside = 0;
    for (int i = 0; i < len; i++) {
        int space = p[i] == ' ' || p[i] == '\n';
        n += inside && space;
        inside = !space;
    }
    return n;
}

EXPORT(run) i64 run(i32 scale) {
    u32 seed = 17;
    i64 sum = 0;
    for (int i = 0; i < N; i++) {
        u32 r = next(&seed) >> 7;
        text[i] = r % 7 ? "etaoinshrdlucmfwypvbgkjqxzETAOIN"[r >> 5 & 31] : ' ';
    }
    for (int round = 0; round < scale * 80; round++) {
        swap_case(text, N);
        sum = sum * 31 + words(text, N);
        base64(coded, text, N);
        for (int i = 0; i < N / 3 * 4; i++) histogram[coded[i]]++;
    }
    for (int i = 0; i < 256; i++) sum = sum * 31 + histogram[i], histogram[i] = 0;
    return sum;
}
