//! The verdict on a scan: one pure function over facts and time, [`judge`].
//!
//! Invariant: every path (console, command line, `--stdin`, later the hub) comes through here, so a
//! rule is coded once. A refusal is a value.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::domain::campaign::{Campaign, OfflinePolicy, Requirement};
use crate::domain::ids::CampaignId;
use crate::domain::local_time::{in_few_words, in_words};
use crate::domain::reading::{MisreadHint, NotOurs, Otherwise};

/// How a verdict must be acted on, readable from two metres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// Honour it.
    Go,
    /// Something is asked; nothing is used up yet.
    Look,
    /// Do not honour it.
    Stop,
    /// The outcome is not known: do not hand over, scan again.
    Wait,
}

impl Band {
    /// The band as JSON names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Band::Go => "go",
            Band::Look => "look",
            Band::Stop => "stop",
            Band::Wait => "wait",
        }
    }

    /// The exit code of `redeem`.
    pub fn exit_code(self) -> u8 {
        match self {
            Band::Go => 0,
            Band::Look | Band::Stop => 1,
            Band::Wait => 3,
        }
    }
}

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Nobody else can have spent it.
    Confirmed,
    /// Honoured apart from its holder, settled later.
    Provisional,
    /// Asked, not answered.
    Unknown,
}

impl Certainty {
    /// The certainty as JSON names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Certainty::Confirmed => "confirmed",
            Certainty::Provisional => "provisional",
            Certainty::Unknown => "unknown",
        }
    }
}

/// The state of a code as stored; *expired* and *not yet valid* are computed, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CodeState {
    /// In the pool, never given out.
    Available,
    /// Given out, with uses left.
    Assigned,
    /// All uses spent.
    Redeemed,
    /// Ended.
    Void,
    /// May have been spent by a life of the ledger that we no longer know.
    Suspect,
    /// Drawn in test mode: never in the pool, never honoured.
    Test,
}

impl CodeState {
    /// Every state, in the order of its stored number.
    pub const ALL: [CodeState; 6] = [
        CodeState::Available,
        CodeState::Assigned,
        CodeState::Redeemed,
        CodeState::Void,
        CodeState::Suspect,
        CodeState::Test,
    ];

    /// The state as it is named everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            CodeState::Available => "available",
            CodeState::Assigned => "assigned",
            CodeState::Redeemed => "redeemed",
            CodeState::Void => "void",
            CodeState::Suspect => "suspect",
            CodeState::Test => "test",
        }
    }
}

/// One act as it is told: when, where, by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// When it happened, by that counter's clock.
    pub at: Timestamp,
    /// The store.
    pub store: String,
    /// The counter.
    pub counter: String,
    /// The operator; none: nobody signs in there.
    pub operator: Option<String>,
}

/// What a caller's key is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyBinding {
    /// To nothing yet.
    Free,
    /// To a redemption of the very code asked for, which stands.
    SameRedemption,
    /// To a redemption of the very code asked for, which was reversed.
    SameReversed,
    /// To another act or another code.
    Other,
}

/// Who may spend a code without asking, as far as this ledger knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// This ledger.
    Ours,
    /// Another node, and the hub is in reach: it is asked.
    AskHub,
    /// Another node, or nobody, and nobody can be asked now.
    Apart(Apart),
}

/// A code that may not be spent here, and nobody can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    /// Why not.
    pub cause: ApartCause,
    /// Codes of the campaign that were honoured provisionally here on this local day.
    pub provisional_today: u32,
}

/// Why a code may not be spent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApartCause {
    /// Another node holds it, and the hub is out of reach.
    OutOfReach,
    /// This ledger holds it, but has not heard from its hub for longer than a lease's soft end.
    LeaseEnded,
    /// At the hub: a store holds it, and was asked to hand it over.
    HeldByStore,
    /// This ledger was restored or copied: it spends nothing until the hub has looked at it.
    Quarantined,
    /// The hub has revoked this store.
    Revoked,
}

/// Whether the hub was asked about the code before, and has not answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pending {
    /// It was not.
    #[default]
    None,
    /// It was, under the very key of this scan.
    SameKey,
    /// It was, under the key of another caller.
    OtherKey,
}

/// What the ledger knows of a code that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The code as stored.
    pub code: String,
    /// Its campaign.
    pub campaign: Campaign,
    /// Its state.
    pub state: CodeState,
    /// Uses made so far.
    pub uses_made: u32,
    /// The end of its own validity, not included; none: as long as the campaign.
    pub expires_at: Option<Timestamp>,
    /// The customer who holds it, where known.
    pub customer: Option<String>,
    /// The first redemption that stands.
    pub first: Option<Story>,
    /// Why it is void, where it is.
    pub void_reason: Option<String>,
    /// It was unredeemed in a restored backup, and no manager has ended the approvals.
    pub is_under_restore: bool,
    /// Redemptions that its customer has made in this campaign on this local day.
    pub customer_redemptions_today: u32,
    /// Whether that is all there is to know.
    pub knowledge: Knowledge,
}

/// Whether a ledger knows all there is to know of a code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Knowledge {
    /// As far as anybody can tell.
    #[default]
    Whole,
    /// More than the hub: it was redeemed here, and the hub has not heard of it.
    NewerHere,
    /// It is suspect, and another ledger may have spent it.
    InPart,
}

/// Everything about the ledger that a verdict depends on.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the caller's key is bound to.
    pub key: KeyBinding,
    /// Who may spend the code.
    pub holding: Holding,
    /// Whether the hub was asked about it before.
    pub pending: Pending,
    /// How long ago this counter last read this very code and honoured it.
    pub since_honoured: Option<Duration>,
    /// The code, where the text names one.
    pub found: Option<Found>,
    /// What the text is, where it names no code.
    pub otherwise: Otherwise,
    /// The store in which it was scanned.
    pub store: String,
    /// The store's time zone.
    pub zone: TimeZone,
    /// The wall clock lies before the newest entry or the program's build date.
    pub is_clock_behind: bool,
}

/// What the caller asked for, beside the code.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Only a code of this campaign will do.
    pub campaign: Option<CampaignId>,
    /// The receipt number.
    pub receipt: Option<String>,
    /// Who the customer is, once matched to one the ledger knows; `Some(None)`: said, but unknown.
    pub customer: Option<Option<String>>,
    /// A manager has approved, and set aside what a manager may set aside.
    pub is_approved: bool,
}

/// A manager's approval, and why it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The manager; none: nobody signs in here.
    pub by: Option<String>,
    /// The reason, in their words.
    pub reason: String,
}

/// The answer to a scan, with everything a counter shows of it; given after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// Judged only: nothing was used up.
    pub is_check: bool,
    /// The code as stored; none where it was not found.
    pub code: Option<String>,
    /// Its campaign.
    pub campaign: Option<CampaignId>,
    /// What the customer gets.
    pub offer: Option<String>,
    /// Uses made, this one counted.
    pub uses_made: Option<u32>,
    /// Uses the campaign allows.
    pub uses: Option<u32>,
    /// The first instant at which it is no longer valid.
    pub expires_at: Option<Timestamp>,
    /// The redemption's entry: of this act, or of the one replayed.
    pub redemption_id: Option<String>,
    /// The key it was asked under.
    pub key: String,
    /// When it was judged; of a replay, when it was first accepted.
    pub at: Timestamp,
    /// The first redemption that stands, where the verdict tells of one.
    pub first: Option<Story>,
    /// One sentence for people.
    pub message: String,
    /// The refusals a manager set aside that would have stood otherwise.
    pub overrode: Vec<&'static str>,
    /// The local entry to mark as shown once this is drawn.
    pub unshown: Option<i64>,
}

/// An acceptance that may not have been drawn before a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// Its local entry.
    pub entry: i64,
    /// When it was accepted.
    pub at: Timestamp,
    /// The code as stored.
    pub code: String,
    /// The offer.
    pub offer: String,
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Redemptions per customer and local day.
    PerDay(u32),
}

/// Why a manager is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalCause {
    /// The campaign asks for approval of every redemption.
    Campaign,
    /// The clock is wrong, and the verdict would depend on it.
    Clock,
    /// The ledger was restored from a backup, and this code was unredeemed in it.
    Restore,
}

/// The answer to a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Honour it.
    Accepted {
        /// How sure it is.
        certainty: Certainty,
    },
    /// The same key again: the first answer, nothing counted twice.
    Replayed,
    /// Read again within three seconds at this counter: counted once.
    Reread,
    /// Say who it is.
    NeedsCustomer,
    /// Say the receipt number.
    NeedsAnswer,
    /// A manager must approve.
    NeedsApproval(ApprovalCause),
    /// Scan again.
    Misread(MisreadHint),
    /// All uses are spent.
    AlreadyRedeemed,
    /// This key's redemption was reversed.
    Reversed,
    /// No such code.
    NotFound,
    /// In the pool but never given out.
    NotAssigned,
    /// Not before this instant.
    NotYetValid(Timestamp),
    /// No longer from this instant on.
    Expired(Timestamp),
    /// Outside the campaign's hours.
    OutsideHours,
    /// The campaign is paused.
    Paused,
    /// Its life was ended.
    Void,
    /// May have been spent already.
    Suspect,
    /// Not honoured in this store.
    WrongStore,
    /// Of another campaign than asked for.
    WrongCampaign,
    /// Belongs to another customer.
    WrongCustomer,
    /// A limit is reached.
    LimitReached(Limit),
    /// Not a code of ours, and what it is.
    NotOurs(NotOurs),
    /// The key belongs to another code.
    KeyConflict,
    /// Its holder is out of reach.
    OfflineRefused,
    /// The hub was asked and has not answered.
    UnknownOutcome,
}

impl Verdict {
    /// The word, as in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Accepted { .. } => "accepted",
            Verdict::Replayed => "replayed",
            Verdict::Reread => "reread",
            Verdict::NeedsCustomer => "needs_customer",
            Verdict::NeedsAnswer => "needs_answer",
            Verdict::NeedsApproval(_) => "needs_approval",
            Verdict::Misread(_) => "misread",
            Verdict::AlreadyRedeemed => "already_redeemed",
            Verdict::Reversed => "reversed",
            Verdict::NotFound => "not_found",
            Verdict::NotAssigned => "not_assigned",
            Verdict::NotYetValid(_) => "not_yet_valid",
            Verdict::Expired(_) => "expired",
            Verdict::OutsideHours => "outside_hours",
            Verdict::Paused => "paused",
            Verdict::Void => "void",
            Verdict::Suspect => "suspect",
            Verdict::WrongStore => "wrong_store",
            Verdict::WrongCampaign => "wrong_campaign",
            Verdict::WrongCustomer => "wrong_customer",
            Verdict::LimitReached(_) => "limit_reached",
            Verdict::NotOurs(_) => "not_ours",
            Verdict::KeyConflict => "key_conflict",
            Verdict::OfflineRefused => "offline_refused",
            Verdict::UnknownOutcome => "unknown_outcome",
        }
    }

    /// The band.
    pub fn band(&self) -> Band {
        match self {
            Verdict::Accepted { .. } | Verdict::Replayed | Verdict::Reread => Band::Go,
            Verdict::NeedsCustomer
            | Verdict::NeedsAnswer
            | Verdict::NeedsApproval(_)
            | Verdict::Misread(_) => Band::Look,
            Verdict::UnknownOutcome => Band::Wait,
            Verdict::AlreadyRedeemed
            | Verdict::Reversed
            | Verdict::NotFound
            | Verdict::NotAssigned
            | Verdict::NotYetValid(_)
            | Verdict::Expired(_)
            | Verdict::OutsideHours
            | Verdict::Paused
            | Verdict::Void
            | Verdict::Suspect
            | Verdict::WrongStore
            | Verdict::WrongCampaign
            | Verdict::WrongCustomer
            | Verdict::LimitReached(_)
            | Verdict::NotOurs(_)
            | Verdict::KeyConflict
            | Verdict::OfflineRefused => Band::Stop,
        }
    }

    /// How sure it is; refusals are.
    pub fn certainty(&self) -> Certainty {
        if let Verdict::Accepted { certainty } = self {
            *certainty
        } else if *self == Verdict::UnknownOutcome {
            Certainty::Unknown
        } else {
            Certainty::Confirmed
        }
    }

    /// The word of a refusal that a manager may set aside, as it was told by another ledger.
    pub fn overridable_word(word: &str) -> Option<&'static str> {
        [
            "expired",
            "not_yet_valid",
            "outside_hours",
            "paused",
            "wrong_store",
            "limit_reached",
            "suspect",
            "offline_refused",
        ]
        .into_iter()
        .find(|known| *known == word)
    }

    /// Whether a manager may set it aside.
    pub fn may_be_overridden(&self) -> bool {
        matches!(
            self,
            Verdict::Expired(_)
                | Verdict::NotYetValid(_)
                | Verdict::OutsideHours
                | Verdict::Paused
                | Verdict::WrongStore
                | Verdict::LimitReached(_)
                | Verdict::Suspect
                | Verdict::OfflineRefused
        )
    }
}

/// A verdict and what a manager's approval made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The refusals that would have stood without the approval; empty where it did not matter.
    pub overrode: Vec<&'static str>,
    /// The hub is to be asked: until it answers, the outcome is not known.
    pub asks_hub: bool,
}

impl Judgement {
    fn of(verdict: Verdict) -> Judgement {
        Judgement {
            verdict,
            overrode: Vec::new(),
            asks_hub: false,
        }
    }

    fn asking() -> Judgement {
        Judgement {
            asks_hub: true,
            ..Judgement::of(Verdict::UnknownOutcome)
        }
    }
}

/// How the reason begins for which a counter took back what it had just given out.
pub const CANCELLED: &str = "cancelled: ";

/// How long a code must have been out of view before it is read as a further use.
pub const REREAD_WINDOW: Duration = Duration::from_secs(3);

/// Decides a redemption: the first refusal, in the contract's order, that applies, else `accepted`.
///
/// With approval, refusals that a manager may set aside are passed over and listed. A code that
/// another node holds is the hub's to decide, but for what no hub could decide otherwise. While a
/// question about it has no answer, nothing is said of it that the answer could belie.
pub fn judge(facts: &Facts, ask: &Ask, now: Timestamp) -> Judgement {
    match facts.key {
        KeyBinding::Free => {}
        KeyBinding::SameRedemption => return Judgement::of(Verdict::Replayed),
        KeyBinding::SameReversed => return Judgement::of(Verdict::Reversed),
        KeyBinding::Other => return Judgement::of(Verdict::KeyConflict),
    }
    let Some(found) = &facts.found else {
        return not_found(facts);
    };
    if found.state == CodeState::Test {
        return Judgement::of(Verdict::NotOurs(NotOurs::TestCode));
    }
    if facts
        .since_honoured
        .is_some_and(|since| since < REREAD_WINDOW)
    {
        return Judgement::of(Verdict::Reread);
    }
    match facts.holding {
        Holding::AskHub if facts.pending != Pending::None || !is_settled_here(found, ask) => {
            Judgement::asking()
        }
        Holding::Apart(_) if facts.pending == Pending::OtherKey => {
            Judgement::of(Verdict::UnknownOutcome)
        }
        Holding::Ours | Holding::AskHub => by_rules(facts, found, ask, now),
        Holding::Apart(_) => {
            let judged = by_rules(facts, found, ask, now);
            if facts.pending == Pending::SameKey && judged.verdict.band() == Band::Stop {
                Judgement::of(Verdict::UnknownOutcome)
            } else {
                judged
            }
        }
    }
}

/// What is said of a text that names no code of this ledger. Away from the hub it may be a code that
/// has not come down yet.
fn not_found(facts: &Facts) -> Judgement {
    match (&facts.otherwise, facts.holding) {
        (Otherwise::NotOurs(what), _) => Judgement::of(Verdict::NotOurs(what.clone())),
        (Otherwise::Misread(hint), _) => Judgement::of(Verdict::Misread(*hint)),
        (Otherwise::NotFound, Holding::Ours) => Judgement::of(Verdict::NotFound),
        (Otherwise::NotFound, Holding::AskHub) => Judgement::asking(),
        (Otherwise::NotFound, Holding::Apart(_)) if facts.pending != Pending::None => {
            Judgement::of(Verdict::UnknownOutcome)
        }
        (Otherwise::NotFound, Holding::Apart(_)) => Judgement::of(Verdict::OfflineRefused),
    }
}

/// Whether no hub could decide otherwise than this ledger: what never changes, and what it did
/// itself and the hub has not heard of.
fn is_settled_here(found: &Found, ask: &Ask) -> bool {
    is_other_campaign(found, ask)
        || found.state == CodeState::Void
        || (found.knowledge == Knowledge::NewerHere && is_spent(found))
}

fn by_rules(facts: &Facts, found: &Found, ask: &Ask, now: Timestamp) -> Judgement {
    let mut overrode = Vec::new();
    for refusal in refusals(facts, found, ask, now).into_iter().flatten() {
        if ask.is_approved && may_override(&refusal, facts.holding) {
            overrode.push(refusal.word());
        } else {
            return Judgement::of(refusal);
        }
    }
    // A shop alone has nobody who could settle it later.
    let is_sure = facts.holding == Holding::Ours && found.knowledge != Knowledge::InPart;
    let certainty = if is_sure {
        Certainty::Confirmed
    } else {
        Certainty::Provisional
    };
    Judgement {
        verdict: Verdict::Accepted { certainty },
        overrode,
        asks_hub: false,
    }
}

/// No manager of a revoked store decides for its hub.
fn may_override(refusal: &Verdict, holding: Holding) -> bool {
    let is_revoked = matches!(
        holding,
        Holding::Apart(Apart {
            cause: ApartCause::Revoked,
            ..
        })
    );
    refusal.may_be_overridden() && !(is_revoked && *refusal == Verdict::OfflineRefused)
}

/// Every refusal that applies to a found code, in the contract's order.
fn refusals(facts: &Facts, found: &Found, ask: &Ask, now: Timestamp) -> [Option<Verdict>; 15] {
    let rules = &found.campaign.rules;
    let when = |applies: bool, verdict: Verdict| applies.then_some(verdict);
    let is_time_bound = rules.are_time_bound() || found.expires_at.is_some();
    // What the clock cannot be trusted to decide, a manager decides.
    let is_clock_asked = is_time_bound && facts.is_clock_behind;
    let trusts = |verdict: Option<Verdict>| verdict.filter(|_| !is_clock_asked);
    [
        when(is_other_campaign(found, ask), Verdict::WrongCampaign),
        when(!rules.include_store(&facts.store), Verdict::WrongStore),
        when(found.state == CodeState::Void, Verdict::Void),
        when(found.state == CodeState::Suspect, Verdict::Suspect),
        when(is_spent(found), Verdict::AlreadyRedeemed),
        when(found.state == CodeState::Available, Verdict::NotAssigned),
        trusts(not_yet_valid(found, now)),
        trusts(expired(found, now)),
        when(found.campaign.is_paused, Verdict::Paused),
        trusts(outside_hours(found, now, &facts.zone)),
        when(is_other_customer(found, ask), Verdict::WrongCustomer),
        limit_reached(found),
        when(is_refused_apart(facts, found), Verdict::OfflineRefused),
        needs(found, ask),
        needs_approval(found, ask, is_clock_asked).map(Verdict::NeedsApproval),
    ]
}

fn is_other_campaign(found: &Found, ask: &Ask) -> bool {
    ask.campaign
        .as_ref()
        .is_some_and(|asked| *asked != found.campaign.id)
}

fn is_spent(found: &Found) -> bool {
    found.state == CodeState::Redeemed || found.uses_made >= found.campaign.rules.uses
}

/// Whether a code that nobody can be asked about is refused: by the campaign's policy, and always
/// where this ledger spends nothing at all.
fn is_refused_apart(facts: &Facts, found: &Found) -> bool {
    let Holding::Apart(apart) = facts.holding else {
        return false;
    };
    let rules = &found.campaign.rules;
    let is_within = || {
        rules
            .offline_per_day
            .is_none_or(|most| apart.provisional_today < most)
    };
    let may_accept = rules.offline == OfflinePolicy::Accept
        && match apart.cause {
            ApartCause::OutOfReach | ApartCause::LeaseEnded | ApartCause::HeldByStore => {
                is_within()
            }
            ApartCause::Quarantined | ApartCause::Revoked => false,
        };
    !may_accept
}

fn not_yet_valid(found: &Found, now: Timestamp) -> Option<Verdict> {
    let starts_at = found.campaign.rules.starts_at?;
    (now < starts_at).then_some(Verdict::NotYetValid(starts_at))
}

fn expired(found: &Found, now: Timestamp) -> Option<Verdict> {
    let ends_at = ends_at(found)?;
    (now >= ends_at).then_some(Verdict::Expired(ends_at))
}

/// The first instant at which a code is no longer valid.
pub fn ends_at(found: &Found) -> Option<Timestamp> {
    found.campaign.rules.end_of_code(found.expires_at)
}

fn outside_hours(found: &Found, now: Timestamp, zone: &TimeZone) -> Option<Verdict> {
    let hours = found.campaign.rules.hours.as_ref()?;
    (!hours.include(now, zone)).then_some(Verdict::OutsideHours)
}

fn is_other_customer(found: &Found, ask: &Ask) -> bool {
    match (&found.customer, &ask.customer) {
        (Some(holder), Some(said)) => said.as_ref() != Some(holder),
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}

fn limit_reached(found: &Found) -> Option<Verdict> {
    let limit = found.campaign.rules.limit_per_day?;
    (found.customer_redemptions_today >= limit)
        .then_some(Verdict::LimitReached(Limit::PerDay(limit)))
}

fn needs(found: &Found, ask: &Ask) -> Option<Verdict> {
    let require = &found.campaign.rules.require;
    if require.contains(&Requirement::Customer) && ask.customer.is_none() {
        return Some(Verdict::NeedsCustomer);
    }
    if require.contains(&Requirement::Receipt) && ask.receipt.is_none() {
        return Some(Verdict::NeedsAnswer);
    }
    None
}

fn needs_approval(found: &Found, ask: &Ask, is_clock_asked: bool) -> Option<ApprovalCause> {
    if ask.is_approved {
        None
    } else if is_clock_asked {
        Some(ApprovalCause::Clock)
    } else if found.is_under_restore {
        Some(ApprovalCause::Restore)
    } else if found
        .campaign
        .rules
        .require
        .contains(&Requirement::Approval)
    {
        Some(ApprovalCause::Campaign)
    } else {
        None
    }
}

/// What the verdict says in one sentence, times in the store's zone.
pub fn message(verdict: &Verdict, facts: &Facts, uses_made: u32, now: Timestamp) -> String {
    let found = facts.found.as_ref();
    match verdict {
        Verdict::Accepted { .. } | Verdict::Replayed | Verdict::Reread | Verdict::Reversed => {
            of_honoured(verdict, found, uses_made)
        }
        Verdict::NeedsCustomer => "who is the customer? nothing is used up yet".to_owned(),
        Verdict::NeedsAnswer => "receipt number? nothing is used up yet".to_owned(),
        Verdict::NeedsApproval(cause) => of_approval(*cause).to_owned(),
        Verdict::Misread(hint) => hint.words(),
        Verdict::NotOurs(what) => what.words(),
        Verdict::AlreadyRedeemed => of_used(found, &facts.zone, now),
        Verdict::NotFound => "no such code in this ledger".to_owned(),
        Verdict::NotAssigned => "in the pool but never given out: tell the manager".to_owned(),
        Verdict::NotYetValid(from) => format!("valid from {}", in_words(*from, &facts.zone)),
        Verdict::Expired(end) => format!("expired {}", in_words(*end, &facts.zone)),
        Verdict::OutsideHours => found
            .and_then(|found| found.campaign.rules.hours.as_ref())
            .map_or_else(String::new, |hours| format!("valid {hours}")),
        Verdict::Paused => "the campaign is paused".to_owned(),
        Verdict::Void => found
            .and_then(|found| found.void_reason.as_deref())
            .map_or_else(
                || "cancelled".to_owned(),
                |reason| {
                    // What a counter took back says so itself.
                    let bare = reason.strip_prefix(CANCELLED).unwrap_or(reason);
                    format!("{CANCELLED}{bare}")
                },
            ),
        Verdict::Suspect => of_suspect(facts.holding).to_owned(),
        Verdict::WrongStore => found.map_or_else(String::new, |found| {
            format!("valid in {}", found.campaign.rules.stores.join(", "))
        }),
        Verdict::WrongCampaign => found.map_or_else(String::new, |found| {
            format!("belongs to campaign {}", found.campaign.id)
        }),
        Verdict::WrongCustomer => "belongs to another customer".to_owned(),
        Verdict::LimitReached(Limit::PerDay(limit)) => {
            format!("this customer has had {limit} today, which is the limit")
        }
        Verdict::KeyConflict => "this key belongs to another code or act".to_owned(),
        Verdict::OfflineRefused => of_apart(facts).to_owned(),
        Verdict::UnknownOutcome => "no answer yet: do not hand over, scan again".to_owned(),
    }
}

fn of_honoured(verdict: &Verdict, found: Option<&Found>, uses_made: u32) -> String {
    let Some(found) = found else {
        return verdict.word().to_owned();
    };
    let offer = &found.campaign.rules.offer;
    let uses = found.campaign.rules.uses;
    if *verdict == Verdict::Replayed {
        format!("{offer}: the same request again, counted once")
    } else if *verdict == Verdict::Reread {
        format!("{offer}: same code again, counted once")
    } else if *verdict == Verdict::Reversed {
        format!("{offer}: this redemption was reversed")
    } else {
        format!("{offer}: use {uses_made} of {uses}")
    }
}

fn of_approval(cause: ApprovalCause) -> &'static str {
    match cause {
        ApprovalCause::Campaign => "a manager must approve; nothing is used up yet",
        ApprovalCause::Clock => {
            "this computer's clock is wrong: set it, or a manager approves; nothing is used up yet"
        }
        ApprovalCause::Restore => {
            "the ledger was restored from a backup: a manager must approve; nothing is used up yet"
        }
    }
}

fn of_suspect(holding: Holding) -> &'static str {
    match holding {
        Holding::Ours => "may have been used before this ledger was restored: a manager decides",
        Holding::AskHub | Holding::Apart(_) => {
            "may have been used by a store that was lost or restored: a manager decides"
        }
    }
}

/// Why nothing is honoured away from the holder, and what to do.
fn of_apart(facts: &Facts) -> &'static str {
    let Holding::Apart(apart) = facts.holding else {
        return "its holder is out of reach: try again when the line is back";
    };
    let is_known = facts.found.is_some();
    let accepts = facts
        .found
        .as_ref()
        .is_some_and(|found| found.campaign.rules.offline == OfflinePolicy::Accept);
    match apart.cause {
        ApartCause::Quarantined => {
            "this ledger was restored or copied, and spends nothing until its hub has answered: \
             connect it, or a manager approves"
        }
        ApartCause::Revoked => {
            "the hub has revoked this store, and it redeems nothing any more: ask the hub's manager"
        }
        ApartCause::OutOfReach if !is_known => {
            "not known here, and the hub is out of reach: try again when the line is back"
        }
        ApartCause::OutOfReach | ApartCause::LeaseEnded | ApartCause::HeldByStore if accepts => {
            "its holder is out of reach, and today's offline limit is reached: try again when the \
             line is back, or a manager approves"
        }
        ApartCause::OutOfReach => {
            "its holder is out of reach: try again when the line is back, or a manager approves"
        }
        ApartCause::LeaseEnded => {
            "this store has not heard from its hub for 7 days: try again when the line is back, or \
             a manager approves"
        }
        ApartCause::HeldByStore => {
            "a store holds it and was asked to hand it over: scan again in a moment, or a manager \
             approves"
        }
    }
}

fn of_used(found: Option<&Found>, zone: &TimeZone, now: Timestamp) -> String {
    let Some(first) = found.and_then(|found| found.first.as_ref()) else {
        return "already used".to_owned();
    };
    let by = first
        .operator
        .as_ref()
        .map_or_else(String::new, |operator| format!(", by {operator}"));
    format!(
        "used {}, {}, {}{by}",
        in_few_words(first.at, now, zone),
        first.store,
        first.counter
    )
}
