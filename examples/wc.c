// Counts lines, words and bytes of files, or of standard input.
//
//   pronto --dir .:ro examples/wc.wasm README.md
//
// Built by examples/build.sh.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct counts {
    unsigned long lines, words, bytes;
};

static struct counts count(FILE *file) {
    struct counts counts = {0, 0, 0};
    int in_word = 0, c;
    while ((c = getc(file)) != EOF) {
        counts.bytes++;
        counts.lines += c == '\n';
        counts.words += !isspace(c) && !in_word;
        in_word = !isspace(c);
    }
    return counts;
}

static void print(struct counts counts, const char *name) {
    printf("%7lu %7lu %7lu %s\n", counts.lines, counts.words, counts.bytes, name);
}

int main(int argc, char **argv) {
    int status = 0;
    if (argc < 2)
        print(count(stdin), "");
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "r");
        if (file == NULL) {
            fprintf(stderr, "wc: %s: %s\n", argv[i], strerror(errno));
            status = 1;
            continue;
        }
        print(count(file), argv[i]);
        fclose(file);
    }
    return status;
}
