;; Loads and stores where a guard region catches what is out of bounds.
(module
  (memory 1)
  (func $i32.load (param i32) (result i32)
    (i32.load offset=16 (local.get 0)))
  (func $i64.load (param i32) (result i64)
    (i64.load offset=16 (local.get 0)))
  (func $f32.load (param i32) (result f32)
    (f32.load offset=16 (local.get 0)))
  (func $f64.load (param i32) (result f64)
    (f64.load offset=16 (local.get 0)))
  (func $i32.load8_s (param i32) (result i32)
    (i32.load8_s offset=16 (local.get 0)))
  (func $i32.load8_u (param i32) (result i32)
    (i32.load8_u offset=16 (local.get 0)))
  (func $i32.load16_s (param i32) (result i32)
    (i32.load16_s offset=16 (local.get 0)))
  (func $i32.load16_u (param i32) (result i32)
    (i32.load16_u offset=16 (local.get 0)))
  (func $i64.load8_s (param i32) (result i64)
    (i64.load8_s offset=16 (local.get 0)))
  (func $i64.load8_u (param i32) (result i64)
    (i64.load8_u offset=16 (local.get 0)))
  (func $i64.load16_s (param i32) (result i64)
    (i64.load16_s offset=16 (local.get 0)))
  (func $i64.load16_u (param i32) (result i64)
    (i64.load16_u offset=16 (local.get 0)))
  (func $i64.load32_s (param i32) (result i64)
    (i64.load32_s offset=16 (local.get 0)))
  (func $i64.load32_u (param i32) (result i64)
    (i64.load32_u offset=16 (local.get 0)))
  (func $i32.store (param i32 i32)
    (i32.store offset=16 (local.get 0) (local.get 1)))
  (func $i64.store (param i32 i64)
    (i64.store offset=16 (local.get 0) (local.get 1)))
  (func $f32.store (param i32 f32)
    (f32.store offset=16 (local.get 0) (local.get 1)))
  (func $f64.store (param i32 f64)
    (f64.store offset=16 (local.get 0) (local.get 1)))
  (func $i32.store8 (param i32 i32)
    (i32.store8 offset=16 (local.get 0) (local.get 1)))
  (func $i32.store16 (param i32 i32)
    (i32.store16 offset=16 (local.get 0) (local.get 1)))
  (func $i64.store8 (param i32 i64)
    (i64.store8 offset=16 (local.get 0) (local.get 1)))
  (func $i64.store16 (param i32 i64)
    (i64.store16 offset=16 (local.get 0) (local.get 1)))
  (func $i64.store32 (param i32 i64)
    (i64.store32 offset=16 (local.get 0) (local.get 1)))
  (func $store_const (param i32)
    (i32.store (local.get 0) (i32.const 7)))
  (func $const_address (result i32)
    (i32.load (i32.const 1024)))
  (func $const_address_beyond (result i32)
    (i32.load (i32.const 65536)))
  (func $sum_address (param i32) (result i32)
    (i32.load (i32.add (local.get 0) (i32.const 16))))
  (func $scaled_address (param i32 i32) (result i32)
    (i32.load (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 2)))))
  (func $huge_offset (param i32) (result i32)
    (i32.load offset=0x80000000 (local.get 0)))
  (func $twice (param i32) (result i32)
    (i32.add (i32.load offset=8 (local.get 0)) (i32.load (local.get 0))))
  (func $wrapped_address (param i64) (result i32)
    (i32.load8_u (i32.wrap_i64 (local.get 0))))
)

;; amd64:
;; $i32.load
;;      mov eax, [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i64.load
;;      mov rax, [r15+r8+0x10]
;;      pop r11
;;      ret
;; $f32.load
;;      movss xmm0, [r15+r8+0x10]
;;      pop r11
;;      ret
;; $f64.load
;;      movsd xmm0, [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i32.load8_s
;;      movsx eax, byte ptr [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i32.load8_u
;;      movzx eax, byte ptr [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i32.load16_s
;;      movsx eax, word ptr [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i32.load16_u
;;      movzx eax, word ptr [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i64.load8_s
;;      movsx rax, byte ptr [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i64.load8_u
;;      movzx eax, byte ptr [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i64.load16_s
;;      movsx rax, word ptr [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i64.load16_u
;;      movzx eax, word ptr [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i64.load32_s
;;      movsxd rax, [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i64.load32_u
;;      mov eax, [r15+r8+0x10]
;;      pop r11
;;      ret
;; $i32.store
;;      mov [r15+r8+0x10], edi
;;      add rsp, 0x18
;;      ret
;; $i64.store
;;      mov [r15+r8+0x10], rdi
;;      add rsp, 0x18
;;      ret
;; $f32.store
;;      movss [r15+r8+0x10], xmm8
;;      add rsp, 0x18
;;      ret
;; $f64.store
;;      movsd [r15+r8+0x10], xmm8
;;      add rsp, 0x18
;;      ret
;; $i32.store8
;;      mov [r15+r8+0x10], dil
;;      add rsp, 0x18
;;      ret
;; $i32.store16
;;      mov [r15+r8+0x10], di
;;      add rsp, 0x18
;;      ret
;; $i64.store8
;;      mov [r15+r8+0x10], dil
;;      add rsp, 0x18
;;      ret
;; $i64.store16
;;      mov [r15+r8+0x10], di
;;      add rsp, 0x18
;;      ret
;; $i64.store32
;;      mov [r15+r8+0x10], edi
;;      add rsp, 0x18
;;      ret
;; $store_const
;;      mov dword ptr [r15+r8], 7
;;      add rsp, 0x18
;;      ret
;; $const_address
;;      mov eax, [r15+0x400]
;;      pop r11
;;      ret
;; $const_address_beyond
;;      mov eax, [r15+0x10000]
;;      pop r11
;;      ret
;; $sum_address
;;      lea eax, [r8+0x10]
;;      mov eax, [r15+rax]
;;      add rsp, 0x18
;;      ret
;; $scaled_address
;;      mov eax, edi
;;      shl eax, 2
;;      add eax, r8d
;;      mov eax, [r15+rax]
;;      add rsp, 0x18
;;      ret
;; $huge_offset
;;      mov r11d, 0x80000004
;;      add r11, r8
;;      mov r10, [r14]
;;      mov r10, [r10]
;;      cmp r11, [r10+8]
;;      ja L1
;;      mov eax, 0x80000000
;;      add rax, r8
;;      mov eax, [r15+rax]
;;      pop r11
;;      ret
;; $twice
;;      mov eax, [r15+r8+8]
;;      mov ecx, [r15+r8]
;;      add eax, ecx
;;      add rsp, 0x18
;;      ret
;; $wrapped_address
;;      mov eax, r8d
;;      movzx eax, byte ptr [r15+rax]
;;      pop r11
;;      ret

;; arm64:
;; $i32.load
;;      add x16, x27, x1
;;      ldr w0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.load
;;      add x16, x27, x1
;;      ldr x0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f32.load
;;      add x16, x27, x1
;;      ldr s0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $f64.load
;;      add x16, x27, x1
;;      ldr d0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.load8_s
;;      add x16, x27, x1
;;      ldrsb w0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.load8_u
;;      add x16, x27, x1
;;      ldrb w0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.load16_s
;;      add x16, x27, x1
;;      ldrsh w0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.load16_u
;;      add x16, x27, x1
;;      ldrh w0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.load8_s
;;      add x16, x27, x1
;;      ldrsb x0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.load8_u
;;      add x16, x27, x1
;;      ldrb w0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.load16_s
;;      add x16, x27, x1
;;      ldrsh x0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.load16_u
;;      add x16, x27, x1
;;      ldrh w0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.load32_s
;;      add x16, x27, x1
;;      ldrsw x0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i64.load32_u
;;      add x16, x27, x1
;;      ldr w0, [x16, #0x10]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $i32.store
;;      add x16, x27, x2
;;      str w1, [x16, #0x10]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.store
;;      add x16, x27, x2
;;      str x1, [x16, #0x10]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f32.store
;;      add x16, x27, x1
;;      str s8, [x16, #0x10]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $f64.store
;;      add x16, x27, x1
;;      str d8, [x16, #0x10]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.store8
;;      add x16, x27, x2
;;      strb w1, [x16, #0x10]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i32.store16
;;      add x16, x27, x2
;;      strh w1, [x16, #0x10]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.store8
;;      add x16, x27, x2
;;      strb w1, [x16, #0x10]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.store16
;;      add x16, x27, x2
;;      strh w1, [x16, #0x10]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $i64.store32
;;      add x16, x27, x2
;;      str w1, [x16, #0x10]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $store_const
;;      mov w0, #0x7
;;      str w0, [x27, x1]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $const_address
;;      ldr w0, [x27, #0x400]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $const_address_beyond
;;      add x16, x27, #0x10, lsl #12
;;      ldr w0, [x16]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $sum_address
;;      add w0, w1, #0x10
;;      ldr w0, [x27, x0]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $scaled_address
;;      add w0, w2, w1, lsl #2
;;      ldr w0, [x27, x0]
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $huge_offset
;;      ldr x17, [x28]
;;      ldr x17, [x17]
;;      ldr x17, [x17, #0x8]
;;      mov w16, #0x4
;;      movk w16, #0x8000, lsl #16
;;      add x16, x16, x1
;;      cmp x16, x17
;;      b.hi L1
;;      mov w0, #0x80000000
;;      add x0, x0, x1
;;      ldr w0, [x27, x0]
;;      ldp x16, x30, [sp], #0x10
;;      ret
;; $twice
;;      add x16, x27, x1
;;      ldr w0, [x16, #0x8]
;;      ldr w2, [x27, x1]
;;      add w0, w0, w2
;;      ldr x30, [sp, #0x18]
;;      add sp, sp, #0x20
;;      ret
;; $wrapped_address
;;      mov w0, w1
;;      ldrb w0, [x27, x0]
;;      ldp x16, x30, [sp], #0x10
;;      ret
