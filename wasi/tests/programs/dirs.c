// Directories and links as wasi-libc has them.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANY = 700 };

static void entries(void) {
    CHECK(mkdir("many", 0777) == 0);
    FAILS(mkdir("many", 0777), EEXIST);
    char name[40];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "many/entry-%d", i);
        CHECK(close(open(name, O_CREAT | O_WRONLY)) == 0);
    }
    static int seen[MANY];
    static long places[MANY + 3];
    DIR *dir = opendir("many");
    CHECK(dir != NULL);
    struct dirent *entry;
    int count = 0, dots = 0;
    for (errno = 0; (places[count] = telldir(dir), entry = readdir(dir)) != NULL; count++) {
        int number;
        if (entry->d_name[0] == '.') {
            dots++;
            CHECK(entry->d_type == DT_DIR);
        } else {
            CHECK(sscanf(entry->d_name, "entry-%d", &number) == 1 && !seen[number]++);
            CHECK(entry->d_type == DT_REG && entry->d_ino != 0);
        }
    }
    CHECK(errno == 0 && count == MANY + 2 && dots == 2);
    rewinddir(dir);
    for (count = 0; readdir(dir) != NULL; count++) {
    }
    CHECK(count == MANY + 2);
    seekdir(dir, places[MANY]);
    for (count = 0; readdir(dir) != NULL; count++) {
    }
    CHECK(count == 2);
    CHECK(closedir(dir) == 0);

    // Removing everything, while listing it.
    dir = opendir("many");
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            CHECK(unlinkat(dirfd(dir), entry->d_name, 0) == 0);
    CHECK(closedir(dir) == 0);
    CHECK(rmdir("many/") == 0);
    FAILS(rmdir("many"), ENOENT);
}

static void trees(void) {
    CHECK(mkdir("a", 0777) == 0 && mkdir("a/b", 0777) == 0 && mkdir("a/b/c/", 0777) == 0);
    FAILS(mkdir("none/b", 0777), ENOENT);
    FAILS(rmdir("a"), ENOTEMPTY);
    FAILS(unlink("a/b"), EISDIR);
    CHECK(close(open("a/b/c/file", O_CREAT | O_WRONLY)) == 0);
    CHECK(access("a/./b/../b//c/file", F_OK) == 0);
    FAILS(rename("a", "a/b/inside"), EINVAL);
    CHECK(mkdir("other", 0777) == 0);
    FAILS(rename("other", "a/b/c/file"), ENOTDIR);
    FAILS(rename("a/b/c/file", "other"), EISDIR);
    CHECK(rmdir("other") == 0);
    CHECK(rename("a/b", "d") == 0 && access("d/c/file", F_OK) == 0);
    CHECK(rename("d/c/file", "file") == 0);
    CHECK(mkdir("empty", 0777) == 0 && rename("d/c", "empty") == 0);
    CHECK(rmdir("empty") == 0 && rmdir("d") == 0 && rmdir("a") == 0);
    FAILS(rmdir("file"), ENOTDIR);
    CHECK(opendir("file") == NULL && errno == ENOTDIR);
    CHECK(opendir("none") == NULL && errno == ENOENT);
}

static void links(void) {
    struct stat stat_buf, link_buf;
    CHECK(symlink("file", "soft") == 0 && link("file", "hard") == 0);
    FAILS(symlink("file", "soft"), EEXIST);
    CHECK(stat("soft", &stat_buf) == 0 && S_ISREG(stat_buf.st_mode) && stat_buf.st_nlink == 2);
    CHECK(lstat("soft", &link_buf) == 0 && S_ISLNK(link_buf.st_mode));
    CHECK(lstat("hard", &link_buf) == 0 && link_buf.st_ino == stat_buf.st_ino);
    char target[10] = "----------";
    CHECK(readlink("soft", target, sizeof target) == 4 && memcmp(target, "file--", 6) == 0);
    CHECK(readlink("soft", target, 2) == 2);
    FAILS(readlink("file", target, sizeof target), EINVAL);
    FAILS(open("soft", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK(symlink("around", "around") == 0);
    FAILS(open("around", O_RDONLY), ELOOP);
    // Out of what was given, there is nothing.
    CHECK(symlink("../../../../etc", "out") == 0);
    FAILS(open("out/passwd", O_RDONLY), EPERM);
    FAILS(symlink("/etc", "absolute"), EPERM);
    FAILS(link("/etc/passwd", "stolen"), ENOENT);
    CHECK(unlink("soft") == 0 && unlink("hard") == 0 && unlink("around") == 0);
    CHECK(unlink("out") == 0 && unlink("file") == 0);
}

int main(void) {
    entries();
    trees();
    links();
    return 0;
}
