//! At a hub: what a store may not decide alone. The hub's entry is the act; the key it is bound to is
//! that of the counter that asked, `NODE/COUNTER`.
//!
//! Invariants: the same question again is answered the same, never done twice. A code that a store
//! holds is spent here only after that store has handed it over, or by the campaign's offline policy.
//! A key that was given up is refused for ever.

use jiff::tz::TimeZone;

use crate::domain::ids::Key;
use crate::domain::verdict::{Answer, ApartCause, Approval, Story};
use crate::domain::wire::{AskHub, Asked, Question, Standing, Told, Verb, WireCode, WireStory};
use crate::ledger::codes::{CodeRow, find};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{self, FeedKind};
use crate::ledger::redeem::{Asker, AskingStore, Judged, Outcome, Reach, Scan, redeem};
use crate::ledger::telling::wire_code;
use crate::ledger::{Act, Ledger, LedgerError, Place, Writing, nodes, stores, zone_of};

/// A code that was asked back is asked back again after this time, should the holder not have heard.
const RECALL_AGAIN_MS: i64 = 10_000;

impl Ledger {
    /// Answers a store's question. Who asks must have been let in.
    ///
    /// [`Told::Wait`] where the code's holder was asked to hand it over: nothing was done, and the
    /// question is to be put again as it is, once something changed. When the time is up, it goes to
    /// [`Ledger::answer_at_last`].
    pub fn answer_question(&mut self, ask: &AskHub, act: &Act) -> Result<Asked, LedgerError> {
        self.write("answer", "a store's question", |writing| {
            answer(writing, ask, true, act)
        })
    }

    /// Answers a store's question without waiting for a holder: by the campaign's offline policy.
    pub fn answer_at_last(&mut self, ask: &AskHub, act: &Act) -> Result<Asked, LedgerError> {
        self.write("answer", "a store's question", |writing| {
            answer(writing, ask, false, act)
        })
    }
}

fn answer(
    writing: &mut Writing<'_, '_>,
    ask: &AskHub,
    waits: bool,
    act: &Act,
) -> Result<Asked, Cause> {
    let node = nodes::find(writing.tx, &ask.hello.node)?
        .ok_or(Cause::Unexpected("a node asks that was never let in"))?;
    let store = stores::load(writing.tx, node)?;
    let barred = match store.standing {
        Standing::Active if store.incarnation == ask.hello.incarnation => None,
        Standing::Active | Standing::Invited | Standing::Quarantined => {
            Some(ApartCause::Quarantined)
        }
        Standing::Revoked | Standing::WrittenOff | Standing::Stolen => Some(ApartCause::Revoked),
    };
    let zone = match TimeZone::get(&store.timezone) {
        Ok(zone) => zone,
        Err(_) => zone_of(&writing.head)?,
    };
    let asking = AskingStore {
        node,
        place: Place {
            store: store.store,
            zone,
            node: ask.hello.node.clone(),
        },
        barred,
        waits,
    };
    let act = Act {
        counter: format!("{}/{}", ask.hello.node, ask.question.counter),
        operator: ask.question.operator.clone(),
        ..act.clone()
    };
    let (told, code) = match &ask.question.verb {
        Verb::Redeem { .. } => answer_redemption(writing, &ask.question, &asking, &act)?,
        Verb::Reverse { .. } | Verb::Assign { .. } => {
            return Err(Cause::Unexpected("this hub cannot be asked that"));
        }
    };
    Ok(Asked {
        welcome: stores::welcome(writing.tx, node, act.now)?,
        told,
        customer: None,
        code,
    })
}

fn key_of(question: &Question) -> Result<Key, Cause> {
    question
        .key
        .parse()
        .ok()
        .ok_or(Cause::Unexpected("a store asks under what can be no key"))
}

fn answer_redemption(
    writing: &mut Writing<'_, '_>,
    question: &Question,
    asking: &AskingStore,
    act: &Act,
) -> Result<(Told, Option<WireCode>), Cause> {
    let Verb::Redeem {
        code,
        campaign,
        receipt,
        customer,
        approved,
        is_check,
    } = &question.verb
    else {
        return Err(Cause::Unexpected("this is no question about a redemption"));
    };
    let key = key_of(question)?;
    let approval = approved.as_ref().map(|(by, reason)| Approval {
        by: by.clone(),
        reason: reason.clone(),
    });
    let scan = Scan {
        key: Some(&key),
        campaign: campaign.as_ref(),
        receipt: receipt.as_deref(),
        customer: customer.as_deref(),
        approval: approval.as_ref(),
        is_check: *is_check,
        ..Scan::new(code.as_bytes(), &key)
    };
    let asker = Asker {
        reach: Reach::OutOfReach,
        store: Some(asking),
    };
    let (told, found) = match redeem(writing, &scan, act, asker)? {
        Outcome::Wait => (Told::Wait, Some(code.clone())),
        Outcome::Held => (Told::Held, Some(code.clone())),
        Outcome::Judged(Judged::Ask(_)) => {
            return Err(Cause::Unexpected(
                "this ledger has joined a hub, so it is none",
            ));
        }
        Outcome::Judged(Judged::Answered(answer)) => {
            let found = answer.code.as_ref().map(|_| code.clone());
            (told_of(*answer), found)
        }
    };
    let row = match found {
        Some(folded) => find(writing.tx, &folded)?,
        None => None,
    };
    let code = match &row {
        Some(row) => wire_code(writing.tx, row.id)?,
        None => None,
    };
    Ok((told, code))
}

fn told_of(answer: Answer) -> Told {
    Told::Redeemed {
        entry: answer.redemption_id,
        message: answer.message,
        at_ms: answer.at.as_millisecond(),
        overrode: answer
            .overrode
            .iter()
            .map(|word| (*word).to_owned())
            .collect(),
        offer: answer.offer,
        uses: answer.uses,
        expires_at_ms: answer.expires_at.map(|end| end.as_millisecond()),
        first: answer.first.map(wire_story),
        verdict: answer.verdict,
    }
}

fn wire_story(story: Story) -> WireStory {
    WireStory {
        at_ms: story.at.as_millisecond(),
        store: story.store,
        counter: story.counter,
        operator: story.operator,
    }
}

/// Asks a code's holder to hand it over.
pub(crate) fn recall(tx: &Tx<'_>, row: &CodeRow, act: &Act) -> Result<(), Cause> {
    let now_ms = act.now.as_millisecond();
    let asked = tx.execute(
        "INSERT INTO recall (code, node, at_ms) VALUES ($1, $2, $3) ON CONFLICT (code) DO UPDATE \
         SET node = excluded.node, at_ms = excluded.at_ms \
         WHERE recall.node <> excluded.node OR recall.at_ms < excluded.at_ms - $4 \
         OR recall.at_ms > excluded.at_ms",
        &[
            row.id.into(),
            row.holder.into(),
            now_ms.into(),
            RECALL_AGAIN_MS.into(),
        ],
    )?;
    if asked > 0 {
        feed::touch(tx, FeedKind::Recall, row.id, row.holder)?;
    }
    Ok(())
}
