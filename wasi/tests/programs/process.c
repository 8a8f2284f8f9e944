// Everything that is not a file: arguments, environment, clocks, streams, waiting, the end.
#include "check.h"
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void given(int argc, char **argv) {
    CHECK(argc == 4 && argv[4] == NULL);
    CHECK(strcmp(argv[0], "process") == 0 && strcmp(argv[1], "") == 0);
    CHECK(strcmp(argv[2], "two words") == 0 && strcmp(argv[3], "\xc3\xbc") == 0);
    CHECK(strcmp(getenv("NAME"), "a=b") == 0 && strcmp(getenv("EMPTY"), "") == 0);
    CHECK(getenv("PATH") == NULL && environ[2] == NULL);
}

static double seconds(clockid_t clock) {
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static void clocks(void) {
    struct timespec resolution;
    CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_nsec > 0);
    CHECK(clock_getres(CLOCK_REALTIME, &resolution) == 0 && resolution.tv_nsec > 0);
    CHECK(time(NULL) > 1600000000);
    double start = seconds(CLOCK_MONOTONIC);
    struct timespec wait = {0, 20000000};
    CHECK(nanosleep(&wait, NULL) == 0);
    CHECK(seconds(CLOCK_MONOTONIC) - start >= 0.02);
    struct timespec due;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &due) == 0);
    due.tv_nsec += 1000000;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == 0);
    CHECK(sched_yield() == 0);
    unsigned char random[256] = {0}, zero[256] = {0};
    CHECK(getentropy(random, sizeof random) == 0 && memcmp(random, zero, sizeof zero) != 0);
}

static void streams(void) {
    CHECK(!isatty(0) && errno == ENOTTY && !isatty(1) && !isatty(2));
    struct pollfd fds[3] = {{0, POLLRDNORM, 0}, {1, POLLWRNORM, 0}, {77, POLLRDNORM, 0}};
    CHECK(poll(fds, 2, 1000) == 2);
    CHECK((fds[0].revents & POLLRDNORM) && (fds[1].revents & POLLWRNORM));
    CHECK(poll(fds, 3, 1000) == 3 && (fds[2].revents & POLLNVAL));
    char line[100];
    CHECK(fgets(line, sizeof line, stdin) != NULL && strcmp(line, "first line\n") == 0);
    CHECK(scanf("%s", line) == 1 && strcmp(line, "second") == 0);
    CHECK(printf("read: %s\n", line) > 0 && fprintf(stderr, "an error\n") > 0);
    FAILS(lseek(0, 0, SEEK_CUR), ESPIPE);
}

static void at_exit(void) {
    CHECK(write(1, "at exit\n", 8) == 8);
}

int main(int argc, char **argv) {
    given(argc, argv);
    clocks();
    streams();
    CHECK(atexit(at_exit) == 0);
    exit(42);
}
