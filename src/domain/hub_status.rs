//! How a store stands with its hub, and how a status line says it. Not here: finding it out.
//!
//! Invariant: what this machine alone has is never left unsaid while a person must act.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::entry::instant;
use crate::domain::local_time::day_number;
use crate::domain::wire::Standing;

/// A clock that differs from the hub's by more than this is said to be off.
pub const CLOCK_OFF_MS: i64 = 2 * 60_000;

/// So few positions of the feed behind is as good as none.
const BEHIND_SPOKEN_OF: u64 = 20;

/// So long before a store may not act as a holder any more, it is warned.
const WARNED_BEFORE: SignedDuration = SignedDuration::from_hours(48);

/// How long a store acts as a holder without having heard from its hub: a lease's soft end.
pub const SOFT_END_MS: i64 = 7 * 24 * 3_600_000;

/// Whether the hub answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Nobody has tried yet.
    Unknown,
    /// The newest question was answered.
    Online,
    /// The newest ones were not.
    Offline {
        /// Since when, milliseconds since 1970.
        since_ms: i64,
        /// What stands in the way, in plain words.
        why: String,
    },
}

/// How a store stands with its hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubStatus {
    /// Whether it answers.
    pub reach: Reach,
    /// What this ledger may do.
    pub standing: Standing,
    /// Whether it may spend what it holds without asking: else the offline policy applies.
    pub may_hold: bool,
    /// Entries that exist on this machine only.
    pub unsent: u64,
    /// Questions whose outcome is not known.
    pub pending: u64,
    /// Positions of the feed that are still to come.
    pub behind: u64,
    /// The position of the feed that is applied here.
    pub position: u64,
    /// Codes that are here, while others are still to come.
    pub codes_here: u64,
    /// Codes of batches that are still to come: a first sync is under way.
    pub codes_ahead: u64,
    /// The last contact, milliseconds since 1970; none: never.
    pub last_contact_ms: Option<i64>,
    /// Our clock less the hub's.
    pub clock_offset_ms: i64,
    /// The hub was put back to an older state, and waits for its manager.
    pub hub_is_behind: bool,
}

/// What keeps the hub away that time alone does not mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    Certificate,
    Stranger,
    Version,
}

/// How much a status matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HubHealth {
    /// All is as it should be.
    Well,
    /// It mends itself; offline is a store's right.
    Waits,
    /// A person must act.
    Ill,
}

impl HubStatus {
    /// Whether the hub can be asked now.
    pub fn is_online(&self) -> bool {
        self.reach == Reach::Online
    }

    /// Whether somebody should look at it: more than being out of reach for a while.
    pub fn needs_care(&self) -> bool {
        self.standing != Standing::Active
            || !self.may_hold
            || self.hub_is_behind
            || self.clock_words().is_some()
    }

    /// What stands in the way, where something does.
    pub fn why(&self) -> Option<&str> {
        match &self.reach {
            Reach::Offline { why, .. } => Some(why),
            Reach::Unknown | Reach::Online => None,
        }
    }

    /// All of it in words, where there is room.
    pub fn words(&self, now: Timestamp, zone: &TimeZone) -> String {
        self.phrases(now, zone)
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    /// How much it matters.
    pub fn health(&self, now: Timestamp) -> HubHealth {
        if self.needs_care() || self.obstacle().is_some() || self.is_near_end(now) {
            return HubHealth::Ill;
        }
        match self.reach {
            Reach::Online if self.percent_done().is_none() && self.pending == 0 => HubHealth::Well,
            Reach::Online | Reach::Unknown | Reach::Offline { .. } => HubHealth::Waits,
        }
    }

    /// What a person must mend, by the words of the client of the hub.
    fn obstacle(&self) -> Option<Obstacle> {
        let why = self.why()?;
        if why.contains("certificate") {
            Some(Obstacle::Certificate)
        } else if why.contains("somebody else answered") {
            Some(Obstacle::Stranger)
        } else if why.contains("of the protocol") {
            Some(Obstacle::Version)
        } else {
            None
        }
    }

    /// How much of a hundred is applied of what the hub has told, where much is still to come.
    fn percent_done(&self) -> Option<u64> {
        if self.codes_ahead > 0 {
            let goal = self.codes_here.saturating_add(self.codes_ahead);
            return self.codes_here.saturating_mul(100).checked_div(goal);
        }
        if self.behind < BEHIND_SPOKEN_OF {
            return None;
        }
        let goal = self.position.saturating_add(self.behind);
        self.position.saturating_mul(100).checked_div(goal)
    }

    fn holds_until(&self) -> Option<Timestamp> {
        let last_ms = self.last_contact_ms?;
        Some(instant(last_ms.saturating_add(SOFT_END_MS)))
    }

    /// What a status line says, the longest way first. Each says whether the hub answers, or what a
    /// person must mend.
    pub fn phrases(&self, now: Timestamp, zone: &TimeZone) -> Vec<String> {
        let (head, short_head) = self.heads(now, zone);
        let (kept, short_kept) = self.kept_here();
        let (clock, short_clock) = self.clock_words().unzip();
        let told = self
            .percent_done()
            .map(|percent| format!("sync {percent} %"));
        let asked = match self.pending {
            0 => None,
            1 => Some("1 scan not answered".to_owned()),
            more => Some(format!("{more} scans not answered")),
        };
        let end = self
            .holds_until()
            .filter(|_| self.standing == Standing::Active)
            .and_then(|until| {
                if !self.may_hold {
                    Some("lease ended".to_owned())
                } else if self.is_near_end(now) {
                    Some(format!("lease ends {}", moment(until, now, zone)))
                } else {
                    None
                }
            });
        let short_kept = short_kept.filter(|_| self.unsent > 0);
        // The longest way says how much that is, in the middle of a first sync.
        let told_fully = match (&told, self.codes_ahead) {
            (Some(told), ahead @ 1..) => Some(format!("{told}, {ahead} codes to come")),
            _ => told.clone(),
        };
        let all = [Some(head), told_fully, asked, kept, end.clone(), clock];
        let few = [
            Some(short_head.clone()),
            told.clone(),
            short_kept.clone(),
            end.clone(),
            short_clock.clone(),
        ];
        let fewer = [
            Some(short_head.clone()),
            short_kept.or(end).or(short_clock).or(told),
        ];
        let mut phrases: Vec<String> = Vec::new();
        for parts in [&all[..], &few[..], &fewer[..], &[Some(short_head)]] {
            let phrase = parts
                .iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join(" · ");
            if !phrases.contains(&phrase) {
                phrases.push(phrase);
            }
        }
        phrases
    }

    /// What is said over the screen while this ledger does not honour what it holds, the longest way
    /// first; empty: nothing.
    pub fn banner(&self) -> Vec<String> {
        let kept = match self.unsent {
            0 => String::new(),
            1 => "1 entry exists on this machine only".to_owned(),
            more => format!("{more} entries exist on this machine only"),
        };
        let (what, todo, short_todo) = match self.standing {
            Standing::Quarantined => (
                "QUARANTINED",
                "restored or copied: codes are shown, not honoured, until the hub has answered; a \
                 manager may approve",
                "connect it to its hub",
            ),
            Standing::Revoked => (
                "REVOKED BY THE HUB",
                "nothing is honoured here: ask whoever runs the hub",
                "ask the hub",
            ),
            Standing::WrittenOff => (
                "WRITTEN OFF BY THE HUB",
                "taken for lost, nothing is honoured here: ask whoever runs the hub",
                "ask the hub",
            ),
            Standing::Stolen => (
                "REPORTED STOLEN",
                "nothing is honoured or taken from here: ask whoever runs the hub",
                "ask the hub",
            ),
            Standing::Active if !self.may_hold && self.last_contact_ms.is_some() => (
                "7 DAYS WITHOUT THE HUB",
                "codes are honoured by the offline policy only: connect this machine",
                "connect it",
            ),
            Standing::Active | Standing::Invited => return Vec::new(),
        };
        let mut said = Vec::new();
        if !kept.is_empty() {
            said.push(format!("{what} – {todo}; {kept}"));
            said.push(format!("{what} – {short_todo}; {kept}"));
        }
        said.push(format!("{what} – {todo}"));
        said.push(format!("{what} – {short_todo}"));
        said.push(what.to_owned());
        // The longest that has room is said.
        said.sort_by_key(|words| std::cmp::Reverse(words.chars().count()));
        said
    }

    fn heads(&self, now: Timestamp, zone: &TimeZone) -> (String, String) {
        let both = |long: &str, short: &str| (long.to_owned(), short.to_owned());
        match self.standing {
            Standing::Quarantined => return both("QUARANTINED", "QUARANTINED"),
            Standing::Revoked => return both("REVOKED by the hub", "REVOKED"),
            Standing::WrittenOff => return both("WRITTEN OFF by the hub", "WRITTEN OFF"),
            Standing::Stolen => return both("reported STOLEN", "STOLEN"),
            Standing::Active | Standing::Invited => {}
        }
        match self.obstacle() {
            Some(Obstacle::Certificate) => {
                return both("hub's certificate is not trusted", "hub not trusted");
            }
            Some(Obstacle::Stranger) => {
                return both("somebody else answers for the hub", "not the hub");
            }
            Some(Obstacle::Version) => {
                return both(
                    "hub has another version: upgrade the older",
                    "hub: other version",
                );
            }
            None => {}
        }
        if self.hub_is_behind {
            return both(
                "the hub was put back to an older state: its manager must begin a new life of it",
                "hub put back",
            );
        }
        match (&self.reach, self.last_contact_ms) {
            (Reach::Unknown, _) => both("asking the hub …", "hub …"),
            (Reach::Online, _) => both("hub online", "online"),
            (Reach::Offline { .. }, None) => both("hub never reached", "never reached"),
            (Reach::Offline { since_ms, .. }, Some(last_ms)) => {
                // The program may have begun long after the last contact.
                let since = moment(instant(last_ms.min(*since_ms)), now, zone);
                (
                    format!("hub offline since {since}"),
                    format!("offline since {since}"),
                )
            }
        }
    }

    /// What this machine alone has, long and short.
    fn kept_here(&self) -> (Option<String>, Option<String>) {
        let count = self.unsent;
        let is_on_its_way = self.standing == Standing::Active
            && self.obstacle().is_none()
            && (self.is_online() || self.last_contact_ms.is_some());
        if is_on_its_way {
            let is_said = count > 0 || self.is_online();
            let words = is_said.then(|| format!("{count} to send"));
            return (words.clone(), words);
        }
        match count {
            0 => (None, None),
            1 => (
                Some("1 entry on this machine only".to_owned()),
                Some("1 here only".to_owned()),
            ),
            more => (
                Some(format!("{more} entries on this machine only")),
                Some(format!("{more} here only")),
            ),
        }
    }

    fn is_near_end(&self, now: Timestamp) -> bool {
        self.holds_until()
            .is_some_and(|until| until.duration_since(now) < WARNED_BEFORE)
    }

    /// How far our clock is off, long and short, where that is worth a word.
    fn clock_words(&self) -> Option<(String, String)> {
        let off_ms = self.clock_offset_ms;
        if off_ms.abs() <= CLOCK_OFF_MS {
            return None;
        }
        let minutes = off_ms.abs() / 60_000;
        let length = if minutes < 120 {
            format!("{minutes} min")
        } else {
            format!("{} h", minutes / 60)
        };
        let (side, sign) = if off_ms > 0 {
            ("ahead of", '+')
        } else {
            ("behind", '-')
        };
        Some((
            format!("clock {length} {side} the hub's"),
            format!("clock {sign}{length}"),
        ))
    }
}

/// The time of day where it is today's, else with the day.
fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    let days_apart = (day_number(now, zone) - day_number(at, zone)).abs();
    let pattern = match days_apart {
        0 => "%H:%M",
        1..7 => "%a %H:%M",
        _ => "%-d %b %H:%M",
    };
    local.strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thu 12 Mar 2026 14:31 UTC.
    fn now() -> Timestamp {
        "2026-03-12T14:31:00Z".parse().unwrap()
    }

    fn online() -> HubStatus {
        HubStatus {
            reach: Reach::Online,
            standing: Standing::Active,
            may_hold: true,
            unsent: 0,
            pending: 0,
            behind: 0,
            position: 4_200,
            codes_here: 0,
            codes_ahead: 0,
            last_contact_ms: Some(now().as_millisecond()),
            clock_offset_ms: 0,
            hub_is_behind: false,
        }
    }

    fn offline(why: &str) -> HubStatus {
        HubStatus {
            reach: Reach::Offline {
                since_ms: now().as_millisecond(),
                why: why.to_owned(),
            },
            last_contact_ms: Some(now().as_millisecond() - 29 * 60_000),
            ..online()
        }
    }

    fn said(status: &HubStatus) -> Vec<String> {
        status.phrases(now(), &TimeZone::UTC)
    }

    #[test]
    fn a_status_line_shortens_what_it_says_and_never_loses_the_point() {
        assert_eq!(said(&online()), ["hub online · 0 to send", "online"]);
        assert_eq!(online().health(now()), HubHealth::Well);
        let away = HubStatus {
            unsent: 17,
            ..offline("no connection to hub:7878: it does not answer")
        };
        assert_eq!(
            said(&away),
            [
                "hub offline since 14:02 · 17 to send",
                "offline since 14:02 · 17 to send",
                "offline since 14:02",
            ]
        );
        assert_eq!(away.health(now()), HubHealth::Waits);
        let never = HubStatus {
            last_contact_ms: None,
            may_hold: false,
            unsent: 3,
            ..away
        };
        assert_eq!(
            said(&never),
            [
                "hub never reached · 3 entries on this machine only",
                "never reached · 3 here only",
                "never reached",
            ]
        );
        let behind = HubStatus {
            behind: 5_800,
            ..online()
        };
        assert_eq!(
            said(&behind),
            [
                "hub online · sync 42 % · 0 to send",
                "online · sync 42 %",
                "online"
            ]
        );
        assert_eq!(behind.health(now()), HubHealth::Waits);
        let off = HubStatus {
            clock_offset_ms: -185_000,
            ..online()
        };
        assert_eq!(
            said(&off),
            [
                "hub online · 0 to send · clock 3 min behind the hub's",
                "online · clock -3 min",
                "online"
            ]
        );
        assert_eq!(off.health(now()), HubHealth::Ill);
        let asked = HubStatus {
            pending: 1,
            ..online()
        };
        assert_eq!(
            said(&asked)[0],
            "hub online · 1 scan not answered · 0 to send"
        );
        assert_eq!(asked.health(now()), HubHealth::Waits);
    }

    #[test]
    fn a_first_sync_is_counted_in_codes() {
        // One change of the feed, and a million codes in it.
        let first = HubStatus {
            codes_here: 420_000,
            codes_ahead: 580_000,
            ..online()
        };
        assert_eq!(
            said(&first),
            [
                "hub online · sync 42 %, 580000 codes to come · 0 to send",
                "online · sync 42 %",
                "online"
            ]
        );
        assert_eq!(first.health(now()), HubHealth::Waits);
    }

    #[test]
    fn what_a_person_must_mend_is_said_whatever_the_line() {
        for (why, words) in [
            (
                "the hub's certificate is not trusted: it has expired",
                "hub's certificate is not trusted",
            ),
            (
                "somebody else answered: the answer is not JSON",
                "somebody else answers for the hub",
            ),
            (
                "the hub speaks version 2 of the protocol, this program 1",
                "hub has another version: upgrade the older",
            ),
        ] {
            let status = HubStatus {
                unsent: 1,
                ..offline(why)
            };
            let said = said(&status);
            assert_eq!(said[0], format!("{words} · 1 entry on this machine only"));
            assert!(said.iter().all(|words| words.chars().count() > 8));
            assert_eq!(status.health(now()), HubHealth::Ill);
        }
    }

    #[test]
    fn a_ledger_that_may_not_spend_says_so_over_the_screen() {
        assert!(online().banner().is_empty());
        for standing in [
            Standing::Quarantined,
            Standing::Revoked,
            Standing::WrittenOff,
            Standing::Stolen,
        ] {
            let status = HubStatus {
                standing,
                may_hold: false,
                unsent: 17,
                ..online()
            };
            let said = status.banner();
            assert!(
                said[0].contains("17 entries exist on this machine only"),
                "{said:?}"
            );
            assert!(
                said.iter().any(|words| words.chars().count() <= 38),
                "{said:?}"
            );
            assert_eq!(status.health(now()), HubHealth::Ill);
        }
        let ended = HubStatus {
            last_contact_ms: Some(now().as_millisecond() - SOFT_END_MS),
            may_hold: false,
            ..offline("no connection")
        };
        assert!(ended.banner()[0].starts_with("7 DAYS WITHOUT THE HUB"));
        assert_eq!(
            said(&ended)[0],
            "hub offline since 5 Mar 14:31 · lease ended"
        );
        let near = HubStatus {
            last_contact_ms: Some(now().as_millisecond() - SOFT_END_MS + 20 * 3_600_000),
            may_hold: true,
            ..ended
        };
        assert!(near.banner().is_empty());
        assert!(
            said(&near)[0].ends_with("lease ends Fri 10:31"),
            "{:?}",
            said(&near)
        );
    }
}
