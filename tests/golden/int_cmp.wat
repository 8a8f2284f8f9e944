;; Integer comparisons as values; see branch.wat for conditions.
(module
  (func $i32.eq (param i32 i32) (result i32)
    (i32.eq (local.get 0) (local.get 1)))
  (func $i32.ne (param i32 i32) (result i32)
    (i32.ne (local.get 0) (local.get 1)))
  (func $i32.lt_s (param i32 i32) (result i32)
    (i32.lt_s (local.get 0) (local.get 1)))
  (func $i32.lt_u (param i32 i32) (result i32)
    (i32.lt_u (local.get 0) (local.get 1)))
  (func $i32.gt_s (param i32 i32) (result i32)
    (i32.gt_s (local.get 0) (local.get 1)))
  (func $i32.gt_u (param i32 i32) (result i32)
    (i32.gt_u (local.get 0) (local.get 1)))
  (func $i32.le_s (param i32 i32) (result i32)
    (i32.le_s (local.get 0) (local.get 1)))
  (func $i32.le_u (param i32 i32) (result i32)
    (i32.le_u (local.get 0) (local.get 1)))
  (func $i32.ge_s (param i32 i32) (result i32)
    (i32.ge_s (local.get 0) (local.get 1)))
  (func $i32.ge_u (param i32 i32) (result i32)
    (i32.ge_u (local.get 0) (local.get 1)))
  (func $i32.eqz (param i32) (result i32)
    (i32.eqz (local.get 0)))
  (func $i64.eq (param i64 i64) (result i32)
    (i64.eq (local.get 0) (local.get 1)))
  (func $i64.ne (param i64 i64) (result i32)
    (i64.ne (local.get 0) (local.get 1)))
  (func $i64.lt_s (param i64 i64) (result i32)
    (i64.lt_s (local.get 0) (local.get 1)))
  (func $i64.lt_u (param i64 i64) (result i32)
    (i64.lt_u (local.get 0) (local.get 1)))
  (func $i64.gt_s (param i64 i64) (result i32)
    (i64.gt_s (local.get 0) (local.get 1)))
  (func $i64.gt_u (param i64 i64) (result i32)
    (i64.gt_u (local.get 0) (local.get 1)))
  (func $i64.le_s (param i64 i64) (result i32)
    (i64.le_s (local.get 0) (local.get 1)))
  (func $i64.le_u (param i64 i64) (result i32)
    (i64.le_u (local.get 0) (local.get 1)))
  (func $i64.ge_s (param i64 i64) (result i32)
    (i64.ge_s (local.get 0) (local.get 1)))
  (func $i64.ge_u (param i64 i64) (result i32)
    (i64.ge_u (local.get 0) (local.get 1)))
  (func $i64.eqz (param i64) (result i32)
    (i64.eqz (local.get 0)))
  (func $lt_const (param i32) (result i32)
    (i32.lt_s (local.get 0) (i32.const 100)))
  (func $const_lt (param i32) (result i32)
    (i32.lt_s (i32.const 100) (local.get 0)))
)

;; amd64:
;; $i32.eq
;;      cmp r8d, edi
;;      sete al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.ne
;;      cmp r8d, edi
;;      setne al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.lt_s
;;      cmp r8d, edi
;;      setl al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.lt_u
;;      cmp r8d, edi
;;      setb al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.gt_s
;;      cmp r8d, edi
;;      setg al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.gt_u
;;      cmp r8d, edi
;;      seta al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.le_s
;;      cmp r8d, edi
;;      setle al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.le_u
;;      cmp r8d, edi
;;      setbe al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.ge_s
;;      cmp r8d, edi
;;      setge al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.ge_u
;;      cmp r8d, edi
;;      setae al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i32.eqz
;;      test r8d, r8d
;;      sete al
;;      movzx eax, al
;;      pop r11
;;      ret
;; $i64.eq
;;      cmp r8, rdi
;;      sete al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.ne
;;      cmp r8, rdi
;;      setne al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.lt_s
;;      cmp r8, rdi
;;      setl al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.lt_u
;;      cmp r8, rdi
;;      setb al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.gt_s
;;      cmp r8, rdi
;;      setg al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.gt_u
;;      cmp r8, rdi
;;      seta al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.le_s
;;      cmp r8, rdi
;;      setle al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.le_u
;;      cmp r8, rdi
;;      setbe al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.ge_s
;;      cmp r8, rdi
;;      setge al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.ge_u
;;      cmp r8, rdi
;;      setae al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $i64.eqz
;;      test r8, r8
;;      sete al
;;      movzx eax, al
;;      pop r11
;;      ret
;; $lt_const
;;      cmp r8d, 0x64
;;      setl al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $const_lt
;;      cmp r8d, 0x64
;;      setg al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $i32.eq
;;      cmp w2, w1
;;      cset w0, eq
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.ne
;;      cmp w2, w1
;;      cset w0, ne
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.lt_s
;;      cmp w2, w1
;;      cset w0, lt
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.lt_u
;;      cmp w2, w1
;;      cset w0, lo
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.gt_s
;;      cmp w2, w1
;;      cset w0, gt
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.gt_u
;;      cmp w2, w1
;;      cset w0, hi
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.le_s
;;      cmp w2, w1
;;      cset w0, le
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.le_u
;;      cmp w2, w1
;;      cset w0, ls
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.ge_s
;;      cmp w2, w1
;;      cset w0, ge
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.ge_u
;;      cmp w2, w1
;;      cset w0, hs
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.eqz
;;      cmp w1, #0x0
;;      cset w0, eq
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.eq
;;      cmp x2, x1
;;      cset w0, eq
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.ne
;;      cmp x2, x1
;;      cset w0, ne
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.lt_s
;;      cmp x2, x1
;;      cset w0, lt
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.lt_u
;;      cmp x2, x1
;;      cset w0, lo
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.gt_s
;;      cmp x2, x1
;;      cset w0, gt
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.gt_u
;;      cmp x2, x1
;;      cset w0, hi
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.le_s
;;      cmp x2, x1
;;      cset w0, le
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.le_u
;;      cmp x2, x1
;;      cset w0, ls
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.ge_s
;;      cmp x2, x1
;;      cset w0, ge
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.ge_u
;;      cmp x2, x1
;;      cset w0, hs
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.eqz
;;      cmp x1, #0x0
;;      cset w0, eq
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $lt_const
;;      cmp w1, #0x64
;;      cset w0, lt
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $const_lt
;;      cmp w1, #0x64
;;      cset w0, gt
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
