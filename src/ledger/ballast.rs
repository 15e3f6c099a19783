//! A little room kept beside the ledger, so that on a full disk it can still be opened and read.
//!
//! Opening needs SQLite's shared-memory file; without room for that, not even the log could be
//! looked at. The ballast is given up for it, and grown again as soon as there is room. It is too
//! small to carry redemptions: those are refused until there is room.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::ledger::error::Cause;

/// SQLite's shared-memory file takes 32 KiB (sqlite.org/walformat.html); a redemption's commit
/// needs about as much again in the write-ahead log.
const BALLAST_BYTES: u64 = 48 * 1024;

/// Opens with `open`; where the disk is too full even for that, gives the ballast up and tries again.
pub(crate) fn opening<T>(ballast: &Path, open: impl Fn() -> Result<T, Cause>) -> Result<T, Cause> {
    let opened = open();
    if matches!(opened, Err(Cause::DiskFull)) {
        give_up(ballast)?;
        return open();
    }
    opened
}

fn give_up(ballast: &Path) -> Result<(), Cause> {
    if ballast.exists() {
        OpenOptions::new().write(true).open(ballast)?.set_len(0)?;
    }
    Ok(())
}

/// Whether the ballast has its size.
pub(crate) fn is_whole(ballast: &Path) -> bool {
    std::fs::metadata(ballast).is_ok_and(|found| found.len() >= BALLAST_BYTES)
}

/// Grows the ballast to its size, where there is room.
pub(crate) fn keep(ballast: &Path, mode: u32) {
    if is_whole(ballast) {
        return;
    }
    let grown = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(mode)
        .open(ballast)
        .map_err(Cause::from)
        .and_then(|file| {
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, BALLAST_BYTES)
                .map_err(Cause::from)
        });
    // No room for it is no reason not to open; the status line names a disk that is nearly full.
    drop(grown);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn the_ballast_is_given_up_once_and_grown_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ballast");
        keep(&path, 0o600);
        let size = || std::fs::metadata(&path).expect("is there").len();
        assert_eq!(size(), BALLAST_BYTES);
        let tries = Cell::new(0);
        let opened = opening(&path, || {
            tries.set(tries.get() + 1);
            if size() == 0 {
                Ok(())
            } else {
                Err(Cause::DiskFull)
            }
        });
        assert!(opened.is_ok() && tries.get() == 2 && size() == 0);
        keep(&path, 0o600);
        assert_eq!(size(), BALLAST_BYTES);
    }
}
