;; Constants and locals.
(module
  (func $i32.const (result i32)
    (i32.const -5))
  (func $i64.const (result i64)
    (i64.const 0x123456789abcdef0))
  (func $f32.const (result f32)
    (f32.const 1.5))
  (func $f64.const (result f64)
    (f64.const 0x1.8p+0))
  (func $f64.zero (result f64)
    (f64.const 0))
  (func $i64.minus_one (result i64)
    (i64.const -1))
  (func $local.tee (param i32 i32) (result i32)
    (i32.add (local.tee 1 (i32.add (local.get 0) (i32.const 1))) (local.get 1)))
  (func $pending (param i32) (result i32)
    (local.get 0) (local.set 0 (i32.const 9)) (i32.add (local.get 0)))
  (func $swap (param i64 i64) (result i64 i64)
    (local.get 1) (local.get 0))
  (func $drop (param i32)
    (drop (i32.add (local.get 0) (i32.const 1))))
  (func $zeroed (result i32) (local i32 i64 f32 f64)
    (i32.wrap_i64 (local.get 1)))
)

;; amd64:
;; $i32.const
;;      mov eax, 0xfffffffb
;;      pop r11
;;      ret
;; $i64.const
;;      mov rax, 0x123456789abcdef0
;;      pop r11
;;      ret
;; $f32.const
;;      mov r11d, 0x3fc00000
;;      movd xmm0, r11d
;;      pop r11
;;      ret
;; $f64.const
;;      mov r11, 0x3ff8000000000000
;;      movq xmm0, r11
;;      pop r11
;;      ret
;; $f64.zero
;;      xorps xmm0, xmm0
;;      pop r11
;;      ret
;; $i64.minus_one
;;      mov rax, 0xffffffffffffffff
;;      pop r11
;;      ret
;; $local.tee
;;      lea r8d, [rdi+1]
;;      lea eax, [r8+r8]
;;      add rsp, 0x18
;;      ret
;; $pending
;;      mov eax, r8d
;;      mov r8d, 9
;;      add eax, r8d
;;      add rsp, 0x18
;;      ret
;; $swap
;;      mov rcx, r8
;;      mov rax, rdi
;;      add rsp, 0x18
;;      ret
;; $drop
;;      lea eax, [r8+1]
;;      add rsp, 0x18
;;      ret
;; $zeroed
;;      mov eax, r8d
;;      pop r11
;;      ret

;; arm64:
;; $i32.const
;;      mov w0, #0xfffffffb
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.const
;;      mov x0, #0xdef0
;;      movk x0, #0x9abc, lsl #16
;;      movk x0, #0x5678, lsl #32
;;      movk x0, #0x1234, lsl #48
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.const
;;      fmov s0, #1.5
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.const
;;      fmov d0, #1.5
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.zero
;;      movi d0, #0x0
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.minus_one
;;      mov x0, #0xffffffffffffffff
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $local.tee
;;      add w1, w2, #0x1
;;      add w0, w1, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $pending
;;      mov w0, w1
;;      mov w1, #0x9
;;      add w0, w0, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $swap
;;      mov x0, x1
;;      mov x1, x2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $drop
;;      add w0, w1, #0x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $zeroed
;;      mov w0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
