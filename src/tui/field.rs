//! One line of typed text.

use crate::domain::code::{SHAPE_LETTERS_MIN, check_passes, fold};

/// How many characters a line may hold; more are not taken.
pub const FIELD_CHARS_MAX: usize = 120;

/// A line typed by hand; scanned bytes never get in, except by [`Field::fill`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Field {
    text: String,
}

impl Field {
    /// A line that already says something.
    pub fn with(text: &str) -> Field {
        let mut field = Field::default();
        field.fill(text);
        field
    }

    /// What was typed so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Takes a typed character.
    pub fn push(&mut self, typed: char) {
        if !typed.is_control() && self.text.chars().count() < FIELD_CHARS_MAX {
            self.text.push(typed);
        }
    }

    /// Takes the last character away.
    pub fn erase(&mut self) {
        self.text.pop();
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.text.clear();
    }

    /// Replaces everything.
    pub fn fill(&mut self, text: &str) {
        self.text.clear();
        for character in text.chars() {
            self.push(character);
        }
    }

    /// Hands the text over and starts anew.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The text as dots, for PINs.
    pub fn masked(&self) -> String {
        "•".repeat(self.text.chars().count())
    }

    /// Whether the line is a scan in any field: long enough for a code, and its check letters hold.
    pub fn is_code(&self) -> bool {
        fold(&self.text).is_ok_and(|folded| {
            folded.as_str().len() >= SHAPE_LETTERS_MIN && check_passes(folded.as_str())
        })
    }
}
