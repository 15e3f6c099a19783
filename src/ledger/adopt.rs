//! At a hub: the file of a store's ledger that does not come by itself: its computer was stolen and
//! found, or its disk was saved. Its facts are taken in as if it had sent them; its rights are not.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::domain::refusal::Refusal;
use crate::ledger::chain::Head;
use crate::ledger::engine::Engine;
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::intake::{Trusts, take_in};
use crate::ledger::sqlite::{Access, Sqlite, lock_file};
use crate::ledger::{Act, Ledger, LedgerError, outbox, schema};

/// What a file has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adopted {
    /// The store that it is of.
    pub store: String,
    /// Entries that were not here.
    pub entries: u64,
    /// Entries that are in conflict.
    pub conflicts: u64,
}

/// A copy of the file, which is brought up to date and goes away again.
struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(beside(&self.0, ending)));
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", path.display()))
}

impl Ledger {
    /// Takes in what the file of a store's ledger holds and this hub has not got. The file itself stays
    /// as it is. Refused where it is no file of a store of this hub, or of a life that is not known.
    pub fn adopt(
        &mut self,
        file: &Path,
        act: &Act,
    ) -> Result<Result<Adopted, Refusal>, LedgerError> {
        let thing = file.display().to_string();
        let (mut engine, copy) = self.opened(file, act).naming("open", &thing)?;
        let adopted = self.adopt_from(&mut engine, act);
        drop(engine);
        drop(copy);
        adopted
    }

    fn opened(&self, file: &Path, act: &Act) -> Result<(Engine, Copy), Cause> {
        let copy = Copy(self.files.folder().join("ledger.adopted"));
        for ending in ["", "-wal"] {
            let (from, to) = (beside(file, ending), beside(&copy.0, ending));
            drop(std::fs::remove_file(&to));
            if ending.is_empty() || from.exists() {
                let mut to = lock_file(&to, 0o600)?;
                std::io::copy(&mut File::open(from)?, &mut to)?;
            }
        }
        let mut engine = Engine::Sqlite(Box::new(Sqlite::open(&copy.0, Access::Write, 0o600)?));
        schema::migrate(&mut engine, act.now.as_millisecond())?;
        Ok((engine, copy))
    }

    fn adopt_from(
        &mut self,
        engine: &mut Engine,
        act: &Act,
    ) -> Result<Result<Adopted, Refusal>, LedgerError> {
        let head = engine.read(Head::load).naming("read", "the file")?;
        let known = self
            .stores()?
            .into_iter()
            .find(|store| store.node.as_deref() == Some(head.node.as_str()));
        let Some(store) = known.filter(|store| head.incarnation <= store.incarnation) else {
            return Ok(Err(Refusal::NoSuchStore(head.store)));
        };
        let mut adopted = Adopted {
            store: store.called(),
            ..Adopted::default()
        };
        let mut after = (0, 0);
        loop {
            let up = engine
                .read(|tx| outbox::batch_after(tx, after, act.now))
                .naming("read", "the file")?;
            let Some(up) = up else {
                return Ok(Err(Refusal::NotJoined));
            };
            let reached = (
                up.entries.last().map_or(after.0, |entry| entry.seq),
                up.attempts.last().map_or(after.1, |attempt| attempt.number),
            );
            if reached == after {
                return Ok(Ok(adopted));
            }
            let before = self.count_of(store.number)?;
            let answer = self.write("adopt", &adopted.store, |writing| {
                take_in(writing, &up, Trusts::TheFile, act)
            })?;
            if answer.forked_after.is_some() {
                return Ok(Err(Refusal::Faulty(
                    "this file and what the store has sent went different ways: it is a copy"
                        .into(),
                )));
            }
            let here = self.count_of(store.number)?;
            adopted.entries += here.saturating_sub(before).unsigned_abs();
            adopted.conflicts += answer
                .outcomes
                .iter()
                .filter(|outcome| outcome.conflict.is_some())
                .count() as u64;
            after = reached;
        }
    }

    /// Entries of a node that are here.
    fn count_of(&mut self, node: i64) -> Result<i64, LedgerError> {
        self.read("count", "entries", |tx| {
            Ok(tx
                .one(
                    "SELECT count(*) FROM entry WHERE node = $1",
                    &[node.into()],
                    |row| row.int(0),
                )?
                .unwrap_or(0))
        })
    }
}
