//! What a scan may hold that must not be kept: secrets, and what is about a person.

use crate::domain::code::fold_letters;
use crate::domain::layout::{Layout, repair};
use crate::domain::link::card;
use crate::domain::operator::PIN_DIGITS;
use crate::domain::reading::{NotOurs, after_aim, without_aim};

/// What must not be kept.
pub(super) enum Private {
    Number { digits: usize },
    Card(&'static str),
}

/// What a text is that must not be kept, as it came or as a layout garbled it.
pub(super) fn private_kind(text: &str) -> Option<Private> {
    let text = text.trim_start_matches('\u{feff}');
    if let Some(kind) = private_meaning(without_aim(text)) {
        return Some(kind);
    }
    // A card may be glued to a code, or sit in the query of a link.
    let upper = text.to_ascii_uppercase();
    let inside = [
        "BEGIN:VCARD",
        "MECARD:",
        "WIFI:",
        "OTPAUTH:",
        "OTPAUTH-MIGRATION:",
    ]
    .iter()
    .find_map(|word| upper.find(word).and_then(|at| upper.get(at..)));
    if let Some(kind) = inside.and_then(private_meaning) {
        return Some(kind);
    }
    // A first word or a number is short, and the rest of a card need not be typable.
    let start: String = text.chars().take(16).collect();
    let is_whole = start.len() == text.len();
    Layout::ALL.into_iter().find_map(|layout| {
        let meant: String = start
            .chars()
            .map_while(|letter| {
                let arrived = letter.to_string();
                repair(&arrived, layout).or_else(|| letter.is_ascii().then_some(arrived))
            })
            .collect();
        let bare = after_aim(&meant).unwrap_or(&meant);
        private_meaning(bare).filter(|kind| match kind {
            Private::Number { .. } => is_whole && meant.chars().count() == start.chars().count(),
            Private::Card(_) => true,
        })
    })
}

fn private_meaning(bare: &str) -> Option<Private> {
    let digits = fold_letters(bare);
    if PIN_DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Private::Number {
            digits: digits.len(),
        });
    }
    match card(bare)? {
        NotOurs::ContactCard => Some(Private::Card("contact card")),
        NotOurs::WifiCard => Some(Private::Card("wifi card")),
        NotOurs::OneTimePassword => Some(Private::Card("one-time password")),
        NotOurs::Blank
        | NotOurs::ProductBarcode
        | NotOurs::Gs1
        | NotOurs::WebLink { .. }
        | NotOurs::AppLink { .. }
        | NotOurs::CalendarEntry
        | NotOurs::MailLink
        | NotOurs::PhoneLink
        | NotOurs::MessageLink
        | NotOurs::MapLink
        | NotOurs::SeveralCodes
        | NotOurs::Preview { .. }
        | NotOurs::TestCode
        | NotOurs::Fallback { .. }
        | NotOurs::TooLong { .. }
        | NotOurs::Unreadable => None,
    }
}
