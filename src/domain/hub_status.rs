//! How a store stands with its hub, as its status line says it.

use jiff::tz::TimeZone;

use crate::domain::entry::instant;
use crate::domain::wire::Standing;

/// A clock that differs from the hub's by more than this is said to be off.
pub const CLOCK_OFF_MS: i64 = 2 * 60_000;

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
    /// The last contact, milliseconds since 1970; none: never.
    pub last_contact_ms: Option<i64>,
    /// Our clock less the hub's.
    pub clock_offset_ms: i64,
}

impl HubStatus {
    /// Whether the hub can be asked now.
    pub fn is_online(&self) -> bool {
        self.reach == Reach::Online
    }

    /// Whether somebody should look at it: more than being out of reach for a while.
    pub fn needs_care(&self) -> bool {
        self.standing != Standing::Active || !self.may_hold || self.is_clock_off()
    }

    fn is_clock_off(&self) -> bool {
        self.clock_offset_ms.abs() > CLOCK_OFF_MS
    }

    /// The status line's words: `online`, `offline since 14:02, 17 to send`.
    pub fn words(&self, zone: &TimeZone) -> String {
        let clock = |at_ms: i64| {
            let at = instant(at_ms).to_zoned(zone.clone());
            at.strftime("%H:%M").to_string()
        };
        let words = match (&self.reach, self.standing) {
            (_, Standing::Revoked) => "revoked by the hub".to_owned(),
            (_, Standing::WrittenOff) => "written off by the hub".to_owned(),
            (_, Standing::Stolen) => "taken for stolen by the hub".to_owned(),
            (Reach::Online, Standing::Quarantined) => "quarantined: the hub is asked".to_owned(),
            (_, Standing::Quarantined) => "quarantined until the hub answers".to_owned(),
            (Reach::Unknown, _) => "connecting".to_owned(),
            (Reach::Online, _) => "online".to_owned(),
            (Reach::Offline { since_ms, .. }, _) => format!("offline since {}", clock(*since_ms)),
        };
        let mut more = Vec::new();
        if !self.may_hold && self.standing == Standing::Active {
            more.push("out of touch for too long".to_owned());
        }
        if self.unsent > 0 {
            more.push(format!("{} to send", self.unsent));
        }
        if self.pending > 0 {
            more.push(format!("{} not known", self.pending));
        }
        if self.is_clock_off() {
            more.push(format!("clock off by {}", off_by(self.clock_offset_ms)));
        }
        more.insert(0, words);
        more.join(", ")
    }

    /// What stands in the way, where something does.
    pub fn why(&self) -> Option<&str> {
        match &self.reach {
            Reach::Offline { why, .. } => Some(why),
            Reach::Unknown | Reach::Online => None,
        }
    }
}

/// A difference of clocks, in its largest unit.
fn off_by(offset_ms: i64) -> String {
    let minutes = offset_ms.abs() / 60_000;
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> HubStatus {
        HubStatus {
            reach: Reach::Online,
            standing: Standing::Active,
            may_hold: true,
            unsent: 0,
            pending: 0,
            behind: 0,
            last_contact_ms: None,
            clock_offset_ms: 0,
        }
    }

    #[test]
    fn the_status_line_says_what_a_manager_has_to_know() {
        let offline = Reach::Offline {
            since_ms: 1_700_056_920_000,
            why: "no answer".into(),
        };
        let told = [
            (status(), "online"),
            (
                HubStatus {
                    reach: offline.clone(),
                    unsent: 17,
                    ..status()
                },
                "offline since 14:02, 17 to send",
            ),
            (
                HubStatus {
                    standing: Standing::Revoked,
                    may_hold: false,
                    unsent: 3,
                    ..status()
                },
                "revoked by the hub, 3 to send",
            ),
            (
                HubStatus {
                    standing: Standing::Quarantined,
                    may_hold: false,
                    reach: offline.clone(),
                    ..status()
                },
                "quarantined until the hub answers",
            ),
            (
                HubStatus {
                    may_hold: false,
                    reach: offline,
                    ..status()
                },
                "offline since 14:02, out of touch for too long",
            ),
            (
                HubStatus {
                    clock_offset_ms: -3 * 3_600_000,
                    pending: 1,
                    ..status()
                },
                "online, 1 not known, clock off by 3 h",
            ),
        ];
        for (status, words) in told {
            assert_eq!(status.words(&TimeZone::UTC), words);
        }
    }
}
