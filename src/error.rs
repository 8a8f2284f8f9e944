//! Errors and traps: known to all other modules.

mod backtrace;
mod context;
mod memory;
mod trap;

use std::any::Any;
use std::error::Error as StdError;
use std::fmt::{self, Debug, Display};

pub use backtrace::{FrameInfo, WasmBacktrace};
pub use context::Context;
pub use memory::OutOfMemory;
pub(crate) use memory::{try_box, try_renew, try_reserve, try_with_capacity};
pub use trap::{I32Exit, Trap};

/// [`std::result::Result`] with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of this crate, or of a host function.
///
/// It holds any error type, which [`Error::downcast_ref`] gives back; guest faults are a [`Trap`].
/// Like `anyhow::Error` it does not implement [`std::error::Error`], so that `?` converts every
/// error that does.
///
/// One word wide, so that `Result<(), Error>` stays in a register.
///
/// ```
/// use pronto::{Error, Trap};
///
/// fn read() -> pronto::Result<String> {
///     Ok(std::fs::read_to_string("/does/not/exist")?)
/// }
/// let error = read().unwrap_err();
/// assert!(error.is::<std::io::Error>());
/// assert_eq!(Error::from(Trap::StackOverflow).trap(), Some(Trap::StackOverflow));
/// ```
pub struct Error(Box<Repr>);

const _: () = assert!(size_of::<Result<()>>() == size_of::<usize>());

struct Repr {
    object: Box<dyn Object>,
    /// The error that `object` is the context of.
    source: Option<Error>,
    backtrace: Option<WasmBacktrace>,
}

/// What an [`Error`] holds: a standard error or a message.
trait Object: Display + Debug + Send + Sync {
    fn any(&self) -> &dyn Any;
    fn any_mut(&mut self) -> &mut dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn as_std(&self) -> &(dyn StdError + Send + Sync + 'static);
    fn into_std(self: Box<Self>) -> Box<dyn StdError + Send + Sync>;
    #[cfg(feature = "anyhow")]
    fn into_anyhow(self: Box<Self>) -> anyhow::Error;
}

struct Typed<E>(E);

impl<E: StdError + Send + Sync + 'static> Object for Typed<E> {
    fn any(&self) -> &dyn Any {
        &self.0
    }
    fn any_mut(&mut self) -> &mut dyn Any {
        &mut self.0
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        Box::new(self.0)
    }
    fn as_std(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &self.0
    }
    fn into_std(self: Box<Self>) -> Box<dyn StdError + Send + Sync> {
        Box::new(self.0)
    }
    #[cfg(feature = "anyhow")]
    fn into_anyhow(self: Box<Self>) -> anyhow::Error {
        anyhow::Error::new(self.0)
    }
}

impl<E: Display> Display for Typed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl<E: Debug> Debug for Typed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

struct Message<M>(M);

impl<M: Display + Debug + Send + Sync + 'static> Object for Message<M> {
    fn any(&self) -> &dyn Any {
        &self.0
    }
    fn any_mut(&mut self) -> &mut dyn Any {
        &mut self.0
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        Box::new(self.0)
    }
    fn as_std(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }
    fn into_std(self: Box<Self>) -> Box<dyn StdError + Send + Sync> {
        self
    }
    #[cfg(feature = "anyhow")]
    fn into_anyhow(self: Box<Self>) -> anyhow::Error {
        anyhow::Error::msg(self.0)
    }
}

impl<M: Display> Display for Message<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl<M: Display> Debug for Message<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl<M: Display> StdError for Message<M> {}

impl Error {
    fn from_object(object: Box<dyn Object>) -> Self {
        Self(Box::new(Repr {
            object,
            source: None,
            backtrace: None,
        }))
    }

    /// An error that holds `error`.
    #[cold]
    pub fn new<E: StdError + Send + Sync + 'static>(error: E) -> Self {
        Self::from_object(Box::new(Typed(error)))
    }

    /// An error that is only a message.
    #[cold]
    pub fn msg<M: Display + Debug + Send + Sync + 'static>(message: M) -> Self {
        Self::from_object(Box::new(Message(message)))
    }

    /// A module that is malformed or invalid at byte `pos`.
    pub(crate) fn invalid(pos: usize, message: impl Display) -> Self {
        Self::msg(format!("invalid module at offset {pos:#x}: {message}"))
    }

    /// A valid module at byte `pos` that asks for what this version does not do.
    pub(crate) fn unsupported(pos: usize, what: impl Display) -> Self {
        Self::msg(format!("not supported at offset {pos:#x}: {what}"))
    }

    /// Puts `context` in front of this error; the error itself becomes its source and can still
    /// be downcast to.
    #[cold]
    #[must_use]
    pub fn context<C: Display + Debug + Send + Sync + 'static>(self, context: C) -> Self {
        Self(Box::new(Repr {
            object: Box::new(Message(context)),
            source: Some(self),
            backtrace: None,
        }))
    }

    /// The contexts' innermost error first: this error and its sources within this crate.
    fn layers(&self) -> impl Iterator<Item = &Repr> {
        std::iter::successors(Some(&*self.0), |repr| repr.source.as_ref().map(|e| &*e.0))
    }

    /// Whether this error, or one that it is a context of, is an `E`.
    pub fn is<E: Display + Debug + Send + Sync + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The `E` that this error, or one that it is a context of, holds.
    pub fn downcast_ref<E: Display + Debug + Send + Sync + 'static>(&self) -> Option<&E> {
        self.layers().find_map(|repr| {
            let held = repr.object.any().downcast_ref();
            held.or_else(|| (repr.backtrace.as_ref()? as &dyn Any).downcast_ref())
        })
    }

    /// As [`Error::downcast_ref`], to change the `E`.
    pub fn downcast_mut<E: Display + Debug + Send + Sync + 'static>(&mut self) -> Option<&mut E> {
        let mut repr = &mut *self.0;
        loop {
            if repr.object.any().is::<E>() {
                return repr.object.any_mut().downcast_mut();
            }
            repr = &mut *repr.source.as_mut()?.0;
        }
    }

    /// The `E` that this error, or one that it is a context of, holds.
    ///
    /// # Errors
    ///
    /// The error itself, if it holds no `E`.
    pub fn downcast<E: Display + Debug + Send + Sync + 'static>(self) -> Result<E, Self> {
        if !self.layers().any(|repr| repr.object.any().is::<E>()) {
            return Err(self);
        }
        let mut error = self;
        loop {
            let Repr {
                object,
                source,
                backtrace,
            } = *error.0;
            if object.any().is::<E>() {
                return match object.into_any().downcast() {
                    Ok(held) => Ok(*held),
                    Err(_) => unreachable!("its type was compared"),
                };
            }
            drop(backtrace);
            match source {
                Some(source) => error = source,
                None => unreachable!("a layer holds the type"),
            }
        }
    }

    /// This error and its sources, outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        let first: &(dyn StdError + 'static) = self.as_std();
        let mut next = Some(first);
        std::iter::from_fn(move || {
            let error = next?;
            next = error.source();
            Some(error)
        })
    }

    /// The last error of the [chain](Error::chain).
    pub fn root_cause(&self) -> &(dyn StdError + 'static) {
        self.chain().last().unwrap_or(&*self.0)
    }

    fn as_std(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self.0.as_std()
    }

    /// The trap, if a guest's fault caused this error.
    pub fn trap(&self) -> Option<Trap> {
        self.downcast_ref().copied()
    }

    /// The status, if the guest or a host function asked to end the program with [`I32Exit`].
    pub fn exit_status(&self) -> Option<i32> {
        self.downcast_ref().map(|exit: &I32Exit| exit.0)
    }

    /// The guest's calls at the time of the error, if it ended running code.
    pub fn backtrace(&self) -> Option<&WasmBacktrace> {
        self.layers().find_map(|repr| repr.backtrace.as_ref())
    }

    /// Attaches a backtrace, unless one closer to the fault is there.
    pub(crate) fn set_backtrace(&mut self, backtrace: WasmBacktrace) {
        if self.backtrace().is_none() {
            self.0.backtrace = Some(backtrace);
        }
    }

    /// The same as [`Error::trap`].
    #[doc(hidden)]
    pub fn as_trap_code(&self) -> Option<Trap> {
        self.trap()
    }

    /// The same as [`Error::exit_status`].
    #[doc(hidden)]
    pub fn i32_exit_status(&self) -> Option<i32> {
        self.exit_status()
    }
}

impl Repr {
    fn as_std(&self) -> &(dyn StdError + Send + Sync + 'static) {
        match self.source {
            None => self.object.as_std(),
            Some(_) => self,
        }
    }
}

impl StdError for Repr {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.source {
            Some(source) => Some(source.as_std()),
            None => self.object.as_std().source(),
        }
    }
}

impl Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.object, f)
    }
}

impl Debug for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.object)?;
        let mut source = self.source();
        if source.is_some() {
            write!(f, "\n\nCaused by:")?;
        }
        while let Some(error) = source {
            write!(f, "\n    {error}")?;
            source = error.source();
        }
        let mut layer = Some(self);
        while let Some(repr) = layer {
            if let Some(backtrace) = &repr.backtrace {
                return write!(f, "\n\n{backtrace}");
            }
            layer = repr.source.as_ref().map(|e| &*e.0);
        }
        Ok(())
    }
}

/// The message; with `{:#}`, followed by those of its sources.
impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.object)?;
        if f.alternate() {
            for source in self.chain().skip(1) {
                write!(f, ": {source}")?;
            }
        }
        Ok(())
    }
}

/// The message, its sources, and the guest's backtrace.
impl Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl AsRef<dyn StdError + Send + Sync> for Error {
    fn as_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self.as_std()
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync> {
    fn from(error: Error) -> Self {
        match *error.0 {
            Repr {
                object,
                source: None,
                ..
            } => object.into_std(),
            repr @ Repr {
                source: Some(_), ..
            } => Box::new(repr),
        }
    }
}

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        Box::<dyn StdError + Send + Sync>::from(error)
    }
}

/// Keeps the type of the innermost error, and the contexts as text.
#[cfg(feature = "anyhow")]
impl From<Error> for anyhow::Error {
    fn from(error: Error) -> Self {
        let Repr {
            object,
            source,
            backtrace,
        } = *error.0;
        let inner = match source {
            None => object.into_anyhow(),
            Some(source) => Self::from(source).context(object.to_string()),
        };
        match backtrace {
            None => inner,
            Some(backtrace) => inner.context(backtrace),
        }
    }
}

/// Returns early with an [`Error`] made by [`format_err!`](crate::format_err).
#[macro_export]
macro_rules! bail {
    ($($args:tt)*) => {
        return ::core::result::Result::Err($crate::format_err!($($args)*))
    };
}

/// Returns early with an [`Error`] if a condition does not hold.
#[macro_export]
macro_rules! ensure {
    ($cond:expr $(,)?) => {
        $crate::ensure!($cond, "condition failed: `{}`", ::core::stringify!($cond))
    };
    ($cond:expr, $($args:tt)*) => {
        if !$cond {
            $crate::bail!($($args)*);
        }
    };
}

/// An [`Error`] from a format string and its arguments.
#[macro_export]
macro_rules! format_err {
    ($($args:tt)*) => {
        $crate::Error::msg(::std::format!($($args)*))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io() -> std::io::Error {
        std::io::Error::other("disk on fire")
    }

    #[test]
    fn downcasts_through_contexts() {
        let mut error = Error::new(io()).context("reading").context(7_u32);
        assert!(error.is::<std::io::Error>());
        assert_eq!(error.downcast_ref::<u32>(), Some(&7));
        assert!(error.downcast_ref::<Trap>().is_none());
        *error.downcast_mut::<u32>().unwrap() = 8;
        assert_eq!(format!("{error:#}"), "8: reading: disk on fire");
        assert_eq!(error.to_string(), "8");
        assert_eq!(error.chain().count(), 3);
        assert_eq!(error.root_cause().to_string(), "disk on fire");
        let error = error.downcast::<Trap>().unwrap_err();
        assert_eq!(
            error.downcast::<std::io::Error>().unwrap().to_string(),
            "disk on fire"
        );
    }

    #[test]
    fn accessors() {
        let error = Error::from(Trap::IntegerOverflow).context("adding");
        assert_eq!(error.trap(), Some(Trap::IntegerOverflow));
        assert_eq!(error.exit_status(), None);
        assert_eq!(Error::from(I32Exit(3)).exit_status(), Some(3));
        assert!(format!("{error:?}").contains("Caused by:\n    wasm trap: integer overflow"));
    }

    #[test]
    fn becomes_a_standard_error() {
        let boxed: Box<dyn StdError + Send + Sync> = Error::new(io()).into();
        assert!(boxed.is::<std::io::Error>());
        let boxed: Box<dyn StdError> = Error::new(io()).context("reading").into();
        assert_eq!(boxed.to_string(), "reading");
        assert_eq!(boxed.source().unwrap().to_string(), "disk on fire");
    }

    #[test]
    fn macros_return_early() {
        fn check(n: i32) -> Result<i32> {
            crate::ensure!(n > 0, "{n} is not positive");
            crate::ensure!(n != 5);
            if n > 9 {
                crate::bail!("{n} is too much");
            }
            Ok(n)
        }
        assert_eq!(check(1).unwrap(), 1);
        assert_eq!(check(0).unwrap_err().to_string(), "0 is not positive");
        assert_eq!(check(10).unwrap_err().to_string(), "10 is too much");
        assert!(check(5).unwrap_err().to_string().contains("n != 5"));
    }
}
