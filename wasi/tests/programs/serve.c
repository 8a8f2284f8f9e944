// Answers one connection of the listener that it is given as descriptor 3, in capitals.
#include "check.h"
#include <ctype.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    CHECK(fcntl(3, F_SETFL, O_NONBLOCK) == 0);
    FAILS(accept(3, NULL, NULL), EAGAIN);
    CHECK(fcntl(3, F_SETFL, 0) == 0);
    CHECK(puts("listening") >= 0 && fflush(stdout) == 0);
    int fd = accept(3, NULL, NULL);
    CHECK(fd >= 0);
    char buf[100];
    ssize_t len = recv(fd, buf, sizeof buf, MSG_PEEK);
    CHECK(len > 0);
    while ((len = recv(fd, buf, sizeof buf, 0)) > 0) {
        for (ssize_t i = 0; i < len; i++)
            buf[i] = toupper((unsigned char)buf[i]);
        CHECK(send(fd, buf, len, 0) == len);
    }
    CHECK(len == 0 && shutdown(fd, SHUT_WR) == 0 && close(fd) == 0);
    FAILS(recv(1, buf, 1, 0), ENOTSOCK);
    FAILS(shutdown(77, SHUT_RD), EBADF);
    return 0;
}
