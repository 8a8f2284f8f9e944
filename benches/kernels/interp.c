// A register bytecode interpreter: one big switch in a loop (br_table).
#include "kernel.h"

enum { LOADI, MOV, ADD, SUB, MUL, AND, XOR, SHL, SHR, ADDI, LT, JNZ, JMP, LOAD, STORE, ROTL, NEG, DIVI, CALL, RET, HALT };
typedef struct { u8 op, a, b, c; i32 imm; } Ins;

// Sums a hash over a small array, calling a subroutine per element.
static const Ins program[] = {
    {LOADI, 0, 0, 0, 0},       // i = 0
    {LOADI, 1, 0, 0, 1},       // h = 1
    {LOADI, 2, 0, 0, 1000},    // n
    {ADDI, 3, 0, 0, 63},       // 3: loop
    {LOADI, 4, 0, 0, 255},
    {AND, 3, 3, 4, 0},
    {LOAD, 5, 3, 0, 0},        // x = mem[i + 63 & 255]
    {CALL, 0, 0, 0, 17},
    {ADD, 1, 1, 5, 0},
    {STORE, 1, 3, 0, 0},
    {SHR, 6, 1, 0, 5},
    {XOR, 1, 1, 6, 0},
    {ADDI, 0, 0, 0, 1},
    {LT, 7, 0, 2, 0},
    {JNZ, 7, 0, 0, 3},
    {MOV, 0, 1, 0, 0},
    {HALT, 0, 0, 0, 0},
    {MUL, 5, 5, 1, 0},         // 17: subroutine
    {SHL, 6, 5, 0, 3},
    {SUB, 5, 6, 5, 0},
    {ROTL, 5, 5, 0, 11},
    {DIVI, 6, 5, 0, 13},
    {NEG, 6, 6, 0, 0},
    {XOR, 5, 5, 6, 0},
    {LT, 6, 5, 1, 0},
    {JNZ, 6, 0, 0, 27},
    {ADDI, 5, 5, 0, 77},
    {RET, 0, 0, 0, 0},
};
static u32 regs[16], mem[256];
static const Ins *stack[64];

NOINLINE static u32 interpret(const Ins *code) {
    const Ins *pc = code;
    int sp = 0;
    for (;;) {
        const Ins *i = pc++;
        switch (i->op) {
        case LOADI: regs[i->a] = i->imm; break;
        case MOV: regs[i->a] = regs[i->b]; break;
        case ADD: regs[i->a] = regs[i->b] + regs[i->c]; break;
        case SUB: regs[i->a] = regs[i->b] - regs[i->c]; break;
        case MUL: regs[i->a] = regs[i->b] * regs[i->c]; break;
        case AND: regs[i->a] = regs[i->b] & regs[i->c]; break;
        case XOR: regs[i->a] = regs[i->b] ^ regs[i->c]; break;
        case SHL: regs[i->a] = regs[i->b] << i->imm; break;
        case SHR: regs[i->a] = regs[i->b] >> i->imm; break;
        case ADDI: regs[i->a] = regs[i->b] + i->imm; break;
        case LT: regs[i->a] = regs[i->b] < regs[i->c]; break;
        case JNZ: if (regs[i->a]) pc = code + i->imm; break;
        case JMP: pc = code + i->imm; break;
        case LOAD: regs[i->a] = mem[regs[i->b] & 255]; break;
        case STORE: mem[regs[i->b] & 255] = regs[i->a]; break;
        case ROTL: regs[i->a] = rotl32(regs[i->b], i->imm); break;
        case NEG: regs[i->a] = -regs[i->b]; break;
        case DIVI: regs[i->a] = regs[i->b] / (u32)i->imm; break;
        case CALL: stack[sp++ & 63] = pc; pc = code + i->imm; break;
        case RET: pc = stack[--sp & 63]; break;
        default: return regs[0];
        }
    }
}

EXPORT(run) i64 run(i32 scale) {
    i64 sum = 0;
    for (u32 i = 0; i < 256; i++) mem[i] = i * 2654435761u;
    for (int round = 0; round < scale * 600; round++) sum = sum * 31 + interpret(program);
    return sum;
}
