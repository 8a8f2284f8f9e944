//! Why a guest was stopped.

use std::error::Error as StdError;
use std::fmt;

macro_rules! traps {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A fault of the guest, which ends its call. The instance stays usable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Trap {
            $($(#[$doc])* $name,)*
        }

        impl fmt::Display for Trap {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => concat!("wasm trap: ", $text),)*
                })
            }
        }
    };
}

traps! {
    /// The guest's stack, or the host's under it, is exhausted.
    StackOverflow = "call stack exhausted";
    /// An access outside a linear memory.
    MemoryOutOfBounds = "out of bounds memory access";
    /// An atomic access to an address that is not a multiple of its size.
    HeapMisaligned = "unaligned atomic";
    /// An access outside a table.
    TableOutOfBounds = "undefined element: out of bounds table access";
    /// An indirect call of a null reference.
    IndirectCallToNull = "uninitialized element";
    /// An indirect call of a function of another type.
    BadSignature = "indirect call type mismatch";
    /// A result that its integer type cannot hold.
    IntegerOverflow = "integer overflow";
    /// An integer division by zero.
    IntegerDivisionByZero = "integer divide by zero";
    /// A conversion of a float that is not a number to an integer.
    BadConversionToInteger = "invalid conversion to integer";
    /// The `unreachable` instruction.
    UnreachableCodeReached = "wasm `unreachable` instruction executed";
    /// The host interrupted the guest.
    Interrupt = "interrupt";
    /// The guest used up its fuel.
    OutOfFuel = "all fuel consumed by WebAssembly";
    /// An atomic wait on a memory that is not shared.
    AtomicWaitNonSharedMemory = "atomic wait on non-shared memory";
    /// A null reference where none is allowed.
    NullReference = "null reference";
}

impl StdError for Trap {}

/// The guest asked to end the program with a status: what `proc_exit` of WASI raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct I32Exit(
    /// The status.
    pub i32,
);

impl I32Exit {
    /// The status for the operating system.
    pub fn process_exit_code(&self) -> i32 {
        self.0
    }
}

impl fmt::Display for I32Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exited with i32 exit status {}", self.0)
    }
}

impl StdError for I32Exit {}
