;; Calls: direct, of an import, through a table; arguments and results.
(module
  (import "m" "f" (func $imported (param i32) (result i32)))
  (type $t (func (param i32) (result i32)))
  (table 4 funcref)
  (func $direct (param i32) (result i32)
    (call $direct (local.get 0)))
  (func $import (param i32) (result i32)
    (call $imported (local.get 0)))
  (func $indirect (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 1)))
  (func $keeps (param i32 f64) (result i32)
    (drop (call $direct (local.get 0)))
    (drop (f64.add (local.get 1) (local.get 1)))
    (i32.add (call $direct (local.get 0)) (local.get 0)))
  (func $many (result i32)
    (call $takes_many (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)
      (i32.const 5) (i32.const 6) (i32.const 7) (i64.const 8) (f32.const 9)))
  (func $takes_many (param i32 i32 i32 i32 i32 i32 i32 i64 f32) (result i32)
    (i32.add (local.get 0) (local.get 6)))
  (func $pair (result i32 i64)
    (i32.const 1) (i64.const 2))
  (func $uses_pair (result i64) (local i64)
    (call $pair) (local.set 0) (i64.extend_i32_u) (i64.add (local.get 0)))
)

;; amd64:
;; $direct
;;      mov eax, [rsp]
;;      call function 1
;;      add rsp, 0x18
;;      ret
;; $import
;;      mov eax, [rsp]
;;      mov r11, [r14]
;;      mov r11, [r11+0x40]
;;      call qword ptr [r11]
;;      mov eax, eax
;;      add rsp, 0x18
;;      ret
;; $indirect
;;      mov r10d, [rsp+8]
;;      mov eax, [rsp]
;;      mov r11, [r14]
;;      cmp r10, [r11+0x38]
;;      jae L2
;;      mov r11, [r11+0x30]
;;      mov r11, [r11+r10*8]
;;      mov r10, [r14]
;;      mov r10d, [r10+0x10]
;;      cmp [r11+0x10], r10d
;;      jne L3
;;      call qword ptr [r11]
;;      mov eax, eax
;;      add rsp, 0x28
;;      ret
;; $keeps
;;      mov eax, ebx
;;      call function 1
;;      movsd xmm0, [rsp]
;;      addsd xmm0, [rsp]
;;      mov eax, ebx
;;      call function 1
;;      add eax, ebx
;;      mov rbx, [rsp+0x20]
;;      add rsp, 0x28
;;      ret
;; $many
;;      mov r11d, 0x41100000
;;      movd xmm0, r11d
;;      mov qword ptr [r14+0x178], 8
;;      mov dword ptr [r14+0x170], 7
;;      mov r8d, 6
;;      mov edi, 5
;;      mov esi, 4
;;      mov edx, 3
;;      mov ecx, 2
;;      mov eax, 1
;;      call function 6
;;      add rsp, 0x48
;;      ret
;; $takes_many
;;      lea eax, [r8+rdi]
;;      add rsp, 0x18
;;      ret
;; $pair
;;      mov ecx, 2
;;      mov eax, 1
;;      add rsp, 0x18
;;      ret
;; $uses_pair
;;      call function 7
;;      mov [rsp], rcx
;;      add rax, rcx
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $direct
;;      ldr w0, [sp]
;;      bl function 1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $import
;;      ldr w0, [sp]
;;      ldr x16, [x28]
;;      ldr x17, [x16, #0x40]
;;      ldr x16, [x17]
;;      blr x16
;;      mov w0, w0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $indirect
;;      ldr w15, [sp, #0x8]
;;      ldr w0, [sp]
;;      ldr x30, [x28]
;;      ldp x16, x17, [x30, #0x30]
;;      cmp x15, x17
;;      b.hs L2
;;      ldr x17, [x16, x15, lsl #3]
;;      ldr w15, [x30, #0x10]
;;      ldr w16, [x17, #0x10]
;;      cmp w16, w15
;;      b.ne L3
;;      ldr x16, [x17]
;;      blr x16
;;      mov w0, w0
;;      ldr x30, [sp, #0x28]
;;      add sp, sp, #0x30
;;      ret
;; $keeps
;;      mov w0, w19
;;      bl function 1
;;      ldr d0, [sp]
;;      fadd d1, d0, d0
;;      mov w0, w19
;;      bl function 1
;;      add w0, w0, w19
;;      ldp x19, x30, [sp, #0x20]
;;      add sp, sp, #0x30
;;      ret
;; $many
;;      fmov s0, #9.0
;;      mov w17, #0x8
;;      str x17, [x28, #0x178]
;;      mov w17, #0x7
;;      str w17, [x28, #0x170]
;;      mov w5, #0x6
;;      mov w4, #0x5
;;      mov w3, #0x4
;;      mov w2, #0x3
;;      mov w1, #0x2
;;      mov w0, #0x1
;;      bl function 6
;;      ldr x30, [sp, #0x48]
;;      add sp, sp, #0x50
;;      ret
;; $takes_many
;;      add w0, w1, w2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $pair
;;      mov w1, #0x2
;;      mov w0, #0x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $uses_pair
;;      bl function 7
;;      str x1, [sp]
;;      add x0, x0, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
