//! Conflicts: entries of two nodes that cannot both be right. One per excess entry; it stays until a
//! named person settles it. Not here: rows, and which entries there are.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::MalformedName;

/// What cannot be right about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// A use beyond the campaign's number of uses.
    DoubleRedeemed,
    /// A code that another customer has.
    DoubleAssigned,
    /// A use of a code whose life had been ended.
    RedeemedAfterVoid,
    /// A use before or after the code's validity, by the counter's own clock.
    RedeemedOutsideWindow,
    /// A code that the hub does not know.
    NotFound,
    /// A code for a customer who had as many as they may.
    SecondCode,
    /// An act as a holder, of a code that the node did not hold.
    LeaseBreach,
    /// A key that is bound to another act.
    SameKeyOtherContent,
}

impl ConflictKind {
    /// Every kind.
    pub const ALL: [ConflictKind; 8] = [
        ConflictKind::DoubleRedeemed,
        ConflictKind::DoubleAssigned,
        ConflictKind::RedeemedAfterVoid,
        ConflictKind::RedeemedOutsideWindow,
        ConflictKind::NotFound,
        ConflictKind::SecondCode,
        ConflictKind::LeaseBreach,
        ConflictKind::SameKeyOtherContent,
    ];

    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            ConflictKind::DoubleRedeemed => "double_redeemed",
            ConflictKind::DoubleAssigned => "double_assigned",
            ConflictKind::RedeemedAfterVoid => "redeemed_after_void",
            ConflictKind::RedeemedOutsideWindow => "redeemed_outside_window",
            ConflictKind::NotFound => "not_found",
            ConflictKind::SecondCode => "second_code",
            ConflictKind::LeaseBreach => "lease_breach",
            ConflictKind::SameKeyOtherContent => "same_key_other_content",
        }
    }

    /// The kind in few words for people, in at most 20 characters.
    pub fn in_words(self) -> &'static str {
        match self {
            ConflictKind::DoubleRedeemed => "redeemed twice",
            ConflictKind::DoubleAssigned => "given out twice",
            ConflictKind::RedeemedAfterVoid => "used when cancelled",
            ConflictKind::RedeemedOutsideWindow => "used out of its time",
            ConflictKind::NotFound => "unknown code used",
            ConflictKind::SecondCode => "second code",
            ConflictKind::LeaseBreach => "not the holder",
            ConflictKind::SameKeyOtherContent => "key used twice",
        }
    }

    /// What cannot be right, in a sentence.
    pub fn means(self) -> &'static str {
        match self {
            ConflictKind::DoubleRedeemed => {
                "The code was honoured more often than its offer allows."
            }
            ConflictKind::DoubleAssigned => "The code was given to two customers.",
            ConflictKind::RedeemedAfterVoid => {
                "The code had been cancelled before it was honoured."
            }
            ConflictKind::RedeemedOutsideWindow => {
                "The code was honoured before or after its time, by the counter's own clock."
            }
            ConflictKind::NotFound => "A code was honoured that the hub does not know.",
            ConflictKind::SecondCode => "The customer was given more codes than they may have.",
            ConflictKind::LeaseBreach => "A store spent a code that it did not hold.",
            ConflictKind::SameKeyOtherContent => "One request key stands for two different acts.",
        }
    }

    /// How a person may settle it, in the order in which it is offered.
    pub fn decisions(self) -> &'static [Decision] {
        match self {
            ConflictKind::SecondCode | ConflictKind::DoubleAssigned => {
                &[Decision::Stand, Decision::WriteOff, Decision::VoidOther]
            }
            ConflictKind::DoubleRedeemed
            | ConflictKind::RedeemedAfterVoid
            | ConflictKind::RedeemedOutsideWindow
            | ConflictKind::NotFound
            | ConflictKind::LeaseBreach
            | ConflictKind::SameKeyOtherContent => &[Decision::Stand, Decision::WriteOff],
        }
    }
}

impl FromStr for ConflictKind {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ConflictKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| MalformedName(format!("{text:?} is not a kind of conflict")))
    }
}

/// How a person settles a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Both stand: it is known, and borne.
    Stand,
    /// The other code of the two is void from now on.
    VoidOther,
    /// What was handed over is written off.
    WriteOff,
}

impl Decision {
    /// Every decision.
    pub const ALL: [Decision; 3] = [Decision::Stand, Decision::VoidOther, Decision::WriteOff];

    /// The word for it, in commands, entries and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Stand => "stand",
            Decision::VoidOther => "void-other",
            Decision::WriteOff => "write-off",
        }
    }

    /// The decision in words for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Decision::Stand => "both stand",
            Decision::VoidOther => "the other code is void",
            Decision::WriteOff => "written off",
        }
    }
}

impl FromStr for Decision {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Decision::ALL
            .into_iter()
            .find(|decision| decision.as_str() == text)
            .ok_or_else(|| {
                MalformedName(format!(
                    "{text:?} is not a decision: use stand, void-other or write-off"
                ))
            })
    }
}

/// One entry that a conflict names, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictStory {
    /// The entry.
    pub entry: String,
    /// What it did.
    pub kind: String,
    /// When, by that counter's clock.
    pub at_ms: i64,
    /// The store.
    pub store: String,
    /// The counter.
    pub counter: String,
    /// The operator.
    pub operator: Option<String>,
    /// Whether it was given out as certain.
    pub certainty: Option<String>,
    /// The code, as stored.
    pub code: Option<String>,
    /// The customer.
    pub customer: Option<String>,
}

/// A conflict with all its stories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The hub's number of it.
    pub number: i64,
    /// What cannot be right.
    pub kind: ConflictKind,
    /// The excess entry.
    pub entry: String,
    /// The code, as stored.
    pub code: Option<String>,
    /// The campaign.
    pub campaign: Option<String>,
    /// Every entry that it names, the excess one last.
    pub stories: Vec<ConflictStory>,
    /// When the hub found it.
    pub raised_at: Timestamp,
    /// How it was settled; none: it is open.
    pub settled: Option<Settled>,
}

/// How a conflict was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What was decided; none: a reversal took the excess away.
    pub decision: Option<Decision>,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A redemption that stands, as far as it matters which of several counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The hub's own number of the entry: the order in which it came to know them.
    pub entry: i64,
    /// Whether the node that held the code wrote it.
    pub is_holders: bool,
}

/// Which redemptions of a code are in excess of its uses: the holder's count first, then in the
/// order in which the hub stamped them. How many there are does not depend on any order.
pub fn in_excess(redemptions: &[Standing], uses: u32) -> Vec<i64> {
    let mut in_order = redemptions.to_vec();
    in_order.sort_by_key(|made| (!made.is_holders, made.entry));
    in_order
        .into_iter()
        .skip(uses as usize)
        .map(|made| made.entry)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holders_use_counts_whenever_it_came() {
        let away = Standing {
            entry: 1,
            is_holders: false,
        };
        let holders = Standing {
            entry: 9,
            is_holders: true,
        };
        assert_eq!(in_excess(&[away, holders], 1), [1]);
        assert_eq!(in_excess(&[holders, away], 1), [1]);
        assert_eq!(in_excess(&[holders, away], 2), [] as [i64; 0]);
    }

    #[test]
    fn words_read_back() {
        for kind in ConflictKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        for decision in Decision::ALL {
            assert_eq!(decision.as_str().parse(), Ok(decision));
        }
    }
}
