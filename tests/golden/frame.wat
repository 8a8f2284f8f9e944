;; Whole functions: entries, prologues, epilogues, stubs.
;;! whole
(module
  (func $small (param i32) (result i32)
    (local.get 0))
  (func $calls (param i32 i32) (result i32)
    (drop (call $small (local.get 0))) (i32.add (call $small (local.get 1)) (local.get 0)))
  (func $pins (param $n i32) (result i32) (local $a i32) (local $b i32)
    (loop
      (local.set $a (call $small (i32.add (local.get $a) (local.get $b))))
      (local.set $b (i32.add (local.get $b) (local.get $a)))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $b))
  (func $large (param i64) (result i64) (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (drop (call $small (i32.const 0)))
    (local.get 399))
  (func $traps (param i32 i32) (result i32)
    (i32.div_u (local.get 0) (local.get 1)))
  (func $exported (export "exported") (param i32) (result i32)
    (call $exported (local.get 0)))
)

;; amd64:
;; $small
;;      push rax
;;      mov r8d, eax
;;      mov eax, r8d
;;      pop r11
;;      ret
;; $calls
;;      cmp rsp, [r14+8]
;;      jb L1
;;      sub rsp, 0x28
;;      mov [rsp], eax
;;      mov [rsp+8], ecx
;;      mov eax, [rsp]
;;      call function 0
;;      mov eax, [rsp+8]
;;      call function 0
;;      add eax, [rsp]
;;      add rsp, 0x28
;;      ret
;; L1   call qword ptr [r14+0x68]
;; $pins
;;      cmp rsp, [r14+8]
;;      jb L2
;;      sub rsp, 0x28
;;      mov [rsp+0x10], rbx
;;      mov [rsp+0x18], rbp
;;      mov [rsp+0x20], r12
;;      mov r12d, eax
;;      mov ebx, 0
;;      mov ebp, 0
;;      nop [rax+rax]
;;      nop [rax+rax]
;;      nop [rax]
;; L1   lea eax, [rbx+rbp]
;;      call function 0
;;      mov ebp, eax
;;      add ebx, ebp
;;      dec r12d
;;      jne L1
;;      mov eax, ebx
;;      mov rbx, [rsp+0x10]
;;      mov rbp, [rsp+0x18]
;;      mov r12, [rsp+0x20]
;;      add rsp, 0x28
;;      ret
;; L2   call qword ptr [r14+0x68]
;; $large
;;      cmp rsp, [r14+8]
;;      jb L1
;;      sub rsp, 0x18
;;      mov qword ptr [rsp], 0
;;      mov eax, 0
;;      call function 0
;;      mov rax, [rsp]
;;      add rsp, 0x18
;;      ret
;; L1   call qword ptr [r14+0x68]
;; $traps
;;      sub rsp, 0x18
;;      mov r8d, eax
;;      mov edi, ecx
;;      mov eax, r8d
;;      test edi, edi
;;      je L1
;;      xor edx, edx
;;      div edi
;;      add rsp, 0x18
;;      ret
;; L1   call qword ptr [r14+0x58]
;; $exported
;;      mov r10, [r11+8]
;;      cmp r10, [r14]
;;      jne L3
;; L1   cmp rsp, [r14+8]
;;      jb L2
;;      sub rsp, 0x18
;;      mov [rsp], eax
;;      mov eax, [rsp]
;;      call function 5
;;      add rsp, 0x18
;;      ret
;; L2   call qword ptr [r14+0x68]
;; L3   push qword ptr [r14]
;;      mov [r14], r10
;;      mov r10, [r10]
;;      mov r15, [r10]
;;      call L1
;;      pop r10
;;      mov [r14], r10
;;      mov r10, [r10]
;;      mov r15, [r10]
;;      ret

;; arm64:
;; $small
;;      stp xzr, x30, [sp, #-0x10]!
;;      mov w1, w0
;;      mov w0, w1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $calls
;;      ldr x16, [x28, #0x8]
;;      cmp sp, x16
;;      b.lo L1
;;      sub sp, sp, #0x30
;;      str x30, [sp, #0x28]
;;      str w0, [sp]
;;      str w1, [sp, #0x8]
;;      ldr w0, [sp]
;;      bl function 0
;;      ldr w0, [sp, #0x8]
;;      bl function 0
;;      ldr w1, [sp]
;;      add w0, w0, w1
;;      ldr x30, [sp, #0x28]
;;      add sp, sp, #0x30
;;      ret
;; L1   mov x17, x30
;;      ldr x16, [x28, #0x68]
;;      blr x16
;; $pins
;;      ldr x16, [x28, #0x8]
;;      cmp sp, x16
;;      b.lo L2
;;      sub sp, sp, #0x30
;;      stp x19, x20, [sp, #0x10]
;;      stp x21, x30, [sp, #0x20]
;;      mov w21, w0
;;      mov w19, #0x0
;;      mov w20, #0x0
;; L1   add w0, w20, w19
;;      bl function 0
;;      mov w20, w0
;;      add w19, w19, w20
;;      sub w21, w21, #0x1
;;      cbnz w21, L1
;;      mov w0, w19
;;      ldp x19, x20, [sp, #0x10]
;;      ldp x21, x30, [sp, #0x20]
;;      add sp, sp, #0x30
;;      ret
;; L2   mov x17, x30
;;      ldr x16, [x28, #0x68]
;;      blr x16
;; $large
;;      ldr x16, [x28, #0x8]
;;      cmp sp, x16
;;      b.lo L1
;;      sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      str xzr, [sp]
;;      mov w0, #0x0
;;      bl function 0
;;      ldr x0, [sp]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L1   mov x17, x30
;;      ldr x16, [x28, #0x68]
;;      blr x16
;; $traps
;;      sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      mov w2, w0
;;      cbz w1, L1
;;      udiv w0, w2, w1
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L1   ldr x16, [x28, #0x58]
;;      blr x16
;; $exported
;;      ldr x16, [x17, #0x8]
;;      ldr x15, [x28]
;;      cmp x16, x15
;;      b.ne L3
;; L1   ldr x16, [x28, #0x8]
;;      cmp sp, x16
;;      b.lo L2
;;      sub sp, sp, #0x20
;;      str x30, [sp, #0x18]
;;      str w0, [sp]
;;      ldr w0, [sp]
;;      bl function 5
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; L2   mov x17, x30
;;      ldr x16, [x28, #0x68]
;;      blr x16
;; L3   ldr x15, [x28]
;;      ldr x16, [x17, #0x8]
;;      stp x15, x30, [sp, #-0x10]!
;;      str x16, [x28]
;;      ldr x16, [x16]
;;      ldr x27, [x16]
;;      bl L1
;;      ldp x16, x30, [sp], #0x10
;;      str x16, [x28]
;;      ldr x16, [x16]
;;      ldr x27, [x16]
;;      ret
