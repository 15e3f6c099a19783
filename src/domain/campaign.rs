//! A campaign: an offer and the rules under which its codes are handed out and honoured.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::domain::code::fold_letters;
use crate::domain::given_rule::RuleName;
use crate::domain::ids::{CampaignId, MalformedName, is_plain_name};
use crate::domain::local_time::{Hours, Length, in_words, last_in_words};

/// A campaign as it stands after its newest revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Campaign {
    /// Its name, for ever.
    #[serde(rename = "campaign")]
    pub id: CampaignId,
    /// Counts changes of the rules from 1; every entry names the revision it was judged by.
    pub revision: u32,
    /// Paused campaigns refuse redemptions and claims until they are resumed.
    pub is_paused: bool,
    /// The rules.
    #[serde(flatten)]
    pub rules: Rules,
}

/// The longest fallback, in characters.
pub const FALLBACK_CHARS_MAX: usize = 200;

/// The form in which a scan is compared with a fallback: as codes are folded, but for any letters.
pub fn stand_in_form(text: &str) -> String {
    fold_letters(text.trim()).to_uppercase()
}

impl Campaign {
    /// Whether it gives out codes and honours them at this instant, as far as its window goes.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.is_paused
            && self.rules.starts_at.is_none_or(|starts| now >= starts)
            && self.rules.ends_at.is_none_or(|ends| now < ends)
    }
}

/// What a store may do with a code whose holder is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OfflinePolicy {
    /// Only what can be confirmed is honoured.
    ConfirmedOnly,
    /// Honoured provisionally, within the campaign's daily limit, and settled later.
    Accept,
}

/// Where a code lives after a store has assigned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Home {
    /// The store that issued it keeps it until the hub recalls it.
    IssuingStore,
    /// It is handed to the hub at the next contact.
    Anywhere,
}

/// Who may assign while the hub is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OfflineAssign {
    /// A store, from its lease.
    Lease,
    /// Only the hub.
    Hub,
}

/// What must be known before a code is honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// A receipt number.
    Receipt,
    /// A manager's approval.
    Approval,
    /// Who the customer is.
    Customer,
}

/// A kind of contact that people are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContactKind {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A loyalty number.
    Loyalty,
    /// Another system's name for the customer.
    ExternalId,
}

impl ContactKind {
    /// Every kind, in the order of its stored number.
    pub const ALL: [ContactKind; 4] = [
        ContactKind::Email,
        ContactKind::Phone,
        ContactKind::Loyalty,
        ContactKind::ExternalId,
    ];

    /// The kind in words for people.
    pub fn words(self) -> &'static str {
        match self {
            ContactKind::Email => "an e-mail address",
            ContactKind::Phone => "a phone number",
            ContactKind::Loyalty => "a loyalty number",
            ContactKind::ExternalId => "an id of another system",
        }
    }

    /// The kind as it is written in columns, arguments and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ContactKind::Email => "email",
            ContactKind::Phone => "phone",
            ContactKind::Loyalty => "loyalty",
            ContactKind::ExternalId => "external_id",
        }
    }
}

/// The rules of a campaign, one revision of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// What the customer gets, in words; 1 to 200 characters.
    pub offer: String,
    /// The first instant at which a code is honoured; none: since ever.
    pub starts_at: Option<Timestamp>,
    /// The first instant at which a code is no longer honoured; none: never ends.
    pub ends_at: Option<Timestamp>,
    /// How often one code is honoured; 1 to 10 000.
    pub uses: u32,
    /// How many codes one customer may have; 1 to 10 000.
    pub per_customer: u32,
    /// What an offline store may honour.
    pub offline: OfflinePolicy,
    /// How many provisional acceptances an offline store may give a day; none: no limit.
    pub offline_per_day: Option<u32>,
    /// Where an assigned code lives.
    pub home: Home,
    /// Who assigns while offline.
    pub offline_assign: OfflineAssign,
    /// When, by the store's clock, codes are honoured; none: always.
    pub hours: Option<Hours>,
    /// The stores that honour the codes; empty: every store.
    pub stores: Vec<String>,
    /// How long a code is valid from its assignment; none: as long as the campaign.
    pub assign_for: Option<Length>,
    /// What must be known before a code is honoured.
    pub require: BTreeSet<Requirement>,
    /// How many redemptions one customer may make a local day; none: no limit.
    pub limit_per_day: Option<u32>,
    /// By which contacts a customer is recognised.
    pub identify_by: BTreeSet<ContactKind>,
    /// How many codes a day may go to customers without any contact.
    pub allow_anonymous_per_day: u32,
    /// What is said where no code is left; 1 to 200 characters. Never a code.
    #[serde(default)]
    pub fallback: Option<String>,
    /// Whether e-mail addresses that one mailbox is behind are one contact
    /// ([`crate::domain::contact::mailbox`]); stands once a customer has a code.
    #[serde(default)]
    pub provider_aliases: bool,
    /// It is warned of the pool once less than this share of it is left, in percent; 0: never.
    #[serde(default = "warn_share")]
    pub warn_share: u32,
    /// It is warned of the pool once it will be empty within so many days; 0: never.
    #[serde(default = "warn_days")]
    pub warn_days: u32,
}

fn warn_share() -> u32 {
    10
}

fn warn_days() -> u32 {
    3
}

impl Rules {
    /// The default rules for `offer`: one use, one code a customer, always and everywhere.
    pub fn new(offer: &str) -> Rules {
        Rules {
            offer: offer.to_owned(),
            starts_at: None,
            ends_at: None,
            uses: 1,
            per_customer: 1,
            offline: OfflinePolicy::ConfirmedOnly,
            offline_per_day: None,
            home: Home::IssuingStore,
            offline_assign: OfflineAssign::Lease,
            hours: None,
            stores: Vec::new(),
            assign_for: None,
            require: BTreeSet::new(),
            limit_per_day: None,
            identify_by: BTreeSet::from([
                ContactKind::Email,
                ContactKind::Phone,
                ContactKind::Loyalty,
            ]),
            allow_anonymous_per_day: 0,
            fallback: None,
            provider_aliases: false,
            warn_share: warn_share(),
            warn_days: warn_days(),
        }
    }

    /// What is wrong with these rules, said to the person who wrote them.
    pub fn fault(&self) -> Option<String> {
        self.fault_at().map(|(_, words)| words)
    }

    /// What is wrong with these rules, and with which of them.
    pub fn fault_at(&self) -> Option<(RuleName, String)> {
        let fault = |name: RuleName, words: &str| Some((name, words.to_owned()));
        let offer_length = self.offer.trim().chars().count();
        if !(1..=200).contains(&offer_length) {
            return fault(RuleName::Offer, "the offer needs 1 to 200 characters");
        }
        if self.offer.chars().any(char::is_control) {
            return fault(RuleName::Offer, "the offer holds a control character");
        }
        if !(1..=10_000).contains(&self.uses) {
            return fault(RuleName::Uses, "uses must be 1 to 10000");
        }
        if !(1..=10_000).contains(&self.per_customer) {
            return fault(RuleName::PerCustomer, "per-customer must be 1 to 10000");
        }
        if let (Some(starts), Some(ends)) = (self.starts_at, self.ends_at)
            && starts >= ends
        {
            return fault(RuleName::Ends, "the campaign ends before it starts");
        }
        if let Some(fallback) = &self.fallback
            && (!is_plain_name(fallback, FALLBACK_CHARS_MAX) || stand_in_form(fallback).is_empty())
        {
            let words = format!(
                "the fallback needs 1 to {FALLBACK_CHARS_MAX} characters without control characters"
            );
            return fault(RuleName::Fallback, &words);
        }
        if self.warn_share > 100 {
            return fault(RuleName::WarnShare, "warn-share must be 0 to 100 percent");
        }
        if self.warn_days > 365 {
            return fault(RuleName::WarnDays, "warn-days must be 0 to 365");
        }
        if self.identify_by.is_empty() {
            let words = "identify-by needs at least one of email, phone, loyalty";
            return fault(RuleName::IdentifyBy, words);
        }
        None
    }

    /// Whether a verdict under these rules can depend on what the clock says.
    pub fn are_time_bound(&self) -> bool {
        self.starts_at.is_some() || self.ends_at.is_some() || self.hours.is_some()
    }

    /// Whether codes are honoured in a store of this name, whatever its letter case.
    pub fn include_store(&self, store: &str) -> bool {
        self.stores.is_empty()
            || self
                .stores
                .iter()
                .any(|name| name.to_lowercase() == store.to_lowercase())
    }

    /// The first instant at which a code is no longer honoured: its own end or its campaign's,
    /// whichever comes first.
    pub fn end_of_code(&self, own_end: Option<Timestamp>) -> Option<Timestamp> {
        match (own_end, self.ends_at) {
            (Some(own), Some(campaign)) => Some(own.min(campaign)),
            (own, campaign) => own.or(campaign),
        }
    }

    /// Until when a code is valid, in words for the customer and in the store's zone; empty where
    /// nothing limits it.
    pub fn validity_in_words(&self, own_end: Option<Timestamp>, zone: &TimeZone) -> String {
        let mut parts = Vec::new();
        if let Some(starts) = self.starts_at {
            parts.push(format!("from {}", in_words(starts, zone)));
        }
        if let Some(end) = self.end_of_code(own_end) {
            parts.push(format!("until {}", last_in_words(end, zone)));
        }
        if let Some(hours) = &self.hours {
            parts.push(format!("on {hours}"));
        }
        if parts.is_empty() {
            return String::new();
        }
        format!("valid {}", parts.join(", "))
    }

    /// The window in words, in the store's zone.
    pub fn window_in_words(&self, zone: &TimeZone) -> String {
        match (self.starts_at, self.ends_at) {
            (None, None) => "always".to_owned(),
            (Some(starts), None) => format!("from {}", in_words(starts, zone)),
            (None, Some(ends)) => format!("until {} (not included)", in_words(ends, zone)),
            (Some(starts), Some(ends)) => format!(
                "from {} until {} (not included)",
                in_words(starts, zone),
                in_words(ends, zone)
            ),
        }
    }
}

macro_rules! words_of {
    ($kind:ty, $what:literal, { $($word:literal => $value:expr),+ $(,)? }) => {
        impl FromStr for $kind {
            type Err = MalformedName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.trim().to_ascii_lowercase().as_str() {
                    $($word => Ok($value),)+
                    _ => Err(MalformedName(format!(
                        "{text:?} is not {}: use {}", $what, [$($word),+].join(" or ")
                    ))),
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(if *self == $value { return f.write_str($word); })+
                Ok(())
            }
        }
    };
}

words_of!(OfflinePolicy, "an offline policy", {
    "confirmed-only" => OfflinePolicy::ConfirmedOnly,
    "accept" => OfflinePolicy::Accept,
});
words_of!(Home, "a home", {
    "issuing-store" => Home::IssuingStore,
    "anywhere" => Home::Anywhere,
});
words_of!(OfflineAssign, "an offline-assign rule", {
    "lease" => OfflineAssign::Lease,
    "hub" => OfflineAssign::Hub,
});
words_of!(Requirement, "a requirement", {
    "receipt" => Requirement::Receipt,
    "approval" => Requirement::Approval,
    "customer" => Requirement::Customer,
});
words_of!(ContactKind, "a kind of contact", {
    "email" => ContactKind::Email,
    "phone" => ContactKind::Phone,
    "loyalty" => ContactKind::Loyalty,
    "external_id" => ContactKind::ExternalId,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_their_own_faults() {
        let good = Rules::new("Free coffee");
        assert_eq!(good.fault(), None);
        let faulty = |change: fn(&mut Rules)| {
            let mut rules = good.clone();
            change(&mut rules);
            rules.fault().is_some()
        };
        assert!(faulty(|rules| rules.offer = " ".into()));
        assert!(faulty(|rules| rules.offer = "a\u{1b}[2J".into()));
        assert!(faulty(|rules| rules.uses = 0));
        assert!(faulty(|rules| rules.identify_by.clear()));
        for bad in ["", " - ", "a\nb"] {
            let mut rules = good.clone();
            rules.fallback = Some(bad.to_owned());
            assert!(rules.fault().is_some(), "{bad:?}");
        }
        assert!(faulty(|rules| rules.fallback = Some("a".repeat(201))));
        assert!(faulty(|rules| {
            rules.starts_at = Some(Timestamp::UNIX_EPOCH);
            rules.ends_at = Some(Timestamp::UNIX_EPOCH);
        }));
    }

    #[test]
    fn rules_read_back_from_json_as_written() {
        let mut rules = Rules::new("15 % off");
        rules.hours = Some("Mon-Fri 09:00-18:00".parse().expect("hours"));
        rules.assign_for = Some("30d".parse().expect("a length"));
        rules.require.insert(Requirement::Receipt);
        let json = serde_json::to_string(&rules).expect("rules are JSON");
        assert_eq!(serde_json::from_str::<Rules>(&json).expect("reads"), rules);
    }
}
