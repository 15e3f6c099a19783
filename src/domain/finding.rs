//! What a desk finds: customers with their codes, and the whole life of one code.

use std::fmt;

use jiff::Timestamp;

use crate::domain::code::{FoldedCode, fold};
use crate::domain::customer::MaskedContact;
use crate::domain::ids::Key;
use crate::domain::log::{Life, LifeEntry};

/// How many customers a desk lists; who looks for another types more letters.
pub const FOUND_MAX: usize = 20;

/// Fewer last letters of a code than this would name everybody.
pub const LAST_LETTERS_MIN: usize = 4;

/// What a text may be the end of: the last letters of codes, four or more; none: too short.
pub fn code_ending(text: &str) -> Option<FoldedCode> {
    fold(text)
        .ok()
        .filter(|ending| ending.as_str().len() >= LAST_LETTERS_MIN)
}

/// Customers that a text may mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// Who, at most [`FOUND_MAX`].
    pub holders: Vec<Holder>,
    /// Whether others may be meant too.
    pub has_more: bool,
    /// The one code that the text is, as stored: its life is asked for.
    pub code: Option<String>,
}

/// Whoever has codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Their name in this ledger; none: given out, to nobody known.
    pub customer_id: Option<String>,
    /// What they are called, where they said so.
    pub name: Option<String>,
    /// How they are known.
    pub contacts: Vec<MaskedContact>,
    /// Their codes, the newest first.
    pub codes: Vec<FoundCode>,
}

/// A code in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCode {
    /// The code as stored.
    pub code: String,
    /// Its campaign.
    pub campaign: String,
    /// Its state; `expired` is computed.
    pub state: &'static str,
    /// When something last happened to it; none: it came as it is.
    pub changed_at: Option<Timestamp>,
    /// The first instant at which it is no longer valid.
    pub expires_at: Option<Timestamp>,
}

impl Finding {
    /// Takes in what was found beyond; codes of one holder come together.
    pub fn extend(&mut self, more: Finding) {
        self.has_more |= more.has_more;
        for holder in more.holders {
            let is_full = self.holders.len() >= FOUND_MAX;
            let known = self
                .holders
                .iter_mut()
                .find(|known| known.customer_id == holder.customer_id);
            if let Some(known) = known {
                for code in holder.codes {
                    let is_new = !known.codes.contains(&code);
                    if is_new && known.customer_id.is_none() && known.codes.len() >= FOUND_MAX {
                        self.has_more = true;
                    } else if is_new {
                        known.codes.push(code);
                    }
                }
            } else if is_full {
                self.has_more = true;
            } else {
                self.holders.push(holder);
            }
        }
    }

    /// The codes in the order of the list.
    pub fn codes(&self) -> impl Iterator<Item = &FoundCode> {
        self.holders.iter().flat_map(|holder| &holder.codes)
    }

    /// How many codes are listed.
    pub fn code_count(&self) -> usize {
        self.codes().count()
    }
}

/// The whole life of a code, with what may be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLife {
    /// The life.
    pub life: Life,
    /// What the customer gets.
    pub offer: String,
    /// How often it may be used.
    pub uses: u32,
    /// What the customer is called, where they said so.
    pub name: Option<String>,
    /// How they are known.
    pub contacts: Vec<MaskedContact>,
    /// A fresh key, for a replacement: asked again, it is the same act.
    pub key: Key,
}

/// A wish for another code instead of a lost one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceAsk {
    /// The lost code as stored.
    pub code: String,
    /// Why, in words.
    pub reason: String,
    /// The form's key: asked again, it is the same act.
    pub key: Key,
    /// Whether the slip of the new code is to be printed.
    pub prints: bool,
}

/// Why a code is not replaced at a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaceFault {
    /// It was given out by others: nobody known would get the new one.
    NobodyKnown,
    /// A use of it counts.
    Used,
    /// It is no longer valid.
    Expired,
    /// It is not one that a customer has: void, suspect, in the pool.
    State(&'static str),
}

impl fmt::Display for ReplaceFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplaceFault::NobodyKnown => {
                out.write_str("given out to nobody known: there is nobody to give another")
            }
            ReplaceFault::Used => out.write_str("it was used: only an unused code is replaced"),
            ReplaceFault::Expired => out.write_str("it has expired: nothing to replace"),
            ReplaceFault::State(state) => write!(out, "the code is {state}: nothing to replace"),
        }
    }
}

impl FoundLife {
    /// Whether its window is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.life.expires_at.is_some_and(|end| now >= end)
    }

    /// Why it is not replaced at a counter; none: it may be. Only an unused, valid code of a customer
    /// whom we know.
    pub fn replace_fault(&self, now: Timestamp) -> Option<ReplaceFault> {
        if self.life.uses_made > 0 {
            Some(ReplaceFault::Used)
        } else if self.life.state != "assigned" {
            Some(ReplaceFault::State(self.life.state))
        } else if self.life.customer_id.is_none() {
            Some(ReplaceFault::NobodyKnown)
        } else {
            self.is_expired(now).then_some(ReplaceFault::Expired)
        }
    }

    /// Whether an entry is a redemption that no other has undone.
    pub fn stands(&self, entry: &LifeEntry) -> bool {
        entry.kind == "redeemed"
            && !self
                .life
                .entries
                .iter()
                .any(|other| other.undoes.as_ref() == Some(&entry.id))
    }

    /// The newest redemption that stands, by its place among the entries.
    pub fn newest_standing(&self) -> Option<usize> {
        self.life
            .entries
            .iter()
            .rposition(|entry| self.stands(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(customer_id: Option<&str>, codes: &[&str]) -> Holder {
        Holder {
            customer_id: customer_id.map(str::to_owned),
            name: None,
            contacts: Vec::new(),
            codes: codes
                .iter()
                .map(|code| FoundCode {
                    code: (*code).to_owned(),
                    campaign: "spring".to_owned(),
                    state: "assigned",
                    changed_at: None,
                    expires_at: None,
                })
                .collect(),
        }
    }

    #[test]
    fn a_text_ends_a_code_from_four_letters_on() {
        let ending = |text| code_ending(text).map(FoldedCode::into_string);
        assert_eq!(ending(" gh-jk "), Some("GHJK".to_owned()));
        assert_eq!(ending("ghj"), None);
        assert_eq!(ending("g - h - j"), None);
        assert_eq!(ending("ma\u{1b}ria"), None);
    }

    #[test]
    fn what_is_found_twice_is_listed_once_and_more_than_twenty_are_named() {
        let mut finding = Finding::default();
        let part = |holders| Finding {
            holders,
            ..Finding::default()
        };
        finding.extend(part(vec![
            holder(Some("A"), &["1", "2"]),
            holder(None, &["3"]),
        ]));
        finding.extend(part(vec![holder(Some("A"), &["2"]), holder(None, &["4"])]));
        assert_eq!(finding.code_count(), 4);
        assert_eq!(finding.holders.len(), 2);
        assert!(!finding.has_more);
        let many = (0..FOUND_MAX).map(|number| holder(Some(&number.to_string()), &["x"]));
        finding.extend(part(many.collect()));
        assert_eq!(finding.holders.len(), FOUND_MAX);
        assert!(finding.has_more);
    }
}
