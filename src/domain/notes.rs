//! Notes: what a caller wrote beside a claim, for whoever reads the log. They may be about a person,
//! so they are kept where they can be erased, never in an entry's body.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{MalformedName, is_plain_name};

/// How many notes a claim may bear.
pub const NOTES_MAX: usize = 16;

/// The longest name of a note, in characters.
pub const NOTE_NAME_CHARS_MAX: usize = 40;

/// The longest value of a note, in characters.
pub const NOTE_VALUE_CHARS_MAX: usize = 200;

/// One note, written `NAME=VALUE`. The name is 1 to 40 ASCII letters, digits, `.`, `_` and `-`; the
/// value 1 to 200 characters, none of them a control character, and may itself hold `=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    name: String,
    value: String,
}

impl FromStr for Note {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = |why: &str| MalformedName(format!("{text:?} is not a note: {why}"));
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| malformed("write it as NAME=VALUE"))?;
        let is_name = name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'));
        if !is_name || !is_plain_name(name, NOTE_NAME_CHARS_MAX) {
            return Err(malformed(
                "its name is 1 to 40 letters, digits, '.', '_' and '-'",
            ));
        }
        if !is_plain_name(value, NOTE_VALUE_CHARS_MAX) {
            return Err(malformed(
                "its value is 1 to 200 characters without control characters",
            ));
        }
        Ok(Note {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// The notes of one claim, by name, at most [`NOTES_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Notes(BTreeMap<String, String>);

impl Notes {
    /// The notes of a claim: refuses a name that stands twice with different values, and too many.
    pub fn of(notes: &[Note]) -> Result<Notes, MalformedName> {
        let mut kept = BTreeMap::new();
        for note in notes {
            let before = kept.insert(note.name.clone(), note.value.clone());
            if before.is_some_and(|before| before != note.value) {
                return Err(MalformedName(format!(
                    "the note {:?} stands twice, with different values",
                    note.name
                )));
            }
        }
        if kept.len() > NOTES_MAX {
            return Err(MalformedName(format!(
                "{} notes are too many: {NOTES_MAX} at most",
                kept.len()
            )));
        }
        Ok(Notes(kept))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this very note is among them.
    pub fn hold(&self, note: &Note) -> bool {
        self.0.get(&note.name) == Some(&note.value)
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_a_name_and_a_value_within_bounds() {
        let note = |text: &str| text.parse::<Note>();
        assert!(note("order=77").is_ok());
        assert!(note("url=https://example.org/?a=b").is_ok());
        let long = |chars| format!("a={}", "ß".repeat(chars));
        assert!(note(&long(200)).is_ok());
        for bad in ["order", "=77", "order=", "or der=1", "a=b\nc", "ä=1"] {
            assert!(note(bad).is_err(), "{bad}");
        }
        assert!(note(&long(201)).is_err());
        assert!(note(&format!("{}=1", "a".repeat(41))).is_err());
    }

    #[test]
    fn notes_have_one_value_a_name_and_are_few() {
        let note = |text: &str| text.parse::<Note>().expect("a note");
        let two = [note("b=2"), note("a=1"), note("a=1")];
        let kept = Notes::of(&two).expect("two notes");
        assert_eq!(kept.to_string(), "a=1 b=2");
        assert!(kept.hold(&note("a=1")) && !kept.hold(&note("a=2")));
        assert!(Notes::of(&[note("a=1"), note("a=2")]).is_err());
        let many: Vec<Note> = (0..17).map(|n| note(&format!("n{n}=1"))).collect();
        assert!(Notes::of(&many).is_err());
        assert!(Notes::of(&many[1..]).is_ok());
    }
}
