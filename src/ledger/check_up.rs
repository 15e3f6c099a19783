//! What `doctor` looks at in a ledger and beside it: cheap at any size, and nothing is changed.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::Access;

use crate::domain::entry::instant;
use crate::ledger::chain::Head;
use crate::ledger::engine::Engine;
use crate::ledger::error::Naming as _;
use crate::ledger::sqlite::{Files, network_file_system};
use crate::ledger::verify::marker_fault;
use crate::ledger::{Ledger, LedgerError, ballast, restore, schema};

/// A file beside the ledger, or the ledger itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFile {
    /// Its name.
    pub name: String,
    /// Its permission bits.
    pub mode: u32,
    /// Whether this account may read and write it.
    pub may_open: bool,
}

/// What is known of a ledger's folder without opening the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderSeen {
    /// The folder, or the nearest one above it that is there.
    pub folder: PathBuf,
    /// The network file system that holds it, where one does.
    pub network: Option<&'static str>,
    /// Room for this account.
    pub free_bytes: u64,
    /// Whether this account may write there.
    pub may_write: bool,
    /// Whether the ballast has its size; none: there is no ledger.
    pub has_ballast: Option<bool>,
    /// The ledger's files, by name.
    pub files: Vec<LedgerFile>,
}

/// Looks at a ledger's folder.
pub fn look_at_folder(folder: &Path) -> io::Result<FolderSeen> {
    let there = folder
        .ancestors()
        .find(|above| above.is_dir())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    let disk = rustix::fs::statvfs(&there)?;
    let files = Files::of(folder);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("ledger.") || name == "counterfoil.toml" {
            found.push(LedgerFile {
                name,
                mode: entry.metadata()?.permissions().mode() & 0o777,
                may_open: rustix::fs::access(entry.path(), Access::READ_OK | Access::WRITE_OK)
                    .is_ok(),
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(FolderSeen {
        network: network_file_system(&there)?,
        free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        may_write: rustix::fs::access(&there, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        has_ballast: files
            .ledger()
            .exists()
            .then(|| ballast::is_whole(&files.ballast())),
        files: found,
        folder: there,
    })
}

/// What is known of an open ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckUp {
    /// The number of its newest entry.
    pub entries: i64,
    /// The latest time that an entry carries.
    pub newest_at: Timestamp,
    /// What SQLite's quicker check found wrong.
    pub faults: Vec<String>,
    /// Whether it went through the whole file: a large one is only looked at where it matters most.
    pub is_whole: bool,
    /// What the marker beside it tells that is wrong.
    pub marker: Option<String>,
    /// Whether it is worked with as usual.
    pub phase: LedgerPhase,
}

/// Whether a ledger is worked with as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerPhase {
    /// It is.
    Usual,
    /// It was closed by `backup --move`.
    Moved,
    /// Its codes wait for approval after a restore.
    UnderRestore,
}

impl Ledger {
    /// How many migrations this ledger has, and how many this program knows.
    pub fn migrations(&mut self) -> Result<(usize, usize), LedgerError> {
        let applied = schema::applied(&mut self.engine).naming("read", "the migrations")?;
        Ok((applied, schema::known()))
    }

    /// Looks at what can be looked at in a moment; changes nothing.
    pub fn check_up(&mut self) -> Result<CheckUp, LedgerError> {
        let (faults, is_whole) = self
            .engine
            .quick_faults()
            .naming("check", "the ledger's file")?;
        let marker = if matches!(self.engine, Engine::Sqlite(_)) {
            marker_fault(&restore::finding_of(self).naming("read", "the marker")?)
        } else {
            None
        };
        let head = self.read("read", "the ledger", Head::load)?;
        Ok(CheckUp {
            entries: head.seq,
            newest_at: instant(head.newest_at_ms),
            faults,
            is_whole,
            marker,
            phase: if head.is_moved {
                LedgerPhase::Moved
            } else if head.restored_code_id != 0 {
                LedgerPhase::UnderRestore
            } else {
                LedgerPhase::Usual
            },
        })
    }
}
