//! The marker beside a ledger: what a restored, copied or damaged file cannot know.
//!
//! It is written after every commit and stands in no backup, so a ledger that is behind its marker
//! has lost entries (an old file was put back, or a flipped bit in the write-ahead log dropped
//! them), and one on another machine or in another file has been copied. A marker that is torn or
//! behind means nothing: it is written without a sync, on purpose.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::domain::entry::hex;

/// Fixed, so that it is overwritten in place, in one write, even on a full disk.
const MARKER_BYTES: usize = 256;

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) node: String,
    pub(crate) incarnation: i64,
    pub(crate) seq: i64,
    pub(crate) machine: String,
    pub(crate) inode: u64,
}

/// A marker as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    Missing,
    Torn,
    Whole(Mark),
}

/// What a marker tells of the ledger beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// All is well; the marker may be behind and is written again.
    Fine,
    /// The ledger lacks this many entries that were committed.
    Ahead { missing: i64 },
    /// The file was copied: it is on another machine, or is another file, than the marker says.
    Copied,
    /// There is no marker where one must have been written.
    Missing,
}

/// Compares a marker with the ledger as it is.
pub(crate) fn compare(reading: &Reading, ledger: &Mark) -> Finding {
    match reading {
        // Set-up writes its first entry before the marker: a crash between them loses nothing.
        Reading::Missing if ledger.seq > 1 => Finding::Missing,
        Reading::Whole(mark) if mark.node != ledger.node => Finding::Copied,
        Reading::Whole(mark) if mark.seq > ledger.seq || mark.incarnation > ledger.incarnation => {
            Finding::Ahead {
                missing: (mark.seq - ledger.seq).max(0),
            }
        }
        Reading::Whole(mark) if mark.machine != ledger.machine || mark.inode != ledger.inode => {
            Finding::Copied
        }
        Reading::Missing | Reading::Torn | Reading::Whole(_) => Finding::Fine,
    }
}

/// The marker file, open for as long as the ledger is.
pub(crate) struct Marker {
    file: File,
}

impl Marker {
    pub(crate) fn open(path: &Path, mode: u32) -> io::Result<Marker> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .open(path)?;
        Ok(Marker { file })
    }

    /// Overwrites the marker in place.
    pub(crate) fn write(&self, mark: &Mark) -> io::Result<()> {
        self.file.write_all_at(&encode(mark), 0)
    }
}

/// Reads a marker without opening it for writing.
pub(crate) fn read(path: &Path) -> io::Result<Reading> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.is_empty() => Ok(Reading::Missing),
        Ok(bytes) => Ok(decode(&bytes).map_or(Reading::Torn, Reading::Whole)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Reading::Missing),
        Err(error) => Err(error),
    }
}

fn encode(mark: &Mark) -> Vec<u8> {
    let line = format!(
        "counterfoil-marker 1 {} {} {} {} {}",
        mark.node, mark.incarnation, mark.seq, mark.machine, mark.inode
    );
    let mut bytes = format!("{line} {}", checksum(&line)).into_bytes();
    bytes.resize(MARKER_BYTES - 1, b' ');
    bytes.push(b'\n');
    bytes
}

fn decode(bytes: &[u8]) -> Option<Mark> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end();
    let (line, sum) = text.rsplit_once(' ')?;
    if sum != checksum(line) {
        return None;
    }
    let mut words = line
        .strip_prefix("counterfoil-marker 1 ")?
        .split(' ')
        .map(str::to_owned);
    Some(Mark {
        node: words.next()?,
        incarnation: words.next()?.parse().ok()?,
        seq: words.next()?.parse().ok()?,
        machine: words.next()?,
        inode: words.next()?.parse().ok()?,
    })
}

fn checksum(line: &str) -> String {
    hex(&Sha256::digest(line.as_bytes()))
        .chars()
        .take(32)
        .collect()
}

/// This machine's name for itself: a hash of `/etc/machine-id` (machine-id(5) asks not to spread
/// the id itself), else of the host's name.
pub(crate) fn machine() -> String {
    let id = std::fs::read_to_string("/etc/machine-id")
        .ok()
        .filter(|id| !id.trim().is_empty())
        .unwrap_or_else(|| {
            rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned()
        });
    let digest = Sha256::digest(format!("counterfoil {}", id.trim()).as_bytes());
    hex(&digest).chars().take(16).collect()
}

/// The inode of a file: another one means that the file was put there anew.
///
/// 0 where the file system makes numbers up at every mount: FAT and exFAT (`statfs(2)`).
pub(crate) fn inode(path: &Path) -> io::Result<u64> {
    let kind = rustix::fs::statfs(path)?.f_type;
    if matches!(kind, 0x4d44 | 0x2011_bab0) {
        return Ok(0);
    }
    Ok(std::fs::metadata(path)?.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            node: "BCDFGHJKLN".into(),
            incarnation: 1,
            seq: 42,
            machine: "00ff".into(),
            inode: 7,
        }
    }

    #[test]
    fn a_marker_reads_back_and_every_torn_one_is_torn() {
        let bytes = encode(&mark());
        assert_eq!(bytes.len(), MARKER_BYTES);
        assert_eq!(decode(&bytes), Some(mark()));
        let older = encode(&Mark { seq: 9, ..mark() });
        for cut in 1..bytes
            .iter()
            .rposition(|byte| *byte != b' ' && *byte != b'\n')
            .expect("text")
        {
            let mut torn = bytes[..cut].to_vec();
            torn.extend_from_slice(&older[cut..]);
            let read = decode(&torn);
            assert!(
                read.is_none() || torn == older || torn == bytes,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn only_a_marker_that_is_ahead_elsewhere_or_lost_means_anything() {
        let ledger = mark();
        let with = |change: fn(&mut Mark)| {
            let mut other = mark();
            change(&mut other);
            compare(&Reading::Whole(other), &ledger)
        };
        assert_eq!(compare(&Reading::Whole(mark()), &ledger), Finding::Fine);
        assert_eq!(compare(&Reading::Torn, &ledger), Finding::Fine);
        assert_eq!(with(|mark| mark.seq = 40), Finding::Fine);
        assert_eq!(with(|mark| mark.seq = 45), Finding::Ahead { missing: 3 });
        assert_eq!(with(|mark| mark.machine = "aa".into()), Finding::Copied);
        assert_eq!(with(|mark| mark.inode = 8), Finding::Copied);
        assert_eq!(compare(&Reading::Missing, &ledger), Finding::Missing);
        let young = Mark { seq: 1, ..mark() };
        assert_eq!(compare(&Reading::Missing, &young), Finding::Fine);
    }
}
