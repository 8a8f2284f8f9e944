//! What every load and store means, in plain Rust.

use pronto::Trap;

use crate::reference::{Outcome, Ty};

/// A load operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    opcode: u8,
    pub(crate) ty: Ty,
    pub(crate) bytes: u64,
    signed: bool,
}

/// A store operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store {
    pub(crate) name: &'static str,
    opcode: u8,
    pub(crate) ty: Ty,
    pub(crate) bytes: u64,
}

fn access(opcode: u8, mut offset: u32) -> Vec<u8> {
    let mut code = vec![opcode, 0];
    while offset >= 0x80 {
        code.push(offset as u8 | 0x80);
        offset >>= 7;
    }
    code.push(offset as u8);
    code
}

fn in_bounds(addr: u64, bytes: u64, len: u64) -> Result<(), Trap> {
    if addr + bytes > len {
        return Err(Trap::MemoryOutOfBounds);
    }
    Ok(())
}

impl Load {
    /// The instruction, with alignment 1.
    pub(crate) fn code(&self, offset: u32) -> Vec<u8> {
        access(self.opcode, offset)
    }

    /// The value at `addr` (the offset is in it) of a memory of `len` bytes.
    pub(crate) fn eval(&self, addr: u64, len: u64, byte: impl Fn(u64) -> u64) -> Outcome {
        in_bounds(addr, self.bytes, len)?;
        let raw = (0..self.bytes).fold(0, |raw, n| raw | byte(addr + n) << (8 * n));
        let unused = 64 - 8 * self.bytes;
        let value = if self.signed {
            ((raw << unused) as i64 >> unused) as u64
        } else {
            raw
        };
        Ok(self.ty.trim(value))
    }
}

impl Store {
    /// The instruction, with alignment 1.
    pub(crate) fn code(&self, offset: u32) -> Vec<u8> {
        access(self.opcode, offset)
    }

    /// Writes `value` at `addr` (the offset is in it) to a memory of `len` bytes.
    pub(crate) fn eval(
        &self,
        addr: u64,
        value: u64,
        len: u64,
        mut write: impl FnMut(u64, u8),
    ) -> Result<(), Trap> {
        in_bounds(addr, self.bytes, len)?;
        for n in 0..self.bytes {
            write(addr + n, (value >> (8 * n)) as u8);
        }
        Ok(())
    }
}

/// Every load.
#[rustfmt::skip]
pub(crate) fn loads() -> impl Iterator<Item = Load> {
    [
        ("i32.load",     0x28, Ty::I32, 4, false),
        ("i64.load",     0x29, Ty::I64, 8, false),
        ("f32.load",     0x2a, Ty::F32, 4, false),
        ("f64.load",     0x2b, Ty::F64, 8, false),
        ("i32.load8_s",  0x2c, Ty::I32, 1, true),
        ("i32.load8_u",  0x2d, Ty::I32, 1, false),
        ("i32.load16_s", 0x2e, Ty::I32, 2, true),
        ("i32.load16_u", 0x2f, Ty::I32, 2, false),
        ("i64.load8_s",  0x30, Ty::I64, 1, true),
        ("i64.load8_u",  0x31, Ty::I64, 1, false),
        ("i64.load16_s", 0x32, Ty::I64, 2, true),
        ("i64.load16_u", 0x33, Ty::I64, 2, false),
        ("i64.load32_s", 0x34, Ty::I64, 4, true),
        ("i64.load32_u", 0x35, Ty::I64, 4, false),
    ]
    .into_iter()
    .map(|(name, opcode, ty, bytes, signed)| Load { name, opcode, ty, bytes, signed })
}

/// Every store.
#[rustfmt::skip]
pub(crate) fn stores() -> impl Iterator<Item = Store> {
    [
        ("i32.store",   0x36, Ty::I32, 4),
        ("i64.store",   0x37, Ty::I64, 8),
        ("f32.store",   0x38, Ty::F32, 4),
        ("f64.store",   0x39, Ty::F64, 8),
        ("i32.store8",  0x3a, Ty::I32, 1),
        ("i32.store16", 0x3b, Ty::I32, 2),
        ("i64.store8",  0x3c, Ty::I64, 1),
        ("i64.store16", 0x3d, Ty::I64, 2),
        ("i64.store32", 0x3e, Ty::I64, 4),
    ]
    .into_iter()
    .map(|(name, opcode, ty, bytes)| Store { name, opcode, ty, bytes })
}
