// A JSON parser with a state per nesting level: byte dispatch, number parsing, a hash of strings.
#include "kernel.h"

#define N 60000
static u8 text[N + 256];
static const u8 *p;

static void space(void) {
    while (*p == ' ' || *p == '\n' || *p == ',' || *p == ':') p++;
}

NOINLINE static u64 value(int depth) {
    space();
    u64 h = depth + 1;
    switch (*p) {
    case '{':
        for (p++, space(); *p != '}'; space()) h = h * 31 + value(depth + 1) * 7 + value(depth + 1);
        p++;
        return h;
    case '[':
        for (p++, space(); *p != ']'; space()) h = h * 33 + value(depth + 1);
        p++;
        return h;
    case '"':
        for (p++; *p != '"'; p++) {
            if (*p == '\\') p++;
            h = (h ^ *p) * 0x100000001b3;
        }
        p++;
        return h;
    case 't': p += 4; return 3;
    case 'f': p += 5; return 5;
    case 'n': p += 4; return 7;
    default: {
        i64 n = 0, sign = 1;
        if (*p == '-') sign = -1, p++;
        while (*p >= '0' && *p <= '9') n = n * 10 + (*p++ - '0');
        if (*p == '.') {
            f64 x = (f64)n, unit = 0.1;
            for (p++; *p >= '0' && *p <= '9'; unit *= 0.1) x += unit * (*p++ - '0');
            return (u64)(i64)(x * 1000) * sign;
        }
        return (u64)(n * sign);
    }
    }
}

static u8 *put(u8 *out, const char *s) {
    while (*s) *out++ = *s++;
    return out;
}

static u8 *put_number(u8 *out, u32 n) {
    if (n >= 10) out = put_number(out, n / 10);
    *out++ = '0' + n % 10;
    return out;
}

EXPORT(run) i64 run(i32 scale) {
    u32 seed = 31;
    u8 *out = put(text, "[");
    while (out < text + N) {
        u32 r = next(&seed);
        out = put_number(put(out, "{\"id\": "), r >> 16);
        out = put_number(put(put(out, r & 1 ? ", \"ratio\": -" : ", \"ratio\": "), "3."), r & 1023);
        out = put(out, r & 2 ? ", \"name\": \"a \\\"quoted\\\" name\", \"on\": true" : ", \"name\": null, \"tags\": [\"x\", \"yy\", []]");
        out = put(out, "},\n");
    }
    put(out, "]");
    u64 sum = 0;
    for (int round = 0; round < scale * 240; round++) {
        p = text;
        sum = sum * 31 + value(0);
    }
    return (i64)sum;
}
