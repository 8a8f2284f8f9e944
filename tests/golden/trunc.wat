;; Float to integer, trapping and saturating.
(module
  (func $i32.trunc_f32_s (param f32) (result i32)
    (i32.trunc_f32_s (local.get 0)))
  (func $i32.trunc_sat_f32_s (param f32) (result i32)
    (i32.trunc_sat_f32_s (local.get 0)))
  (func $i32.trunc_f32_u (param f32) (result i32)
    (i32.trunc_f32_u (local.get 0)))
  (func $i32.trunc_sat_f32_u (param f32) (result i32)
    (i32.trunc_sat_f32_u (local.get 0)))
  (func $i32.trunc_f64_s (param f64) (result i32)
    (i32.trunc_f64_s (local.get 0)))
  (func $i32.trunc_sat_f64_s (param f64) (result i32)
    (i32.trunc_sat_f64_s (local.get 0)))
  (func $i32.trunc_f64_u (param f64) (result i32)
    (i32.trunc_f64_u (local.get 0)))
  (func $i32.trunc_sat_f64_u (param f64) (result i32)
    (i32.trunc_sat_f64_u (local.get 0)))
  (func $i64.trunc_f32_s (param f32) (result i64)
    (i64.trunc_f32_s (local.get 0)))
  (func $i64.trunc_sat_f32_s (param f32) (result i64)
    (i64.trunc_sat_f32_s (local.get 0)))
  (func $i64.trunc_f32_u (param f32) (result i64)
    (i64.trunc_f32_u (local.get 0)))
  (func $i64.trunc_sat_f32_u (param f32) (result i64)
    (i64.trunc_sat_f32_u (local.get 0)))
  (func $i64.trunc_f64_s (param f64) (result i64)
    (i64.trunc_f64_s (local.get 0)))
  (func $i64.trunc_sat_f64_s (param f64) (result i64)
    (i64.trunc_sat_f64_s (local.get 0)))
  (func $i64.trunc_f64_u (param f64) (result i64)
    (i64.trunc_f64_u (local.get 0)))
  (func $i64.trunc_sat_f64_u (param f64) (result i64)
    (i64.trunc_sat_f64_u (local.get 0)))
)

;; amd64:
;; $i32.trunc_f32_s
;;      cvttss2si r11, xmm8
;;      mov eax, r11d
;;      movsxd r10, r11d
;;      cmp r10, r11
;;      je L1
;;      ucomiss xmm8, xmm8
;;      jp L2
;;      jmp L3
;; L1   pop r11
;;      ret
;; $i32.trunc_sat_f32_s
;;      cvttss2si r11, xmm8
;;      mov eax, r11d
;;      movsxd r10, r11d
;;      cmp r10, r11
;;      je L1
;;      xorps xmm15, xmm15
;;      xor eax, eax
;;      ucomiss xmm8, xmm15
;;      jp L1
;;      mov eax, 0x7fffffff
;;      adc eax, 0
;; L1   pop r11
;;      ret
;; $i32.trunc_f32_u
;;      cvttss2si r11, xmm8
;;      mov eax, r11d
;;      cmp rax, r11
;;      je L1
;;      ucomiss xmm8, xmm8
;;      jp L2
;;      jmp L3
;; L1   pop r11
;;      ret
;; $i32.trunc_sat_f32_u
;;      cvttss2si r11, xmm8
;;      mov eax, r11d
;;      cmp rax, r11
;;      je L1
;;      xorps xmm15, xmm15
;;      xor eax, eax
;;      ucomiss xmm8, xmm15
;;      jbe L1
;;      dec eax
;; L1   pop r11
;;      ret
;; $i32.trunc_f64_s
;;      cvttsd2si r11, xmm8
;;      mov eax, r11d
;;      movsxd r10, r11d
;;      cmp r10, r11
;;      je L1
;;      ucomisd xmm8, xmm8
;;      jp L2
;;      jmp L3
;; L1   pop r11
;;      ret
;; $i32.trunc_sat_f64_s
;;      cvttsd2si r11, xmm8
;;      mov eax, r11d
;;      movsxd r10, r11d
;;      cmp r10, r11
;;      je L1
;;      xorps xmm15, xmm15
;;      xor eax, eax
;;      ucomisd xmm8, xmm15
;;      jp L1
;;      mov eax, 0x7fffffff
;;      adc eax, 0
;; L1   pop r11
;;      ret
;; $i32.trunc_f64_u
;;      cvttsd2si r11, xmm8
;;      mov eax, r11d
;;      cmp rax, r11
;;      je L1
;;      ucomisd xmm8, xmm8
;;      jp L2
;;      jmp L3
;; L1   pop r11
;;      ret
;; $i32.trunc_sat_f64_u
;;      cvttsd2si r11, xmm8
;;      mov eax, r11d
;;      cmp rax, r11
;;      je L1
;;      xorps xmm15, xmm15
;;      xor eax, eax
;;      ucomisd xmm8, xmm15
;;      jbe L1
;;      dec eax
;; L1   pop r11
;;      ret
;; $i64.trunc_f32_s
;;      cvttss2si rax, xmm8
;;      cmp rax, 1
;;      jno L1
;;      mov r11d, 0xdf000000
;;      movd xmm15, r11d
;;      ucomiss xmm8, xmm15
;;      jp L2
;;      jne L3
;; L1   pop r11
;;      ret
;; $i64.trunc_sat_f32_s
;;      cvttss2si rax, xmm8
;;      cmp rax, 1
;;      jno L2
;;      xorps xmm15, xmm15
;;      ucomiss xmm8, xmm15
;;      jp L1
;;      jb L2
;;      not rax
;;      jmp L2
;; L1   xor eax, eax
;; L2   pop r11
;;      ret
;; $i64.trunc_f32_u
;;      cvttss2si rax, xmm8
;;      test rax, rax
;;      jns L1
;;      mov r11d, 0x5f000000
;;      movd xmm15, r11d
;;      ucomiss xmm8, xmm15
;;      jp L2
;;      jb L3
;;      movaps xmm14, xmm8
;;      subss xmm14, xmm15
;;      cvttss2si rax, xmm14
;;      test rax, rax
;;      js L4
;;      bts rax, 0x3f
;; L1   pop r11
;;      ret
;; $i64.trunc_sat_f32_u
;;      cvttss2si rax, xmm8
;;      test rax, rax
;;      jns L1
;;      mov r11d, 0x5f000000
;;      movd xmm15, r11d
;;      ucomiss xmm8, xmm15
;;      mov eax, 0
;;      jb L1
;;      movaps xmm14, xmm8
;;      subss xmm14, xmm15
;;      cvttss2si rax, xmm14
;;      mov r11, rax
;;      sar r11, 0x3f
;;      or rax, r11
;;      bts rax, 0x3f
;; L1   pop r11
;;      ret
;; $i64.trunc_f64_s
;;      cvttsd2si rax, xmm8
;;      cmp rax, 1
;;      jno L1
;;      mov r11, 0xc3e0000000000000
;;      movq xmm15, r11
;;      ucomisd xmm8, xmm15
;;      jp L2
;;      jne L3
;; L1   pop r11
;;      ret
;; $i64.trunc_sat_f64_s
;;      cvttsd2si rax, xmm8
;;      cmp rax, 1
;;      jno L2
;;      xorps xmm15, xmm15
;;      ucomisd xmm8, xmm15
;;      jp L1
;;      jb L2
;;      not rax
;;      jmp L2
;; L1   xor eax, eax
;; L2   pop r11
;;      ret
;; $i64.trunc_f64_u
;;      cvttsd2si rax, xmm8
;;      test rax, rax
;;      jns L1
;;      mov r11, 0x43e0000000000000
;;      movq xmm15, r11
;;      ucomisd xmm8, xmm15
;;      jp L2
;;      jb L3
;;      movaps xmm14, xmm8
;;      subsd xmm14, xmm15
;;      cvttsd2si rax, xmm14
;;      test rax, rax
;;      js L4
;;      bts rax, 0x3f
;; L1   pop r11
;;      ret
;; $i64.trunc_sat_f64_u
;;      cvttsd2si rax, xmm8
;;      test rax, rax
;;      jns L1
;;      mov r11, 0x43e0000000000000
;;      movq xmm15, r11
;;      ucomisd xmm8, xmm15
;;      mov eax, 0
;;      jb L1
;;      movaps xmm14, xmm8
;;      subsd xmm14, xmm15
;;      cvttsd2si rax, xmm14
;;      mov r11, rax
;;      sar r11, 0x3f
;;      or rax, r11
;;      bts rax, 0x3f
;; L1   pop r11
;;      ret

;; arm64:
;; $i32.trunc_f32_s
;;      fcmp s8, s8
;;      b.vs L1
;;      fcvtzs x0, s8
;;      cmp x0, w0, sxtw
;;      b.ne L2
;;      mov w0, w0
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.trunc_sat_f32_s
;;      fcvtzs w0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.trunc_f32_u
;;      fcmp s8, s8
;;      b.vs L1
;;      fcvtzs x0, s8
;;      cmp x0, w0
;;      b.ne L2
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.trunc_sat_f32_u
;;      fcvtzu w0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.trunc_f64_s
;;      fcmp d8, d8
;;      b.vs L1
;;      fcvtzs x0, d8
;;      cmp x0, w0, sxtw
;;      b.ne L2
;;      mov w0, w0
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.trunc_sat_f64_s
;;      fcvtzs w0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.trunc_f64_u
;;      fcmp d8, d8
;;      b.vs L1
;;      fcvtzs x0, d8
;;      cmp x0, w0
;;      b.ne L2
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.trunc_sat_f64_u
;;      fcvtzu w0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.trunc_f32_s
;;      fcmp s8, s8
;;      b.vs L1
;;      fcvtzs x0, s8
;;      scvtf s31, x0
;;      frintz s30, s8
;;      fcmp s30, s31
;;      ccmn x0, #0x1, #0x1, eq
;;      b.vs L2
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.trunc_sat_f32_s
;;      fcvtzs x0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.trunc_f32_u
;;      fcmp s8, s8
;;      b.vs L1
;;      fcvtzu x0, s8
;;      ucvtf s31, x0
;;      frintz s30, s8
;;      fcmp s30, s31
;;      ccmn x0, #0x1, #0x2, eq
;;      b.hs L2
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.trunc_sat_f32_u
;;      fcvtzu x0, s8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.trunc_f64_s
;;      fcmp d8, d8
;;      b.vs L1
;;      fcvtzs x0, d8
;;      scvtf d31, x0
;;      frintz d30, d8
;;      fcmp d30, d31
;;      ccmn x0, #0x1, #0x1, eq
;;      b.vs L2
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.trunc_sat_f64_s
;;      fcvtzs x0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.trunc_f64_u
;;      fcmp d8, d8
;;      b.vs L1
;;      fcvtzu x0, d8
;;      ucvtf d31, x0
;;      frintz d30, d8
;;      fcmp d30, d31
;;      ccmn x0, #0x1, #0x2, eq
;;      b.hs L2
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.trunc_sat_f64_u
;;      fcvtzu x0, d8
;;      ldp x16, x30, [sp], #0x10
;;      ret
