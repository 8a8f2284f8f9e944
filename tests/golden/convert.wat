;; Conversions that do not trap.
(module
  (func $f32.convert_i32_s (param i32) (result f32)
    (f32.convert_i32_s (local.get 0)))
  (func $f32.convert_i32_u (param i32) (result f32)
    (f32.convert_i32_u (local.get 0)))
  (func $f32.convert_i64_s (param i64) (result f32)
    (f32.convert_i64_s (local.get 0)))
  (func $f32.convert_i64_u (param i64) (result f32)
    (f32.convert_i64_u (local.get 0)))
  (func $f64.convert_i32_s (param i32) (result f64)
    (f64.convert_i32_s (local.get 0)))
  (func $f64.convert_i32_u (param i32) (result f64)
    (f64.convert_i32_u (local.get 0)))
  (func $f64.convert_i64_s (param i64) (result f64)
    (f64.convert_i64_s (local.get 0)))
  (func $f64.convert_i64_u (param i64) (result f64)
    (f64.convert_i64_u (local.get 0)))
  (func $i32.wrap_i64 (param i64) (result i32)
    (i32.wrap_i64 (local.get 0)))
  (func $i64.extend_i32_s (param i32) (result i64)
    (i64.extend_i32_s (local.get 0)))
  (func $i64.extend_i32_u (param i32) (result i64)
    (i64.extend_i32_u (local.get 0)))
  (func $f32.demote_f64 (param f64) (result f32)
    (f32.demote_f64 (local.get 0)))
  (func $f64.promote_f32 (param f32) (result f64)
    (f64.promote_f32 (local.get 0)))
  (func $i32.reinterpret_f32 (param f32) (result i32)
    (i32.reinterpret_f32 (local.get 0)))
  (func $i64.reinterpret_f64 (param f64) (result i64)
    (i64.reinterpret_f64 (local.get 0)))
  (func $f32.reinterpret_i32 (param i32) (result f32)
    (f32.reinterpret_i32 (local.get 0)))
  (func $f64.reinterpret_i64 (param i64) (result f64)
    (f64.reinterpret_i64 (local.get 0)))
)

;; amd64:
;; $f32.convert_i32_s
;;      xorps xmm0, xmm0
;;      cvtsi2ss xmm0, r8d
;;      pop r11
;;      ret
;; $f32.convert_i32_u
;;      xorps xmm0, xmm0
;;      cvtsi2ss xmm0, r8
;;      pop r11
;;      ret
;; $f32.convert_i64_s
;;      xorps xmm0, xmm0
;;      cvtsi2ss xmm0, r8
;;      pop r11
;;      ret
;; $f32.convert_i64_u
;;      xorps xmm0, xmm0
;;      test r8, r8
;;      js L1
;;      cvtsi2ss xmm0, r8
;;      jmp L2
;; L1   mov r11, r8
;;      mov r10d, r8d
;;      shr r11, 1
;;      and r10d, 1
;;      or r11, r10
;;      cvtsi2ss xmm0, r11
;;      addss xmm0, xmm0
;; L2   pop r11
;;      ret
;; $f64.convert_i32_s
;;      xorps xmm0, xmm0
;;      cvtsi2sd xmm0, r8d
;;      pop r11
;;      ret
;; $f64.convert_i32_u
;;      xorps xmm0, xmm0
;;      cvtsi2sd xmm0, r8
;;      pop r11
;;      ret
;; $f64.convert_i64_s
;;      xorps xmm0, xmm0
;;      cvtsi2sd xmm0, r8
;;      pop r11
;;      ret
;; $f64.convert_i64_u
;;      xorps xmm0, xmm0
;;      test r8, r8
;;      js L1
;;      cvtsi2sd xmm0, r8
;;      jmp L2
;; L1   mov r11, r8
;;      mov r10d, r8d
;;      shr r11, 1
;;      and r10d, 1
;;      or r11, r10
;;      cvtsi2sd xmm0, r11
;;      addsd xmm0, xmm0
;; L2   pop r11
;;      ret
;; $i32.wrap_i64
;;      mov eax, r8d
;;      pop r11
;;      ret
;; $i64.extend_i32_s
;;      movsxd rax, r8d
;;      pop r11
;;      ret
;; $i64.extend_i32_u
;;      mov eax, r8d
;;      pop r11
;;      ret
;; $f32.demote_f64
;;      xorps xmm0, xmm0
;;      cvtsd2ss xmm0, xmm8
;;      pop r11
;;      ret
;; $f64.promote_f32
;;      xorps xmm0, xmm0
;;      cvtss2sd xmm0, xmm8
;;      pop r11
;;      ret
;; $i32.reinterpret_f32
;;      movd eax, xmm8
;;      pop r11
;;      ret
;; $i64.reinterpret_f64
;;      movq rax, xmm8
;;      pop r11
;;      ret
;; $f32.reinterpret_i32
;;      movd xmm0, r8d
;;      pop r11
;;      ret
;; $f64.reinterpret_i64
;;      movq xmm0, r8
;;      pop r11
;;      ret

;; arm64:
;; $f32.convert_i32_s
;;      scvtf s0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.convert_i32_u
;;      ucvtf s0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.convert_i64_s
;;      scvtf s0, x1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.convert_i64_u
;;      ucvtf s0, x1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.convert_i32_s
;;      scvtf d0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.convert_i32_u
;;      ucvtf d0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.convert_i64_s
;;      scvtf d0, x1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.convert_i64_u
;;      ucvtf d0, x1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.wrap_i64
;;      mov w0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.extend_i32_s
;;      sxtw x0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.extend_i32_u
;;      mov w0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.demote_f64
;;      fcvt s0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.promote_f32
;;      fcvt d0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.reinterpret_f32
;;      fmov w0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.reinterpret_f64
;;      fmov x0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.reinterpret_i32
;;      fmov s0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.reinterpret_i64
;;      fmov d0, x1
;;      ldp x16, x30, [sp], #0x10
;;      ret
