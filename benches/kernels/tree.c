// A heap of its own (size classes, free lists) under an unbalanced search tree that is built, searched and torn down.
#include "kernel.h"

typedef struct Node Node;
struct Node { Node *left, *right; u32 key, count; u32 payload[]; };

static u8 heap[1 << 22];
static void *classes[16];
static u32 top;

NOINLINE static void *alloc(u32 size) {
    u32 class = (size + 15) >> 4;
    void *p = classes[class];
    if (p) {
        classes[class] = *(void **)p;
        return p;
    }
    p = heap + top;
    top += class << 4;
    return p;
}

NOINLINE static void release(void *p, u32 size) {
    u32 class = (size + 15) >> 4;
    *(void **)p = classes[class];
    classes[class] = p;
}

static u32 node_size(u32 key) { return sizeof(Node) + (key & 7) * 4; }

NOINLINE static Node *insert(Node *root, u32 key) {
    Node **at = &root;
    while (*at) {
        if (key == (*at)->key) {
            (*at)->count++;
            return root;
        }
        at = key < (*at)->key ? &(*at)->left : &(*at)->right;
    }
    Node *n = alloc(node_size(key));
    *n = (Node){0, 0, key, 1};
    for (u32 i = 0; i < (key & 7); i++) n->payload[i] = key + i;
    *at = n;
    return root;
}

NOINLINE static u64 sum(const Node *n, u32 depth) {
    if (!n) return depth;
    u64 s = (u64)n->key * n->count;
    for (u32 i = 0; i < (n->key & 7); i++) s ^= n->payload[i];
    return s + sum(n->left, depth + 1) * 3 + sum(n->right, depth + 1) * 5;
}

NOINLINE static void drop(Node *n) {
    if (!n) return;
    drop(n->left);
    drop(n->right);
    release(n, node_size(n->key));
}

EXPORT(run) i64 run(i32 scale) {
    u32 seed = 1234;
    u64 total = 0;
    for (int round = 0; round < scale * 30; round++) {
        Node *root = 0;
        for (int i = 0; i < 8000; i++) root = insert(root, next(&seed) >> 18);
        total = total * 31 + sum(root, 0);
        drop(root);
    }
    return (i64)total;
}
