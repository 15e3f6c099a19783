//! A campaign in words, the same on the command line and on the console.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::campaign::{Campaign, Rules};
use crate::domain::given_rule::RuleName;
use crate::domain::local_time::{day_start, in_words};
use crate::domain::test_mode::{TestMode, TestModeEnd};

impl Campaign {
    /// `open`, `PAUSED`, `not begun`, `ended`; a paused one says so beside what its window says.
    pub fn state_in_words(&self, now: Timestamp) -> String {
        let window = if self.rules.ends_at.is_some_and(|ends| now >= ends) {
            "ended"
        } else if self.rules.starts_at.is_some_and(|starts| now < starts) {
            "not begun"
        } else {
            "open"
        };
        match (self.is_paused, window) {
            (false, window) => window.to_owned(),
            (true, "open") => "PAUSED".to_owned(),
            (true, window) => format!("PAUSED, {window}"),
        }
    }

    /// All of it, a heading and a text each.
    pub fn rows_in_words(
        &self,
        test_mode: Option<&TestMode>,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Vec<(&'static str, String)> {
        let rules = &self.rules;
        let mut rows = vec![
            (
                "campaign",
                format!("{} (revision {})", self.id, self.revision),
            ),
            ("state", self.state_in_words(now)),
            ("test mode", test_mode_words(test_mode, zone)),
        ];
        for name in RuleName::ALL {
            // Both ends are one row, and so are both warnings, and both offline rules.
            if name == RuleName::Starts {
                rows.push(("valid", rules.window_in_words(zone)));
            } else if name == RuleName::WarnShare {
                rows.push(("warns", warning_words(rules)));
            } else if !matches!(
                name,
                RuleName::Ends | RuleName::WarnDays | RuleName::OfflinePerDay
            ) {
                rows.push((name.words(), rule_in_words(name, rules, zone)));
            }
        }
        rows
    }
}

impl Rules {
    /// The days of the window, the last one among them: `2026-12-01 – 2026-12-24`.
    pub fn days_in_words(&self, zone: &TimeZone) -> String {
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let starts = self.starts_at.map(day);
        let ends = self.ends_at.map(|end| {
            let is_day_start = day_start(day(end), zone) == Some(end);
            let last = day(end).yesterday();
            last.ok().filter(|_| is_day_start).unwrap_or(day(end))
        });
        match (starts, ends) {
            (None, None) => "always".to_owned(),
            (Some(starts), None) => format!("from {starts}"),
            (None, Some(ends)) => format!("until {ends}"),
            (Some(starts), Some(ends)) => format!("{starts} – {ends}"),
        }
    }
}

/// One rule in words.
fn rule_in_words(name: RuleName, rules: &Rules, zone: &TimeZone) -> String {
    let text = name.text_of(rules, zone);
    let is_empty = text.is_empty() || text == "none";
    if name == RuleName::Hours && rules.hours.is_none() {
        return "always".to_owned();
    }
    if name == RuleName::Stores && is_empty {
        return "every store".to_owned();
    }
    if name == RuleName::Require && is_empty {
        return "nothing".to_owned();
    }
    match (name, &rules.fallback, rules.offline_per_day) {
        (RuleName::Fallback, Some(text), _) => format!("say {text}"),
        (RuleName::Fallback, None, _) => "nothing is said".to_owned(),
        (RuleName::LimitPerDay, ..) if !is_empty => format!("{text} per customer"),
        (RuleName::AssignFor, ..) if !is_empty => format!("{text} from assignment"),
        (RuleName::Offline, _, Some(limit)) => format!("{text}, at most {limit} a day"),
        (RuleName::AllowAnonymous, ..) if rules.allow_anonymous_per_day == 0 => {
            "no code".to_owned()
        }
        (RuleName::AllowAnonymous, ..) => format!("{text} codes a day"),
        (RuleName::ProviderAliases, ..) if rules.provider_aliases => {
            "one customer, as their provider says".to_owned()
        }
        (RuleName::ProviderAliases, ..) => "each address for itself".to_owned(),
        _ => text,
    }
}

fn test_mode_words(test_mode: Option<&TestMode>, zone: &TimeZone) -> String {
    let Some(test_mode) = test_mode else {
        return "off".to_owned();
    };
    format!(
        "TEST MODE until {} for {}",
        in_words(test_mode.until, zone),
        test_mode.customers.join(", ")
    )
}

/// When it is warned of the pool.
fn warning_words(rules: &Rules) -> String {
    let share = (rules.warn_share > 0).then(|| format!("below {} % left", rules.warn_share));
    let days =
        (rules.warn_days > 0).then(|| format!("{} days before it is empty", rules.warn_days));
    let empty = "when it is empty".to_owned();
    share
        .into_iter()
        .chain(days)
        .chain([empty])
        .collect::<Vec<_>>()
        .join(", ")
}

impl TestMode {
    /// That it has begun, and what that means.
    pub fn begun_in_words(&self, zone: &TimeZone) -> String {
        format!(
            "{} is in TEST MODE until {}: {} may draw test codes as often as they like, and no \
             counter honours them; everybody else is given real codes as ever",
            self.campaign,
            in_words(self.until, zone),
            self.customers.join(", ")
        )
    }
}

impl TestModeEnd {
    /// That it has ended, and how many codes were drawn in it.
    pub fn in_words(&self) -> String {
        if !self.was_on {
            return format!("{} was not in test mode", self.campaign);
        }
        format!(
            "{} is no longer in test mode; {} test codes were drawn in it",
            self.campaign,
            self.drawn.len()
        )
    }
}
