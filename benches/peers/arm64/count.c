// A plug-in of QEMU's user emulation that counts the instructions which the program executes.
//
//   qemu-aarch64 -plugin libcount.so,out=FILE[,hot=FILE] PROGRAM
//
// At each system call numbered MARK, FILE is overwritten with the count so far, for the program to read. With `hot`, the
// blocks that were executed most since the mark before are appended to that file, disassembled.
//
// The declarations are those of QEMU's plug-in interface, version 1 (QEMU 4.2 to 8.2), as distributions ship no header.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK 0x50726f6e

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, void (*)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                              uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

// A translated block. Never freed: the emulator may translate a block again, and then there are two.
struct block {
    struct block *next;
    uint64_t addr, insns;
    uint64_t runs, runs_before;
    char **text;
};

static struct block *blocks;
static const char *out, *hot;
static bool marked;

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        abort();
    block->addr = qemu_plugin_tb_vaddr(tb);
    block->insns = qemu_plugin_tb_n_insns(tb);
    // Only what runs between marks is looked at, and that is translated behind the first.
    if (hot && marked) {
        block->text = calloc(block->insns, sizeof *block->text);
        for (size_t i = 0; block->text && i < block->insns; i++)
            block->text[i] = qemu_plugin_insn_disas(qemu_plugin_tb_get_insn(tb, i));
    }
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &block->runs, 1);
}

static uint64_t executed(const struct block *block)
{
    return (block->runs - block->runs_before) * block->insns;
}

static int by_count(const void *a, const void *b)
{
    uint64_t x = executed(*(struct block *const *)a), y = executed(*(struct block *const *)b);
    return (x < y) - (x > y);
}

// Appends the blocks that make up nine tenths of what was executed since the last mark.
static void list(void)
{
    size_t count = 0;
    uint64_t total = 0, listed = 0;
    for (struct block *block = blocks; block; block = block->next) {
        count++;
        total += executed(block);
    }
    struct block **sorted = malloc(count * sizeof *sorted);
    FILE *file = fopen(hot, "a");
    if (!sorted || !file)
        abort();
    count = 0;
    for (struct block *block = blocks; block; block = block->next)
        sorted[count++] = block;
    qsort(sorted, count, sizeof *sorted, by_count);
    fprintf(file, "=== %llu instructions\n", (unsigned long long)total);
    for (size_t at = 0; at < count && listed < total / 10 * 9; at++) {
        struct block *block = sorted[at];
        listed += executed(block);
        fprintf(file, "%5.2f %% %llx\n", 100.0 * executed(block) / total, (unsigned long long)block->addr);
        for (size_t i = 0; block->text && i < block->insns; i++)
            fprintf(file, "        %s\n", block->text[i]);
    }
    fclose(file);
    free(sorted);
}

static void called(plugin_id id, unsigned cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                   uint64_t f, uint64_t g, uint64_t h)
{
    if (number != MARK)
        return;
    uint64_t total = 0;
    if (hot && marked)
        list();
    for (struct block *block = blocks; block; block = block->next) {
        total += block->runs * block->insns;
        block->runs_before = block->runs;
    }
    marked = true;
    FILE *file = fopen(out, "w");
    if (!file)
        abort();
    fprintf(file, "%llu", (unsigned long long)total);
    fclose(file);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4))
            out = strdup(argv[i] + 4);
        else if (!strncmp(argv[i], "hot=", 4))
            hot = strdup(argv[i] + 4);
    }
    if (!out) {
        fprintf(stderr, "the plug-in wants out=FILE\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
