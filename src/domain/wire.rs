//! What travels between a store and its hub: plain values, read strictly. The sync protocol itself
//! is `sync`; what the values do to a ledger is `ledger`.
//!
//! Campaigns, codes, customers and nodes go by their names for ever, never by a ledger's own
//! numbers. Hashes are lower-case hexadecimal, times milliseconds since 1970.

use serde::{Deserialize, Serialize};

use crate::domain::campaign::Rules;
use crate::domain::claim::ClaimWord;
use crate::domain::conflict::ConflictKind;
use crate::domain::ids::CampaignId;
use crate::domain::reversal::ReversalWord;
use crate::domain::verdict::Verdict;

/// The version of what is written here; a hub reads this one and the one before.
pub const WIRE: u32 = 1;

/// Entries in one batch at most.
pub const ENTRIES_MAX: usize = 500;

/// Codes in one page at most.
pub const CODES_MAX: usize = 2_000;

/// Bytes of an upload at most; a batch that would be longer is cut shorter.
pub const UP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Who calls, at every contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`WIRE`].
    pub wire: u32,
    /// The calling node.
    pub node: String,
    /// The life of its ledger.
    pub incarnation: i64,
    /// The caller's wall clock.
    pub now_ms: i64,
    /// Entries that the hub has not acknowledged.
    pub unsent: u64,
}

/// What the hub says of the caller, at every contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`WIRE`].
    pub wire: u32,
    /// The hub's own node.
    pub hub: String,
    /// The life of the hub's own ledger: where it is another one, the hub was restored from a backup,
    /// and what it told and acknowledged before is to be taken as untold.
    pub hub_life: i64,
    /// The hub's wall clock.
    pub now_ms: i64,
    /// Whether the caller may act as a holder.
    pub standing: Standing,
    /// Entries of the caller that the hub has, up to this seq of the incarnation that stands.
    pub acked_through: i64,
    /// The life of the caller's ledger that has authority; another one is quarantined.
    pub incarnation: i64,
    /// The newest position of the feed.
    pub feed_position: i64,
    /// The hub was put back to an older state, and waits for its manager: it tells nothing and lends
    /// nothing until then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_behind: bool,
    /// The newest entry in the hub's ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<NewestEntry>,
    /// Of the entries that the caller knew to be there, those that are: `newest` comes after them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_here: Vec<NewestEntry>,
}

/// An entry in the hub's ledger, whoever wrote it: what is told of the hub at a moment stands for all
/// that it had at that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestEntry {
    /// The hub's own number of it.
    pub number: i64,
    /// Its hash.
    pub hash: String,
}

/// What a node may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Let in, and not yet seen.
    Invited,
    /// A store like any other.
    Active,
    /// It spends nothing any more, and still brings what it has not sent.
    Revoked,
    /// Taken for lost: what it held is suspect. What it brings is recorded.
    WrittenOff,
    /// Not even its facts are taken; its file comes in by `hub adopt`.
    Stolen,
    /// A life of its ledger that the hub does not know, or knows to have ended: it shows, and does
    /// not spend.
    Quarantined,
}

impl Standing {
    /// Every standing, in the order of its stored number.
    pub const ALL: [Standing; 6] = [
        Standing::Invited,
        Standing::Active,
        Standing::Revoked,
        Standing::WrittenOff,
        Standing::Stolen,
        Standing::Quarantined,
    ];

    /// The stored number.
    pub fn number(self) -> i64 {
        match self {
            Standing::Invited => 0,
            Standing::Active => 1,
            Standing::Revoked => 2,
            Standing::WrittenOff => 3,
            Standing::Stolen => 4,
            Standing::Quarantined => 5,
        }
    }

    /// The standing of a stored number.
    pub fn of_number(number: i64) -> Option<Standing> {
        Standing::ALL
            .into_iter()
            .find(|standing| standing.number() == number)
    }

    /// The word for it, in commands and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Invited => "invited",
            Standing::Active => "active",
            Standing::Revoked => "revoked",
            Standing::WrittenOff => "written_off",
            Standing::Stolen => "stolen",
            Standing::Quarantined => "quarantined",
        }
    }
}

/// One entry as it is stored, with its erasable text while that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireEntry {
    /// The life in which it was written.
    pub incarnation: i64,
    /// Its place in the writer's count.
    pub seq: i64,
    /// The stored body, byte for byte: the chain hashes it.
    pub body: String,
    /// Its hash.
    pub hash: String,
    /// The salt of the erasable text, hexadecimal.
    pub salt: Option<String>,
    /// The erasable text.
    pub side: Option<String>,
}

/// What a node knows of a customer. Readable contacts go up to the hub only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCustomer {
    /// Their id.
    pub customer: String,
    /// Their name.
    pub name: Option<String>,
    /// When they agreed to be written to.
    pub consented_at_ms: Option<i64>,
    /// The one whom they turned out to be.
    pub joined_to: Option<String>,
    /// When everything readable of them was erased.
    pub erased_at_ms: Option<i64>,
    /// Kind and normal form.
    pub contacts: Vec<(String, String)>,
    /// Campaign and keyed hash: by these they are recognised, also once they were erased.
    pub hashes: Vec<(CampaignId, String)>,
}

/// A scan or claim that changed nothing, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireAttempt {
    /// The caller's own number of it, rising.
    pub number: i64,
    /// When.
    pub at_ms: i64,
    /// What was tried.
    pub kind: String,
    /// What was answered.
    pub answer: String,
    /// The code, folded.
    pub code: Option<String>,
    /// The campaign.
    pub campaign: Option<String>,
    /// The customer.
    pub customer: Option<String>,
    /// The counter.
    pub counter: String,
    /// The operator.
    pub operator: Option<String>,
    /// What set it off.
    pub trigger: Option<String>,
    /// The caller's key.
    pub key: Option<String>,
    /// The scan as it came, escaped.
    pub raw: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Notes, JSON.
    pub notes: Option<String>,
}

/// How a store's part of a pool is used: by this its lease is sized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// The campaign.
    pub campaign: CampaignId,
    /// Codes left in its leases.
    pub left: u64,
    /// Codes it assigned in the last seven days.
    pub assigned_7d: u64,
    /// Codes that somebody waits for at this moment.
    pub wanted: u64,
    /// It has just given back what it had, and wants none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rests: bool,
}

/// What a store knows of its hub: a hub that has come to less was put back to an older state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubKnown {
    /// The newest life of the hub's ledger that it heard of; 0: it does not say.
    pub life: i64,
    /// Its entries that the hub acknowledged, in the life in which it calls.
    pub acked_seq: i64,
    /// Its entries that were written while a life of the hub stood that is gone: under its leases, and it
    /// may have had any of them, whether or not its answer came.
    pub former_head: i64,
    /// What was the newest entry there: one, and what it was told of while it called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub newest: Vec<NewestEntry>,
}

/// What a store knows of codes, told to a hub that was restored: a page of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCodes {
    /// They are named only, so that the hub knows again what entries are about that follow; how they
    /// stand is told once it has all entries.
    pub names_only: bool,
    /// The campaigns that they belong to.
    pub campaigns: Vec<WireCampaign>,
    /// Those who have them: hashes only.
    pub customers: Vec<WireCustomer>,
    /// As they stand there.
    pub codes: Vec<WireCode>,
    /// The store's own number of the last one; the greatest number there is: no more follow.
    pub through: i64,
}

/// `POST /v1/sync/up`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Up {
    /// Who calls.
    pub hello: Hello,
    /// The hash of the entry before the first of these.
    pub previous_hash: String,
    /// Entries in order of seq, without gaps.
    pub entries: Vec<WireEntry>,
    /// The customers that they name.
    pub customers: Vec<WireCustomer>,
    /// Attempts, apart from the chain.
    pub attempts: Vec<WireAttempt>,
    /// What the leases are used for.
    pub demands: Vec<Demand>,
    /// The store's position in the feed.
    pub feed_position: i64,
    /// What it knows of the hub.
    #[serde(default)]
    pub hub: HubKnown,
    /// What a hub that was restored may have lost, once it has all entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Box<KnownCodes>>,
}

/// The answer to an [`Up`]: the store keeps what is not acknowledged, and sends it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpAnswer {
    /// What the hub says of the caller.
    pub welcome: Welcome,
    /// What became of entries; those that are not named here are confirmed.
    pub outcomes: Vec<WireOutcome>,
    /// Attempts up to this number are kept at the hub.
    pub attempts_through: i64,
    /// The store's newest entry that the hub has too, where a hash differed: what follows belongs
    /// to a life that the hub does not know.
    pub forked_after: Option<i64>,
    /// [`KnownCodes::names_only`] and [`KnownCodes::through`] of what the hub has taken in with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_through: Option<(bool, i64)>,
}

/// What became of an entry at the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireOutcome {
    /// Its life.
    pub incarnation: i64,
    /// Its seq.
    pub seq: i64,
    /// The kind of conflict; none: it could not be read, and is parked.
    pub conflict: Option<ConflictKind>,
    /// The hub's number of the conflict.
    pub number: Option<i64>,
}

/// Where a store is in the feed: everything up to `position`, and of the item there the codes up to
/// the hub's number `code_after`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The position.
    pub position: i64,
    /// Within a long item that follows it; 0: at its beginning.
    pub code_after: i64,
}

/// `POST /v1/sync/down`: long-polled, so a POST, though it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// Who calls.
    pub hello: Hello,
    /// What it has.
    pub after: Cursor,
    /// How long to wait for something new, in milliseconds.
    pub wait_ms: u64,
    /// What it knows of the hub.
    #[serde(default)]
    pub hub: HubKnown,
    /// What the caller thinks that it may do: that this has changed is something new.
    #[serde(default)]
    pub standing: Option<Standing>,
}

/// The answer to a [`Down`]: to be applied as a whole, with its cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// What the hub says of the caller. Its `acked_through` is that of the very view of the hub's
    /// ledger that the items were read in.
    pub welcome: Welcome,
    /// What the caller had: a page is applied nowhere else.
    pub after: Cursor,
    /// In order.
    pub items: Vec<Item>,
    /// What the caller has once it has applied them.
    pub cursor: Cursor,
    /// Whether more is there already.
    pub more: bool,
    /// Codes of batches that are still to come after this page: how long a first sync goes on.
    #[serde(default)]
    pub codes_ahead: u64,
}

/// One thing as it stands at the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum Item {
    /// A campaign.
    Campaign(Box<WireCampaign>),
    /// Codes.
    Codes {
        /// As they stand.
        codes: Vec<WireCode>,
    },
    /// A lease of the caller.
    Lease(WireLease),
    /// Customers who have codes: hashes only.
    Customers {
        /// As they stand.
        customers: Vec<WireCustomer>,
    },
    /// A code that the hub asks back from the caller.
    Recall {
        /// Folded.
        code: String,
    },
    /// A conflict that names an entry of the caller.
    Conflict(Box<WireConflict>),
    /// An operator of the hub, who may sign in at every store.
    Operator(WireOperator),
}

/// A campaign as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCampaign {
    /// Its name.
    pub campaign: CampaignId,
    /// Of its rules.
    pub revision: u32,
    /// Whether it is paused.
    pub is_paused: bool,
    /// Its rules.
    pub rules: Rules,
    /// Keys the hashes of its customers' contacts, hexadecimal.
    pub contact_key: String,
    /// Shapes of codes generated anywhere: prefix and length.
    pub shapes: Vec<(String, u32)>,
    /// Its test mode, where it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_mode: Option<WireTestMode>,
}

/// A campaign's test mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireTestMode {
    /// When it ends.
    pub until_ms: i64,
    /// The test customers, by hashes alone.
    pub customers: Vec<WireCustomer>,
}

/// A code as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCode {
    /// Folded.
    pub code: String,
    /// As stored, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// Its campaign.
    pub campaign: CampaignId,
    /// Its place in the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<i64>,
    /// The stored number of its state.
    pub state: i64,
    /// Uses that count.
    pub uses_made: u32,
    /// The node that may spend it without asking.
    pub holder: String,
    /// The number of the grant by which it does.
    pub grant_number: i64,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The end of its own validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
    /// Who first redeemed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<WireStory>,
    /// Why it is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_reason: Option<String>,
    /// Its uses that stand by the hub's own entries, each by the beginning of the entry's hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hub_uses: Vec<String>,
}

/// One act as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireStory {
    /// When, by that counter's clock.
    pub at_ms: i64,
    /// The store.
    pub store: String,
    /// The counter.
    pub counter: String,
    /// The operator.
    pub operator: Option<String>,
}

/// A range of ordinals that the caller alone may assign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireLease {
    /// The campaign.
    pub campaign: CampaignId,
    /// The first ordinal.
    pub first_ordinal: i64,
    /// Not included.
    pub end_ordinal: i64,
    /// The next to be assigned, as far as the hub knows.
    pub next_ordinal: i64,
    /// The number of the grant; 0: it was taken back.
    pub grant_number: i64,
}

/// A conflict, as it is told to stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireConflict {
    /// The hub's number of it.
    pub number: i64,
    /// Its kind.
    pub kind: ConflictKind,
    /// The excess entry.
    pub entry: String,
    /// The code, folded.
    pub code: Option<String>,
    /// The campaign.
    pub campaign: Option<CampaignId>,
    /// The stories, JSON, as the hub tells them.
    pub told: String,
    /// When it was raised.
    pub raised_at_ms: i64,
    /// Whether it is open; else how it was settled.
    pub is_open: bool,
    /// What was decided.
    pub decision: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// By whom.
    pub settled_by: Option<String>,
    /// When.
    pub settled_at_ms: Option<i64>,
}

/// An operator of the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireOperator {
    /// The name.
    pub name: String,
    /// `cashier` or `manager`.
    pub role: String,
    /// argon2id, PHC string.
    pub pin_hash: Option<String>,
    /// SHA-256 of the badge.
    pub badge_hash: Option<String>,
    /// May not sign in any more.
    pub is_removed: bool,
}

/// `POST /v1/sync/ask`: what the store may not decide alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskHub {
    /// Who calls.
    pub hello: Hello,
    /// What is asked.
    pub question: Question,
    /// What it knows of the hub.
    #[serde(default)]
    pub hub: HubKnown,
}

/// One question, under the key of the act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The counter that asks: with the node, the caller whose key it is.
    pub counter: String,
    /// Who is signed in there.
    pub operator: Option<String>,
    /// The key.
    pub key: String,
    /// Which of the asking ledger's askings it is, rising: of two under one key, the later one counts.
    /// 0: of what is not numbered, since nothing is done by it, or only once however often it is asked.
    #[serde(default)]
    pub number: i64,
    /// What.
    pub verb: Verb,
}

/// What a store asks of its hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Verb {
    /// To redeem a code that another node holds, or that the store does not know.
    Redeem {
        /// The scan as it may be kept.
        code: String,
        /// Only a code of this campaign will do.
        campaign: Option<CampaignId>,
        /// The receipt number.
        receipt: Option<String>,
        /// Who the customer is.
        customer: Option<String>,
        /// The manager who approved, and why.
        approved: Option<(Option<String>, String)>,
        /// Judged only: nothing is used up.
        #[serde(default)]
        is_check: bool,
    },
    /// To undo a redemption.
    Reverse {
        /// The redemption, by the name of its entry; none: nothing is undone, and the newest one of the
        /// code is named.
        redemption: Option<String>,
        /// The code, folded, where it is known.
        code: Option<String>,
        /// Why.
        reason: String,
        /// The manager who approved, and why.
        approved: Option<(Option<String>, String)>,
    },
    /// To give a code to a customer.
    Assign {
        /// Of which campaign.
        campaign: CampaignId,
        /// Kind and text.
        contacts: Vec<(String, String)>,
        /// What the customer is called.
        name: Option<String>,
        /// What set it off.
        trigger: Option<String>,
        /// Whether they agree to be written to.
        #[serde(default)]
        consents: bool,
    },
    /// To end a code that another node holds, and give its customer another.
    Replace {
        /// The code, folded.
        code: String,
        /// Why.
        reason: String,
        /// The manager who approved, where one was asked.
        approved_by: Option<String>,
        /// Not where uses of it were made.
        only_unused: bool,
    },
}

/// The hub's answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What the hub says of the caller.
    pub welcome: Welcome,
    /// The answer.
    pub told: Told,
    /// The code as it stands after it, where it is one that the hub knows.
    pub code: Option<WireCode>,
    /// Whose it is.
    pub customer: Option<WireCustomer>,
}

/// An answer by verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
pub enum Told {
    /// To a redemption.
    Redeemed {
        /// The verdict.
        verdict: Verdict,
        /// The hub's entry, where it is an act.
        entry: Option<String>,
        /// One sentence for people.
        message: String,
        /// When it was judged; of a replay, when it was first accepted.
        at_ms: i64,
        /// What a manager set aside.
        overrode: Vec<String>,
        /// What the customer gets.
        offer: Option<String>,
        /// Uses the campaign allows.
        uses: Option<u32>,
        /// The first instant at which it is no longer valid.
        expires_at_ms: Option<i64>,
        /// The redemption that the verdict tells of.
        first: Option<WireStory>,
    },
    /// Its holder was asked to hand the code over: nothing was done, and the same question is to be
    /// asked again.
    Wait,
    /// The hub takes the caller for the holder: nothing was done, and the caller decides.
    Held,
    /// A later asking of the same question came first, and was answered: nothing was done.
    Overtaken,
    /// Which redemption of a code is its newest: nothing was done, and that one is to be asked about.
    Newest {
        /// The name of its entry.
        redemption: String,
    },
    /// To a reversal.
    Reversed {
        /// The answer.
        word: ReversalWord,
        /// The redemption it concerns.
        redemption: Option<String>,
        /// The hub's entry, where it is an act.
        entry: Option<String>,
        /// When.
        at_ms: i64,
    },
    /// To a claim, or a replacement.
    Assigned {
        /// The word of the contract.
        word: ClaimWord,
        /// The hub's entry, where it is an act.
        entry: Option<String>,
        /// Why nothing was given.
        because: Option<String>,
    },
}

/// `POST /v1/sync/join`, with the enrolment token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Who calls.
    pub hello: Hello,
    /// The store's name.
    pub store: String,
    /// Its time zone.
    pub timezone: String,
    /// The newest entry, and its hash: what is up to here is what the store brings.
    pub seq: i64,
    /// The hash of it.
    pub hash: String,
    /// The permanent secret that the store has drawn, so that a lost answer loses nothing.
    pub secret: String,
    /// Pieces of the stock that it brings; 0: it has none.
    pub pieces: u64,
}

/// The answer to a [`Join`], to every [`Stock`], and to a new life that asks to be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// What the hub says of the caller.
    pub welcome: Welcome,
    /// Pieces of the stock that the hub has.
    pub pieces: u64,
    /// The hash of the first entry of the life that has authority, where that one was asked for.
    pub life_hash: Option<String>,
}

/// One import or generation of a shop's stock: the codes that follow belong to it, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireBatch {
    /// The campaign.
    pub campaign: CampaignId,
    /// `imported` or `generated`.
    pub how: String,
    /// Its codes.
    pub codes: i64,
    /// The first of its ordinals.
    pub first_ordinal: i64,
    /// How many ordinals it has.
    pub ordinals: i64,
    /// SHA-256 over its folded codes in order, each with a line feed.
    pub codes_sha256: String,
}

/// `POST /v1/sync/stock`: what a shop that worked alone brings, in pieces, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Who calls.
    pub hello: Hello,
    /// The number of this piece, from 0.
    pub piece: u64,
    /// What it holds.
    pub goods: Goods,
}

/// What a piece of a stock holds. The first one is the pools, then come customers, codes and entries;
/// the last one is the end, from which on all of it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "goods", rename_all = "snake_case")]
pub enum Goods {
    /// Campaigns, and what they consist of.
    Pools {
        /// The campaigns.
        campaigns: Vec<WireCampaign>,
        /// Their imports and generations, in the order in which their codes come.
        batches: Vec<WireBatch>,
        /// Leases that the shop held: its whole pools.
        leases: Vec<WireLease>,
    },
    /// Customers, who they are and by what they are recognised.
    Customers {
        /// Those who were joined to another come after that one.
        customers: Vec<WireCustomer>,
    },
    /// Codes.
    Codes {
        /// In the order of their batches, and within one in its own order.
        codes: Vec<WireCode>,
    },
    /// Entries that the stock is the sum of.
    Entries {
        /// In order of seq.
        entries: Vec<WireEntry>,
    },
    /// That was all.
    End,
}

/// `POST /v1/sync/live`: a restored or copied ledger asks for a life that the hub knows. Answered by
/// a [`Joined`]: where its life is not the caller's, that number is taken, and the caller takes a
/// higher one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLife {
    /// Who calls; its incarnation is the one it began by itself.
    pub hello: Hello,
    /// The hash of the first entry of that life, which tells it from another one of the same number.
    pub life_hash: String,
    /// The newest entry of the former life that is here.
    pub branch_seq: i64,
    /// Entries of the former life with their hashes, the newest first: the newest one that the hub
    /// has too is where the lives part.
    pub points: Vec<(i64, String)>,
    /// Entries of the former life that are missing at most; none: nobody can say.
    pub missing: Option<u64>,
    /// The entries of the former life that are here and gave a code out, the newest first, and no more
    /// than there are points; none: it does not say.
    #[serde(default)]
    pub gave: Option<Vec<i64>>,
    /// What it knows of the hub.
    #[serde(default)]
    pub hub: HubKnown,
}
