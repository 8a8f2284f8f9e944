#!/bin/sh
# Builds the programs. Needs clang, wasm-ld and wasi-libc (Debian: clang lld wasi-libc
# libclang-rt-dev-wasm32), and Rust's target wasm32-wasip1.
set -eu
cd "$(dirname "$0")"
for source in *.c; do
    clang --target=wasm32-wasi -O1 -Wall -Wextra -Werror -Wl,--strip-all \
        "$source" -o "${source%.c}.wasm"
done
rustc --edition 2024 --target wasm32-wasip1 -C opt-level=s -C strip=symbols -C panic=abort \
    std.rs -o std.wasm
