//! Site tables: which operator of the module an address in the code belongs to.
//!
//! Per function, pairs of LEB128 deltas: code offset (ascending, from the function's start) and
//! wasm offset (zigzag, from the body's start).

use super::code::Site;
use crate::error::{OutOfMemory, try_renew};

/// A function's sites, encoded as they come. Cold ones come after the body, so both deltas may be
/// large, but the code offsets ascend.
#[derive(Clone, Debug)]
pub(crate) struct Sites {
    bytes: Vec<u8>,
    body_pos: u32,
    last: Site,
}

impl Sites {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            body_pos: 0,
            last: Site { code: 0, wasm: 0 },
        }
    }

    /// Forgets all; a function begins whose body is at `body_pos`.
    pub(crate) fn start(&mut self, body_pos: u32) {
        self.bytes.clear();
        self.body_pos = body_pos;
        self.last = Site {
            code: 0,
            wasm: body_pos,
        };
    }

    /// Makes room for so many sites, as they usually are.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(crate) fn make_room(&mut self, sites: usize) -> Result<(), OutOfMemory> {
        try_renew(&mut self.bytes, 2 * sites, "a function's sites")
    }

    #[inline]
    pub(crate) fn push(&mut self, site: Site) {
        // Backwards only where there was no memory for the code: such sites mean nothing.
        let ahead = site.code.wrapping_sub(self.last.code);
        let delta = site.wasm.wrapping_sub(self.last.wasm) as i32;
        let delta = (delta << 1 ^ delta >> 31) as u32;
        self.last = site;
        // With room, which there nearly always is, nothing is called.
        if ahead | delta < 0x80 && self.bytes.capacity() - self.bytes.len() >= 2 {
            self.bytes.extend_from_slice(&[ahead as u8, delta as u8]);
        } else {
            self.push_long(ahead, delta);
        }
    }

    #[inline(never)]
    fn push_long(&mut self, ahead: u32, delta: u32) {
        leb128(ahead, &mut self.bytes);
        leb128(delta, &mut self.bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Site> {
        decode(&self.bytes, self.body_pos)
    }
}

/// Reads back the bytes of [`Sites`].
pub(crate) fn decode(mut bytes: &[u8], body_pos: u32) -> impl Iterator<Item = Site> {
    let mut site = Site {
        code: 0,
        wasm: body_pos,
    };
    std::iter::from_fn(move || {
        let code = read_leb128(&mut bytes)?;
        let delta = read_leb128(&mut bytes)?;
        site.code += code;
        site.wasm = site
            .wasm
            .wrapping_add(delta >> 1 ^ (delta & 1).wrapping_neg());
        Some(site)
    })
}

fn leb128(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_leb128(bytes: &mut &[u8]) -> Option<u32> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_survive() {
        let sites = [
            Site {
                code: 3,
                wasm: 1000,
            },
            Site { code: 3, wasm: 990 },
            Site {
                code: 70_000,
                wasm: u32::MAX,
            },
            Site {
                code: u32::MAX,
                wasm: 0,
            },
        ];
        let mut encoded = Sites::new();
        for body_pos in [1000, 7] {
            encoded.start(body_pos);
            sites.iter().for_each(|&site| encoded.push(site));
            assert!(encoded.iter().eq(sites));
        }
    }
}
