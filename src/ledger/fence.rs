//! At a hub: what an ended life of a store held comes back, a slice at a time.
//!
//! The first write ends the life's authority and notes what is to be done; the slices follow, each a
//! write of its own, by whoever comes next should this process die. Invariant: until the last slice,
//! nobody spends what has not come back. The hub does not hold it, a redemption of it is put off, the
//! node's own requests come after it, and what the node hands over is not taken.
//!
//! What the node may have spent without our knowledge is suspect: every code it had given out, and of
//! those it had not, as many as it may have acted, in the order in which it would have given them out.
//! Of a life that has lost nothing, the codes it gave out stay with the node.

use crate::domain::entry::Fact;
use crate::domain::verdict::CodeState;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{state_number, state_of};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{self, EVERYBODY, FeedKind};
use crate::ledger::lease::next_grant;
use crate::ledger::tally::{add_codes, move_leased};
use crate::ledger::{Act, Ledger, LedgerError, Setting, Writing, campaigns, setting_of};

/// Codes in one slice.
const SLICE: i64 = 1_000;

/// What a life that ended may have spent that the hub has no entry of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// At most so many acts; 0: the hub has all of them.
    AtMost(u64),
    /// Nothing is lost, and so many acts have not come yet: they come under the next life.
    Untold(u64),
    /// Nobody can say.
    Anything,
}

impl Lost {
    fn is_nothing(self) -> bool {
        matches!(self, Lost::AtMost(0) | Lost::Untold(_))
    }

    /// The same where the life may have given anything back of what it had not given out.
    pub(crate) fn or_given_back(self) -> Lost {
        if self.is_nothing() {
            Lost::Untold(u64::MAX)
        } else {
            Lost::Anything
        }
    }

    fn count(self) -> i64 {
        match self {
            Lost::AtMost(count) | Lost::Untold(count) => i64::try_from(count).unwrap_or(ANY),
            Lost::Anything => ANY,
        }
    }
}

/// So many that all of them are meant.
const ANY: i64 = i64::MAX;

impl Ledger {
    /// Takes back what is still to be taken back from stores whose life has ended, in slices.
    pub fn finish_fences(&mut self, act: &Act) -> Result<(), LedgerError> {
        let (op, thing) = ("take back", "what a store held");
        let mut is_more = self.read(op, thing, |tx| {
            let pending = tx.one("SELECT node FROM fence LIMIT 1", &[], |row| row.int(0))?;
            Ok(pending.is_some())
        })?;
        while is_more {
            is_more = self.write(op, thing, |writing| slice(writing, act))?;
        }
        Ok(())
    }
}

/// What a node held is to be taken back; `fact` is entered when that is done.
pub(crate) fn begin(
    tx: &Tx<'_>,
    node: i64,
    lost: Lost,
    fact: &Fact,
    act: &Act,
) -> Result<(), Cause> {
    tx.execute(
        "INSERT INTO fence (node, fact, counter, operator) VALUES ($1, $2, $3, $4)",
        &[
            node.into(),
            (&serde_json::to_string(fact)?).into(),
            (&act.counter).into(),
            act.operator.as_deref().into(),
        ],
    )?;
    for campaign in campaigns::every(tx)? {
        tx.execute(
            "INSERT INTO fence_campaign (node, campaign, issued, stays) VALUES ($1, $2, $3, $4)",
            &[
                node.into(),
                campaign.into(),
                lost.count().into(),
                lost.is_nothing().into(),
            ],
        )?;
    }
    tx.execute("DELETE FROM recall WHERE node = $1", &[node.into()])?;
    Ok(())
}

/// Whether what a node held is still being taken back.
pub(crate) fn is_pending(tx: &Tx<'_>, node: i64) -> Result<bool, Cause> {
    let pending = tx.one(
        "SELECT node FROM fence WHERE node = $1",
        &[node.into()],
        |row| row.int(0),
    )?;
    Ok(pending.is_some())
}

/// What of a campaign is still to be taken back from a node.
struct Part {
    node: i64,
    campaign: i64,
    grant_number: i64,
    issued: i64,
    stays: bool,
    code_after: i64,
}

/// Takes one slice back; whether there may be more.
pub(crate) fn slice(writing: &mut Writing<'_, '_>, act: &Act) -> Result<bool, Cause> {
    let tx = writing.tx;
    // One process at a time.
    tx.lock_rows("SELECT node FROM fence ORDER BY node", &[])?;
    let part = tx.one(
        "SELECT node, campaign, grant_number, issued, stays, code_after FROM fence_campaign \
         ORDER BY node, campaign LIMIT 1",
        &[],
        |row| {
            Ok(Part {
                node: row.int(0)?,
                campaign: row.int(1)?,
                grant_number: row.int(2)?,
                issued: row.int(3)?,
                stays: row.int(4)? != 0,
                code_after: row.int(5)?,
            })
        },
    )?;
    let Some(mut part) = part else {
        return end(writing, act);
    };
    let mut codes = part.next_of_pool(tx)?;
    if codes.is_empty() {
        codes = part.next_of_rest(tx)?;
        part.code_after = codes.last().map_or(part.code_after, |(code, _)| *code);
    }
    if codes.is_empty() {
        part.take_leases(tx)?;
        tx.execute(
            "DELETE FROM fence_campaign WHERE node = $1 AND campaign = $2",
            &[part.node.into(), part.campaign.into()],
        )?;
        return Ok(true);
    }
    part.number(tx)?;
    let suspects = part.take(tx, &codes)?;
    tx.execute(
        "UPDATE fence SET suspects = suspects + $1 WHERE node = $2",
        &[suspects.into(), part.node.into()],
    )?;
    tx.execute(
        "UPDATE fence_campaign SET grant_number = $1, issued = $2, code_after = $3 \
         WHERE node = $4 AND campaign = $5",
        &[
            part.grant_number.into(),
            part.issued.into(),
            part.code_after.into(),
            part.node.into(),
            part.campaign.into(),
        ],
    )?;
    Ok(true)
}

impl Part {
    /// Draws the number under which its codes come back, once.
    fn number(&mut self, tx: &Tx<'_>) -> Result<(), Cause> {
        if self.grant_number == 0 {
            self.grant_number = next_grant(tx, self.campaign)?;
        }
        Ok(())
    }

    /// Where some of those that the node had not given out may have been given out: the next of them,
    /// in the order of the pool.
    fn next_of_pool(&self, tx: &Tx<'_>) -> Result<Vec<(i64, CodeState)>, Cause> {
        if self.issued == 0 || self.issued == ANY {
            return Ok(Vec::new());
        }
        tx.all(
            "SELECT c.id, c.state FROM lease l JOIN pool_slot s ON s.campaign = l.campaign \
             AND s.ordinal >= l.next_ordinal AND s.ordinal < l.end_ordinal \
             JOIN code c ON c.id = s.code AND c.holder = l.holder \
             WHERE l.campaign = $1 AND l.holder = $2 AND c.state = $3 \
             ORDER BY s.ordinal LIMIT $4",
            &[
                self.campaign.into(),
                self.node.into(),
                state_number(CodeState::Available).into(),
                self.issued.min(SLICE).into(),
            ],
            |row| Ok((row.int(0)?, state_of(row.int(1)?)?)),
        )
    }

    /// The next of all that it holds.
    fn next_of_rest(&self, tx: &Tx<'_>) -> Result<Vec<(i64, CodeState)>, Cause> {
        tx.all(
            "SELECT c.id, c.state FROM code c JOIN batch b ON b.id = c.batch \
             WHERE c.holder = $1 AND c.holder <> 1 AND c.campaign = $2 AND c.id > $3 \
             AND b.is_published = 1 ORDER BY c.id LIMIT $4",
            &[
                self.node.into(),
                self.campaign.into(),
                self.code_after.into(),
                SLICE.into(),
            ],
            |row| Ok((row.int(0)?, state_of(row.int(1)?)?)),
        )
    }

    /// Takes these codes; how many of them became suspect.
    fn take(&mut self, tx: &Tx<'_>, codes: &[(i64, CodeState)]) -> Result<i64, Cause> {
        let (mut from_pool, mut from_assigned, mut back) = (0_i64, 0_i64, 0_i64);
        for (code, state) in codes {
            let becomes = match state {
                CodeState::Available if self.issued > 0 => {
                    self.issued -= i64::from(self.issued != ANY);
                    from_pool += 1;
                    CodeState::Suspect
                }
                CodeState::Available => {
                    back += 1;
                    *state
                }
                CodeState::Assigned if !self.stays => {
                    from_assigned += 1;
                    CodeState::Suspect
                }
                CodeState::Assigned
                | CodeState::Redeemed
                | CodeState::Void
                | CodeState::Suspect
                | CodeState::Test => *state,
            };
            let stays = *state == CodeState::Assigned && self.stays;
            tx.guarded(
                "UPDATE code SET state = $1, holder = $2, grant_number = $3 \
                 WHERE id = $4 AND holder = $5 AND state = $6",
                &[
                    state_number(becomes).into(),
                    if stays { self.node } else { OWN_NODE }.into(),
                    self.grant_number.into(),
                    (*code).into(),
                    self.node.into(),
                    state_number(*state).into(),
                ],
                "a code that is being taken back was just changed",
            )?;
            feed::touch(tx, FeedKind::Code, *code, EVERYBODY)?;
        }
        let suspects = from_pool + from_assigned;
        add_codes(tx, self.campaign, [-from_pool, -from_assigned, suspects, 0])?;
        move_leased(tx, self.campaign, -(from_pool + back))?;
        Ok(suspects)
    }

    /// All codes are back: the ranges they are in may be given out from again.
    fn take_leases(&mut self, tx: &Tx<'_>) -> Result<(), Cause> {
        let leases = tx.all(
            "SELECT id FROM lease WHERE campaign = $1 AND holder = $2 ORDER BY id",
            &[self.campaign.into(), self.node.into()],
            |row| row.int(0),
        )?;
        for lease in leases {
            self.number(tx)?;
            tx.execute(
                "UPDATE lease SET holder = $1, grant_number = $2 WHERE id = $3",
                &[OWN_NODE.into(), self.grant_number.into(), lease.into()],
            )?;
            feed::touch(tx, FeedKind::Lease, lease, self.node)?;
        }
        Ok(())
    }
}

/// Enters what was done, in the name of who ordered it; whether there was anything.
fn end(writing: &mut Writing<'_, '_>, act: &Act) -> Result<bool, Cause> {
    let done = writing.tx.one(
        "SELECT node, fact, counter, operator, suspects FROM fence ORDER BY node LIMIT 1",
        &[],
        |row| {
            Ok((
                row.int(0)?,
                row.text(1)?,
                row.text(2)?,
                row.maybe_text(3)?,
                row.int(4)?,
            ))
        },
    )?;
    let Some((node, fact, counter, operator, count)) = done else {
        return Ok(false);
    };
    let mut fact: Fact = serde_json::from_str(&fact)?;
    if let Fact::StoreStanding { suspects, .. } | Fact::StoreReborn { suspects, .. } = &mut fact {
        *suspects = count.unsigned_abs();
    }
    writing.append(
        fact,
        &Setting {
            counter: &counter,
            operator: operator.as_deref(),
            ..setting_of(act)
        },
    )?;
    writing
        .tx
        .execute("DELETE FROM fence WHERE node = $1", &[node.into()])?;
    Ok(true)
}
