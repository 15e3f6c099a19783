//! Undoing a redemption: who may, and what is answered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::Key;

/// A cashier undoes their own redemption within this time; later, and others', a manager.
pub const OWN_UNDO_MS: i64 = 15 * 60_000;

/// The answer to a request to undo a redemption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReversalWord {
    /// Undone: the code is assigned again, its window unchanged.
    Reversed,
    /// The same key again: undone before, nothing counted twice.
    Replayed,
    /// There is no redemption that stands.
    NothingToReverse,
    /// A manager must approve.
    NeedsApproval,
    /// The key belongs to another act or code.
    KeyConflict,
    /// It was made elsewhere, or its code is held elsewhere, and the hub is out of reach.
    OfflineRefused,
    /// The hub was asked and has not answered.
    UnknownOutcome,
}

impl ReversalWord {
    /// The word as JSON and the log name it.
    pub fn as_str(self) -> &'static str {
        match self {
            ReversalWord::Reversed => "reversed",
            ReversalWord::Replayed => "replayed",
            ReversalWord::NothingToReverse => "nothing_to_reverse",
            ReversalWord::NeedsApproval => "needs_approval",
            ReversalWord::KeyConflict => "key_conflict",
            ReversalWord::OfflineRefused => "offline_refused",
            ReversalWord::UnknownOutcome => "unknown_outcome",
        }
    }

    /// The exit code of `reverse`.
    pub fn exit_code(self) -> u8 {
        match self {
            ReversalWord::Reversed | ReversalWord::Replayed => 0,
            ReversalWord::NothingToReverse
            | ReversalWord::NeedsApproval
            | ReversalWord::KeyConflict
            | ReversalWord::OfflineRefused => 1,
            ReversalWord::UnknownOutcome => 3,
        }
    }

    /// One sentence for people.
    pub fn message(self) -> &'static str {
        match self {
            ReversalWord::Reversed => "undone: the code can be used again",
            ReversalWord::Replayed => "undone already, by this same request",
            ReversalWord::NothingToReverse => "there is no redemption to undo",
            ReversalWord::NeedsApproval => {
                "not your own, or more than 15 minutes ago: a manager must approve"
            }
            ReversalWord::KeyConflict => "this key belongs to another code or act",
            ReversalWord::OfflineRefused => {
                "it is the hub's to undo, which is out of reach: try again when the line is back"
            }
            ReversalWord::UnknownOutcome => {
                "the hub was asked and has not answered: undo it again, it is undone once"
            }
        }
    }
}

/// A reversal as it is answered, after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// The answer.
    pub word: ReversalWord,
    /// The code as stored; none where there is none.
    pub code: Option<String>,
    /// The redemption it concerns.
    pub redemption_id: Option<String>,
    /// The key it was asked under.
    pub key: String,
    /// When; of a replay, when it was undone.
    pub at: Timestamp,
    /// Whether the code is cancelled: undoing a use does not bring it back.
    pub is_void: bool,
}

impl Reversal {
    /// One sentence for people.
    pub fn message(&self) -> &'static str {
        if self.word == ReversalWord::Reversed && self.is_void {
            "undone: the use no longer counts, but the code stays cancelled"
        } else {
            self.word.message()
        }
    }
}

/// A redemption that an operator may choose to undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoChoice {
    /// The redemption's entry id.
    pub redemption_id: String,
    /// When it was made.
    pub at: Timestamp,
    /// The code as stored.
    pub code: String,
    /// The offer.
    pub offer: String,
    /// Who made it.
    pub operator: Option<String>,
    /// Whether a manager must approve.
    pub needs_approval: bool,
}

/// A scan that the hub was asked about and has not answered: it may be given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingChoice {
    /// The counter that asked.
    pub counter: String,
    /// The key under which it asked.
    pub key: Key,
    /// When it asked last.
    pub at: Timestamp,
    /// The code as stored, or as it was read.
    pub code: String,
    /// Who asked.
    pub operator: Option<String>,
    /// Whether a manager must approve.
    pub needs_approval: bool,
}

/// What became of giving a scan up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// Whatever the hub did under its key is undone, and that key is refused for ever.
    Done,
    /// The hub has answered meanwhile: there is nothing to give up.
    Answered,
    /// A manager must approve; nothing was changed.
    NeedsApproval,
}

/// Who made a redemption, and when.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// At which counter.
    pub counter: &'a str,
    /// By whom; none: nobody signed in there.
    pub operator: Option<&'a str>,
}

/// Whether whoever asks may undo it without a manager: their own (where nobody signs in, their
/// counter's), and within 15 minutes by the same clock.
pub fn may_undo_alone(made: Made<'_>, counter: &str, operator: Option<&str>, now_ms: i64) -> bool {
    let is_own = match (made.operator, operator) {
        (Some(maker), Some(asker)) => maker == asker,
        (None, None) => made.counter == counter,
        (Some(_), None) | (None, Some(_)) => false,
    };
    is_own && (0..=OWN_UNDO_MS).contains(&(now_ms - made.at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cashier_undoes_only_their_own_and_only_for_fifteen_minutes() {
        let made = |operator| Made {
            at_ms: 1_000_000,
            counter: "till 1",
            operator,
        };
        let may = |operator, asker, minutes: i64| {
            may_undo_alone(
                made(operator),
                "till 1",
                asker,
                1_000_000 + minutes * 60_000,
            )
        };
        assert!(may(Some("ana"), Some("ana"), 15));
        assert!(!may(Some("ana"), Some("ana"), 16));
        assert!(!may(Some("ana"), Some("ana"), -1));
        assert!(!may(Some("ana"), Some("ben"), 1));
        assert!(!may(Some("ana"), None, 1));
        assert!(may(None, None, 1));
        assert!(!may_undo_alone(made(None), "till 2", None, 1_000_001));
    }
}
