;; Operands that were computed just before, where the other inputs have locals and constants.
(module
  (memory 1)
  (func $copy (param i32 i32)
    (local.set 0 (local.get 1)))
  (func $add (param i32 i32) (result i32)
    (i32.add (local.get 0) (i32.mul (local.get 0) (local.get 1))))
  (func $shift (param i32 i32) (result i32)
    (i32.shl (local.get 0) (i32.add (local.get 0) (local.get 1))))
  (func $compare (param i64 i64) (result i32)
    (i64.lt_u (local.get 0) (i64.add (local.get 0) (local.get 1))))
  (func $eqz (param i32 i32) (result i32)
    (i32.eqz (i32.sub (local.get 0) (local.get 1))))
  (func $store (param i32 i32)
    (i32.store (local.get 0) (i32.add (local.get 1) (local.get 1))))
  (func $branch (param i32 i32) (result i32)
    (block (br_if 0 (i32.and (local.get 0) (local.get 1))) (return (i32.const 1)))
    (i32.const 2))
  (func $divide (param f64 f64) (result f64)
    (f64.div (f64.const 1) (f64.add (local.get 0) (local.get 1)))))

;; amd64:
;; $copy
;;      mov r8d, edi
;;      pop r11
;;      ret
;; $add
;;      mov eax, r8d
;;      imul eax, edi
;;      add eax, r8d
;;      add rsp, 0x18
;;      ret
;; $shift
;;      lea eax, [r8+rdi]
;;      mov ecx, eax
;;      mov edx, r8d
;;      shl edx, cl
;;      mov eax, edx
;;      add rsp, 0x18
;;      ret
;; $compare
;;      lea rax, [r8+rdi]
;;      cmp r8, rax
;;      setb cl
;;      movzx ecx, cl
;;      mov eax, ecx
;;      add rsp, 0x18
;;      ret
;; $eqz
;;      mov eax, r8d
;;      sub eax, edi
;;      sete al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $store
;;      lea eax, [r8+r8]
;;      mov [r15+rdi], eax
;;      add rsp, 0x18
;;      ret
;; $branch
;;      mov eax, r8d
;;      and eax, edi
;;      jne L1
;;      mov eax, 1
;;      add rsp, 0x18
;;      ret
;; L1   mov eax, 2
;;      add rsp, 0x18
;;      ret
;; $divide
;;      movaps xmm0, xmm8
;;      addsd xmm0, xmm9
;;      mov r11, 0x3ff0000000000000
;;      movq xmm1, r11
;;      divsd xmm1, xmm0
;;      movaps xmm0, xmm1
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $copy
;;      mov w2, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $add
;;      madd w0, w2, w1, w2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $shift
;;      add w0, w2, w1
;;      lsl w3, w2, w0
;;      mov w0, w3
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $compare
;;      add x0, x2, x1
;;      cmp x2, x0
;;      cset w3, lo
;;      mov w0, w3
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $eqz
;;      sub w0, w2, w1
;;      cmp w0, #0x0
;;      cset w0, eq
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $store
;;      add w0, w1, w1
;;      str w0, [x27, x2]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $branch
;;      and w0, w2, w1
;;      cbnz w0, L1
;;      mov w0, #0x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L1   mov w0, #0x2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $divide
;;      fadd d0, d8, d9
;;      fmov d1, #1.0
;;      fdiv d1, d1, d0
;;      fmov d0, d1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
