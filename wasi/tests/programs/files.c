// Files as wasi-libc has them: opening, appending, truncating, seeking, syncing.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void opening(void) {
    FAILS(open("file", O_RDONLY), ENOENT);
    int fd = open("file", O_CREAT | O_EXCL | O_RDWR);
    CHECK(fd >= 0);
    FAILS(open("file", O_CREAT | O_EXCL | O_RDWR), EEXIST);
    CHECK(write(fd, "0123456789", 10) == 10);
    CHECK(close(fd) == 0);
    FAILS(close(fd), EBADF);

    fd = open("file", O_RDONLY);
    char buf[20];
    CHECK(read(fd, buf, sizeof buf) == 10 && memcmp(buf, "0123456789", 10) == 0);
    CHECK(read(fd, buf, sizeof buf) == 0);
    FAILS(write(fd, "x", 1), EBADF);
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    CHECK(close(fd) == 0);

    fd = open("file", O_WRONLY);
    FAILS(read(fd, buf, 1), EBADF);
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY);
    CHECK(close(fd) == 0);

    FAILS(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    FAILS(open("file/", O_RDONLY), ENOTDIR);
    FAILS(open("file/x", O_RDONLY), ENOTDIR);
    FAILS(open(".", O_WRONLY), EISDIR);
    FAILS(open(".", O_RDWR), EISDIR);
}

static void appending(void) {
    int fd = open("file", O_WRONLY | O_APPEND);
    CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_APPEND));
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "ab", 2) == 2);
    CHECK(lseek(fd, 0, SEEK_CUR) == 12);
    CHECK(fcntl(fd, F_SETFL, 0) == 0 && !(fcntl(fd, F_GETFL) & O_APPEND));
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "cd", 2) == 2);
    CHECK(close(fd) == 0);
    struct stat stat_buf;
    CHECK(stat("file", &stat_buf) == 0 && stat_buf.st_size == 12 && S_ISREG(stat_buf.st_mode));
}

static void truncating(void) {
    int fd = open("file", O_RDWR | O_TRUNC);
    struct stat stat_buf;
    CHECK(fstat(fd, &stat_buf) == 0 && stat_buf.st_size == 0);
    CHECK(ftruncate(fd, 5) == 0 && lseek(fd, 0, SEEK_END) == 5);
    char buf[5] = "xxxxx";
    CHECK(pread(fd, buf, 5, 0) == 5 && memcmp(buf, "\0\0\0\0\0", 5) == 0);
    FAILS(ftruncate(fd, -1), EINVAL);
    CHECK(truncate("file", 3) == 0 && lseek(fd, 0, SEEK_END) == 3);
    CHECK(close(fd) == 0);
}

static void seeking(void) {
    int fd = open("file", O_RDWR | O_TRUNC);
    CHECK(lseek(fd, 1000, SEEK_SET) == 1000 && write(fd, "end", 3) == 3);
    CHECK(lseek(fd, -3, SEEK_END) == 1000 && lseek(fd, 2, SEEK_CUR) == 1002);
    FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
    FAILS(lseek(fd, 0, 99), EINVAL);
    CHECK(lseek(fd, 1, SEEK_END) == 1004);
    char a[4], b[4];
    struct iovec in[2] = {{a, 2}, {b, 4}};
    CHECK(lseek(fd, 999, SEEK_SET) == 999 && readv(fd, in, 2) == 4);
    CHECK(a[0] == 0 && a[1] == 'e' && memcmp(b, "nd", 2) == 0);
    struct iovec out[3] = {{"one", 3}, {"", 0}, {"two", 3}};
    CHECK(pwritev(fd, out, 3, 2) == 6 && lseek(fd, 0, SEEK_CUR) == 1003);
    CHECK(pwrite(fd, "T", 1, 5) == 1 && pread(fd, a, 3, 5) == 3 && memcmp(a, "Two", 3) == 0);
    FAILS(pread(fd, a, 1, -1), EINVAL);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    CHECK(posix_fallocate(fd, 0, 2000) == 0 && lseek(fd, 0, SEEK_END) == 2000);
    CHECK(close(fd) == 0);
}

static void times(void) {
    struct timespec times[2] = {{1000, 5}, {2000, 7}};
    CHECK(utimensat(AT_FDCWD, "file", times, 0) == 0);
    struct stat stat_buf;
    CHECK(stat("file", &stat_buf) == 0);
    CHECK(stat_buf.st_atim.tv_sec == 1000 && stat_buf.st_atim.tv_nsec == 5);
    CHECK(stat_buf.st_mtim.tv_sec == 2000 && stat_buf.st_mtim.tv_nsec == 7);
    int fd = open("file", O_RDWR);
    times[0].tv_nsec = UTIME_NOW;
    CHECK(futimens(fd, times) == 0 && fstat(fd, &stat_buf) == 0);
    CHECK(stat_buf.st_atim.tv_sec > 1000000000 && stat_buf.st_mtim.tv_sec == 2000);
    CHECK(close(fd) == 0);
}

static void streams(void) {
    FILE *file = fopen("stream", "w+x");
    CHECK(file != NULL && fopen("stream", "wx") == NULL && errno == EEXIST);
    for (int i = 0; i < 5000; i++)
        CHECK(fprintf(file, "line %d\n", i) > 0);
    CHECK(fseek(file, 0, SEEK_SET) == 0);
    char line[100], expected[100];
    for (int i = 0; i < 5000; i++) {
        snprintf(expected, sizeof expected, "line %d\n", i);
        CHECK(fgets(line, sizeof line, file) != NULL && strcmp(line, expected) == 0);
    }
    CHECK(fgets(line, sizeof line, file) == NULL && feof(file));
    CHECK(fclose(file) == 0);
    file = fopen("stream", "a+");
    CHECK(fputs("more", file) >= 0 && fflush(file) == 0);
    CHECK(fseek(file, -4, SEEK_END) == 0 && fread(line, 1, 10, file) == 4);
    CHECK(memcmp(line, "more", 4) == 0 && fclose(file) == 0);
    CHECK(rename("stream", "moved") == 0 && access("stream", F_OK) == -1 && errno == ENOENT);
    CHECK(access("moved", R_OK | W_OK) == 0);
    CHECK(remove("moved") == 0 && remove("file") == 0);
    FAILS(unlink("file"), ENOENT);
}

// In a directory that may only be read.
static void read_only(void) {
    struct stat stat_buf;
    CHECK(stat("given", &stat_buf) == 0 && stat_buf.st_size == 5);
    int fd = open("given", O_RDONLY);
    char buf[10];
    CHECK(fd >= 0 && read(fd, buf, sizeof buf) == 5);
    FAILS(open("given", O_WRONLY), EPERM);
    FAILS(open("given", O_RDWR), EPERM);
    FAILS(open("given", O_RDONLY | O_TRUNC), EPERM);
    FAILS(open("new", O_CREAT | O_RDWR), EPERM);
    FAILS(unlink("given"), EPERM);
    FAILS(rename("given", "new"), EPERM);
    FAILS(mkdir("new", 0777), EPERM);
    FAILS(symlink("given", "new"), EPERM);
    CHECK(fopen("given", "a") == NULL && errno == EPERM);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "read-only") == 0) {
        read_only();
        return 0;
    }
    opening();
    appending();
    truncating();
    seeking();
    times();
    streams();
    return 0;
}
