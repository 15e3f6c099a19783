//! The embedded engine: how SQLite is opened, and the turnstile that lets one writer in at a time.
//!
//! Measured: under `busy_timeout` alone one of eight processes waited two seconds while another
//! wrote eight thousand rows; with two locked files taken in turn, all advance alike.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rustix::fs::{FlockOperation, flock};

use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;

/// SQLite before 3.51.3 can corrupt a file when two connections write and checkpoint at once.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Marks the file as ours in its header: the letters `CfL1`.
const APPLICATION_ID: i32 = 0x4366_4c31;

/// Marks a copy that is only played on: the letters `CfRh`. It never opens as a ledger.
const REHEARSAL_ID: i32 = 0x4366_5268;

/// Pages copied between two looks at whether to go on: 16 MiB.
const PAGES_PER_STEP: i32 = 4096;

/// A page cache of 16 MiB; the default of 2 MiB made cold look-ups twice as slow.
const CACHE_KIB: i32 = 16 * 1024;

/// What is left of the write-ahead log on disk after it has been taken over.
const WAL_KEPT_BYTES: i32 = 16 * 1024 * 1024;

/// Foreign writers (a database browser) are waited for this long; our own never collide.
const FOREIGN_WAIT: Duration = Duration::from_secs(10);

/// Who reads from the write-ahead log is waited for this long before it is emptied; our own readers
/// are done in less.
const LOG_WAIT: Duration = Duration::from_millis(500);

/// Writes between two takings-over of the write-ahead log while there is no idle moment: about
/// 7 MiB of it.
const WRITES_PER_CHECKPOINT: u32 = 256;

/// After so many writes without a rest the log is taken over inside a write, whoever waits.
const WRITES_WITHOUT_REST_MAX: u32 = 16 * WRITES_PER_CHECKPOINT;

/// A file up to this length is gone through in a second.
const QUICK_CHECK_BYTES_MAX: i64 = 256 * 1024 * 1024;

/// The tables without which nothing else can be read; all of them are short.
const FIRST_TABLES: [&str; 7] = [
    "sqlite_schema",
    "migration",
    "ledger",
    "node",
    "campaign",
    "batch",
    "operator",
];

/// A connection to a ledger file.
pub(crate) struct Sqlite {
    connection: Connection,
    turnstile: Option<Turnstile>,
    writes_since_checkpoint: u32,
    /// Reads and writes are parts of one transaction just now.
    is_together: bool,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Makes the file.
    Create,
    /// Reads and writes.
    Write,
    /// Changes nothing, not even the write-ahead log.
    Read,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, access: Access, mode: u32) -> Result<Sqlite, Cause> {
        Sqlite::open_as(path, access, mode, APPLICATION_ID)
    }

    /// Opens a copy that [`Sqlite::copy_for_rehearsal`] made, to read and write; nothing else.
    pub(crate) fn open_rehearsal(path: &Path, mode: u32) -> Result<Sqlite, Cause> {
        Sqlite::open_as(path, Access::Write, mode, REHEARSAL_ID)
    }

    fn open_as(path: &Path, access: Access, mode: u32, id: i32) -> Result<Sqlite, Cause> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(Cause::Damaged(format!(
                "this program was built with SQLite {}, which can lose data",
                rusqlite::version()
            )));
        }
        let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags |= match access {
            Access::Create => {
                // SQLite gives its side files the mode of the main file.
                drop(
                    OpenOptions::new()
                        .write(true)
                        .create_new(true)
                        .mode(mode)
                        .open(path)?,
                );
                OpenFlags::SQLITE_OPEN_READ_WRITE
            }
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(FOREIGN_WAIT)?;
        if access == Access::Create {
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        let application: i32 =
            connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if application == REHEARSAL_ID && id != REHEARSAL_ID {
            return Err(Cause::Rehearsal);
        }
        if application != id {
            return Err(Cause::NotALedger);
        }
        if access != Access::Read {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
        }
        // FULL: NORMAL loses acknowledged redemptions on a power cut (measured).
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // The log is taken over when idle, never inside an operator's commit.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.set_prepared_statement_cache_capacity(128);
        // The plan does not depend on what is bound: without this every new code compiled the
        // look-up anew, a sixth of a redemption's time (measured).
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let turnstile = match access {
            Access::Create | Access::Write => Some(Turnstile::beside(path, mode)?),
            Access::Read => None,
        };
        Ok(Sqlite {
            connection,
            turnstile,
            writes_since_checkpoint: 0,
            is_together: false,
        })
    }

    /// Waits for its turn, then hands a transaction that may write.
    ///
    /// `work` commits by itself; what it does after the commit is still done in its turn.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(Tx<'_>) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        if self.is_together {
            if self.connection.is_autocommit() {
                // SQLite rolled everything back by itself, as it does on a full disk.
                return Err(Cause::Changed(
                    "the others it was stored with were rolled back".into(),
                ));
            }
            self.connection.execute_batch("SAVEPOINT part")?;
            let result = work(Tx::within(&self.connection));
            // One that failed leaves nothing behind, and the others as they are.
            self.connection.execute_batch(match &result {
                Ok(_) => "RELEASE part",
                Err(_) => "ROLLBACK TO part; RELEASE part",
            })?;
            return result;
        }
        let turnstile = self
            .turnstile
            .as_ref()
            .ok_or_else(|| Cause::Damaged("the ledger is open for reading only".into()))?;
        let turn = turnstile.enter()?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(Tx::new(transaction));
        drop(turn);
        self.writes_since_checkpoint += 1;
        if self.writes_since_checkpoint >= WRITES_WITHOUT_REST_MAX {
            // The work is committed, whatever becomes of the log: that is tried again later.
            drop(self.checkpoint());
        }
        result
    }

    /// Waits for its turn, and begins a transaction that the next reads and writes are parts of.
    pub(crate) fn begin_together(&mut self) -> Result<(), Cause> {
        let turnstile = self
            .turnstile
            .as_ref()
            .ok_or_else(|| Cause::Damaged("the ledger is open for reading only".into()))?;
        let turn = turnstile.enter()?;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        turn.keep();
        self.is_together = true;
        Ok(())
    }

    /// Commits it, and lets the next one in.
    pub(crate) fn end_together(&mut self) -> Result<(), Cause> {
        let committed = self.connection.execute_batch("COMMIT");
        if committed.is_err() && !self.connection.is_autocommit() {
            // Nothing of it is stored, whether this is answered or the file's end does it.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        self.is_together = false;
        self.writes_since_checkpoint += 1;
        if let Some(turnstile) = &self.turnstile {
            drop(Turn(&turnstile.inner));
        }
        Ok(committed?)
    }

    /// A transaction that only reads: one consistent view, given back at once.
    pub(crate) fn read<T>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        if self.is_together {
            return work(&Tx::within(&self.connection));
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&Tx::new(transaction))
    }

    /// Whether the file has a table of this name.
    pub(crate) fn has_table(&self, name: &str) -> Result<bool, Cause> {
        let count: i64 = self.connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = ?1",
            [name],
            |row| row.get(0),
        )?;
        Ok(count > 0)
    }

    /// Takes over what it can of the write-ahead log, without making anybody wait.
    pub(crate) fn checkpoint(&mut self) -> Result<(), Cause> {
        self.writes_since_checkpoint = 0;
        self.connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Whether deleted bytes are written over with zeros, as far as this connection deletes them.
    pub(crate) fn zero_what_is_deleted(&self, zeroes: bool) -> Result<(), Cause> {
        self.connection
            .pragma_update(None, "secure_delete", zeroes)?;
        Ok(())
    }

    /// Takes over the whole write-ahead log and leaves it empty; false where somebody still reads
    /// from it.
    pub(crate) fn empty_log(&mut self) -> Result<bool, Cause> {
        self.writes_since_checkpoint = 0;
        // Whoever wants to write waits as long as this does.
        self.connection.busy_timeout(LOG_WAIT)?;
        let emptied = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        self.connection.busy_timeout(FOREIGN_WAIT)?;
        let is_busy: i64 = emptied?;
        Ok(is_busy == 0)
    }

    /// Writes the whole file anew, without anything that was ever deleted; everybody else waits.
    pub(crate) fn write_anew(&mut self) -> Result<(), Cause> {
        let turnstile = self
            .turnstile
            .as_ref()
            .ok_or_else(|| Cause::Damaged("the ledger is open for reading only".into()))?;
        let turn = turnstile.enter()?;
        // The copy may be larger than memory.
        self.connection.pragma_update(None, "temp_store", "FILE")?;
        let written = self.connection.execute_batch("VACUUM");
        self.connection
            .pragma_update(None, "temp_store", "MEMORY")?;
        drop(turn);
        Ok(written?)
    }

    /// Whether it is time to take over the log, once the answer has been given.
    pub(crate) fn is_rest_due(&self) -> bool {
        self.writes_since_checkpoint >= WRITES_PER_CHECKPOINT
    }

    /// Changes whenever another connection has written.
    pub(crate) fn data_version(&self) -> Result<i64, Cause> {
        Ok(self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Writes a consistent copy to a new file.
    pub(crate) fn copy_into(&self, path: &str) -> Result<(), Cause> {
        self.connection.execute("VACUUM INTO ?1", [path])?;
        Ok(())
    }

    /// Writes a consistent copy to a new file, as it stands, marked as a rehearsal. `progress` is
    /// told the pages copied and all pages, and answers whether to go on.
    ///
    /// Page by page: rewriting ten million codes with `VACUUM INTO` takes a multiple of the time.
    pub(crate) fn copy_for_rehearsal(
        &mut self,
        path: &Path,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<(), Cause> {
        let mut copy = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        // A copy that is cut short is deleted: nothing of it is worth a sync or a journal.
        copy.pragma_update(None, "journal_mode", "OFF")?;
        copy.pragma_update(None, "synchronous", "OFF")?;
        // Held for the whole copy: a till that writes meanwhile does not make it begin again.
        let view = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred)?;
        view.query_row("SELECT id FROM ledger", [], |_| Ok(()))?;
        let backup = Backup::new(&view, &mut copy)?;
        loop {
            let step = backup.step(PAGES_PER_STEP)?;
            let all = u64::try_from(backup.progress().pagecount).unwrap_or(0);
            let left = u64::try_from(backup.progress().remaining).unwrap_or(0);
            if !progress(all.saturating_sub(left), all) {
                return Err(Cause::Interrupted);
            }
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                StepResult::Busy | StepResult::Locked | _ => return Err(Cause::Busy),
            }
        }
        drop(backup);
        copy.pragma_update(None, "application_id", REHEARSAL_ID)?;
        Ok(())
    }

    /// Bytes of the whole file, as the newest write left it.
    pub(crate) fn size_bytes(&self) -> Result<u64, Cause> {
        let number = |name: &str| -> Result<u64, Cause> {
            let number: i64 = self
                .connection
                .pragma_query_value(None, name, |row| row.get(0))?;
            Ok(number.unsigned_abs())
        };
        Ok(number("page_count")? * number("page_size")?)
    }

    /// What SQLite itself finds wrong with the file.
    pub(crate) fn integrity_faults(&self) -> Result<Vec<String>, Cause> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check(20)")?;
        let lines = statement
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// SQLite's quicker check: of the whole file, or, where that takes long, of the tables without which
    /// nothing can be read; and which of the two it was.
    pub(crate) fn quick_faults(&self) -> Result<(Vec<String>, bool), Cause> {
        let number = |pragma: &str| {
            self.connection
                .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
        };
        let bytes = number("page_count")?.saturating_mul(number("page_size")?);
        let is_whole = bytes <= QUICK_CHECK_BYTES_MAX;
        let parts: &[&str] = if is_whole { &["20"] } else { &FIRST_TABLES };
        Ok((self.faults_in(parts)?, is_whole))
    }

    fn faults_in(&self, parts: &[&str]) -> Result<Vec<String>, Cause> {
        let mut faults = Vec::new();
        for part in parts {
            let mut statement = self
                .connection
                .prepare(&format!("PRAGMA quick_check({part})"))?;
            for line in statement.query_map([], |row| row.get::<_, String>(0))? {
                faults.push(line?);
            }
        }
        faults.retain(|line| line != "ok");
        Ok(faults)
    }
}

/// Fairness among processes: take A, take B, let A go, work, let B go.
///
/// Whoever waits, waits at A; so nobody can take B twice while another is waiting. The locks die
/// with their process.
pub(crate) struct Turnstile {
    outer: File,
    inner: File,
}

/// The right to write, until dropped.
pub(crate) struct Turn<'t>(&'t File);

impl Turnstile {
    pub(crate) fn beside(ledger: &Path, mode: u32) -> Result<Turnstile, Cause> {
        Ok(Turnstile {
            outer: lock_file(&ledger.with_extension("turn-a"), mode)?,
            inner: lock_file(&ledger.with_extension("turn-b"), mode)?,
        })
    }

    fn enter(&self) -> Result<Turn<'_>, Cause> {
        wait_for(&self.outer)?;
        let inner = wait_for(&self.inner);
        flock(&self.outer, FlockOperation::Unlock)?;
        inner?;
        Ok(Turn(&self.inner))
    }
}

impl Turn<'_> {
    /// Goes on without an owner: another [`Turn`] on the same lock ends it.
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // An unlock of a lock that is held cannot fail; the descriptor's end would free it too.
        flock(self.0, FlockOperation::Unlock).unwrap_or_default();
    }
}

fn wait_for(file: &File) -> Result<(), Cause> {
    loop {
        match flock(file, FlockOperation::LockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Opens a file that exists to be locked, making it where it is missing.
pub(crate) fn lock_file(path: &Path, mode: u32) -> Result<File, Cause> {
    Ok(OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(mode)
        .open(path)?)
}

/// The lock that tells whether a ledger is open, held until dropped: shared by whoever works with it,
/// alone by whoever puts another in its place.
pub(crate) struct InUse(File);

impl InUse {
    /// Open with others.
    pub(crate) fn shared(files: &Files, mode: u32) -> Result<InUse, Cause> {
        InUse::take(files, mode, FlockOperation::NonBlockingLockShared)
    }

    /// Open for nobody else.
    pub(crate) fn alone(files: &Files, mode: u32) -> Result<InUse, Cause> {
        InUse::take(files, mode, FlockOperation::NonBlockingLockExclusive)
    }

    fn take(files: &Files, mode: u32, how: FlockOperation) -> Result<InUse, Cause> {
        let file = lock_file(&files.in_use(), mode)?;
        flock(&file, how).ok().ok_or(Cause::InUse)?;
        Ok(InUse(file))
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        // Unlocked, not only closed: a process that is begun this moment holds a copy of the file until
        // it runs its own program. An unlock of a lock that is held cannot fail.
        flock(&self.0, FlockOperation::Unlock).unwrap_or_default();
    }
}

/// The name of the network file system that holds `folder`, if one does.
///
/// Numbers: `statfs(2)`. SQLite's shared memory and `flock` are not to be trusted there.
pub(crate) fn network_file_system(folder: &Path) -> io::Result<Option<&'static str>> {
    let kind = rustix::fs::statfs(folder)?.f_type;
    let number = u32::try_from(kind & 0xffff_ffff).unwrap_or(0);
    Ok(match number {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB2"),
        0x7461_636f => Some("OCFS2"),
        0x5346_414f => Some("AFS"),
        _ => None,
    })
}

/// The beginning of the names of batch locks; the batch's number follows.
pub(crate) const BATCH_LOCK: &str = "ledger.batch-";

/// A ledger's files, beside each other in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    folder: PathBuf,
    ledger: &'static str,
}

impl Files {
    pub(crate) fn of(folder: &Path) -> Files {
        Files {
            folder: folder.to_owned(),
            ledger: "ledger.db",
        }
    }

    /// Those of a copy to be played on: under another name, so that no folder with one holds a
    /// ledger.
    pub(crate) fn of_rehearsal(folder: &Path) -> Files {
        Files {
            folder: folder.to_owned(),
            ledger: "rehearsal.db",
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.join(self.ledger)
    }

    pub(crate) fn marker(&self) -> PathBuf {
        self.folder.join("ledger.marker")
    }

    pub(crate) fn in_use(&self) -> PathBuf {
        self.folder.join("ledger.in-use")
    }

    pub(crate) fn ballast(&self) -> PathBuf {
        self.folder.join("ledger.ballast")
    }

    pub(crate) fn batch_lock(&self, batch: i64) -> PathBuf {
        self.folder.join(format!("{BATCH_LOCK}{batch}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Act, Ledger, Setup};

    #[test]
    fn of_a_large_file_only_tables_that_are_there_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup {
            store: "Corner".into(),
            timezone: "UTC".into(),
            node: "BCDFGHJKLN".into(),
            mode: 0o600,
        };
        let act = Act {
            now: jiff::Timestamp::UNIX_EPOCH,
            counter: "till".into(),
            operator: None,
            salt: [0; 16],
        };
        drop(Ledger::create(folder.path(), &setup, &act).unwrap());
        let path = Files::of(folder.path()).ledger();
        let open = || Sqlite::open(&path, Access::Read, 0o600).unwrap();
        assert_eq!(
            open().faults_in(&FIRST_TABLES).unwrap(),
            Vec::<String>::new()
        );
        assert_eq!(open().quick_faults().unwrap(), (Vec::new(), true));
    }
}
