//! At a store: what the hub did under the key of a question, witnessed here.
//!
//! Invariant: an answer is written with the end of its question in one transaction. What this ledger
//! did itself and the hub has not heard of is never overwritten.

use crate::domain::entry::{Fact, Side, instant};
use crate::domain::ids::Key;
use crate::domain::local_time::day_number;
use crate::domain::reversal::{Reversal, ReversalWord};
use crate::domain::verdict::{Answer, Band, CodeState, Story, Verdict};
use crate::domain::wire::{Asked, Question, Told, Verb, WireCode, WireStory};
use crate::ledger::arrivals::take_told;
use crate::ledger::codes::{CodeRow, find, redemption, state_number, state_of};
use crate::ledger::customer_day::CustomerDay;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::link::Rights;
use crate::ledger::pending::{key_of, settle, take_back};
use crate::ledger::redeem::{redemption_name, unsent_uses};
use crate::ledger::tally::{count_hour, leave_pool, move_tally};
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, attempts, campaigns, customers, link, setting_of,
    zone_of,
};

/// Who hears an answer of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeardBy {
    /// Nobody who waits: whoever scans the code next is told.
    Nobody,
    /// The caller.
    Caller,
    /// A counter that will draw it.
    Console,
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromHub<T> {
    /// This, and it is committed.
    Answer(T),
    /// The hub has done nothing about it. What it told is known here now: judge again.
    NothingDone,
    /// It is none: it is another hub's, or says that a later asking was answered.
    NoAnswer,
}

impl Ledger {
    /// The hub's answer to a question about a redemption: what it did is witnessed, and the question
    /// is settled.
    pub fn witness(
        &mut self,
        question: &Question,
        asked: &Asked,
        heard_by: HeardBy,
        act: &Act,
    ) -> Result<FromHub<Answer>, LedgerError> {
        self.hear_answer(question, asked, act, |writing| {
            witness(writing, question, asked, heard_by, act)
        })
    }

    /// The hub's answer to a question about undoing a redemption.
    pub fn witness_reversal(
        &mut self,
        question: &Question,
        asked: &Asked,
        act: &Act,
    ) -> Result<FromHub<Reversal>, LedgerError> {
        self.hear_answer(question, asked, act, |writing| {
            witness_reversal(writing, question, asked, act)
        })
    }

    /// The hub's answer to a question that was asked again while nobody waited for it.
    pub fn hear_again(
        &mut self,
        question: &Question,
        asked: &Asked,
        act: &Act,
    ) -> Result<(), LedgerError> {
        let heard = self.hear_answer(question, asked, act, |writing| match &question.verb {
            Verb::Reverse { .. } => witness_reversal(writing, question, asked, act).map(drop),
            Verb::Redeem { .. } | Verb::Assign { .. } | Verb::Replace { .. } => {
                witness(writing, question, asked, HeardBy::Nobody, act).map(drop)
            }
        })?;
        if heard == FromHub::NothingDone && asked.told == Told::Held {
            // Nor will anything be done while this ledger holds the code.
            self.write("settle", "a question to the hub", |writing| {
                settle(writing.tx, &question.counter, &key_of(&question.key)?)
            })?;
        }
        Ok(())
    }

    pub(crate) fn hear_answer<T>(
        &mut self,
        question: &Question,
        asked: &Asked,
        act: &Act,
        mut witnessed: impl FnMut(&mut Writing<'_, '_>) -> Result<T, Cause>,
    ) -> Result<FromHub<T>, LedgerError> {
        self.write("witness", "the hub's answer", |writing| {
            if link::hear(writing, &asked.welcome, act)? == link::Heard::NotOurs
                || asked.told == Told::Overtaken
            {
                return Ok(FromHub::NoAnswer);
            }
            if matches!(asked.told, Told::Held | Told::Wait | Told::Newest { .. }) {
                take(writing, asked)?;
                take_back(writing.tx, question)?;
                return Ok(FromHub::NothingDone);
            }
            witnessed(writing).map(FromHub::Answer)
        })
    }
}

/// Takes in the code as the hub told it, and whose it is; none where it is of a campaign that has not
/// come down yet. Where something was done with it here that the hub has not seen, it stays as it is.
pub(crate) fn take(writing: &mut Writing<'_, '_>, asked: &Asked) -> Result<Option<CodeRow>, Cause> {
    let Some(code) = &asked.code else {
        return Ok(None);
    };
    if campaigns::find(writing.tx, &code.campaign)?.is_none() {
        return Ok(None);
    }
    let seen_through = Rights::load(writing.tx)?.map_or(0, |rights| rights.acked_seq);
    take_told(writing, seen_through, code, asked.customer.as_ref())?;
    find(writing.tx, &code.code)
}

/// What the hub told of a redemption.
struct ToldRedemption<'a> {
    question: &'a Question,
    key: Key,
    verdict: Verdict,
    entry: Option<&'a str>,
    at_ms: i64,
    asked: &'a Asked,
    code: Option<&'a WireCode>,
    overrode: &'a [String],
}

fn witness(
    writing: &mut Writing<'_, '_>,
    question: &Question,
    asked: &Asked,
    heard_by: HeardBy,
    act: &Act,
) -> Result<Answer, Cause> {
    let Told::Redeemed {
        verdict,
        entry,
        message,
        at_ms,
        overrode,
        offer,
        uses,
        expires_at_ms,
        first,
    } = &asked.told
    else {
        return Err(Cause::Unexpected(
            "the hub's answer is not about a redemption",
        ));
    };
    let told = ToldRedemption {
        question,
        key: key_of(&question.key)?,
        verdict: verdict.clone(),
        entry: entry.as_deref(),
        at_ms: *at_ms,
        asked,
        code: asked.code.as_ref(),
        overrode,
    };
    let is_check = matches!(question.verb, Verb::Redeem { is_check: true, .. });
    let kept = if is_check {
        Kept::Unchanged
    } else {
        told.keep(writing, heard_by, act)?
    };
    let (verdict, message) = if matches!(kept, Kept::GivenUp) {
        let words = "this request was given up, and what it did is undone".to_owned();
        (Verdict::Reversed, words)
    } else {
        (verdict.clone(), message.clone())
    };
    Ok(Answer {
        message,
        is_check,
        code: told.code.map(|code| as_stored(code).to_owned()),
        campaign: told.code.map(|code| code.campaign.clone()),
        offer: offer.clone(),
        uses_made: told.code.map(|code| code.uses_made),
        uses: *uses,
        expires_at: expires_at_ms.map(instant),
        redemption_id: entry.clone(),
        key: question.key.clone(),
        at: instant(*at_ms),
        first: first.as_ref().map(story),
        overrode: overrode
            .iter()
            .filter_map(|word| Verdict::overridable_word(word))
            .collect(),
        unshown: match kept {
            Kept::Witnessed(entry) if heard_by == HeardBy::Console => Some(entry),
            Kept::Witnessed(_) | Kept::Unchanged | Kept::GivenUp => None,
        },
        verdict,
    })
}

fn as_stored(code: &WireCode) -> &str {
    code.shown.as_deref().unwrap_or(&code.code)
}

fn story(told: &WireStory) -> Story {
    Story {
        at: instant(told.at_ms),
        store: told.store.clone(),
        counter: told.counter.clone(),
        operator: told.operator.clone(),
    }
}

/// What became of an answer here.
enum Kept {
    /// By this local entry.
    Witnessed(i64),
    /// It changed nothing, or was witnessed before.
    Unchanged,
    /// Its question had been given up.
    GivenUp,
}

impl ToldRedemption<'_> {
    fn keep(
        &self,
        writing: &mut Writing<'_, '_>,
        heard_by: HeardBy,
        act: &Act,
    ) -> Result<Kept, Cause> {
        let bound = writing.tx.one(
            "SELECT verb FROM act_key WHERE caller = $1 AND key = $2",
            &[(&self.question.counter).into(), self.key.as_str().into()],
            |row| row.text(0),
        )?;
        if let Some(verb) = bound {
            // Another thread heard the same answer, or it was given up meanwhile; or it was asked
            // again, so that its question was kept again.
            settle(writing.tx, &self.question.counter, &self.key)?;
            return Ok(if verb == "withdrawn" {
                Kept::GivenUp
            } else {
                Kept::Unchanged
            });
        }
        let row = take(writing, self.asked)?;
        match self.entry {
            Some(entry) if self.verdict.band() == Band::Go => self
                .witness(writing, row.as_ref(), entry, heard_by, act)
                .map(Kept::Witnessed),
            _ => {
                self.note(writing, row.as_ref(), act)?;
                settle(writing.tx, &self.question.counter, &self.key)?;
                Ok(Kept::Unchanged)
            }
        }
    }

    /// Writes that the hub redeemed the code, and what it is from now on.
    fn witness(
        &self,
        writing: &mut Writing<'_, '_>,
        row: Option<&CodeRow>,
        hub_entry: &str,
        heard_by: HeardBy,
        act: &Act,
    ) -> Result<i64, Cause> {
        let witnessed = Witnessed {
            question: self.question,
            key: &self.key,
            entry: hub_entry,
            verb: "redeem",
            replaced: None,
            reason: None,
            overrode: self.overrode,
        };
        let entry = witnessed.append(writing, row, self.code, act)?;
        let campaign = row.map_or(0, |row| row.campaign);
        let tx = writing.tx;
        count_hour(tx, campaign, "witnessed", act.now.as_millisecond(), entry)?;
        if let Some((row, customer)) = row.and_then(|row| Some((row, row.customer?))) {
            let zone = zone_of(&writing.head)?;
            let day = CustomerDay {
                campaign: row.campaign,
                customer,
                day: day_number(instant(self.at_ms), &zone),
            };
            day.count_one(tx)?;
        }
        match heard_by {
            HeardBy::Nobody => {
                tx.execute(
                    "UPDATE pending SET entry = $1 WHERE counter = $2 AND key = $3",
                    &[
                        entry.into(),
                        (&self.question.counter).into(),
                        self.key.as_str().into(),
                    ],
                )?;
            }
            HeardBy::Caller => settle(tx, &self.question.counter, &self.key)?,
            HeardBy::Console => {
                settle(tx, &self.question.counter, &self.key)?;
                if let Some(row) = row {
                    tx.execute(
                        "INSERT INTO unshown (entry, counter, code, key, at_ms) \
                         VALUES ($1, $2, $3, $4, $5)",
                        &[
                            entry.into(),
                            (&act.counter).into(),
                            row.id.into(),
                            self.key.as_str().into(),
                            act.now.as_millisecond().into(),
                        ],
                    )?;
                }
            }
        }
        Ok(entry)
    }

    /// A refusal of the hub is an attempt here, as every refusal is.
    fn note(
        &self,
        writing: &Writing<'_, '_>,
        row: Option<&CodeRow>,
        act: &Act,
    ) -> Result<(), Cause> {
        let campaign = row.map_or(0, |row| row.campaign);
        if self.verdict.band() != Band::Go {
            count_hour(writing.tx, campaign, "refused", act.now.as_millisecond(), 0)?;
        }
        let (raw, reason) = match &self.question.verb {
            Verb::Redeem { code, approved, .. } => (
                Some(code.clone()).filter(|_| row.is_none()),
                approved.as_ref().map(|(_, reason)| reason.clone()),
            ),
            Verb::Reverse { .. } | Verb::Assign { .. } | Verb::Replace { .. } => (None, None),
        };
        attempts::note(
            writing,
            act,
            &attempts::Attempt {
                kind: "redeem",
                answer: self.verdict.word(),
                code: row.map(|row| row.id),
                campaign: row.map(|row| row.campaign),
                customer: row.and_then(|row| row.customer),
                key: Some(self.key.as_str()),
                raw,
                reason,
                ..attempts::Attempt::default()
            },
        )
    }
}

/// What the hub did, as it is written here.
pub(crate) struct Witnessed<'a> {
    pub(crate) question: &'a Question,
    pub(crate) key: &'a Key,
    /// The hub's entry.
    pub(crate) entry: &'a str,
    pub(crate) verb: &'static str,
    /// The code that the new one is for, where one was replaced.
    pub(crate) replaced: Option<i64>,
    pub(crate) reason: Option<String>,
    /// The refusals that a manager set aside.
    pub(crate) overrode: &'a [String],
}

impl Witnessed<'_> {
    /// Appends the entry to the code's list, and binds the key to it.
    pub(crate) fn append(
        &self,
        writing: &mut Writing<'_, '_>,
        row: Option<&CodeRow>,
        told: Option<&WireCode>,
        act: &Act,
    ) -> Result<i64, Cause> {
        let tx = writing.tx;
        let campaign = match row {
            Some(row) => Some((row.campaign, campaigns::load(tx, row.campaign)?)),
            None => None,
        };
        let customer = match row.and_then(|row| row.customer) {
            Some(customer) => Some(customers::public_id(tx, customer)?),
            None => None,
        };
        if let (Some(row), Some(told), Some((_, campaign))) = (row, told, &campaign) {
            add_unsent(tx, row, told, campaign.rules.uses)?;
        }
        let entry = writing.append(
            Fact::Witnessed {
                entry: self.entry.to_owned(),
                verb: self.verb.to_owned(),
                overrode: self.overrode.to_vec(),
                approved_by: approved_by(self.question).cloned(),
            },
            &Setting {
                campaign: campaign
                    .as_ref()
                    .map(|(local, campaign)| (*local, &campaign.id, campaign.revision)),
                code: row.map(|row| (row.id, row.folded.as_str(), row.newest_entry)),
                customer: customer.as_deref(),
                counter: &self.question.counter,
                operator: self.question.operator.as_deref(),
                key: Some(self.key.as_str()),
                side: Side {
                    reason: self.reason.clone(),
                    ..Side::default()
                },
                ..setting_of(act)
            },
        )?;
        if let Some(row) = row {
            writing.tx.execute(
                "UPDATE code SET newest_entry = $1 WHERE id = $2",
                &[entry.local.into(), row.id.into()],
            )?;
        }
        let subject = match (self.verb, row) {
            ("assign", Some(row)) => row.customer.unwrap_or(0),
            (_, Some(row)) => self.replaced.unwrap_or(row.id),
            (_, None) => 0,
        };
        let unknown = match (&self.question.verb, row) {
            (Verb::Redeem { code, .. }, None) => Some(code.as_str()),
            _ => None,
        };
        writing.tx.execute(
            "INSERT INTO act_key (caller, key, verb, subject, entry, folded) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                (&self.question.counter).into(),
                self.key.as_str().into(),
                self.verb.into(),
                subject.into(),
                entry.local.into(),
                unknown.into(),
            ],
        )?;
        Ok(entry.local)
    }
}

/// The manager who approved what was asked.
fn approved_by(question: &Question) -> Option<&String> {
    match &question.verb {
        Verb::Redeem { approved, .. } | Verb::Reverse { approved, .. } => {
            approved.as_ref().and_then(|(by, _)| by.as_ref())
        }
        Verb::Replace { approved_by, .. } => approved_by.as_ref(),
        Verb::Assign { .. } => None,
    }
}

/// A code that stayed as it is, because something was done with it here that the hub has not seen:
/// its uses here on top of what the hub told.
fn add_unsent(tx: &Tx<'_>, row: &CodeRow, told: &WireCode, uses: u32) -> Result<(), Cause> {
    let Some(rights) = Rights::load(tx)? else {
        return Ok(());
    };
    let newest_seq = tx
        .one(
            "SELECT seq FROM entry WHERE id = $1",
            &[row.newest_entry.into()],
            |row| row.int(0),
        )?
        .unwrap_or(0);
    if newest_seq <= rights.acked_seq {
        return Ok(());
    }
    let unsent = unsent_uses(tx, row, rights)?;
    let uses_made = told.uses_made.saturating_add(unsent).min(uses);
    let state = match row.state {
        CodeState::Void | CodeState::Test => row.state,
        _ if uses_made >= uses => CodeState::Redeemed,
        CodeState::Available | CodeState::Assigned | CodeState::Redeemed | CodeState::Suspect => {
            state_of(told.state)?
        }
    };
    tx.execute(
        "UPDATE code SET state = $1, uses_made = $2 WHERE id = $3",
        &[state_number(state).into(), uses_made.into(), row.id.into()],
    )?;
    if state != CodeState::Available {
        leave_pool(tx, row.campaign, row.state, row.holder)?;
    }
    let change = i64::from(uses_made) - i64::from(row.uses_made);
    move_tally(tx, row.campaign, row.state, state, change)
}

fn witness_reversal(
    writing: &mut Writing<'_, '_>,
    question: &Question,
    asked: &Asked,
    act: &Act,
) -> Result<Reversal, Cause> {
    let Told::Reversed {
        word,
        redemption,
        entry,
        at_ms,
    } = &asked.told
    else {
        return Err(Cause::Unexpected(
            "the hub's answer is not about a reversal",
        ));
    };
    let key = key_of(&question.key)?;
    let row = take(writing, asked)?;
    let bound = writing.tx.one(
        "SELECT verb FROM act_key WHERE caller = $1 AND key = $2",
        &[(&question.counter).into(), key.as_str().into()],
        |row| row.text(0),
    )?;
    let is_done = matches!(word, ReversalWord::Reversed | ReversalWord::Replayed);
    match (&row, &asked.code, entry) {
        (Some(row), Some(code), Some(entry)) if is_done && bound.is_none() => {
            let told = ToldReversal {
                question,
                key: &key,
                entry,
                redemption: redemption.as_deref(),
            };
            told.write(writing, row, code, act)?;
        }
        _ if bound.is_none() => attempts::note(
            writing,
            act,
            &attempts::Attempt {
                kind: "reverse",
                answer: word.as_str(),
                code: row.as_ref().map(|row| row.id),
                campaign: row.as_ref().map(|row| row.campaign),
                customer: row.as_ref().and_then(|row| row.customer),
                key: Some(key.as_str()),
                reason: match &question.verb {
                    Verb::Reverse { reason, .. } => Some(reason.clone()),
                    Verb::Redeem { .. } | Verb::Assign { .. } | Verb::Replace { .. } => None,
                },
                ..attempts::Attempt::default()
            },
        )?,
        _ => {}
    }
    settle(writing.tx, &question.counter, &key)?;
    Ok(Reversal {
        word: *word,
        code: asked.code.as_ref().map(|code| as_stored(code).to_owned()),
        redemption_id: redemption.clone(),
        key: question.key.clone(),
        at: instant(*at_ms),
        is_void: match &asked.code {
            Some(code) => state_of(code.state)? == CodeState::Void,
            None => false,
        },
    })
}

/// A redemption that the hub undid.
struct ToldReversal<'a> {
    question: &'a Question,
    key: &'a Key,
    entry: &'a str,
    redemption: Option<&'a str>,
}

impl ToldReversal<'_> {
    fn write(
        &self,
        writing: &mut Writing<'_, '_>,
        row: &CodeRow,
        code: &WireCode,
        act: &Act,
    ) -> Result<(), Cause> {
        let undone = self.redemption_here(writing, row)?;
        let witnessed = Witnessed {
            question: self.question,
            key: self.key,
            entry: self.entry,
            verb: "reverse",
            replaced: None,
            reason: match &self.question.verb {
                Verb::Reverse { reason, .. } => Some(reason.clone()),
                Verb::Redeem { .. } | Verb::Assign { .. } | Verb::Replace { .. } => None,
            },
            overrode: &[],
        };
        let entry = witnessed.append(writing, Some(row), Some(code), act)?;
        let tx = writing.tx;
        if let Some(undone) = undone {
            tx.execute(
                "INSERT INTO reversal (redemption, entry) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                &[undone.into(), entry.into()],
            )?;
            tx.execute("DELETE FROM unshown WHERE entry = $1", &[undone.into()])?;
        }
        count_hour(
            tx,
            row.campaign,
            "witnessed_back",
            act.now.as_millisecond(),
            entry,
        )
    }

    /// The entry of this ledger that tells of the redemption, where one does.
    fn redemption_here(
        &self,
        writing: &Writing<'_, '_>,
        row: &CodeRow,
    ) -> Result<Option<i64>, Cause> {
        let mut next = row.newest_entry;
        while let Some(entry) = next {
            let told = redemption(writing.tx, &writing.head, entry)?;
            let is_made = matches!(&told.body.fact, Fact::Redeemed { .. })
                || matches!(&told.body.fact, Fact::Witnessed { verb, .. } if verb == "redeem");
            if is_made && Some(redemption_name(&told).as_str()) == self.redemption {
                return Ok(Some(entry));
            }
            next = writing
                .tx
                .one(
                    "SELECT previous_of_code FROM entry WHERE id = $1",
                    &[entry.into()],
                    |row| row.maybe_int(0),
                )?
                .flatten();
        }
        self.redemption_before_its_code(writing, row)
    }

    /// The entry that tells of it where it was made before the code had come down.
    fn redemption_before_its_code(
        &self,
        writing: &Writing<'_, '_>,
        row: &CodeRow,
    ) -> Result<Option<i64>, Cause> {
        let made = writing.tx.all(
            "SELECT entry FROM act_key WHERE folded = $1 AND verb = 'redeem' ORDER BY entry",
            &[(&row.folded).into()],
            |row| row.int(0),
        )?;
        for entry in made {
            let told = redemption(writing.tx, &writing.head, entry)?;
            if Some(redemption_name(&told).as_str()) == self.redemption {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}
