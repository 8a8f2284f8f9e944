//! Decodes a module: every section, with the validator beside it; bodies are left for lowering.

use std::ops::Range;
use std::sync::Arc;

use wasmparser::{Encoding, FuncToValidate, Parser, Payload, Validator, WasmFeatures};

use super::limits::{EnforcedLimit, EnforcedLimits};
use super::module::ModuleInfo;
use super::resources::Resources;
use super::sections;
use crate::error::{Error, try_reserve};

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
pub(crate) struct Decoded {
    pub(crate) info: ModuleInfo,
    pub(crate) bodies: Vec<Body>,
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
pub(crate) fn decode(bytes: &[u8], features: WasmFeatures) -> Result<Decoded, Error> {
    decode_within(bytes, features, &EnforcedLimits::default())
}

/// Decodes and validates all of a module but its function bodies.
///
/// # Errors
///
/// If `bytes` is not a module that is valid with `features`, with the validator's message and the
/// offset of the offending byte; or if it uses what is not supported, or exceeds `limits`.
pub(crate) fn decode_within(
    bytes: &[u8],
    features: WasmFeatures,
    limits: &EnforcedLimits,
) -> Result<Decoded, Error> {
    let size = bytes.len() as u64;
    limits.check(EnforcedLimit::ModuleSize, size, (0, None))?;
    // Offsets a few bytes beyond the end are 32 bits too.
    if bytes.len() > u32::MAX as usize - 64 {
        return Err(Error::unsupported(0, "modules of 4 GiB and more"));
    }
    let features = features & KNOWN_FEATURES;
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut decoder = Decoder {
        bytes,
        validator: Validator::new_with_features(features),
        info: ModuleInfo {
            limits: *limits,
            ..ModuleInfo::default()
        },
        resources: None,
        bodies: Vec::new(),
    };
    for payload in parser.parse_all(bytes) {
        decoder.payload(payload.map_err(invalid)?)?;
    }
    limits.check_bodies(&decoder.info)?;
    Ok(Decoded {
        info: decoder.info,
        bodies: decoder.bodies,
    })
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

const BODIES: &str = "a module's functions";

struct Decoder<'a> {
    bytes: &'a [u8],
    validator: Validator,
    info: ModuleInfo,
    /// Those of the bodies, once there is one.
    resources: Option<Arc<Resources>>,
    bodies: Vec<Body>,
}

impl Decoder<'_> {
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
        if let Payload::CodeSectionEntry(body) = &payload {
            let validator = validator.code_section_entry(body).map_err(invalid)?;
            let range = pos(body.range().start)..pos(body.range().end);
            info.bodies.push(range.clone());
            let FuncToValidate {
                resources,
                index,
                ty,
                features,
            } = validator;
            let at = (range.start, Some(index));
            let size = range.len() as u64;
            info.limits.check(EnforcedLimit::FunctionSize, size, at)?;
            let shared = match &self.resources {
                Some(shared) => shared,
                None => {
                    let types = info.types.len();
                    self.resources
                        .insert(Arc::new(Resources::new(resources, types)?))
                }
            };
            self.bodies.push(Body {
                resources: shared.clone(),
                features,
                index,
                ty,
                range,
            });
            return Ok(());
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
            Payload::CodeSectionStart { count, .. } => {
                let count = count as usize;
                try_reserve(&mut info.bodies, count, BODIES)?;
                Ok(try_reserve(&mut self.bodies, count, BODIES)?)
            }
            // Without contents, or rejected by the validator.
            _ => Ok(()),
        }
    }
}
