//! The end of a program's time.

use crate::report::TRAPPED;
use pronto::InterruptHandle;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long an interrupted program may take to stop. One that waits in the host does not notice.
const GRACE: Duration = Duration::from_millis(500);

/// Ends the command when the time is over, unless dropped before.
pub(crate) struct Deadline {
    _ended: Option<Sender<()>>,
    guest: Arc<Mutex<Option<InterruptHandle>>>,
}

impl Deadline {
    /// Counts from now on. What runs then is interrupted; if it goes on, the command ends.
    pub(crate) fn start(limit: Option<Duration>, file: PathBuf) -> Self {
        let guest: Arc<Mutex<Option<InterruptHandle>>> = Arc::default();
        let ended = limit.map(|limit| {
            let (ended, wait) = channel::<()>();
            let guest = Arc::clone(&guest);
            let timed_out = move |limit| wait.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            thread::spawn(move || {
                if !timed_out(limit) {
                    return;
                }
                let limit = humantime::format_duration(limit);
                eprintln!("error: `{}`: still running after {limit}", file.display());
                let guest = guest.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(guest) = guest {
                    guest.interrupt();
                    if !timed_out(GRACE) {
                        return;
                    }
                }
                std::process::exit(TRAPPED);
            });
            ended
        });
        Self {
            _ended: ended,
            guest,
        }
    }

    /// Says which guest to interrupt.
    pub(crate) fn watch(&self, guest: InterruptHandle) {
        *self.guest.lock().unwrap_or_else(PoisonError::into_inner) = Some(guest);
    }
}
