//! The answer to a claim: one pure function over facts, [`decide`].
//!
//! Invariant: every path that gives a code to a customer comes through here.

use jiff::Timestamp;

use crate::domain::ids::MalformedName;
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
}
