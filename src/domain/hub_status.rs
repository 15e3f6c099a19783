//! How a store stands with its hub, and how a status line says it. Not here: finding it out.
//!
//! Invariant: what this machine alone has is never left unsaid while a person must act.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::local_time::day_number;
use crate::domain::wire::Standing;

/// A clock that differs from the hub's by less is not spoken of.
const OFFSET_SPOKEN_OF_MS: i64 = 60_000;

/// So long before a store may not act as a holder any more, it is warned.
const WARNED_BEFORE: SignedDuration = SignedDuration::from_hours(48);

/// Whether the hub answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// It is being asked for the first time since the program began.
    Trying,
    /// It answered the last question.
    Online,
    /// It was reached before, and is not since.
    Offline {
        /// Since then.
        since: Timestamp,
    },
    /// It has never been reached from here.
    Never,
}

/// Why the hub does not answer, where time alone does not mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Its certificate is not one that this computer trusts.
    Certificate,
    /// Somebody else answers in its place.
    Stranger,
    /// It does not take this store's token.
    Token,
    /// It speaks another version of the protocol.
    Version,
}

/// How a store stands with its hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubStatus {
    /// Whether it answers.
    pub contact: Contact,
    /// What a person must mend.
    pub obstacle: Option<Obstacle>,
    /// What stood in the way the last time, in plain words.
    pub why: Option<String>,
    /// What this ledger may do.
    pub standing: Standing,
    /// Entries that exist on this machine only.
    pub unsent: u64,
    /// Questions without an answer.
    pub pending: u64,
    /// Our clock less the hub's.
    pub clock_offset_ms: i64,
    /// How much of the first sync is done, of a hundred; none: all.
    pub first_sync: Option<u8>,
    /// From when on nothing is done as a holder, unless the hub answers before; none: it never did.
    pub holds_until: Option<Timestamp>,
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
    /// How much it matters.
    pub fn health(&self, now: Timestamp) -> HubHealth {
        let is_barred = !matches!(self.standing, Standing::Active | Standing::Invited);
        let is_near_end = self.is_near_end(now);
        let is_clock_off = self.clock_words().is_some();
        if is_barred || self.obstacle.is_some() || is_near_end || is_clock_off {
            return HubHealth::Ill;
        }
        match self.contact {
            Contact::Online if self.first_sync.is_none() && self.pending == 0 => HubHealth::Well,
            Contact::Online | Contact::Trying | Contact::Offline { .. } | Contact::Never => {
                HubHealth::Waits
            }
        }
    }

    /// What a status line says, the longest way first. Each says whether the hub answers, or what a
    /// person must mend.
    pub fn phrases(&self, now: Timestamp, zone: &TimeZone) -> Vec<String> {
        let (head, short_head) = self.heads(now, zone);
        let (kept, short_kept) = self.kept_here();
        let (clock, short_clock) = self.clock_words().unzip();
        let first_sync = self
            .first_sync
            .map(|percent| format!("first sync {percent} %"));
        let asked = match self.pending {
            0 => None,
            1 => Some("1 scan not answered".to_owned()),
            more => Some(format!("{more} scans not answered")),
        };
        let end = self
            .holds_until
            .filter(|_| self.is_near_end(now) && self.standing == Standing::Active)
            .map(|until| {
                if until <= now {
                    "lease ended".to_owned()
                } else {
                    format!("lease ends {}", moment(until, now, zone))
                }
            });
        let short_kept = short_kept.filter(|_| self.unsent > 0);
        let all = [
            Some(head),
            first_sync.clone(),
            asked,
            kept,
            end.clone(),
            clock,
        ];
        let few = [
            Some(short_head.clone()),
            first_sync.clone(),
            short_kept.clone(),
            end.clone(),
            short_clock.clone(),
        ];
        let fewer = [
            Some(short_head.clone()),
            short_kept.or(end).or(short_clock).or(first_sync),
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
    pub fn banner(&self, now: Timestamp) -> Vec<String> {
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
            Standing::Active | Standing::Invited
                if self.holds_until.is_some_and(|end| end <= now) =>
            {
                (
                    "7 DAYS WITHOUT THE HUB",
                    "codes are honoured by the offline policy only: connect this machine",
                    "connect it",
                )
            }
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
        match self.obstacle {
            Some(Obstacle::Certificate) => {
                return both("hub's certificate is not trusted", "hub not trusted");
            }
            Some(Obstacle::Stranger) => {
                return both("somebody else answers for the hub", "not the hub");
            }
            Some(Obstacle::Token) => {
                return both("hub refuses this store's token", "token refused");
            }
            Some(Obstacle::Version) => {
                return both(
                    "hub has another version: upgrade the older",
                    "hub: other version",
                );
            }
            None => {}
        }
        match self.contact {
            Contact::Trying => both("asking the hub …", "hub …"),
            Contact::Online => both("hub online", "online"),
            Contact::Never => both("hub never reached", "never reached"),
            Contact::Offline { since } => {
                let since = moment(since, now, zone);
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
            && self.obstacle.is_none()
            && self.contact != Contact::Never;
        if is_on_its_way {
            let is_said = count > 0 || self.contact == Contact::Online;
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
        self.holds_until
            .is_some_and(|until| until.duration_since(now) < WARNED_BEFORE)
    }

    /// How far our clock is off, long and short, where that is worth a word.
    fn clock_words(&self) -> Option<(String, String)> {
        let off_ms = self.clock_offset_ms;
        if off_ms.abs() < OFFSET_SPOKEN_OF_MS {
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
            contact: Contact::Online,
            obstacle: None,
            why: None,
            standing: Standing::Active,
            unsent: 0,
            pending: 0,
            clock_offset_ms: 0,
            first_sync: None,
            holds_until: Some(now() + SignedDuration::from_hours(24 * 7)),
        }
    }

    fn said(status: &HubStatus) -> Vec<String> {
        status.phrases(now(), &TimeZone::UTC)
    }

    #[test]
    fn a_status_line_shortens_what_it_says_and_never_loses_the_point() {
        assert_eq!(said(&online()), ["hub online · 0 to send", "online"]);
        assert_eq!(online().health(now()), HubHealth::Well);
        let offline = HubStatus {
            contact: Contact::Offline {
                since: "2026-03-12T14:02:00Z".parse().unwrap(),
            },
            unsent: 17,
            ..online()
        };
        assert_eq!(
            said(&offline),
            [
                "hub offline since 14:02 · 17 to send",
                "offline since 14:02 · 17 to send",
                "offline since 14:02",
            ]
        );
        assert_eq!(offline.health(now()), HubHealth::Waits);
        let never = HubStatus {
            contact: Contact::Never,
            unsent: 3,
            holds_until: None,
            ..online()
        };
        assert_eq!(
            said(&never),
            [
                "hub never reached · 3 entries on this machine only",
                "never reached · 3 here only",
                "never reached",
            ]
        );
        let first = HubStatus {
            first_sync: Some(42),
            ..online()
        };
        assert_eq!(
            said(&first),
            [
                "hub online · first sync 42 % · 0 to send",
                "online · first sync 42 %",
                "online"
            ]
        );
        assert_eq!(first.health(now()), HubHealth::Waits);
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
    }

    #[test]
    fn what_a_person_must_mend_is_said_whatever_the_line() {
        for (obstacle, words) in [
            (Obstacle::Certificate, "hub's certificate is not trusted"),
            (Obstacle::Stranger, "somebody else answers for the hub"),
            (Obstacle::Token, "hub refuses this store's token"),
            (
                Obstacle::Version,
                "hub has another version: upgrade the older",
            ),
        ] {
            let status = HubStatus {
                contact: Contact::Offline { since: now() },
                obstacle: Some(obstacle),
                unsent: 1,
                ..online()
            };
            let said = said(&status);
            assert_eq!(said[0], format!("{words} · 1 entry on this machine only"));
            assert!(said.iter().all(|words| words.chars().count() > 8));
            assert_eq!(status.health(now()), HubHealth::Ill);
        }
    }

    #[test]
    fn a_ledger_that_may_not_spend_says_so_over_the_screen() {
        assert!(online().banner(now()).is_empty());
        for standing in [
            Standing::Quarantined,
            Standing::Revoked,
            Standing::WrittenOff,
            Standing::Stolen,
        ] {
            let status = HubStatus {
                standing,
                unsent: 17,
                ..online()
            };
            let said = status.banner(now());
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
            contact: Contact::Offline {
                since: now() - SignedDuration::from_hours(24 * 7),
            },
            holds_until: Some(now()),
            ..online()
        };
        assert!(ended.banner(now())[0].starts_with("7 DAYS WITHOUT THE HUB"));
        assert_eq!(
            said(&ended)[0],
            "hub offline since 5 Mar 14:31 · lease ended"
        );
        let near = HubStatus {
            holds_until: Some(now() + SignedDuration::from_hours(20)),
            ..ended
        };
        assert!(near.banner(now()).is_empty());
        assert!(
            said(&near)[0].ends_with("lease ends Fri 10:31"),
            "{:?}",
            said(&near)
        );
    }
}
