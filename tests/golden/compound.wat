;; Operations that one machine folds into the operation behind them.
(module (memory 1)
  (func $element (param i32 i32) (result i32)
    (i32.load (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 2)))))
  (func $element_first (param i32 i32) (result i32)
    (i32.load (i32.add (i32.shl (local.get 1) (i32.const 2)) (local.get 0))))
  (func $rotations (param i32) (result i32)
    (i32.xor (i32.rotr (local.get 0) (i32.const 7)) (i32.rotl (local.get 0) (i32.const 14))))
  (func $no_rotated_sum (param i64 i64) (result i64)
    (i64.add (local.get 0) (i64.rotl (local.get 1) (i64.const 5))))
  (func $not_shifted_minus (param i64 i64) (result i64)
    (i64.sub (i64.shr_u (local.get 0) (i64.const 5)) (local.get 1)))
  (func $minus_shifted (param i64 i64) (result i64)
    (i64.sub (local.get 0) (i64.shr_s (local.get 1) (i64.const 5))))
  (func $mul_add (param i32 i32 i32) (result i32)
    (i32.add (local.get 0) (i32.mul (local.get 1) (local.get 2))))
  (func $mul_sub (param i64 i64 i64) (result i64)
    (i64.sub (local.get 0) (i64.mul (local.get 1) (local.get 2))))
  (func $and_not (param i32 i32) (result i32)
    (i32.and (local.get 0) (i32.xor (local.get 1) (i32.const -1))))
  (func $not (param i64) (result i64)
    (i64.xor (local.get 0) (i64.const -1)))
  (func $add_extended (param i64 i32) (result i64)
    (i64.add (local.get 0) (i64.extend_i32_s (local.get 1))))
  (func $pinned (param i32 i32)
    (local.set 0 (i32.add (local.get 0) (i32.mul (local.get 1) (local.get 1)))))
)

;; amd64:
;; $element
;;      mov eax, edi
;;      shl eax, 2
;;      add eax, r8d
;;      mov eax, [r15+rax]
;;      add rsp, 0x18
;;      ret
;; $element_first
;;      mov eax, edi
;;      shl eax, 2
;;      add eax, r8d
;;      mov eax, [r15+rax]
;;      add rsp, 0x18
;;      ret
;; $rotations
;;      mov eax, r8d
;;      ror eax, 7
;;      mov ecx, r8d
;;      rol ecx, 0xe
;;      xor eax, ecx
;;      add rsp, 0x18
;;      ret
;; $no_rotated_sum
;;      mov rax, rdi
;;      rol rax, 5
;;      add rax, r8
;;      add rsp, 0x18
;;      ret
;; $not_shifted_minus
;;      mov rax, r8
;;      shr rax, 5
;;      sub rax, rdi
;;      add rsp, 0x18
;;      ret
;; $minus_shifted
;;      mov rax, rdi
;;      sar rax, 5
;;      mov rcx, r8
;;      sub rcx, rax
;;      mov rax, rcx
;;      add rsp, 0x18
;;      ret
;; $mul_add
;;      mov eax, edi
;;      imul eax, [rsp]
;;      add eax, r8d
;;      add rsp, 0x28
;;      ret
;; $mul_sub
;;      mov rax, rdi
;;      imul rax, [rsp]
;;      mov rcx, r8
;;      sub rcx, rax
;;      mov rax, rcx
;;      add rsp, 0x28
;;      ret
;; $and_not
;;      mov eax, edi
;;      xor eax, 0xffffffff
;;      and eax, r8d
;;      add rsp, 0x18
;;      ret
;; $not
;;      mov rax, r8
;;      xor rax, 0xffffffffffffffff
;;      add rsp, 0x18
;;      ret
;; $add_extended
;;      movsxd rax, edi
;;      add rax, r8
;;      add rsp, 0x18
;;      ret
;; $pinned
;;      mov eax, edi
;;      imul eax, edi
;;      add r8d, eax
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $element
;;      add w0, w2, w1, lsl #2
;;      ldr w0, [x27, x0]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $element_first
;;      add w0, w2, w1, lsl #2
;;      ldr w0, [x27, x0]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $rotations
;;      ror w0, w1, #0x7
;;      eor w0, w0, w1, ror #18
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $no_rotated_sum
;;      ror x0, x1, #0x3b
;;      add x0, x2, x0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $not_shifted_minus
;;      lsr x0, x2, #0x5
;;      sub x0, x0, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $minus_shifted
;;      sub x0, x2, x1, asr #5
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $mul_add
;;      madd w0, w1, w2, w3
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $mul_sub
;;      msub x0, x1, x2, x3
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $and_not
;;      bic w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $not
;;      mvn x0, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $add_extended
;;      add x0, x2, w1, sxtw
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $pinned
;;      madd w2, w1, w1, w2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
