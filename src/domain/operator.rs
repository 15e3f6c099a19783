//! Operators, their roles and PINs, and how long a counter stays locked.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::ids::{MalformedName, is_plain_name};
use crate::domain::reading::without_aim;

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Redeems, and undoes their own.
    Cashier,
    /// Also approves, overrides, and changes campaigns and operators.
    Manager,
}

impl Role {
    /// The role as it is named everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Cashier => "cashier",
            Role::Manager => "manager",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cashier" => Ok(Role::Cashier),
            "manager" => Ok(Role::Manager),
            _ => Err(MalformedName(format!(
                "{text:?} is not a role: use cashier or manager"
            ))),
        }
    }
}

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operator {
    /// The name they sign by.
    #[serde(rename = "operator")]
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// Somebody who may sign in, as whoever runs the shop sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "three facts that have nothing to do with each other"
)]
pub struct ListedOperator {
    /// Who.
    #[serde(flatten)]
    pub operator: Operator,
    /// Whether they have a PIN: without one nobody approves anything.
    pub has_pin: bool,
    /// Whether a badge signs them in.
    pub has_badge: bool,
    /// When they last signed in, signed out or approved something in this ledger.
    pub last_seen_at: Option<Timestamp>,
    /// Whether they are the hub's, and changed there.
    pub is_hubs: bool,
}

/// Badges that are drawn here begin with this, so that one is never taken for a customer's code.
pub const BADGE_PREFIX: &str = "BADGE-";

/// How many characters a badge has; what is shorter could be typed by a guess.
pub const BADGE_CHARS: RangeInclusive<usize> = 8..=64;

/// The form in which badges are compared, of a text as it was scanned; none: no badge reads so.
pub fn badge_form(raw: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(raw).ok()?.trim();
    let text = without_aim(text).trim();
    let is_badge =
        BADGE_CHARS.contains(&text.chars().count()) && !text.chars().any(char::is_control);
    is_badge.then(|| text.to_ascii_uppercase())
}

/// What is wrong with an operator's name: it has 1 to 40 characters, none of them a control character.
pub fn name_fault(name: &str) -> Option<&'static str> {
    (!is_plain_name(name, 40))
        .then_some("an operator's name has 1 to 40 characters, none of them a control character")
}

/// How many digits a PIN has.
pub const PIN_DIGITS: RangeInclusive<usize> = 4..=8;

/// What is wrong with a PIN: it is 4 to 8 digits.
pub fn pin_fault(pin: &str) -> Option<&'static str> {
    let is_well_formed = PIN_DIGITS.contains(&pin.len()) && pin.bytes().all(|b| b.is_ascii_digit());
    (!is_well_formed).then_some("a PIN is 4 to 8 digits")
}

/// Wrong PINs that cost nothing.
pub const FREE_TRIES: u32 = 3;

/// A counter is never locked for longer.
const LOCKED_MS_MAX: i64 = 5 * 60_000;

/// How long a counter is locked after so many wrong PINs in a row: 10 s, doubling, at most 5 min.
pub fn locked_ms(failures: u32) -> i64 {
    match failures.checked_sub(FREE_TRIES + 1) {
        None => 0,
        Some(doublings) => (10_000_i64 << doublings.min(10)).min(LOCKED_MS_MAX),
    }
}

/// Whether a lock still holds; one that lies further ahead than any lock comes from a wrong clock.
pub fn is_locked(until_ms: i64, now_ms: i64) -> bool {
    (1..=LOCKED_MS_MAX).contains(&(until_ms - now_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_double_up_to_five_minutes() {
        let locks: Vec<i64> = (0..12).map(|failures| locked_ms(failures) / 1000).collect();
        assert_eq!(locks, [0, 0, 0, 0, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert!(is_locked(1_000, 999) && !is_locked(1_000, 1_000));
        assert!(!is_locked(10_000_000, 0));
    }

    #[test]
    fn a_badge_is_compared_without_case_and_aim_and_is_no_short_number() {
        assert_eq!(
            badge_form(b" ]C0staff-0042\r"),
            Some("STAFF-0042".to_owned())
        );
        assert_eq!(badge_form(b"1234567"), None);
        assert_eq!(badge_form(b"STAFF\t0042"), None);
        assert_eq!(badge_form(&[b'7'; 65]), None);
        assert_eq!(badge_form(b"STAFF-004\xff"), None);
    }

    #[test]
    fn a_pin_is_four_to_eight_digits() {
        assert!(pin_fault("0000").is_none() && pin_fault("12345678").is_none());
        for bad in ["", "123", "123456789", "12a4", "12 4"] {
            assert!(pin_fault(bad).is_some(), "{bad}");
        }
    }
}
