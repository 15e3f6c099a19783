//! At a hub: what a store may not decide alone. The hub's entry is the act; the key it is bound to is
//! that of the counter that asked, `NODE/COUNTER`.
//!
//! Invariants: the same question again is answered the same, never done twice. A code that a store
//! holds is spent here only after that store has handed it over, or by the campaign's offline policy.
//! A key that was given up is refused for ever. Of two askings under one key, the one that was sent first
//! does nothing once the other was answered: whoever waited was told.

use jiff::tz::TimeZone;

use crate::domain::campaign::ContactKind;
use crate::domain::claim::{Claim, ClaimContext, ClaimWord};
use crate::domain::entry::{CHAIN_START, chained};
use crate::domain::ids::{EntryId, Key};
use crate::domain::notes::Notes;
use crate::domain::reversal::{Reversal, ReversalWord};
use crate::domain::verdict::{Answer, ApartCause, Approval, Band, CodeState, Story};
use crate::domain::wire::{
    AskHub, Asked, Question, Standing, Told, Verb, Welcome, WireCode, WireCustomer, WireStory,
};
use crate::ledger::assign::{Asks, ClaimRequest, Claimed, assign};
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{CodeRow, by_id, find, look_up, newest_redemption, redemption};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{self, FeedKind};
use crate::ledger::redeem::{Asker, AskingStore, Judged, Outcome, Reach, Scan, redeem};
use crate::ledger::replace::{ReplaceRequest, replace};
use crate::ledger::reverse::{Undo, UndoRequest, Undone, reverse};
use crate::ledger::telling::{wire_code, wire_customer};
use crate::ledger::{
    Act, Ledger, LedgerError, Place, Writing, behind, customers, nodes, stores, zone_of,
};

/// What is said where a store asks a ledger that is a store itself.
const NO_HUB: Cause = Cause::Unexpected("this ledger has joined a hub, so it is none");

/// A code that was asked back is asked back again after this time, should the holder not have heard.
const RECALL_AGAIN_MS: i64 = 10_000;

impl Ledger {
    /// Answers a store's question. Who asks must have been let in.
    ///
    /// [`Told::Wait`] where the code's holder was asked to hand it over: nothing was done, and the
    /// question is to be put again as it is, once something changed. When the time is up, it goes to
    /// [`Ledger::answer_at_last`].
    pub fn answer_question(&mut self, ask: &AskHub, act: &Act) -> Result<Asked, LedgerError> {
        self.answer_store(ask, true, act)
    }

    /// Answers a store's question without waiting for a holder: by the campaign's offline policy.
    pub fn answer_at_last(&mut self, ask: &AskHub, act: &Act) -> Result<Asked, LedgerError> {
        self.answer_store(ask, false, act)
    }

    fn answer_store(&mut self, ask: &AskHub, waits: bool, act: &Act) -> Result<Asked, LedgerError> {
        loop {
            let answered = self.write("answer", "a store's question", |writing| {
                answer(writing, ask, waits, act)
            })?;
            // None: only the cursor of a pool moved on, past codes that have ended.
            if let Some(asked) = answered {
                return Ok(asked);
            }
        }
    }
}

/// What a question comes to.
struct Answered {
    told: Told,
    code: Option<WireCode>,
    customer: Option<WireCustomer>,
}

fn answer(
    writing: &mut Writing<'_, '_>,
    ask: &AskHub,
    waits: bool,
    act: &Act,
) -> Result<Option<Asked>, Cause> {
    let node = nodes::find(writing.tx, &ask.hello.node)?
        .ok_or(Cause::Unexpected("a node asks that was never let in"))?;
    let store = stores::load(writing.tx, node)?;
    behind::look(writing, node, &ask.hub, (ask.hello.incarnation, 0), act)?;
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
    let caller = (act.counter.as_str(), ask.question.key.as_str());
    if !is_newest(writing.tx, caller, ask, &act)? {
        return Ok(Some(Asked {
            welcome: welcome(writing, node, ask, &act)?,
            told: Told::Overtaken,
            code: None,
            customer: None,
        }));
    }
    let answered = match &ask.question.verb {
        Verb::Redeem { .. } => answer_redemption(writing, &ask.question, &asking, &act)?,
        Verb::Reverse { .. } => answer_reversal(writing, &ask.question, &asking, &act)?,
        Verb::Assign { .. } => match answer_claim(writing, &ask.question, &asking, &act)? {
            Some(answered) => answered,
            None => return Ok(None),
        },
        Verb::Replace { .. } => match answer_replacement(writing, &ask.question, &asking, &act)? {
            Some(answered) => answered,
            None => return Ok(None),
        },
    };
    settle_heard(writing.tx, caller, ask.question.number, &answered.told)?;
    Ok(Some(Asked {
        welcome: welcome(writing, node, ask, &act)?,
        told: answered.told,
        code: answered.code,
        customer: answered.customer,
    }))
}

fn welcome(
    writing: &Writing<'_, '_>,
    node: i64,
    ask: &AskHub,
    act: &Act,
) -> Result<Welcome, Cause> {
    let mut welcome = stores::welcome(writing.tx, node, act.now)?;
    // Found out in this very transaction, perhaps.
    welcome.is_behind = writing.head.is_behind();
    behind::say_what_is_here(writing.tx, &mut welcome, &ask.hub)?;
    Ok(welcome)
}

/// Whether no later asking of a question was answered. Whoever asks it at the same moment waits here, so
/// that one of them finds the other.
fn is_newest(
    tx: &Tx<'_>,
    (caller, key): (&str, &str),
    ask: &AskHub,
    act: &Act,
) -> Result<bool, Cause> {
    if ask.question.number == 0 {
        return Ok(true);
    }
    let heard = tx.execute(
        "INSERT INTO heard (caller, key, incarnation, number, at_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (caller, key) DO UPDATE SET incarnation = excluded.incarnation, \
         number = excluded.number, at_ms = excluded.at_ms \
         WHERE heard.incarnation < excluded.incarnation \
         OR (heard.incarnation = excluded.incarnation AND heard.number < excluded.number)",
        &[
            caller.into(),
            key.into(),
            ask.hello.incarnation.into(),
            ask.question.number.into(),
            act.now.as_millisecond().into(),
        ],
    )?;
    Ok(heard == 1)
}

/// An act is known by its key from now on. What is to be asked again as it is, is heard again.
fn settle_heard(
    tx: &Tx<'_>,
    (caller, key): (&str, &str),
    number: i64,
    told: &Told,
) -> Result<(), Cause> {
    let is_act = match told {
        Told::Redeemed { verdict, .. } => verdict.band() == Band::Go,
        Told::Reversed { word, .. } => {
            matches!(word, ReversalWord::Reversed | ReversalWord::Replayed)
        }
        Told::Wait | Told::Held | Told::Overtaken | Told::Newest { .. } | Told::Assigned { .. } => {
            false
        }
    };
    if number == 0 {
        return Ok(());
    }
    if is_act {
        tx.execute(
            "DELETE FROM heard WHERE caller = $1 AND key = $2",
            &[caller.into(), key.into()],
        )?;
    } else if *told == Told::Wait {
        tx.execute(
            "UPDATE heard SET number = number - 1 WHERE caller = $1 AND key = $2",
            &[caller.into(), key.into()],
        )?;
    }
    Ok(())
}

/// Gives a customer of a store a code from the hub's own range; none where only the cursor moved on.
fn answer_claim(
    writing: &mut Writing<'_, '_>,
    question: &Question,
    asking: &AskingStore,
    act: &Act,
) -> Result<Option<Answered>, Cause> {
    let Verb::Assign {
        campaign,
        contacts,
        name,
        trigger,
        consents,
    } = &question.verb
    else {
        return Err(Cause::Unexpected("this is no question about a claim"));
    };
    if asking.barred.is_some() {
        let because = "the hub gives this store no codes any more: ask the hub's manager";
        return Ok(Some(nothing_given(ClaimWord::NeedsHub, because)));
    }
    let contacts = contacts_of(contacts)?;
    let key = key_of(question)?;
    let request = ClaimRequest {
        campaign,
        contacts: &contacts,
        context: ClaimContext::Send,
        key: Some(&key),
        minted: &key,
        trigger: trigger.as_deref(),
        notes: Notes::default(),
        resends: true,
        prints: false,
        name: name.as_deref(),
        consents: *consents,
        random: drawn_for(question, act),
    };
    let store = Some(asking.place.store.as_str());
    let claim = match assign(writing, &request, Asks::Never, store, act)? {
        None => return Ok(None),
        Some(Err(refusal)) => {
            let because = refusal.to_string();
            return Ok(Some(nothing_given(ClaimWord::NotEligible, &because)));
        }
        Some(Ok(Claimed::Ask(_))) => return Err(NO_HUB),
        Some(Ok(Claimed::Answered(claim))) => claim,
    };
    tell_claim(writing, *claim).map(Some)
}

/// Ends a code that no store holds, and gives its customer another from the hub's own range; none
/// where only the cursor moved on.
fn answer_replacement(
    writing: &mut Writing<'_, '_>,
    question: &Question,
    asking: &AskingStore,
    act: &Act,
) -> Result<Option<Answered>, Cause> {
    let Verb::Replace {
        code,
        reason,
        approved_by,
        only_unused,
    } = &question.verb
    else {
        return Err(Cause::Unexpected("this is no question about a replacement"));
    };
    if asking.barred.is_some() {
        let because = "the hub replaces no codes for this store any more: ask the hub's manager";
        return Ok(Some(nothing_given(ClaimWord::NeedsHub, because)));
    }
    let key = key_of(question)?;
    if let Some(row) = find(writing.tx, code)?
        && row.state == CodeState::Assigned
        && row.holder != OWN_NODE
        && !is_bound(writing.tx, &act.counter, &key)?
    {
        if row.holder == asking.node {
            return Ok(Some(nothing_done(Told::Held)));
        }
        recall(writing.tx, &row, act)?;
        if asking.waits {
            return Ok(Some(nothing_done(Told::Wait)));
        }
        let because = "another store holds this code and did not hand it over in time, so nothing \
                       was changed: ask again under the same key";
        return Ok(Some(nothing_given(ClaimWord::NeedsHub, because)));
    }
    let request = ReplaceRequest {
        raw: code.as_bytes(),
        reason,
        key: Some(&key),
        minted: &key,
        approved_by: approved_by.as_deref(),
        only_unused: *only_unused,
        prints: false,
        random: drawn_for(question, act),
    };
    Ok(Some(match replace(writing, &request, Asks::Never, act)? {
        None => return Ok(None),
        Some(Err(refusal)) => nothing_given(ClaimWord::NotEligible, &refusal.to_string()),
        Some(Ok(Claimed::Ask(_))) => return Err(NO_HUB),
        Some(Ok(Claimed::Answered(claim))) => tell_claim(writing, *claim)?,
    }))
}

fn nothing_done(told: Told) -> Answered {
    Answered {
        told,
        code: None,
        customer: None,
    }
}

fn tell_claim(writing: &Writing<'_, '_>, claim: Claim) -> Result<Answered, Cause> {
    let row = match &claim.code {
        Some(code) => look_up(writing.tx, code.as_bytes(), &[])?.0,
        None => None,
    };
    let customer = match &claim.customer_id {
        Some(id) => customers::by_public_id(writing.tx, id)?,
        None => None,
    };
    Ok(Answered {
        told: Told::Assigned {
            word: claim.word,
            entry: claim.assignment_id,
            because: claim.because,
        },
        code: told_code(writing, row.as_ref())?,
        customer: match customer {
            Some((customer, _)) => Some(wire_customer(writing.tx, customer)?),
            None => None,
        },
    })
}

fn contacts_of(told: &[(String, String)]) -> Result<Vec<(ContactKind, String)>, Cause> {
    const UNKNOWN: Cause = Cause::Unexpected("a store names an unknown kind of contact");
    told.iter()
        .map(|(kind, text)| {
            let mut kinds = ContactKind::ALL.into_iter();
            let kind = kinds.find(|known| known.as_str() == kind).ok_or(UNKNOWN)?;
            Ok((kind, text.clone()))
        })
        .collect()
}

fn nothing_given(word: ClaimWord, because: &str) -> Answered {
    Answered {
        told: Told::Assigned {
            word,
            entry: None,
            because: Some(because.to_owned()),
        },
        code: None,
        customer: None,
    }
}

/// Random bytes for a new customer's id: from those of the act, and what no other act has.
fn drawn_for(question: &Question, act: &Act) -> [u8; 14] {
    let drawn = chained(
        &CHAIN_START,
        &[
            &act.salt[..],
            act.counter.as_bytes(),
            question.key.as_bytes(),
        ]
        .concat(),
    );
    let mut random = [0; 14];
    for (byte, drawn) in random.iter_mut().zip(drawn) {
        *byte = drawn;
    }
    random
}

fn told_code(writing: &Writing<'_, '_>, row: Option<&CodeRow>) -> Result<Option<WireCode>, Cause> {
    match row {
        Some(row) => wire_code(writing.tx, row.id),
        None => Ok(None),
    }
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
) -> Result<Answered, Cause> {
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
    let approval = approval_of(approved.as_ref());
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
        reach: Reach::Shut,
        store: Some(asking),
    };
    let (told, found) = match redeem(writing, &scan, act, asker)? {
        Outcome::Wait => (Told::Wait, Some(code.clone())),
        Outcome::Held => (Told::Held, Some(code.clone())),
        Outcome::Judged(Judged::Ask(_)) => {
            return Err(NO_HUB);
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
    Ok(Answered {
        told,
        code: told_code(writing, row.as_ref())?,
        customer: None,
    })
}

fn answer_reversal(
    writing: &mut Writing<'_, '_>,
    question: &Question,
    asking: &AskingStore,
    act: &Act,
) -> Result<Answered, Cause> {
    let Verb::Reverse {
        redemption: named,
        code,
        reason,
        approved,
    } = &question.verb
    else {
        return Err(Cause::Unexpected("this is no question about a reversal"));
    };
    if asking.barred.is_some() {
        let refused = Told::Reversed {
            word: ReversalWord::OfflineRefused,
            redemption: named.clone(),
            entry: None,
            at_ms: act.now.as_millisecond(),
        };
        return Ok(Answered {
            told: refused,
            code: None,
            customer: None,
        });
    }
    let key = key_of(question)?;
    let approval = approval_of(approved.as_ref());
    let id = match named {
        Some(named) => Some(entry_of(named)?),
        None => None,
    };
    let undo = match (&id, code) {
        (Some(id), _) => Undo::Redemption(id),
        (None, Some(code)) => {
            if !is_bound(writing.tx, &act.counter, &key)? {
                return name_newest(writing, code, act);
            }
            // By its key alone it is told.
            Undo::Code {
                raw: code.as_bytes(),
                allowed_hosts: &[],
            }
        }
        (None, None) => return Err(Cause::Unexpected("a store asks to undo nothing")),
    };
    let request = UndoRequest {
        undo,
        reason,
        key: Some(&key),
        minted: &key,
        approval: approval.as_ref(),
    };
    let asker = Asker {
        reach: Reach::Shut,
        store: Some(asking),
    };
    let Undone::Answered(reversal) = reverse(writing, &request, None, act, asker)? else {
        return Err(NO_HUB);
    };
    tell_reversal(writing, reversal, (&act.counter, &key))
}

fn is_bound(tx: &Tx<'_>, caller: &str, key: &Key) -> Result<bool, Cause> {
    let bound = tx.one(
        "SELECT entry FROM act_key WHERE caller = $1 AND key = $2",
        &[caller.into(), key.as_str().into()],
        |row| row.int(0),
    )?;
    Ok(bound.is_some())
}

/// Tells which redemption of a code is its newest that stands: what is undone is asked about by name.
fn name_newest(writing: &Writing<'_, '_>, code: &str, act: &Act) -> Result<Answered, Cause> {
    let row = look_up(writing.tx, code.as_bytes(), &[])?.0;
    let newest = match &row {
        Some(row) => newest_redemption(writing.tx, &writing.head, row)?,
        None => None,
    };
    let told = match newest {
        Some(newest) => Told::Newest {
            redemption: newest.id.to_string(),
        },
        None => Told::Reversed {
            word: ReversalWord::NothingToReverse,
            redemption: None,
            entry: None,
            at_ms: act.now.as_millisecond(),
        },
    };
    Ok(Answered {
        told,
        code: told_code(writing, row.as_ref())?,
        customer: None,
    })
}

fn entry_of(named: &str) -> Result<EntryId, Cause> {
    named
        .parse()
        .ok()
        .ok_or(Cause::Unexpected("a store names what can be no entry"))
}

/// A reversal, with the entry that its key is bound to.
fn tell_reversal(
    writing: &Writing<'_, '_>,
    reversal: Reversal,
    (caller, key): (&str, &Key),
) -> Result<Answered, Cause> {
    let done = writing.tx.one(
        "SELECT subject, entry FROM act_key WHERE caller = $1 AND key = $2 AND verb = 'reverse'",
        &[caller.into(), key.as_str().into()],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    let row = match (&done, &reversal.code) {
        (Some((code, _)), _) => by_id(writing.tx, *code)?,
        (None, Some(stored)) => look_up(writing.tx, stored.as_bytes(), &[])?.0,
        (None, None) => None,
    };
    let entry = match done {
        Some((_, entry)) => Some(redemption(writing.tx, &writing.head, entry)?.id.to_string()),
        None => None,
    };
    Ok(Answered {
        told: Told::Reversed {
            word: reversal.word,
            redemption: reversal.redemption_id,
            entry,
            at_ms: reversal.at.as_millisecond(),
        },
        code: told_code(writing, row.as_ref())?,
        customer: None,
    })
}

fn approval_of(approved: Option<&(Option<String>, String)>) -> Option<Approval> {
    approved.map(|(by, reason)| Approval {
        by: by.clone(),
        reason: reason.clone(),
    })
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
        expires_at_ms: answer.expires_at.map(jiff::Timestamp::as_millisecond),
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
