;; Shifts and rotations: a count in a register, and constant ones.
(module
  (func $i32.shl (param i32 i32) (result i32)
    (i32.shl (local.get 0) (local.get 1)))
  (func $i32.shr_s (param i32 i32) (result i32)
    (i32.shr_s (local.get 0) (local.get 1)))
  (func $i32.shr_u (param i32 i32) (result i32)
    (i32.shr_u (local.get 0) (local.get 1)))
  (func $i32.rotl (param i32 i32) (result i32)
    (i32.rotl (local.get 0) (local.get 1)))
  (func $i32.rotr (param i32 i32) (result i32)
    (i32.rotr (local.get 0) (local.get 1)))
  (func $i64.shl (param i64 i64) (result i64)
    (i64.shl (local.get 0) (local.get 1)))
  (func $i64.shr_s (param i64 i64) (result i64)
    (i64.shr_s (local.get 0) (local.get 1)))
  (func $i64.shr_u (param i64 i64) (result i64)
    (i64.shr_u (local.get 0) (local.get 1)))
  (func $i64.rotl (param i64 i64) (result i64)
    (i64.rotl (local.get 0) (local.get 1)))
  (func $i64.rotr (param i64 i64) (result i64)
    (i64.rotr (local.get 0) (local.get 1)))
  (func $i32.shl_const (param i32) (result i32)
    (i32.shl (local.get 0) (i32.const 5)))
  (func $i32.rotl_const (param i32) (result i32)
    (i32.rotl (local.get 0) (i32.const 5)))
  (func $i64.shr_u_const (param i64) (result i64)
    (i64.shr_u (local.get 0) (i64.const 63)))
  (func $i32.shl_one_by (param i32) (result i32)
    (i32.shl (i32.const 1) (local.get 0)))
)

;; amd64:
;; $i32.shl
;;      mov ecx, edi
;;      mov eax, r8d
;;      shl eax, cl
;;      add rsp, 0x18
;;      ret
;; $i32.shr_s
;;      mov ecx, edi
;;      mov eax, r8d
;;      sar eax, cl
;;      add rsp, 0x18
;;      ret
;; $i32.shr_u
;;      mov ecx, edi
;;      mov eax, r8d
;;      shr eax, cl
;;      add rsp, 0x18
;;      ret
;; $i32.rotl
;;      mov ecx, edi
;;      mov eax, r8d
;;      rol eax, cl
;;      add rsp, 0x18
;;      ret
;; $i32.rotr
;;      mov ecx, edi
;;      mov eax, r8d
;;      ror eax, cl
;;      add rsp, 0x18
;;      ret
;; $i64.shl
;;      mov rcx, rdi
;;      mov rax, r8
;;      shl rax, cl
;;      add rsp, 0x18
;;      ret
;; $i64.shr_s
;;      mov rcx, rdi
;;      mov rax, r8
;;      sar rax, cl
;;      add rsp, 0x18
;;      ret
;; $i64.shr_u
;;      mov rcx, rdi
;;      mov rax, r8
;;      shr rax, cl
;;      add rsp, 0x18
;;      ret
;; $i64.rotl
;;      mov rcx, rdi
;;      mov rax, r8
;;      rol rax, cl
;;      add rsp, 0x18
;;      ret
;; $i64.rotr
;;      mov rcx, rdi
;;      mov rax, r8
;;      ror rax, cl
;;      add rsp, 0x18
;;      ret
;; $i32.shl_const
;;      mov eax, r8d
;;      shl eax, 5
;;      add rsp, 0x18
;;      ret
;; $i32.rotl_const
;;      mov eax, r8d
;;      rol eax, 5
;;      add rsp, 0x18
;;      ret
;; $i64.shr_u_const
;;      mov rax, r8
;;      shr rax, 0x3f
;;      add rsp, 0x18
;;      ret
;; $i32.shl_one_by
;;      mov ecx, r8d
;;      mov eax, 1
;;      shl eax, cl
;;      add rsp, 0x18
;;      ret

;; arm64:
;; $i32.shl
;;      lsl w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.shr_s
;;      asr w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.shr_u
;;      lsr w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.rotl
;;      neg w16, w1
;;      ror w0, w2, w16
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.rotr
;;      ror w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.shl
;;      lsl x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.shr_s
;;      asr x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.shr_u
;;      lsr x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.rotl
;;      neg w16, w1
;;      ror x0, x2, x16
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.rotr
;;      ror x0, x2, x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.shl_const
;;      lsl w0, w1, #0x5
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.rotl_const
;;      ror w0, w1, #0x1b
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.shr_u_const
;;      lsr x0, x1, #0x3f
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.shl_one_by
;;      mov w0, #0x1
;;      lsl w0, w0, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
