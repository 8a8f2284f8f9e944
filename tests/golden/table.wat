;; Tables and references.
(module
  (table $t 4 funcref)
  (table $e 4 externref)
  (elem $s func $size)
  (func $get (param i32) (result externref)
    (table.get $e (local.get 0)))
  (func $set (param i32 externref)
    (table.set $e (local.get 0) (local.get 1)))
  (func $get_func (param i32) (result funcref)
    (table.get $t (local.get 0)))
  (func $size (result i32)
    (table.size $t))
  (func $grow (param i32) (result i32)
    (table.grow $t (ref.null func) (local.get 0)))
  (func $fill (param i32 i32)
    (table.fill $t (local.get 0) (ref.func $size) (local.get 1)))
  (func $copy (param i32 i32 i32)
    (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
  (func $init (param i32 i32 i32)
    (table.init $t $s (local.get 0) (local.get 1) (local.get 2)))
  (func $drop
    (elem.drop $s))
  (func $null (result externref)
    (ref.null extern))
  (func $is_null (param externref) (result i32)
    (ref.is_null (local.get 0)))
  (func $func (result funcref)
    (ref.func $size))
)

;; amd64:
;; $get
;;      mov eax, [rsp]
;;      mov ecx, 1
;;      mov dword ptr [r14+0x14], 5
;;      call qword ptr [r14+0x78]
;;      add rsp, 0x18
;;      ret
;; $set
;;      mov rcx, [rsp+8]
;;      mov eax, [rsp]
;;      mov edx, 1
;;      mov dword ptr [r14+0x14], 6
;;      call qword ptr [r14+0x78]
;;      add rsp, 0x28
;;      ret
;; $get_func
;;      mov eax, [rsp]
;;      mov ecx, 0
;;      mov dword ptr [r14+0x14], 5
;;      call qword ptr [r14+0x78]
;;      add rsp, 0x18
;;      ret
;; $size
;;      mov eax, 0
;;      mov dword ptr [r14+0x14], 7
;;      call qword ptr [r14+0x78]
;;      mov eax, eax
;;      pop r11
;;      ret
;; $grow
;;      mov ecx, [rsp]
;;      mov eax, 0
;;      mov edx, 0
;;      mov dword ptr [r14+0x14], 8
;;      call qword ptr [r14+0x78]
;;      mov eax, eax
;;      add rsp, 0x18
;;      ret
;; $fill
;;      mov r11, [r14]
;;      lea rax, [r11+0x60]
;;      mov edx, [rsp+8]
;;      mov rcx, rax
;;      mov eax, [rsp]
;;      mov esi, 0
;;      mov dword ptr [r14+0x14], 9
;;      call qword ptr [r14+0x78]
;;      add rsp, 0x28
;;      ret
;; $copy
;;      mov edx, [rsp+0x10]
;;      mov ecx, [rsp+8]
;;      mov eax, [rsp]
;;      mov esi, 0
;;      mov edi, 0
;;      mov dword ptr [r14+0x14], 0xa
;;      call qword ptr [r14+0x78]
;;      add rsp, 0x38
;;      ret
;; $init
;;      mov edx, [rsp+0x10]
;;      mov ecx, [rsp+8]
;;      mov eax, [rsp]
;;      mov esi, 0
;;      mov edi, 0
;;      mov dword ptr [r14+0x14], 0xb
;;      call qword ptr [r14+0x78]
;;      add rsp, 0x38
;;      ret
;; $drop
;;      mov eax, 0
;;      mov dword ptr [r14+0x14], 0xc
;;      call qword ptr [r14+0x78]
;;      pop r11
;;      ret
;; $null
;;      mov eax, 0
;;      pop r11
;;      ret
;; $is_null
;;      test r8, r8
;;      sete al
;;      movzx eax, al
;;      pop r11
;;      ret
;; $func
;;      mov r11, [r14]
;;      lea rax, [r11+0x60]
;;      pop r11
;;      ret

;; arm64:
;; $get
;;      ldr w0, [sp]
;;      mov w1, #0x1
;;      mov w16, #0x5
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $set
;;      ldr x1, [sp, #0x8]
;;      ldr w0, [sp]
;;      mov w2, #0x1
;;      mov w16, #0x6
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldr x30, [sp, #0x28]
;;      add sp, sp, #0x30
;;      ret
;; $get_func
;;      ldr w0, [sp]
;;      mov w1, #0x0
;;      mov w16, #0x5
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $size
;;      mov w0, #0x0
;;      mov w16, #0x7
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      mov w0, w0
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $grow
;;      ldr w1, [sp]
;;      mov w0, #0x0
;;      mov w2, #0x0
;;      mov w16, #0x8
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      mov w0, w0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $fill
;;      ldr x16, [x28]
;;      add x0, x16, #0x60
;;      ldr w2, [sp, #0x8]
;;      mov x1, x0
;;      ldr w0, [sp]
;;      mov w3, #0x0
;;      mov w16, #0x9
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldr x30, [sp, #0x28]
;;      add sp, sp, #0x30
;;      ret
;; $copy
;;      ldr w2, [sp, #0x10]
;;      ldr w1, [sp, #0x8]
;;      ldr w0, [sp]
;;      mov w3, #0x0
;;      mov w4, #0x0
;;      mov w16, #0xa
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
;;      mov w16, #0xb
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldr x30, [sp, #0x38]
;;      add sp, sp, #0x40
;;      ret
;; $drop
;;      mov w0, #0x0
;;      mov w16, #0xc
;;      str w16, [x28, #0x14]
;;      ldr x16, [x28, #0x78]
;;      blr x16
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $null
;;      mov w0, #0x0
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $is_null
;;      cmp x1, #0x0
;;      cset w0, eq
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $func
;;      ldr x16, [x28]
;;      add x0, x16, #0x60
;;      ldp x16, x30, [sp], #0x10
;;      ret
