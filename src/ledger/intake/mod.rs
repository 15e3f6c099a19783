//! At a hub: what a store sends up is taken in, judged against what others did, and answered.
//!
//! One batch is one transaction. What is known already is skipped where its hash is equal, and told
//! again; what follows on is written as it came, and the codes it is about are added up anew
//! (`agreed`). Invariant: facts are taken from whoever was let in and is not stolen, also from a life
//! whose authority has ended.

mod attempts;
mod chain;
mod entries;
mod judge;
pub(crate) mod people;

use crate::domain::entry::{Body, Hash};
use crate::domain::wire::{Standing, Up, UpAnswer, WireOutcome};
use crate::ledger::chain::OWN_NODE;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::{Act, Ledger, LedgerError, Writing, behind, lease, nodes, recovery, stores};

impl Ledger {
    /// Takes in what a store sends. The node in the hello has shown its secret already. What it
    /// answers is committed; the same batch again is answered the same.
    pub fn take_in(&mut self, up: &Up, act: &Act) -> Result<UpAnswer, LedgerError> {
        let (op, thing) = ("take in entries of", &up.hello.node);
        let deletes = up
            .entries
            .iter()
            .any(|entry| entry.body.contains(ABOUT_A_CUSTOMER));
        let answer = if deletes {
            self.write_zeroing(op, thing, |writing| {
                take_in(writing, up, Trusts::TheSecret, act)
            })?
        } else {
            self.write(op, thing, |writing| {
                take_in(writing, up, Trusts::TheSecret, act)
            })?
        };
        // Taken in, whatever becomes of this: it stays due, and is done with the next batch.
        drop(self.erase_what_is_due(act));
        Ok(answer)
    }

    /// Erases the people of whom stores have said so, to the last byte.
    pub fn erase_what_is_due(&mut self, act: &Act) -> Result<(), LedgerError> {
        let due = self.read("look for", "people to be erased", |tx| {
            tx.all(
                "SELECT o.entry, e.body FROM outcome o JOIN entry e ON e.id = o.entry \
                 WHERE o.word = 'erasing' ORDER BY o.entry",
                &[],
                |row| {
                    let body: Body = serde_json::from_str(&row.text(1)?)?;
                    Ok((row.int(0)?, body.customer))
                },
            )
        })?;
        for (entry, customer) in due {
            if let Some(customer) = customer {
                // Whom nobody knows here is erased already.
                drop(self.erase_customer(&customer, act)?);
            }
            self.write("note", "that somebody was erased", |writing| {
                writing.tx.execute(
                    "DELETE FROM outcome WHERE entry = $1 AND word = 'erasing'",
                    &[entry.into()],
                )
            })?;
        }
        Ok(())
    }
}

/// What an entry is called that cannot be read here.
pub(crate) const PARKED: &str = "parked";

/// What the bodies of entries hold by which a person's contacts may go.
const ABOUT_A_CUSTOMER: &str = "\"kind\":\"customer";

/// The store whose entries come up.
pub(crate) struct Sender {
    pub(crate) node: i64,
    pub(crate) name: String,
    standing: Standing,
    /// The life that has authority.
    incarnation: i64,
    acked_seq: i64,
    acked_hash: Hash,
    attempts: Attempts,
}

/// How far the hub has a store's attempts, by the life that numbered them.
#[derive(Debug, Clone, Copy)]
struct Attempts {
    through: i64,
    incarnation: i64,
}

impl Sender {
    fn load(tx: &Tx<'_>, name: &str) -> Result<Sender, Cause> {
        let unknown = || Cause::Damaged(format!("node {name} was not let in"));
        let node = nodes::find(tx, name)?
            .filter(|node| *node != OWN_NODE)
            .ok_or_else(unknown)?;
        // Locks the row on engines that let several writers in: one batch of a store at a time.
        tx.execute(
            "UPDATE store SET acked_seq = acked_seq WHERE node = $1",
            &[node.into()],
        )?;
        tx.one(
            "SELECT standing, incarnation, acked_seq, acked_hash, acked_attempt, \
             acked_attempt_incarnation FROM store WHERE node = $1",
            &[node.into()],
            |row| {
                let standing = row.int(0)?;
                Ok(Sender {
                    node,
                    name: name.to_owned(),
                    standing: Standing::of_number(standing)
                        .ok_or_else(|| Cause::Damaged(format!("a standing of {standing}")))?,
                    incarnation: row.int(1)?,
                    acked_seq: row.int(2)?,
                    acked_hash: row.hash(3)?,
                    attempts: Attempts {
                        through: row.int(4)?,
                        incarnation: row.int(5)?,
                    },
                })
            },
        )?
        .ok_or_else(unknown)
    }
}

/// Whose word a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trusts {
    /// Whoever has the store's secret: not that of a stolen one.
    TheSecret,
    /// A manager at the hub, who has the store's file.
    TheFile,
}

pub(crate) fn take_in(
    writing: &mut Writing<'_, '_>,
    up: &Up,
    trusts: Trusts,
    act: &Act,
) -> Result<UpAnswer, Cause> {
    let tx = writing.tx;
    let mut sender = Sender::load(tx, &up.hello.node)?;
    if sender.standing == Standing::Stolen && trusts == Trusts::TheSecret {
        return answer(writing, &sender, up, None, act);
    }
    if trusts == Trusts::TheSecret {
        let told = (up.hello.incarnation, up.feed_position);
        behind::look(writing, sender.node, &up.hub, told, act)?;
    }
    let placed = chain::place(tx, &sender, up)?;
    if !placed.new.is_empty() {
        entries::take(writing, &sender, up, &placed.new, act)?;
    }
    if let Some(previous) = placed.first_previous {
        tx.execute(
            "UPDATE store SET first_previous_hash = $1 WHERE node = $2 \
             AND first_previous_hash IS NULL",
            &[previous.as_slice().into(), sender.node.into()],
        )?;
    }
    if up.hello.incarnation == sender.incarnation
        && let Some((seq, hash)) = placed.reached
        && seq > sender.acked_seq
    {
        let moved = tx.execute(
            "UPDATE store SET acked_seq = $1, acked_hash = $2 WHERE node = $3 AND acked_seq = $4",
            &[
                seq.into(),
                hash.as_slice().into(),
                sender.node.into(),
                sender.acked_seq.into(),
            ],
        )?;
        if moved != 1 {
            return Err(Cause::Changed("another batch of this store came in".into()));
        }
        (sender.acked_seq, sender.acked_hash) = (seq, hash);
    }
    attempts::keep(tx, &writing.head, &mut sender, up)?;
    if up.hello.incarnation == sender.incarnation {
        lease::top_up(writing, sender.node, up.feed_position, &up.demands, act)?;
    }
    let mut answer = answer(writing, &sender, up, placed.forked_after, act)?;
    if let Some(known) = &up.known
        && !writing.head.is_behind()
        && up.hub.life == answer.welcome.hub_life
    {
        recovery::take(writing, &sender.name, known, act)?;
        answer.known_through = Some((known.names_only, known.through));
    }
    Ok(answer)
}

fn answer(
    writing: &mut Writing<'_, '_>,
    sender: &Sender,
    up: &Up,
    forked_after: Option<i64>,
    act: &Act,
) -> Result<UpAnswer, Cause> {
    let tx = writing.tx;
    stores::contact(tx, sender.node, &up.hello, Some(up.feed_position), act)?;
    let outcomes = outcomes(tx, sender, up)?;
    let mut welcome = stores::welcome(tx, sender.node, act.now)?;
    // Found out in this very transaction, perhaps.
    welcome.is_behind = writing.head.is_behind();
    behind::say_what_is_here(tx, &mut welcome, &up.hub)?;
    let is_its_life = up.hello.incarnation == sender.incarnation;
    if welcome.standing == Standing::Active && (!is_its_life || forked_after.is_some()) {
        welcome.standing = Standing::Quarantined;
    }
    Ok(UpAnswer {
        welcome,
        outcomes,
        attempts_through: if sender.attempts.incarnation == up.hello.incarnation {
            sender.attempts.through
        } else {
            0
        },
        forked_after,
        known_through: None,
    })
}

/// What became of the entries of a batch, as it is kept: the same whenever it is asked.
fn outcomes(tx: &Tx<'_>, sender: &Sender, up: &Up) -> Result<Vec<WireOutcome>, Cause> {
    let mut outcomes = Vec::new();
    for range in chain::ranges(&up.entries) {
        tx.each(
            "SELECT e.incarnation, e.seq, o.word, o.kind, o.conflict FROM entry e \
             JOIN outcome o ON o.entry = e.id WHERE e.node = $1 AND e.incarnation = $2 \
             AND e.seq >= $3 AND e.seq <= $4 AND o.word IN ('conflict', 'parked') ORDER BY e.seq",
            &[
                sender.node.into(),
                range.incarnation.into(),
                range.first.into(),
                range.last.into(),
            ],
            |row| {
                let is_conflict = row.text(2)? == "conflict";
                let kind = row.maybe_text(3)?;
                outcomes.push(WireOutcome {
                    incarnation: row.int(0)?,
                    seq: row.int(1)?,
                    conflict: kind
                        .filter(|_| is_conflict)
                        .and_then(|word| word.parse().ok()),
                    number: row.maybe_int(4)?,
                });
                Ok(())
            },
        )?;
    }
    Ok(outcomes)
}
