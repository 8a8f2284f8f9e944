;; Float operators with one operand, on the baseline of each machine.
(module
  (func $f32.abs (param f32) (result f32)
    (f32.abs (local.get 0)))
  (func $f32.neg (param f32) (result f32)
    (f32.neg (local.get 0)))
  (func $f32.ceil (param f32) (result f32)
    (f32.ceil (local.get 0)))
  (func $f32.floor (param f32) (result f32)
    (f32.floor (local.get 0)))
  (func $f32.trunc (param f32) (result f32)
    (f32.trunc (local.get 0)))
  (func $f32.nearest (param f32) (result f32)
    (f32.nearest (local.get 0)))
  (func $f32.sqrt (param f32) (result f32)
    (f32.sqrt (local.get 0)))
  (func $f64.abs (param f64) (result f64)
    (f64.abs (local.get 0)))
  (func $f64.neg (param f64) (result f64)
    (f64.neg (local.get 0)))
  (func $f64.ceil (param f64) (result f64)
    (f64.ceil (local.get 0)))
  (func $f64.floor (param f64) (result f64)
    (f64.floor (local.get 0)))
  (func $f64.trunc (param f64) (result f64)
    (f64.trunc (local.get 0)))
  (func $f64.nearest (param f64) (result f64)
    (f64.nearest (local.get 0)))
  (func $f64.sqrt (param f64) (result f64)
    (f64.sqrt (local.get 0)))
)

;; amd64:
;; $f32.abs
;;      pcmpeqd xmm0, xmm0
;;      psrld xmm0, 1
;;      andps xmm0, xmm8
;;      pop r11
;;      ret
;; $f32.neg
;;      pcmpeqd xmm0, xmm0
;;      pslld xmm0, 0x1f
;;      xorps xmm0, xmm8
;;      pop r11
;;      ret
;; $f32.ceil
;;      movd r11d, xmm8
;;      btr r11d, 0x1f
;;      mov r10d, 0x4b000000
;;      cmp r11d, r10d
;;      jae L1
;;      cvttss2si r11, xmm8
;;      xorps xmm15, xmm15
;;      cvtsi2ss xmm15, r11
;;      ucomiss xmm8, xmm15
;;      seta r10b
;;      movzx r10d, r10b
;;      add r11, r10
;;      xorps xmm15, xmm15
;;      cvtsi2ss xmm15, r11
;;      pcmpeqd xmm14, xmm14
;;      pslld xmm14, 0x1f
;;      andps xmm14, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      jmp L2
;; L1   xorps xmm15, xmm15
;;      movaps xmm0, xmm8
;;      addss xmm0, xmm15
;; L2   pop r11
;;      ret
;; $f32.floor
;;      movd r11d, xmm8
;;      btr r11d, 0x1f
;;      mov r10d, 0x4b000000
;;      cmp r11d, r10d
;;      jae L1
;;      cvttss2si r11, xmm8
;;      xorps xmm15, xmm15
;;      cvtsi2ss xmm15, r11
;;      ucomiss xmm15, xmm8
;;      seta r10b
;;      movzx r10d, r10b
;;      sub r11, r10
;;      xorps xmm15, xmm15
;;      cvtsi2ss xmm15, r11
;;      pcmpeqd xmm14, xmm14
;;      pslld xmm14, 0x1f
;;      andps xmm14, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      jmp L2
;; L1   xorps xmm15, xmm15
;;      movaps xmm0, xmm8
;;      addss xmm0, xmm15
;; L2   pop r11
;;      ret
;; $f32.trunc
;;      movd r11d, xmm8
;;      btr r11d, 0x1f
;;      mov r10d, 0x4b000000
;;      cmp r11d, r10d
;;      jae L1
;;      cvttss2si r11, xmm8
;;      xorps xmm15, xmm15
;;      cvtsi2ss xmm15, r11
;;      pcmpeqd xmm14, xmm14
;;      pslld xmm14, 0x1f
;;      andps xmm14, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      jmp L2
;; L1   xorps xmm15, xmm15
;;      movaps xmm0, xmm8
;;      addss xmm0, xmm15
;; L2   pop r11
;;      ret
;; $f32.nearest
;;      movd r11d, xmm8
;;      btr r11d, 0x1f
;;      mov r10d, 0x4b000000
;;      cmp r11d, r10d
;;      jae L1
;;      cvtss2si r11, xmm8
;;      xorps xmm15, xmm15
;;      cvtsi2ss xmm15, r11
;;      pcmpeqd xmm14, xmm14
;;      pslld xmm14, 0x1f
;;      andps xmm14, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      jmp L2
;; L1   xorps xmm15, xmm15
;;      movaps xmm0, xmm8
;;      addss xmm0, xmm15
;; L2   pop r11
;;      ret
;; $f32.sqrt
;;      xorps xmm0, xmm0
;;      sqrtss xmm0, xmm8
;;      pop r11
;;      ret
;; $f64.abs
;;      pcmpeqd xmm0, xmm0
;;      psrlq xmm0, 1
;;      andps xmm0, xmm8
;;      pop r11
;;      ret
;; $f64.neg
;;      pcmpeqd xmm0, xmm0
;;      psllq xmm0, 0x3f
;;      xorps xmm0, xmm8
;;      pop r11
;;      ret
;; $f64.ceil
;;      movq r11, xmm8
;;      btr r11, 0x3f
;;      mov r10, 0x4330000000000000
;;      cmp r11, r10
;;      jae L1
;;      cvttsd2si r11, xmm8
;;      xorps xmm15, xmm15
;;      cvtsi2sd xmm15, r11
;;      ucomisd xmm8, xmm15
;;      seta r10b
;;      movzx r10d, r10b
;;      add r11, r10
;;      xorps xmm15, xmm15
;;      cvtsi2sd xmm15, r11
;;      pcmpeqd xmm14, xmm14
;;      psllq xmm14, 0x3f
;;      andps xmm14, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      jmp L2
;; L1   xorps xmm15, xmm15
;;      movaps xmm0, xmm8
;;      addsd xmm0, xmm15
;; L2   pop r11
;;      ret
;; $f64.floor
;;      movq r11, xmm8
;;      btr r11, 0x3f
;;      mov r10, 0x4330000000000000
;;      cmp r11, r10
;;      jae L1
;;      cvttsd2si r11, xmm8
;;      xorps xmm15, xmm15
;;      cvtsi2sd xmm15, r11
;;      ucomisd xmm15, xmm8
;;      seta r10b
;;      movzx r10d, r10b
;;      sub r11, r10
;;      xorps xmm15, xmm15
;;      cvtsi2sd xmm15, r11
;;      pcmpeqd xmm14, xmm14
;;      psllq xmm14, 0x3f
;;      andps xmm14, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      jmp L2
;; L1   xorps xmm15, xmm15
;;      movaps xmm0, xmm8
;;      addsd xmm0, xmm15
;; L2   pop r11
;;      ret
;; $f64.trunc
;;      movq r11, xmm8
;;      btr r11, 0x3f
;;      mov r10, 0x4330000000000000
;;      cmp r11, r10
;;      jae L1
;;      cvttsd2si r11, xmm8
;;      xorps xmm15, xmm15
;;      cvtsi2sd xmm15, r11
;;      pcmpeqd xmm14, xmm14
;;      psllq xmm14, 0x3f
;;      andps xmm14, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      jmp L2
;; L1   xorps xmm15, xmm15
;;      movaps xmm0, xmm8
;;      addsd xmm0, xmm15
;; L2   pop r11
;;      ret
;; $f64.nearest
;;      movq r11, xmm8
;;      btr r11, 0x3f
;;      mov r10, 0x4330000000000000
;;      cmp r11, r10
;;      jae L1
;;      cvtsd2si r11, xmm8
;;      xorps xmm15, xmm15
;;      cvtsi2sd xmm15, r11
;;      pcmpeqd xmm14, xmm14
;;      psllq xmm14, 0x3f
;;      andps xmm14, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      jmp L2
;; L1   xorps xmm15, xmm15
;;      movaps xmm0, xmm8
;;      addsd xmm0, xmm15
;; L2   pop r11
;;      ret
;; $f64.sqrt
;;      xorps xmm0, xmm0
;;      sqrtsd xmm0, xmm8
;;      pop r11
;;      ret

;; arm64:
;; $f32.abs
;;      fabs s0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.neg
;;      fneg s0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.ceil
;;      frintp s0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.floor
;;      frintm s0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.trunc
;;      frintz s0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.nearest
;;      frintn s0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.sqrt
;;      fsqrt s0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.abs
;;      fabs d0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.neg
;;      fneg d0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.ceil
;;      frintp d0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.floor
;;      frintm d0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.trunc
;;      frintz d0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.nearest
;;      frintn d0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.sqrt
;;      fsqrt d0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
