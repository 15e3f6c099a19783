//! Reading back: the log of attempts and entries, and the life of a code; ending a code's life.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::campaign::ContactKind;
use crate::domain::contact::masked;
use crate::domain::entry::{Body, Fact, Side, instant};
use crate::domain::log::{Life, LifeEntry, LogFilter, LogLine, LogPart, LogPlace, Outcome};
use crate::domain::notes::Notes;
use crate::domain::reading::{Otherwise, kept_form};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::chain::{Head, OWN_NODE, side_of};
use crate::ledger::codes::{CodeRow, Redemption, find, look_up, redemption, state_number};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::intake::PARKED;
use crate::ledger::tally::{leave_pool, move_tally};
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, anonymous, campaigns, customers, log_back,
    log_times, second_code, setting_of, slips,
};

/// Where a reader of the log is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPosition {
    reached: Lines,
    /// As far as the filter's times go, once it is known.
    end: Option<Lines>,
    horizon: Option<Horizon>,
}

impl LogPosition {
    /// How many lines lie before it, wanted or not.
    pub fn lines_before(&self) -> u64 {
        self.reached.count()
    }
}

/// The newest entry and the newest attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) entry: i64,
    pub(crate) attempt: i64,
}

impl Lines {
    fn count(self) -> u64 {
        self.entry
            .unsigned_abs()
            .saturating_add(self.attempt.unsigned_abs())
    }

    fn or_earlier(self, other: Lines) -> Lines {
        Lines {
            entry: self.entry.min(other.entry),
            attempt: self.attempt.min(other.attempt),
        }
    }
}

/// How far a reader may go who comes back for what is new.
///
/// Where many write at once, a line may be committed after one with a higher number. Whoever was
/// writing when a line was the newest has ended by the time that all lines up to it are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Horizon {
    /// Nothing more appears up to here.
    settled: Lines,
    /// The next such place, and the transactions that may still put something before it.
    next: Option<(Lines, BTreeSet<String>)>,
}

/// How many lines are read in one view of the ledger.
const PAGE: i64 = 500;

/// Every line that is there is wanted.
pub(crate) const NO_HORIZON: Lines = Lines {
    entry: i64::MAX,
    attempt: i64::MAX,
};

impl Ledger {
    /// The next lines of the log after a position, in the order of the ledger; empty at its end.
    pub fn log_page(
        &mut self,
        position: &mut LogPosition,
        filter: &LogFilter,
    ) -> Result<Option<Vec<LogLine>>, LedgerError> {
        let end = match position.end {
            Some(end) => end,
            None => self.bound(position, filter)?,
        };
        let from = position.reached;
        let until = position
            .horizon
            .as_ref()
            .map_or(NO_HORIZON, |horizon| horizon.settled)
            .or_earlier(end);
        let (lines, reached) = self.read("read", "the log", |tx| page(tx, from, until, filter))?;
        let is_end = reached == from;
        position.reached = reached;
        Ok((!is_end).then_some(lines))
    }

    /// Goes where the filter's times begin, and answers where they end.
    fn bound(
        &mut self,
        position: &mut LogPosition,
        filter: &LogFilter,
    ) -> Result<Lines, LedgerError> {
        let (floor, end) = self.read("read", "the log", |tx| {
            Ok((
                log_times::floor(tx, filter.since)?,
                log_times::ceiling(tx, filter.until)?,
            ))
        })?;
        position.end = Some(end);
        position.reached.entry = position.reached.entry.max(floor.entry);
        position.reached.attempt = position.reached.attempt.max(floor.attempt);
        Ok(end)
    }

    /// Where the log ends now; with [`LogPosition::lines_before`], how far a reader is.
    pub fn log_end(&mut self) -> Result<LogPosition, LedgerError> {
        let reached = self.read("read", "the log", newest)?;
        Ok(LogPosition {
            reached,
            ..LogPosition::default()
        })
    }

    /// The newest wanted lines before a place, newest first, as many as `most`. So many lines are looked
    /// at in one view and no more, so that there may be none of them and yet more to come.
    pub fn log_back(
        &mut self,
        from: Option<LogPlace>,
        filter: &LogFilter,
        most: usize,
    ) -> Result<LogPart, LedgerError> {
        self.read("read", "the log", |tx| {
            log_back::part(tx, from, filter, most)
        })
    }

    /// Enters that the log is exported, and who approved it.
    pub fn enter_export(
        &mut self,
        approved_by: Option<&str>,
        act: &Act,
    ) -> Result<(), LedgerError> {
        self.write("export", "the log", |writing| {
            let approved_by = approved_by.map(str::to_owned);
            writing.append(Fact::LogExported { approved_by }, &setting_of(act))?;
            Ok(())
        })
    }

    /// Called before each look for what is new: from here on the position passes over nothing that
    /// another process has yet to commit, and [`Ledger::log_page`] ends where there may be such a line.
    pub fn look_ahead(&mut self, position: &mut LogPosition) -> Result<(), LedgerError> {
        if !self.has_several_writers() {
            return Ok(());
        }
        let horizon = position.horizon.get_or_insert_default();
        // The newest lines first, then who writes: whoever has taken a number below is among them, or
        // has committed, and is seen from here on.
        let (newest, writing) = self.read("read", "the log", |tx| {
            Ok((newest(tx)?, tx.writers_of_the_log()?))
        })?;
        let is_settled = match &mut horizon.next {
            None => false,
            Some((_, open)) => {
                open.retain(|one| writing.contains(one));
                open.is_empty()
            }
        };
        if let Some((settled, _)) = horizon.next.take_if(|_| is_settled) {
            horizon.settled = settled;
        }
        if horizon.next.is_none() {
            if writing.is_empty() {
                horizon.settled = newest;
            } else {
                horizon.next = Some((newest, writing));
            }
        }
        Ok(())
    }

    /// The whole life of a code.
    pub fn life(&mut self, raw: &[u8]) -> Result<Result<Life, Refusal>, LedgerError> {
        self.read("read", "a code", |tx| match look_up(tx, raw, &[])? {
            (Some(row), _) => life(tx, &row).map(Ok),
            (None, _) => Ok(Err(no_such(raw))),
        })
    }

    /// What a scan is that names no code; none: it names one.
    pub fn meaning(
        &mut self,
        raw: &[u8],
        allowed_hosts: &[String],
    ) -> Result<Option<Otherwise>, LedgerError> {
        self.read("look up", "a scan", |tx| {
            let (row, otherwise) = look_up(tx, raw, allowed_hosts)?;
            Ok(row.is_none().then_some(otherwise))
        })
    }

    /// Ends a code's life; a code with all uses spent stays as it is.
    pub fn void_code(
        &mut self,
        raw: &[u8],
        reason: &str,
        act: &Act,
    ) -> Result<Result<Life, Refusal>, LedgerError> {
        self.write("void", "a code", |writing| void(writing, raw, reason, act))
    }
}

/// No code reads so.
pub(crate) fn no_such(raw: &[u8]) -> Refusal {
    Refusal::NoSuchCode(kept_form(raw))
}

/// A line in its place: after which entry, and of an attempt its number.
pub(crate) struct Placed {
    pub(crate) entry: i64,
    pub(crate) attempt: i64,
    pub(crate) at: Timestamp,
    pub(crate) line: Option<LogLine>,
}

pub(crate) fn newest(tx: &Tx<'_>) -> Result<Lines, Cause> {
    let newest = tx.one(
        "SELECT (SELECT max(id) FROM entry), (SELECT max(id) FROM attempt)",
        &[],
        |row| {
            Ok(Lines {
                entry: row.maybe_int(0)?.unwrap_or(0),
                attempt: row.maybe_int(1)?.unwrap_or(0),
            })
        },
    )?;
    Ok(newest.unwrap_or_default())
}

fn page(
    tx: &Tx<'_>,
    from: Lines,
    until: Lines,
    filter: &LogFilter,
) -> Result<(Vec<LogLine>, Lines), Cause> {
    let head = Head::load(tx)?;
    let entries = if wants_entries(filter) {
        entries_after(tx, &head, (from.entry, until.entry), filter)?
    } else {
        Vec::new()
    };
    let attempts = attempts_after(tx, &head, (from.attempt, until.attempt), PAGE, filter)?;
    // What lies beyond the shorter page may come before what the longer one holds: leave it.
    let is_full = |lines: &[Placed]| i64::try_from(lines.len()).unwrap_or(0) >= PAGE;
    let entry_limit = entries
        .last()
        .filter(|_| is_full(&entries))
        .map(|last| last.entry);
    let attempt_limit = attempts
        .last()
        .filter(|_| is_full(&attempts))
        .map(|last| last.entry);
    let limit = entry_limit.into_iter().chain(attempt_limit).min();
    let mut reached = from;
    let mut lines = Vec::new();
    let mut merged: Vec<Placed> = entries.into_iter().chain(attempts).collect();
    merged.sort_by_key(|placed| (placed.entry, placed.attempt));
    for placed in merged {
        // Attempts that follow the limit's own entry may reach into the next page, in order.
        if limit.is_some_and(|limit| placed.entry > limit) {
            break;
        }
        if placed.attempt == 0 {
            reached.entry = placed.entry;
        } else {
            reached.attempt = placed.attempt;
        }
        lines.extend(placed.line);
    }
    Ok((lines, reached))
}

/// Whether entries need be looked at, and not only attempts.
pub(crate) fn wants_entries(filter: &LogFilter) -> bool {
    let outcome = filter.outcome.as_ref();
    outcome.is_none_or(Outcome::may_be_an_entry)
}

/// What is read of an entry for its line; its conditions follow.
pub(crate) const ENTRY_COLUMNS: &str = "SELECT e.id, e.body, coalesce(c.shown, c.folded), c.folded, \
     s.text, e.kind, e.at_ms, e.node, n.store, e.previous_of_code \
     FROM entry e JOIN node n ON n.id = e.node \
     LEFT JOIN code c ON c.id = e.code LEFT JOIN side s ON s.entry = e.id ";

fn entries_after(
    tx: &Tx<'_>,
    head: &Head,
    (after, until): (i64, i64),
    filter: &LogFilter,
) -> Result<Vec<Placed>, Cause> {
    tx.all(
        &format!("{ENTRY_COLUMNS}WHERE e.id > $1 AND e.id <= $2 ORDER BY e.id LIMIT $3"),
        &[after.into(), until.into(), PAGE.into()],
        |row| entry_row(row, head, filter),
    )
}

/// An entry as it is listed, by [`ENTRY_COLUMNS`].
pub(crate) fn entry_row(row: &Row<'_>, head: &Head, filter: &LogFilter) -> Result<Placed, Cause> {
    let at = instant(row.int(6)?);
    let placed = |line| {
        Ok(Placed {
            entry: row.int(0)?,
            attempt: 0,
            at,
            line,
        })
    };
    // Most lines are not of the time that is wanted: what they say is not read.
    if !filter.may_want(at) {
        return placed(None);
    }
    let side = side_of(row.maybe_text(4)?.as_deref())?;
    let store = store_of(row.int(7)?, row.maybe_text(8)?, head);
    let mut folded = row.maybe_text(3)?;
    // One of our own that cannot be read is for `verify` to judge; the others are told.
    let body = serde_json::from_str::<Body>(&row.text(1)?).ok();
    let line = if let Some(body) = body.filter(|_| row.text(5).is_ok_and(|kind| kind != PARKED)) {
        let (kind, answer) = told(&body.fact);
        // A code that nobody knows here is told as it was read there.
        folded = folded.or_else(|| body.code.clone());
        LogLine {
            at: instant(body.at_ms),
            kind: kind.to_owned(),
            answer: answer.to_owned(),
            code: row.maybe_text(2)?.or(body.code),
            campaign: body.campaign.as_ref().map(ToString::to_string),
            customer_id: body.customer,
            store,
            counter: body.counter,
            operator: body.operator,
            trigger: side.trigger,
            key: body.key,
            raw: side.raw,
            reason: side.reason,
            notes: side.notes,
        }
    } else {
        parked(row.int(6)?, store)
    };
    let is_wanted = filter.wants(&line, folded.as_deref());
    placed(is_wanted.then_some(line))
}

/// The store of a node: of this ledger's own, or of another's.
fn store_of(node: i64, store: Option<String>, head: &Head) -> String {
    store
        .filter(|_| node != OWN_NODE)
        .unwrap_or_else(|| head.store.clone())
}

/// An entry that cannot be read here: when it came, and that it is kept.
fn parked(at_ms: i64, store: String) -> LogLine {
    LogLine {
        at: instant(at_ms),
        kind: PARKED.to_owned(),
        answer: PARKED.to_owned(),
        code: None,
        campaign: None,
        customer_id: None,
        store,
        counter: String::new(),
        operator: None,
        trigger: None,
        key: None,
        raw: None,
        reason: None,
        notes: Notes::default(),
    }
}

/// What is read of an attempt for its line; its conditions follow.
pub(crate) const ATTEMPT_COLUMNS: &str = "SELECT a.id, a.after_entry, a.at_ms, a.kind, a.answer, \
     coalesce(c.shown, c.folded), m.name, u.public_id, a.counter, a.operator, a.trigger_text, a.key, \
     a.raw, a.reason, c.folded, a.notes, a.node, n.store FROM attempt a \
     LEFT JOIN node n ON n.id = a.node LEFT JOIN code c ON c.id = a.code \
     LEFT JOIN campaign m ON m.id = a.campaign LEFT JOIN customer u ON u.id = a.customer ";

/// A page of attempts after a number and up to another; the lines of those that are wanted.
pub(crate) fn attempts_after(
    tx: &Tx<'_>,
    head: &Head,
    (after, until): (i64, i64),
    most: i64,
    filter: &LogFilter,
) -> Result<Vec<Placed>, Cause> {
    tx.all(
        &format!("{ATTEMPT_COLUMNS}WHERE a.id > $1 AND a.id <= $2 ORDER BY a.id LIMIT $3"),
        &[after.into(), until.into(), most.into()],
        |row| attempt_row(row, head, filter),
    )
}

/// An attempt as it is listed, by [`ATTEMPT_COLUMNS`].
pub(crate) fn attempt_row(row: &Row<'_>, head: &Head, filter: &LogFilter) -> Result<Placed, Cause> {
    let line = LogLine {
        at: instant(row.int(2)?),
        kind: row.text(3)?,
        answer: row.text(4)?,
        code: row.maybe_text(5)?,
        campaign: row.maybe_text(6)?,
        customer_id: row.maybe_text(7)?,
        store: store_of(row.int(16)?, row.maybe_text(17)?, head),
        counter: row.text(8)?,
        operator: row.maybe_text(9)?,
        trigger: row.maybe_text(10)?,
        key: row.maybe_text(11)?,
        raw: row.maybe_text(12)?,
        reason: row.maybe_text(13)?,
        notes: match row.maybe_text(15)? {
            Some(stored) => serde_json::from_str(&stored)?,
            None => Notes::default(),
        },
    };
    let folded = row.maybe_text(14)?;
    let is_wanted = filter.wants(&line, folded.as_deref());
    Ok(Placed {
        entry: row.int(1)?,
        attempt: row.int(0)?,
        at: line.at,
        line: is_wanted.then_some(line),
    })
}

/// What was tried and what was answered, of an entry.
fn told(fact: &Fact) -> (&'static str, &'static str) {
    if matches!(fact, Fact::Assigned { .. } | Fact::TestDrawn { .. }) {
        ("assign", "assigned")
    } else if matches!(fact, Fact::Redeemed { .. }) {
        ("redeem", "accepted")
    } else if matches!(fact, Fact::Reversed { .. }) {
        ("reverse", "reversed")
    } else if matches!(fact, Fact::Voided { .. }) {
        ("void", "voided")
    } else {
        (fact.kind(), "done")
    }
}

pub(crate) fn life(tx: &Tx<'_>, row: &CodeRow) -> Result<Life, Cause> {
    let head = Head::load(tx)?;
    let campaign = campaigns::load(tx, row.campaign)?;
    let mut entries = Vec::new();
    let mut next = row.newest_entry;
    while let Some(entry) = next {
        let told = redemption(tx, &head, entry)?;
        next = tx
            .one(
                "SELECT previous_of_code FROM entry WHERE id = $1",
                &[entry.into()],
                |row| row.maybe_int(0),
            )?
            .flatten();
        entries.push(life_entry(tx, &head, told)?);
    }
    entries.reverse();
    let holder = tx
        .one(
            "SELECT name FROM node WHERE id = $1",
            &[row.holder.into()],
            |row| row.text(0),
        )?
        .unwrap_or_default();
    Ok(Life {
        code: row.as_stored().to_owned(),
        ordinal: row.ordinal,
        state: row.state.as_str(),
        holder,
        customer_id: row
            .customer
            .map(|id| customers::public_id(tx, id))
            .transpose()?,
        expires_at: campaign.rules.end_of_code(row.expires_at_ms.map(instant)),
        campaign: campaign.id.to_string(),
        uses_made: row.uses_made,
        entries,
    })
}

fn life_entry(tx: &Tx<'_>, head: &Head, told: Redemption) -> Result<LifeEntry, Cause> {
    let stored = tx.one(
        "SELECT text FROM side WHERE entry = $1",
        &[told.entry.into()],
        |row| row.text(0),
    )?;
    let side = side_of(stored.as_deref())?;
    let mut words = words_of(&told.body.fact);
    let until = if let Fact::Assigned { expires_at_ms, .. } | Fact::TestDrawn { expires_at_ms } =
        &told.body.fact
    {
        expires_at_ms.map(instant)
    } else {
        None
    };
    let undoes = if let Fact::Reversed { redemption, .. } = &told.body.fact {
        Some(redemption.clone())
    } else {
        None
    };
    words.extend(side.receipt.map(|receipt| format!("receipt {receipt}")));
    words.extend(
        side.customer_said
            .map(|said| format!("customer said to be {}", masked_said(&said))),
    );
    words.extend(side.reason.map(|reason| format!("reason: {reason}")));
    let detail: Vec<String> = until
        .map(|until| format!("valid until {until}"))
        .into_iter()
        .chain(undoes.as_ref().map(|undone| format!("of {undone}")))
        .chain(words.iter().cloned())
        .collect();
    Ok(LifeEntry {
        id: told.id.to_string(),
        at: instant(told.body.at_ms),
        kind: told.body.fact.kind(),
        store: told.store_or(&head.store).to_owned(),
        counter: told.body.counter,
        operator: told.body.operator,
        detail: detail.join("; "),
        words,
        until,
        undoes,
    })
}

/// Whom a customer was said to be, as a desk shows it: a contact like any other.
fn masked_said(said: &str) -> String {
    let kind = if said.contains('@') {
        ContactKind::Email
    } else {
        ContactKind::Phone
    };
    masked(kind, said)
}

/// What an entry says beside its kind, without times and names of other entries.
#[expect(clippy::too_many_lines, reason = "a line for each fact")]
fn words_of(fact: &Fact) -> Vec<String> {
    match fact {
        Fact::Redeemed {
            uses_made,
            certainty,
            overrode,
            approved_by,
        } => {
            let mut words = vec![format!("use {uses_made}"), certainty.clone()];
            if !overrode.is_empty() {
                words.push(format!("set aside: {}", overrode.join(", ")));
            }
            words.extend(approved(approved_by.as_ref()));
            words
        }
        Fact::Reversed { approved_by, .. } | Fact::LogExported { approved_by } => {
            approved(approved_by.as_ref()).collect()
        }
        Fact::Voided { .. } => voided_words(fact),
        Fact::SlipOrdered { copy } => vec![format!("copy {copy}")],
        Fact::SlipSettled { copy } => vec![format!("the customer has copy {copy}")],
        Fact::PoolLow { low, left, .. } | Fact::PoolRefilled { low, left, .. } => {
            vec![low.clone(), format!("{left} left")]
        }
        Fact::LedgerCreated { .. }
        | Fact::IncarnationBegan { .. }
        | Fact::RestoreSettled
        | Fact::LedgerMoved
        | Fact::ClockStepped { .. }
        | Fact::CampaignCreated { .. }
        | Fact::CampaignChanged { .. }
        | Fact::CampaignPaused
        | Fact::CampaignResumed
        | Fact::TestModeOn { .. }
        | Fact::TestModeOff { .. }
        | Fact::CodesAdded { .. }
        | Fact::Assigned { .. }
        | Fact::TestDrawn { .. }
        | Fact::CustomerEdited { .. }
        | Fact::CustomersJoined { .. }
        | Fact::CustomerErased
        | Fact::OperatorAdded { .. }
        | Fact::OperatorPinSet { .. }
        | Fact::OperatorBadgeSet { .. }
        | Fact::OperatorRoleSet { .. }
        | Fact::OperatorRemoved { .. }
        | Fact::TokenAdded { .. }
        | Fact::TokenRevoked { .. }
        | Fact::TokenRotated { .. }
        | Fact::TokenSecretEnded { .. }
        | Fact::StoreAdded { .. }
        | Fact::StoreRotated { .. }
        | Fact::StoreJoined { .. }
        | Fact::StoreReborn { .. }
        | Fact::StoreStanding { .. }
        | Fact::HubJoined { .. }
        | Fact::Quarantined { .. }
        | Fact::LeaseGranted { .. }
        | Fact::HandedOver { .. }
        | Fact::Recovered { .. }
        | Fact::Withdrawn => Vec::new(),
        Fact::Witnessed { entry, .. } => vec![format!("by the hub, {entry}")],
        Fact::ConflictSettled { decision, .. } => vec![decision.clone()],
        Fact::GuessingEnded {
            at_counter,
            approved_by,
        } => std::iter::once(format!("at {at_counter}"))
            .chain(approved(approved_by.as_ref()))
            .collect(),
        Fact::DayClosed { number, date, .. } => vec![format!("Z {number} of {date}")],
        Fact::DayPrinted { number, copy } => vec![format!("Z {number}, copy {copy}")],
    }
}

fn voided_words(fact: &Fact) -> Vec<String> {
    let Fact::Voided {
        from_state,
        is_replaced,
        approved_by,
    } = fact
    else {
        return Vec::new();
    };
    let mut words = vec![format!("was {from_state}")];
    words.extend(is_replaced.then(|| "another took its place".to_owned()));
    words.extend(approved(approved_by.as_ref()));
    words
}

fn approved(by: Option<&String>) -> impl Iterator<Item = String> {
    by.map(|by| format!("approved by {by}")).into_iter()
}

fn void(
    writing: &mut Writing<'_, '_>,
    raw: &[u8],
    reason: &str,
    act: &Act,
) -> Result<Result<Life, Refusal>, Cause> {
    let (Some(row), _) = look_up(writing.tx, raw, &[])? else {
        return Ok(Err(no_such(raw)));
    };
    if matches!(
        row.state,
        CodeState::Redeemed | CodeState::Void | CodeState::Test
    ) {
        return Ok(Err(Refusal::State(row.state)));
    }
    anonymous::give_back(writing, &row)?;
    end_life(writing, &row, reason, None, act)?;
    match find(writing.tx, &row.folded)? {
        Some(row) => life(writing.tx, &row).map(Ok),
        None => Ok(Err(no_such(raw))),
    }
}

/// Ends a code's life, whoever has it; it is never available again.
pub(crate) fn end_life(
    writing: &mut Writing<'_, '_>,
    row: &CodeRow,
    reason: &str,
    approved_by: Option<&str>,
    act: &Act,
) -> Result<(), Cause> {
    end(writing, row, reason, (approved_by, false), act)
}

/// The same of a code in whose place its customer gets another.
pub(crate) fn end_replaced(
    writing: &mut Writing<'_, '_>,
    row: &CodeRow,
    reason: &str,
    approved_by: Option<&str>,
    act: &Act,
) -> Result<(), Cause> {
    end(writing, row, reason, (approved_by, true), act)
}

fn end(
    writing: &mut Writing<'_, '_>,
    row: &CodeRow,
    reason: &str,
    (approved_by, is_replaced): (Option<&str>, bool),
    act: &Act,
) -> Result<(), Cause> {
    let campaign = campaigns::load(writing.tx, row.campaign)?;
    let entry = writing.append(
        Fact::Voided {
            from_state: row.state.as_str().to_owned(),
            is_replaced,
            approved_by: approved_by.map(str::to_owned),
        },
        &Setting {
            campaign: Some((row.campaign, &campaign.id, campaign.revision)),
            code: Some((row.id, &row.folded, row.newest_entry)),
            side: Side {
                reason: Some(reason.to_owned()),
                ..Side::default()
            },
            ..setting_of(act)
        },
    )?;
    writing.tx.guarded(
        "UPDATE code SET state = $1, newest_entry = $2 WHERE id = $3 AND state = $4 \
         AND uses_made = $5 AND coalesce(newest_entry, 0) = $6",
        &[
            state_number(CodeState::Void).into(),
            entry.local.into(),
            row.id.into(),
            state_number(row.state).into(),
            row.uses_made.into(),
            row.newest_entry.unwrap_or(0).into(),
        ],
        "this code was just changed elsewhere",
    )?;
    // Whether the customer has its slip is nobody's question any more.
    slips::let_go(writing.tx, row.id)?;
    leave_pool(writing.tx, row.campaign, row.state, row.holder)?;
    touch(writing.tx, FeedKind::Code, row.id, EVERYBODY)?;
    move_tally(writing.tx, row.campaign, row.state, CodeState::Void, 0)?;
    let now_ms = act.now.as_millisecond();
    second_code::look_again(
        writing.tx,
        &writing.head,
        row.campaign,
        row.customer,
        now_ms,
    )
}
