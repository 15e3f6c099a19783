//! A customer as the desk sees one: a name, masked contacts, and the codes they have.

use std::fmt;

use icu_normalizer::DecomposingNormalizerBorrowed;
use jiff::Timestamp;
use serde::Serialize;

use crate::domain::ids::{MalformedName, is_plain_name};

/// The most characters that a person's name may have.
pub const NAME_CHARS_MAX: usize = 100;

/// A person's name as they gave it: 1 to 100 characters, none of them a control character, without
/// blanks around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that it is found by.
    pub fn form(&self) -> String {
        name_form(&self.0)
    }
}

impl std::str::FromStr for Name {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        if is_plain_name(name, NAME_CHARS_MAX) {
            Ok(Name(name.to_owned()))
        } else {
            Err(MalformedName(format!(
                "a customer's name has 1 to {NAME_CHARS_MAX} characters, none of them a control \
                 character"
            )))
        }
    }
}

/// What names are found by: lower case, without accents, every run of blanks one space.
pub fn name_form(text: &str) -> String {
    let lower = text.to_lowercase();
    let bare: String = DecomposingNormalizerBorrowed::new_nfd()
        .normalize(&lower)
        .chars()
        .filter(|letter| !is_accent(*letter))
        .collect();
    let words: Vec<&str> = bare.split_whitespace().collect();
    words.join(" ")
}

/// The blocks of combining marks (Unicode 17, chapter 7.9).
fn is_accent(letter: char) -> bool {
    matches!(letter,
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// Their id in this ledger.
    pub customer_id: String,
    /// What they are called, where they said so.
    pub name: Option<String>,
    /// How they are known.
    pub contacts: Vec<MaskedContact>,
    /// Their codes, oldest first.
    pub codes: Vec<HeldCode>,
    /// When they agreed to be written to; none: they did not.
    pub consented_at: Option<Timestamp>,
    /// When everything readable about them was erased.
    pub erased_at: Option<Timestamp>,
    /// The campaigns of which they have more live codes than one customer may: they were two
    /// customers before, and each had theirs.
    pub more_than_allowed: Vec<String>,
}

/// A contact, enough of it to recognise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MaskedContact {
    /// `email`, `phone`, `loyalty` or `external_id`.
    pub kind: &'static str,
    /// The masked contact.
    pub masked: String,
}

/// How one customer is known, in full: shown to whom a manager lets see it. Debug output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct FullContacts {
    /// Their id in this ledger.
    pub customer_id: String,
    /// What they are called, where they said so.
    pub name: Option<String>,
    /// The kind of each contact, and its normal form.
    pub contacts: Vec<(&'static str, String)>,
}

impl fmt::Debug for FullContacts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FullContacts({}, hidden)", self.customer_id)
    }
}

/// A code that a customer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldCode {
    /// The code as stored.
    pub code: String,
    /// Its campaign.
    pub campaign: String,
    /// Its state.
    pub state: &'static str,
    /// Uses made.
    pub uses_made: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_whatever_its_case_accents_and_blanks() {
        assert_eq!(name_form("  Zoë \t  ÅNGSTRÖM "), "zoe angstrom");
        assert_eq!(name_form("Łukasz Øre"), "łukasz øre");
        assert_eq!(name_form(&name_form("Éva İpek")), name_form("Éva İpek"));
    }

    #[test]
    fn a_name_is_short_and_plain() {
        let name = |text: &str| text.parse::<Name>();
        assert_eq!(name(" Zoë ").map(|name| name.0), Ok("Zoë".to_owned()));
        assert!(name(&"é".repeat(100)).is_ok());
        for bad in ["", "  ", "a\u{1b}[2J", "a\nb", &"x".repeat(101)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
