//! Undoing a redemption, by a new entry; a redemption has at most one reversal.

use std::collections::BTreeMap;

use crate::domain::campaign::Rules;
use crate::domain::entry::{Body, Fact, Side, instant};
use crate::domain::ids::{EntryId, Key};
use crate::domain::local_time::day_number;
use crate::domain::reading::{Otherwise, kept_form};
use crate::domain::reversal::{Made, Reversal, ReversalWord, UndoChoice, may_undo_alone};
use crate::domain::verdict::{Approval, CodeState, Pending};
use crate::domain::wire::{Question, Standing, Verb};
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
use crate::ledger::link::Rights;
use crate::ledger::pending::About;
use crate::ledger::redeem::{Asker, Reach, meant, redemption_name};
use crate::ledger::tally::{count_hour, move_tally};
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, attempts, campaigns, customers, nodes, pending,
    setting_of,
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

/// What became of a request to undo a redemption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// It was answered; what the answer says is committed.
    Answered(Reversal),
    /// The hub is to be asked this, and nothing may be said before. It is kept as pending.
    Ask(Box<Question>),
}

impl Ledger {
    /// Undoes a redemption. What it answers is committed. The hub is not asked: what only it can undo
    /// is refused.
    pub fn reverse(
        &mut self,
        request: &UndoRequest<'_>,
        act: &Act,
    ) -> Result<Reversal, LedgerError> {
        match self.undo(request, None, Reach::Shut, act)? {
            Undone::Answered(reversal) => Ok(reversal),
            Undone::Ask(_) => Err(never_asked()),
        }
    }

    /// The same where the hub is in reach: what only it can undo is kept as pending, and the hub is to
    /// be asked. What it answers goes to [`Ledger::witness_reversal`], and the redemption that it names
    /// to [`Ledger::reverse_newest_or_ask`]; where it certainly was not sent, [`Ledger::not_asked`]; where no answer came, [`Ledger::unanswered_reversal`].
    pub fn reverse_or_ask(
        &mut self,
        request: &UndoRequest<'_>,
        act: &Act,
    ) -> Result<Undone, LedgerError> {
        self.undo(request, None, Reach::Open, act)
    }

    /// The same once the hub has named the newest redemption of the code: it is asked about that one,
    /// so that the question can be asked again, however late, and undoes no other.
    pub fn reverse_newest_or_ask(
        &mut self,
        request: &UndoRequest<'_>,
        newest: &EntryId,
        act: &Act,
    ) -> Result<Undone, LedgerError> {
        self.undo(request, Some(newest), Reach::Open, act)
    }

    /// What is said where the hub was asked to undo a redemption and has not answered.
    pub fn unanswered_reversal(
        &mut self,
        request: &UndoRequest<'_>,
        act: &Act,
    ) -> Result<Reversal, LedgerError> {
        match self.undo(request, None, Reach::NoAnswer, act)? {
            Undone::Answered(reversal) => Ok(reversal),
            Undone::Ask(_) => Err(never_asked()),
        }
    }

    fn undo(
        &mut self,
        request: &UndoRequest<'_>,
        newest: Option<&EntryId>,
        reach: Reach,
        act: &Act,
    ) -> Result<Undone, LedgerError> {
        let asker = Asker { reach, store: None };
        self.write("reverse", "a redemption", |writing| {
            reverse(writing, request, newest, act, asker)
        })
    }

    /// The newest redemptions that stand, of this counter, newest first.
    pub fn undo_choices(&mut self, most: usize, act: &Act) -> Result<Vec<UndoChoice>, LedgerError> {
        self.read("list", "redemptions", |tx| choices(tx, most, act))
    }
}

fn never_asked() -> LedgerError {
    LedgerError {
        op: "reverse",
        thing: "a redemption".into(),
        cause: Cause::Damaged("the hub was to be asked where it cannot be".into()),
    }
}

pub(crate) fn reverse(
    writing: &mut Writing<'_, '_>,
    request: &UndoRequest<'_>,
    newest: Option<&EntryId>,
    act: &Act,
    asker: Asker<'_>,
) -> Result<Undone, Cause> {
    let case = Case::gather(writing, request, act, asker)?;
    let word = match case.told_by_key(writing)? {
        Some(KeyTells::Replayed(reversal)) => return Ok(Undone::Answered(reversal)),
        Some(KeyTells::Conflict) => ReversalWord::KeyConflict,
        None if case.is_elsewhere(&writing.head.node) => match case.elsewhere(asker.reach) {
            Some(word) => word,
            None => return case.question(writing, newest),
        },
        None => case.undo(writing)?,
    };
    if word != ReversalWord::Reversed {
        note(writing, act, request, case.target.row.as_ref(), word)?;
    }
    Ok(Undone::Answered(case.answer(word, act.now)))
}

/// What is to be undone.
struct Target {
    row: Option<CodeRow>,
    /// The redemption, where it stands.
    made: Option<Redemption>,
    /// What was named instead, where the code is not known here.
    unknown: Option<String>,
}

impl Target {
    /// Under what a question about it is kept: the code, else what was named.
    fn name(&self) -> Option<&str> {
        let known = self.row.as_ref().map(|row| row.folded.as_str());
        known.or(self.unknown.as_deref())
    }
}

/// What a key says that is bound already.
enum KeyTells {
    /// It was undone by this same request.
    Replayed(Reversal),
    /// It belongs to something else.
    Conflict,
}

/// A request to undo a redemption, with everything the ledger knows of it.
struct Case<'r> {
    request: &'r UndoRequest<'r>,
    act: &'r Act,
    rights: Option<Rights>,
    target: Target,
    about: About,
    caller: String,
    key: Key,
}

impl<'r> Case<'r> {
    fn gather(
        writing: &Writing<'_, '_>,
        request: &'r UndoRequest<'r>,
        act: &'r Act,
        asker: Asker<'_>,
    ) -> Result<Case<'r>, Cause> {
        let rights = match asker.store {
            None => Rights::load(writing.tx)?,
            Some(_) => None,
        };
        let target = target(writing, request.undo)?;
        let about = match (rights, target.name()) {
            (Some(_), Some(name)) => {
                pending::about(writing.tx, "reverse", name, request.key, &act.counter)?
            }
            _ => About::default(),
        };
        let (caller, key) = pending::caller_and_key(about.same.as_ref(), act, || {
            Ok(request.key.unwrap_or(request.minted).clone())
        })?;
        Ok(Case {
            request,
            act,
            rights,
            target,
            about,
            caller,
            key,
        })
    }

    fn answer(&self, word: ReversalWord, at: jiff::Timestamp) -> Reversal {
        let row = self.target.row.as_ref();
        Reversal {
            word,
            code: row.map(|row| row.as_stored().to_owned()),
            redemption_id: self.target.made.as_ref().map(|made| made.id.to_string()),
            key: self.key.to_string(),
            at,
            is_void: row.is_some_and(|row| row.state == CodeState::Void),
        }
    }

    fn told_by_key(&self, writing: &Writing<'_, '_>) -> Result<Option<KeyTells>, Cause> {
        let bound = bound(
            writing.tx,
            &self.caller,
            &self.key,
            self.target.row.as_ref(),
        )?;
        Ok(match bound {
            Some((true, entry)) if !self.about.is_key_of_other_code => {
                let (at, undone) = reversal_told(writing, entry)?;
                Some(KeyTells::Replayed(Reversal {
                    redemption_id: undone,
                    ..self.answer(ReversalWord::Replayed, at)
                }))
            }
            Some(_) => Some(KeyTells::Conflict),
            None if self.about.is_key_of_other_code => Some(KeyTells::Conflict),
            None => None,
        })
    }

    /// Whether only the hub may undo it: the holder may undo what was done here, and anybody what they
    /// did themselves and the hub has not heard of.
    fn is_elsewhere(&self, node: &str) -> bool {
        let Some(rights) = self.rights else {
            return false;
        };
        let Some(row) = &self.target.row else {
            return self.target.unknown.is_some();
        };
        let is_held = row.holder == OWN_NODE && rights.may_hold(self.act.now.as_millisecond());
        match &self.target.made {
            Some(made) if made.id.node == node => {
                !is_held && made.id.seq <= rights.acked_seq.max(0).unsigned_abs()
            }
            Some(_) => true,
            // Not used, as far as the holder knows.
            None => !(is_held && row.uses_made == 0),
        }
    }

    /// What is said of what only the hub may undo; none: it is to be asked.
    fn elsewhere(&self, reach: Reach) -> Option<ReversalWord> {
        let may_ask = self
            .rights
            .is_some_and(|rights| rights.standing == Standing::Active);
        let is_pending = self.about.pending() != Pending::None;
        match reach {
            Reach::Open if may_ask => None,
            Reach::NoAnswer => Some(ReversalWord::UnknownOutcome),
            Reach::Open | Reach::Shut if is_pending => Some(ReversalWord::UnknownOutcome),
            Reach::Open | Reach::Shut => Some(ReversalWord::OfflineRefused),
        }
    }

    /// The question to the hub, kept as pending before it is asked. Which redemption of a code is its
    /// newest is asked first, and is no act.
    fn question(
        &self,
        writing: &Writing<'_, '_>,
        newest: Option<&EntryId>,
    ) -> Result<Undone, Cause> {
        let row = self.target.row.as_ref();
        let (redemption, code) = match self.request.undo {
            Undo::Redemption(id) => (Some(id.to_string()), row.map(|row| row.folded.clone())),
            Undo::Code { .. } => (
                newest.map(EntryId::to_string),
                self.target.name().map(str::to_owned),
            ),
        };
        let is_named = redemption.is_some() || self.about.same.is_some();
        let question = Question {
            counter: self.caller.clone(),
            operator: self.act.operator.clone(),
            key: self.key.to_string(),
            number: 0,
            verb: Verb::Reverse {
                redemption,
                code,
                reason: self.request.reason.to_owned(),
                approved: self
                    .request
                    .approval
                    .map(|approval| (approval.by.clone(), approval.reason.clone())),
            },
        };
        if !is_named {
            return Ok(Undone::Ask(Box::new(question)));
        }
        let name = self.target.name().unwrap_or_default();
        let code = row.map(|row| row.id);
        let kept = pending::keep(writing.tx, &question, code, name, self.act)?;
        Ok(Undone::Ask(Box::new(kept)))
    }

    /// Undoes it here, where that may be.
    fn undo(&self, writing: &mut Writing<'_, '_>) -> Result<ReversalWord, Cause> {
        let (Some(row), Some(made)) = (&self.target.row, &self.target.made) else {
            return Ok(ReversalWord::NothingToReverse);
        };
        if let Some(refused) = refusal(writing, made, self.request, self.act)? {
            return Ok(refused);
        }
        let caller = (self.caller.as_str(), &self.key);
        if !undo(writing, self.act, self.request, caller, row, made)? {
            return Ok(ReversalWord::NothingToReverse);
        }
        if let Some(asked) = &self.about.same {
            pending::settle(writing.tx, &asked.counter, &asked.key)?;
        }
        Ok(ReversalWord::Reversed)
    }
}

/// Whether whoever asks may undo it without a manager: their own. A counter and a cashier of the same
/// name at another store are others.
fn refusal(
    writing: &Writing<'_, '_>,
    made: &Redemption,
    request: &UndoRequest<'_>,
    act: &Act,
) -> Result<Option<ReversalWord>, Cause> {
    // As a store's counter is named when it asks.
    let counter = made.caller();
    let made_by = Made {
        counter: &counter,
        ..made_by(&made.body)
    };
    let is_own = asking_node(writing.tx, &counter)? == asking_node(writing.tx, &act.counter)?
        && may_undo_alone(
            made_by,
            &act.counter,
            act.operator.as_deref(),
            act.now.as_millisecond(),
        );
    let may = request.approval.is_some() || is_own;
    Ok((!may).then_some(ReversalWord::NeedsApproval))
}

/// The node of a caller that asked this hub; none: a counter of this ledger.
fn asking_node<'c>(tx: &Tx<'_>, caller: &'c str) -> Result<Option<&'c str>, Cause> {
    let is_asking = nodes::asking_counter(tx, caller)?.is_some();
    let node = caller.split_once('/').map(|(node, _)| node);
    Ok(node.filter(|_| is_asking))
}

fn made_by(body: &Body) -> Made<'_> {
    Made {
        at_ms: body.at_ms,
        counter: &body.counter,
        operator: body.operator.as_deref(),
    }
}

/// The code and its redemption that is to be undone, where it stands; what was named instead, where
/// the code is not known here.
fn target(writing: &Writing<'_, '_>, undo: Undo<'_>) -> Result<Target, Cause> {
    let (tx, head) = (writing.tx, &writing.head);
    match undo {
        Undo::Code { raw, allowed_hosts } => {
            let (row, otherwise) = look_up(tx, raw, allowed_hosts)?;
            let unknown = match (&row, otherwise) {
                (None, Otherwise::NotFound) => meant(raw, allowed_hosts),
                _ => None,
            };
            let newest = match &row {
                Some(row) => newest_redemption(tx, head, row)?,
                None => None,
            };
            Ok(Target {
                row,
                made: newest,
                unknown,
            })
        }
        Undo::Redemption(id) => {
            let found = tx.one(
                "SELECT e.id, e.code, r.entry FROM entry e \
                 LEFT JOIN reversal r ON r.redemption = e.id \
                 JOIN node n ON n.id = e.node \
                 WHERE n.name = $1 AND e.incarnation = $2 AND e.seq = $3 AND e.kind = 'redeemed' \
                 AND e.code IS NOT NULL",
                &[
                    (&id.node).into(),
                    id.incarnation.into(),
                    id.seq.cast_signed().into(),
                ],
                |row| Ok((row.int(0)?, row.int(1)?, row.maybe_int(2)?)),
            )?;
            let Some((entry, code, reversal)) = found else {
                return Ok(Target {
                    row: None,
                    made: None,
                    unknown: Some(id.to_string()),
                });
            };
            let made = match reversal {
                None => Some(redemption(tx, head, entry)?),
                Some(_) => None,
            };
            Ok(Target {
                row: by_id(tx, code)?,
                made,
                unknown: None,
            })
        }
    }
}

/// Whether the key is bound, to this very reversal or to something else, and its entry.
fn bound(
    tx: &Tx<'_>,
    caller: &str,
    key: &Key,
    row: Option<&CodeRow>,
) -> Result<Option<(bool, i64)>, Cause> {
    tx.one(
        "SELECT verb, subject, entry FROM act_key WHERE caller = $1 AND key = $2",
        &[caller.into(), key.as_str().into()],
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
) -> Result<(jiff::Timestamp, Option<String>), Cause> {
    let told = redemption(writing.tx, &writing.head, entry)?;
    let at = instant(told.body.at_ms);
    if let Fact::Reversed { redemption, .. } = told.body.fact {
        return Ok((at, Some(redemption)));
    }
    // Undone by the hub: its redemption may have been made anywhere.
    Ok((at, undone_by(writing, entry)?))
}

/// The redemption that a witnessed reversal undid, where this ledger tells of it.
fn undone_by(writing: &Writing<'_, '_>, entry: i64) -> Result<Option<String>, Cause> {
    let undone = writing.tx.one(
        "SELECT redemption FROM reversal WHERE entry = $1",
        &[entry.into()],
        |row| row.int(0),
    )?;
    let Some(undone) = undone else {
        return Ok(None);
    };
    redemption(writing.tx, &writing.head, undone).map(|told| Some(redemption_name(&told)))
}

/// The state of a code, and its uses, once one of its uses is undone: one in excess takes the place of
/// that.
fn after_undoing(tx: &Tx<'_>, row: &CodeRow, uses: u32) -> Result<(CodeState, u32), Cause> {
    if standing_count(tx, row)? > uses {
        return Ok((row.state, row.uses_made));
    }
    let state = if row.state == CodeState::Redeemed {
        CodeState::Assigned
    } else {
        row.state
    };
    Ok((state, row.uses_made.saturating_sub(1)))
}

/// Writes the reversal; false where somebody was faster.
fn undo(
    writing: &mut Writing<'_, '_>,
    act: &Act,
    request: &UndoRequest<'_>,
    (caller, key): (&str, &Key),
    row: &CodeRow,
    made: &Redemption,
) -> Result<bool, Cause> {
    let campaign = campaigns::load(writing.tx, row.campaign)?;
    let (state_after, uses_made) = after_undoing(writing.tx, row, campaign.rules.uses)?;
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
            counter: caller,
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
            caller.into(),
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
    look_at_conflicts(writing, row, at_ms)?;
    touch(writing.tx, FeedKind::Code, row.id, EVERYBODY)?;
    Ok(true)
}

/// What was in excess, or could not be right, may be so no more: conflicts are the hub's.
fn look_at_conflicts(writing: &Writing<'_, '_>, row: &CodeRow, now_ms: i64) -> Result<(), Cause> {
    if has_stores(writing.tx)? {
        let code = BTreeMap::from([(row.id, None)]);
        agree(writing.tx, &writing.head, &code, now_ms)?;
    }
    Ok(())
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
         WHERE e.id > (SELECT coalesce(max(id), 0) FROM entry) - $1 AND e.node = 1 \
         AND e.kind IN ('redeemed', 'witnessed') AND r.entry IS NULL ORDER BY e.id DESC",
        &[LOOKED_AT.into()],
        |row| {
            let body: Body = serde_json::from_str(&row.text(3)?)?;
            if choices.len() >= most || body.counter != act.counter {
                return Ok(());
            }
            let redemption_id = if let Fact::Witnessed { entry, verb, .. } = &body.fact {
                // Made by the hub, for this counter.
                if verb != "redeem" {
                    return Ok(());
                }
                entry.clone()
            } else {
                let id = EntryId {
                    node: row.text(0)?,
                    incarnation: row.count(1)?,
                    seq: row.int(2)?.unsigned_abs(),
                };
                id.to_string()
            };
            let rules: Rules = serde_json::from_str(&row.text(5)?)?;
            let (counter, operator) = (&act.counter, act.operator.as_deref());
            choices.push(UndoChoice {
                redemption_id,
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
