//! Backups, and the rule by which a shop alone restores one and issues and honours nothing twice.
//!
//! A restored or copied file begins a new incarnation before anything is spent. The marker says how
//! many entries are missing; at most so many codes were issued since, so that many ordinals from
//! the cursor become suspect; and every code unredeemed in the backup needs a manager's approval
//! until a manager ends that.
//!
//! A store of a hub is quarantined instead, until the hub has given it a life (`lives`). A hub that
//! was restored does not know what it has lent or given out since: of what it holds, as many codes
//! become suspect as a manager names, else all that are not given out.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::domain::entry::Fact;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::state_number;
use crate::ledger::engine::{Engine, Tx};
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::feed::touch_range;
use crate::ledger::marker::{Finding, Reading};
use crate::ledger::sqlite::{Access, Files, InUse, Sqlite, lock_file};
use crate::ledger::tally::{DAY_MS, add_codes};
use crate::ledger::{
    Act, Ledger, LedgerError, Writing, behind, feed, link, lives, marker, setting_of,
};

/// Without a marker at least this many codes are taken for issued since the backup.
const MISSING_MIN: i64 = 100;

/// Why a life began that asks for no approval.
const MOVED: &str = "moved";

/// What a ledger went through when it was opened or restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebirth {
    /// How it was noticed: `restored`, `marker_ahead`, `copied`, `marker_missing`, `moved`.
    pub why: &'static str,
    /// Entries that are missing; without a marker, an upper estimate of the codes issued.
    pub missing: u64,
    /// Codes that became suspect.
    pub suspects: u64,
    /// Whether unredeemed codes wait for approval.
    pub needs_approval: bool,
    /// Whether nothing is spent until the hub has given it a life.
    pub is_quarantined: bool,
}

impl Ledger {
    /// Writes a consistent copy of the ledger to a new file, while counters go on. Not of a closed
    /// one: its copy would open elsewhere like the moved file itself, and be honoured twice.
    pub fn backup(&mut self, file: &Path) -> Result<(), LedgerError> {
        self.engine
            .file("a backup file")
            .naming("back up to", file.display().to_string())?;
        let head = self.read("read", "the ledger", super::Head::load)?;
        if head.is_moved {
            return Err(Cause::Moved).naming("back up to", file.display().to_string());
        }
        self.copy_to(file)
            .naming("back up to", file.display().to_string())
    }

    /// Closes this ledger and writes it to a new file, for another computer. One that was closed
    /// and could not be written then, on a full disk, is written again.
    pub fn move_to(&mut self, file: &Path, act: &Act) -> Result<(), LedgerError> {
        // Looked at before anything is closed.
        self.engine
            .file("a move")
            .naming("move to", file.display().to_string())?;
        begin_copy(file).naming("move to", file.display().to_string())?;
        let head = self.read("read", "the ledger", super::Head::load)?;
        if !head.is_moved {
            self.write("move", "the ledger", |writing| {
                writing.append(Fact::LedgerMoved, &setting_of(act))?;
                writing.head.is_moved = true;
                Ok(())
            })?;
        }
        self.copy_to(file)
            .naming("move to", file.display().to_string())
    }

    /// Puts a backup in the place of the ledger in `folder`; the former one is kept beside it.
    ///
    /// `missing_min` raises the number of codes taken for issued since the backup.
    pub fn restore(
        folder: &Path,
        backup: &Path,
        missing_min: i64,
        act: &Act,
    ) -> Result<(Ledger, Rebirth), LedgerError> {
        restore(folder, backup, missing_min, act).naming("restore", backup.display().to_string())
    }

    /// Ends the approvals after a restore.
    pub fn settle_restore(&mut self, act: &Act) -> Result<Result<(), Refusal>, LedgerError> {
        self.write("settle", "the restore", |writing| {
            if writing.head.restored_code_id == 0 {
                return Ok(Err(Refusal::NothingToSettle));
            }
            if writing.head.is_behind() {
                return Ok(Err(Refusal::IsBehind));
            }
            writing.append(Fact::RestoreSettled, &setting_of(act))?;
            behind::need_managers(writing, 0)?;
            Ok(Ok(()))
        })
    }

    /// Whether unredeemed codes wait for approval after a restore.
    pub fn is_under_restore(&mut self) -> Result<bool, LedgerError> {
        self.read("read", "the ledger", |tx| {
            Ok(super::Head::load(tx)?.restored_code_id != 0)
        })
    }

    fn copy_to(&mut self, file: &Path) -> Result<(), Cause> {
        let unfinished = begin_copy(file)?;
        let text = unfinished.to_str().ok_or_else(|| {
            Cause::Io(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "the file's name is not UTF-8",
            ))
        })?;
        self.engine.file("a backup file")?.copy_into(text)?;
        File::open(&unfinished)?.sync_all()?;
        std::fs::rename(&unfinished, file)?;
        Ok(())
    }

    /// Compares the ledger with its marker; begins a new incarnation where they say it must be.
    pub(crate) fn look_at_marker(&mut self, act: &Act) -> Result<Option<Rebirth>, Cause> {
        let head = self.engine.read(super::Head::load)?;
        let own = super::mark_of(&head, &self.machine, self.inode);
        let reading = marker::read(&self.files.marker())?;
        if reading == Reading::Whole(own.clone()) {
            return Ok(None);
        }
        if marker::compare(&reading, &own) == Finding::Fine {
            self.renew_marker()?;
            return Ok(None);
        }
        self.begin_incarnation(Cue::Marker, act)
    }

    /// Writes a marker that was torn or behind, in our turn: never over a newer one.
    fn renew_marker(&mut self) -> Result<(), Cause> {
        let marker = self.marker.as_ref();
        let (machine, inode) = (&self.machine, self.inode);
        self.engine.file("a marker")?.write(|tx| {
            let head = super::Head::load(&tx)?;
            if let Some(marker) = marker.filter(|_| !head.is_moved) {
                marker.write(&super::mark_of(&head, machine, inode))?;
            }
            Ok(())
        })
    }

    /// Begins a new incarnation: marks what may have been issued, and asks for approvals.
    fn begin_incarnation(&mut self, cue: Cue, act: &Act) -> Result<Option<Rebirth>, Cause> {
        let marker = self.marker.as_ref();
        let path = self.files.marker();
        let (machine, inode) = (&self.machine, self.inode);
        self.engine.file("a new life")?.write(|tx| {
            let head = super::Head::load(&tx)?;
            let was_moved = head.is_moved;
            // Looked at again: another counter may have done this while we waited our turn.
            let reading = marker::read(&path)?;
            let found = marker::compare(&reading, &super::mark_of(&head, machine, inode));
            let Some((why, missing)) = cue.against(found, was_moved) else {
                return Ok(None);
            };
            let is_store = link::load(&tx)?.is_some();
            let is_hub = feed::has_stores(&tx)?;
            let needs_approval = why != MOVED && !is_store;
            let told = missing;
            let missing = match told {
                Some(missing) => missing,
                None if is_store => 0,
                None => estimate_missing(&tx, head.newest_at_ms, act)?,
            }
            .max(cue.missing_min());
            let mut writing = Writing {
                tx: &tx,
                head,
                phone_region: None,
            };
            // No life has the number of another that this disk knows of.
            let known = marked_incarnation(&reading, &writing.head)
                .max(cue.incarnation())
                .max(writing.head.incarnation);
            writing.head.incarnation = next_life(is_hub, known, act);
            writing.head.lost += missing;
            writing.head.is_moved = false;
            let suspects = if is_store {
                0
            } else {
                suspect_what_is_left(&tx, is_hub && why != MOVED, missing, cue)?
            };
            if needs_approval {
                writing.head.restored_code_id = writing.head.next_code_id - 1;
            }
            let rebirth = Rebirth {
                why,
                missing: missing.unsigned_abs(),
                suspects,
                needs_approval,
                is_quarantined: is_store,
            };
            writing.append(
                Fact::IncarnationBegan {
                    why: why.to_owned(),
                    missing: rebirth.missing,
                    suspects,
                    needs_approval: rebirth.needs_approval,
                },
                &setting_of(act),
            )?;
            if is_store {
                lives::note_quarantine(&mut writing, told, act)?;
            }
            let head = writing.head;
            head.store(&tx)?;
            tx.commit()?;
            if let Some(marker) = marker {
                // The former life's marker may be ahead: this one is written over it.
                marker.write(&super::mark_of(&head, machine, inode))?;
            }
            Ok(Some(rebirth))
        })
    }
}

/// An empty file beside the one to be written: its name until it is whole and on the disk.
fn begin_copy(file: &Path) -> Result<PathBuf, Cause> {
    if file.exists() {
        return Err(Cause::Io(std::io::Error::new(
            std::io::ErrorKind::AlreadyExists,
            "the file exists already: a backup is never overwritten",
        )));
    }
    let unfinished = PathBuf::from(format!("{}.unfinished", file.display()));
    drop(std::fs::remove_file(&unfinished));
    // Made beforehand, so that nobody else can read it at any moment.
    drop(lock_file(&unfinished, 0o600)?);
    Ok(unfinished)
}

/// Why a new incarnation is looked for.
#[derive(Debug, Clone, Copy)]
enum Cue {
    /// The marker said so when the ledger was opened.
    Marker,
    /// `restore` put a backup here.
    Restored {
        /// Entries the old disk shows to be missing, where it shows anything.
        missing: Option<i64>,
        /// The newest life that the old disk shows.
        incarnation: i64,
        /// What a person raised it to.
        missing_min: i64,
    },
}

impl Cue {
    /// How it is called, and how many entries are missing where that is known; none: all is well.
    fn against(self, found: Finding, was_moved: bool) -> Option<(&'static str, Option<i64>)> {
        match (self, found) {
            // Closed by `backup --move`, and nothing was spent here since: else it is a backup like
            // any other.
            (Cue::Restored { missing, .. }, _) if was_moved && missing.unwrap_or(0) == 0 => {
                Some((MOVED, Some(0)))
            }
            (Cue::Restored { missing, .. }, _) => Some(("restored", missing)),
            (Cue::Marker, Finding::Fine) => None,
            // A closed file that was copied about stays closed.
            (Cue::Marker, _) if was_moved => None,
            (Cue::Marker, Finding::Ahead { missing }) => Some(("marker_ahead", Some(missing))),
            (Cue::Marker, Finding::Copied) => Some(("copied", None)),
            (Cue::Marker, Finding::Missing) => Some(("marker_missing", None)),
        }
    }

    fn missing_min(self) -> i64 {
        match self {
            Cue::Marker => 0,
            Cue::Restored { missing_min, .. } => missing_min,
        }
    }

    fn incarnation(self) -> i64 {
        match self {
            Cue::Marker => 0,
            Cue::Restored { incarnation, .. } => incarnation,
        }
    }
}

/// The number of the life that begins: that of a hub is drawn.
fn next_life(is_hub: bool, known: i64, act: &Act) -> i64 {
    if is_hub {
        behind::next_life(known, act)
    } else {
        known + 1
    }
}

/// The life that the marker tells of, where it is one of this ledger's.
fn marked_incarnation(reading: &Reading, head: &super::Head) -> i64 {
    match reading {
        Reading::Whole(mark) if mark.node == head.node => mark.incarnation,
        Reading::Whole(_) | Reading::Missing | Reading::Torn => 0,
    }
}

/// Three times the busiest day, for each day since the newest entry, and at least a hundred.
fn estimate_missing(tx: &Tx<'_>, newest_at_ms: i64, act: &Act) -> Result<i64, Cause> {
    let busiest = tx
        .one(
            "SELECT max(day_amount) FROM (SELECT sum(amount) AS day_amount FROM tally_hour \
             WHERE kind = 'assigned' GROUP BY hour / 24) AS days",
            &[],
            |row| row.maybe_int(0),
        )?
        .flatten()
        .unwrap_or(0);
    let days = (act.now.as_millisecond() - newest_at_ms).max(0) / DAY_MS + 1;
    Ok(busiest
        .saturating_mul(3)
        .saturating_mul(days)
        .max(MISSING_MIN))
}

/// What may have been issued is suspect. One entry of a hub lends many codes, so that of a hub all are
/// that are left, where nobody names a bound.
fn suspect_what_is_left(
    tx: &Tx<'_>,
    is_restored_hub: bool,
    missing: i64,
    cue: Cue,
) -> Result<u64, Cause> {
    if is_restored_hub {
        behind::renew(tx)?;
    }
    let is_bound = !is_restored_hub || cue.missing_min() > 0;
    make_suspect(tx, if is_bound { missing } else { i64::MAX })
}

/// So many codes from the cursor of every lease become suspect: any of them may have been issued.
pub(crate) fn make_suspect(tx: &Tx<'_>, count: i64) -> Result<u64, Cause> {
    let mut suspects = suspect_ranges(tx, count)?;
    let campaigns = tx.all("SELECT id FROM campaign ORDER BY id", &[], |row| row.int(0))?;
    for campaign in campaigns {
        let leases = tx.all(
            "SELECT id, next_ordinal, end_ordinal FROM lease \
             WHERE campaign = $1 AND holder = $2 AND next_ordinal < end_ordinal ORDER BY id",
            &[campaign.into(), OWN_NODE.into()],
            |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)),
        )?;
        let mut left = count;
        for (lease, next, end) in leases {
            let upto = end.min(next.saturating_add(left));
            if upto <= next {
                continue;
            }
            left -= upto - next;
            suspects += mark_suspect(tx, campaign, next, upto)?;
            tx.execute(
                "UPDATE lease SET next_ordinal = $1 WHERE id = $2",
                &[upto.into(), lease.into()],
            )?;
        }
    }
    Ok(suspects)
}

/// The same of ranges that processes had cut off leases to claim from: nobody claims from them any more.
fn suspect_ranges(tx: &Tx<'_>, count: i64) -> Result<u64, Cause> {
    if tx.writer().is_none() {
        return Ok(0);
    }
    let ranges = tx.all(
        "UPDATE claim_range SET grant_number = grant_number + 1, writer = NULL \
         WHERE next_ordinal < end_ordinal RETURNING id, campaign, next_ordinal, end_ordinal",
        &[],
        |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?)),
    )?;
    let mut suspects = 0;
    for (range, campaign, next, end) in ranges {
        // Each may have been gone through as far as a manager says that codes were given out.
        let upto = end.min(next.saturating_add(count));
        suspects += mark_suspect(tx, campaign, next, upto)?;
        tx.execute(
            "UPDATE claim_range SET next_ordinal = $1 WHERE id = $2",
            &[upto.into(), range.into()],
        )?;
    }
    Ok(suspects)
}

pub(crate) fn mark_suspect(tx: &Tx<'_>, campaign: i64, from: i64, upto: i64) -> Result<u64, Cause> {
    let changed = tx.execute(
        "UPDATE code SET state = $1 WHERE id IN (SELECT code FROM pool_slot \
         WHERE campaign = $2 AND ordinal >= $3 AND ordinal < $4) AND state = $5",
        &[
            state_number(CodeState::Suspect).into(),
            campaign.into(),
            from.into(),
            upto.into(),
            state_number(CodeState::Available).into(),
        ],
    )?;
    let changed = i64::try_from(changed).unwrap_or(i64::MAX);
    add_codes(tx, campaign, [-changed, 0, changed, 0])?;
    touch_range(tx, campaign, from, upto)?;
    Ok(changed.unsigned_abs())
}

fn restore(
    folder: &Path,
    backup: &Path,
    missing_min: i64,
    act: &Act,
) -> Result<(Ledger, Rebirth), Cause> {
    let files = Files::of(folder);
    // Opened for reading first: what is no ledger, or a newer one, changes nothing here.
    let source = Sqlite::open(backup, Access::Read, 0o600)?;
    let mut source = Engine::Sqlite(Box::new(source));
    super::schema::applied(&mut source)?;
    let faults = source.integrity_faults()?;
    if let Some(fault) = faults.first() {
        return Err(Cause::Damaged(format!("the backup itself: {fault}")));
    }
    let head = source.read(super::Head::load)?;
    drop(source);
    std::fs::create_dir_all(folder)?;
    let in_use = InUse::alone(&files, 0o600)?;
    let former = former(&files, &head)?;
    let unfinished = folder.join("ledger.restored");
    std::fs::copy(backup, &unfinished)?;
    File::open(&unfinished)?.sync_all()?;
    if files.ledger().exists() {
        let kept = set_aside(&files, act)?;
        std::fs::rename(files.ledger(), kept)?;
    }
    for leftover in ["ledger.db-wal", "ledger.db-shm"] {
        drop(std::fs::remove_file(folder.join(leftover)));
    }
    std::fs::rename(&unfinished, files.ledger())?;
    File::open(folder)?.sync_all()?;
    drop(in_use);
    let mut ledger = super::open_unchecked(folder, act)?;
    let cue = Cue::Restored {
        missing: former.map(|former| (former.written - head.written()).max(0)),
        incarnation: former.map_or(0, |former| former.incarnation),
        missing_min,
    };
    let rebirth = ledger
        .begin_incarnation(cue, act)?
        .ok_or_else(|| Cause::Damaged("the restored ledger has no head".into()))?;
    Ok((ledger, rebirth))
}

/// The life that a folder held before a restore.
#[derive(Debug, Clone, Copy)]
struct Former {
    written: i64,
    incarnation: i64,
}

/// What the old disk knows of: by its marker, and by the ledger it still holds.
fn former(files: &Files, head: &super::Head) -> Result<Option<Former>, Cause> {
    let marked = match marker::read(&files.marker())? {
        Reading::Whole(mark) => Some((mark.node, mark.written, mark.incarnation)),
        Reading::Missing | Reading::Torn => None,
    };
    let standing = if files.ledger().exists() {
        Sqlite::open(&files.ledger(), Access::Read, 0o600)
            .and_then(|mut former| former.read(super::Head::load))
            .ok()
            .map(|former| (former.node.clone(), former.written(), former.incarnation))
    } else {
        None
    };
    let mut known: Option<Former> = None;
    for (node, written, incarnation) in marked.into_iter().chain(standing) {
        if node != head.node {
            return Err(Cause::AnotherShop(files.folder().to_owned()));
        }
        known = Some(Former {
            written: known.map_or(written, |known| known.written.max(written)),
            incarnation: known.map_or(incarnation, |known| known.incarnation.max(incarnation)),
        });
    }
    Ok(known)
}

/// A free name for the former ledger, with its write-ahead log taken over.
fn set_aside(files: &Files, act: &Act) -> Result<PathBuf, Cause> {
    if let Ok(mut former) = Sqlite::open(&files.ledger(), Access::Write, 0o600) {
        former.checkpoint()?;
    }
    let mut stamp = act.now.as_second();
    loop {
        let kept = files.folder().join(format!("ledger.replaced-{stamp}.db"));
        if !kept.exists() {
            return Ok(kept);
        }
        stamp += 1;
    }
}

/// What the marker beside an open ledger tells of it.
pub(crate) fn finding_of(ledger: &mut Ledger) -> Result<Finding, Cause> {
    if ledger.is_rehearsal {
        return Ok(Finding::Fine);
    }
    // The marker first: a till may commit in between, and only the ledger may look newer for it.
    let marked = marker::read(&ledger.files.marker())?;
    let head = ledger.engine.read(super::Head::load)?;
    let own = super::mark_of(&head, &ledger.machine, ledger.inode);
    Ok(marker::compare(&marked, &own))
}
