//! The end of a chain as it stands on paper: an entry's name, and its hash in groups that a person can
//! compare.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::entry::{Hash, hex};
use crate::domain::ids::{EntryId, MalformedName};

/// Hash digits that are compared at least: sixty-four bits.
pub const DIGITS_MIN: usize = 16;

/// Digits of a whole hash.
const DIGITS: usize = 64;

/// Digits in a group.
const GROUP: usize = 4;

/// An entry and its hash, which covers every entry before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// The entry's name for ever.
    pub entry: String,
    /// Its hash, in hexadecimal; of one that a person typed, perhaps only the beginning.
    pub hash: String,
}

impl ChainHead {
    /// The head that an entry is.
    pub fn of(entry: &EntryId, hash: &Hash) -> ChainHead {
        ChainHead {
            entry: entry.to_string(),
            hash: hex(hash),
        }
    }

    /// The hash in groups of four, so many groups a line.
    pub fn groups(&self, a_line: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (place, letter) in self.hash.chars().enumerate() {
            if place.is_multiple_of(GROUP.saturating_mul(a_line.max(1))) {
                lines.push(String::new());
            } else if place.is_multiple_of(GROUP)
                && let Some(line) = lines.last_mut()
            {
                line.push(' ');
            }
            if let Some(line) = lines.last_mut() {
                line.push(letter);
            }
        }
        lines
    }

    /// Whether a hash in full begins as this one.
    pub fn is_of(&self, hash: &Hash) -> bool {
        hex(hash).starts_with(&self.hash)
    }
}

impl fmt::Display for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.entry, self.groups(DIGITS).concat())
    }
}

impl FromStr for ChainHead {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = |why: &str| {
            MalformedName(format!(
                "{text:?} is not the head of a chain: {why}; copy it from the paper, as in \
                 \"BCDFGHJKLN-1-57 0f3a 91c4 …\""
            ))
        };
        let mut words = text.split_whitespace();
        let id: EntryId = words
            .next()
            .and_then(|name| name.to_ascii_uppercase().parse().ok())
            .ok_or_else(|| malformed("it begins with an entry's name"))?;
        let hash: String = words.collect::<String>().to_ascii_lowercase();
        if !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(malformed("a hash has the digits 0 to 9 and a to f"));
        }
        if !(DIGITS_MIN..=DIGITS).contains(&hash.len()) {
            return Err(malformed("16 to 64 digits of the hash are compared"));
        }
        Ok(ChainHead {
            entry: id.to_string(),
            hash,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_from_paper_in_any_grouping() {
        let id: EntryId = "BCDFGHJKLN-2-917".parse().expect("an id");
        let head = ChainHead::of(&id, &[0xa5; 32]);
        let paper = format!("{}\n{}", head.entry, head.groups(4).join("\n"));
        assert_eq!(head.groups(4).len(), 4);
        assert_eq!(
            head.groups(4).first().map(String::as_str),
            Some("a5a5 a5a5 a5a5 a5a5")
        );
        assert_eq!(paper.parse(), Ok(head.clone()));
        assert_eq!(head.to_string().parse(), Ok(head.clone()));
        assert_eq!(paper.to_uppercase().parse(), Ok(head));
        let begun: ChainHead = "bcdfghjkln-2-917 a5a5 a5a5 a5a5 a5a5"
            .parse()
            .expect("enough");
        assert!(begun.is_of(&[0xa5; 32]));
        assert!(!begun.is_of(&[0xa6; 32]));
        for bad in [
            "",
            "BCDFGHJKLN-2-917",
            "a5a5 a5a5",
            "BCDFGHJKLN-2-917 a5a5 a5a5 a5a5 a5ag",
            "BCDFGHJKLN-2-917 a5a5a5a5a5a5a5a",
        ] {
            assert!(bad.parse::<ChainHead>().is_err(), "{bad}");
        }
    }
}
