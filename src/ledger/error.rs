//! What can go wrong with a ledger, as opposed to what a ledger refuses.

use std::io;
use std::path::PathBuf;

/// A failed operation on a ledger: what was tried, on what, why, and what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{op} {thing}: {cause}")]
pub struct LedgerError {
    /// What was tried, as a verb.
    pub op: &'static str,
    /// On what.
    pub thing: String,
    /// Why it failed.
    #[source]
    pub cause: Cause,
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// There is no ledger in the folder.
    #[error("there is no ledger in {}", .0.display())]
    Missing(PathBuf),
    /// There is one already.
    #[error("there is a ledger in {} already", .0.display())]
    Exists(PathBuf),
    /// The folder holds the ledger of another shop.
    #[error("{} holds the ledger of another shop", .0.display())]
    AnotherShop(PathBuf),
    /// The file is not a ledger.
    #[error("this file is not a Counterfoil ledger")]
    NotALedger,
    /// The file is a copy that was only played on.
    #[error("this file is a rehearsal copy, which was only played on, and never a ledger")]
    Rehearsal,
    /// A newer program wrote it.
    #[error(
        "a newer Counterfoil wrote this ledger (it has migration {found}; this program knows up to {known})"
    )]
    Newer {
        /// The ledger's newest migration.
        found: String,
        /// The newest one this program knows.
        known: String,
    },
    /// The folder is on a network file system.
    #[error("the folder is on a network file system ({0})")]
    NetworkFileSystem(&'static str),
    /// The ledger was moved away.
    #[error("this ledger was moved to another computer and is closed here")]
    Moved,
    /// Another hub than the one that this ledger joined answered.
    #[error("node {0} answered, and that is not the hub that this ledger joined")]
    AnotherHub(String),
    /// Another process has the ledger open.
    #[error("a console or another command has this ledger open")]
    InUse,
    /// No room on the disk. Nothing was written.
    #[error("the disk is full; nothing was written")]
    DiskFull,
    /// Another program holds the file's lock.
    #[error("another program has held the ledger for too long")]
    Busy,
    /// The file is damaged.
    #[error("the ledger file is damaged: {0}")]
    Damaged(String),
    /// The random source failed.
    #[error("the system's random source failed: {0}")]
    Random(#[source] getrandom::Error),
    /// Somebody asked for it to end.
    #[error("stopped; nothing was stored")]
    Interrupted,
    /// The codes changed between the check and the store.
    #[error("the pool changed while it ran ({0}); nothing was stored")]
    Changed(String),
    /// The hub answered something else than it was asked.
    #[error("{0}; nothing was written")]
    Unexpected(&'static str),
    /// The engine failed otherwise.
    #[error("{0}")]
    Engine(#[source] rusqlite::Error),
    /// PostgreSQL failed otherwise.
    #[error("PostgreSQL says: {0}")]
    Postgres(String),
    /// Another process was faster, again and again. Nothing was written.
    #[error("other processes were faster each time ({0}); nothing was stored")]
    Raced(String),
    /// The connection to the server was lost. Nothing was written.
    #[error("the connection to PostgreSQL was lost ({0}); nothing was stored")]
    Dropped(String),
    /// The server cannot be reached, or does not let us in.
    #[error("PostgreSQL cannot be used: {0}")]
    Unreachable(String),
    /// The server cannot be reached as safely as its URL asks for. Nothing was sent to it.
    #[error("PostgreSQL cannot be reached safely: {0}")]
    Unsafe(String),
    /// The connection was lost while the server stored, and what came of it cannot be asked.
    #[error("the connection to PostgreSQL was lost, and whether this was stored is not known")]
    OutcomeUnknown,
    /// There is no ledger in the database.
    #[error("there is no ledger in {0}")]
    NoLedgerIn(String),
    /// The database holds a ledger already.
    #[error("there is a ledger in {0} already")]
    LedgerIn(String),
    /// This is about a ledger's file, and the ledger is on a server.
    #[error("this ledger is kept by PostgreSQL, which has no place for {0}")]
    OnlyInFiles(&'static str),
    /// A file failed.
    #[error("{0}")]
    Io(#[source] io::Error),
}

impl LedgerError {
    /// What to do next.
    pub fn hint(&self) -> String {
        match &self.cause {
            Cause::Missing(_) => "run `counterfoil init --store NAME --timezone ZONE`, or name the folder with --data".into(),
            Cause::Exists(_) => "use it as it is, or name another folder with --data".into(),
            Cause::AnotherShop(_) => "name an empty folder with --data".into(),
            Cause::NotALedger => "check the path; a ledger is made by `counterfoil init`".into(),
            Cause::Rehearsal => "delete it; the ledger it was copied from is as it was".into(),
            Cause::Newer { .. } => "install the newer Counterfoil; this one changes nothing here".into(),
            Cause::NetworkFileSystem(_) => "keep the ledger on a local disk; several counters can share it over SSH".into(),
            Cause::Moved => "use it on the computer it was moved to, or `counterfoil restore` a backup here".into(),
            Cause::AnotherHub(_) => "check the hub's URL in `counterfoil config`; nothing was acknowledged".into(),
            Cause::InUse => "close the consoles on this ledger and try again".into(),
            Cause::DiskFull => "free some room on the disk, then scan again; nothing was used up".into(),
            Cause::Busy => "close the other program that has ledger.db open, then try again".into(),
            Cause::Damaged(_) => "stop selling on this file, run `counterfoil verify`, then restore last night's backup".into(),
            Cause::Random(_) => "try again; if it stays, this computer's random source is broken".into(),
            Cause::Interrupted => "run it again when it suits".into(),
            Cause::Changed(_) => "run it again".into(),
            Cause::Unexpected(_) => "bring both programs up to date; the hub's first".into(),
            Cause::Engine(_) | Cause::Postgres(_) => "run `counterfoil verify`".into(),
            Cause::Raced(_) => "try again; nothing was used up".into(),
            Cause::Dropped(_) | Cause::Unreachable(_) => "look whether the database runs and lets this user in; the URL is named by --database, COUNTERFOIL_DATABASE or hub.database".into(),
            Cause::Unsafe(_) => "name the authority of the server's certificate as sslrootcert=FILE, and its host as the certificate does; a server without TLS gets it by `ssl = on`; `counterfoil hub --help` says what each sslmode checks".into(),
            Cause::OutcomeUnknown => "ask again under the same key: it acts once".into(),
            Cause::NoLedgerIn(_) => "run `counterfoil init --store NAME --timezone ZONE` with the same database".into(),
            Cause::LedgerIn(_) => "use it as it is, or name another database".into(),
            Cause::OnlyInFiles(_) => "use the database's own tools (pg_dump, pg_basebackup), or a ledger in a folder".into(),
            Cause::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "the ledger's files belong to another account: log in as that account, or set the folder up with `init --group`".into()
            }
            Cause::Io(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                "name another place; what is there stays as it is".into()
            }
            Cause::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                "check the file's name".into()
            }
            Cause::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                "whoever read the output has gone; nothing is wrong with the ledger".into()
            }
            Cause::Io(_) => "check the disk and the folder's permissions".into(),
        }
    }
}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let Some(code) = error.sqlite_error_code() else {
            return Cause::Engine(error);
        };
        // SQLite cannot make its shared memory bigger only where the disk has no room for it.
        let is_shared_memory_full = error
            .sqlite_error()
            .is_some_and(|inner| inner.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
        if code == ErrorCode::DiskFull || is_shared_memory_full {
            Cause::DiskFull
        } else if code == ErrorCode::DatabaseBusy || code == ErrorCode::DatabaseLocked {
            Cause::Busy
        } else if code == ErrorCode::NotADatabase {
            Cause::NotALedger
        } else if code == ErrorCode::DatabaseCorrupt {
            Cause::Damaged(error.to_string())
        } else {
            Cause::Engine(error)
        }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            Cause::DiskFull
        } else {
            Cause::Io(error)
        }
    }
}

impl From<rustix::io::Errno> for Cause {
    fn from(error: rustix::io::Errno) -> Self {
        Cause::from(io::Error::from(error))
    }
}

impl From<serde_json::Error> for Cause {
    fn from(error: serde_json::Error) -> Self {
        Cause::Damaged(format!("a stored text cannot be read: {error}"))
    }
}

impl From<getrandom::Error> for Cause {
    fn from(error: getrandom::Error) -> Self {
        Cause::Random(error)
    }
}

/// Names the operation and the thing of a failure.
pub(crate) trait Naming<T> {
    /// Adds what was tried, on what.
    fn naming(self, op: &'static str, thing: impl Into<String>) -> Result<T, LedgerError>;
}

impl<T, C: Into<Cause>> Naming<T> for Result<T, C> {
    fn naming(self, op: &'static str, thing: impl Into<String>) -> Result<T, LedgerError> {
        self.map_err(|cause| LedgerError {
            op,
            thing: thing.into(),
            cause: cause.into(),
        })
    }
}
