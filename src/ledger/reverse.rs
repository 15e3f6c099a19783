//! Undoing a redemption, by a new entry; a redemption has at most one reversal.

use std::collections::BTreeMap;

use crate::domain::campaign::Rules;
use crate::domain::entry::{Body, Fact, Side, instant};
use crate::domain::ids::{EntryId, Key};
use crate::domain::local_time::day_number;
use crate::domain::reading::kept_form;
use crate::domain::reversal::{Made, Reversal, ReversalWord, UndoChoice, may_undo_alone};
use crate::domain::verdict::{Approval, CodeState};
use crate::ledger::agreed::{agree, zone_of_node};
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{
    CodeRow, Redemption, by_id, look_up, newest_redemption, redemption, standing_count,
    state_number,
};
use crate::ledger::customer_day::CustomerDay;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, has_stores, touch};
use crate::ledger::tally::{count_hour, move_tally};
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, attempts, campaigns, customers, setting_of,
};

/// Which redemption is to be undone.
#[derive(Debug, Clone, Copy)]
pub enum Undo<'a> {
    /// The newest one of the code that was scanned or typed.
    Code {
        /// The bytes as they came.
        raw: &'a [u8],
        /// Hosts whose web links may hold our codes.
        allowed_hosts: &'a [String],
    },
    /// This one.
    Redemption(&'a EntryId),
}

/// A request to undo a redemption.
#[derive(Debug, Clone, Copy)]
pub struct UndoRequest<'a> {
    /// Which.
    pub undo: Undo<'a>,
    /// Why.
    pub reason: &'a str,
    /// The caller's own key.
    pub key: Option<&'a Key>,
    /// The key to use where the caller has none.
    pub minted: &'a Key,
    /// A manager's approval.
    pub approval: Option<&'a Approval>,
}

impl Ledger {
    /// Undoes a redemption. What it answers is committed.
    pub fn reverse(
        &mut self,
        request: &UndoRequest<'_>,
        act: &Act,
    ) -> Result<Reversal, LedgerError> {
        self.write("reverse", "a redemption", |writing| {
            reverse(writing, request, act)
        })
    }

    /// The newest redemptions that stand, of this counter, newest first.
    pub fn undo_choices(&mut self, most: usize, act: &Act) -> Result<Vec<UndoChoice>, LedgerError> {
        self.read("list", "redemptions", |tx| choices(tx, most, act))
    }
}

fn reverse(
    writing: &mut Writing<'_, '_>,
    request: &UndoRequest<'_>,
    act: &Act,
) -> Result<Reversal, Cause> {
    let key = request.key.unwrap_or(request.minted);
    let (row, redemption) = target(writing, request.undo)?;
    let answer = |word, at| Reversal {
        word,
        code: row.as_ref().map(|row| row.as_stored().to_owned()),
        redemption_id: redemption.as_ref().map(|made| made.id.to_string()),
        key: key.to_string(),
        at,
        is_void: row.as_ref().is_some_and(|row| row.state == CodeState::Void),
    };
    if let Some((is_same, entry)) = bound(writing.tx, act, key, row.as_ref())? {
        if !is_same {
            note(
                writing,
                act,
                request,
                row.as_ref(),
                ReversalWord::KeyConflict,
            )?;
            return Ok(answer(ReversalWord::KeyConflict, act.now));
        }
        let (at, undone) = reversal_told(writing, entry)?;
        return Ok(Reversal {
            redemption_id: Some(undone),
            ..answer(ReversalWord::Replayed, at)
        });
    }
    let refused = match (&row, &redemption) {
        (Some(_), Some(made)) => refusal(made, request, act),
        _ => Some(ReversalWord::NothingToReverse),
    };
    if let (None, Some(row), Some(made)) = (refused, &row, &redemption)
        && undo(writing, act, request, key, row, made)?
    {
        return Ok(answer(ReversalWord::Reversed, act.now));
    }
    let word = refused.unwrap_or(ReversalWord::NothingToReverse);
    note(writing, act, request, row.as_ref(), word)?;
    Ok(answer(word, act.now))
}

fn refusal(made: &Redemption, request: &UndoRequest<'_>, act: &Act) -> Option<ReversalWord> {
    // A counter and a cashier of the same name at another store are others.
    let is_own = !made.is_foreign()
        && may_undo_alone(
            made_by(&made.body),
            &act.counter,
            act.operator.as_deref(),
            act.now.as_millisecond(),
        );
    let may = request.approval.is_some() || is_own;
    (!may).then_some(ReversalWord::NeedsApproval)
}

fn made_by(body: &Body) -> Made<'_> {
    Made {
        at_ms: body.at_ms,
        counter: &body.counter,
        operator: body.operator.as_deref(),
    }
}

/// The code and its redemption that is to be undone, where it stands.
fn target(
    writing: &Writing<'_, '_>,
    undo: Undo<'_>,
) -> Result<(Option<CodeRow>, Option<Redemption>), Cause> {
    let (tx, head) = (writing.tx, &writing.head);
    match undo {
        Undo::Code { raw, allowed_hosts } => {
            let (row, _) = look_up(tx, raw, allowed_hosts)?;
            let newest = match &row {
                Some(row) => newest_redemption(tx, head, row)?,
                None => None,
            };
            Ok((row, newest))
        }
        Undo::Redemption(id) => {
            let found = tx.one(
                "SELECT e.id, e.code, r.entry FROM entry e \
                 LEFT JOIN reversal r ON r.redemption = e.id \
                 JOIN node n ON n.id = e.node \
                 WHERE n.name = $1 AND e.incarnation = $2 AND e.seq = $3 AND e.kind = 'redeemed'",
                &[
                    (&id.node).into(),
                    id.incarnation.into(),
                    id.seq.cast_signed().into(),
                ],
                |row| Ok((row.int(0)?, row.int(1)?, row.maybe_int(2)?)),
            )?;
            let Some((entry, code, reversal)) = found else {
                return Ok((None, None));
            };
            let made = match reversal {
                None => Some(redemption(tx, head, entry)?),
                Some(_) => None,
            };
            Ok((by_id(tx, code)?, made))
        }
    }
}

/// Whether the key is bound, to this very reversal or to something else, and its entry.
fn bound(
    tx: &Tx<'_>,
    act: &Act,
    key: &Key,
    row: Option<&CodeRow>,
) -> Result<Option<(bool, i64)>, Cause> {
    tx.one(
        "SELECT verb, subject, entry FROM act_key WHERE caller = $1 AND key = $2",
        &[(&act.counter).into(), key.as_str().into()],
        |found| {
            let is_same =
                found.text(0)? == "reverse" && row.map(|row| row.id) == Some(found.int(1)?);
            Ok((is_same, found.int(2)?))
        },
    )
}

/// When a reversal was made, and of which redemption.
fn reversal_told(
    writing: &Writing<'_, '_>,
    entry: i64,
) -> Result<(jiff::Timestamp, String), Cause> {
    let told = redemption(writing.tx, &writing.head, entry)?;
    let Fact::Reversed { redemption, .. } = told.body.fact else {
        return Err(Cause::Damaged(format!("entry {entry} is no reversal")));
    };
    Ok((instant(told.body.at_ms), redemption))
}

/// Writes the reversal; false where somebody was faster.
fn undo(
    writing: &mut Writing<'_, '_>,
    act: &Act,
    request: &UndoRequest<'_>,
    key: &Key,
    row: &CodeRow,
    made: &Redemption,
) -> Result<bool, Cause> {
    let campaign = campaigns::load(writing.tx, row.campaign)?;
    let standing = standing_count(writing.tx, row)?;
    // One in excess takes the place of the one that is undone.
    let is_excess = standing > campaign.rules.uses;
    let uses_made = if is_excess {
        row.uses_made
    } else {
        row.uses_made.saturating_sub(1)
    };
    let state_after = if row.state == CodeState::Redeemed && !is_excess {
        CodeState::Assigned
    } else {
        row.state
    };
    let entry = writing.append(
        Fact::Reversed {
            redemption: made.id.to_string(),
            uses_made,
            approved_by: request.approval.and_then(|approval| approval.by.clone()),
        },
        &Setting {
            campaign: Some((row.campaign, &campaign.id, campaign.revision)),
            code: Some((row.id, &row.folded, row.newest_entry)),
            customer: made.body.customer.as_deref(),
            key: Some(key.as_str()),
            side: Side {
                reason: Some(request.reason.to_owned()),
                ..Side::default()
            },
            ..setting_of(act)
        },
    )?;
    let slot = writing.tx.execute(
        "INSERT INTO reversal (redemption, entry) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[made.entry.into(), entry.local.into()],
    )?;
    let changed = writing.tx.execute(
        "UPDATE code SET uses_made = $1, state = $2, newest_entry = $3 \
         WHERE id = $4 AND uses_made = $5 AND state = $6 AND coalesce(newest_entry, 0) = $7",
        &[
            uses_made.into(),
            state_number(state_after).into(),
            entry.local.into(),
            row.id.into(),
            row.uses_made.into(),
            state_number(row.state).into(),
            row.newest_entry.unwrap_or(0).into(),
        ],
    )?;
    if slot != 1 || changed != 1 {
        return Err(Cause::Changed(
            "this redemption was just undone elsewhere".into(),
        ));
    }
    let at_ms = act.now.as_millisecond();
    writing.tx.execute(
        "INSERT INTO act_key (caller, key, verb, subject, entry) \
         VALUES ($1, $2, 'reverse', $3, $4)",
        &[
            (&act.counter).into(),
            key.as_str().into(),
            row.id.into(),
            entry.local.into(),
        ],
    )?;
    writing
        .tx
        .execute("DELETE FROM unshown WHERE entry = $1", &[made.entry.into()])?;
    let uses_change = i64::from(uses_made) - i64::from(row.uses_made);
    move_tally(
        writing.tx,
        row.campaign,
        row.state,
        state_after,
        uses_change,
    )?;
    count_hour(writing.tx, row.campaign, "reversed", at_ms, entry.local)?;
    give_back_day(writing, row, made)?;
    if has_stores(writing.tx)? {
        // What was in excess, or could not be right, may be so no more.
        let code = BTreeMap::from([(row.id, None)]);
        agree(writing.tx, &writing.head, &code, at_ms)?;
    }
    touch(writing.tx, FeedKind::Code, row.id, EVERYBODY)?;
    Ok(true)
}

/// What was counted against the customer's daily limit is given back to the day it was made.
fn give_back_day(writing: &Writing<'_, '_>, row: &CodeRow, made: &Redemption) -> Result<(), Cause> {
    let Some(public_id) = &made.body.customer else {
        return Ok(());
    };
    let Some((customer, _)) = customers::by_public_id(writing.tx, public_id)? else {
        return Ok(());
    };
    let day = CustomerDay {
        campaign: row.campaign,
        customer,
        day: day_number(
            instant(made.body.at_ms),
            &zone_of_node(writing.tx, &writing.head, made.node)?,
        ),
    };
    day.give_one_back(writing.tx)
}

fn note(
    writing: &Writing<'_, '_>,
    act: &Act,
    request: &UndoRequest<'_>,
    row: Option<&CodeRow>,
    word: ReversalWord,
) -> Result<(), Cause> {
    attempts::note(
        writing,
        act,
        &attempts::Attempt {
            kind: "reverse",
            answer: word.as_str(),
            code: row.map(|row| row.id),
            campaign: row.map(|row| row.campaign),
            customer: row.and_then(|row| row.customer),
            key: request.key.map(Key::as_str),
            raw: match request.undo {
                Undo::Code { raw, .. } => Some(kept_form(raw)),
                Undo::Redemption(id) => Some(id.to_string()),
            },
            reason: Some(request.reason.to_owned()),
            ..attempts::Attempt::default()
        },
    )
}

fn choices(tx: &Tx<'_>, most: usize, act: &Act) -> Result<Vec<UndoChoice>, Cause> {
    // A counter's newest redemptions stand near the end of the ledger; older ones are for Find.
    const LOOKED_AT: i64 = 2_000;
    let mut choices = Vec::new();
    tx.each(
        "SELECT n.name, e.incarnation, e.seq, e.body, coalesce(c.shown, c.folded), m.rules \
         FROM entry e JOIN node n ON n.id = e.node JOIN code c ON c.id = e.code \
         JOIN campaign m ON m.id = e.campaign LEFT JOIN reversal r ON r.redemption = e.id \
         WHERE e.id > (SELECT coalesce(max(id), 0) FROM entry) - $1 AND e.kind = 'redeemed' \
         AND e.node = $2 AND r.entry IS NULL ORDER BY e.id DESC",
        &[LOOKED_AT.into(), OWN_NODE.into()],
        |row| {
            let body: Body = serde_json::from_str(&row.text(3)?)?;
            if choices.len() >= most || body.counter != act.counter {
                return Ok(());
            }
            let id = EntryId {
                node: row.text(0)?,
                incarnation: row.count(1)?,
                seq: row.int(2)?.unsigned_abs(),
            };
            let rules: Rules = serde_json::from_str(&row.text(5)?)?;
            let (counter, operator) = (&act.counter, act.operator.as_deref());
            choices.push(UndoChoice {
                redemption_id: id.to_string(),
                at: instant(body.at_ms),
                code: row.text(4)?,
                offer: rules.offer,
                needs_approval: !may_undo_alone(
                    made_by(&body),
                    counter,
                    operator,
                    act.now.as_millisecond(),
                ),
                operator: body.operator,
            });
            Ok(())
        },
    )?;
    Ok(choices)
}
