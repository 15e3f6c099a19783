//! What a change of a campaign's rules takes from people who already have a code. Nothing that
//! happened is undone by it; but whoever was promised something is counted, and the change asks first.

use std::fmt;

use jiff::Timestamp;

use crate::domain::campaign::Rules;

/// What becomes of codes that were given out and are not used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Takes {
    /// They end at this instant, and ended later before.
    EndsSooner(Timestamp),
    /// They are not honoured before this instant, and were before.
    BeginsLater(Timestamp),
    /// Some stores honour them no longer.
    FewerStores,
    /// They are no longer honoured at some hours.
    FewerHours,
}

/// What a change takes, and of how many codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleHit {
    /// What it takes.
    pub takes: Takes,
    /// Codes that were given out and are not used up; at least 1.
    pub codes: u64,
}

impl fmt::Display for RuleHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (codes, are) = if self.codes == 1 {
            ("code", "is")
        } else {
            ("codes", "are")
        };
        let count = self.codes;
        let becomes = match self.takes {
            Takes::EndsSooner(_) => "would end sooner",
            Takes::BeginsLater(_) => "would be honoured later only",
            Takes::FewerStores => "would be honoured at fewer stores",
            Takes::FewerHours => "would be honoured at fewer hours",
        };
        write!(
            f,
            "{count} {codes} that {are} given out and not used up {becomes}"
        )
    }
}

/// What a change may take from codes that are given out.
pub fn takes(before: &Rules, after: &Rules, now: Timestamp) -> Vec<Takes> {
    let ends = after
        .ends_at
        .filter(|end| before.ends_at.is_none_or(|former| *end < former))
        // What has ended already cannot end sooner.
        .filter(|_| before.ends_at.is_none_or(|former| now < former))
        .map(Takes::EndsSooner);
    let begins = after
        .starts_at
        .filter(|start| now < *start)
        .filter(|start| before.starts_at.is_none_or(|former| former < *start))
        .map(Takes::BeginsLater);
    let is_everywhere = after.stores.is_empty();
    let leaves_out = before.stores.is_empty()
        || before
            .stores
            .iter()
            .any(|store| !after.stores.contains(store));
    let stores = (!is_everywhere && leaves_out).then_some(Takes::FewerStores);
    let hours = after
        .hours
        .as_ref()
        .is_some_and(|hours| !hours.cover(before.hours.as_ref()))
        .then_some(Takes::FewerHours);
    [ends, begins, stores, hours]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn of(change: impl Fn(&mut Rules)) -> Vec<Takes> {
        let mut before = Rules::new("Free coffee");
        before.ends_at = Some(at("2026-12-01T00:00:00Z"));
        before.stores = vec!["Riverside".into(), "Station".into()];
        before.hours = "Mon-Fri 09:00-18:00".parse().ok();
        let mut after = before.clone();
        change(&mut after);
        takes(&before, &after, at("2026-11-01T12:00:00Z"))
    }

    #[test]
    fn what_gives_more_takes_nothing() {
        assert_eq!(of(|_| {}), []);
        assert_eq!(of(|rules| rules.ends_at = None), []);
        assert_eq!(
            of(|rules| rules.ends_at = Some(at("2027-01-01T00:00:00Z"))),
            []
        );
        assert_eq!(
            of(|rules| rules.starts_at = Some(at("2026-10-01T00:00:00Z"))),
            []
        );
        assert_eq!(of(|rules| rules.stores.clear()), []);
        assert_eq!(of(|rules| rules.stores.push("Old town".into())), []);
        assert_eq!(of(|rules| rules.hours = None), []);
        assert_eq!(
            of(|rules| rules.hours = "Mon-Sat 08:00-18:00".parse().ok()),
            []
        );
        assert_eq!(of(|rules| rules.offer = "Two coffees".into()), []);
    }

    #[test]
    fn what_takes_is_named() {
        let sooner = at("2026-11-15T00:00:00Z");
        assert_eq!(
            of(|rules| rules.ends_at = Some(sooner)),
            [Takes::EndsSooner(sooner)]
        );
        assert_eq!(
            of(|rules| rules.starts_at = Some(sooner)),
            [Takes::BeginsLater(sooner)]
        );
        assert_eq!(of(|rules| drop(rules.stores.pop())), [Takes::FewerStores]);
        assert_eq!(
            of(|rules| rules.hours = "Mon-Thu 09:00-18:00, Fri 09:00-17:59".parse().ok()),
            [Takes::FewerHours]
        );
    }

    #[test]
    fn a_campaign_for_always_that_gets_bounds_takes() {
        let mut after = Rules::new("Free coffee");
        after.ends_at = Some(at("2026-10-01T00:00:00Z"));
        after.stores = vec!["Riverside".into()];
        after.hours = "Sat 10:00-14:00".parse().ok();
        let taken = takes(
            &Rules::new("Free coffee"),
            &after,
            at("2026-11-01T12:00:00Z"),
        );
        assert_eq!(
            taken,
            [
                Takes::EndsSooner(at("2026-10-01T00:00:00Z")),
                Takes::FewerStores,
                Takes::FewerHours
            ]
        );
    }
}
