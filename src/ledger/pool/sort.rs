//! Sorting more than fits in memory: sorted runs in a file without a name, merged as they are read.
//!
//! Invariant: memory stays within the run size plus the merge's buffers, whatever is sorted.
//! Invariant: a process that dies leaves no file behind; the name is taken away at once.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering as Memory};

/// The beginning of the names of our files, should one ever be left behind.
pub(crate) const SORT_FILE: &str = "ledger.sort-";

/// What one sorted run may take of memory.
pub(crate) const RUN_BYTES: usize = 64 * 1024 * 1024;

/// What all the buffers of a merge take together.
const MERGE_BYTES: usize = 16 * 1024 * 1024;

/// The buffer of one run while merging.
const BUFFER_BYTES_MIN: usize = 4 * 1024;
const BUFFER_BYTES_MAX: usize = 256 * 1024;

/// What an entry of a run takes of memory beside its bytes.
const ENTRY_BYTES: usize = size_of::<Entry>();

/// A key of up to 64 KiB and what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Takes records in any order and gives them back by key, then payload.
pub(crate) struct Sorter {
    folder: PathBuf,
    run_bytes: usize,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    spill: Option<Spill>,
}

/// Records in order.
pub(crate) enum Sorted {
    /// Everything fitted in memory.
    Memory {
        bytes: Vec<u8>,
        entries: std::vec::IntoIter<Entry>,
    },
    /// Several runs, merged.
    Merged {
        runs: BinaryHeap<RunHead>,
        has_begun: bool,
    },
}

/// Where a record lies in a run that is still in memory, with the first bytes of its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    prefix: u64,
    start: u32,
    key_len: u16,
    payload_len: u16,
}

struct Spill {
    file: File,
    ends: Vec<u64>,
}

impl Sorter {
    pub(crate) fn new(folder: &Path, run_bytes: usize) -> Sorter {
        Sorter {
            folder: folder.to_owned(),
            run_bytes: run_bytes.min(RUN_BYTES),
            bytes: Vec::new(),
            entries: Vec::new(),
            spill: None,
        }
    }

    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) -> io::Result<()> {
        let used = self.bytes.len() + self.entries.len() * ENTRY_BYTES;
        let needed = key.len() + payload.len() + ENTRY_BYTES;
        if !self.entries.is_empty() && used + needed > self.run_bytes {
            self.spill()?;
        }
        if self.bytes.capacity() == 0 {
            // Grown by doubling, a run would take twice its size while it moves.
            let rows = self.run_bytes / (needed + needed / 4).max(1);
            self.entries.reserve_exact(rows);
            self.bytes
                .reserve_exact(self.run_bytes.saturating_sub(rows * ENTRY_BYTES));
        }
        let entry = Entry {
            prefix: prefix(key),
            start: narrow(self.bytes.len())?,
            key_len: narrow(key.len())?,
            payload_len: narrow(payload.len())?,
        };
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(payload);
        self.entries.push(entry);
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        if self.spill.is_none() {
            self.sort();
            return Ok(Sorted::Memory {
                bytes: self.bytes,
                entries: self.entries.into_iter(),
            });
        }
        self.spill()?;
        let Some(spill) = self.spill else {
            return Err(io::Error::other("a sort lost its runs"));
        };
        let file = std::sync::Arc::new(spill.file);
        let buffer_bytes =
            (MERGE_BYTES / spill.ends.len().max(1)).clamp(BUFFER_BYTES_MIN, BUFFER_BYTES_MAX);
        let mut runs = BinaryHeap::with_capacity(spill.ends.len());
        let mut start = 0;
        for end in spill.ends {
            let mut run = RunHead {
                record: Vec::new(),
                key_len: 0,
                prefix: 0,
                source: RunReader::new(file.clone(), start, end, buffer_bytes),
            };
            if run.advance()? {
                runs.push(run);
            }
            start = end;
        }
        Ok(Sorted::Merged {
            runs,
            has_begun: false,
        })
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.entries.sort_unstable_by(|one, other| {
            one.prefix
                .cmp(&other.prefix)
                .then_with(|| compare(one.record(bytes), other.record(bytes)))
        });
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Spill {
                file: unnamed_file(&self.folder)?,
                ends: Vec::new(),
            }),
        };
        let mut end = spill.ends.last().copied().unwrap_or(0);
        let mut out = BufWriter::with_capacity(BUFFER_BYTES_MAX, &spill.file);
        for entry in &self.entries {
            end += write_record(&mut out, entry.record(&self.bytes))?;
        }
        out.flush()?;
        drop(out);
        spill.ends.push(end);
        self.bytes.clear();
        self.entries.clear();
        Ok(())
    }
}

impl Sorted {
    /// The next record; it is gone with the next call.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        match self {
            Sorted::Memory { bytes, entries } => {
                Ok(entries.next().map(|entry| entry.record(bytes)))
            }
            Sorted::Merged { runs, has_begun } => {
                if *has_begun
                    && let Some(mut first) = runs.peek_mut()
                    && !first.advance()?
                {
                    PeekMut::pop(first);
                }
                *has_begun = true;
                Ok(runs.peek().map(RunHead::record))
            }
        }
    }
}

impl Entry {
    fn record(self, bytes: &[u8]) -> Record<'_> {
        let start = self.start as usize;
        let middle = start + usize::from(self.key_len);
        let end = middle + usize::from(self.payload_len);
        Record {
            key: bytes.get(start..middle).unwrap_or_default(),
            payload: bytes.get(middle..end).unwrap_or_default(),
        }
    }
}

/// Records kept in the order in which they came.
pub(crate) struct Spool {
    out: BufWriter<File>,
    bytes: u64,
    count: u64,
}

impl Spool {
    pub(crate) fn new(folder: &Path) -> io::Result<Spool> {
        Ok(Spool {
            out: BufWriter::with_capacity(BUFFER_BYTES_MAX, unnamed_file(folder)?),
            bytes: 0,
            count: 0,
        })
    }

    pub(crate) fn push(&mut self, record: Record<'_>) -> io::Result<()> {
        self.bytes += write_record(&mut self.out, record)?;
        self.count += 1;
        Ok(())
    }

    pub(crate) fn len(&self) -> u64 {
        self.count
    }

    pub(crate) fn read(self) -> io::Result<SpoolReader> {
        let file = self
            .out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        Ok(SpoolReader {
            record: Vec::new(),
            source: RunReader::new(std::sync::Arc::new(file), 0, self.bytes, BUFFER_BYTES_MAX),
        })
    }
}

/// Gives a spool's records back.
pub(crate) struct SpoolReader {
    record: Vec<u8>,
    source: RunReader,
}

impl SpoolReader {
    /// The next record; it is gone with the next call.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        let Some(key_len) = self.source.next_into(&mut self.record)? else {
            return Ok(None);
        };
        let (key, payload) = self.record.split_at_checked(key_len).unwrap_or_default();
        Ok(Some(Record { key, payload }))
    }
}

/// The first record of a run that was not given back yet.
pub(crate) struct RunHead {
    record: Vec<u8>,
    key_len: usize,
    prefix: u64,
    source: RunReader,
}

impl RunHead {
    fn record(&self) -> Record<'_> {
        let (key, payload) = self
            .record
            .split_at_checked(self.key_len)
            .unwrap_or_default();
        Record { key, payload }
    }

    fn advance(&mut self) -> io::Result<bool> {
        let Some(key_len) = self.source.next_into(&mut self.record)? else {
            return Ok(false);
        };
        self.key_len = key_len;
        self.prefix = prefix(self.record().key);
        Ok(true)
    }
}

// The heap gives its greatest first, so less comes later.
impl Ord for RunHead {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .prefix
            .cmp(&self.prefix)
            .then_with(|| compare(other.record(), self.record()))
    }
}

impl PartialOrd for RunHead {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RunHead {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RunHead {}

/// Reads records from a part of a file.
struct RunReader {
    file: std::sync::Arc<File>,
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    at: usize,
    buffer_bytes: usize,
}

impl RunReader {
    fn new(file: std::sync::Arc<File>, start: u64, end: u64, buffer_bytes: usize) -> RunReader {
        RunReader {
            file,
            next: start,
            end,
            buffer: Vec::new(),
            at: 0,
            buffer_bytes,
        }
    }

    /// Reads one record, key first, and answers the length of its key.
    fn next_into(&mut self, record: &mut Vec<u8>) -> io::Result<Option<usize>> {
        if self.available() == 0 && self.next >= self.end {
            return Ok(None);
        }
        let mut lengths = [0; 4];
        self.ensure(lengths.len())?;
        lengths.copy_from_slice(self.take(4)?);
        let [key_0, key_1, payload_0, payload_1] = lengths;
        let key_len = usize::from(u16::from_le_bytes([key_0, key_1]));
        let len = key_len + usize::from(u16::from_le_bytes([payload_0, payload_1]));
        self.ensure(len)?;
        record.clear();
        record.extend_from_slice(self.take(len)?);
        Ok(Some(key_len))
    }

    fn available(&self) -> usize {
        self.buffer.len() - self.at
    }

    fn take(&mut self, len: usize) -> io::Result<&[u8]> {
        let start = self.at;
        self.at += len;
        self.buffer
            .get(start..start + len)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn ensure(&mut self, len: usize) -> io::Result<()> {
        if self.available() >= len {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let kept = self.buffer.len();
        let left = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        let wanted = self.buffer_bytes.max(len).saturating_sub(kept).min(left);
        self.buffer.resize(kept + wanted, 0);
        let fresh = self.buffer.get_mut(kept..).unwrap_or_default();
        self.file.read_exact_at(fresh, self.next)?;
        self.next += wanted as u64;
        Ok(())
    }
}

fn write_record(out: &mut impl io::Write, record: Record<'_>) -> io::Result<u64> {
    let key_len: u16 = narrow(record.key.len())?;
    let payload_len: u16 = narrow(record.payload.len())?;
    out.write_all(&key_len.to_le_bytes())?;
    out.write_all(&payload_len.to_le_bytes())?;
    out.write_all(record.key)?;
    out.write_all(record.payload)?;
    Ok(4 + u64::from(key_len) + u64::from(payload_len))
}

fn compare(one: Record<'_>, other: Record<'_>) -> Ordering {
    one.key
        .cmp(other.key)
        .then_with(|| one.payload.cmp(other.payload))
}

/// The first eight bytes of a key: they settle most comparisons without a look at the key itself.
fn prefix(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(key) {
        *to = *from;
    }
    u64::from_be_bytes(first)
}

fn narrow<T: TryFrom<usize>>(number: usize) -> io::Result<T> {
    T::try_from(number)
        .ok()
        .ok_or_else(|| io::Error::other("a record is too long to be sorted"))
}

/// A name for a file that loses it at once.
pub(crate) fn sort_file_path(folder: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Memory::Relaxed);
    folder.join(format!("{SORT_FILE}{}-{number}", std::process::id()))
}

fn unnamed_file(folder: &Path) -> io::Result<File> {
    let path = sort_file_path(folder);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(records: &[(Vec<u8>, Vec<u8>)], run_bytes: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path(), run_bytes);
        for (key, payload) in records {
            sorter.push(key, payload).unwrap();
        }
        let mut given = sorter.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut found = Vec::new();
        while let Some(record) = given.next().unwrap() {
            found.push((record.key.to_vec(), record.payload.to_vec()));
        }
        found
    }

    proptest! {
        #[test]
        fn records_come_back_in_order_whatever_the_run_size(
            records in proptest::collection::vec(
                (proptest::collection::vec(0..4u8, 0..12), proptest::collection::vec(any::<u8>(), 0..6)),
                0..200,
            ),
            run_bytes in 1..4000usize,
        ) {
            let mut expected = records.clone();
            expected.sort();
            prop_assert_eq!(sorted(&records, run_bytes), expected);
        }
    }

    #[test]
    fn a_spool_gives_back_what_it_took_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path()).unwrap();
        for number in (0..50_000u32).rev() {
            let key = number.to_string();
            spool
                .push(Record {
                    key: key.as_bytes(),
                    payload: b"x",
                })
                .unwrap();
        }
        assert_eq!(spool.len(), 50_000);
        let mut reader = spool.read().unwrap();
        for number in (0..50_000u32).rev() {
            let record = reader.next().unwrap().unwrap();
            assert_eq!(record.key, number.to_string().as_bytes());
            assert_eq!(record.payload, b"x");
        }
        assert_eq!(reader.next().unwrap(), None);
    }
}
