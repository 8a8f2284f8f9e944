//! Decodes a module: every section, with the validator beside it; bodies are left for lowering.

use std::ops::Range;
use std::sync::Arc;

use wasmparser::{Chunk, Encoding, FuncToValidate, Parser, Payload, Validator, WasmFeatures};

use super::limits::{EnforcedLimit, EnforcedLimits};
use super::module::ModuleInfo;
use super::resources::Resources;
use super::sections;
use crate::error::Error;

/// A function body that waits to be lowered.
pub(crate) struct Body {
    resources: Arc<Resources>,
    features: WasmFeatures,
    /// Index of its function, and that of the function's type.
    pub(crate) index: u32,
    pub(super) ty: u32,
    range: Range<u32>,
}

impl Body {
    pub(super) fn validator(&self) -> FuncToValidate<Arc<Resources>> {
        FuncToValidate {
            resources: self.resources.clone(),
            index: self.index,
            ty: self.ty,
            features: self.features,
        }
    }

    /// Bytes of the body in the module, from its locals on.
    pub(crate) fn range(&self) -> Range<usize> {
        self.range.start as usize..self.range.end as usize
    }
}

/// A decoded module.
pub(crate) struct Decoded<'a> {
    pub(crate) info: ModuleInfo,
    pub(crate) bodies: Bodies<'a>,
}

/// The bodies of a module, in their order.
///
/// Each is found when it is asked for. Its size stands before it; to read the sizes of all first
/// would be a wait for memory for each function, of which nothing is in the cache yet.
pub(crate) struct Bodies<'a> {
    module: &'a [u8],
    /// Has seen all sections, but no body.
    validator: Validator,
    limits: EnforcedLimits,
    /// How many types the module has.
    types: usize,
    code: Option<Code>,
    resources: Option<Arc<Resources>>,
}

/// A code section.
struct Code {
    /// Before the next body.
    parser: Parser,
    /// Where that is.
    at: usize,
    /// How many there still are.
    remaining: u32,
    range: Range<usize>,
}

/// What [`decode_within`] accepts unless it is told otherwise: WebAssembly 2.0 and extended constant
/// expressions, but no vectors.
pub(crate) const DEFAULT_FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::SIMD)
    .union(WasmFeatures::EXTENDED_CONST);

/// What lowering and emission know. Other features are masked, so that the validator rejects them
/// by name. (Lowering would do several memories; emission reaches only the first.)
pub(crate) const KNOWN_FEATURES: WasmFeatures = DEFAULT_FEATURES;

/// As [`decode_within`], without limits.
///
/// # Errors
///
/// Those of [`decode_within`].
pub(crate) fn decode(bytes: &[u8], features: WasmFeatures) -> Result<Decoded<'_>, Error> {
    decode_within(bytes, features, &EnforcedLimits::default())
}

/// Decodes and validates all of a module but its function bodies.
///
/// # Errors
///
/// If `bytes` is not a module that is valid with `features`, with the validator's message and the
/// offset of the offending byte; or if it uses what is not supported, or exceeds `limits`.
pub(crate) fn decode_within<'a>(
    bytes: &'a [u8],
    features: WasmFeatures,
    limits: &EnforcedLimits,
) -> Result<Decoded<'a>, Error> {
    let size = bytes.len() as u64;
    limits.check(EnforcedLimit::ModuleSize, size, (0, None))?;
    // Offsets a few bytes beyond the end are 32 bits too.
    if bytes.len() > u32::MAX as usize - 64 {
        return Err(Error::unsupported(0, "modules of 4 GiB and more"));
    }
    let features = features & KNOWN_FEATURES;
    let mut decoder = Decoder {
        bytes,
        validator: Validator::new_with_features(features),
        info: ModuleInfo {
            limits: *limits,
            ..ModuleInfo::default()
        },
        code: None,
    };
    let decoded = decoder.sections(features);
    let Decoder {
        validator,
        info,
        code,
        ..
    } = decoder;
    let mut bodies = Bodies {
        module: bytes,
        validator,
        limits: *limits,
        types: info.types.len(),
        code,
        resources: None,
    };
    if decoded.is_err() {
        // What is wrong with the code section comes first.
        bodies.try_each(|_| Ok(()))?;
    }
    decoded.map(|()| Decoded { info, bodies })
}

impl Bodies<'_> {
    /// How many there still are.
    pub(crate) fn len(&self) -> usize {
        self.code.as_ref().map_or(0, |code| code.remaining as usize)
    }

    /// How many bytes all have together, with their sizes.
    pub(crate) fn size(&self) -> usize {
        self.code.as_ref().map_or(0, |code| code.range.len())
    }

    /// Does something with each. If that fails, what is wrong with the sizes of those behind comes
    /// first, as where all sizes are read before a body is.
    ///
    /// # Errors
    ///
    /// Those of `each`, or if the section is malformed, or a body too large.
    pub(crate) fn try_each(
        &mut self,
        mut each: impl FnMut(Body) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while let Some(body) = self.next() {
            if let Err(error) = each(body?) {
                return Err(self.find_map(Result::err).unwrap_or(error));
            }
        }
        Ok(())
    }

    fn next_body(&mut self, code: &mut Code) -> Result<Option<Body>, Error> {
        // Behind the last one the parser looks whether the section ends there.
        let rest = self.module.get(code.at..).unwrap_or_default();
        let (consumed, payload) = parsed(code.parser.parse(rest, true))?;
        let Payload::CodeSectionEntry(body) = payload else {
            return Ok(None);
        };
        code.at += consumed;
        code.remaining -= 1;
        let range = pos(body.range().start)..pos(body.range().end);
        let FuncToValidate {
            resources,
            index,
            ty,
            features,
        } = self.validator.code_section_entry(&body).map_err(invalid)?;
        let (at, size) = ((range.start, Some(index)), range.len() as u64);
        self.limits.check(EnforcedLimit::FunctionSize, size, at)?;
        let shared = match &self.resources {
            Some(shared) => shared,
            None => {
                let resources = Resources::new(resources, self.types)?;
                self.resources.insert(Arc::new(resources))
            }
        };
        Ok(Some(Body {
            resources: shared.clone(),
            features,
            index,
            ty,
            range,
        }))
    }
}

/// Ends behind an error.
impl Iterator for Bodies<'_> {
    type Item = Result<Body, Error>;

    #[inline(never)]
    fn next(&mut self) -> Option<Self::Item> {
        let mut code = self.code.take()?;
        let next = self.next_body(&mut code).transpose();
        if let Some(Ok(_)) = next {
            self.code = Some(code);
        }
        next
    }
}

/// What the parser has found in all that there is.
fn parsed(chunk: wasmparser::Result<Chunk<'_>>) -> Result<(usize, Payload<'_>), Error> {
    match chunk.map_err(invalid)? {
        Chunk::Parsed { consumed, payload } => Ok((consumed, payload)),
        Chunk::NeedMoreData(_) => unreachable!("it was told that this is all"),
    }
}

/// The validator's complaint as an error of ours.
#[cold]
pub(super) fn invalid(error: wasmparser::Error) -> Error {
    Error::invalid(pos(error.offset()) as usize, error.message())
}

/// A module offset. [`decode_within`] has checked that all of them fit.
pub(super) fn pos(offset: u64) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

struct Decoder<'a> {
    bytes: &'a [u8],
    validator: Validator,
    info: ModuleInfo,
    code: Option<Code>,
}

impl Decoder<'_> {
    /// Takes all sections, and passes over the code.
    fn sections(&mut self, features: WasmFeatures) -> Result<(), Error> {
        let mut parser = Parser::new(0);
        parser.set_features(features);
        let mut at = 0;
        loop {
            let Some(rest) = self.bytes.get(at..) else {
                return Err(Error::invalid(self.bytes.len(), "unexpected end-of-file"));
            };
            let (consumed, payload) = parsed(parser.parse(rest, true))?;
            at += consumed;
            if let Payload::End(_) = payload {
                return Ok(());
            }
            let mut code = None;
            if let Payload::CodeSectionStart { count, size, .. } = payload {
                code = Some((count, at..at + size as usize));
            }
            self.payload(payload)?;
            if let Some((remaining, range)) = code {
                self.info.limits.check_bodies(&range, remaining)?;
                at = range.end;
                self.code = Some(Code {
                    parser: parser.clone(),
                    at: range.start,
                    remaining,
                    range,
                });
                parser.skip_section();
            }
        }
    }

    /// Validates one payload, then takes over what it says.
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), Error> {
        let (validator, info) = (&mut self.validator, &mut self.info);
        if let Payload::Version {
            encoding: Encoding::Component,
            range,
            ..
        } = &payload
        {
            let pos = pos(range.start) as usize;
            return Err(Error::unsupported(pos, "components; a module is expected"));
        }
        if let Payload::DataSection(section) = &payload
            && let Some(datas) = sections::plain_datas(info, self.bytes, section)
        {
            info.datas = datas;
            let offset = pos(section.range().start);
            return info.limits.check_sections(info, offset);
        }
        validator.payload(&payload).map_err(invalid)?;
        let section = payload.as_section();
        self.take(payload)?;
        match section {
            // Custom sections declare nothing.
            Some((id, range)) if id != 0 => {
                let offset = pos(range.start);
                self.info.limits.check_sections(&self.info, offset)
            }
            _ => Ok(()),
        }
    }

    /// Takes over what a valid payload says.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the list of payloads is open"
    )]
    fn take(&mut self, payload: Payload<'_>) -> Result<(), Error> {
        let info = &mut self.info;
        match payload {
            Payload::TypeSection(section) => sections::types(info, section),
            Payload::ImportSection(section) => sections::imports(info, section),
            Payload::FunctionSection(section) => sections::functions(info, section),
            Payload::TableSection(section) => sections::tables(info, section),
            Payload::MemorySection(section) => sections::memories(info, section),
            Payload::GlobalSection(section) => sections::globals(info, section),
            Payload::ExportSection(section) => sections::exports(info, section),
            Payload::StartSection { func, .. } => sections::start(info, func),
            Payload::ElementSection(section) => sections::elements(info, section),
            Payload::DataSection(section) => sections::datas(info, section),
            Payload::CustomSection(section) => sections::custom(info, &section),
            // Without contents, or rejected by the validator.
            _ => Ok(()),
        }
    }
}
