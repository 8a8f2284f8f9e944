;; Float arithmetic.
(module
  (func $f32.add (param f32 f32) (result f32)
    (f32.add (local.get 0) (local.get 1)))
  (func $f32.sub (param f32 f32) (result f32)
    (f32.sub (local.get 0) (local.get 1)))
  (func $f32.mul (param f32 f32) (result f32)
    (f32.mul (local.get 0) (local.get 1)))
  (func $f32.div (param f32 f32) (result f32)
    (f32.div (local.get 0) (local.get 1)))
  (func $f32.min (param f32 f32) (result f32)
    (f32.min (local.get 0) (local.get 1)))
  (func $f32.max (param f32 f32) (result f32)
    (f32.max (local.get 0) (local.get 1)))
  (func $f32.copysign (param f32 f32) (result f32)
    (f32.copysign (local.get 0) (local.get 1)))
  (func $f64.add (param f64 f64) (result f64)
    (f64.add (local.get 0) (local.get 1)))
  (func $f64.sub (param f64 f64) (result f64)
    (f64.sub (local.get 0) (local.get 1)))
  (func $f64.mul (param f64 f64) (result f64)
    (f64.mul (local.get 0) (local.get 1)))
  (func $f64.div (param f64 f64) (result f64)
    (f64.div (local.get 0) (local.get 1)))
  (func $f64.min (param f64 f64) (result f64)
    (f64.min (local.get 0) (local.get 1)))
  (func $f64.max (param f64 f64) (result f64)
    (f64.max (local.get 0) (local.get 1)))
  (func $f64.copysign (param f64 f64) (result f64)
    (f64.copysign (local.get 0) (local.get 1)))
)

;; amd64:
;; $f32.add
;;      movaps xmm0, xmm8
;;      addss xmm0, xmm9
;;      add rsp, 0x18
;;      ret
;; $f32.sub
;;      movaps xmm0, xmm8
;;      subss xmm0, xmm9
;;      add rsp, 0x18
;;      ret
;; $f32.mul
;;      movaps xmm0, xmm8
;;      mulss xmm0, xmm9
;;      add rsp, 0x18
;;      ret
;; $f32.div
;;      movaps xmm0, xmm8
;;      divss xmm0, xmm9
;;      add rsp, 0x18
;;      ret
;; $f32.min
;;      movaps xmm0, xmm8
;;      ucomiss xmm0, xmm9
;;      jne L2
;;      jp L1
;;      orps xmm0, xmm9
;;      jmp L3
;; L1   addss xmm0, xmm9
;;      jmp L3
;; L2   minss xmm0, xmm9
;; L3   add rsp, 0x18
;;      ret
;; $f32.max
;;      movaps xmm0, xmm8
;;      ucomiss xmm0, xmm9
;;      jne L2
;;      jp L1
;;      andps xmm0, xmm9
;;      jmp L3
;; L1   addss xmm0, xmm9
;;      jmp L3
;; L2   maxss xmm0, xmm9
;; L3   add rsp, 0x18
;;      ret
;; $f32.copysign
;;      pcmpeqd xmm15, xmm15
;;      pslld xmm15, 0x1f
;;      movaps xmm14, xmm9
;;      andps xmm14, xmm15
;;      andnps xmm15, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      add rsp, 0x18
;;      ret
;; $f64.add
;;      movaps xmm0, xmm8
;;      addsd xmm0, xmm9
;;      add rsp, 0x18
;;      ret
;; $f64.sub
;;      movaps xmm0, xmm8
;;      subsd xmm0, xmm9
;;      add rsp, 0x18
;;      ret
;; $f64.mul
;;      movaps xmm0, xmm8
;;      mulsd xmm0, xmm9
;;      add rsp, 0x18
;;      ret
;; $f64.div
;;      movaps xmm0, xmm8
;;      divsd xmm0, xmm9
;;      add rsp, 0x18
;;      ret
;; $f64.min
;;      movaps xmm0, xmm8
;;      ucomisd xmm0, xmm9
;;      jne L2
;;      jp L1
;;      orps xmm0, xmm9
;;      jmp L3
;; L1   addsd xmm0, xmm9
;;      jmp L3
;; L2   minsd xmm0, xmm9
;; L3   add rsp, 0x18
;;      ret
;; $f64.max
;;      movaps xmm0, xmm8
;;      ucomisd xmm0, xmm9
;;      jne L2
;;      jp L1
;;      andps xmm0, xmm9
;;      jmp L3
;; L1   addsd xmm0, xmm9
;;      jmp L3
;; L2   maxsd xmm0, xmm9
;; L3   add rsp, 0x18
;;      ret
;; $f64.copysign
;;      pcmpeqd xmm15, xmm15
;;      psllq xmm15, 0x3f
;;      movaps xmm14, xmm9
;;      andps xmm14, xmm15
;;      andnps xmm15, xmm8
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $f32.add
;;      fadd s0, s8, s9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.sub
;;      fsub s0, s8, s9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.mul
;;      fmul s0, s8, s9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.div
;;      fdiv s0, s8, s9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.min
;;      fmin s0, s8, s9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.max
;;      fmax s0, s8, s9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.copysign
;;      ushr v31.2s, v9.2s, #0x1f
;;      fmov d0, d8
;;      sli v0.2s, v31.2s, #0x1f
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.add
;;      fadd d0, d8, d9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.sub
;;      fsub d0, d8, d9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.mul
;;      fmul d0, d8, d9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.div
;;      fdiv d0, d8, d9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.min
;;      fmin d0, d8, d9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.max
;;      fmax d0, d8, d9
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.copysign
;;      ushr d31, d9, #0x3f
;;      fmov d0, d8
;;      sli d0, d31, #0x3f
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
