//! Streams in memory: give a guest its input, and keep what it writes.

use crate::stdio::{StdinStream, StdoutStream};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Input that is already there. After the last byte the guest sees the end of the stream.
///
/// Clones share one position: what one reader has read, the others no longer see.
#[derive(Clone, Debug)]
pub struct MemoryInputPipe(Arc<Mutex<io::Cursor<Vec<u8>>>>);

impl MemoryInputPipe {
    /// A stream of `bytes`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(Mutex::new(io::Cursor::new(bytes.into()))))
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.available() == 0
    }
}

impl Read for MemoryInputPipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        lock(&self.0).read(buf)
    }
}

impl StdinStream for MemoryInputPipe {
    fn available(&self) -> u64 {
        let cursor = lock(&self.0);
        (cursor.get_ref().len() as u64).saturating_sub(cursor.position())
    }
}

/// Output that is kept, up to a capacity. Clones share what was written, so give one to the
/// guest and read the other.
#[derive(Clone, Debug)]
pub struct MemoryOutputPipe {
    written: Arc<Mutex<Vec<u8>>>,
    capacity: usize,
}

impl MemoryOutputPipe {
    /// An empty stream that takes `capacity` bytes, and then says that there is no space.
    /// Memory is taken as bytes arrive.
    pub fn new(capacity: usize) -> Self {
        Self {
            written: Arc::default(),
            capacity,
        }
    }

    /// What has been written so far.
    pub fn contents(&self) -> Vec<u8> {
        lock(&self.written).clone()
    }

    /// What has been written so far; the stream continues empty.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *lock(&self.written))
    }
}

impl Write for MemoryOutputPipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut written = lock(&self.written);
        let len = buf.len().min(self.capacity.saturating_sub(written.len()));
        if len == 0 && !buf.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        written.extend_from_slice(&buf[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StdoutStream for MemoryOutputPipe {}

/// A panic of another holder leaves the bytes whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_stops_at_its_capacity() {
        let pipe = MemoryOutputPipe::new(5);
        let mut guest = pipe.clone();
        assert_eq!(guest.write(b"abc").unwrap(), 3);
        assert_eq!(guest.write(b"def").unwrap(), 2);
        assert_eq!(
            guest.write(b"g").unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        assert_eq!(guest.write(b"").unwrap(), 0);
        assert_eq!(pipe.contents(), b"abcde");
        assert_eq!(pipe.take(), b"abcde");
        assert_eq!(guest.write(b"h").unwrap(), 1);
    }

    #[test]
    fn input_ends() {
        let pipe = MemoryInputPipe::new("abc");
        let mut guest = pipe.clone();
        assert_eq!(pipe.available(), 3);
        let mut buf = [0; 2];
        assert_eq!(guest.read(&mut buf).unwrap(), 2);
        assert_eq!(guest.read(&mut buf).unwrap(), 1);
        assert_eq!(guest.read(&mut buf).unwrap(), 0);
        assert!(pipe.is_empty());
    }
}
