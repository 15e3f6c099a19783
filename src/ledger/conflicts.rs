//! Conflicts as they are kept: one per excess entry and kind, raised and closed by what the entries
//! add up to, settled by a person.
//!
//! At a store the rows are those that its hub told it of; they are settled at the hub.

use crate::domain::agreement::Excess;
use crate::domain::conflict::{Conflict, ConflictKind, ConflictStory, Decision, Settled};
use crate::domain::entry::{Fact, Side, instant};
use crate::domain::ids::EntryId;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::chain::{Head, OWN_NODE};
use crate::ledger::codes::{by_id, redemption};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::feed::{FeedKind, touch};
use crate::ledger::log::end_life;
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, anonymous, link, nodes, setting_of,
};

/// What an excess that an undoing took away is closed with.
const GONE: &str = "what was in excess was undone";

const COLUMNS: &str = "f.id, f.kind, f.entry, coalesce(c.shown, c.folded), m.name, f.told, \
    f.raised_at_ms, f.is_open, f.decision, f.reason, f.settled_by, f.settled_at_ms \
    FROM conflict f LEFT JOIN code c ON c.id = f.code LEFT JOIN campaign m ON m.id = f.campaign";

impl Ledger {
    /// The conflicts, oldest first: the open ones, or all.
    pub fn conflicts(&mut self, open_only: bool) -> Result<Vec<Conflict>, LedgerError> {
        self.read("list", "conflicts", |tx| {
            let which = if open_only { "WHERE f.is_open = 1" } else { "" };
            tx.all(
                &format!("SELECT {COLUMNS} {which} ORDER BY f.id"),
                &[],
                conflict,
            )
        })
    }

    /// One conflict by its number.
    pub fn conflict(&mut self, number: i64) -> Result<Result<Conflict, Refusal>, LedgerError> {
        self.read("read", "a conflict", |tx| {
            Ok(find(tx, number)?.ok_or(Refusal::NoSuchConflict(number)))
        })
    }

    /// Settles a conflict, by an entry. At a store it is refused: the hub keeps them.
    pub fn settle_conflict(
        &mut self,
        number: i64,
        decision: Decision,
        reason: &str,
        act: &Act,
    ) -> Result<Result<Conflict, Refusal>, LedgerError> {
        self.write("settle", "a conflict", |writing| {
            settle(writing, number, decision, reason, act)
        })
    }
}

/// Every conflict, open or settled, oldest first.
pub(crate) fn every(tx: &Tx<'_>) -> Result<Vec<Conflict>, Cause> {
    tx.all(&format!("SELECT {COLUMNS} ORDER BY f.id"), &[], conflict)
}

fn find(tx: &Tx<'_>, number: i64) -> Result<Option<Conflict>, Cause> {
    tx.one(
        &format!("SELECT {COLUMNS} WHERE f.id = $1"),
        &[number.into()],
        conflict,
    )
}

fn conflict(row: &Row<'_>) -> Result<Conflict, Cause> {
    let kind = row.text(1)?;
    let is_open = row.int(7)? != 0;
    let decision = row.maybe_text(8)?;
    let settled = Settled {
        decision: decision.as_deref().and_then(|text| text.parse().ok()),
        reason: row.maybe_text(9)?.unwrap_or_default(),
        by: row.maybe_text(10)?,
        at: instant(row.maybe_int(11)?.unwrap_or(0)),
    };
    Ok(Conflict {
        number: row.int(0)?,
        kind: kind
            .parse()
            .ok()
            .ok_or_else(|| Cause::Damaged(format!("a conflict of kind {kind}")))?,
        entry: row.text(2)?,
        code: row.maybe_text(3)?,
        campaign: row.maybe_text(4)?,
        stories: serde_json::from_str(&row.text(5)?)?,
        raised_at: instant(row.int(6)?),
        settled: (!is_open).then_some(settled),
    })
}

/// What is to be raised.
#[derive(Debug, Clone)]
pub(crate) struct Raising {
    pub(crate) kind: ConflictKind,
    /// The excess entry, by its local number.
    pub(crate) entry: i64,
    pub(crate) code: Option<i64>,
    pub(crate) campaign: Option<i64>,
    /// The entries that count beside it, by their local numbers.
    pub(crate) counted: Vec<i64>,
}

/// Raises a conflict, or tells an open one anew: others may count beside it now. One that an undoing
/// had closed is open again; one that a person has settled stays settled.
pub(crate) fn raise(tx: &Tx<'_>, head: &Head, raising: &Raising, now_ms: i64) -> Result<(), Cause> {
    let mut stories = Vec::new();
    for entry in raising.counted.iter().chain([&raising.entry]) {
        stories.push(story(tx, head, *entry)?);
    }
    let Some(name) = stories.last().map(|story| story.entry.clone()) else {
        return Ok(());
    };
    let told = serde_json::to_string(&stories)?;
    let raised = tx.one(
        "INSERT INTO conflict (kind, entry, code, campaign, told, raised_at_ms, is_open) \
         VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT (entry, kind) DO NOTHING RETURNING id",
        &[
            raising.kind.as_str().into(),
            (&name).into(),
            raising.code.into(),
            raising.campaign.into(),
            (&told).into(),
            now_ms.into(),
        ],
        |row| row.int(0),
    )?;
    let number = match raised {
        Some(number) => {
            tx.execute(
                "INSERT INTO outcome (entry, word, kind, conflict) VALUES ($1, 'conflict', $2, $3) \
                 ON CONFLICT DO NOTHING",
                &[
                    raising.entry.into(),
                    raising.kind.as_str().into(),
                    number.into(),
                ],
            )?;
            Some(number)
        }
        None => tx.one(
            "UPDATE conflict SET told = $1, is_open = 1, reason = NULL, settled_at_ms = NULL \
             WHERE entry = $2 AND kind = $3 AND decision IS NULL \
             AND (told <> $1 OR is_open = 0) RETURNING id",
            &[(&told).into(), (&name).into(), raising.kind.as_str().into()],
            |row| row.int(0),
        )?,
    };
    match number {
        Some(number) => tell(tx, number, &stories),
        None => Ok(()),
    }
}

/// Closes a conflict whose excess is gone.
pub(crate) fn close(tx: &Tx<'_>, number: i64, now_ms: i64) -> Result<(), Cause> {
    let told = tx.one(
        "UPDATE conflict SET is_open = 0, reason = $1, settled_at_ms = $2 \
         WHERE id = $3 AND is_open = 1 RETURNING told",
        &[GONE.into(), now_ms.into(), number.into()],
        |row| row.text(0),
    )?;
    match told {
        Some(told) => tell(
            tx,
            number,
            &serde_json::from_str::<Vec<ConflictStory>>(&told)?,
        ),
        None => Ok(()),
    }
}

/// Closes what was raised of one entry for itself, by the entry's name for ever, now that it is undone.
pub(crate) fn close_of(
    tx: &Tx<'_>,
    entry: &str,
    kind: ConflictKind,
    now_ms: i64,
) -> Result<(), Cause> {
    let raised = tx.one(
        "SELECT id FROM conflict WHERE entry = $1 AND kind = $2",
        &[entry.into(), kind.as_str().into()],
        |row| row.int(0),
    )?;
    match raised {
        Some(number) => close(tx, number, now_ms),
        None => Ok(()),
    }
}

/// Tells the nodes whose entries a conflict names.
fn tell(tx: &Tx<'_>, number: i64, stories: &[ConflictStory]) -> Result<(), Cause> {
    let mut told = Vec::new();
    for story in stories {
        let Ok(id) = story.entry.parse::<EntryId>() else {
            continue;
        };
        if let Some(node) = nodes::find(tx, &id.node)?
            && node != OWN_NODE
            && !told.contains(&node)
        {
            told.push(node);
            touch(tx, FeedKind::Conflict, number, node)?;
        }
    }
    Ok(())
}

/// Whether a use was given out as certain.
fn certainty_of(fact: &Fact) -> Option<String> {
    let Fact::Redeemed { certainty, .. } = fact else {
        return None;
    };
    Some(certainty.clone())
}

/// One entry as it is told.
fn story(tx: &Tx<'_>, head: &Head, entry: i64) -> Result<ConflictStory, Cause> {
    let told = redemption(tx, head, entry)?;
    let shown = tx.one(
        "SELECT coalesce(c.shown, c.folded) FROM entry e JOIN code c ON c.id = e.code \
         WHERE e.id = $1",
        &[entry.into()],
        |row| row.text(0),
    )?;
    Ok(ConflictStory {
        entry: told.id.to_string(),
        kind: told.body.fact.kind().to_owned(),
        at_ms: told.body.at_ms,
        store: told.store_or(&head.store).to_owned(),
        certainty: certainty_of(&told.body.fact),
        code: shown.or(told.body.code),
        counter: told.body.counter,
        operator: told.body.operator,
        customer: told.body.customer,
    })
}

/// A conflict that is kept of a code.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) number: i64,
    pub(crate) kind: ConflictKind,
    /// The excess entry, by its name for ever.
    pub(crate) entry: String,
    pub(crate) code: i64,
    pub(crate) is_open: bool,
}

/// The conflicts that are kept of codes.
pub(crate) fn of_codes(tx: &Tx<'_>, codes: &[i64]) -> Result<Vec<Kept>, Cause> {
    crate::ledger::bulk::find(
        tx,
        "SELECT id, kind, entry, code, is_open FROM conflict WHERE code",
        &[],
        codes,
        "",
        |row| {
            let kind = row.text(1)?;
            Ok(Kept {
                number: row.int(0)?,
                kind: kind
                    .parse()
                    .ok()
                    .ok_or_else(|| Cause::Damaged(format!("a conflict of kind {kind}")))?,
                entry: row.text(2)?,
                code: row.int(3)?,
                is_open: row.int(4)? != 0,
            })
        },
    )
}

/// Kinds that are raised and closed by what a code's entries add up to.
pub(crate) fn is_summed(kind: ConflictKind) -> bool {
    match kind {
        ConflictKind::DoubleRedeemed
        | ConflictKind::DoubleAssigned
        | ConflictKind::RedeemedAfterVoid
        | ConflictKind::RedeemedOutsideWindow => true,
        ConflictKind::NotFound
        | ConflictKind::SecondCode
        | ConflictKind::LeaseBreach
        | ConflictKind::SameKeyOtherContent => false,
    }
}

/// What is to be raised of an excess, where `numbers` are the local numbers of the entries given.
pub(crate) fn raising(
    excess: &Excess,
    numbers: &[i64],
    code: i64,
    campaign: i64,
) -> Option<Raising> {
    Some(Raising {
        kind: excess.kind,
        entry: *numbers.get(excess.entry)?,
        code: Some(code),
        campaign: Some(campaign),
        counted: excess
            .counted
            .iter()
            .filter_map(|place| numbers.get(*place).copied())
            .collect(),
    })
}

fn settle(
    writing: &mut Writing<'_, '_>,
    number: i64,
    decision: Decision,
    reason: &str,
    act: &Act,
) -> Result<Result<Conflict, Refusal>, Cause> {
    if link::load(writing.tx)?.is_some() {
        return Ok(Err(Refusal::SettledAtHub));
    }
    let Some(conflict) = find(writing.tx, number)? else {
        return Ok(Err(Refusal::NoSuchConflict(number)));
    };
    if conflict.settled.is_some() {
        return Ok(Err(Refusal::ConflictSettled(number)));
    }
    if decision == Decision::VoidOther
        && let Err(refusal) = void_other(writing, &conflict, reason, act)?
    {
        return Ok(Err(refusal));
    }
    let changed = writing.tx.execute(
        "UPDATE conflict SET is_open = 0, decision = $1, reason = $2, settled_by = $3, \
         settled_at_ms = $4 WHERE id = $5 AND decision IS NULL",
        &[
            decision.as_str().into(),
            reason.into(),
            act.operator.as_ref().into(),
            act.now.as_millisecond().into(),
            number.into(),
        ],
    )?;
    if changed != 1 {
        return Err(Cause::Changed("this conflict was just settled".into()));
    }
    writing.append(
        Fact::ConflictSettled {
            number,
            entry: conflict.entry.clone(),
            decision: decision.as_str().to_owned(),
        },
        &Setting {
            side: Side {
                reason: Some(reason.to_owned()),
                ..Side::default()
            },
            ..setting_of(act)
        },
    )?;
    tell(writing.tx, number, &conflict.stories)?;
    Ok(find(writing.tx, number)?.ok_or(Refusal::NoSuchConflict(number)))
}

/// Ends the life of the code that came second; of one that two people were given, of that one.
fn void_other(
    writing: &mut Writing<'_, '_>,
    conflict: &Conflict,
    reason: &str,
    act: &Act,
) -> Result<Result<(), Refusal>, Cause> {
    let is_of_two = matches!(
        conflict.kind,
        ConflictKind::SecondCode | ConflictKind::DoubleAssigned
    );
    let code = writing
        .tx
        .one(
            "SELECT code FROM conflict WHERE id = $1",
            &[conflict.number.into()],
            |row| row.maybe_int(0),
        )?
        .flatten();
    let (true, Some(code)) = (is_of_two, code) else {
        return Ok(Err(Refusal::NoOtherCode(conflict.number)));
    };
    let row = by_id(writing.tx, code)?
        .ok_or_else(|| Cause::Damaged(format!("code {code} is missing")))?;
    if row.state == CodeState::Void {
        return Ok(Ok(()));
    }
    if row.state == CodeState::Redeemed {
        return Ok(Err(Refusal::State(row.state)));
    }
    anonymous::give_back(writing, &row)?;
    end_life(writing, &row, reason, act.operator.as_deref(), act)?;
    Ok(Ok(()))
}
