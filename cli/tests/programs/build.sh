#!/bin/sh
# Builds the program. Needs clang and wasm-ld (Debian: clang lld).
set -eu
cd "$(dirname "$0")"
clang --target=wasm32 -nostdlib -O1 -g -fdebug-compilation-dir=/src -Wl,--no-entry trap.cc -o trap.wasm
