;; Globals of the module and imported ones.
(module
  (import "m" "g" (global $imported (mut i32)))
  (import "m" "c" (global $const i32))
  (global $i32 (mut i32) (i32.const 0))
  (global $i64 (mut i64) (i64.const 0))
  (global $f32 (mut f32) (f32.const 0))
  (global $f64 (mut f64) (f64.const 0))
  (func $i32.get (result i32)
    (global.get $i32))
  (func $i32.set (param i32)
    (global.set $i32 (local.get 0)))
  (func $i64.get (result i64)
    (global.get $i64))
  (func $i64.set (param i64)
    (global.set $i64 (local.get 0)))
  (func $f32.get (result f32)
    (global.get $f32))
  (func $f32.set (param f32)
    (global.set $f32 (local.get 0)))
  (func $f64.get (result f64)
    (global.get $f64))
  (func $f64.set (param f64)
    (global.set $f64 (local.get 0)))
  (func $imported (param i32) (result i32)
    (global.set $imported (local.get 0)) (i32.add (global.get $imported) (global.get $const)))
  (func $add
    (global.set $i32 (i32.add (global.get $i32) (i32.const 1))))
)

;; amd64:
;; $i32.get
;;      mov r11, [r14]
;;      mov eax, [r11+0x60]
;;      pop r11
;;      ret
;; $i32.set
;;      mov r11, [r14]
;;      mov [r11+0x60], r8d
;;      pop r11
;;      ret
;; $i64.get
;;      mov r11, [r14]
;;      mov rax, [r11+0x70]
;;      pop r11
;;      ret
;; $i64.set
;;      mov r11, [r14]
;;      mov [r11+0x70], r8
;;      pop r11
;;      ret
;; $f32.get
;;      mov r11, [r14]
;;      movss xmm0, [r11+0x80]
;;      pop r11
;;      ret
;; $f32.set
;;      mov r11, [r14]
;;      movss [r11+0x80], xmm8
;;      pop r11
;;      ret
;; $f64.get
;;      mov r11, [r14]
;;      movsd xmm0, [r11+0x90]
;;      pop r11
;;      ret
;; $f64.set
;;      mov r11, [r14]
;;      movsd [r11+0x90], xmm8
;;      pop r11
;;      ret
;; $imported
;;      mov r11, [r14]
;;      mov r11, [r11+0x40]
;;      mov [r11], r8d
;;      mov r11, [r14]
;;      mov r11, [r11+0x40]
;;      mov eax, [r11]
;;      mov r11, [r14]
;;      mov r11, [r11+0x50]
;;      mov ecx, [r11]
;;      add eax, ecx
;;      add rsp, 0x18
;;      ret
;; $add
;;      mov r11, [r14]
;;      mov eax, [r11+0x60]
;;      inc eax
;;      mov r11, [r14]
;;      mov [r11+0x60], eax
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $i32.get
;;      ldr x16, [x28]
;;      ldr w0, [x16, #0x60]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.set
;;      ldr x16, [x28]
;;      str w1, [x16, #0x60]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.get
;;      ldr x16, [x28]
;;      ldr x0, [x16, #0x70]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.set
;;      ldr x16, [x28]
;;      str x1, [x16, #0x70]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.get
;;      ldr x16, [x28]
;;      ldr s0, [x16, #0x80]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.set
;;      ldr x16, [x28]
;;      str s8, [x16, #0x80]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.get
;;      ldr x16, [x28]
;;      ldr d0, [x16, #0x90]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.set
;;      ldr x16, [x28]
;;      str d8, [x16, #0x90]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $imported
;;      ldr x16, [x28]
;;      ldr x16, [x16, #0x40]
;;      str w1, [x16]
;;      ldr x16, [x28]
;;      ldr x16, [x16, #0x40]
;;      ldr w0, [x16]
;;      ldr x16, [x28]
;;      ldr x16, [x16, #0x50]
;;      ldr w2, [x16]
;;      add w0, w0, w2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $add
;;      ldr x16, [x28]
;;      ldr w0, [x16, #0x60]
;;      add w0, w0, #0x1
;;      ldr x16, [x28]
;;      str w0, [x16, #0x60]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
