//! The end of a program's time.

use crate::report::TRAPPED;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Ends the command once the time is over, unless dropped before: what then still has to be said
/// takes the time it needs.
pub(crate) struct Deadline {
    _ended: Option<Sender<()>>,
}

impl Deadline {
    /// Counts from now on. Whatever runs then, a host call that waits included, ends.
    pub(crate) fn start(limit: Option<Duration>, file: PathBuf) -> Self {
        let ended = limit.map(|limit| {
            let (ended, wait) = channel::<()>();
            thread::spawn(move || {
                if wait.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                    let limit = humantime::format_duration(limit);
                    eprintln!("error: `{}`: still running after {limit}", file.display());
                    std::process::exit(TRAPPED);
                }
            });
            ended
        });
        Self { _ended: ended }
    }
}
