typedef unsigned char u8;
extern volatile u8 port;

static u8 parity(u8 x) {
    u8 odd = 0;
    for (; x; x &= x - 1) odd ^= 1;
    return odd;
}

int main(void) {
    for (u8 i = 0;; i++) port = parity(i) ? i : (u8)~i;
}
