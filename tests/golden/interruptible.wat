;; Code that other threads can stop: checks of loops and entries, and their ways to the dispatcher.
;;! interruptible whole
(module
  (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $calls (param i32) (result i32) (call $leaf (call $leaf (local.get 0))))
  (func $loops (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (loop)
    (local.get 0))
  ;; A short loop has copies, which its check serves too.
  (func $short (param i32 i32)
    (block (loop
      (br_if 1 (i32.ge_u (local.get 0) (local.get 1)))
      (local.set 0 (i32.mul (local.get 0) (i32.const 5)))
      (local.set 1 (i32.xor (local.get 1) (local.get 0)))
      (local.set 1 (i32.add (local.get 1) (i32.const 9)))
      (local.set 0 (i32.shl (local.get 0) (local.get 1)))
      (br 0))))
)

;; amd64:
;; $leaf
;;      sub rsp, 0x18
;;      mov r8d, eax
;;      lea eax, [r8+1]
;;      add rsp, 0x18
;;      ret
;; $calls
;;      cmp rsp, [r14+8]
;;      jb L2
;; L1   sub rsp, 0x18
;;      mov [rsp], eax
;;      mov eax, [rsp]
;;      call function 0
;;      call function 0
;;      add rsp, 0x18
;;      ret
;; L2   push rax
;;      mov dword ptr [r14+0x10], 6
;;      call qword ptr [r14+0xa8]
;;      pop r11
;;      jmp L1
;; $loops
;;      sub rsp, 0x18
;;      mov r8d, eax
;;      nop [rax+rax]
;;      nop [rax+rax]
;;      nop [rax]
;; L1   cmp r14, [r14+0x18]
;;      jb L4
;; L2   dec r8d
;;      je L3
;;      dec r8d
;;      je L3
;;      dec r8d
;;      jne L1
;; L3   mov eax, r8d
;;      add rsp, 0x18
;;      ret
;; L4   mov dword ptr [r14+0x10], 5
;;      call qword ptr [r14+0xa8]
;;      jmp L2
;; $short
;;      sub rsp, 0x18
;;      mov r8d, eax
;;      mov edi, ecx
;;      nop [rax+rax]
;;      nop [rax+rax]
;;      nop [rax+rax]
;; L1   cmp r14, [r14+0x18]
;;      jb L4
;; L2   cmp r8d, edi
;;      jae L3
;;      lea r8d, [r8+r8*4]
;;      xor edi, r8d
;;      add edi, 9
;;      mov ecx, edi
;;      shl r8d, cl
;;      cmp r8d, edi
;;      jae L3
;;      lea r8d, [r8+r8*4]
;;      xor edi, r8d
;;      add edi, 9
;;      mov ecx, edi
;;      shl r8d, cl
;;      jmp L1
;; L3   add rsp, 0x18
;;      ret
;; L4   mov dword ptr [r14+0x10], 5
;;      call qword ptr [r14+0xa8]
;;      jmp L2

;; arm64:
;; $leaf
;;      sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      mov w1, w0
;;      add w0, w1, #0x1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $calls
;;      ldr x16, [x28, #0x8]
;;      cmp sp, x16
;;      b.lo L2
;; L1   sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      str w0, [sp]
;;      ldr w0, [sp]
;;      bl function 0
;;      bl function 0
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L2   stp xzr, x30, [sp, #-0x10]!
;;      mov w16, #0x6
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      ldp x16, x30, [sp], #0x10
;;      b L1
;; $loops
;;      sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      mov w1, w0
;; L1   ldr w16, [x28, #0x18]
;;      cbnz w16, L4
;; L2   sub w1, w1, #0x1
;;      cbz w1, L3
;;      sub w1, w1, #0x1
;;      cbz w1, L3
;;      sub w1, w1, #0x1
;;      cbnz w1, L1
;; L3   mov w0, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L4   mov w16, #0x5
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      b L2
;; $short
;;      sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      mov w2, w0
;; L1   ldr w16, [x28, #0x18]
;;      cbnz w16, L4
;; L2   cmp w2, w1
;;      b.hs L3
;;      mov w0, #0x5
;;      mul w2, w2, w0
;;      eor w1, w1, w2
;;      add w1, w1, #0x9
;;      lsl w2, w2, w1
;;      cmp w2, w1
;;      b.hs L3
;;      mov w0, #0x5
;;      mul w2, w2, w0
;;      eor w1, w1, w2
;;      add w1, w1, #0x9
;;      lsl w2, w2, w1
;;      b L1
;; L3   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L4   mov w16, #0x5
;;      str w16, [x28, #0x10]
;;      ldr x16, [x28, #0xa8]
;;      blr x16
;;      b L2
