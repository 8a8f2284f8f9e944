//! Site tables: which operator of the module an address in the code belongs to.
//!
//! Per function, pairs of LEB128 deltas: code offset (ascending, from the function's start) and
//! wasm offset (zigzag, from the body's start).

use super::code::Site;

/// Appends a function's sites. Cold sites come after the body, so both deltas may be large, but
/// the code offsets ascend.
pub(crate) fn encode(sites: &[Site], body_pos: u32, out: &mut Vec<u8>) {
    let (mut code, mut wasm) = (0, body_pos);
    for site in sites {
        leb128(site.code - code, out);
        let delta = site.wasm.wrapping_sub(wasm) as i32;
        leb128((delta << 1 ^ delta >> 31) as u32, out);
        (code, wasm) = (site.code, site.wasm);
    }
}

/// Reads back what [`encode`] wrote.
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

#[inline]
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
        let mut bytes = Vec::new();
        encode(&sites, 1000, &mut bytes);
        assert!(decode(&bytes, 1000).eq(sites));
    }
}
