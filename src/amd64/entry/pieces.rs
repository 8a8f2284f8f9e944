//! What thunks are made of: macros that give their text.

/// `naked_asm!` with the names that the pieces use.
macro_rules! thunk {
    ($($text:expr),* $(,)?) => {
        naked_asm!(
            ".cfi_startproc",
            $($text,)*
            ".cfi_endproc",
            // Every operand must be named once.
            "/* {INSTANCE} {EXIT} {CALLEE} {GUEST_SP} {HOST_SP} {DISPATCH} {DISPATCH_ALL} {INTS} \
                {FLOATS} {MEMORY0} {MEMORY_BASE} {MEMORY_BOUND} {REF_CODE} {REF_DIRECT} \
                {REF_INSTANCE} {FUEL} {leave} {host_call_ints} {HOST_CALL} {BUILTIN} {LISTENER} \
                {CHECK} {RETURNED} {PINS} */",
            INSTANCE = const INSTANCE,
            EXIT = const EXIT,
            CALLEE = const CALLEE,
            GUEST_SP = const GUEST_SP,
            HOST_SP = const HOST_SP,
            DISPATCH = const DISPATCH,
            DISPATCH_ALL = const DISPATCH_ALL,
            INTS = const INTS,
            FLOATS = const FLOATS,
            MEMORY0 = const MEMORY0,
            MEMORY_BASE = const MEMORY_BASE,
            MEMORY_BOUND = const MEMORY_BOUND,
            REF_CODE = const REF_CODE,
            REF_DIRECT = const REF_DIRECT,
            REF_INSTANCE = const REF_INSTANCE,
            FUEL = const FUEL,
            HOST_CALL = const ExitCode::HOST_CALL.0,
            BUILTIN = const ExitCode::BUILTIN.0,
            LISTENER = const ExitCode::LISTENER_BEFORE.0,
            CHECK = const ExitCode::CHECK_LOOP.0,
            RETURNED = const ExitCode::RETURNED.0,
            PINS = const PINS,
            leave = sym leave,
            host_call_ints = sym host_call_ints,
        )
    };
}

/// The CFA by way of `r14`: DW_CFA_def_cfa_expression { breg14 HOST_SP; deref; plus_uconst 64 }.
macro_rules! cfa_by_engine {
    () => {
        ".cfi_escape 0x0f, 5, 0x7e, {HOST_SP}, 0x06, 0x23, 64"
    };
}

/// What a thunk called by the guest says of the host's registers.
macro_rules! guest_side {
    () => {
        concat!(
            cfa_by_engine!(),
            "\n.cfi_offset rbp, -16",
            "\n.cfi_offset rbx, -24",
            "\n.cfi_offset r12, -32",
            "\n.cfi_offset r13, -40",
            "\n.cfi_offset r14, -48",
            "\n.cfi_offset r15, -56",
        )
    };
}

// Frames are filled and emptied by moves relative to `rsp`, not by pushes and pops: where `rsp`
// changes in other ways too, each of these waits for it. What lies below `rsp` meanwhile is in the
// red zone, or nobody else's.

/// Builds the host's frame, with the call engine in `rdi`, and leaves its address in `rbx`. `$outer`
/// puts the outer `host_sp` there.
macro_rules! open_host_frame {
    ($outer:literal) => {
        concat!(
            "mov [rsp - 8], rbp\n.cfi_offset rbp, -16\n",
            "mov [rsp - 16], rbx\n.cfi_offset rbx, -24\n",
            "mov [rsp - 24], r12\n.cfi_offset r12, -32\n",
            "mov [rsp - 32], r13\n.cfi_offset r13, -40\n",
            "mov [rsp - 40], r14\n.cfi_offset r14, -48\n",
            "mov [rsp - 48], r15\n.cfi_offset r15, -56\n",
            $outer,
            "\nlea rbx, [rsp - 56]\n",
            "mov [rdi + {HOST_SP}], rbx\n",
            "mov r14, rdi\n",
            cfa_by_engine!(),
        )
    };
    () => {
        open_host_frame!("mov r10, [rdi + {HOST_SP}]\nmov [rsp - 56], r10")
    };
}

macro_rules! load_int_args {
    () => {
        "
        mov rax, [r14 + {INTS}]
        mov rcx, [r14 + {INTS} + 8]
        mov rdx, [r14 + {INTS} + 16]
        mov rsi, [r14 + {INTS} + 24]
        mov rdi, [r14 + {INTS} + 32]
        mov r8, [r14 + {INTS} + 40]
        "
    };
}

macro_rules! load_float_args {
    () => {
        "
        movaps xmm0, [r14 + {FLOATS}]
        movaps xmm1, [r14 + {FLOATS} + 16]
        movaps xmm2, [r14 + {FLOATS} + 32]
        movaps xmm3, [r14 + {FLOATS} + 48]
        movaps xmm4, [r14 + {FLOATS} + 64]
        movaps xmm5, [r14 + {FLOATS} + 80]
        movaps xmm6, [r14 + {FLOATS} + 96]
        movaps xmm7, [r14 + {FLOATS} + 112]
        "
    };
}

macro_rules! store_int_args {
    () => {
        "
        mov [r14 + {INTS}], rax
        mov [r14 + {INTS} + 8], rcx
        mov [r14 + {INTS} + 16], rdx
        mov [r14 + {INTS} + 24], rsi
        mov [r14 + {INTS} + 32], rdi
        mov [r14 + {INTS} + 40], r8
        "
    };
}

macro_rules! store_float_args {
    () => {
        "
        movaps [r14 + {FLOATS}], xmm0
        movaps [r14 + {FLOATS} + 16], xmm1
        movaps [r14 + {FLOATS} + 32], xmm2
        movaps [r14 + {FLOATS} + 48], xmm3
        movaps [r14 + {FLOATS} + 64], xmm4
        movaps [r14 + {FLOATS} + 80], xmm5
        movaps [r14 + {FLOATS} + 96], xmm6
        movaps [r14 + {FLOATS} + 112], xmm7
        "
    };
}

macro_rules! load_int_results {
    () => {
        "
        mov rax, [r14 + {INTS}]
        mov rcx, [r14 + {INTS} + 8]
        "
    };
}

macro_rules! load_float_results {
    () => {
        "
        movaps xmm0, [r14 + {FLOATS}]
        movaps xmm1, [r14 + {FLOATS} + 16]
        "
    };
}

macro_rules! store_int_results {
    () => {
        "
        mov [r14 + {INTS}], rax
        mov [r14 + {INTS} + 8], rcx
        "
    };
}

macro_rules! store_float_results {
    () => {
        "
        movaps [r14 + {FLOATS}], xmm0
        movaps [r14 + {FLOATS} + 16], xmm1
        "
    };
}

/// In each frame, the return address, `rbx` and `rbp` are above `r12`.
pub(super) const FUEL_BELOW_TOP: usize = 4 * 8;

/// Pins, registers of operands, and float registers: all but scratch.
pub(super) const CHECK_FRAME: usize = 8 + 5 * 8 + 6 * 8 + 14 * 16;

macro_rules! save_all {
    () => {
        "
        push rbx
        push rbp
        push r12
        push r9
        push r13
        push rax
        push rcx
        push rdx
        push rsi
        push rdi
        push r8
        sub rsp, 224
        movups [rsp], xmm0
        movups [rsp + 16], xmm1
        movups [rsp + 32], xmm2
        movups [rsp + 48], xmm3
        movups [rsp + 64], xmm4
        movups [rsp + 80], xmm5
        movups [rsp + 96], xmm6
        movups [rsp + 112], xmm7
        movups [rsp + 128], xmm8
        movups [rsp + 144], xmm9
        movups [rsp + 160], xmm10
        movups [rsp + 176], xmm11
        movups [rsp + 192], xmm12
        movups [rsp + 208], xmm13
        "
    };
}

/// Undoes `save_all`, whose frame is at `rbx`, loads the memory roles for the instance in `r10`, and
/// goes on in the guest.
macro_rules! restore_all_and_return {
    ($bound:literal) => {
        concat!(
            "
            mov rsp, rbx
            movups xmm0, [rsp]
            movups xmm1, [rsp + 16]
            movups xmm2, [rsp + 32]
            movups xmm3, [rsp + 48]
            movups xmm4, [rsp + 64]
            movups xmm5, [rsp + 80]
            movups xmm6, [rsp + 96]
            movups xmm7, [rsp + 112]
            movups xmm8, [rsp + 128]
            movups xmm9, [rsp + 144]
            movups xmm10, [rsp + 160]
            movups xmm11, [rsp + 176]
            movups xmm12, [rsp + 192]
            movups xmm13, [rsp + 208]
            add rsp, 224
            pop r8
            pop rdi
            pop rsi
            pop rdx
            pop rcx
            pop rax
            pop r13
            pop r9
            pop r12
            pop rbp
            pop rbx
            ",
            load_roles!($bound),
            "\nret",
        )
    };
}

/// Calls the dispatcher on the host's stack, and leaves if it says so. Otherwise `rbx` is where the
/// guest's stack ends, `$below` bytes below what it was, and `r10` the instance.
macro_rules! dispatch {
    ($below:literal) => {
        concat!(
            "lea rbx, [rsp - ",
            $below,
            "]",
            "
            mov [r14 + {GUEST_SP}], rbx
            mov rbp, [r14 + {INSTANCE}]
            mov rsp, [r14 + {HOST_SP}]
            mov rdi, r14
            call [r14 + {DISPATCH}]
            test eax, eax
            jne {leave}
            mov [r14 + {INSTANCE}], rbp
            mov r10, rbp
            "
        )
    };
}

/// Loads the memory roles for the instance in `r10`. There is none while the host calls one of
/// its own functions.
macro_rules! load_roles {
    ($bound:literal) => {
        concat!(
            "
            test r10, r10
            je 3f
            mov r10, [r10 + {MEMORY0}]
            mov r15, [r10 + {MEMORY_BASE}]
            ",
            $bound,
            "\n3:",
        )
    };
}
