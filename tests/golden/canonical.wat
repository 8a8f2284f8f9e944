;; Arithmetic whose NaNs are canonical; operators that move bits stay as they are.
;;! canonical
(module
  (func $add (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1)))
  (func $set (param f64) (local f64)
    (local.set 1 (f64.sqrt (local.get 0)))
    (local.set 0 (f64.max (local.get 1) (local.get 0))))
  (func $demote (param f64) (result f32) (f32.demote_f64 (local.get 0)))
  (func $neg (param f64) (result f64) (f64.copysign (f64.neg (local.get 0)) (local.get 0)))
)

;; amd64:
;; $add
;;      movaps xmm0, xmm8
;;      addss xmm0, xmm9
;;      ucomiss xmm0, xmm0
;;      jae L1
;;      mov r11d, 0x7fc00000
;;      movd xmm0, r11d
;; L1   add rsp, 0x18
;;      ret
;; $set
;;      xorps xmm9, xmm9
;;      sqrtsd xmm9, xmm8
;;      ucomisd xmm9, xmm9
;;      jae L1
;;      mov r11, 0x7ff8000000000000
;;      movq xmm9, r11
;; L1   ucomisd xmm8, xmm9
;;      jne L3
;;      jp L2
;;      andps xmm8, xmm9
;;      jmp L4
;; L2   addsd xmm8, xmm9
;;      jmp L4
;; L3   maxsd xmm8, xmm9
;; L4   ucomisd xmm8, xmm8
;;      jae L5
;;      mov r11, 0x7ff8000000000000
;;      movq xmm8, r11
;; L5   add rsp, 0x18
;;      ret
;; $demote
;;      xorps xmm0, xmm0
;;      cvtsd2ss xmm0, xmm8
;;      ucomiss xmm0, xmm0
;;      jae L1
;;      mov r11d, 0x7fc00000
;;      movd xmm0, r11d
;; L1   pop r11
;;      ret
;; $neg
;;      pcmpeqd xmm0, xmm0
;;      psllq xmm0, 0x3f
;;      xorps xmm0, xmm8
;;      pcmpeqd xmm15, xmm15
;;      psllq xmm15, 0x3f
;;      movaps xmm14, xmm8
;;      andps xmm14, xmm15
;;      andnps xmm15, xmm0
;;      orps xmm15, xmm14
;;      movaps xmm0, xmm15
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $add
;;      fadd s0, s8, s9
;;      fcmp s0, s0
;;      b.ge L1
;;      mov w16, #0x7fc00000
;;      fmov s0, w16
;; L1   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $set
;;      fsqrt d9, d8
;;      fcmp d9, d9
;;      b.ge L1
;;      mov x16, #0x7ff8000000000000
;;      fmov d9, x16
;; L1   fmax d8, d9, d8
;;      fcmp d8, d8
;;      b.ge L2
;;      mov x16, #0x7ff8000000000000
;;      fmov d8, x16
;; L2   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $demote
;;      fcvt s0, d8
;;      fcmp s0, s0
;;      b.ge L1
;;      mov w16, #0x7fc00000
;;      fmov s0, w16
;; L1   ldp x16, x30, [sp], #0x10
;;      ret
;; $neg
;;      fneg d0, d8
;;      ushr d31, d8, #0x3f
;;      sli d0, d31, #0x3f
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
