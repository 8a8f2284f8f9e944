#!/bin/sh
# Builds the examples that are written in C. Needs clang, wasm-ld and wasi-libc
# (Debian: clang lld wasi-libc libclang-rt-dev-wasm32).
set -eu
cd "$(dirname "$0")"
for source in *.c; do
    clang --target=wasm32-wasi -O2 -Wall -Wextra -Werror -Wl,--strip-debug \
        "$source" -o "${source%.c}.wasm"
done
