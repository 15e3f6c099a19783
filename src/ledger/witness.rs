//! At a store: what the hub did under the key of a question, witnessed here.
//!
//! Invariant: an answer is written with the end of its question in one transaction. What this ledger
//! did itself and the hub has not heard of is never overwritten.

use crate::domain::entry::{Fact, instant};
use crate::domain::ids::Key;
use crate::domain::local_time::day_number;
use crate::domain::verdict::{Answer, Band, CodeState, Story, Verdict};
use crate::domain::wire::{Asked, Question, Told, Verb, WireCode, WireStory};
use crate::ledger::codes::{CodeRow, find, state_number, state_of};
use crate::ledger::customer_day::CustomerDay;
use crate::ledger::error::Cause;
use crate::ledger::link::Rights;
use crate::ledger::pending::{key_of, settle};
use crate::ledger::redeem::unsent_uses;
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

impl Ledger {
    /// The hub's answer to a question: what it did is witnessed, and its question is settled. What is
    /// answered here is committed.
    ///
    /// Only for questions about a redemption whose answer is one.
    pub fn witness(
        &mut self,
        question: &Question,
        asked: &Asked,
        heard_by: HeardBy,
        act: &Act,
    ) -> Result<Answer, LedgerError> {
        self.write("witness", "the hub's answer", |writing| {
            link::hear(writing, &asked.welcome, act)?;
            witness(writing, question, asked, heard_by, act)
        })
    }
}

/// What the hub told of a redemption.
struct ToldRedemption<'a> {
    question: &'a Question,
    key: Key,
    verdict: Verdict,
    entry: Option<&'a str>,
    at_ms: i64,
    code: Option<&'a WireCode>,
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
        code: asked.code.as_ref(),
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
            _ => None,
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
            // Another thread heard the same answer, or it was given up meanwhile.
            return Ok(if verb == "withdrawn" {
                Kept::GivenUp
            } else {
                Kept::Unchanged
            });
        }
        let row = match self.code {
            Some(code) => find(writing.tx, &code.code)?,
            None => None,
        };
        match (&row, self.entry) {
            (Some(row), Some(entry)) if self.verdict.band() == Band::Go => self
                .witness(writing, row, entry, heard_by, act)
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
        row: &CodeRow,
        hub_entry: &str,
        heard_by: HeardBy,
        act: &Act,
    ) -> Result<i64, Cause> {
        let tx = writing.tx;
        let campaign = campaigns::load(tx, row.campaign)?;
        let customer = match row.customer {
            Some(customer) => Some(customers::public_id(tx, customer)?),
            None => None,
        };
        let entry = writing.append(
            Fact::Witnessed {
                entry: hub_entry.to_owned(),
                verb: "redeem".to_owned(),
            },
            &Setting {
                campaign: Some((row.campaign, &campaign.id, campaign.revision)),
                code: Some((row.id, &row.folded, row.newest_entry)),
                customer: customer.as_deref(),
                counter: &self.question.counter,
                operator: self.question.operator.as_deref(),
                key: Some(self.key.as_str()),
                ..setting_of(act)
            },
        )?;
        self.apply(writing, row, campaign.rules.uses, entry.local)?;
        let tx = writing.tx;
        tx.execute(
            "INSERT INTO act_key (caller, key, verb, subject, entry) \
             VALUES ($1, $2, 'redeem', $3, $4)",
            &[
                (&self.question.counter).into(),
                self.key.as_str().into(),
                row.id.into(),
                entry.local.into(),
            ],
        )?;
        count_hour(
            tx,
            row.campaign,
            "witnessed",
            act.now.as_millisecond(),
            entry.local,
        )?;
        if let Some(customer) = row.customer {
            let zone = zone_of(&writing.head)?;
            let day = day_number(instant(self.at_ms), &zone);
            let day = CustomerDay {
                campaign: row.campaign,
                customer,
                day,
            };
            day.count_one(tx)?;
        }
        match heard_by {
            HeardBy::Nobody => {
                tx.execute(
                    "UPDATE pending SET entry = $1 WHERE counter = $2 AND key = $3",
                    &[
                        entry.local.into(),
                        (&self.question.counter).into(),
                        self.key.as_str().into(),
                    ],
                )?;
            }
            HeardBy::Caller => settle(tx, &self.question.counter, &self.key)?,
            HeardBy::Console => {
                settle(tx, &self.question.counter, &self.key)?;
                tx.execute(
                    "INSERT INTO unshown (entry, counter, code, key, at_ms) \
                     VALUES ($1, $2, $3, $4, $5)",
                    &[
                        entry.local.into(),
                        (&act.counter).into(),
                        row.id.into(),
                        self.key.as_str().into(),
                        act.now.as_millisecond().into(),
                    ],
                )?;
            }
        }
        Ok(entry.local)
    }

    /// The code as the hub told it, and the uses made here that the hub has not heard of on top.
    fn apply(
        &self,
        writing: &Writing<'_, '_>,
        row: &CodeRow,
        uses: u32,
        entry: i64,
    ) -> Result<(), Cause> {
        let Some(code) = self.code else {
            return Ok(());
        };
        let tx = writing.tx;
        let unsent = match Rights::load(tx)? {
            Some(rights) => unsent_uses(tx, row, rights)?,
            None => 0,
        };
        let uses_made = code.uses_made.saturating_add(unsent).min(uses);
        let told = state_of(code.state)?;
        let state = if told == CodeState::Assigned && uses_made >= uses {
            CodeState::Redeemed
        } else {
            told
        };
        tx.execute(
            "UPDATE code SET state = $1, uses_made = $2, newest_entry = $3 WHERE id = $4",
            &[
                state_number(state).into(),
                uses_made.into(),
                entry.into(),
                row.id.into(),
            ],
        )?;
        if let Some(first) = &code.first {
            tx.execute(
                "INSERT INTO story (code, at_ms, store, counter, operator) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (code) DO UPDATE \
                 SET at_ms = excluded.at_ms, store = excluded.store, counter = excluded.counter, \
                 operator = excluded.operator",
                &[
                    row.id.into(),
                    first.at_ms.into(),
                    (&first.store).into(),
                    (&first.counter).into(),
                    first.operator.as_ref().into(),
                ],
            )?;
        }
        if state != CodeState::Available {
            leave_pool(tx, row.campaign, row.state, row.holder)?;
        }
        let change = i64::from(uses_made) - i64::from(row.uses_made);
        move_tally(tx, row.campaign, row.state, state, change)
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
            Verb::Reverse { .. } | Verb::Assign { .. } => (None, None),
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
