// String search three ways: first-byte scan, Horspool, and Knuth-Morris-Pratt.
#include "kernel.h"

#define N (1 << 17)
static u8 text[N];
static u32 skip[256];
static i32 fail[32];

NOINLINE static u32 scan(const u8 *needle, u32 len) {
    u32 count = 0;
    for (u32 i = 0; i + len <= N; i++) {
        if (text[i] != needle[0]) continue;
        u32 k = 1;
        while (k < len && text[i + k] == needle[k]) k++;
        count += k == len;
    }
    return count;
}

NOINLINE static u32 horspool(const u8 *needle, u32 len) {
    u32 count = 0;
    for (int i = 0; i < 256; i++) skip[i] = len;
    for (u32 i = 0; i + 1 < len; i++) skip[needle[i]] = len - 1 - i;
    for (u32 i = 0; i + len <= N; i += skip[text[i + len - 1]]) {
        u32 k = len;
        while (k > 0 && text[i + k - 1] == needle[k - 1]) k--;
        count += k == 0;
    }
    return count;
}

NOINLINE static u32 kmp(const u8 *needle, i32 len) {
    u32 count = 0;
    fail[0] = -1;
    for (i32 i = 0, k = -1; i < len;) {
        while (k >= 0 && needle[i] != needle[k]) k = fail[k];
        fail[++i] = ++k;
    }
    i32 k = 0;
    for (u32 i = 0; i < N; i++) {
        while (k >= 0 && text[i] != needle[k]) k = fail[k];
        if (++k == len) count++, k = fail[k];
    }
    return count;
}

EXPORT(run) i64 run(i32 scale) {
    static const u8 needles[3][8] = {"abacabad", "dcbaabcd", "ccccdddd"};
    u32 seed = 23;
    i64 sum = 0;
    for (int i = 0; i < N; i++) text[i] = "abcd"[next(&seed) >> 9 & 3];
    for (int round = 0; round < scale * 16; round++) {
        const u8 *needle = needles[round % 3];
        text[next(&seed) % N] = 'a';
        sum = sum * 31 + scan(needle, 8) * 3 + horspool(needle, 8) * 2 + kmp(needle, 8);
    }
    return sum;
}
