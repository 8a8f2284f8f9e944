;; Division: checks, fixed registers, constant divisors.
(module
  (func $i32.div_s (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func $i32.div_u (param i32 i32) (result i32)
    (i32.div_u (local.get 0) (local.get 1)))
  (func $i32.rem_s (param i32 i32) (result i32)
    (i32.rem_s (local.get 0) (local.get 1)))
  (func $i32.rem_u (param i32 i32) (result i32)
    (i32.rem_u (local.get 0) (local.get 1)))
  (func $i64.div_s (param i64 i64) (result i64)
    (i64.div_s (local.get 0) (local.get 1)))
  (func $i64.div_u (param i64 i64) (result i64)
    (i64.div_u (local.get 0) (local.get 1)))
  (func $i64.rem_s (param i64 i64) (result i64)
    (i64.rem_s (local.get 0) (local.get 1)))
  (func $i64.rem_u (param i64 i64) (result i64)
    (i64.rem_u (local.get 0) (local.get 1)))
  (func $i32.div_s_10 (param i32) (result i32)
    (i32.div_s (local.get 0) (i32.const 10)))
  (func $i32.div_u_16 (param i32) (result i32)
    (i32.div_u (local.get 0) (i32.const 16)))
  (func $i32.div_s_-1 (param i32) (result i32)
    (i32.div_s (local.get 0) (i32.const -1)))
  (func $i32.rem_s_-1 (param i32) (result i32)
    (i32.rem_s (local.get 0) (i32.const -1)))
  (func $i32.rem_u_8 (param i32) (result i32)
    (i32.rem_u (local.get 0) (i32.const 8)))
  (func $i32.div_u_0 (param i32) (result i32)
    (i32.div_u (local.get 0) (i32.const 0)))
)

;; amd64:
;; $i32.div_s
;;      mov eax, r8d
;;      lea r11d, [rdi+1]
;;      cmp r11d, 1
;;      ja L1
;;      je L3
;;      neg eax
;;      jo L4
;;      jmp L2
;; L1   cdq
;;      idiv edi
;; L2   add rsp, 0x18
;;      ret
;; $i32.div_u
;;      mov eax, r8d
;;      test edi, edi
;;      je L1
;;      xor edx, edx
;;      div edi
;;      add rsp, 0x18
;;      ret
;; $i32.rem_s
;;      mov eax, r8d
;;      lea r11d, [rdi+1]
;;      cmp r11d, 1
;;      ja L1
;;      je L3
;;      xor edx, edx
;;      jmp L2
;; L1   cdq
;;      idiv edi
;; L2   mov eax, edx
;;      add rsp, 0x18
;;      ret
;; $i32.rem_u
;;      mov eax, r8d
;;      test edi, edi
;;      je L1
;;      xor edx, edx
;;      div edi
;;      mov eax, edx
;;      add rsp, 0x18
;;      ret
;; $i64.div_s
;;      mov rax, r8
;;      lea r11, [rdi+1]
;;      cmp r11, 1
;;      ja L1
;;      je L3
;;      neg rax
;;      jo L4
;;      jmp L2
;; L1   cqo
;;      idiv rdi
;; L2   add rsp, 0x18
;;      ret
;; $i64.div_u
;;      mov rax, r8
;;      test rdi, rdi
;;      je L1
;;      xor edx, edx
;;      div rdi
;;      add rsp, 0x18
;;      ret
;; $i64.rem_s
;;      mov rax, r8
;;      lea r11, [rdi+1]
;;      cmp r11, 1
;;      ja L1
;;      je L3
;;      xor edx, edx
;;      jmp L2
;; L1   cqo
;;      idiv rdi
;; L2   mov rax, rdx
;;      add rsp, 0x18
;;      ret
;; $i64.rem_u
;;      mov rax, r8
;;      test rdi, rdi
;;      je L1
;;      xor edx, edx
;;      div rdi
;;      mov rax, rdx
;;      add rsp, 0x18
;;      ret
;; $i32.div_s_10
;;      mov ecx, 0xa
;;      mov eax, r8d
;;      cdq
;;      idiv ecx
;;      add rsp, 0x18
;;      ret
;; $i32.div_u_16
;;      mov eax, r8d
;;      shr eax, 4
;;      add rsp, 0x18
;;      ret
;; $i32.div_s_-1
;;      mov ecx, 0xffffffff
;;      mov eax, r8d
;;      cmp ecx, 0xffffffff
;;      jne L1
;;      neg eax
;;      jo L3
;;      jmp L2
;; L1   cdq
;;      idiv ecx
;; L2   add rsp, 0x18
;;      ret
;; $i32.rem_s_-1
;;      mov ecx, 0xffffffff
;;      mov eax, r8d
;;      cmp ecx, 0xffffffff
;;      jne L1
;;      xor edx, edx
;;      jmp L2
;; L1   cdq
;;      idiv ecx
;; L2   mov eax, edx
;;      add rsp, 0x18
;;      ret
;; $i32.rem_u_8
;;      mov eax, r8d
;;      and eax, 7
;;      add rsp, 0x18
;;      ret
;; $i32.div_u_0
;;      mov ecx, 0
;;      mov eax, r8d
;;      test ecx, ecx
;;      je L1
;;      xor edx, edx
;;      div ecx
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $i32.div_s
;;      cbz w1, L1
;;      cmn w1, #0x1
;;      ccmp w2, #0x1, #0x0, eq
;;      b.vs L2
;;      sdiv w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.div_u
;;      cbz w1, L1
;;      udiv w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.rem_s
;;      cbz w1, L1
;;      sdiv w16, w2, w1
;;      msub w0, w16, w1, w2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.rem_u
;;      cbz w1, L1
;;      udiv w16, w2, w1
;;      msub w0, w16, w1, w2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.div_s
;;      cbz x1, L1
;;      cmn x1, #0x1
;;      ccmp x2, #0x1, #0x0, eq
;;      b.vs L2
;;      sdiv x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.div_u
;;      cbz x1, L1
;;      udiv x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.rem_s
;;      cbz x1, L1
;;      sdiv x16, x2, x1
;;      msub x0, x16, x1, x2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.rem_u
;;      cbz x1, L1
;;      udiv x16, x2, x1
;;      msub x0, x16, x1, x2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.div_s_10
;;      mov w0, #0xa
;;      sdiv w0, w1, w0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.div_u_16
;;      lsr w0, w1, #0x4
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.div_s_-1
;;      mov w0, #0xffffffff
;;      cmn w0, #0x1
;;      ccmp w1, #0x1, #0x0, eq
;;      b.vs L1
;;      sdiv w0, w1, w0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.rem_s_-1
;;      mov w0, #0xffffffff
;;      sdiv w16, w1, w0
;;      msub w0, w16, w0, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.rem_u_8
;;      and w0, w1, #0x7
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.div_u_0
;;      mov w0, #0x0
;;      cbz w0, L1
;;      udiv w0, w1, w0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
