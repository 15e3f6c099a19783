//! At a store: questions to the hub. Each is kept before it is asked, and stays until an answer is
//! known, which is `witness`.
//!
//! Invariants: a question is asked again under the same key, whoever asks. A question that was given
//! up is withdrawn by an entry, so that one that arrives late finds its key refused.

use crate::domain::entry::{Fact, Side};
use crate::domain::ids::Key;
use crate::domain::verdict::Pending;
use crate::domain::wire::{AskHub, Hello, HubKnown, Question, Verb, WIRE};
use crate::ledger::chain::Head;
use crate::ledger::codes::by_id;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, behind, campaigns, link, setting_of,
};

/// A question that was kept so long ago has no counter waiting for its answer any more.
const WAITED_MS: i64 = 5_000;

/// Questions asked again in one go.
const AGAIN_MAX: i64 = 100;

/// A question that is kept.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) counter: String,
    pub(crate) key: Key,
    /// The entry by which its act is known here, and nobody was told; none: no answer yet.
    pub(crate) entry: Option<i64>,
}

/// What was asked about a code before.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// The question whose key the scan has, or takes.
    pub(crate) same: Option<Asked>,
    /// Another caller's question has no answer yet.
    pub(crate) has_other: bool,
    /// The caller's own key is that of a question about something else.
    pub(crate) is_key_of_other_code: bool,
}

impl About {
    pub(crate) fn pending(&self) -> Pending {
        if self.same.is_some() {
            Pending::SameKey
        } else if self.has_other {
            Pending::OtherKey
        } else {
            Pending::None
        }
    }
}

/// What was asked about a code before. A scan without a key of its caller's own takes the key of the
/// oldest question, whichever counter asked it; one with a key keeps it.
pub(crate) fn about(
    tx: &Tx<'_>,
    verb: &str,
    folded: &str,
    own_key: Option<&Key>,
    counter: &str,
) -> Result<About, Cause> {
    let kept = tx.all(
        "SELECT counter, key, entry FROM pending WHERE folded = $1 AND verb = $2 \
         ORDER BY at_ms, counter, key",
        &[folded.into(), verb.into()],
        |row| {
            Ok(Asked {
                counter: row.text(0)?,
                key: key_of(&row.text(1)?)?,
                entry: row.maybe_int(2)?,
            })
        },
    )?;
    let Some(own_key) = own_key else {
        return Ok(About {
            same: kept.into_iter().next(),
            ..About::default()
        });
    };
    let (own, others): (Vec<Asked>, Vec<Asked>) = kept
        .into_iter()
        .partition(|asked| asked.counter == counter && asked.key == *own_key);
    let is_key_of_other_code = own.is_empty()
        && tx
            .one(
                "SELECT verb FROM pending WHERE counter = $1 AND key = $2",
                &[counter.into(), own_key.as_str().into()],
                |row| row.text(0),
            )?
            .is_some();
    Ok(About {
        same: own.into_iter().next(),
        has_other: others.iter().any(|asked| asked.entry.is_none()),
        is_key_of_other_code,
    })
}

/// The key of a question.
pub(crate) fn key_of(text: &str) -> Result<Key, Cause> {
    text.parse()
        .ok()
        .ok_or_else(|| Cause::Damaged(format!("a key, {text:?}")))
}

/// Keeps a question before it is asked. One that was kept before keeps what was said with it, beside
/// what is said now: a key binds the code, never the answers to questions.
pub(crate) fn keep(
    tx: &Tx<'_>,
    question: &Question,
    code: Option<i64>,
    folded: &str,
    act: &Act,
) -> Result<Question, Cause> {
    let mut question = question.clone();
    question.number = next_number(tx)?;
    let kept = tx.one(
        "SELECT question FROM pending WHERE counter = $1 AND key = $2",
        &[(&question.counter).into(), (&question.key).into()],
        |row| row.text(0),
    )?;
    if let Some(kept) = kept {
        add_what_was_said(
            &mut question.verb,
            serde_json::from_str::<Question>(&kept)?.verb,
        );
    }
    tx.execute(
        "INSERT INTO pending (counter, key, verb, code, folded, question, at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (counter, key) DO UPDATE \
         SET question = excluded.question, at_ms = excluded.at_ms, asks = pending.asks + 1",
        &[
            (&question.counter).into(),
            (&question.key).into(),
            verb_of(&question).into(),
            code.into(),
            folded.into(),
            (&serde_json::to_string(&question)?).into(),
            act.now.as_millisecond().into(),
        ],
    )?;
    Ok(question)
}

/// The number of the next asking.
fn next_number(tx: &Tx<'_>) -> Result<i64, Cause> {
    tx.one(
        "UPDATE hub_link SET newest_ask = newest_ask + 1 WHERE id = 1 RETURNING newest_ask",
        &[],
        |row| row.int(0),
    )?
    .ok_or_else(|| Cause::Damaged("this ledger has no hub".into()))
}

fn add_what_was_said(now: &mut Verb, before: Verb) {
    match (now, before) {
        (
            Verb::Redeem {
                receipt,
                customer,
                approved,
                ..
            },
            Verb::Redeem {
                receipt: receipt_before,
                customer: customer_before,
                approved: approved_before,
                ..
            },
        ) => {
            *receipt = receipt.take().or(receipt_before);
            *customer = customer.take().or(customer_before);
            *approved = approved.take().or(approved_before);
        }
        (
            Verb::Reverse { redemption, .. },
            Verb::Reverse {
                redemption: redemption_before,
                ..
            },
        ) => *redemption = redemption.take().or(redemption_before),
        _ => {}
    }
}

fn verb_of(question: &Question) -> &'static str {
    match question.verb {
        Verb::Redeem { .. } => "redeem",
        Verb::Reverse { .. } => "reverse",
        Verb::Assign { .. } => "assign",
        Verb::Replace { .. } => "replace",
    }
}

/// The question is settled.
pub(crate) fn settle(tx: &Tx<'_>, counter: &str, key: &Key) -> Result<(), Cause> {
    tx.execute(
        "DELETE FROM pending WHERE counter = $1 AND key = $2",
        &[counter.into(), key.as_str().into()],
    )?;
    Ok(())
}

/// What was asked by key, of a caller with or without one of its own.
pub(crate) fn caller_and_key(
    same: Option<&Asked>,
    act: &Act,
    key: impl FnOnce() -> Result<Key, Cause>,
) -> Result<(String, Key), Cause> {
    Ok(match same {
        Some(asked) => (asked.counter.clone(), asked.key.clone()),
        None => (act.counter.clone(), key()?),
    })
}

/// A question that waits for its answer, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingQuestion {
    /// What was asked.
    pub question: Question,
    /// The code, as it is known here.
    pub code: Option<String>,
    /// When it was asked last, milliseconds since 1970.
    pub at_ms: i64,
}

impl Ledger {
    /// A question as it is put to the hub.
    pub fn ask_of(
        &mut self,
        question: &Question,
        now: jiff::Timestamp,
    ) -> Result<AskHub, LedgerError> {
        self.read("read", "the link to the hub", |tx| {
            let head = Head::load(tx)?;
            let known = match link::load(tx)? {
                Some(link) => behind::known(tx, &link)?,
                None => HubKnown::default(),
            };
            let acked_seq = known.acked_seq;
            Ok(AskHub {
                hello: Hello {
                    wire: WIRE,
                    unsent: head.seq.saturating_sub(acked_seq).max(0).unsigned_abs(),
                    node: head.node,
                    incarnation: head.incarnation,
                    now_ms: now.as_millisecond(),
                },
                question: question.clone(),
                hub: known,
            })
        })
    }

    /// A question was certainly not sent, or certainly nothing was done about it: unless it was sent
    /// before, it is as if it had not been asked.
    pub fn not_asked(&mut self, question: &Question) -> Result<(), LedgerError> {
        self.write("take back", "a question to the hub", |writing| {
            take_back(writing.tx, question)
        })
    }

    /// Questions without an answer that no counter waits for any more, to be asked again: each is
    /// taken as asked once more.
    pub fn pending_questions(&mut self, act: &Act) -> Result<Vec<Question>, LedgerError> {
        let now_ms = act.now.as_millisecond();
        // One that is kept after now was kept before the clock was set back.
        let (latest_ms, earliest_ms) = (now_ms - WAITED_MS, now_ms + WAITED_MS);
        let is_any = self.read("look for", "pending questions", |tx| {
            tx.one(
                "SELECT key FROM pending WHERE entry IS NULL AND (at_ms < $1 OR at_ms > $2) LIMIT 1",
                &[latest_ms.into(), earliest_ms.into()],
                |row| row.text(0),
            )
        })?;
        if is_any.is_none() {
            return Ok(Vec::new());
        }
        self.write("list", "pending questions", |writing| {
            let mut questions: Vec<Question> = writing.tx.all(
                "SELECT question FROM pending WHERE entry IS NULL AND (at_ms < $1 OR at_ms > $2) \
                 ORDER BY at_ms, counter, key LIMIT $3",
                &[latest_ms.into(), earliest_ms.into(), AGAIN_MAX.into()],
                |row| Ok(serde_json::from_str(&row.text(0)?)?),
            )?;
            for question in &mut questions {
                question.number = next_number(writing.tx)?;
                writing.tx.execute(
                    "UPDATE pending SET asks = asks + 1, at_ms = $1, question = $2 \
                     WHERE counter = $3 AND key = $4",
                    &[
                        now_ms.into(),
                        (&serde_json::to_string(question)?).into(),
                        (&question.counter).into(),
                        (&question.key).into(),
                    ],
                )?;
            }
            Ok(questions)
        })
    }

    /// Every question without an answer, the oldest first.
    pub fn unanswered_questions(&mut self) -> Result<Vec<PendingQuestion>, LedgerError> {
        self.read("list", "pending questions", |tx| {
            tx.all(
                "SELECT p.question, coalesce(c.shown, c.folded, p.folded), p.at_ms FROM pending p \
                 LEFT JOIN code c ON c.id = p.code WHERE p.entry IS NULL \
                 ORDER BY p.at_ms, p.counter, p.key",
                &[],
                |row| {
                    Ok(PendingQuestion {
                        question: serde_json::from_str(&row.text(0)?)?,
                        code: row.maybe_text(1)?,
                        at_ms: row.int(2)?,
                    })
                },
            )
        })
    }

    /// Gives a question up: what the hub did under its key is undone there, and whatever is asked
    /// under it from now on is refused for ever. Nothing where no such question is kept.
    pub fn withdraw(
        &mut self,
        counter: &str,
        key: &Key,
        reason: &str,
        act: &Act,
    ) -> Result<bool, LedgerError> {
        self.write("withdraw", "a question to the hub", |writing| {
            withdraw(writing, (counter, key), reason, act)
        })
    }
}

/// One asking of a question is as if it had not been.
pub(crate) fn take_back(tx: &Tx<'_>, question: &Question) -> Result<(), Cause> {
    tx.execute(
        "UPDATE pending SET asks = asks - 1 WHERE counter = $1 AND key = $2 AND asks > 0",
        &[(&question.counter).into(), (&question.key).into()],
    )?;
    tx.execute(
        "DELETE FROM pending WHERE counter = $1 AND key = $2 AND asks = 0 AND entry IS NULL",
        &[(&question.counter).into(), (&question.key).into()],
    )?;
    Ok(())
}

fn withdraw(
    writing: &mut Writing<'_, '_>,
    (counter, key): (&str, &Key),
    reason: &str,
    act: &Act,
) -> Result<bool, Cause> {
    let kept = writing.tx.one(
        "SELECT code, entry FROM pending WHERE counter = $1 AND key = $2",
        &[counter.into(), key.as_str().into()],
        |row| Ok((row.maybe_int(0)?, row.maybe_int(1)?)),
    )?;
    let Some((code, answered)) = kept else {
        return Ok(false);
    };
    let row = match code {
        Some(code) => by_id(writing.tx, code)?,
        None => None,
    };
    let campaign = match &row {
        Some(row) => Some((row.campaign, campaigns::load(writing.tx, row.campaign)?)),
        None => None,
    };
    let entry = writing.append(
        Fact::Withdrawn,
        &Setting {
            campaign: campaign
                .as_ref()
                .map(|(local, campaign)| (*local, &campaign.id, campaign.revision)),
            code: row
                .as_ref()
                .map(|row| (row.id, row.folded.as_str(), row.newest_entry)),
            // The key is that of the counter that asked.
            counter,
            key: Some(key.as_str()),
            side: Side {
                reason: Some(reason.to_owned()),
                ..Side::default()
            },
            ..setting_of(act)
        },
    )?;
    if let Some(row) = &row {
        writing.tx.execute(
            "UPDATE code SET newest_entry = $1 WHERE id = $2",
            &[entry.local.into(), row.id.into()],
        )?;
    }
    settle(writing.tx, counter, key)?;
    if answered.is_some() {
        writing
            .tx
            .execute("DELETE FROM unshown WHERE entry = $1", &[answered.into()])?;
    }
    writing.tx.execute(
        "INSERT INTO act_key (caller, key, verb, subject, entry) \
         VALUES ($1, $2, 'withdrawn', $3, $4) ON CONFLICT (caller, key) DO UPDATE \
         SET verb = excluded.verb, entry = excluded.entry",
        &[
            counter.into(),
            key.as_str().into(),
            code.unwrap_or(0).into(),
            entry.local.into(),
        ],
    )?;
    Ok(true)
}
