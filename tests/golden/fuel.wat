;; Regions that pay, and their way to the dispatcher.
;;! fuel whole
(module
  (import "host" "f" (func $host))
  (func $add (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $loops (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0))
  (func $arms (param i32) (result i32)
    (call $host)
    (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.popcnt (local.get 0)))))
)

;; amd64:
;; $add
;;      sub rsp, 0x18
;;      mov r8d, eax
;; L1   sub r12, 3
;;      jb L2
;;      lea eax, [r8+1]
;;      add rsp, 0x18
;;      ret
;; L2   mov dword ptr [r14+0x14], 3
;;      mov dword ptr [r14+0x10], 7
;;      call qword ptr [r14+0xa8]
;;      jmp L1
;; $loops
;;      sub rsp, 0x18
;;      mov r8d, eax
;;      nop [rax+rax]
;;      nop [rax+rax]
;;      nop [rax]
;; L1   sub r12, 5
;;      jb L3
;;      dec r8d
;;      jne L1
;; L2   sub r12, 1
;;      jb L4
;;      mov eax, r8d
;;      add rsp, 0x18
;;      ret
;; L3   mov dword ptr [r14+0x14], 5
;;      mov dword ptr [r14+0x10], 7
;;      call qword ptr [r14+0xa8]
;;      jmp L1
;; L4   mov dword ptr [r14+0x14], 1
;;      mov dword ptr [r14+0x10], 7
;;      call qword ptr [r14+0xa8]
;;      jmp L2
;; $arms
;;      cmp rsp, [r14+8]
;;      jb L6
;;      sub rsp, 0x18
;;      mov [rsp], eax
;; L1   sub r12, 1
;;      jb L7
;;      mov r11, [r14]
;;      mov r11, [r11+0x20]
;;      call qword ptr [r11]
;; L2   sub r12, 2
;;      jb L8
;;      mov eax, [rsp]
;;      test eax, eax
;;      je L4
;; L3   sub r12, 1
;;      jb L9
;;      mov eax, 1
;;      jmp L5
;; L4   sub r12, 2
;;      jb L10
;;      mov eax, [rsp]
;;      mov r10d, eax
;;      shr r10d, 1
;;      mov r11d, 0x55555555
;;      and r10d, r11d
;;      mov ecx, eax
;;      sub ecx, r10d
;;      mov r11d, 0x33333333
;;      mov r10d, ecx
;;      shr r10d, 2
;;      and r10d, r11d
;;      and ecx, r11d
;;      add ecx, r10d
;;      mov r10d, ecx
;;      shr r10d, 4
;;      add ecx, r10d
;;      mov r11d, 0xf0f0f0f
;;      and ecx, r11d
;;      mov r11d, 0x1010101
;;      imul ecx, r11d
;;      shr ecx, 0x18
;;      mov eax, ecx
;; L5   add rsp, 0x18
;;      ret
;; L6   call qword ptr [r14+0x68]
;; L7   mov dword ptr [r14+0x14], 1
;;      mov dword ptr [r14+0x10], 7
;;      call qword ptr [r14+0xa8]
;;      jmp L1
;; L8   mov dword ptr [r14+0x14], 2
;;      mov dword ptr [r14+0x10], 7
;;      call qword ptr [r14+0xa8]
;;      jmp L2
;; L9   mov dword ptr [r14+0x14], 1
;;      mov dword ptr [r14+0x10], 7
;;      call qword ptr [r14+0xa8]
;;      jmp L3
;; L10  mov dword ptr [r14+0x14], 2
;;      mov dword ptr [r14+0x10], 7
;;      call qword ptr [r14+0xa8]
;;      jmp L4

;; arm64:
;; $add
;;      sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      mov w1, w0
;; L1   subs x25, x25, #0x3
;;      b.lo L2
;;      add w0, w1, #0x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L2   mov w17, #0x3
;;      str w17, [x28, #0x14]
;;      mov w16, #0x7
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      b L1
;; $loops
;;      sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      mov w1, w0
;; L1   subs x25, x25, #0x5
;;      b.lo L3
;;      sub w1, w1, #0x1
;;      cbnz w1, L1
;; L2   subs x25, x25, #0x1
;;      b.lo L4
;;      mov w0, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L3   mov w17, #0x5
;;      str w17, [x28, #0x14]
;;      mov w16, #0x7
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      b L1
;; L4   mov w17, #0x1
;;      str w17, [x28, #0x14]
;;      mov w16, #0x7
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      b L2
;; $arms
;;      ldr x16, [x28, #0x8]
;;      cmp sp, x16
;;      b.lo L6
;;      sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      str w0, [sp]
;; L1   subs x25, x25, #0x1
;;      b.lo L7
;;      ldr x16, [x28]
;;      ldr x17, [x16, #0x20]
;;      ldr x16, [x17]
;;      blr x16
;; L2   subs x25, x25, #0x2
;;      b.lo L8
;;      ldr w0, [sp]
;;      cbz w0, L4
;; L3   subs x25, x25, #0x1
;;      b.lo L9
;;      mov w0, #0x1
;;      b L5
;; L4   subs x25, x25, #0x2
;;      b.lo L10
;;      ldr w0, [sp]
;;      fmov s30, w0
;;      cnt v30.8b, v30.8b
;;      addv b30, v30.8b
;;      fmov w1, s30
;;      mov w0, w1
;; L5   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L6   mov x17, x30
;;      ldr x16, [x28, #0x68]
;;      blr x16
;; L7   mov w17, #0x1
;;      str w17, [x28, #0x14]
;;      mov w16, #0x7
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      b L1
;; L8   mov w17, #0x2
;;      str w17, [x28, #0x14]
;;      mov w16, #0x7
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      b L2
;; L9   mov w17, #0x1
;;      str w17, [x28, #0x14]
;;      mov w16, #0x7
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      b L3
;; L10  mov w17, #0x2
;;      str w17, [x28, #0x14]
;;      mov w16, #0x7
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      b L4
