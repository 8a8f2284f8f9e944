;; Float comparisons as values: false when unordered, `ne` aside.
(module
  (func $f32.eq (param f32 f32) (result i32)
    (f32.eq (local.get 0) (local.get 1)))
  (func $f32.ne (param f32 f32) (result i32)
    (f32.ne (local.get 0) (local.get 1)))
  (func $f32.lt (param f32 f32) (result i32)
    (f32.lt (local.get 0) (local.get 1)))
  (func $f32.gt (param f32 f32) (result i32)
    (f32.gt (local.get 0) (local.get 1)))
  (func $f32.le (param f32 f32) (result i32)
    (f32.le (local.get 0) (local.get 1)))
  (func $f32.ge (param f32 f32) (result i32)
    (f32.ge (local.get 0) (local.get 1)))
  (func $f64.eq (param f64 f64) (result i32)
    (f64.eq (local.get 0) (local.get 1)))
  (func $f64.ne (param f64 f64) (result i32)
    (f64.ne (local.get 0) (local.get 1)))
  (func $f64.lt (param f64 f64) (result i32)
    (f64.lt (local.get 0) (local.get 1)))
  (func $f64.gt (param f64 f64) (result i32)
    (f64.gt (local.get 0) (local.get 1)))
  (func $f64.le (param f64 f64) (result i32)
    (f64.le (local.get 0) (local.get 1)))
  (func $f64.ge (param f64 f64) (result i32)
    (f64.ge (local.get 0) (local.get 1)))
)

;; amd64:
;; $f32.eq
;;      ucomiss xmm8, xmm9
;;      setnp r11b
;;      sete al
;;      and al, r11b
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f32.ne
;;      ucomiss xmm8, xmm9
;;      setp r11b
;;      setne al
;;      or al, r11b
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f32.lt
;;      ucomiss xmm9, xmm8
;;      seta al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f32.gt
;;      ucomiss xmm8, xmm9
;;      seta al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f32.le
;;      ucomiss xmm9, xmm8
;;      setae al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f32.ge
;;      ucomiss xmm8, xmm9
;;      setae al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f64.eq
;;      ucomisd xmm8, xmm9
;;      setnp r11b
;;      sete al
;;      and al, r11b
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f64.ne
;;      ucomisd xmm8, xmm9
;;      setp r11b
;;      setne al
;;      or al, r11b
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f64.lt
;;      ucomisd xmm9, xmm8
;;      seta al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f64.gt
;;      ucomisd xmm8, xmm9
;;      seta al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f64.le
;;      ucomisd xmm9, xmm8
;;      setae al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret
;; $f64.ge
;;      ucomisd xmm8, xmm9
;;      setae al
;;      movzx eax, al
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $f32.eq
;;      fcmp s8, s9
;;      cset w0, eq
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.ne
;;      fcmp s8, s9
;;      cset w0, ne
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.lt
;;      fcmp s8, s9
;;      cset w0, mi
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.gt
;;      fcmp s8, s9
;;      cset w0, gt
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.le
;;      fcmp s8, s9
;;      cset w0, ls
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.ge
;;      fcmp s8, s9
;;      cset w0, ge
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.eq
;;      fcmp d8, d9
;;      cset w0, eq
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.ne
;;      fcmp d8, d9
;;      cset w0, ne
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.lt
;;      fcmp d8, d9
;;      cset w0, mi
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.gt
;;      fcmp d8, d9
;;      cset w0, gt
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.le
;;      fcmp d8, d9
;;      cset w0, ls
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.ge
;;      fcmp d8, d9
;;      cset w0, ge
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
