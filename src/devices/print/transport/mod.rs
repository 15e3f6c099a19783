//! Bytes to a printer and back, each step with a deadline.
//!
//! Invariant: nothing here waits without an end; descriptors never block. Invariant: a fault of
//! writing says whether anything went out before it.

mod command;
mod wire;

pub(super) use command::{append, run};
pub(super) use wire::{Answered, Wire, open};

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::io::Errno;

use crate::devices::print::Reason;
use crate::devices::rights::group_of;

/// A moment by which something must have happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    start: Instant,
    wait: Duration,
}

impl Deadline {
    pub(super) fn after(wait: Duration) -> Deadline {
        #[expect(
            clippy::disallowed_methods,
            reason = "whoever waits for a device times it"
        )]
        let start = Instant::now();
        Deadline { start, wait }
    }

    /// What is left; `None` when it has passed.
    pub(super) fn left(&self) -> Option<Timespec> {
        let left = self.wait.checked_sub(self.start.elapsed())?;
        Timespec::try_from(left).ok()
    }
}

/// Writing failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WriteFault {
    /// Bytes that had gone out.
    pub(super) sent: usize,
    pub(super) reason: Reason,
}

/// Why a node or file could not be opened, or written at all.
fn unopened(error: &io::Error, path: &Path, group: &str) -> Reason {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => Reason::Missing,
        Some(Errno::ACCESS | Errno::PERM) => Reason::NoPermission {
            group: group_of(path, group),
        },
        Some(Errno::BUSY) => Reason::Busy,
        _ => Reason::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use rustix::io::Errno;

    use crate::devices::print::Reason;
    use crate::devices::print::transport::unopened;

    #[test]
    fn what_does_not_open_says_why() {
        let group = "lp".to_owned();
        for (errno, wanted) in [
            (Errno::NOENT, Reason::Missing),
            (Errno::NODEV, Reason::Missing),
            (Errno::ACCESS, Reason::NoPermission { group }),
            (Errno::BUSY, Reason::Busy),
        ] {
            let error = io::Error::from(errno);
            assert_eq!(unopened(&error, Path::new("/no/such/node"), "lp"), wanted);
        }
    }
}
