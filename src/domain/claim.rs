//! The answer to a claim: one pure function over facts, [`decide`].
//!
//! Invariant: every path that gives a code to a customer comes through here.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::domain::campaign::{Campaign, ContactKind};
use crate::domain::ids::{CampaignId, MalformedName};
use crate::domain::local_time::in_words;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Not in this store, or not without a contact; the message says which.
    NotEligible,
    /// The campaign is paused, has not begun or is over; the message says which.
    NotLive,
    /// The key belongs to another act, customer or campaign.
    KeyConflict,
    /// An import under way has a code for this customer; nothing was given.
    InProgress,
    /// Only the hub gives one, and it is out of reach or has not answered.
    NeedsHub,
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
            ClaimWord::InProgress => "in_progress",
            ClaimWord::NeedsHub => "needs_hub",
        }
    }

    /// Whether the answer is about a code that the customer has.
    pub fn tells_code(self) -> bool {
        matches!(
            self,
            ClaimWord::Assigned | ClaimWord::Replayed | ClaimWord::AlreadyAssigned
        )
    }

    /// Why nothing is given, in words for the log; none: something is, or it was not asked for.
    pub fn why_nothing(self) -> Option<&'static str> {
        match self {
            ClaimWord::Assigned
            | ClaimWord::Replayed
            | ClaimWord::AlreadyAssigned
            | ClaimWord::Preview
            | ClaimWord::Forward => None,
            ClaimWord::NothingAssigned => Some("the customer has no code"),
            ClaimWord::PoolExhausted => Some("no code is left in the pool"),
            ClaimWord::InvalidContact => Some("a contact cannot be one"),
            ClaimWord::ContactsDisagree => Some("the contacts belong to two customers"),
            ClaimWord::NotEligible => Some("the campaign gives no code to this customer here"),
            ClaimWord::NotLive => Some("the campaign gives no codes now"),
            ClaimWord::KeyConflict => Some("the key belongs to another act, customer or campaign"),
            ClaimWord::InProgress => Some("an import under way has a code for this customer"),
            ClaimWord::NeedsHub => Some("only the hub gives a code, and it did not answer"),
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
            | ClaimWord::KeyConflict
            | ClaimWord::InProgress => 1,
            ClaimWord::NeedsHub => 3,
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
    /// It is paused.
    Paused,
    /// It begins at this instant.
    NotBegun(Timestamp),
    /// It was over at this instant.
    Over(Timestamp),
    /// It is for other stores.
    OtherStore,
    /// No contact that it goes by was named, and it gives none without.
    NeedsContact,
    /// No such contact was named, and so many a day may go without one, and have.
    NoneLeftToday(u32),
}

/// How the customer is known to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// By a contact that the campaign goes by.
    ByContact,
    /// By none; so many codes went to such customers today.
    ByNothing {
        /// Codes given to customers without a contact on this local day.
        given_today: u32,
    },
}

/// Whether a campaign gives codes out in a store at this instant: the first reason against it.
/// A test customer may draw before it has begun: that is what tests are for.
pub fn openness(
    campaign: &Campaign,
    store: &str,
    known: Known,
    is_tester: bool,
    now: Timestamp,
) -> Openness {
    let rules = &campaign.rules;
    if campaign.is_paused {
        return Openness::Paused;
    }
    if let Some(ends_at) = rules.ends_at.filter(|ends_at| now >= *ends_at) {
        return Openness::Over(ends_at);
    }
    if let Some(starts_at) = rules.starts_at.filter(|starts_at| now < *starts_at)
        && !is_tester
    {
        return Openness::NotBegun(starts_at);
    }
    if !rules.include_store(store) {
        return Openness::OtherStore;
    }
    match known {
        Known::ByContact => Openness::Open,
        Known::ByNothing { given_today } => match rules.allow_anonymous_per_day {
            0 => Openness::NeedsContact,
            allowed if given_today >= allowed => Openness::NoneLeftToday(allowed),
            _ => Openness::Open,
        },
    }
}

impl Openness {
    /// Why nothing is given and what to do about it, in words; none: it is open.
    pub fn words(self, campaign: &Campaign, store: &str, zone: &TimeZone) -> Option<String> {
        let id = &campaign.id;
        let rules = &campaign.rules;
        let contacts = || {
            let kinds: Vec<&str> = rules.identify_by.iter().map(|kind| kind.words()).collect();
            kinds.join(" or ")
        };
        Some(match self {
            Openness::Open => return None,
            Openness::Paused => {
                format!("{id} is paused, so nothing was given: ask again when it is resumed")
            }
            Openness::NotBegun(from) => format!(
                "{id} begins {}, so nothing was given: ask again then",
                in_words(from, zone)
            ),
            Openness::Over(end) => {
                format!("{id} ended {}, so nothing was given", in_words(end, zone))
            }
            Openness::OtherStore => format!(
                "{id} is for {}, not for {store}, so nothing was given: ask there",
                rules.stores.join(", ")
            ),
            Openness::NeedsContact => format!(
                "{id} gives a code to somebody known by {}, and none was named, so nothing was \
                 given: ask again with one",
                contacts()
            ),
            Openness::NoneLeftToday(allowed) => format!(
                "{id} gives {allowed} codes a day to customers without {}, and today's are gone: \
                 ask again with one",
                contacts()
            ),
        })
    }
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
    /// Whether one of them, or a test code of theirs, can be told of.
    pub has_code: bool,
    /// How many they may have.
    pub per_customer: u32,
    /// Whether the campaign gives codes out.
    pub openness: Openness,
    /// Where a code for them would come from.
    pub source: Source,
}

/// Where a customer's next code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From the pool.
    Pool,
    /// From its test part: the campaign is in test mode, and they are a test customer.
    TestPart,
    /// From an import that is still under way.
    Import,
    /// From the hub alone.
    Hub,
}

/// What is to be done about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimDecision {
    /// Nothing changes; this is the answer.
    Answer(ClaimWord),
    /// Draw a code; without one left, `pool_exhausted`.
    Draw,
    /// Make a test code, which the pool knows nothing of.
    DrawTest,
}

/// Decides a claim.
pub fn decide(context: ClaimContext, facts: ClaimFacts) -> ClaimDecision {
    use ClaimDecision::{Answer, Draw, DrawTest};
    match context {
        ClaimContext::Preview => return Answer(ClaimWord::Preview),
        ClaimContext::Forward => return Answer(ClaimWord::Forward),
        ClaimContext::View => {
            return Answer(match facts.named {
                Named::Several => ClaimWord::ContactsDisagree,
                Named::One if facts.has_code => ClaimWord::AlreadyAssigned,
                Named::One | Named::Nobody => ClaimWord::NothingAssigned,
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
    if facts.source != Source::TestPart && facts.codes_held >= facts.per_customer {
        return Answer(if facts.has_code {
            ClaimWord::AlreadyAssigned
        } else {
            // All that they have is still being imported.
            ClaimWord::InProgress
        });
    }
    match facts.openness {
        Openness::Paused | Openness::NotBegun(_) | Openness::Over(_) => Answer(ClaimWord::NotLive),
        Openness::OtherStore | Openness::NeedsContact | Openness::NoneLeftToday(_) => {
            Answer(ClaimWord::NotEligible)
        }
        Openness::Open => match facts.source {
            Source::Pool => Draw,
            Source::TestPart => DrawTest,
            Source::Import => Answer(ClaimWord::InProgress),
            Source::Hub => Answer(ClaimWord::NeedsHub),
        },
    }
}

/// A claim as it is answered, after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The answer.
    pub word: ClaimWord,
    /// Of which campaign.
    pub campaign: CampaignId,
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
    /// What the campaign says where no code is left; with `pool_exhausted` only.
    pub fallback: Option<String>,
    /// Why nothing was given, where the word has more than one cause.
    pub because: Option<String>,
    /// Live codes that the customer has beyond the campaign's limit: they were two customers
    /// before, or it was lowered; the oldest code is told.
    pub beyond_limit: u32,
}

impl Claim {
    /// What happened, to what, and what next, in words for people.
    pub fn message(&self) -> String {
        let campaign = &self.campaign;
        if let Some(because) = &self.because {
            return because.clone();
        }
        if self.state == Some(CodeState::Test.as_str()) {
            return self.test_words();
        }
        let state = self.state.unwrap_or_default();
        match self.word {
            ClaimWord::Assigned => format!("a code of {campaign} of their own"),
            ClaimWord::Replayed if self.is_usable() => {
                format!("the same request again: the code of {campaign} that it was given")
            }
            ClaimWord::Replayed => format!(
                "the same request again: the code of {campaign} that it was given is {state}; ask \
                 under another key"
            ),
            ClaimWord::AlreadyAssigned if self.beyond_limit > 0 => format!(
                "this customer has codes of {campaign} already, {} more than the campaign allows: \
                 their oldest",
                self.beyond_limit
            ),
            ClaimWord::AlreadyAssigned if self.is_usable() => {
                format!("this customer has a code of {campaign} already: this one")
            }
            ClaimWord::AlreadyAssigned => format!(
                "this customer has had what {campaign} gives to each, and the code is {state}; \
                 nothing more was given"
            ),
            ClaimWord::Preview => {
                format!("a placeholder for a preview of {campaign}: no code was given out")
            }
            ClaimWord::NothingAssigned if self.state.is_some() => format!(
                "the code that this customer had of {campaign} is {state}: a claim with the context \
                 send gives another"
            ),
            ClaimWord::NothingAssigned => format!(
                "this customer has no code of {campaign}: a claim with the context send gives one"
            ),
            ClaimWord::Forward => "a code is never passed on with a forwarded message: whoever \
                 gets it asks for their own"
                .to_owned(),
            ClaimWord::PoolExhausted => self.exhausted_words(),
            ClaimWord::InvalidContact => {
                "name the customer by an e-mail address, phone or loyalty \
                 number; nothing was given"
                    .to_owned()
            }
            ClaimWord::ContactsDisagree => {
                "these contacts belong to two customers, so nothing was \
                 given: ask with one of them"
                    .to_owned()
            }
            ClaimWord::NotEligible => format!("{campaign} gives no code to this customer here"),
            ClaimWord::NotLive => format!("{campaign} gives no codes now"),
            ClaimWord::KeyConflict => "this key belongs to another act, customer or campaign, so \
                 nothing was given: ask under a key of its own"
                .to_owned(),
            ClaimWord::NeedsHub => format!(
                "only the hub gives a code of {campaign} now, and it is out of reach: ask again when \
                 the line is back"
            ),
            ClaimWord::InProgress => format!(
                "an import under way has a code of {campaign} for this customer, so nothing was \
                 given: ask again under the same key when it is done"
            ),
        }
    }

    fn exhausted_words(&self) -> String {
        let campaign = &self.campaign;
        let instead = self
            .fallback
            .as_ref()
            .map_or_else(String::new, |text| format!("; say instead: {text}"));
        format!(
            "no code of {campaign} is left, so nothing was given: import or generate more, then ask \
             again under the same key{instead}"
        )
    }

    fn test_words(&self) -> String {
        let campaign = &self.campaign;
        if self.word == ClaimWord::Assigned {
            format!("a test code of {campaign}: no counter honours it, and the pool is as it was")
        } else {
            format!("a test code of {campaign} that this customer drew: no counter honours it")
        }
    }

    fn is_usable(&self) -> bool {
        self.state.is_some_and(|state| {
            state == CodeState::Assigned.as_str() || state == CodeState::Test.as_str()
        })
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
    let is_usable = matches!(state, CodeState::Assigned | CodeState::Test);
    (state.as_str(), is_usable)
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
    /// Whether a claim would draw a test code for them: as often as it is asked, and never a real one.
    pub is_tester: bool,
}

impl Looked {
    /// Whether a claim would draw a code for them, as far as their number goes.
    pub fn may_have_another(&self) -> bool {
        self.is_tester || self.codes_held < self.per_customer
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
    use crate::domain::campaign::Rules;

    const OPEN: ClaimFacts = ClaimFacts {
        key: ClaimKey::Free,
        named: Named::Nobody,
        codes_held: 0,
        has_code: false,
        per_customer: 1,
        openness: Openness::Open,
        source: Source::Pool,
    };

    #[test]
    fn only_send_draws_and_only_below_the_limit() {
        use ClaimDecision::{Answer, Draw};
        let send = |facts| decide(ClaimContext::Send, facts);
        assert_eq!(send(OPEN), Draw);
        let held = |codes_held, per_customer| ClaimFacts {
            named: Named::One,
            codes_held,
            has_code: codes_held > 0,
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
            openness: Openness::Paused,
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
    fn test_customers_draw_test_codes_only_and_without_a_limit() {
        use ClaimDecision::{Answer, DrawTest};
        let tester = ClaimFacts {
            named: Named::One,
            codes_held: 1,
            has_code: true,
            source: Source::TestPart,
            ..OPEN
        };
        let send = |facts| decide(ClaimContext::Send, facts);
        assert_eq!(send(tester), DrawTest);
        let paused = ClaimFacts {
            openness: Openness::Paused,
            ..tester
        };
        assert_eq!(send(paused), Answer(ClaimWord::NotLive));
        for context in [ClaimContext::Preview, ClaimContext::View] {
            assert_ne!(decide(context, tester), DrawTest);
        }
    }

    #[test]
    fn what_an_import_under_way_has_for_somebody_is_waited_for() {
        let send = |facts| decide(ClaimContext::Send, facts);
        let waits = ClaimDecision::Answer(ClaimWord::InProgress);
        let arriving = ClaimFacts {
            source: Source::Import,
            ..OPEN
        };
        assert_eq!(send(arriving), waits);
        let unseen = ClaimFacts {
            named: Named::One,
            codes_held: 1,
            ..OPEN
        };
        assert_eq!(send(unseen), waits);
    }

    #[test]
    fn whatever_keeps_a_campaign_shut_is_said() {
        let at = |ms| Timestamp::from_millisecond(ms).expect("an instant");
        let mut campaign = Campaign {
            id: "spring".parse().expect("a name"),
            revision: 1,
            is_paused: false,
            rules: Rules::new("Free coffee"),
        };
        campaign.rules.starts_at = Some(at(1_000));
        campaign.rules.ends_at = Some(at(2_000));
        campaign.rules.stores = vec!["Corner".into()];
        campaign.rules.allow_anonymous_per_day = 2;
        let nobody = |given_today| Known::ByNothing { given_today };
        let told = |campaign: &Campaign, store, known, is_tester, ms| {
            openness(campaign, store, known, is_tester, at(ms))
        };
        let known = Known::ByContact;
        let table = [
            (
                told(&campaign, "corner", known, false, 1_000),
                Openness::Open,
            ),
            (
                told(&campaign, "Corner", known, false, 999),
                Openness::NotBegun(at(1_000)),
            ),
            (told(&campaign, "Corner", known, true, 999), Openness::Open),
            (
                told(&campaign, "Corner", known, true, 2_000),
                Openness::Over(at(2_000)),
            ),
            (
                told(&campaign, "Station", known, false, 1_000),
                Openness::OtherStore,
            ),
            (
                told(&campaign, "Corner", nobody(1), false, 1_000),
                Openness::Open,
            ),
            (
                told(&campaign, "Corner", nobody(2), false, 1_000),
                Openness::NoneLeftToday(2),
            ),
        ];
        let zone = TimeZone::UTC;
        let mut said = std::collections::BTreeSet::new();
        for (found, expected) in table {
            assert_eq!(found, expected);
            let words = found.words(&campaign, "Station", &zone);
            assert_eq!(words.is_none(), found == Openness::Open);
            said.extend(words);
        }
        campaign.is_paused = true;
        let paused = told(&campaign, "Corner", known, true, 1_000);
        assert_eq!(paused, Openness::Paused);
        said.extend(paused.words(&campaign, "Corner", &zone));
        said.extend(Openness::NeedsContact.words(&campaign, "Corner", &zone));
        assert_eq!(said.len(), 6, "each has words of its own: {said:?}");
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
