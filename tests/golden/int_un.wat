;; Integer operators with one operand, on the baseline of each machine.
(module
  (func $i32.clz (param i32) (result i32)
    (i32.clz (local.get 0)))
  (func $i32.ctz (param i32) (result i32)
    (i32.ctz (local.get 0)))
  (func $i32.popcnt (param i32) (result i32)
    (i32.popcnt (local.get 0)))
  (func $i32.extend8_s (param i32) (result i32)
    (i32.extend8_s (local.get 0)))
  (func $i32.extend16_s (param i32) (result i32)
    (i32.extend16_s (local.get 0)))
  (func $i64.clz (param i64) (result i64)
    (i64.clz (local.get 0)))
  (func $i64.ctz (param i64) (result i64)
    (i64.ctz (local.get 0)))
  (func $i64.popcnt (param i64) (result i64)
    (i64.popcnt (local.get 0)))
  (func $i64.extend8_s (param i64) (result i64)
    (i64.extend8_s (local.get 0)))
  (func $i64.extend16_s (param i64) (result i64)
    (i64.extend16_s (local.get 0)))
  (func $i64.extend32_s (param i64) (result i64)
    (i64.extend32_s (local.get 0)))
)

;; amd64:
;; $i32.clz
;;      mov r11d, 0x3f
;;      bsr eax, r8d
;;      cmove eax, r11d
;;      xor eax, 0x1f
;;      pop r11
;;      ret
;; $i32.ctz
;;      mov r11d, 0x20
;;      bsf eax, r8d
;;      cmove eax, r11d
;;      pop r11
;;      ret
;; $i32.popcnt
;;      mov r10d, r8d
;;      shr r10d, 1
;;      mov r11d, 0x55555555
;;      and r10d, r11d
;;      mov eax, r8d
;;      sub eax, r10d
;;      mov r11d, 0x33333333
;;      mov r10d, eax
;;      shr r10d, 2
;;      and r10d, r11d
;;      and eax, r11d
;;      add eax, r10d
;;      mov r10d, eax
;;      shr r10d, 4
;;      add eax, r10d
;;      mov r11d, 0xf0f0f0f
;;      and eax, r11d
;;      mov r11d, 0x1010101
;;      imul eax, r11d
;;      shr eax, 0x18
;;      pop r11
;;      ret
;; $i32.extend8_s
;;      movsx eax, r8b
;;      pop r11
;;      ret
;; $i32.extend16_s
;;      movsx eax, r8w
;;      pop r11
;;      ret
;; $i64.clz
;;      mov r11d, 0x7f
;;      bsr rax, r8
;;      cmove rax, r11
;;      xor rax, 0x3f
;;      pop r11
;;      ret
;; $i64.ctz
;;      mov r11d, 0x40
;;      bsf rax, r8
;;      cmove rax, r11
;;      pop r11
;;      ret
;; $i64.popcnt
;;      mov r10, r8
;;      shr r10, 1
;;      mov r11, 0x5555555555555555
;;      and r10, r11
;;      mov rax, r8
;;      sub rax, r10
;;      mov r11, 0x3333333333333333
;;      mov r10, rax
;;      shr r10, 2
;;      and r10, r11
;;      and rax, r11
;;      add rax, r10
;;      mov r10, rax
;;      shr r10, 4
;;      add rax, r10
;;      mov r11, 0xf0f0f0f0f0f0f0f
;;      and rax, r11
;;      mov r11, 0x101010101010101
;;      imul rax, r11
;;      shr rax, 0x38
;;      pop r11
;;      ret
;; $i64.extend8_s
;;      movsx rax, r8b
;;      pop r11
;;      ret
;; $i64.extend16_s
;;      movsx rax, r8w
;;      pop r11
;;      ret
;; $i64.extend32_s
;;      movsxd rax, r8d
;;      pop r11
;;      ret

;; arm64:
;; $i32.clz
;;      clz w0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.ctz
;;      rbit w0, w1
;;      clz w0, w0
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.popcnt
;;      fmov s30, w1
;;      cnt v30.8b, v30.8b
;;      addv b30, v30.8b
;;      fmov w0, s30
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.extend8_s
;;      sxtb w0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.extend16_s
;;      sxth w0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.clz
;;      clz x0, x1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.ctz
;;      rbit x0, x1
;;      clz x0, x0
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.popcnt
;;      fmov d30, x1
;;      cnt v30.8b, v30.8b
;;      addv b30, v30.8b
;;      fmov w0, s30
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.extend8_s
;;      sxtb x0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.extend16_s
;;      sxth x0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.extend32_s
;;      sxtw x0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
