// Traps two calls deep, and has the debugging information to say where.

static volatile int zero;

namespace shop {
struct Till {
    int each(int total, int customers) {
        return total / customers;
    }
};
}

static __attribute__((noinline)) int share(int total) {
    return shop::Till().each(total, zero);
}

extern "C" __attribute__((export_name("_start"))) void start() {
    zero = share(7);
}
