;; More values than registers, and values that wait across a call.
(module
  (func $spill (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1))
    (i32.add (local.get 0) (i32.const 2))
    (i32.add (local.get 0) (i32.const 3))
    (i32.add (local.get 0) (i32.const 4))
    (i32.add (local.get 0) (i32.const 5))
    (i32.add (local.get 0) (i32.const 6))
    (i32.add (local.get 0) (i32.const 7))
    (i32.add (local.get 0) (i32.const 8))
    (i32.add (local.get 0) (i32.const 9))
    (i32.add (local.get 0) (i32.const 10))
    (i32.add (local.get 0) (i32.const 11))
    (i32.add (local.get 0) (i32.const 12))
    (i32.add (local.get 0) (i32.const 13))
    (i32.add (local.get 0) (i32.const 14))
    (i32.add (local.get 0) (i32.const 15))
    (i32.add (local.get 0) (i32.const 16))
    (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul) (i32.mul))
  (func $spill_float (param f64) (result f64)
    (f64.add (local.get 0) (f64.const 1))
    (f64.add (local.get 0) (f64.const 2))
    (f64.add (local.get 0) (f64.const 3))
    (f64.add (local.get 0) (f64.const 4))
    (f64.add (local.get 0) (f64.const 5))
    (f64.add (local.get 0) (f64.const 6))
    (f64.add (local.get 0) (f64.const 7))
    (f64.add (local.get 0) (f64.const 8))
    (f64.add (local.get 0) (f64.const 9))
    (f64.add (local.get 0) (f64.const 10))
    (f64.add (local.get 0) (f64.const 11))
    (f64.add (local.get 0) (f64.const 12))
    (f64.add (local.get 0) (f64.const 13))
    (f64.add (local.get 0) (f64.const 14))
    (f64.add (local.get 0) (f64.const 15))
    (f64.add (local.get 0) (f64.const 16))
    (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul) (f64.mul))
  (func $across_call (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1)) (call $nop) (i32.add (local.get 0)))
  (func $nop
    (nop))
)

;; amd64:
;; $spill
;;      lea eax, [r8+1]
;;      lea ecx, [r8+2]
;;      lea edx, [r8+3]
;;      lea esi, [r8+4]
;;      lea edi, [r8+5]
;;      mov [rsp], eax
;;      lea eax, [r8+6]
;;      mov [rsp+8], ecx
;;      lea ecx, [r8+7]
;;      mov [rsp+0x10], edx
;;      lea edx, [r8+8]
;;      mov [rsp+0x18], esi
;;      lea esi, [r8+9]
;;      mov [rsp+0x20], edi
;;      lea edi, [r8+0xa]
;;      mov [rsp+0x28], eax
;;      lea eax, [r8+0xb]
;;      mov [rsp+0x30], ecx
;;      lea ecx, [r8+0xc]
;;      mov [rsp+0x38], edx
;;      lea edx, [r8+0xd]
;;      mov [rsp+0x40], esi
;;      lea esi, [r8+0xe]
;;      mov [rsp+0x48], edi
;;      lea edi, [r8+0xf]
;;      mov [rsp+0x50], eax
;;      lea eax, [r8+0x10]
;;      imul eax, edi
;;      imul eax, esi
;;      imul eax, edx
;;      imul eax, ecx
;;      imul eax, [rsp+0x50]
;;      imul eax, [rsp+0x48]
;;      imul eax, [rsp+0x40]
;;      imul eax, [rsp+0x38]
;;      imul eax, [rsp+0x30]
;;      imul eax, [rsp+0x28]
;;      imul eax, [rsp+0x20]
;;      imul eax, [rsp+0x18]
;;      imul eax, [rsp+0x10]
;;      imul eax, [rsp+8]
;;      imul eax, [rsp]
;;      add rsp, 0x88
;;      ret
;; $spill_float
;;      mov r11, 0x3ff0000000000000
;;      movq xmm0, r11
;;      movaps xmm1, xmm8
;;      addsd xmm1, xmm0
;;      mov r11, 0x4000000000000000
;;      movq xmm0, r11
;;      movaps xmm2, xmm8
;;      addsd xmm2, xmm0
;;      mov r11, 0x4008000000000000
;;      movq xmm0, r11
;;      movaps xmm3, xmm8
;;      addsd xmm3, xmm0
;;      mov r11, 0x4010000000000000
;;      movq xmm0, r11
;;      movaps xmm4, xmm8
;;      addsd xmm4, xmm0
;;      mov r11, 0x4014000000000000
;;      movq xmm0, r11
;;      movaps xmm5, xmm8
;;      addsd xmm5, xmm0
;;      mov r11, 0x4018000000000000
;;      movq xmm0, r11
;;      movaps xmm6, xmm8
;;      addsd xmm6, xmm0
;;      mov r11, 0x401c000000000000
;;      movq xmm0, r11
;;      movaps xmm7, xmm8
;;      addsd xmm7, xmm0
;;      mov r11, 0x4020000000000000
;;      movq xmm0, r11
;;      movsd [rsp], xmm1
;;      movaps xmm1, xmm8
;;      addsd xmm1, xmm0
;;      mov r11, 0x4022000000000000
;;      movq xmm0, r11
;;      movsd [rsp+8], xmm2
;;      movaps xmm2, xmm8
;;      addsd xmm2, xmm0
;;      mov r11, 0x4024000000000000
;;      movq xmm0, r11
;;      movsd [rsp+0x10], xmm3
;;      movaps xmm3, xmm8
;;      addsd xmm3, xmm0
;;      mov r11, 0x4026000000000000
;;      movq xmm0, r11
;;      movsd [rsp+0x18], xmm4
;;      movaps xmm4, xmm8
;;      addsd xmm4, xmm0
;;      mov r11, 0x4028000000000000
;;      movq xmm0, r11
;;      movsd [rsp+0x20], xmm5
;;      movaps xmm5, xmm8
;;      addsd xmm5, xmm0
;;      mov r11, 0x402a000000000000
;;      movq xmm0, r11
;;      movsd [rsp+0x28], xmm6
;;      movaps xmm6, xmm8
;;      addsd xmm6, xmm0
;;      mov r11, 0x402c000000000000
;;      movq xmm0, r11
;;      movsd [rsp+0x30], xmm7
;;      movaps xmm7, xmm8
;;      addsd xmm7, xmm0
;;      mov r11, 0x402e000000000000
;;      movq xmm0, r11
;;      movsd [rsp+0x38], xmm1
;;      movaps xmm1, xmm8
;;      addsd xmm1, xmm0
;;      mov r11, 0x4030000000000000
;;      movq xmm0, r11
;;      movsd [rsp+0x40], xmm2
;;      movaps xmm2, xmm8
;;      addsd xmm2, xmm0
;;      mulsd xmm1, xmm2
;;      mulsd xmm7, xmm1
;;      mulsd xmm6, xmm7
;;      mulsd xmm5, xmm6
;;      mulsd xmm4, xmm5
;;      mulsd xmm3, xmm4
;;      movsd xmm0, [rsp+0x40]
;;      mulsd xmm0, xmm3
;;      movsd xmm1, [rsp+0x38]
;;      mulsd xmm1, xmm0
;;      movsd xmm0, [rsp+0x30]
;;      mulsd xmm0, xmm1
;;      movsd xmm1, [rsp+0x28]
;;      mulsd xmm1, xmm0
;;      movsd xmm0, [rsp+0x20]
;;      mulsd xmm0, xmm1
;;      movsd xmm1, [rsp+0x18]
;;      mulsd xmm1, xmm0
;;      movsd xmm0, [rsp+0x10]
;;      mulsd xmm0, xmm1
;;      movsd xmm1, [rsp+8]
;;      mulsd xmm1, xmm0
;;      movsd xmm0, [rsp]
;;      mulsd xmm0, xmm1
;;      add rsp, 0x88
;;      ret
;; $across_call
;;      mov eax, [rsp]
;;      inc eax
;;      mov [rsp+8], eax
;;      call function 3
;;      mov eax, [rsp]
;;      add eax, [rsp+8]
;;      add rsp, 0x18
;;      ret
;; $nop
;;      pop r11
;;      ret

;; arm64:
;; $spill
;;      add w0, w1, #0x1
;;      add w2, w1, #0x2
;;      add w3, w1, #0x3
;;      add w4, w1, #0x4
;;      add w5, w1, #0x5
;;      add w6, w1, #0x6
;;      add w7, w1, #0x7
;;      add w8, w1, #0x8
;;      add w9, w1, #0x9
;;      add w10, w1, #0xa
;;      add w11, w1, #0xb
;;      add w12, w1, #0xc
;;      add w13, w1, #0xd
;;      add w14, w1, #0xe
;;      str w0, [sp]
;;      add w0, w1, #0xf
;;      str w2, [sp, #0x8]
;;      add w2, w1, #0x10
;;      mul w0, w0, w2
;;      mul w0, w14, w0
;;      mul w0, w13, w0
;;      mul w0, w12, w0
;;      mul w0, w11, w0
;;      mul w0, w10, w0
;;      mul w0, w9, w0
;;      mul w0, w8, w0
;;      mul w0, w7, w0
;;      mul w0, w6, w0
;;      mul w0, w5, w0
;;      mul w0, w4, w0
;;      mul w0, w3, w0
;;      ldr w2, [sp, #0x8]
;;      mul w0, w0, w2
;;      ldr w2, [sp]
;;      mul w0, w0, w2
;;      ldr x30, [sp, #0x88]
;;      add sp, sp, #0x90
;;      ret
;; $spill_float
;;      fmov d0, #1.0
;;      fadd d1, d8, d0
;;      fmov d0, #2.0
;;      fadd d2, d8, d0
;;      fmov d0, #3.0
;;      fadd d3, d8, d0
;;      fmov d0, #4.0
;;      fadd d4, d8, d0
;;      fmov d0, #5.0
;;      fadd d5, d8, d0
;;      fmov d0, #6.0
;;      fadd d6, d8, d0
;;      fmov d0, #7.0
;;      fadd d7, d8, d0
;;      fmov d0, #8.0
;;      fadd d16, d8, d0
;;      fmov d0, #9.0
;;      fadd d17, d8, d0
;;      fmov d0, #10.0
;;      fadd d18, d8, d0
;;      fmov d0, #11.0
;;      fadd d19, d8, d0
;;      fmov d0, #12.0
;;      fadd d20, d8, d0
;;      fmov d0, #13.0
;;      fadd d21, d8, d0
;;      fmov d0, #14.0
;;      fadd d22, d8, d0
;;      fmov d0, #15.0
;;      fadd d23, d8, d0
;;      fmov d0, #16.0
;;      str d1, [sp]
;;      fadd d1, d8, d0
;;      fmul d23, d23, d1
;;      fmul d22, d22, d23
;;      fmul d21, d21, d22
;;      fmul d20, d20, d21
;;      fmul d19, d19, d20
;;      fmul d18, d18, d19
;;      fmul d17, d17, d18
;;      fmul d16, d16, d17
;;      fmul d7, d7, d16
;;      fmul d6, d6, d7
;;      fmul d5, d5, d6
;;      fmul d4, d4, d5
;;      fmul d3, d3, d4
;;      fmul d2, d2, d3
;;      ldr d0, [sp]
;;      fmul d0, d0, d2
;;      ldr x30, [sp, #0x88]
;;      add sp, sp, #0x90
;;      ret
;; $across_call
;;      ldr w0, [sp]
;;      add w1, w0, #0x1
;;      str w1, [sp, #0x8]
;;      bl function 3
;;      ldr w0, [sp, #0x8]
;;      ldr w1, [sp]
;;      add w0, w1, w0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $nop
;;      ldp x16, x30, [sp], #0x10
;;      ret
