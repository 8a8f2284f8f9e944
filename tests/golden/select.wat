;; `select` by a value and by a comparison.
(module
  (func $i32 (param i32 i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func $i64 (param i64 i64 i32) (result i64)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func $f32 (param f32 f32 i32) (result f32)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func $f64 (param f64 f64 i32) (result f64)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func $compare (param i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (i32.lt_s (local.get 0) (local.get 1))))
  (func $float_compare (param f64 f64) (result f64)
    (select (local.get 0) (local.get 1) (f64.lt (local.get 0) (local.get 1))))
  (func $constants (param i32) (result i32)
    (select (i32.const 1) (i32.const 2) (local.get 0)))
)

;; amd64:
;; $i32
;;      mov eax, [rsp]
;;      test eax, eax
;;      mov ecx, edi
;;      cmovne ecx, r8d
;;      mov eax, ecx
;;      add rsp, 0x28
;;      ret
;; $i64
;;      mov eax, [rsp]
;;      test eax, eax
;;      mov rcx, rdi
;;      cmovne rcx, r8
;;      mov rax, rcx
;;      add rsp, 0x28
;;      ret
;; $f32
;;      test r8d, r8d
;;      movaps xmm0, xmm8
;;      jne L1
;;      movaps xmm0, xmm9
;; L1   add rsp, 0x18
;;      ret
;; $f64
;;      test r8d, r8d
;;      movaps xmm0, xmm8
;;      jne L1
;;      movaps xmm0, xmm9
;; L1   add rsp, 0x18
;;      ret
;; $compare
;;      cmp r8d, edi
;;      mov eax, edi
;;      cmovl eax, r8d
;;      add rsp, 0x28
;;      ret
;; $float_compare
;;      ucomisd xmm9, xmm8
;;      movaps xmm0, xmm8
;;      ja L1
;;      movaps xmm0, xmm9
;; L1   add rsp, 0x28
;;      ret
;; $constants
;;      test r8d, r8d
;;      mov eax, 2
;;      mov ecx, 1
;;      cmovne eax, ecx
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $i32
;;      cmp w2, #0x0
;;      csel w0, w3, w1, ne
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64
;;      cmp w2, #0x0
;;      csel x0, x3, x1, ne
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32
;;      cmp w1, #0x0
;;      fcsel s0, s8, s9, ne
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64
;;      cmp w1, #0x0
;;      fcsel d0, d8, d9, ne
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $compare
;;      cmp w2, w1
;;      csel w0, w2, w1, lt
;;      ldr x30, [sp, #0x28]
;;      add sp, sp, #0x30
;;      ret
;; $float_compare
;;      fcmp d8, d9
;;      fcsel d0, d8, d9, mi
;;      ldr x30, [sp, #0x28]
;;      add sp, sp, #0x30
;;      ret
;; $constants
;;      cmp w1, #0x0
;;      mov w0, #0x2
;;      mov w2, #0x1
;;      csel w0, w2, w0, ne
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
