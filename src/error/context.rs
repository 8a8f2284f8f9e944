//! `.context(..)` on results and options.

use std::convert::Infallible;
use std::fmt::{Debug, Display};

use super::{Error, Result};

/// Adds context to the error of a [`Result`], or makes an error of a `None`.
///
/// ```
/// use pronto::Context;
///
/// let error = std::fs::read("/does/not/exist").context("reading the guest").unwrap_err();
/// assert_eq!(error.to_string(), "reading the guest");
/// assert!(error.is::<std::io::Error>());
/// ```
pub trait Context<T, E>: sealed::Sealed {
    /// Puts `context` in front of the error.
    ///
    /// # Errors
    ///
    /// If `self` is one.
    fn context<C: Display + Debug + Send + Sync + 'static>(self, context: C) -> Result<T>;

    /// As [`Context::context`], with a context that is made only when needed.
    ///
    /// # Errors
    ///
    /// If `self` is one.
    fn with_context<C, F>(self, context: F) -> Result<T>
    where
        C: Display + Debug + Send + Sync + 'static,
        F: FnOnce() -> C;
}

impl<T, E: sealed::IntoError> Context<T, E> for Result<T, E> {
    fn context<C: Display + Debug + Send + Sync + 'static>(self, context: C) -> Result<T> {
        self.map_err(|error| error.into_error().context(context))
    }

    fn with_context<C, F>(self, context: F) -> Result<T>
    where
        C: Display + Debug + Send + Sync + 'static,
        F: FnOnce() -> C,
    {
        self.map_err(|error| error.into_error().context(context()))
    }
}

impl<T> Context<T, Infallible> for Option<T> {
    fn context<C: Display + Debug + Send + Sync + 'static>(self, context: C) -> Result<T> {
        self.ok_or_else(|| Error::msg(context))
    }

    fn with_context<C, F>(self, context: F) -> Result<T>
    where
        C: Display + Debug + Send + Sync + 'static,
        F: FnOnce() -> C,
    {
        self.ok_or_else(|| Error::msg(context()))
    }
}

mod sealed {
    use super::Error;

    pub trait Sealed {}
    impl<T, E> Sealed for Result<T, E> {}
    impl<T> Sealed for Option<T> {}

    /// What an [`Error`] is made of: itself, or any standard error.
    pub trait IntoError {
        fn into_error(self) -> Error;
    }

    impl IntoError for Error {
        fn into_error(self) -> Error {
            self
        }
    }

    impl<E: std::error::Error + Send + Sync + 'static> IntoError for E {
        fn into_error(self) -> Error {
            Error::new(self)
        }
    }
}
