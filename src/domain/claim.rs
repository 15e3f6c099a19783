//! The answer to a claim: one pure function over facts, [`decide`].
//!
//! Invariant: every path that gives a code to a customer comes through here.

use jiff::Timestamp;

use crate::domain::campaign::ContactKind;
use crate::domain::ids::MalformedName;
use crate::domain::slip_job::SlipJob;
use crate::domain::verdict::CodeState;

/// What the code is wanted for; only `Send` ever draws one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimContext {
    /// The customer is to get a code.
    Send,
    /// Somebody looks at how a message will be: a stable placeholder.
    Preview,
    /// The customer looks at the message again: the newest code of theirs.
    View,
    /// The customer sends the message on: no code.
    Forward,
}

impl std::str::FromStr for ClaimContext {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "send" => Ok(ClaimContext::Send),
            "preview" => Ok(ClaimContext::Preview),
            "view" => Ok(ClaimContext::View),
            "forward" => Ok(ClaimContext::Forward),
            _ => Err(MalformedName(format!(
                "{text:?} is not a context: use send, preview, view or forward"
            ))),
        }
    }
}

/// The answer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimWord {
    /// A code of their own, now.
    Assigned,
    /// The same key again: the first answer.
    Replayed,
    /// They have as many as they may: the newest live one; with more than that, the oldest.
    AlreadyAssigned,
    /// A placeholder that redeems as `not_ours`.
    Preview,
    /// They have none to look at again.
    NothingAssigned,
    /// Never a code.
    Forward,
    /// No code is left; nothing was given.
    PoolExhausted,
    /// A contact cannot be one, or none was given.
    InvalidContact,
    /// The contacts belong to two customers; nothing was given.
    ContactsDisagree,
    /// Not in this store, or not without a contact.
    NotEligible,
    /// The campaign is paused, has not begun or is over.
    NotLive,
    /// The key belongs to another act, customer or campaign.
    KeyConflict,
}

impl ClaimWord {
    /// The word as JSON and the log name it.
    pub fn as_str(self) -> &'static str {
        match self {
            ClaimWord::Assigned => "assigned",
            ClaimWord::Replayed => "replayed",
            ClaimWord::AlreadyAssigned => "already_assigned",
            ClaimWord::Preview => "preview",
            ClaimWord::NothingAssigned => "nothing_assigned",
            ClaimWord::Forward => "forward",
            ClaimWord::PoolExhausted => "pool_exhausted",
            ClaimWord::InvalidContact => "invalid_contact",
            ClaimWord::ContactsDisagree => "contacts_disagree",
            ClaimWord::NotEligible => "not_eligible",
            ClaimWord::NotLive => "not_live",
            ClaimWord::KeyConflict => "key_conflict",
        }
    }

    /// The exit code of `assign`.
    pub fn exit_code(self) -> u8 {
        match self {
            ClaimWord::Assigned
            | ClaimWord::Replayed
            | ClaimWord::AlreadyAssigned
            | ClaimWord::Preview => 0,
            ClaimWord::NothingAssigned
            | ClaimWord::Forward
            | ClaimWord::PoolExhausted
            | ClaimWord::InvalidContact
            | ClaimWord::ContactsDisagree
            | ClaimWord::NotEligible
            | ClaimWord::NotLive
            | ClaimWord::KeyConflict => 1,
        }
    }

    /// One sentence for people.
    pub fn message(self) -> &'static str {
        match self {
            ClaimWord::Assigned => "a code of their own",
            ClaimWord::Replayed => "the same request again: the code it was given",
            ClaimWord::AlreadyAssigned => "this customer has one already",
            ClaimWord::Preview => "a placeholder: no code was given out",
            ClaimWord::NothingAssigned => "this customer has no code of this campaign",
            ClaimWord::Forward => "a code is never passed on with a forwarded message",
            ClaimWord::PoolExhausted => "no code is left: import or generate more, then ask again",
            ClaimWord::InvalidContact => "name the customer by an e-mail, phone or loyalty number",
            ClaimWord::ContactsDisagree => {
                "these contacts belong to two customers; nothing was given"
            }
            ClaimWord::NotEligible => "not for this store, or not without a contact",
            ClaimWord::NotLive => "the campaign is paused, has not begun or is over",
            ClaimWord::KeyConflict => "this key belongs to another act",
        }
    }
}

/// Whom the contacts name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Nobody known yet.
    Nobody,
    /// One customer.
    One,
    /// Two or more.
    Several,
}

/// What the caller's key is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimKey {
    /// To nothing yet.
    Free,
    /// To a claim of this customer and campaign.
    Same,
    /// To anything else.
    Other,
}

/// Whether the campaign gives codes out now, here and to such a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// It does.
    Open,
    /// Paused, not begun or over.
    NotLive,
    /// Not in this store, or no contact where one is needed.
    NotEligible,
}

/// Everything a claim depends on.
#[derive(Debug, Clone, Copy)]
pub struct ClaimFacts {
    /// The key.
    pub key: ClaimKey,
    /// The customer.
    pub named: Named,
    /// Codes of this campaign that the customer has, void ones not counted.
    pub codes_held: u32,
    /// How many they may have.
    pub per_customer: u32,
    /// Whether the campaign gives codes out.
    pub openness: Openness,
}

/// What is to be done about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimDecision {
    /// Nothing changes; this is the answer.
    Answer(ClaimWord),
    /// Draw a code; without one left, `pool_exhausted`.
    Draw,
}

/// Decides a claim.
pub fn decide(context: ClaimContext, facts: ClaimFacts) -> ClaimDecision {
    use ClaimDecision::{Answer, Draw};
    match context {
        ClaimContext::Preview => return Answer(ClaimWord::Preview),
        ClaimContext::Forward => return Answer(ClaimWord::Forward),
        ClaimContext::View => {
            return Answer(match (facts.named, facts.codes_held) {
                (Named::Several, _) => ClaimWord::ContactsDisagree,
                (Named::One, 1..) => ClaimWord::AlreadyAssigned,
                (Named::One, 0) | (Named::Nobody, _) => ClaimWord::NothingAssigned,
            });
        }
        ClaimContext::Send => {}
    }
    match facts.key {
        ClaimKey::Same => return Answer(ClaimWord::Replayed),
        ClaimKey::Other => return Answer(ClaimWord::KeyConflict),
        ClaimKey::Free => {}
    }
    if facts.named == Named::Several {
        return Answer(ClaimWord::ContactsDisagree);
    }
    if facts.codes_held >= facts.per_customer {
        return Answer(ClaimWord::AlreadyAssigned);
    }
    match facts.openness {
        Openness::NotLive => Answer(ClaimWord::NotLive),
        Openness::NotEligible => Answer(ClaimWord::NotEligible),
        Openness::Open => Draw,
    }
}

/// A claim as it is answered, after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The answer.
    pub word: ClaimWord,
    /// The code, only where it is usable; or the placeholder of a preview.
    pub code: Option<String>,
    /// The state of the code that is told of; `expired` is computed.
    pub state: Option<&'static str>,
    /// The assignment's entry.
    pub assignment_id: Option<String>,
    /// The customer.
    pub customer_id: Option<String>,
    /// The key it was asked under.
    pub key: String,
    /// The first instant at which the code is no longer valid.
    pub expires_at: Option<Timestamp>,
    /// The slip to be printed now, where one was asked for.
    pub slip: Option<SlipJob>,
    /// Live codes that the customer has beyond the campaign's limit: they were two customers
    /// before, and the oldest code is told.
    pub beyond_limit: u32,
    /// Why a contact is none, where that is the answer.
    pub contact_fault: Option<String>,
}

impl Claim {
    /// The answer in words for people: the word's own, and what is special about this one.
    pub fn message(&self) -> String {
        if let Some(fault) = &self.contact_fault {
            return fault.clone();
        }
        let words = self.word.message();
        if self.beyond_limit == 0 {
            return words.to_owned();
        }
        format!(
            "{words}: their oldest, and they have {} more than the campaign allows, since they were \
             two customers before",
            self.beyond_limit
        )
    }
}

/// The state of a customer's code as a claim tells it, and whether the code is usable.
pub fn told_state(
    state: CodeState,
    ends_at: Option<Timestamp>,
    now: Timestamp,
) -> (&'static str, bool) {
    if state == CodeState::Assigned && ends_at.is_some_and(|end| now >= end) {
        return ("expired", false);
    }
    (state.as_str(), state == CodeState::Assigned)
}

/// Whether the oldest of a customer's live codes is told instead of the newest: they have more than
/// they may, for two customers turned out to be one, and what they may have is what they had first.
pub fn tells_oldest(codes_held: u32, per_customer: u32) -> bool {
    codes_held > per_customer
}

/// A counter takes back what it has given out within this time; later, a manager.
pub const OWN_CANCEL_MS: i64 = 15 * 60_000;

/// Why an assignment is not taken back at the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CancelFault {
    /// Another counter gave it out, or none of this ledger.
    #[error("the code was not given out at this counter")]
    NotHere,
    /// It was given out too long ago, or in the future of this clock.
    #[error("the code was given out more than 15 minutes ago, by this computer's clock")]
    NotLately,
    /// It was used.
    #[error("the code has been used")]
    Used,
}

/// Where and when a code was given out.
#[derive(Debug, Clone, Copy)]
pub struct GivenOut<'a> {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// At which counter.
    pub counter: &'a str,
}

/// Why a counter may not take an assignment back; none: it may. Its own only, within 15 minutes by
/// the same clock, and only while the code has no uses.
pub fn cancel_fault(
    given_out: Option<GivenOut<'_>>,
    uses_made: u32,
    counter: &str,
    now_ms: i64,
) -> Option<CancelFault> {
    if uses_made > 0 {
        return Some(CancelFault::Used);
    }
    let Some(given_out) = given_out.filter(|given_out| given_out.counter == counter) else {
        return Some(CancelFault::NotHere);
    };
    let is_lately = (0..=OWN_CANCEL_MS).contains(&(now_ms - given_out.at_ms));
    (!is_lately).then_some(CancelFault::NotLately)
}

/// What a desk is told of whoever the contacts name, before anything is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A contact is none, or none yet: it is still being typed.
    Invalid {
        /// Which.
        kind: ContactKind,
        /// Why, in words.
        why: String,
    },
    /// Nobody is known by them.
    Nobody,
    /// One customer.
    One(Looked),
    /// They belong to two customers or more.
    Several,
}

/// A customer as a look finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Their name in this ledger.
    pub customer_id: String,
    /// Their live code of the campaign that a claim would tell, mostly the newest
    /// ([`tells_oldest`]); none: they have none.
    pub newest: Option<LookedCode>,
    /// Codes of the campaign that they have, void ones not counted.
    pub codes_held: u32,
    /// How many they may have.
    pub per_customer: u32,
}

impl Looked {
    /// Whether a claim would draw a code for them, as far as their number goes.
    pub fn may_have_another(&self) -> bool {
        self.codes_held < self.per_customer
    }
}

/// A code as a look tells it: enough to recognise, not enough to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedCode {
    /// Its last letters.
    pub masked: String,
    /// Its state; `expired` is computed.
    pub state: &'static str,
    /// Whether it can be used.
    pub is_usable: bool,
    /// The first instant at which it is no longer valid.
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: ClaimFacts = ClaimFacts {
        key: ClaimKey::Free,
        named: Named::Nobody,
        codes_held: 0,
        per_customer: 1,
        openness: Openness::Open,
    };

    #[test]
    fn only_send_draws_and_only_below_the_limit() {
        use ClaimDecision::{Answer, Draw};
        let send = |facts| decide(ClaimContext::Send, facts);
        assert_eq!(send(OPEN), Draw);
        let held = |codes_held, per_customer| ClaimFacts {
            named: Named::One,
            codes_held,
            per_customer,
            ..OPEN
        };
        assert_eq!(send(held(1, 1)), Answer(ClaimWord::AlreadyAssigned));
        assert_eq!(send(held(1, 2)), Draw);
        for context in [
            ClaimContext::Preview,
            ClaimContext::View,
            ClaimContext::Forward,
        ] {
            for facts in [OPEN, held(0, 1), held(1, 1), held(1, 2)] {
                assert_ne!(decide(context, facts), Draw, "{context:?}");
            }
        }
        assert_eq!(
            decide(ClaimContext::View, held(1, 1)),
            Answer(ClaimWord::AlreadyAssigned)
        );
        assert_eq!(
            decide(ClaimContext::View, OPEN),
            Answer(ClaimWord::NothingAssigned)
        );
    }

    #[test]
    fn a_key_and_a_customer_come_before_the_campaigns_state() {
        use ClaimDecision::Answer;
        let shut = ClaimFacts {
            openness: Openness::NotLive,
            ..OPEN
        };
        let send = |facts| decide(ClaimContext::Send, facts);
        assert_eq!(send(shut), Answer(ClaimWord::NotLive));
        let key = |key| ClaimFacts { key, ..shut };
        assert_eq!(send(key(ClaimKey::Same)), Answer(ClaimWord::Replayed));
        assert_eq!(send(key(ClaimKey::Other)), Answer(ClaimWord::KeyConflict));
        let several = ClaimFacts {
            named: Named::Several,
            ..shut
        };
        assert_eq!(send(several), Answer(ClaimWord::ContactsDisagree));
    }

    #[test]
    fn a_counter_takes_back_only_its_own_unused_and_only_for_fifteen_minutes() {
        let fault = |uses_made, counter, minutes: i64| {
            let given_out = GivenOut {
                at_ms: 1_000_000,
                counter: "desk",
            };
            cancel_fault(
                Some(given_out),
                uses_made,
                counter,
                1_000_000 + minutes * 60_000,
            )
        };
        assert_eq!(fault(0, "desk", 0), None);
        assert_eq!(fault(0, "desk", 15), None);
        assert_eq!(fault(0, "desk", 16), Some(CancelFault::NotLately));
        assert_eq!(fault(0, "desk", -1), Some(CancelFault::NotLately));
        assert_eq!(fault(0, "till", 0), Some(CancelFault::NotHere));
        assert_eq!(fault(1, "desk", 0), Some(CancelFault::Used));
        assert_eq!(
            cancel_fault(None, 0, "desk", 1_000_000),
            Some(CancelFault::NotHere)
        );
    }
}
