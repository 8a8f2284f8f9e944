;; Structured control and conditions that feed it.
(module
  (func $block (param i32) (result i32)
    (block (result i32)
      (drop (br_if 0 (i32.const 7) (local.get 0)))
      (i32.const 8)))
  (func $if_else (param i32 i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (local.get 1))
      (then (local.get 0))
      (else (local.get 1))))
  (func $if (param i32)
    (if (local.get 0) (then (local.set 0 (i32.const 3)))))
  (func $if_eqz (param i64) (result i64)
    (if (i64.eqz (local.get 0)) (then (return (i64.const 5))))
    (local.get 0))
  (func $if_float (param f64 f64) (result f64)
    (if (result f64) (f64.lt (local.get 0) (local.get 1))
      (then (local.get 0))
      (else (local.get 1))))
  (func $if_bit (param i32) (result i32)
    (if (i32.and (local.get 0) (i32.const 16)) (then (return (i32.const 5))))
    (local.get 0))
  (func $br_unless_bit (param i64 i32) (result i32)
    (block (br_if 0 (i64.eqz (i64.and (local.get 0) (i64.const 0x100000000)))) (local.set 1 (i32.const 3)))
    (local.get 1))
  (func $if_negative (param i64) (result i32)
    (if (i64.lt_s (local.get 0) (i64.const 0)) (then (return (i32.const 5))))
    (i32.const 6))
  (func $loop (param i32) (result i32) (local $sum i32)
    (loop
      (local.set $sum (i32.add (local.get $sum) (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get $sum))
  (func $loop_while (param $n i32) (result f64) (local $i i32) (local $sum f64)
    (block
      (loop
        (br_if 1 (i32.ge_s (local.get $i) (local.get $n)))
        (local.set $sum (f64.add (local.get $sum) (f64.convert_i32_s (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br 0)))
    (local.get $sum))
  (func $loop_param (param i32) (result i32)
    (local.get 0)
    (loop (param i32) (result i32)
      (local.tee 0 (i32.sub (i32.const 1)))
      (br_if 0 (local.get 0) (i32.gt_s (local.get 0) (i32.const 10)))
      (drop)))
  (func $br_drops (param i32) (result i32)
    (block (result i32)
      (i32.const 1) (i32.add (local.get 0) (i32.const 2)) (local.get 0)
      (br 0)))
  (func $unreachable
    (unreachable))
  (func $return (param i32) (result i32)
    (return (i32.add (local.get 0) (i32.const 1))))
  (func $many_results (param i32 i64 f32 f64) (result i32 i64 f32 f64 i32 i64)
    (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 0) (local.get 1))
)

;; amd64:
;; $block
;;      test r8d, r8d
;;      mov eax, 7
;;      jne L1
;;      mov eax, 8
;; L1   add rsp, 0x18
;;      ret
;; $if_else
;;      cmp r8d, edi
;;      jae L1
;;      mov eax, r8d
;;      jmp L2
;; L1   mov eax, edi
;; L2   add rsp, 0x18
;;      ret
;; $if
;;      test r8d, r8d
;;      je L1
;;      mov r8d, 3
;; L1   pop r11
;;      ret
;; $if_eqz
;;      test r8, r8
;;      jne L1
;;      mov eax, 5
;;      pop r11
;;      ret
;; L1   mov rax, r8
;;      pop r11
;;      ret
;; $if_float
;;      ucomisd xmm9, xmm8
;;      jbe L1
;;      movaps xmm0, xmm8
;;      jmp L2
;; L1   movaps xmm0, xmm9
;; L2   add rsp, 0x18
;;      ret
;; $if_bit
;;      mov eax, r8d
;;      and eax, 0x10
;;      je L1
;;      mov eax, 5
;;      add rsp, 0x18
;;      ret
;; L1   mov eax, r8d
;;      add rsp, 0x18
;;      ret
;; $br_unless_bit
;;      mov rax, 0x100000000
;;      and rax, rdi
;;      je L1
;;      mov r8d, 3
;; L1   mov eax, r8d
;;      add rsp, 0x18
;;      ret
;; $if_negative
;;      test r8, r8
;;      jge L1
;;      mov eax, 5
;;      add rsp, 0x18
;;      ret
;; L1   mov eax, 6
;;      add rsp, 0x18
;;      ret
;; $loop
;;      nop [rax+rax]
;;      nop [rax+rax]
;;      xchg ax, ax
;; L1   add edi, r8d
;;      dec r8d
;;      jne L1
;;      mov eax, edi
;;      add rsp, 0x18
;;      ret
;; $loop_while
;;      nop [rax+rax]
;;      nop [rax]
;; L1   cmp r8d, edi
;;      jge L2
;;      xorps xmm0, xmm0
;;      cvtsi2sd xmm0, r8d
;;      addsd xmm8, xmm0
;;      inc r8d
;;      jmp L1
;; L2   movaps xmm0, xmm8
;;      add rsp, 0x18
;;      ret
;; $loop_param
;;      mov eax, r8d
;;      nop [rax+rax]
;;      nop [rax+rax]
;;      nop [rax]
;; L1   lea r8d, [rax-1]
;;      cmp r8d, 0xa
;;      mov eax, r8d
;;      jg L1
;;      mov eax, r8d
;;      add rsp, 0x28
;;      ret
;; $br_drops
;;      lea eax, [r8+2]
;;      mov [rsp+8], eax
;;      mov eax, r8d
;;      jmp L1
;; L1   add rsp, 0x18
;;      ret
;; $unreachable
;;      call qword ptr [r14+0x30]
;; $return
;;      lea eax, [r8+1]
;;      add rsp, 0x18
;;      ret
;; $many_results
;;      mov [r14+0x178], rdi
;;      mov [r14+0x170], r8d
;;      movaps xmm1, xmm9
;;      movaps xmm0, xmm8
;;      mov rcx, rdi
;;      mov eax, r8d
;;      add rsp, 0x38
;;      ret

;; arm64:
;; $block
;;      cmp w1, #0x0
;;      mov w0, #0x7
;;      b.ne L1
;;      mov w0, #0x8
;; L1   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $if_else
;;      cmp w2, w1
;;      b.hs L1
;;      mov w0, w2
;;      b L2
;; L1   mov w0, w1
;; L2   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $if
;;      cbz w1, L1
;;      mov w1, #0x3
;; L1   ldp x16, x30, [sp], #0x10
;;      ret
;; $if_eqz
;;      cbnz x1, L1
;;      mov w0, #0x5
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L1   mov x0, x1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $if_float
;;      fcmp d8, d9
;;      b.pl L1
;;      fmov d0, d8
;;      b L2
;; L1   fmov d0, d9
;; L2   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $if_bit
;;      tbz w1, #0x4, L1
;;      mov w0, #0x5
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L1   mov w0, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $br_unless_bit
;;      tbz x2, #0x20, L1
;;      mov w1, #0x3
;; L1   mov w0, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $if_negative
;;      tbz x1, #0x3f, L1
;;      mov w0, #0x5
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L1   mov w0, #0x6
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $loop
;; L1   add w2, w2, w1
;;      sub w1, w1, #0x1
;;      cbnz w1, L1
;;      mov w0, w2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $loop_while
;; L1   cmp w1, w2
;;      b.ge L2
;;      scvtf d0, w1
;;      fadd d8, d8, d0
;;      add w1, w1, #0x1
;;      b L1
;; L2   fmov d0, d8
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $loop_param
;;      mov w0, w1
;; L1   sub w1, w0, #0x1
;;      cmp w1, #0xa
;;      mov w0, w1
;;      b.gt L1
;;      mov w0, w1
;;      ldr x30, [sp, #0x28]
;;      add sp, sp, #0x30
;;      ret
;; $br_drops
;;      add w0, w1, #0x2
;;      str w0, [sp, #0x8]
;;      mov w0, w1
;;      b L1
;; L1   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $unreachable
;;      ldr x16, [x28, #0x30]
;;      blr x16
;; $return
;;      add w0, w1, #0x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $many_results
;;      str x1, [x28, #0x178]
;;      str w2, [x28, #0x170]
;;      fmov d1, d9
;;      fmov d0, d8
;;      mov w0, w2
;;      ldr x30, [sp, #0x38]
;;      add sp, sp, #0x40
;;      ret
