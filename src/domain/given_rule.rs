//! A campaign's rules as a person gives them: one text each, read here wherever it was typed, and put
//! over the rules that stand.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::campaign::{
    ContactKind, Home, OfflineAssign, OfflinePolicy, Requirement, Rules,
};
use crate::domain::ids::MalformedName;
use crate::domain::local_time::{Boundary, Hours, Length};

/// Which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleName {
    /// What the customer gets.
    Offer,
    /// From when codes are honoured.
    Starts,
    /// Until when.
    Ends,
    /// How often one code is honoured.
    Uses,
    /// How many codes one customer may have.
    PerCustomer,
    /// When codes are honoured, by the store's clock.
    Hours,
    /// The stores that honour them.
    Stores,
    /// How long a code is valid from its assignment.
    AssignFor,
    /// What must be known first.
    Require,
    /// Redemptions per customer and day.
    LimitPerDay,
    /// What an offline store honours.
    Offline,
    /// Provisional acceptances a day.
    OfflinePerDay,
    /// The share of the pool below which it is warned.
    WarnShare,
    /// The days before it is empty in which it is warned.
    WarnDays,
    /// What is said where no code is left.
    Fallback,
    /// Where assigned codes live.
    Home,
    /// Who assigns while offline.
    OfflineAssign,
    /// By what a customer is recognised.
    IdentifyBy,
    /// Codes a day for customers without a contact.
    AllowAnonymous,
    /// Whether a mailbox's several addresses are one customer.
    ProviderAliases,
}

impl RuleName {
    /// Every rule, in the order in which a form asks for them.
    pub const ALL: [RuleName; 20] = [
        RuleName::Offer,
        RuleName::Starts,
        RuleName::Ends,
        RuleName::Uses,
        RuleName::PerCustomer,
        RuleName::Hours,
        RuleName::Stores,
        RuleName::AssignFor,
        RuleName::Require,
        RuleName::LimitPerDay,
        RuleName::Offline,
        RuleName::OfflinePerDay,
        RuleName::WarnShare,
        RuleName::WarnDays,
        RuleName::Fallback,
        RuleName::Home,
        RuleName::OfflineAssign,
        RuleName::IdentifyBy,
        RuleName::AllowAnonymous,
        RuleName::ProviderAliases,
    ];

    /// What people call it.
    pub fn words(self) -> &'static str {
        self.told().0
    }

    /// What may be given, in a few words.
    pub fn hint(self) -> &'static str {
        self.told().1
    }

    fn told(self) -> (&'static str, &'static str) {
        match self {
            RuleName::Offer => ("offer", "what the customer gets, in words"),
            RuleName::Starts => ("starts", "2026-12-01, 2026-12-01T09:00, or none"),
            RuleName::Ends => (
                "ends",
                "2026-12-24 (that whole day), 2026-12-24T18:00 (not included), or none",
            ),
            RuleName::Uses => ("uses of a code", "how often one code is honoured"),
            RuleName::PerCustomer => ("codes a customer", "how many one customer may have"),
            RuleName::Hours => ("hours", "Mon-Fri 09:00-18:00, Sat 10:00-14:00, or none"),
            RuleName::Stores => ("stores", "names, a comma between; empty: every store"),
            RuleName::AssignFor => ("valid for", "from its assignment: 30d, 12h, or none"),
            RuleName::Require => ("needs first", "receipt, approval, customer; empty: nothing"),
            RuleName::LimitPerDay => ("uses a day", "per customer, or none"),
            RuleName::Offline => ("offline", "confirmed-only or accept"),
            RuleName::OfflinePerDay => (
                "offline a day",
                "at most so many provisional acceptances, or none",
            ),
            RuleName::WarnShare => (
                "warns below %",
                "once less than this share of the pool is left; 0: never",
            ),
            RuleName::WarnDays => (
                "warns days before",
                "once it will be empty within so many days; 0: never",
            ),
            RuleName::Fallback => (
                "if none is left",
                "what is said then, or none; never given out as a code",
            ),
            RuleName::Home => (
                "assigned codes",
                "where they live: issuing-store or anywhere",
            ),
            RuleName::OfflineAssign => ("assigns offline", "who does: lease or hub"),
            RuleName::IdentifyBy => ("known by", "email, phone, loyalty"),
            RuleName::AllowAnonymous => (
                "without contact",
                "codes a day for customers without a contact: 5",
            ),
            RuleName::ProviderAliases => (
                "mail aliases",
                "one customer, as their provider says: yes or no; stands once one has a code",
            ),
        }
    }

    /// Whether the rule may be taken away.
    pub fn may_be_none(self) -> bool {
        matches!(
            self,
            RuleName::Starts
                | RuleName::Ends
                | RuleName::OfflinePerDay
                | RuleName::Hours
                | RuleName::AssignFor
                | RuleName::LimitPerDay
                | RuleName::Fallback
        )
    }

    /// The rule as it stands, as a text that is read back as the same.
    pub fn text_of(self, rules: &Rules, zone: &TimeZone) -> String {
        fn or_none<T: ToString>(value: Option<&T>) -> String {
            value.map_or_else(|| "none".to_owned(), T::to_string)
        }
        fn listed<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
            let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
            texts.join(", ")
        }
        let starts = rules.starts_at.map(|at| text_of_start(at, zone));
        let ends = rules.ends_at.map(|at| text_of_end(at, zone));
        match self {
            RuleName::Offer => rules.offer.clone(),
            RuleName::Starts => or_none(starts.as_ref()),
            RuleName::Ends => or_none(ends.as_ref()),
            RuleName::Uses => rules.uses.to_string(),
            RuleName::PerCustomer => rules.per_customer.to_string(),
            RuleName::Hours => or_none(rules.hours.as_ref()),
            RuleName::Stores => listed(&rules.stores),
            RuleName::AssignFor => or_none(rules.assign_for.as_ref()),
            RuleName::Require => listed(&rules.require),
            RuleName::LimitPerDay => or_none(rules.limit_per_day.as_ref()),
            RuleName::Offline => rules.offline.to_string(),
            RuleName::OfflinePerDay => or_none(rules.offline_per_day.as_ref()),
            RuleName::WarnShare => rules.warn_share.to_string(),
            RuleName::WarnDays => rules.warn_days.to_string(),
            RuleName::Fallback => or_none(rules.fallback.as_ref()),
            RuleName::Home => rules.home.to_string(),
            RuleName::OfflineAssign => rules.offline_assign.to_string(),
            RuleName::IdentifyBy => listed(&rules.identify_by),
            RuleName::AllowAnonymous => rules.allow_anonymous_per_day.to_string(),
            RuleName::ProviderAliases => yes_or_no(rules.provider_aliases).to_owned(),
        }
    }
}

fn yes_or_no(is_yes: bool) -> &'static str {
    if is_yes { "yes" } else { "no" }
}

/// A window's start as the shortest text that means it.
fn text_of_start(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    shortest(
        Some(local.date().to_string()),
        at,
        zone,
        Boundary::starts_at,
    )
}

/// A window's excluded end as the shortest text that means it.
pub fn text_of_end(at: Timestamp, zone: &TimeZone) -> String {
    let day = at.to_zoned(zone.clone()).date().yesterday();
    shortest(
        day.ok().map(|day| day.to_string()),
        at,
        zone,
        Boundary::ends_at,
    )
}

fn shortest(
    day: Option<String>,
    at: Timestamp,
    zone: &TimeZone,
    means: impl Fn(Boundary, &TimeZone) -> Option<Timestamp>,
) -> String {
    let local = at.to_zoned(zone.clone());
    let minute = local.strftime("%Y-%m-%dT%H:%M").to_string();
    let second = local.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    day.into_iter()
        .chain([minute, second])
        .find(|text| {
            let boundary = text.parse::<Boundary>();
            boundary.is_ok_and(|boundary| means(boundary, zone) == Some(at))
        })
        // An hour that comes twice, or parts of a second.
        .unwrap_or_else(|| at.to_string())
}

/// One rule as it was given; none: it is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenRule {
    /// The offer.
    Offer(String),
    /// The start.
    Starts(Option<Boundary>),
    /// The end.
    Ends(Option<Boundary>),
    /// Uses of a code.
    Uses(u32),
    /// Codes a customer.
    PerCustomer(u32),
    /// The hours.
    Hours(Option<Hours>),
    /// The stores; empty: every one.
    Stores(Vec<String>),
    /// How long a code is valid.
    AssignFor(Option<Length>),
    /// What must be known first.
    Require(BTreeSet<Requirement>),
    /// Uses a day.
    LimitPerDay(Option<u32>),
    /// The offline policy.
    Offline(OfflinePolicy),
    /// Its limit a day.
    OfflinePerDay(Option<u32>),
    /// The share of the pool.
    WarnShare(u32),
    /// The days.
    WarnDays(u32),
    /// What is said where no code is left.
    Fallback(Option<String>),
    /// Where assigned codes live.
    Home(Home),
    /// Who assigns while offline.
    OfflineAssign(OfflineAssign),
    /// By what a customer is recognised.
    IdentifyBy(BTreeSet<ContactKind>),
    /// Codes a day without a contact.
    AllowAnonymous(u32),
    /// Whether a mailbox's several addresses are one customer.
    ProviderAliases(bool),
}

impl GivenRule {
    /// Reads a rule as it was typed.
    pub fn read(name: RuleName, text: &str) -> Result<GivenRule, MalformedName> {
        Ok(match name {
            RuleName::Offer => GivenRule::Offer(text.to_owned()),
            RuleName::Starts => GivenRule::Starts(unless_none(text)?),
            RuleName::Ends => GivenRule::Ends(unless_none(text)?),
            RuleName::Uses => GivenRule::Uses(number(text, "a number from 1 to 10000")?),
            RuleName::PerCustomer => {
                GivenRule::PerCustomer(number(text, "a number from 1 to 10000")?)
            }
            RuleName::Hours => GivenRule::Hours(unless_none(text)?),
            RuleName::Stores => GivenRule::Stores(parts(text).map(str::to_owned).collect()),
            RuleName::AssignFor => GivenRule::AssignFor(unless_none(text)?),
            RuleName::Require => {
                GivenRule::Require(parts(text).map(str::parse).collect::<Result<_, _>>()?)
            }
            RuleName::LimitPerDay => GivenRule::LimitPerDay(count_or_none(text)?),
            RuleName::Offline => GivenRule::Offline(text.parse()?),
            RuleName::OfflinePerDay => GivenRule::OfflinePerDay(count_or_none(text)?),
            RuleName::WarnShare => GivenRule::WarnShare(number(text, "a number from 0 to 100")?),
            RuleName::WarnDays => GivenRule::WarnDays(number(text, "a number from 0 to 365")?),
            RuleName::Fallback => GivenRule::Fallback(match text.trim() {
                "none" => None,
                text => Some(text.to_owned()),
            }),
            RuleName::Home => GivenRule::Home(text.parse()?),
            RuleName::OfflineAssign => GivenRule::OfflineAssign(text.parse()?),
            RuleName::IdentifyBy => GivenRule::IdentifyBy(contact_kinds(text)?),
            RuleName::AllowAnonymous => {
                let text = text.trim().trim_end_matches("/day");
                GivenRule::AllowAnonymous(number(text, "a number a day, as in 5/day")?)
            }
            RuleName::ProviderAliases => GivenRule::ProviderAliases(match text.trim() {
                "yes" => true,
                "no" => false,
                _ => return Err(MalformedName("use yes or no".to_owned())),
            }),
        })
    }

    /// Which rule it is.
    pub fn name(&self) -> RuleName {
        match self {
            GivenRule::Offer(_) => RuleName::Offer,
            GivenRule::Starts(_) => RuleName::Starts,
            GivenRule::Ends(_) => RuleName::Ends,
            GivenRule::Uses(_) => RuleName::Uses,
            GivenRule::PerCustomer(_) => RuleName::PerCustomer,
            GivenRule::Hours(_) => RuleName::Hours,
            GivenRule::Stores(_) => RuleName::Stores,
            GivenRule::AssignFor(_) => RuleName::AssignFor,
            GivenRule::Require(_) => RuleName::Require,
            GivenRule::LimitPerDay(_) => RuleName::LimitPerDay,
            GivenRule::Offline(_) => RuleName::Offline,
            GivenRule::OfflinePerDay(_) => RuleName::OfflinePerDay,
            GivenRule::WarnShare(_) => RuleName::WarnShare,
            GivenRule::WarnDays(_) => RuleName::WarnDays,
            GivenRule::Fallback(_) => RuleName::Fallback,
            GivenRule::Home(_) => RuleName::Home,
            GivenRule::OfflineAssign(_) => RuleName::OfflineAssign,
            GivenRule::IdentifyBy(_) => RuleName::IdentifyBy,
            GivenRule::AllowAnonymous(_) => RuleName::AllowAnonymous,
            GivenRule::ProviderAliases(_) => RuleName::ProviderAliases,
        }
    }

    /// Takes in what was given of the same rule once more: a list grows, anything else is the newer.
    #[must_use]
    pub fn and(self, more: GivenRule) -> GivenRule {
        match (self, more) {
            (GivenRule::Stores(mut stores), GivenRule::Stores(more)) => {
                stores.extend(more);
                GivenRule::Stores(stores)
            }
            (GivenRule::Require(mut all), GivenRule::Require(more)) => {
                all.extend(more);
                GivenRule::Require(all)
            }
            (GivenRule::IdentifyBy(mut kinds), GivenRule::IdentifyBy(more)) => {
                kinds.extend(more);
                GivenRule::IdentifyBy(kinds)
            }
            (_, more) => more,
        }
    }

    /// Puts it over the rules that stand; fails where a time cannot be in this zone.
    pub fn over(&self, rules: &mut Rules, zone: &TimeZone) -> Result<(), MalformedName> {
        let in_range = |at: Option<Timestamp>| {
            at.ok_or_else(|| {
                MalformedName("the time is out of range: use a year from 1 to 9999".to_owned())
            })
        };
        match self {
            GivenRule::Offer(offer) => rules.offer.clone_from(offer),
            GivenRule::Starts(at) => {
                let at = at.map(|at| in_range(at.starts_at(zone)));
                rules.starts_at = at.transpose()?;
            }
            GivenRule::Ends(at) => {
                let at = at.map(|at| in_range(at.ends_at(zone)));
                rules.ends_at = at.transpose()?;
            }
            GivenRule::Uses(uses) => rules.uses = *uses,
            GivenRule::PerCustomer(codes) => rules.per_customer = *codes,
            GivenRule::Hours(hours) => rules.hours.clone_from(hours),
            GivenRule::Stores(stores) => rules.stores.clone_from(stores),
            GivenRule::AssignFor(length) => rules.assign_for = *length,
            GivenRule::Require(all) => rules.require.clone_from(all),
            GivenRule::LimitPerDay(limit) => rules.limit_per_day = *limit,
            GivenRule::Offline(policy) => rules.offline = *policy,
            GivenRule::OfflinePerDay(limit) => rules.offline_per_day = *limit,
            GivenRule::WarnShare(share) => rules.warn_share = *share,
            GivenRule::WarnDays(days) => rules.warn_days = *days,
            GivenRule::Fallback(text) => rules.fallback.clone_from(text),
            GivenRule::Home(home) => rules.home = *home,
            GivenRule::OfflineAssign(who) => rules.offline_assign = *who,
            GivenRule::IdentifyBy(kinds) => rules.identify_by.clone_from(kinds),
            GivenRule::AllowAnonymous(count) => rules.allow_anonymous_per_day = *count,
            GivenRule::ProviderAliases(is_one) => rules.provider_aliases = *is_one,
        }
        Ok(())
    }
}

/// Puts all that was given over the rules that stand: the whole of it, or nothing.
pub fn put_over(
    given: &[GivenRule],
    rules: &mut Rules,
    zone: &TimeZone,
) -> Result<(), MalformedName> {
    let mut all = rules.clone();
    for rule in given {
        rule.over(&mut all, zone)?;
    }
    *rules = all;
    Ok(())
}

fn unless_none<T: FromStr<Err = MalformedName>>(text: &str) -> Result<Option<T>, MalformedName> {
    if text.trim() == "none" {
        Ok(None)
    } else {
        text.parse().map(Some)
    }
}

fn number(text: &str, use_this: &str) -> Result<u32, MalformedName> {
    text.trim()
        .parse()
        .ok()
        .ok_or_else(|| MalformedName(format!("use {use_this}")))
}

fn count_or_none(text: &str) -> Result<Option<u32>, MalformedName> {
    if text.trim() == "none" {
        return Ok(None);
    }
    let words = "a number from 1 to 1000000, or none";
    let count = number(text, words)?;
    if (1..=1_000_000).contains(&count) {
        Ok(Some(count))
    } else {
        Err(MalformedName(format!("use {words}")))
    }
}

fn contact_kinds(text: &str) -> Result<BTreeSet<ContactKind>, MalformedName> {
    let kinds = parts(text).map(|part| match part.parse::<ContactKind>() {
        Ok(kind @ (ContactKind::Email | ContactKind::Phone | ContactKind::Loyalty)) => Ok(kind),
        Ok(ContactKind::ExternalId) | Err(_) => {
            Err(MalformedName("use email, phone or loyalty".to_owned()))
        }
    });
    let kinds: BTreeSet<ContactKind> = kinds.collect::<Result<_, _>>()?;
    if kinds.is_empty() {
        return Err(MalformedName("use email, phone or loyalty".to_owned()));
    }
    Ok(kinds)
}

/// The parts of a list with commas; empty ones are none.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("a zone")
    }

    fn given(name: RuleName, text: &str) -> Rules {
        let mut rules = Rules::new("Free coffee");
        let rule = GivenRule::read(name, text).expect("a rule");
        assert_eq!(rule.name(), name);
        rule.over(&mut rules, &zone()).expect("in range");
        rules
    }

    #[test]
    fn every_rule_reads_back_from_its_own_text() {
        for (name, text) in [
            (RuleName::Offer, "10 % off"),
            (RuleName::Starts, "2026-12-01"),
            (RuleName::Starts, "2026-12-01T09:00"),
            (RuleName::Ends, "2026-12-24"),
            (RuleName::Ends, "2026-12-24T18:00:05"),
            (RuleName::Ends, "none"),
            (RuleName::Uses, "3"),
            (RuleName::PerCustomer, "2"),
            (RuleName::Hours, "Mon-Fri 09:00-18:00, Sat 10:00-14:00"),
            (RuleName::Stores, "Corner, Mall"),
            (RuleName::Stores, ""),
            (RuleName::AssignFor, "30d"),
            (RuleName::Require, "receipt, customer"),
            (RuleName::LimitPerDay, "4"),
            (RuleName::Offline, "accept"),
            (RuleName::OfflinePerDay, "none"),
            (RuleName::WarnShare, "0"),
            (RuleName::WarnDays, "9"),
            (RuleName::Fallback, "come back on Monday"),
            (RuleName::Home, "anywhere"),
            (RuleName::OfflineAssign, "hub"),
            (RuleName::IdentifyBy, "email, loyalty"),
            (RuleName::AllowAnonymous, "5"),
            (RuleName::ProviderAliases, "yes"),
        ] {
            let rules = given(name, text);
            assert_eq!(name.text_of(&rules, &zone()), text, "{name:?}");
        }
        // An hour that comes twice has no shorter name than its instant.
        let rules = given(RuleName::Ends, "2026-10-25T01:30:00Z");
        assert_eq!(
            RuleName::Ends.text_of(&rules, &zone()),
            "2026-10-25T01:30:00Z"
        );
    }

    #[test]
    fn what_cannot_be_read_says_what_can() {
        for (name, text, says) in [
            (RuleName::Uses, "twice", "a number"),
            (RuleName::Ends, "tomorrow", "is not a time"),
            (RuleName::Hours, "9-5", "is not a span of hours"),
            (RuleName::OfflinePerDay, "0", "or none"),
            (RuleName::IdentifyBy, "external_id", "use email"),
            (RuleName::IdentifyBy, "", "use email"),
            (RuleName::Require, "luck", "receipt or approval"),
            (RuleName::ProviderAliases, "maybe", "yes or no"),
        ] {
            let fault = GivenRule::read(name, text).expect_err(text).to_string();
            assert!(fault.contains(says), "{fault}");
        }
    }

    #[test]
    fn what_is_given_is_put_over_as_a_whole_or_not_at_all() {
        let mut rules = Rules::new("Free coffee");
        let far = Boundary::Day(jiff::civil::Date::MAX);
        let given = [GivenRule::Uses(2), GivenRule::Ends(Some(far))];
        assert!(put_over(&given, &mut rules, &zone()).is_err());
        assert_eq!(rules, Rules::new("Free coffee"));
        let more = GivenRule::Stores(vec!["B".to_owned()]);
        let stores = GivenRule::Stores(vec!["A".to_owned()]).and(more);
        put_over(&[stores], &mut rules, &zone()).expect("in range");
        assert_eq!(rules.stores, ["A", "B"]);
    }
}
