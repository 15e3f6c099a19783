//! One ledger: the append-only entries and the state they add up to. Synchronous; one use case is
//! one transaction.
//!
//! Invariants: the check and the write of a right are one conditional statement in one transaction;
//! zero rows changed means refused. An answer is given after the commit has returned. Not here: the
//! wall clock and randomness, which come in; a screen.

mod adopt;
mod agreed;
mod anonymous;
mod arrivals;
mod assign;
mod attempts;
mod away;
mod ballast;
mod behind;
mod branches;
mod bulk;
mod campaigns;
mod cancel;
mod chain;
mod check_up;
mod claim_range;
mod codes;
mod conflicts;
mod console;
mod customer_day;
mod customers;
mod database;
mod day;
mod dossier;
mod edit;
mod engine;
mod erase;
mod error;
mod feed;
mod fence;
mod find;
mod given_out;
mod group;
mod guessing;
mod intake;
mod join;
mod joining;
mod lease;
mod let_go;
mod link;
mod lives;
mod log;
mod log_back;
mod log_times;
mod look;
mod lookups;
mod marker;
mod nodes;
mod operators;
mod outbox;
mod pending;
mod person;
mod pipeline;
mod pool;
mod postgres;
mod recovery;
mod redeem;
mod rehearse;
mod replace;
mod restore;
mod reverse;
mod schema;
mod second_code;
mod slips;
mod sqlite;
mod stock;
mod stores;
mod tally;
mod telling;
mod test_mode;
mod tokens;
#[cfg(test)]
mod told_tests;
mod verify;
mod verify_head;
mod waiting;
mod witness;

use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use crate::ledger::adopt::Adopted;
pub use crate::ledger::assign::{ClaimRequest, Claimed};
pub use crate::ledger::check_up::{CheckUp, FolderSeen, LedgerFile, LedgerPhase, look_at_folder};
pub use crate::ledger::console::Today;
pub use crate::ledger::database::Database;
pub use crate::ledger::edit::CustomerEdit;
pub use crate::ledger::erase::{Erasure, Left};
pub use crate::ledger::error::{Cause, LedgerError};
pub use crate::ledger::group::Expected;
pub use crate::ledger::joining::HubAddress;
pub use crate::ledger::link::{HubLink, SOFT_END_MS};
pub use crate::ledger::log::LogPosition;
pub use crate::ledger::operators::OperatorChange;
pub use crate::ledger::outbox::Heard as HeardUp;
pub use crate::ledger::pending::PendingQuestion;
pub use crate::ledger::pool::{
    Drawing, DueNotice, ExportedCode, GenerateOrder, ImportOrder, ImportReport, ListLook, LongWork,
    Notified, Progress, Step, look_at_list,
};
pub use crate::ledger::redeem::{Judged, Scan};
pub use crate::ledger::rehearse::{Emptied, Rehearsal};
pub use crate::ledger::replace::ReplaceRequest;
pub use crate::ledger::restore::Rebirth;
pub use crate::ledger::reverse::{Undo, UndoRequest, Undone};
pub use crate::ledger::verify::{Health, VerifyStep};
pub use crate::ledger::verify_head::HeadCheck;
pub use crate::ledger::witness::{FromHub, HeardBy};

use crate::domain::contact::PhoneRegion;
use crate::domain::entry::{CHAIN_START, Fact, instant};
use crate::ledger::chain::{Appended, Head, Setting};
use crate::ledger::engine::{Engine, Tx};
use crate::ledger::error::Naming as _;
use crate::ledger::marker::{Mark, Marker};
use crate::ledger::postgres::Postgres;
use crate::ledger::sqlite::{Access, Files, Sqlite};

/// When this program was built: a clock before it is wrong.
pub fn built_at() -> Timestamp {
    instant(env!("COUNTERFOIL_BUILT_AT_MS").parse().unwrap_or(0))
}

/// How far behind the newest entry a clock may be before it is called wrong.
///
/// Counters on one machine read the clock before they wait their turn, and time services step back
/// by less than this.
pub const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// Who acts, where and when: the same for every use case.
#[derive(Debug, Clone)]
pub struct Act {
    /// The wall clock, read once.
    pub now: Timestamp,
    /// The counter.
    pub counter: String,
    /// The operator; none: nobody signs in here.
    pub operator: Option<String>,
    /// Sixteen random bytes: the salt of the entry's erasable text.
    pub salt: [u8; 16],
}

/// Whose ledger it is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The store's name.
    pub store: String,
    /// Its time zone.
    pub zone: TimeZone,
    /// The ledger's name among nodes.
    pub node: String,
}

/// What a new ledger is told.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The store's name.
    pub store: String,
    /// Its IANA time zone.
    pub timezone: String,
    /// Ten letters, drawn at random.
    pub node: String,
    /// The permission bits of the ledger's files: 0600, or 0660 for counters under several accounts.
    pub mode: u32,
}

/// An open ledger.
pub struct Ledger {
    files: Files,
    engine: Engine,
    marker: Option<Marker>,
    mode: u32,
    machine: String,
    inode: u64,
    // A copy that is only played on has no marker, and looks for none.
    is_rehearsal: bool,
    phone_region: Option<PhoneRegion>,
    // Written, and not yet committed: several use cases are under way in one transaction.
    together: Option<Head>,
    // Held shared for as long as the ledger is open, so that a restore knows.
    _in_use: Option<sqlite::InUse>,
}

/// A write under way: its transaction and the end of the chain.
pub(crate) struct Writing<'t, 'c> {
    pub(crate) tx: &'t Tx<'c>,
    pub(crate) head: Head,
    /// Of which country phone numbers are that come without one.
    pub(crate) phone_region: Option<PhoneRegion>,
}

impl Writing<'_, '_> {
    pub(crate) fn append(&mut self, fact: Fact, setting: &Setting<'_>) -> Result<Appended, Cause> {
        chain::append(self.tx, &mut self.head, fact, setting)
    }
}

impl Ledger {
    /// Makes a ledger in `folder`, which is made where it is missing.
    pub fn create(folder: &Path, setup: &Setup, act: &Act) -> Result<Ledger, LedgerError> {
        create(folder, setup, act).naming("create", "the ledger")
    }

    /// Opens the ledger in `folder`, brings it up to date, and looks whether it was restored,
    /// copied or damaged since it was last written; if so, it begins a new incarnation first.
    /// What that took is answered beside the ledger.
    pub fn open(folder: &Path, act: &Act) -> Result<(Ledger, Option<Rebirth>), LedgerError> {
        open(folder, act).naming("open", "the ledger")
    }

    /// Makes a ledger in a database.
    pub fn create_in(database: &Database, setup: &Setup, act: &Act) -> Result<Ledger, LedgerError> {
        create_in(database, setup, act).naming("create", "the ledger")
    }

    /// Opens the ledger in a database, and brings it up to date. This process will be a writer of its
    /// own beside others.
    pub fn open_in(database: &Database, act: &Act) -> Result<Ledger, LedgerError> {
        open_in(database, Some(act)).naming("open", "the ledger")
    }

    /// Opens the ledger in a database to look at it.
    pub fn open_reading_in(database: &Database) -> Result<Ledger, LedgerError> {
        open_in(database, None).naming("open", "the ledger")
    }

    /// Opens the ledger in `folder` to look at it: nothing is changed, nothing repaired.
    pub fn open_reading(folder: &Path) -> Result<Ledger, LedgerError> {
        open_reading(folder).naming("open", "the ledger")
    }

    /// Says of which country phone numbers are that come without one, from here on and for as long
    /// as this ledger is open; none: each must come with its country.
    pub fn dial_in(&mut self, region: Option<PhoneRegion>) {
        self.phone_region = region;
    }

    /// Whether `folder` holds a ledger.
    pub fn exists_in(folder: &Path) -> bool {
        Files::of(folder).ledger().exists()
    }

    /// The folder the ledger is in.
    pub fn folder(&self) -> PathBuf {
        self.files.folder().to_owned()
    }

    /// Whose ledger it is.
    pub fn place(&mut self) -> Result<Place, LedgerError> {
        self.engine
            .read(Head::load)
            .and_then(|head| place_of(&head))
            .naming("read", "the ledger")
    }

    /// The life of this ledger, and the number of its newest entry.
    pub fn newest_entry(&mut self) -> Result<(i64, i64), LedgerError> {
        self.read("read", "the ledger", |tx| {
            let head = Head::load(tx)?;
            Ok((head.incarnation, head.seq))
        })
    }

    /// Whether the wall clock lies before the newest entry or the program's build date.
    pub fn is_clock_behind(&mut self, now: Timestamp) -> Result<bool, LedgerError> {
        self.engine
            .read(Head::load)
            .map(|head| is_clock_behind(&head, now))
            .naming("read", "the ledger")
    }

    /// Changes whenever another counter has written: look again then.
    pub fn version_seen(&self) -> Result<i64, LedgerError> {
        self.engine.data_version().naming("read", "the ledger")
    }

    /// Whether other processes may write this ledger at the same time, each a writer of its own.
    pub fn has_several_writers(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// Work for an idle moment: takes over the write-ahead log.
    pub fn rest(&mut self) -> Result<(), LedgerError> {
        self.engine.checkpoint().naming("tidy", "the ledger")
    }

    /// Work for the moment after an answer was given, where none is idle: takes over the
    /// write-ahead log once it has grown. What fails is tried again later.
    pub fn rest_if_due(&mut self) {
        if self.engine.is_rest_due() {
            drop(self.engine.checkpoint());
        }
    }

    /// One use case that writes: waits its turn, runs, stores the end of the chain, commits, and
    /// moves the marker. An error rolls everything back. Where several processes write, it may be run
    /// again from its beginning: what it keeps outside of its own answer, it begins anew.
    pub(crate) fn write<T>(
        &mut self,
        op: &'static str,
        thing: &str,
        mut work: impl FnMut(&mut Writing<'_, '_>) -> Result<T, Cause>,
    ) -> Result<T, LedgerError> {
        let phone_region = self.phone_region;
        if let Engine::Postgres(postgres) = &mut self.engine {
            return postgres
                .write_chain(|tx, head| run(tx, head, phone_region, &mut work))
                .naming(op, thing);
        }
        self.write_once(op, thing, work)
    }

    /// One use case that writes and cannot be run again, because it takes from a stream: where another
    /// process was faster it fails, and nothing of it is stored.
    pub(crate) fn write_once<T>(
        &mut self,
        op: &'static str,
        thing: &str,
        work: impl FnOnce(&mut Writing<'_, '_>) -> Result<T, Cause>,
    ) -> Result<T, LedgerError> {
        let marker = self.marker.as_ref();
        let (machine, inode) = (&self.machine, self.inode);
        let phone_region = self.phone_region;
        let together = &mut self.together;
        let sqlite = match &mut self.engine {
            Engine::Sqlite(sqlite) => sqlite,
            Engine::Postgres(postgres) => {
                return postgres
                    .write_chain_once(|tx, head| run(tx, head, phone_region, work))
                    .naming(op, thing);
            }
        };
        sqlite
            .write(|tx| {
                let head = Head::load(&tx)?;
                if head.is_moved {
                    return Err(Cause::Moved);
                }
                let before = head.clone();
                let (done, head) = run(&tx, head, phone_region, work)?;
                if head.seq != before.seq || head.next_code_id != before.next_code_id {
                    head.store(&tx)?;
                }
                tx.commit()?;
                if let Some(unmarked) = together {
                    *unmarked = head;
                } else if let Some(marker) = marker.filter(|_| head.seq != before.seq) {
                    // Committed: a marker that stays behind means nothing, so nothing is reported.
                    drop(marker.write(&mark_of(&head, machine, inode)));
                }
                Ok(done)
            })
            .naming(op, thing)
    }

    /// Several use cases, stored by one commit: `answer` is asked for each question in turn, and what
    /// it answers is stored when this returns. One that fails harms no other. Where another process was
    /// faster or the connection was lost, so that nothing is stored, each is asked again by itself.
    ///
    /// What is expected of them is looked up beforehand, where that is faster: of anything else, each
    /// asks for itself.
    pub fn answer_together<'q, Q, A>(
        &mut self,
        questions: &'q [Q],
        expect: impl FnMut(&mut Ledger, &'q Q) -> Expected<'q>,
        mut answer: impl FnMut(&mut Ledger, &'q Q) -> A,
    ) -> Result<Vec<A>, LedgerError> {
        let (op, thing) = ("store", "several answers");
        let began = self.begin_together(questions, expect);
        if began.is_ok() {
            let answers = questions
                .iter()
                .map(|question| answer(self, question))
                .collect();
            match self.end_together() {
                Ok(()) => return Ok(answers),
                Err(Cause::Dropped(_) | Cause::Raced(_) | Cause::Changed(_)) => {}
                // Where nothing can be said of any of them, nothing may be done anew.
                Err(cause) => return Err(cause).naming(op, thing),
            }
        }
        Ok(questions
            .iter()
            .map(|question| answer(self, question))
            .collect())
    }

    fn begin_together<'q, Q>(
        &mut self,
        questions: &'q [Q],
        mut expect: impl FnMut(&mut Ledger, &'q Q) -> Expected<'q>,
    ) -> Result<(), Cause> {
        self.engine.begin_together()?;
        if self.has_several_writers() {
            let expected: Vec<Expected<'q>> = questions
                .iter()
                .map(|question| expect(self, question))
                .collect();
            if let Err(cause) = self.engine.look_ahead(&expected, self.phone_region) {
                drop(self.engine.end_together());
                return Err(cause);
            }
        }
        if let Engine::Sqlite(sqlite) = &mut self.engine {
            let head = sqlite.read(Head::load);
            match head {
                Ok(head) => self.together = Some(head),
                Err(cause) => {
                    drop(self.engine.end_together());
                    return Err(cause);
                }
            }
        }
        Ok(())
    }

    fn end_together(&mut self) -> Result<(), Cause> {
        let before = self.together.take();
        self.engine.end_together()?;
        if let (Some(marker), Some(head)) = (&self.marker, before) {
            // Committed: a marker that stays behind means nothing.
            drop(marker.write(&mark_of(&head, &self.machine, self.inode)));
        }
        Ok(())
    }

    /// A use case that writes and deletes what somebody may not find again: zeros take its place.
    pub(crate) fn write_zeroing<T>(
        &mut self,
        op: &'static str,
        thing: &str,
        work: impl FnMut(&mut Writing<'_, '_>) -> Result<T, Cause>,
    ) -> Result<T, LedgerError> {
        self.engine.zero_what_is_deleted(true).naming(op, thing)?;
        let done = self.write(op, thing, work);
        // The next deletions are ordinary ones again, also after a failure.
        self.engine.zero_what_is_deleted(false).naming(op, thing)?;
        done
    }

    /// One use case that only reads: one consistent view.
    pub(crate) fn read<T>(
        &mut self,
        op: &'static str,
        thing: &str,
        work: impl FnMut(&Tx<'_>) -> Result<T, Cause>,
    ) -> Result<T, LedgerError> {
        self.engine.read(work).naming(op, thing)
    }
}

/// Runs a use case on the end of its chain; its answer, and the chain's new end.
fn run<T>(
    tx: &Tx<'_>,
    head: Head,
    phone_region: Option<PhoneRegion>,
    work: impl FnOnce(&mut Writing<'_, '_>) -> Result<T, Cause>,
) -> Result<(T, Head), Cause> {
    let mut writing = Writing {
        tx,
        head,
        phone_region,
    };
    let done = work(&mut writing)?;
    Ok((done, writing.head))
}

pub(crate) fn place_of(head: &Head) -> Result<Place, Cause> {
    Ok(Place {
        store: head.store.clone(),
        zone: zone_of(head)?,
        node: head.node.clone(),
    })
}

pub(crate) fn zone_of(head: &Head) -> Result<TimeZone, Cause> {
    TimeZone::get(&head.timezone)
        .ok()
        .ok_or_else(|| Cause::Damaged(format!("an unknown time zone, {:?}", head.timezone)))
}

pub(crate) fn is_clock_behind(head: &Head, now: Timestamp) -> bool {
    now.as_millisecond() < head.newest_at_ms - CLOCK_TOLERANCE_MS || now < built_at()
}

fn mark_of(head: &Head, machine: &str, inode: u64) -> Mark {
    Mark {
        node: head.node.clone(),
        incarnation: head.incarnation,
        written: head.written(),
        machine: machine.to_owned(),
        inode,
    }
}

fn create(folder: &Path, setup: &Setup, act: &Act) -> Result<Ledger, Cause> {
    let files = Files::of(folder);
    std::fs::create_dir_all(folder)?;
    if let Some(name) = sqlite::network_file_system(folder)? {
        return Err(Cause::NetworkFileSystem(name));
    }
    if files.ledger().exists() {
        return Err(Cause::Exists(folder.to_owned()));
    }
    let in_use = sqlite::InUse::alone(&files, setup.mode)?;
    if files.ledger().exists() {
        return Err(Cause::Exists(folder.to_owned()));
    }
    // Made under another name: a set-up that dies half-way leaves no half ledger behind.
    let unfinished = folder.join("ledger.new");
    for leftover in ["ledger.new", "ledger.new-wal", "ledger.new-shm"] {
        drop(std::fs::remove_file(folder.join(leftover)));
    }
    let sqlite = Sqlite::open(&unfinished, Access::Create, setup.mode)?;
    let mut engine = Engine::Sqlite(Box::new(sqlite));
    schema::migrate(&mut engine, act.now.as_millisecond())?;
    engine.write(|tx| {
        begin(&tx, setup, act)?;
        let mut head = Head::load(&tx)?;
        chain::append(&tx, &mut head, created(setup), &setting_of(act))?;
        head.store(&tx)?;
        tx.commit()
    })?;
    // Closing the only connection takes the write-ahead log over: one file is left to rename.
    drop(engine);
    std::fs::rename(&unfinished, files.ledger())?;
    File::open(folder)?.sync_all()?;
    for leftover in ["ledger.turn-a", "ledger.turn-b"] {
        drop(std::fs::remove_file(folder.join(leftover)));
    }
    drop(in_use);
    open(folder, act).map(|(ledger, _)| ledger)
}

/// The first rows of a ledger.
fn begin(tx: &Tx<'_>, setup: &Setup, act: &Act) -> Result<(), Cause> {
    tx.execute(
        "INSERT INTO node (id, name) VALUES (1, $1)",
        &[(&setup.node).into()],
    )?;
    tx.execute(
        "INSERT INTO ledger (id, node, incarnation, seq, hash, newest_at_ms, store, timezone, \
         next_code_id) VALUES (1, $1, 1, 0, $2, $3, $4, $5, 1)",
        &[
            (&setup.node).into(),
            CHAIN_START.as_slice().into(),
            act.now.as_millisecond().into(),
            (&setup.store).into(),
            (&setup.timezone).into(),
        ],
    )?;
    Ok(())
}

/// The first entry of a ledger.
fn created(setup: &Setup) -> Fact {
    Fact::LedgerCreated {
        store: setup.store.clone(),
        timezone: setup.timezone.clone(),
    }
}

fn create_in(database: &Database, setup: &Setup, act: &Act) -> Result<Ledger, Cause> {
    let mut engine = Engine::Postgres(Box::new(Postgres::open(database)?));
    schema::migrate(&mut engine, act.now.as_millisecond())?;
    engine.write(|tx| {
        let known = tx.one("SELECT node FROM ledger WHERE id = 1", &[], |row| {
            row.text(0)
        })?;
        match known {
            // Ours: the commit was done, and its answer was lost.
            Some(node) if node == setup.node => return Ok(()),
            Some(_) => return Err(Cause::LedgerIn(database.shown())),
            None => {}
        }
        begin(&tx, setup, act)?;
        // The first process among the writers; this one is the second.
        postgres::enroll(&tx, 1)?;
        tx.commit()
    })?;
    let mut ledger = on_server(engine);
    ledger
        .write("create", "the ledger", |writing| {
            if writing.head.newest_at_ms == 0 {
                writing.append(created(setup), &setting_of(act))?;
            }
            Ok(())
        })
        .map_err(|error| error.cause)?;
    Ok(ledger)
}

fn open_in(database: &Database, act: Option<&Act>) -> Result<Ledger, Cause> {
    let mut engine = Engine::Postgres(Box::new(Postgres::open(database)?));
    if schema::applied(&mut engine)? == 0 {
        return Err(Cause::NoLedgerIn(database.shown()));
    }
    if let Some(act) = act {
        schema::migrate(&mut engine, act.now.as_millisecond())?;
    }
    let has_ledger = engine.read(|tx| tx.one("SELECT id FROM ledger", &[], |row| row.int(0)))?;
    if has_ledger.is_none() {
        return Err(Cause::NoLedgerIn(database.shown()));
    }
    Ok(on_server(engine))
}

/// A ledger on a server: it has no files of its own but those that sort a list.
fn on_server(engine: Engine) -> Ledger {
    Ledger {
        engine,
        marker: None,
        mode: 0o600,
        machine: String::new(),
        inode: 0,
        is_rehearsal: false,
        phone_region: None,
        together: None,
        files: Files::of(&std::env::temp_dir()),
        _in_use: None,
    }
}

/// What every entry of an act has in common.
pub(crate) fn setting_of(act: &Act) -> Setting<'_> {
    Setting {
        counter: &act.counter,
        operator: act.operator.as_deref(),
        salt: act.salt,
        at_ms: act.now.as_millisecond(),
        ..Setting::default()
    }
}

fn open(folder: &Path, act: &Act) -> Result<(Ledger, Option<Rebirth>), Cause> {
    let mut ledger = open_unchecked(folder, act)?;
    let rebirth = ledger.look_at_marker(act)?;
    Ok((ledger, rebirth))
}

/// Opened and up to date, but not yet compared with its marker.
fn open_unchecked(folder: &Path, act: &Act) -> Result<Ledger, Cause> {
    let mut ledger = open_files(folder, Access::Write)?;
    schema::migrate(&mut ledger.engine, act.now.as_millisecond())?;
    ledger.marker = Some(Marker::open(&ledger.files.marker(), ledger.mode)?);
    Ok(ledger)
}

fn open_reading(folder: &Path) -> Result<Ledger, Cause> {
    let mut ledger = open_files(folder, Access::Read)?;
    schema::applied(&mut ledger.engine)?;
    Ok(ledger)
}

fn open_files(folder: &Path, access: Access) -> Result<Ledger, Cause> {
    use std::os::unix::fs::PermissionsExt as _;
    let files = Files::of(folder);
    let path = files.ledger();
    if !path.exists() {
        return Err(Cause::Missing(folder.to_owned()));
    }
    if let Some(name) = sqlite::network_file_system(folder)? {
        return Err(Cause::NetworkFileSystem(name));
    }
    let mode = std::fs::metadata(&path)?.permissions().mode() & 0o777;
    let in_use = sqlite::InUse::shared(&files, mode)?;
    let engine = ballast::opening(&files.ballast(), || Sqlite::open(&path, access, mode))?;
    if access == Access::Write {
        ballast::keep(&files.ballast(), mode);
    }
    Ok(Ledger {
        engine: Engine::Sqlite(Box::new(engine)),
        marker: None,
        mode,
        machine: marker::machine(),
        inode: marker::inode(&path)?,
        is_rehearsal: false,
        phone_region: None,
        together: None,
        files,
        _in_use: Some(in_use),
    })
}
