//! Entries: the lines of the ledger that changed something, and the chain that binds them.
//!
//! An entry's *body* is its whole content as stored, in compact JSON with a fixed order of fields;
//! the chain hashes those stored bytes. Names, reasons and raw text do not stand in the body: they
//! live in a side table, and the body holds only their salted hash, so that they can be erased
//! without breaking the chain.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::campaign::Rules;
use crate::domain::chain_head::ChainHead;
use crate::domain::day_report::DayCounts;
use crate::domain::ids::CampaignId;
use crate::domain::notes::Notes;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// The hash before the first entry of a chain.
pub const CHAIN_START: Hash = [0; 32];

/// The hash of an entry: SHA-256 over the hash of the one before and the stored body.
pub fn chained(previous: &Hash, body: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update(body);
    hasher.finalize().into()
}

/// What an entry's body holds of its side text: SHA-256 over a random salt and the text.
pub fn side_hash(salt: &[u8; 16], text: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    hasher.update(text.as_bytes());
    hex(&hasher.finalize())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or('0');
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// The bytes of a text that [`hex`] has written; none: it is not one.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |letter: u8| char::from(letter).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok())
        .collect()
}

/// The hash of a text that [`hex`] has written.
pub fn unhex_hash(text: &str) -> Option<Hash> {
    unhex(text)?.try_into().ok()
}

/// An entry's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The wall clock as it was read, milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
    /// The campaign it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// The campaign revision it was judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// The code it concerns, folded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The customer it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The counter it happened at.
    pub counter: String,
    /// Who was signed in, `os:USER` on the command line; none: nobody signs in here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The caller's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// [`side_hash`] of the text in the side table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// Whom the writer knows this from, where it had lost it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Recovered>,
}

/// Where an entry comes from that a restored hub has written anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// The node that told of it.
    pub node: String,
    /// The lost entry, by [`Recovered::name_of`] its hash; none: only its effect was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

impl Recovered {
    /// What an entry is called that may be lost: no number, as another life gives that again.
    pub fn name_of(hash: &Hash) -> String {
        hex(hash.get(..8).unwrap_or_default())
    }
}

/// The erasable text of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Why, in a person's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The scan as it came, escaped, where it is not the code itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The receipt number given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// Who the customer was said to be, where the ledger does not know them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_said: Option<String>,
    /// What set it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// What the caller noted beside it.
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    pub notes: Notes,
}

impl Side {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Side::default()
    }
}

/// What changed, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// A ledger was set up.
    LedgerCreated {
        /// The store it belongs to.
        store: String,
        /// Its IANA time zone.
        timezone: String,
    },
    /// A restored or copied file began a new life.
    IncarnationBegan {
        /// How it was noticed: `restored`, `marker_ahead`, `copied`, `marker_missing`, `moved`.
        why: String,
        /// Entries of the former life that are missing here; for a lost marker, an upper estimate.
        missing: u64,
        /// Codes that became suspect.
        suspects: u64,
        /// Whether unredeemed codes of the backup wait for a manager's approval.
        needs_approval: bool,
    },
    /// A manager ended the approvals after a restore.
    RestoreSettled,
    /// The ledger was moved away by `backup --move`; this file is closed.
    LedgerMoved,
    /// The wall clock was set back, and a manager took the new time as right.
    ClockStepped {
        /// The newest entry's time before.
        from_ms: i64,
    },
    /// A campaign began.
    CampaignCreated {
        /// Its rules.
        rules: Box<Rules>,
    },
    /// A campaign's rules changed.
    CampaignChanged {
        /// The rules from now on.
        rules: Box<Rules>,
    },
    /// A campaign was paused.
    CampaignPaused,
    /// A campaign was resumed.
    CampaignResumed,
    /// Codes came into the pool.
    CodesAdded {
        /// `imported` or `generated`.
        how: String,
        /// How many.
        count: u64,
        /// How many of them arrived given out.
        given_out: u64,
        /// SHA-256 over the folded codes in the order of their storage, each with a line feed.
        codes_sha256: String,
        /// The first of the ordinals given, if any were.
        first_ordinal: Option<u64>,
    },
    /// A pool ran low, and was warned of.
    PoolLow {
        /// How low: `empty`, `share` or `days`.
        low: String,
        /// Codes left.
        left: u64,
        /// Codes ever put into it.
        claimable: u64,
        /// The soonest that it is empty, milliseconds since 1970; none: no end is in sight.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        empties_from_ms: Option<i64>,
        /// The latest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        empties_to_ms: Option<i64>,
    },
    /// What was warned of is no more: the pool was refilled, or the rules are others.
    PoolRefilled {
        /// How low it was: `empty`, `share` or `days`.
        low: String,
        /// Codes left.
        left: u64,
        /// Codes ever put into it.
        claimable: u64,
    },
    /// A code was given to a customer.
    Assigned {
        /// Its place in the pool.
        ordinal: Option<u64>,
        /// The end of its own validity, milliseconds since 1970.
        expires_at_ms: Option<i64>,
    },
    /// Test mode began or was changed.
    TestModeOn {
        /// Its end, milliseconds since 1970.
        until_ms: i64,
        /// The test customers, by id.
        customers: Vec<String>,
    },
    /// Test mode ended.
    TestModeOff {
        /// Test codes that were drawn in it.
        drawn: u64,
    },
    /// A test code was made for a test customer.
    TestDrawn {
        /// The end of its own validity, milliseconds since 1970.
        expires_at_ms: Option<i64>,
    },
    /// A code was used.
    Redeemed {
        /// Uses made, this one counted.
        uses_made: u32,
        /// Whether nobody else can have used it: `confirmed` or `provisional`.
        certainty: String,
        /// The refusals that a manager set aside, and that would have stood otherwise.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        overrode: Vec<String>,
        /// The manager who approved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    },
    /// A redemption was undone.
    Reversed {
        /// The redemption, by its entry id.
        redemption: String,
        /// Uses made after it.
        uses_made: u32,
        /// The manager who approved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    },
    /// What is known of a customer was changed; what it says stands in no entry.
    CustomerEdited {
        /// Whether they have another name.
        is_renamed: bool,
        /// Whether they agree to be written to from now on; none: as before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consents: Option<bool>,
        /// The kinds of contacts they are known by from now on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        added: Vec<String>,
        /// The kinds of contacts that were removed; the person is still recognised by them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<String>,
    },
    /// Two customers turned out to be one.
    CustomersJoined {
        /// The id of the one that is now the entry's customer.
        gone: String,
    },
    /// Everything readable about a customer was erased.
    CustomerErased,
    /// A slip with the code was ordered: the first, or a reprint.
    SlipOrdered {
        /// Which copy, from 1.
        copy: u32,
    },
    /// Somebody said that the customer has a slip that the printer did not confirm.
    SlipSettled {
        /// Which copy.
        copy: u32,
    },
    /// A code's life was ended.
    Voided {
        /// The state it had.
        from_state: String,
        /// Whether its customer got another in its place.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_replaced: bool,
        /// The manager who approved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    },
    /// An operator was added.
    OperatorAdded {
        /// `cashier` or `manager`.
        role: String,
        /// The operator.
        name: String,
    },
    /// An operator got another PIN.
    OperatorPinSet {
        /// The operator.
        name: String,
    },
    /// An operator got another badge.
    OperatorBadgeSet {
        /// The operator.
        name: String,
    },
    /// An operator may do other things than before.
    OperatorRoleSet {
        /// `cashier` or `manager`.
        role: String,
        /// The operator.
        name: String,
    },
    /// An operator was removed.
    OperatorRemoved {
        /// The operator.
        name: String,
    },
    /// A program may ask the hub.
    TokenAdded {
        /// The token's name; never its secret.
        name: String,
        /// What it may do, in the order of the scopes.
        scopes: String,
    },
    /// A program may no longer ask the hub.
    TokenRevoked {
        /// The token's name.
        name: String,
        /// What it could do.
        scopes: String,
    },
    /// A token got another secret; the one before goes on for a while.
    TokenRotated {
        /// The token's name.
        name: String,
        /// When the secret before ends at the latest, milliseconds since 1970.
        old_ends_at_ms: i64,
    },
    /// The secret that a token had before its rotation is let in no longer.
    TokenSecretEnded {
        /// The token's name.
        name: String,
    },
    /// A store was let in; its secret stands nowhere.
    StoreAdded {
        /// The store.
        store: String,
        /// Tells its nodes apart.
        label: String,
    },
    /// A store is to draw another secret.
    StoreRotated {
        /// Its node.
        node: String,
        /// The store.
        store: String,
    },
    /// A store's ledger came to the hub.
    StoreJoined {
        /// Its node.
        node: String,
        /// The store.
        store: String,
        /// Codes that it brought.
        codes: u64,
    },
    /// A life of a store's ledger took the place of another.
    StoreReborn {
        /// Its node.
        node: String,
        /// The life that stands from here on.
        life: i64,
        /// Codes that became suspect.
        suspects: u64,
    },
    /// What a store may do was changed.
    StoreStanding {
        /// Its node.
        node: String,
        /// The store.
        store: String,
        /// `active`, `revoked`, `written_off` or `stolen`.
        standing: String,
        /// Codes that became suspect.
        suspects: u64,
    },
    /// This ledger joined a hub.
    HubJoined {
        /// The hub's node.
        hub: String,
    },
    /// This ledger spends nothing until the hub has looked at it, or does so again.
    Quarantined {
        /// Whether it began.
        began: bool,
    },
    /// A range of a pool was given to a node; a number of 0 was given by none, and it is taken back.
    LeaseGranted {
        /// The node.
        node: String,
        /// The first ordinal.
        first_ordinal: u64,
        /// Not included.
        end_ordinal: u64,
        /// The number of the grant.
        grant_number: i64,
    },
    /// The writer gave a right back to the hub: to its code, or to the rest of a range.
    HandedOver {
        /// The number of the grant by which it was held.
        grant_number: i64,
        /// The range, its end not included; none: the entry's code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        range: Option<(u64, u64)>,
    },
    /// What the hub answered under the entry's key; it uses nothing up.
    Witnessed {
        /// The hub's entry.
        entry: String,
        /// `redeem`, `reverse`, `assign` or `replace`.
        verb: String,
        /// The refusals that a manager set aside, and that would have stood otherwise.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        overrode: Vec<String>,
        /// The manager who approved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    },
    /// The entry's key was given up: what was done under it is undone, and it is refused for ever.
    Withdrawn,
    /// What this ledger had lost came back from a store: beside what stands in entries of its own,
    /// codes that were not known any more, and codes that may have been spent.
    Recovered {
        /// The store's node.
        node: String,
        /// Codes that were not known any more; they are suspect.
        codes: u64,
        /// Codes that became suspect.
        suspects: u64,
    },
    /// A person settled a conflict.
    ConflictSettled {
        /// The hub's number of it.
        number: i64,
        /// The excess entry.
        entry: String,
        /// What was decided.
        decision: String,
    },
    /// The log was exported.
    LogExported {
        /// The manager who approved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    },
    /// A manager has looked after a counter at which many unknown codes were read.
    GuessingEnded {
        /// Which, as in attempts.
        at_counter: String,
        /// The manager who approved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    },
    /// A day's report was printed, under a number: the Z report.
    DayClosed {
        /// Its number in this ledger, from 1, without gaps.
        number: u64,
        /// The day, as `2026-11-21`.
        date: String,
        /// The store; none: all stores of a hub together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        store: Option<String>,
        /// The day's figures.
        totals: Box<DayCounts>,
        /// [`crate::domain::day_report::DayReport::sha256`] of all that it says.
        report_sha256: String,
        /// The ends of the chains beside the writer's own, as they were then: of other processes of a
        /// hub, where they wrote since the report before, and of its stores.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<ChainHead>,
    },
    /// A Z report was printed once more.
    DayPrinted {
        /// Its number.
        number: u64,
        /// Which print, from 2.
        copy: u32,
    },
}

impl Fact {
    /// The kind in words of the glossary, as JSON and the log show it.
    pub fn kind(&self) -> &'static str {
        match self {
            Fact::LedgerCreated { .. } => "ledger_created",
            Fact::IncarnationBegan { .. } => "incarnation_began",
            Fact::RestoreSettled => "restore_settled",
            Fact::LedgerMoved => "ledger_moved",
            Fact::ClockStepped { .. } => "clock_stepped",
            Fact::CampaignCreated { .. } => "campaign_created",
            Fact::CampaignChanged { .. } => "campaign_changed",
            Fact::CampaignPaused => "campaign_paused",
            Fact::CampaignResumed => "campaign_resumed",
            Fact::CodesAdded { .. } => "codes_added",
            Fact::Assigned { .. } => "assigned",
            Fact::TestModeOn { .. } => "test_mode_on",
            Fact::TestModeOff { .. } => "test_mode_off",
            Fact::TestDrawn { .. } => "test_drawn",
            Fact::PoolLow { .. } => "pool_low",
            Fact::PoolRefilled { .. } => "pool_refilled",
            Fact::Redeemed { .. } => "redeemed",
            Fact::Reversed { .. } => "reversed",
            Fact::CustomerEdited { .. } => "customer_edited",
            Fact::CustomersJoined { .. } => "customers_joined",
            Fact::CustomerErased => "customer_erased",
            Fact::SlipOrdered { .. } => "slip_ordered",
            Fact::SlipSettled { .. } => "slip_settled",
            Fact::Voided { .. } => "voided",
            Fact::OperatorAdded { .. } => "operator_added",
            Fact::OperatorPinSet { .. } => "operator_pin_set",
            Fact::OperatorBadgeSet { .. } => "operator_badge_set",
            Fact::OperatorRoleSet { .. } => "operator_role_set",
            Fact::OperatorRemoved { .. } => "operator_removed",
            Fact::TokenAdded { .. } => "token_added",
            Fact::TokenRevoked { .. } => "token_revoked",
            Fact::TokenRotated { .. } => "token_rotated",
            Fact::TokenSecretEnded { .. } => "token_secret_ended",
            Fact::StoreAdded { .. } => "store_added",
            Fact::StoreRotated { .. } => "store_rotated",
            Fact::StoreJoined { .. } => "store_joined",
            Fact::StoreReborn { .. } => "store_reborn",
            Fact::StoreStanding { .. } => "store_standing",
            Fact::HubJoined { .. } => "hub_joined",
            Fact::Quarantined { .. } => "quarantined",
            Fact::LeaseGranted { .. } => "lease_granted",
            Fact::HandedOver { .. } => "handed_over",
            Fact::Witnessed { .. } => "witnessed",
            Fact::Withdrawn => "withdrawn",
            Fact::Recovered { .. } => "recovered",
            Fact::ConflictSettled { .. } => "conflict_settled",
            Fact::LogExported { .. } => "log_exported",
            Fact::GuessingEnded { .. } => "guessing_ended",
            Fact::DayClosed { .. } => "day_closed",
            Fact::DayPrinted { .. } => "day_printed",
        }
    }
}

/// The instant of a time in milliseconds; a time out of range is the nearest one in range.
pub fn instant(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).unwrap_or(if at_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fact: Fact) -> Body {
        Body {
            at_ms: 1_700_000_000_000,
            fact,
            campaign: Some("spring".parse().expect("a campaign ID")),
            revision: Some(3),
            code: Some("BCDFGHJKLNPRST".into()),
            customer: None,
            counter: "till 1".into(),
            operator: Some("ana".into()),
            key: None,
            side: None,
            recovered: None,
        }
    }

    #[test]
    fn a_body_reads_back_and_its_kind_stands_in_it() {
        let facts = [
            Fact::CampaignPaused,
            Fact::Redeemed {
                uses_made: 1,
                certainty: "confirmed".into(),
                overrode: vec!["expired".into()],
                approved_by: None,
            },
            Fact::CampaignCreated {
                rules: Box::new(Rules::new("Free coffee")),
            },
        ];
        for fact in facts {
            let body = body(fact);
            let json = serde_json::to_string(&body).expect("a body is JSON");
            assert!(
                json.contains(&format!("\"kind\":\"{}\"", body.fact.kind())),
                "{json}"
            );
            assert_eq!(serde_json::from_str::<Body>(&json).expect("reads"), body);
        }
    }

    #[test]
    fn hexadecimal_reads_back_as_written() {
        for bytes in [&[][..], &[0, 9, 10, 255], &CHAIN_START] {
            assert_eq!(unhex(&hex(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(unhex_hash(&hex(&CHAIN_START)), Some(CHAIN_START));
        for bad in ["0", "0g", "é0"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_chain_depends_on_every_byte_before() {
        let first = chained(&CHAIN_START, b"one");
        assert_ne!(chained(&first, b"two"), chained(&CHAIN_START, b"two"));
        assert_ne!(chained(&first, b"two"), chained(&first, b"twp"));
    }
}
