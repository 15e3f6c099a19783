//! What was done to a ledger's files, in order, with the acknowledgements in between; and the disk
//! as a power cut at any moment may leave it.
//!
//! Only what was synced is sure. Of the rest anything may have arrived: nothing, all of it, some of
//! it in another order, or a write torn at 512 bytes. A name's removal may or may not have arrived.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use rusqlite::ffi;

use crate::dice::Dice;

const SECTOR: usize = 512;

/// One thing done to one file.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
    Sync,
    Delete,
}

/// A moment on the tape.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A file was changed.
    Done(String, Change),
    /// A person was told so; the marker as it stood then.
    Told(String, Vec<u8>),
}

/// Which operation fails, counted from the moment this is set, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The disk is full at the nth write, and stays full.
    Full(u64),
    /// The nth write or sync fails, once.
    Broken(u64),
    /// There is no room in the ledger's own file; its log can be written.
    NoRoomBesideLog,
}

#[derive(Default)]
struct Inner {
    events: Vec<Event>,
    fault: Option<Fault>,
    operations: u64,
    has_failed: bool,
}

/// A recording of one folder.
#[derive(Default)]
pub(crate) struct Tape(Mutex<Inner>);

impl Tape {
    pub(crate) fn record(&self, name: &str, change: Change) {
        let event = Event::Done(name.to_owned(), change);
        self.0.lock().unwrap().events.push(event);
    }

    /// Somebody was told `what`.
    pub(crate) fn told(&self, what: &str, marker: Vec<u8>) {
        let event = Event::Told(what.to_owned(), marker);
        self.0.lock().unwrap().events.push(event);
    }

    /// What is on the tape.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap().events)
    }

    /// From now on this fails; or nothing does.
    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        let mut inner = self.0.lock().unwrap();
        (inner.fault, inner.operations, inner.has_failed) = (fault, 0, false);
    }

    /// Whether the fault was reached.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.lock().unwrap().has_failed
    }

    pub(crate) fn fails_write(&self, name: &str) -> Option<i32> {
        self.fails(name, false)
    }

    pub(crate) fn fails_sync(&self, name: &str) -> Option<i32> {
        self.fails(name, true)
    }

    fn fails(&self, name: &str, is_sync: bool) -> Option<i32> {
        let mut inner = self.0.lock().unwrap();
        let code = match inner.fault? {
            Fault::Full(nth) => {
                inner.operations += u64::from(!is_sync);
                (!is_sync && inner.operations >= nth).then_some(ffi::SQLITE_FULL)
            }
            Fault::Broken(nth) => {
                inner.operations += 1;
                let code = if is_sync {
                    ffi::SQLITE_IOERR_FSYNC
                } else {
                    ffi::SQLITE_IOERR_WRITE
                };
                (inner.operations == nth).then_some(code)
            }
            Fault::NoRoomBesideLog => {
                let is_beside = !is_sync && name == "ledger.db";
                is_beside.then_some(ffi::SQLITE_FULL)
            }
        };
        inner.has_failed |= code.is_some();
        code
    }
}

/// The disk while a tape is played: what is sure of each file, and what may have arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    sure: BTreeMap<String, Vec<u8>>,
    unsure: BTreeMap<String, Vec<Change>>,
}

impl Disk {
    /// The disk with these files on it, for sure.
    pub(crate) fn of(folder: &Path, names: &[&str]) -> Disk {
        let held = |name: &&str| {
            let bytes = std::fs::read(folder.join(name)).ok()?;
            Some(((*name).to_owned(), bytes))
        };
        Disk {
            sure: names.iter().filter_map(held).collect(),
            unsure: BTreeMap::new(),
        }
    }

    /// Plays one change.
    pub(crate) fn play(&mut self, name: &str, change: &Change) {
        let unsure = self.unsure.entry(name.to_owned()).or_default();
        if matches!(change, Change::Sync) {
            for change in unsure.drain(..) {
                apply(&mut self.sure, name, &change);
            }
        } else {
            unsure.push(change.clone());
        }
    }

    /// The files as this cut leaves them.
    pub(crate) fn cut(&self, dice: &mut Dice) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.sure.clone();
        let manner = dice.below(6);
        for (name, changes) in &self.unsure {
            match manner {
                // Nothing arrived.
                0 => {}
                // Everything that was written in time, up to some moment.
                1 | 2 => {
                    for change in &changes[..dice.below(changes.len() + 1)] {
                        apply(&mut files, name, change);
                    }
                }
                // Some of it, in any order, whole or in torn sectors.
                _ => {
                    for change in dice.shuffled(changes) {
                        if dice.below(3) > 0 {
                            apply(&mut files, name, &torn(change, manner == 5, dice));
                        }
                    }
                }
            }
        }
        files
    }

    /// Only what is sure: the worst that an honest disk does.
    pub(crate) fn sure(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.sure
    }
}

/// A write of which only some sectors arrived.
fn torn(change: Change, is_torn: bool, dice: &mut Dice) -> Change {
    match &change {
        Change::Write(offset, bytes) if is_torn && bytes.len() > SECTOR => {
            let from = SECTOR * dice.below(bytes.len() / SECTOR);
            let upto = bytes.len().min(from + SECTOR * (1 + dice.below(4)));
            Change::Write(offset + from as u64, bytes[from..upto].to_vec())
        }
        Change::Write(..) | Change::Truncate(_) | Change::Sync | Change::Delete => change,
    }
}

fn apply(files: &mut BTreeMap<String, Vec<u8>>, name: &str, change: &Change) {
    match change {
        Change::Write(offset, bytes) => {
            let file = files.entry(name.to_owned()).or_default();
            let from = usize::try_from(*offset).unwrap();
            let upto = from + bytes.len();
            if file.len() < upto {
                file.resize(upto, 0);
            }
            file[from..upto].copy_from_slice(bytes);
        }
        Change::Truncate(size) => {
            let file = files.entry(name.to_owned()).or_default();
            file.resize(usize::try_from(*size).unwrap(), 0);
        }
        Change::Delete => {
            files.remove(name);
        }
        Change::Sync => {}
    }
}
