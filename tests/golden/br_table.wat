;; Jump tables.
(module
  (func $three (param i32) (result i32)
    (block (block (block
      (br_table 0 1 2 (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 11)))
    (i32.const 12))
  (func $values (param i32 i64) (result i64)
    (block (result i64)
      (i64.add (i64.const 1)
        (block (result i64)
          (br_table 0 1 0 1 (local.get 1) (local.get 0))))))
  (func $one (param i32)
    (block (br_table 0 (local.get 0))))
  (func $const_index (result i32)
    (block (result i32) (br_table 0 0 0 (i32.const 3) (i32.const 1))))
  (func $many (param i32) (result i32)
    (block (block (block (block (block (block (block (block (block 
      (br_table 0 1 2 3 4 5 6 7 8 0 1 2 3 4 5 6 7 8 0 1 (local.get 0)))
      (return (i32.const 0)))
      (return (i32.const 1)))
      (return (i32.const 2)))
      (return (i32.const 3)))
      (return (i32.const 4)))
      (return (i32.const 5)))
      (return (i32.const 6)))
      (return (i32.const 7)))
    (i32.const 8))
)

;; amd64:
;; $three
;;      mov eax, r8d
;;      test eax, eax
;;      je L1
;;      cmp eax, 1
;;      je L2
;;      jmp L3
;; L1   mov eax, 0xa
;;      pop r11
;;      ret
;; L2   mov eax, 0xb
;;      pop r11
;;      ret
;; L3   mov eax, 0xc
;;      pop r11
;;      ret
;; $values
;;      mov eax, r8d
;;      mov ecx, eax
;;      mov rax, rdi
;;      test ecx, ecx
;;      je L1
;;      cmp ecx, 1
;;      je L2
;;      cmp ecx, 2
;;      je L1
;;      jmp L2
;; L1   inc rax
;; L2   add rsp, 0x18
;;      ret
;; $one
;;      mov eax, r8d
;;      jmp L1
;; L1   pop r11
;;      ret
;; $const_index
;;      mov eax, 3
;;      jmp L1
;; L1   add rsp, 0x18
;;      ret
;; $many
;;      mov eax, r8d
;;      mov r11d, 0x13
;;      cmp eax, r11d
;;      cmova eax, r11d
;;      lea r11, [L1]
;;      movsxd r10, [r11+rax*4]
;;      add r10, r11
;;      jmp r10
;; L1   table L2 L3 L4 L5 L6 L7 L8 L9 L10 L2 L3 L4 L5 L6 L7 L8 L9 L10 L2 L3
;; L2   mov eax, 0
;;      pop r11
;;      ret
;; L3   mov eax, 1
;;      pop r11
;;      ret
;; L4   mov eax, 2
;;      pop r11
;;      ret
;; L5   mov eax, 3
;;      pop r11
;;      ret
;; L6   mov eax, 4
;;      pop r11
;;      ret
;; L7   mov eax, 5
;;      pop r11
;;      ret
;; L8   mov eax, 6
;;      pop r11
;;      ret
;; L9   mov eax, 7
;;      pop r11
;;      ret
;; L10  mov eax, 8
;;      pop r11
;;      ret

;; arm64:
;; $three
;;      mov w0, w1
;;      cbz w0, L1
;;      cmp w0, #0x1
;;      b.eq L2
;;      b L3
;; L1   mov w0, #0xa
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L2   mov w0, #0xb
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L3   mov w0, #0xc
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $values
;;      mov w0, w2
;;      mov w3, w0
;;      mov x0, x1
;;      cbz w3, L1
;;      cmp w3, #0x1
;;      b.eq L2
;;      cmp w3, #0x2
;;      b.eq L1
;;      b L2
;; L1   add x0, x0, #0x1
;; L2   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $one
;;      mov w0, w1
;;      b L1
;; L1   ldp x16, x30, [sp], #0x10
;;      ret
;; $const_index
;;      mov w0, #0x3
;;      b L1
;; L1   ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $many
;;      mov w0, w1
;;      mov w16, #0x13
;;      cmp w0, w16
;;      csel w16, w0, w16, lo
;;      adr x17, L1
;;      ldrsw x16, [x17, x16, lsl #2]
;;      add x16, x16, x17
;;      br x16
;; L1   table L2 L3 L4 L5 L6 L7 L8 L9 L10 L2 L3 L4 L5 L6 L7 L8 L9 L10 L2 L3
;; L2   mov w0, #0x0
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L3   mov w0, #0x1
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L4   mov w0, #0x2
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L5   mov w0, #0x3
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L6   mov w0, #0x4
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L7   mov w0, #0x5
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L8   mov w0, #0x6
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L9   mov w0, #0x7
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; L10  mov w0, #0x8
;;      ldp x16, x30, [sp], #0x10
;;      ret
