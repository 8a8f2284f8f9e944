;; Integer arithmetic without traps.
(module
  (func $i32.add (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func $i32.sub (param i32 i32) (result i32)
    (i32.sub (local.get 0) (local.get 1)))
  (func $i32.mul (param i32 i32) (result i32)
    (i32.mul (local.get 0) (local.get 1)))
  (func $i32.and (param i32 i32) (result i32)
    (i32.and (local.get 0) (local.get 1)))
  (func $i32.or (param i32 i32) (result i32)
    (i32.or (local.get 0) (local.get 1)))
  (func $i32.xor (param i32 i32) (result i32)
    (i32.xor (local.get 0) (local.get 1)))
  (func $i64.add (param i64 i64) (result i64)
    (i64.add (local.get 0) (local.get 1)))
  (func $i64.sub (param i64 i64) (result i64)
    (i64.sub (local.get 0) (local.get 1)))
  (func $i64.mul (param i64 i64) (result i64)
    (i64.mul (local.get 0) (local.get 1)))
  (func $i64.and (param i64 i64) (result i64)
    (i64.and (local.get 0) (local.get 1)))
  (func $i64.or (param i64 i64) (result i64)
    (i64.or (local.get 0) (local.get 1)))
  (func $i64.xor (param i64 i64) (result i64)
    (i64.xor (local.get 0) (local.get 1)))
  (func $i32.add_const (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 5)))
  (func $i64.add_big_const (param i64) (result i64)
    (i64.add (local.get 0) (i64.const 0x123456789abc)))
  (func $i64.sub_const (param i64) (result i64)
    (i64.sub (local.get 0) (i64.const 4096)))
  (func $const_minus (param i32) (result i32)
    (i32.sub (i32.const 7) (local.get 0)))
  (func $i32.mul_8 (param i32) (result i32)
    (i32.mul (local.get 0) (i32.const 8)))
  (func $i64.and_mask (param i64) (result i64)
    (i64.and (local.get 0) (i64.const 0xff)))
  (func $same (param i32) (result i32)
    (i32.mul (local.get 0) (local.get 0)))
  (func $in_place (param i32 i32)
    (local.set 0 (i32.add (local.get 0) (local.get 1))))
)

;; amd64:
;; $i32.add
;;      lea eax, [r8+rdi]
;;      add rsp, 0x18
;;      ret
;; $i32.sub
;;      mov eax, r8d
;;      sub eax, edi
;;      add rsp, 0x18
;;      ret
;; $i32.mul
;;      mov eax, r8d
;;      imul eax, edi
;;      add rsp, 0x18
;;      ret
;; $i32.and
;;      mov eax, r8d
;;      and eax, edi
;;      add rsp, 0x18
;;      ret
;; $i32.or
;;      mov eax, r8d
;;      or eax, edi
;;      add rsp, 0x18
;;      ret
;; $i32.xor
;;      mov eax, r8d
;;      xor eax, edi
;;      add rsp, 0x18
;;      ret
;; $i64.add
;;      lea rax, [r8+rdi]
;;      add rsp, 0x18
;;      ret
;; $i64.sub
;;      mov rax, r8
;;      sub rax, rdi
;;      add rsp, 0x18
;;      ret
;; $i64.mul
;;      mov rax, r8
;;      imul rax, rdi
;;      add rsp, 0x18
;;      ret
;; $i64.and
;;      mov rax, r8
;;      and rax, rdi
;;      add rsp, 0x18
;;      ret
;; $i64.or
;;      mov rax, r8
;;      or rax, rdi
;;      add rsp, 0x18
;;      ret
;; $i64.xor
;;      mov rax, r8
;;      xor rax, rdi
;;      add rsp, 0x18
;;      ret
;; $i32.add_const
;;      lea eax, [r8+5]
;;      add rsp, 0x18
;;      ret
;; $i64.add_big_const
;;      mov rax, 0x123456789abc
;;      add rax, r8
;;      add rsp, 0x18
;;      ret
;; $i64.sub_const
;;      lea rax, [r8-0x1000]
;;      add rsp, 0x18
;;      ret
;; $const_minus
;;      mov eax, 7
;;      sub eax, r8d
;;      add rsp, 0x18
;;      ret
;; $i32.mul_8
;;      mov eax, r8d
;;      shl eax, 3
;;      add rsp, 0x18
;;      ret
;; $i64.and_mask
;;      movzx eax, r8b
;;      add rsp, 0x18
;;      ret
;; $same
;;      mov eax, r8d
;;      imul eax, r8d
;;      add rsp, 0x18
;;      ret
;; $in_place
;;      add r8d, edi
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $i32.add
;;      add w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.sub
;;      sub w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.mul
;;      mul w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.and
;;      and w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.or
;;      orr w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.xor
;;      eor w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.add
;;      add x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.sub
;;      sub x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.mul
;;      mul x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.and
;;      and x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.or
;;      orr x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.xor
;;      eor x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.add_const
;;      add w0, w1, #0x5
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.add_big_const
;;      mov x0, #0x9abc
;;      movk x0, #0x5678, lsl #16
;;      movk x0, #0x1234, lsl #32
;;      add x0, x1, x0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.sub_const
;;      sub x0, x1, #0x1, lsl #12
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $const_minus
;;      mov w0, #0x7
;;      sub w0, w0, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.mul_8
;;      lsl w0, w1, #0x3
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.and_mask
;;      and x0, x1, #0xff
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $same
;;      mul w0, w1, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $in_place
;;      add w2, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
