//! Code for one operand in each form that the operand stack has to handle, under a given
//! pressure of other live values, and the uses that follow.

use wasm_encoder::{
    BlockType, Function, Ieee32, Ieee64, InstructionSink, MemArg, MemArgTarget, ValType,
};

use crate::reference::Ty;

/// How an operand reaches its operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Const,
    /// A parameter.
    Local,
    /// A local used so much that it is pinned to a register if any is.
    HotLocal,
    /// The local of the first operand.
    Same,
    /// In a register, just computed.
    Computed,
    /// Computed before a call, so that it waits in its home slot.
    Spilled,
    CallResult,
    /// Result of a block that is left by two ways.
    BlockResult,
    IfResult,
    LoopParam,
    /// `local.get x`, then another value goes to `x`.
    SetSince,
    /// As `SetSince`, but after all operands are pushed.
    SetLate,
    Tee,
    Load,
    Global,
    Selected,
    /// The result of a comparison; `i32` only, 0 or 1.
    Flags,
}

/// All forms.
pub(crate) const FORMS: [Form; 17] = [
    Form::Const,
    Form::Local,
    Form::HotLocal,
    Form::Same,
    Form::Computed,
    Form::Spilled,
    Form::CallResult,
    Form::BlockResult,
    Form::IfResult,
    Form::LoopParam,
    Form::SetSince,
    Form::SetLate,
    Form::Tee,
    Form::Load,
    Form::Global,
    Form::Selected,
    Form::Flags,
];

/// What happens to the operator's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// `local.set`, at once.
    Set,
    /// It stays where it is while the values below it are used.
    Direct,
    Store,
    // The others take an `i32`.
    If,
    BrIf,
    Condition,
    Eqz,
    Index,
}

/// Uses of a result of any type, then those of an `i32`.
pub(crate) const USES: [Use; 8] = [
    Use::Set,
    Use::Direct,
    Use::Store,
    Use::If,
    Use::BrIf,
    Use::Condition,
    Use::Eqz,
    Use::Index,
];

/// Index spaces of the module that holds the functions; see `operands::module`.
pub(crate) const FUNC_NOP: u32 = 0;
/// Identity functions, by type.
pub(crate) const FUNC_ID: u32 = 1;
pub(crate) const GLOBAL_ZERO: u32 = 0;
pub(crate) const GLOBAL_ONE: u32 = 1;
/// Three mutable globals of each type.
pub(crate) const GLOBALS: u32 = 2;
/// Types of `loop`s with one parameter and one result.
pub(crate) const TYPE_ID: u32 = 1;
/// Scratch memory: operands, the stored result. Outside what operators read.
pub(crate) const SCRATCH: i32 = 0x8000;

const MIX: i64 = 0x9e37_79b9_7f4a_7c15_u64 as i64;

/// One step of the checksum.
pub(crate) fn mix(sum: u64, value: u64) -> u64 {
    sum.wrapping_mul(MIX as u64).wrapping_add(value)
}

pub(crate) fn val_type(ty: Ty) -> ValType {
    match ty {
        Ty::I32 => ValType::I32,
        Ty::I64 => ValType::I64,
        Ty::F32 => ValType::F32,
        Ty::F64 => ValType::F64,
    }
}

pub(crate) fn number(ty: Ty) -> u32 {
    match ty {
        Ty::I32 => 0,
        Ty::I64 => 1,
        Ty::F32 => 2,
        Ty::F64 => 3,
    }
}

/// An unaligned access to the only memory.
pub(crate) fn mem(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        target: MemArgTarget::Memory(0),
        ordering: None,
    }
}

/// `T.const`
pub(crate) fn constant(sink: &mut InstructionSink<'_>, ty: Ty, bits: u64) {
    match ty {
        Ty::I32 => sink.i32_const(bits as i32),
        Ty::I64 => sink.i64_const(bits as i64),
        Ty::F32 => sink.f32_const(Ieee32::new(bits as u32)),
        Ty::F64 => sink.f64_const(Ieee64::new(bits)),
    };
}

fn load(sink: &mut InstructionSink<'_>, ty: Ty, offset: u64) {
    match ty {
        Ty::I32 => sink.i32_load(mem(offset)),
        Ty::I64 => sink.i64_load(mem(offset)),
        Ty::F32 => sink.f32_load(mem(offset)),
        Ty::F64 => sink.f64_load(mem(offset)),
    };
}

fn store(sink: &mut InstructionSink<'_>, ty: Ty, offset: u64) {
    match ty {
        Ty::I32 => sink.i32_store(mem(offset)),
        Ty::I64 => sink.i64_store(mem(offset)),
        Ty::F32 => sink.f32_store(mem(offset)),
        Ty::F64 => sink.f64_store(mem(offset)),
    };
}

/// Turns the top of the stack into an `i64` with the same bits.
fn widen(sink: &mut InstructionSink<'_>, ty: Ty) {
    match ty {
        Ty::I32 => sink.i64_extend_i32_u(),
        Ty::I64 => sink,
        Ty::F32 => sink.i32_reinterpret_f32().i64_extend_i32_u(),
        Ty::F64 => sink.i64_reinterpret_f64(),
    };
}

/// Changes nothing, but cannot be folded away: the value ends up in a register.
fn compute(sink: &mut InstructionSink<'_>, ty: Ty, local: u32) {
    sink.local_get(local);
    match ty {
        Ty::I32 => sink.global_get(GLOBAL_ZERO).i32_xor(),
        Ty::I64 => sink.global_get(GLOBAL_ZERO).i64_extend_i32_u().i64_xor(),
        Ty::F32 => sink.local_get(local).f32_copysign(),
        Ty::F64 => sink.local_get(local).f64_copysign(),
    };
}

/// How many hot locals of each class a function with many of them has.
pub(crate) const HOT: u32 = 12;

/// One function of the matrix.
#[derive(Clone, Debug)]
pub(crate) struct Shape<'a> {
    pub(crate) code: &'a [u8],
    pub(crate) params: &'a [Ty],
    pub(crate) result: Ty,
    pub(crate) forms: &'a [Form],
    /// Value of each operand in form `Const`.
    pub(crate) consts: &'a [u64],
    /// Values of each class that are live below the operands.
    pub(crate) pressure: u32,
    /// Whether many other locals compete for registers.
    pub(crate) hot: bool,
    pub(crate) usage: Use,
}

/// Numbers of the function's locals.
struct Locals {
    seed: u32,
    temps: u32,
    hots: u32,
    result: u32,
    sum: u32,
    float_seed: u32,
}

impl Shape<'_> {
    /// Type of the first result: that of the operator, or of what is made of it.
    pub(crate) fn returned(&self) -> Ty {
        match self.usage {
            Use::Set | Use::Store => self.result,
            Use::Direct => Ty::I64,
            Use::If | Use::BrIf | Use::Condition | Use::Eqz | Use::Index => Ty::I32,
        }
    }

    fn count(&self) -> u32 {
        self.params.len() as u32
    }

    fn locals(&self) -> Locals {
        let seed = self.count();
        let temps = seed + 1;
        let result = temps + self.count();
        Locals {
            seed,
            temps,
            result,
            sum: result + 1,
            float_seed: result + 2,
            hots: result + 3,
        }
    }

    /// The function: parameters are the operands and an `i64` seed; results are the operator's
    /// (or what the use makes of it) and a checksum of every other live value.
    pub(crate) fn function(&self) -> Function {
        let mut types: Vec<_> = self.params.iter().map(|ty| val_type(*ty)).collect();
        types.extend([val_type(self.returned()), ValType::I64, ValType::F64]);
        if self.hot {
            types.extend([ValType::I64; HOT as usize]);
            types.extend([ValType::F64; HOT as usize]);
        }
        let locals = self.locals();
        let mut function = Function::new_with_locals_types(types);
        self.prepare(&mut function.instructions(), &locals);
        self.push_pressure(&mut function.instructions(), &locals);
        match self.usage {
            Use::Store => {
                function.instructions().i32_const(SCRATCH + 512);
            }
            Use::BrIf => {
                let result = BlockType::Result(ValType::I32);
                function.instructions().block(result).i32_const(1);
            }
            Use::Condition => {
                function.instructions().i32_const(1).i32_const(0);
            }
            Use::Set | Use::Direct | Use::If | Use::Eqz | Use::Index => {}
        }
        for operand in 0..self.count() {
            self.push_operand(&mut function.instructions(), &locals, operand);
        }
        self.late_sets(&mut function.instructions(), &locals);
        function.raw(self.code.iter().copied());
        self.use_result(&mut function.instructions(), &locals);
        self.use_rest(&mut function.instructions(), &locals);
        function
            .instructions()
            .local_get(locals.result)
            .local_get(locals.sum)
            .end();
        function
    }

    fn temp(&self, locals: &Locals, operand: u32) -> u32 {
        locals.temps + operand
    }

    /// Fills the locals, globals and memory cells that the forms read.
    fn prepare(&self, sink: &mut InstructionSink<'_>, locals: &Locals) {
        sink.local_get(locals.seed)
            .i64_const(0xffff)
            .i64_and()
            .f64_convert_i64_s()
            .local_set(locals.float_seed);
        for operand in 0..self.count() {
            let ty = self.params[operand as usize];
            match self.forms[operand as usize] {
                Form::SetSince | Form::SetLate | Form::Tee | Form::HotLocal => {
                    sink.local_get(operand)
                        .local_set(self.temp(locals, operand));
                }
                Form::Load => {
                    sink.i32_const(SCRATCH + 16 * operand as i32)
                        .local_get(operand);
                    store(sink, ty, 4);
                }
                Form::Global => {
                    sink.local_get(operand).global_set(global(ty, operand));
                }
                _ => {}
            }
        }
        if self.hot {
            for n in 0..HOT {
                sink.local_get(locals.seed)
                    .i64_const(i64::from(n) + 7)
                    .i64_add()
                    .local_set(locals.hots + n);
                sink.local_get(locals.float_seed)
                    .f64_const(Ieee64::from(f64::from(n) + 7.0))
                    .f64_add()
                    .local_set(locals.hots + HOT + n);
            }
        }
        sink.loop_(BlockType::Empty);
        if self.hot {
            for n in 0..2 * HOT {
                sink.local_get(locals.hots + n).local_set(locals.hots + n);
            }
        }
        for operand in 0..self.count() {
            if self.forms[operand as usize] == Form::HotLocal {
                let temp = self.temp(locals, operand);
                for _ in 0..3 {
                    sink.local_get(temp).local_set(temp);
                }
            }
        }
        sink.global_get(GLOBAL_ZERO).br_if(0).end();
    }

    /// Type of the n-th of the values below the operands.
    fn pressure_type(n: u32) -> Ty {
        [Ty::I64, Ty::F64, Ty::I32, Ty::F32][n as usize % 4]
    }

    fn push_pressure(&self, sink: &mut InstructionSink<'_>, locals: &Locals) {
        for n in 0..2 * self.pressure {
            let bits = pressure_bits(n);
            match Self::pressure_type(n) {
                Ty::I64 => sink.local_get(locals.seed).i64_const(bits as i64).i64_add(),
                Ty::I32 => sink
                    .local_get(locals.seed)
                    .i32_wrap_i64()
                    .i32_const(bits as i32)
                    .i32_add(),
                Ty::F64 => sink
                    .local_get(locals.float_seed)
                    .f64_const(Ieee64::from(f64::from(n)))
                    .f64_add(),
                Ty::F32 => sink
                    .local_get(locals.float_seed)
                    .f32_demote_f64()
                    .f32_const(Ieee32::from(n as f32))
                    .f32_add(),
            };
        }
    }

    fn push_operand(&self, sink: &mut InstructionSink<'_>, locals: &Locals, operand: u32) {
        let ty = self.params[operand as usize];
        let temp = self.temp(locals, operand);
        let result = BlockType::Result(val_type(ty));
        match self.forms[operand as usize] {
            Form::Const => constant(sink, ty, self.consts[operand as usize]),
            Form::Local => {
                sink.local_get(operand);
            }
            Form::HotLocal | Form::SetLate => {
                sink.local_get(temp);
            }
            Form::Same => {
                sink.local_get(0);
            }
            Form::Computed => compute(sink, ty, operand),
            Form::Spilled => {
                compute(sink, ty, operand);
                sink.call(FUNC_NOP);
            }
            Form::CallResult => {
                sink.local_get(operand).call(FUNC_ID + number(ty));
            }
            Form::BlockResult => {
                sink.block(result).local_get(operand);
                sink.global_get(GLOBAL_ZERO).br_if(0).end();
            }
            Form::IfResult => {
                sink.global_get(GLOBAL_ZERO).if_(result);
                constant(sink, ty, 1);
                sink.else_().local_get(operand).end();
            }
            Form::LoopParam => {
                sink.local_get(operand)
                    .loop_(BlockType::FunctionType(TYPE_ID + number(ty)))
                    .global_get(GLOBAL_ZERO)
                    .br_if(0)
                    .end();
            }
            Form::SetSince => {
                sink.local_get(temp);
                constant(sink, ty, other_bits(operand));
                sink.local_set(temp);
            }
            Form::Tee => {
                compute(sink, ty, operand);
                sink.local_tee(temp);
            }
            Form::Load => {
                sink.i32_const(SCRATCH + 16 * operand as i32);
                load(sink, ty, 4);
            }
            Form::Global => {
                sink.global_get(global(ty, operand));
            }
            Form::Selected => {
                sink.local_get(operand);
                constant(sink, ty, 1);
                sink.global_get(GLOBAL_ONE).select();
            }
            Form::Flags => {
                sink.local_get(operand).global_get(GLOBAL_ZERO).i32_ne();
            }
        }
    }

    fn late_sets(&self, sink: &mut InstructionSink<'_>, locals: &Locals) {
        for operand in 0..self.count() {
            if self.forms[operand as usize] == Form::SetLate {
                constant(sink, self.params[operand as usize], other_bits(operand));
                sink.local_set(self.temp(locals, operand));
            }
        }
    }

    fn use_result(&self, sink: &mut InstructionSink<'_>, locals: &Locals) {
        match self.usage {
            Use::Set => {}
            Use::Direct => {
                widen(sink, self.result);
                self.fold_pressure(sink, locals);
                sink.local_set(locals.result);
                return;
            }
            Use::Store => {
                store(sink, self.result, 0);
                sink.i32_const(SCRATCH + 512);
                load(sink, self.result, 0);
            }
            Use::If => {
                sink.if_(BlockType::Result(ValType::I32))
                    .i32_const(1)
                    .else_()
                    .i32_const(0)
                    .end();
            }
            Use::BrIf => {
                sink.br_if(0).drop().i32_const(0).end();
            }
            Use::Condition => {
                sink.select();
            }
            Use::Eqz => {
                sink.i32_eqz();
            }
            Use::Index => {
                sink.i32_const(255).i32_and().i32_load8_u(mem(0));
            }
        }
        sink.local_set(locals.result);
        sink.i64_const(0);
        self.fold_pressure(sink, locals);
        sink.local_set(locals.sum);
    }

    /// Takes the checksum so far from the top of the stack, and all pressure values below it.
    fn fold_pressure(&self, sink: &mut InstructionSink<'_>, locals: &Locals) {
        for n in (0..2 * self.pressure).rev() {
            sink.i64_const(MIX).i64_mul();
            let ty = Self::pressure_type(n);
            if ty != Ty::I64 {
                sink.local_set(locals.sum);
                widen(sink, ty);
                sink.local_get(locals.sum);
            }
            sink.i64_add();
        }
    }

    /// Adds the operands' locals and the hot locals to the checksum.
    fn use_rest(&self, sink: &mut InstructionSink<'_>, locals: &Locals) {
        sink.local_get(locals.sum);
        let add = |sink: &mut InstructionSink<'_>, local: u32, ty: Ty| {
            sink.i64_const(MIX).i64_mul().local_get(local);
            widen(sink, ty);
            sink.i64_add();
        };
        if self.usage == Use::Direct {
            sink.drop().i64_const(0);
        }
        for (operand, ty) in (0..).zip(self.params) {
            add(sink, operand, *ty);
            add(sink, self.temp(locals, operand), *ty);
        }
        if self.hot {
            for n in 0..HOT {
                add(sink, locals.hots + n, Ty::I64);
                add(sink, locals.hots + HOT + n, Ty::F64);
            }
        }
        sink.local_set(locals.sum);
    }

    /// The operand that the operator sees, given the parameters.
    pub(crate) fn operand(&self, args: &[u64], operand: usize) -> u64 {
        match self.forms[operand] {
            Form::Const => self.consts[operand],
            Form::Same => args[0],
            Form::Flags => u64::from(args[operand] != 0),
            _ => args[operand],
        }
    }

    /// What the use makes of the operator's result, and the checksum.
    pub(crate) fn expected(
        &self,
        args: &[u64],
        seed: u64,
        result: u64,
        byte: impl Fn(u64) -> u64,
    ) -> (u64, u64) {
        let truth = u64::from(result != 0);
        let (result, sum) = match self.usage {
            Use::Set | Use::Store => (result, self.pressure_sum(seed, 0)),
            Use::Direct => (self.pressure_sum(seed, result), 0),
            Use::If | Use::BrIf | Use::Condition => (truth, self.pressure_sum(seed, 0)),
            Use::Eqz => (1 - truth, self.pressure_sum(seed, 0)),
            Use::Index => (byte(result & 255), self.pressure_sum(seed, 0)),
        };
        let float_seed = (seed & 0xffff) as f64;
        let mut sum = sum;
        for (operand, ty) in self.params.iter().enumerate() {
            let after = match self.forms[operand] {
                Form::SetSince | Form::SetLate => ty.trim(other_bits(operand as u32)),
                Form::Tee | Form::HotLocal => args[operand],
                _ => 0,
            };
            sum = mix(mix(sum, args[operand]), after);
        }
        if self.hot {
            for n in 0..u64::from(HOT) {
                sum = mix(sum, seed.wrapping_add(n + 7));
                sum = mix(sum, (float_seed + (n as f64 + 7.0)).to_bits());
            }
        }
        (result, sum)
    }

    fn pressure_sum(&self, seed: u64, start: u64) -> u64 {
        let float_seed = (seed & 0xffff) as f64;
        (0..2 * self.pressure).rev().fold(start, |sum, n| {
            let bits = pressure_bits(n);
            let value = match Self::pressure_type(n) {
                Ty::I64 => seed.wrapping_add(bits),
                Ty::I32 => u64::from((seed as u32).wrapping_add(bits as u32)),
                Ty::F64 => (float_seed + f64::from(n)).to_bits(),
                Ty::F32 => u64::from((float_seed as f32 + n as f32).to_bits()),
            };
            mix(sum, value)
        })
    }
}

fn global(ty: Ty, operand: u32) -> u32 {
    GLOBALS + 3 * number(ty) + operand
}

fn pressure_bits(n: u32) -> u64 {
    u64::from(n).wrapping_mul(0x1234_5678_9abc_def1)
}

/// The value that a local gets after it was read.
fn other_bits(operand: u32) -> u64 {
    0x3f12_3456_4048_f5c3 + u64::from(operand)
}
