//! What thunks are made of: macros that give their text.

/// Assembly that knows the offsets of what it touches.
macro_rules! thunk {
    ($($asm:expr),* $(,)?) => {
        naked_asm!(
            // Assembly must mention each operand.
            "// {instance} {exit} {callee} {exit_pc} {guest_sp} {host_sp} {dispatch} {ints}",
            "// {floats} {memory0} {memory} {ref_code} {ref_instance} {ref_direct} {fuel} {leave}",
            "// {dispatch_all} {host_call_ints}",
            ".cfi_startproc",
            $($asm,)*
            ".cfi_endproc",
            instance = const offset_of!(CallEngine, instance),
            exit = const offset_of!(CallEngine, exit),
            callee = const offset_of!(CallEngine, callee),
            exit_pc = const offset_of!(CallEngine, exit_pc),
            guest_sp = const offset_of!(CallEngine, sps.guest),
            host_sp = const offset_of!(CallEngine, sps.host),
            dispatch = const offset_of!(CallEngine, dispatch),
            ints = const offset_of!(CallEngine, ints),
            floats = const offset_of!(CallEngine, floats),
            memory0 = const offset_of!(VmInstance, memory0),
            memory = const offset_of!(VmMemory, base),
            ref_code = const offset_of!(VmFuncRef, code),
            ref_instance = const offset_of!(VmFuncRef, instance),
            ref_direct = const REF_DIRECT,
            dispatch_all = const offset_of!(CallEngine, dispatch_all),
            fuel = const offset_of!(CallEngine, fuel),
            leave = sym leave,
            host_call_ints = sym host_call_ints,
        )
    };
    // One that also knows a status.
    ($status:expr; $($asm:expr),* $(,)?) => {
        naked_asm!(
            ".cfi_startproc",
            host_frame!(),
            $($asm,)*
            ".cfi_endproc",
            exit = const offset_of!(CallEngine, exit),
            callee = const offset_of!(CallEngine, callee),
            exit_pc = const offset_of!(CallEngine, exit_pc),
            guest_sp = const offset_of!(CallEngine, sps.guest),
            fuel = const offset_of!(CallEngine, fuel),
            status = const $status,
            leave = sym leave,
        )
    };
}

/// Where the host's frame is, in the words of the unwinder.
macro_rules! host_frame {
    () => {
        "
        .cfi_def_cfa x29, 176
        .cfi_offset x29, -176
        .cfi_offset x30, -168
        .cfi_offset x19, -160
        .cfi_offset x20, -152
        .cfi_offset x21, -144
        .cfi_offset x22, -136
        .cfi_offset x23, -128
        .cfi_offset x24, -120
        .cfi_offset x25, -112
        .cfi_offset x26, -104
        .cfi_offset x27, -96
        .cfi_offset x28, -88
        .cfi_offset d8, -80
        .cfi_offset d9, -72
        .cfi_offset d10, -64
        .cfi_offset d11, -56
        .cfi_offset d12, -48
        .cfi_offset d13, -40
        .cfi_offset d14, -32
        .cfi_offset d15, -24
        "
    };
}

/// Saves what the host expects to find again. `x0` is the call engine, and becomes `x28`.
macro_rules! save_host {
    () => {
        "
        stp x29, x30, [sp, #-176]!
        .cfi_def_cfa_offset 176
        .cfi_offset x29, -176
        .cfi_offset x30, -168
        mov x29, sp
        stp x19, x20, [sp, #16]
        stp x21, x22, [sp, #32]
        stp x23, x24, [sp, #48]
        stp x25, x26, [sp, #64]
        stp x27, x28, [sp, #80]
        stp d8, d9, [sp, #96]
        stp d10, d11, [sp, #112]
        stp d12, d13, [sp, #128]
        stp d14, d15, [sp, #144]
        ldr x9, [x0, {host_sp}]
        str x9, [sp, #160]
        str x29, [x0, {host_sp}]
        mov x28, x0
        "
    };
}

/// Loads the memory's registers for the instance in `x16`; a host function may run without one.
macro_rules! load_roles {
    (Explicit) => {
        "
        cbz x16, 7f
        ldr x16, [x16, {memory0}]
        ldp x27, x26, [x16, {memory}]
    7:
        "
    };
    (Guard) => {
        "
        cbz x16, 7f
        ldr x16, [x16, {memory0}]
        ldr x27, [x16, {memory}]
    7:
        "
    };
}

/// Keeps the pins and the return address on the value stack.
macro_rules! save_pins {
    (Explicit) => {
        "
        stp x19, x20, [sp, #-64]!
        stp x21, x22, [sp, #16]
        stp x23, x24, [sp, #32]
        stp x25, x30, [sp, #48]
        "
    };
    (Guard) => {
        "
        stp x19, x20, [sp, #-80]!
        stp x21, x22, [sp, #16]
        stp x23, x24, [sp, #32]
        stp x25, x26, [sp, #48]
        str x30, [sp, #72]
        "
    };
}

/// As `save_pins`, but of the pins `x19` only.
macro_rules! open_exit_frame {
    (Explicit) => {
        "str x19, [sp, #-64]!\nstr x30, [sp, #56]"
    };
    (Guard) => {
        "str x19, [sp, #-80]!\nstr x30, [sp, #72]"
    };
}

/// Undoes `open_exit_frame`.
macro_rules! close_exit_frame {
    (Explicit) => {
        "ldr x30, [sp, #56]\nldr x19, [sp], #64"
    };
    (Guard) => {
        "ldr x30, [sp, #72]\nldr x19, [sp], #80"
    };
}

/// Undoes `save_pins` and goes on in the guest.
macro_rules! return_to_guest {
    (Explicit) => {
        "
        ldp x21, x22, [sp, #16]
        ldp x23, x24, [sp, #32]
        ldp x25, x30, [sp, #48]
        ldp x19, x20, [sp], #64
        ret
        "
    };
    (Guard) => {
        "
        ldp x21, x22, [sp, #16]
        ldp x23, x24, [sp, #32]
        ldp x25, x26, [sp, #48]
        ldr x30, [sp, #72]
        ldp x19, x20, [sp], #80
        ret
        "
    };
}

/// Where `x25` is in each frame.
pub(super) const SAVED_FUEL: usize = 48;

/// Pins, registers of operands, and float registers: all but scratch.
pub(super) const CHECK_FRAME: usize = 720;

/// Moves between the frame of a check and its registers but `x19`, `x20`: with `stp` and `str`, or
/// with `ldp` and `ldr`.
macro_rules! move_all {
    ($pair:literal, $one:literal) => {
        concat!(
            move_pairs!($pair: "x21, x22" 16, "x23, x24" 32, "x25, x26" 48, "x0, x1" 64,
                "x2, x3" 80, "x4, x5" 96, "x6, x7" 112, "x8, x9" 128, "x10, x11" 144,
                "x12, x13" 160, "q0, q1" 192, "q2, q3" 224, "q4, q5" 256, "q6, q7" 288,
                "q8, q9" 320, "q10, q11" 352, "q12, q13" 384, "q14, q15" 416, "q16, q17" 448,
                "q18, q19" 480, "q20, q21" 512, "q22, q23" 544, "q24, q25" 576, "q26, q27" 608,
                "q28, q29" 640, "q30, q31" 672),
            $one, " x14, [sp, #176]\n",
            $one, " x30, [sp, #712]\n",
        )
    };
}

macro_rules! move_pairs {
    ($pair:literal: $($registers:literal $at:literal),*) => {
        concat!($($pair, " ", $registers, ", [sp, #", $at, "]\n"),*)
    };
}

macro_rules! save_all {
    () => {
        concat!(
            "sub sp, sp, #720\nstp x19, x20, [sp]\n",
            move_all!("stp", "str")
        )
    };
}

/// Undoes `save_all`, and goes on in the guest with the instance in `x16`.
macro_rules! restore_all_and_return {
    ($mode:ident) => {
        concat!(
            move_all!("ldp", "ldr"),
            "ldp x19, x20, [sp]\nadd sp, sp, #720\n",
            load_roles!($mode),
            "ret",
        )
    };
}

macro_rules! store_int_args {
    () => {
        "
        stp x0, x1, [x28, {ints}]
        stp x2, x3, [x28, {ints} + 16]
        stp x4, x5, [x28, {ints} + 32]
        "
    };
}

macro_rules! store_float_args {
    () => {
        "
        stp q0, q1, [x28, {floats}]
        stp q2, q3, [x28, {floats} + 32]
        stp q4, q5, [x28, {floats} + 64]
        stp q6, q7, [x28, {floats} + 96]
        "
    };
}

macro_rules! load_int_args {
    () => {
        "
        ldp x0, x1, [x28, {ints}]
        ldp x2, x3, [x28, {ints} + 16]
        ldp x4, x5, [x28, {ints} + 32]
        "
    };
}

macro_rules! load_float_args {
    () => {
        "
        ldp q0, q1, [x28, {floats}]
        ldp q2, q3, [x28, {floats} + 32]
        ldp q4, q5, [x28, {floats} + 64]
        ldp q6, q7, [x28, {floats} + 96]
        "
    };
}

macro_rules! load_int_results {
    () => {
        "ldp x0, x1, [x28, {ints}]"
    };
}

macro_rules! load_float_results {
    () => {
        "ldp q0, q1, [x28, {floats}]"
    };
}

macro_rules! store_int_results {
    () => {
        "stp x0, x1, [x28, {ints}]"
    };
}

macro_rules! store_float_results {
    () => {
        "stp q0, q1, [x28, {floats}]"
    };
}

/// Asks the dispatcher, on the host's stack. Comes back on the value stack with the instance in
/// `x16`, or not at all. What matters is kept in registers that the host saves, so the host may
/// run other functions in the same engine meanwhile.
macro_rules! dispatch {
    () => {
        "
        mov x19, sp
        str x19, [x28, {guest_sp}]
        ldr x20, [x28, {instance}]
        ldr x16, [x28, {host_sp}]
        mov sp, x16
        mov x0, x28
        ldr x16, [x28, {dispatch}]
        blr x16
        cbz w0, 8f
        b {leave}
    8:
        mov sp, x19
        str x20, [x28, {instance}]
        mov x16, x20
        "
    };
}

/// Leaves the host's frame, at `x29`, and returns from `enter` or `resume`.
macro_rules! return_to_host {
    () => {
        "
        mov sp, x29
        ldr x9, [sp, #160]
        str x9, [x28, {host_sp}]
        ldp d14, d15, [sp, #144]
        ldp d12, d13, [sp, #128]
        ldp d10, d11, [sp, #112]
        ldp d8, d9, [sp, #96]
        ldp x27, x28, [sp, #80]
        ldp x25, x26, [sp, #64]
        ldp x23, x24, [sp, #48]
        ldp x21, x22, [sp, #32]
        ldp x19, x20, [sp, #16]
        ldp x29, x30, [sp], #176
        .cfi_def_cfa sp, 0
        .cfi_restore x29
        .cfi_restore x30
        ret
        "
    };
}
