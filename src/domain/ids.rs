//! Names of things: entries, campaigns, keys. Each is checked once, when it is parsed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that does not have the form its kind asks for; the text says which form that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedName(pub String);

/// Whether a text can be a person's name for something: 1 to `chars_max` characters, none of them a
/// control character.
pub fn is_plain_name(name: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

/// Names one entry for ever: the writer, its incarnation, and its place in that writer's count.
///
/// Written `node-incarnation-seq`; the node part holds no hyphen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The ledger that wrote it: ten letters drawn at set-up.
    pub node: String,
    /// The life of the ledger file in which it was written; 1 for the first.
    pub incarnation: u32,
    /// Its number in the writer's chain, from 1, without gaps, across incarnations.
    pub seq: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.node, self.incarnation, self.seq)
    }
}

impl FromStr for EntryId {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || {
            MalformedName(format!(
                "{text:?} is not an entry id (node-incarnation-seq)"
            ))
        };
        let mut parts = text.trim().split('-');
        let (Some(node), Some(incarnation), Some(seq), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        if node.is_empty() {
            return Err(malformed());
        }
        Ok(EntryId {
            node: node.to_owned(),
            incarnation: incarnation.parse().ok().ok_or_else(malformed)?,
            seq: seq.parse().ok().ok_or_else(malformed)?,
        })
    }
}

/// A campaign's name: 1 to 64 of the characters `A-Z a-z 0-9 . _ -`, the first a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CampaignId(String);

impl CampaignId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CampaignId {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_well_formed = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && text.starts_with(|first: char| first.is_ascii_alphanumeric());
        if is_well_formed {
            Ok(CampaignId(text.to_owned()))
        } else {
            Err(MalformedName(format!(
                "{text:?} is not a campaign ID: use 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit"
            )))
        }
    }
}

/// An idempotency key, the caller's name for one act: 1 to 128 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// A key of our own making: UUID version 7 (RFC 9562 §5.7), so that keys sort by time.
    pub fn mint(now_ms: i64, random: [u8; 16]) -> Key {
        let time = u128::from(now_ms.max(0).unsigned_abs()) << 80;
        let bits = u128::from_be_bytes(random) & ((1 << 80) - 1);
        let versioned = (bits & !(0xf << 76) & !(0b11 << 62)) | (7 << 76) | (0b10 << 62);
        let hex = format!("{:032x}", time | versioned);
        let mut text = String::with_capacity(36);
        for (place, letter) in hex.chars().enumerate() {
            if matches!(place, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(letter);
        }
        Key(text)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Key {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if (1..=128).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
        {
            Ok(Key(text.to_owned()))
        } else {
            Err(MalformedName(
                "a key is 1 to 128 printable ASCII characters without spaces".to_owned(),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_id_reads_back_as_written() {
        let id = EntryId {
            node: "BCDFGHJKLN".into(),
            incarnation: 2,
            seq: 917,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "a-1", "a-1-x", "a-1-2-3", "-1-2"] {
            assert!(bad.parse::<EntryId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_minted_key_is_a_uuid_version_7_and_sorts_by_time() {
        let early = Key::mint(1_700_000_000_000, [0xff; 16]);
        let late = Key::mint(1_700_000_000_001, [0x00; 16]);
        assert_eq!(early.as_str(), "018bcfe5-6800-7fff-bfff-ffffffffffff");
        assert!(early < late);
        assert!(early.as_str().parse::<Key>().is_ok());
    }

    #[test]
    fn campaign_ids_and_keys_refuse_what_could_confuse_a_shell_or_a_screen() {
        for bad in ["", "-x", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(bad.parse::<CampaignId>().is_err(), "{bad}");
        }
        assert!("Spring-menu_2.0".parse::<CampaignId>().is_ok());
        for bad in ["", "a b", "a\tb", &"x".repeat(129)] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }
}
