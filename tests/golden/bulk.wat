;; Operations on memory that the dispatcher serves.
(module
  (memory 1)
  (data $d "abcd")
  (func $size (result i32)
    (memory.size))
  (func $grow (param i32) (result i32)
    (memory.grow (local.get 0)))
  (func $fill (param i32 i32 i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func $copy (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func $init (param i32 i32 i32)
    (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
  (func $drop
    (data.drop $d))
)

;; amd64:
;; $size
;;      mov r11, [r14]
;;      mov rax, [r11+0x28]
;;      shr rax, 0x10
;;      pop r11
;;      ret
;; $grow
;;      mov eax, [rsp]
;;      mov ecx, 0
;;      mov dword ptr [r14+0x14], 0
;;      call qword ptr [r14+0x78]
;;      mov eax, eax
;;      add rsp, 0x18
;;      ret
;; $fill
;;      mov edx, [rsp+0x10]
;;      mov ecx, [rsp+8]
;;      mov eax, [rsp]
;;      mov esi, 0
;;      mov dword ptr [r14+0x14], 1
;;      call qword ptr [r14+0x78]
;;      add rsp, 0x38
;;      ret
;; $copy
;;      mov edx, [rsp+0x10]
;;      mov ecx, [rsp+8]
;;      mov eax, [rsp]
;;      mov esi, 0
;;      mov edi, 0
;;      mov dword ptr [r14+0x14], 2
;;      call qword ptr [r14+0x78]
;;      add rsp, 0x38
;;      ret
;; $init
;;      mov edx, [rsp+0x10]
;;      mov ecx, [rsp+8]
;;      mov eax, [rsp]
;;      mov esi, 0
;;      mov edi, 0
;;      mov dword ptr [r14+0x14], 3
;;      call qword ptr [r14+0x78]
;;      add rsp, 0x38
;;      ret
;; $drop
;;      mov eax, 0
;;      mov dword ptr [r14+0x14], 4
;;      call qword ptr [r14+0x78]
;;      pop r11
;;      ret

;; arm64:
;; $size
;;      ldr x16, [x28]
;;      ldr x0, [x16, #0x28]
;;      lsr x0, x0, #0x10
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $grow
;;      ldr w0, [sp]
;;      mov w1, #0x0
;;      mov w16, #0x0
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      mov w0, w0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $fill
;;      ldr w2, [sp, #0x10]
;;      ldr w1, [sp, #0x8]
;;      ldr w0, [sp]
;;      mov w3, #0x0
;;      mov w16, #0x1
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldr x30, [sp, #0x38]
;;      add sp, sp, #0x40
;;      ret
;; $copy
;;      ldr w2, [sp, #0x10]
;;      ldr w1, [sp, #0x8]
;;      ldr w0, [sp]
;;      mov w3, #0x0
;;      mov w4, #0x0
;;      mov w16, #0x2
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldr x30, [sp, #0x38]
;;      add sp, sp, #0x40
;;      ret
;; $init
;;      ldr w2, [sp, #0x10]
;;      ldr w1, [sp, #0x8]
;;      ldr w0, [sp]
;;      mov w3, #0x0
;;      mov w4, #0x0
;;      mov w16, #0x3
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldr x30, [sp, #0x38]
;;      add sp, sp, #0x40
;;      ret
;; $drop
;;      mov w0, #0x0
;;      mov w16, #0x4
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldp x16, x30, [sp], #0x10
;;      ret
