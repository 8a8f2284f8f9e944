// A tight loop of double arithmetic whose whole state is locals.
#include "kernel.h"

EXPORT(run) i64 run(i32 scale) {
    const int width = 256, height = 256 * scale;
    i64 sum = 0;
    for (int py = 0; py < height; py++) {
        for (int px = 0; px < width; px++) {
            f64 cx = px * (3.0 / 256) - 2.25, cy = (py & 255) * (2.5 / 256) - 1.25;
            f64 x = 0, y = 0;
            int n = 0;
            while (n < 200 && x * x + y * y < 4.0) {
                f64 t = x * x - y * y + cx;
                y = 2 * x * y + cy;
                x = t;
                n++;
            }
            sum += n;
        }
    }
    return sum;
}
