//! A copy of the ledger to play failures on, and never anything else.
//!
//! It goes on as the same life of the ledger, without a marker: nothing becomes suspect in it, and
//! the ledger it was copied from never hears of it. What keeps it from being taken for a ledger is
//! written into the file itself, and only a [`Rehearsal`] opens it: no command prints, backs up,
//! restores or answers from one.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::domain::ids::CampaignId;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::chain::{Head, OWN_NODE};
use crate::ledger::codes::state_number;
use crate::ledger::engine::{Engine, Tx};
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::sqlite::{Files, InUse, Sqlite, lock_file, network_file_system};
use crate::ledger::verify::marker_fault;
use crate::ledger::{Ledger, LedgerError, campaigns, marker, restore, schema};

/// The permission bits of a copy's files, whatever those of the ledger are.
const MODE: u32 = 0o600;

/// How the folders of copies are called; something drawn at random follows.
const FOLDER: &str = "counterfoil-preflight-";

/// A copy of a ledger that is only played on. It is open for as long as this lives.
pub struct Rehearsal(Ledger);

/// The place of every cursor before a pool was emptied.
#[derive(Debug, Clone)]
pub struct Emptied(Vec<(i64, i64)>);

impl Ledger {
    /// Copies this ledger, as it stands, into a new folder of mode 0700 below `parent`, whose name
    /// ends in `name`; answers the folder, which the caller removes.
    ///
    /// Nothing changes here: an open ledger that only reads will do, and counters go on. `progress`
    /// is told bytes copied and all bytes, about every 16 MiB, and answers whether to go on.
    pub fn rehearse(
        &mut self,
        parent: &Path,
        name: &str,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<PathBuf, LedgerError> {
        let folder = parent.join(format!("{FOLDER}{name}"));
        rehearse(self, &folder, progress)
            .inspect_err(|_| drop(std::fs::remove_dir_all(&folder)))
            .naming("copy the ledger to", folder.display().to_string())?;
        Ok(folder)
    }

    /// What the marker beside this ledger tells that the next command will act upon, in words.
    pub fn marker_fault(&mut self) -> Result<Option<String>, LedgerError> {
        restore::finding_of(self)
            .map(|finding| marker_fault(&finding))
            .naming("read", "the ledger's marker")
    }
}

fn rehearse(
    ledger: &mut Ledger,
    folder: &Path,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), Cause> {
    let head = ledger.engine.read(Head::load)?;
    if head.is_moved {
        return Err(Cause::Moved);
    }
    DirBuilder::new().mode(0o700).create(folder)?;
    if let Some(name) = network_file_system(folder)? {
        return Err(Cause::NetworkFileSystem(name));
    }
    let bytes = ledger.engine.file("a preflight")?.size_bytes()?;
    let room = rustix::fs::statvfs(folder)?;
    if room.f_bavail.saturating_mul(room.f_frsize) < bytes.saturating_add(bytes / 10) {
        return Err(Cause::DiskFull);
    }
    let files = Files::of_rehearsal(folder);
    // Locked from the first moment: whoever clears away copies that were left lets this one be.
    let _in_use = InUse::shared(&files, MODE)?;
    drop(lock_file(&files.ledger(), MODE)?);
    ledger
        .engine
        .file("a preflight")?
        .copy_for_rehearsal(&files.ledger(), &mut |done, all| {
            progress(share(bytes, done, all), bytes)
        })
}

/// The bytes that so many of all pages are.
fn share(bytes: u64, done: u64, all: u64) -> u64 {
    bytes / all.max(1) * done
}

impl Rehearsal {
    /// Opens the copy in `folder`. A ledger is never opened so.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Rehearsal, LedgerError> {
        open(folder, now).naming("open", "the rehearsal copy")
    }

    /// Removes copies below `parent` that a preflight left when it was killed: those of this account
    /// that nobody has open. What cannot be removed stays.
    pub fn clear_away(parent: &Path) {
        let Ok(listing) = std::fs::read_dir(parent) else {
            return;
        };
        for item in listing.flatten() {
            let is_copy = item.file_name().to_string_lossy().starts_with(FOLDER);
            let files = Files::of_rehearsal(&item.path());
            if !is_copy || !files.in_use().exists() {
                continue;
            }
            if let Ok(_in_use) = InUse::alone(&files, MODE) {
                drop(std::fs::remove_dir_all(item.path()));
            }
        }
    }

    /// The copy as a ledger, for every act that a ledger knows.
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.0
    }

    /// Goes on in a store of this name.
    pub fn move_to_store(&mut self, store: &str) -> Result<(), LedgerError> {
        self.0
            .engine
            .write(|tx| {
                tx.execute("UPDATE ledger SET store = $1 WHERE id = 1", &[store.into()])?;
                tx.commit()
            })
            .naming("rehearse in", store)
    }

    /// Empties a campaign's pool: the cursor of every range moves to its end.
    pub fn empty_pool(
        &mut self,
        campaign: &CampaignId,
    ) -> Result<Result<Emptied, Refusal>, LedgerError> {
        let done = self.0.engine.write(|tx| {
            let Some((local, _)) = campaigns::find(&tx, campaign)? else {
                return Ok(None);
            };
            let cursors = tx.all(
                "SELECT id, next_ordinal FROM lease WHERE campaign = $1 AND holder = $2 \
                 AND next_ordinal < end_ordinal",
                &[local.into(), OWN_NODE.into()],
                |row| Ok((row.int(0)?, row.int(1)?)),
            )?;
            tx.execute(
                "UPDATE lease SET next_ordinal = end_ordinal WHERE campaign = $1 AND holder = $2",
                &[local.into(), OWN_NODE.into()],
            )?;
            tx.commit()?;
            Ok(Some(Emptied(cursors)))
        });
        let done = done.naming("empty the pool of", campaign.as_str())?;
        Ok(done.ok_or_else(|| Refusal::NoSuchCampaign(campaign.clone())))
    }

    /// Puts the cursors back to where they were.
    pub fn refill_pool(&mut self, emptied: &Emptied) -> Result<(), LedgerError> {
        self.0
            .engine
            .write(|tx| {
                for (lease, next) in &emptied.0 {
                    tx.execute(
                        "UPDATE lease SET next_ordinal = $1 WHERE id = $2",
                        &[(*next).into(), (*lease).into()],
                    )?;
                }
                tx.commit()
            })
            .naming("refill", "the pool")
    }

    /// Codes of a campaign that could still be given out, and end by themselves by `at`.
    pub fn ended_before_given(
        &mut self,
        campaign: &CampaignId,
        at: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.0
            .read("count the ended codes of", campaign.as_str(), |tx| {
                ended_before_given(tx, campaign, at)
            })
    }
}

fn ended_before_given(tx: &Tx<'_>, campaign: &CampaignId, at: Timestamp) -> Result<u64, Cause> {
    let Some((local, _)) = campaigns::find(tx, campaign)? else {
        return Ok(0);
    };
    let count = tx.one(
        "SELECT count(*) FROM code WHERE campaign = $1 AND state = $2 AND ordinal IS NOT NULL \
         AND expires_at_ms <= $3",
        &[
            local.into(),
            state_number(CodeState::Available).into(),
            at.as_millisecond().into(),
        ],
        |row| row.int(0),
    )?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

fn open(folder: &Path, now: Timestamp) -> Result<Rehearsal, Cause> {
    let files = Files::of_rehearsal(folder);
    let path = files.ledger();
    if !path.exists() {
        return Err(Cause::Missing(folder.to_owned()));
    }
    let in_use = InUse::shared(&files, MODE)?;
    let mut engine = Engine::Sqlite(Box::new(Sqlite::open_rehearsal(&path, MODE)?));
    schema::migrate(&mut engine, now.as_millisecond())?;
    Ok(Rehearsal(Ledger {
        engine,
        marker: None,
        mode: MODE,
        machine: marker::machine(),
        inode: marker::inode(&path)?,
        is_rehearsal: true,
        phone_region: None,
        together: None,
        files,
        _in_use: Some(in_use),
    }))
}
