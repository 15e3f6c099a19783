//! One line of typed text.

use crate::domain::code::{SHAPE_LETTERS_MIN, check_passes, fold};
use crate::domain::reading::without_aim;

/// How many characters a line may hold; more are not taken.
pub const FIELD_CHARS_MAX: usize = 120;

/// How many characters a line of a form for sentences may hold.
pub const SENTENCE_CHARS_MAX: usize = 200;

/// A line typed by hand; scanned bytes never get in, except by [`Field::fill`] and [`Field::fill_scanned`].
#[derive(Clone, Default)]
pub struct Field {
    text: String,
    /// How many characters stand after the cursor.
    after: u32,
    /// It has room for a sentence.
    is_long: bool,
}

impl Field {
    /// A line that already says something.
    pub fn with(text: &str) -> Field {
        let mut field = Field::default();
        field.fill(text);
        field
    }

    /// A line with room for a sentence, that already says something.
    pub fn sentence(text: &str) -> Field {
        let mut field = Field {
            is_long: true,
            ..Field::default()
        };
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
        let most = if self.is_long {
            SENTENCE_CHARS_MAX
        } else {
            FIELD_CHARS_MAX
        };
        if !typed.is_control() && self.text.chars().count() < most {
            let at = self.cursor();
            self.text.insert(at, typed);
        }
    }

    /// Takes the character before the cursor away.
    pub fn erase(&mut self) {
        if let Some((at, _)) = self.before().char_indices().next_back() {
            self.text.remove(at);
        }
    }

    /// Takes the character after the cursor away.
    pub fn erase_next(&mut self) {
        if self.after > 0 {
            let at = self.cursor();
            self.text.remove(at);
            self.after -= 1;
        }
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.text.clear();
        self.after = 0;
    }

    /// One character to the left.
    pub fn left(&mut self) {
        self.after = self.count().min(self.after.saturating_add(1));
    }

    /// One character to the right.
    pub fn right(&mut self) {
        self.after = self.after.saturating_sub(1);
    }

    /// To the start of the line.
    pub fn to_start(&mut self) {
        self.after = self.count();
    }

    /// To the end of the line.
    pub fn to_end(&mut self) {
        self.after = 0;
    }

    fn count(&self) -> u32 {
        u32::try_from(self.text.chars().count()).unwrap_or(u32::MAX)
    }

    fn count_after(&self) -> usize {
        usize::try_from(self.after).unwrap_or(usize::MAX)
    }

    /// Where the cursor is, in bytes.
    fn cursor(&self) -> usize {
        self.text
            .char_indices()
            .rev()
            .take(self.count_after())
            .last()
            .map_or(self.text.len(), |(at, _)| at)
    }

    fn before(&self) -> &str {
        self.text.get(..self.cursor()).unwrap_or_default()
    }

    /// The line with its cursor, and what is coming in there, as `room` characters have room for it.
    pub fn with_cursor(&self, pending: &str, room: usize) -> String {
        let before = format!("{}{pending}", self.before());
        let rest = self.text.get(self.cursor()..).unwrap_or_default();
        windowed(&before, rest, room)
    }

    /// The same as dots, for PINs.
    pub fn masked_with_cursor(&self, room: usize) -> String {
        let before = "•".repeat(self.before().chars().count());
        windowed(&before, &"•".repeat(self.count_after()), room)
    }

    /// Replaces everything.
    pub fn fill(&mut self, text: &str) {
        self.clear();
        for character in text.chars() {
            self.push(character);
        }
    }

    /// Replaces everything by a scanned barcode: without AIM identifiers and control characters.
    pub fn fill_scanned(&mut self, raw: &[u8]) {
        let text = String::from_utf8_lossy(raw);
        self.fill(without_aim(&text));
    }

    /// Hands the text over and starts anew.
    pub fn take(&mut self) -> String {
        self.after = 0;
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

/// Both sides of a cursor, cut on the left, so that the cursor and the end of the line are seen.
fn windowed(before: &str, after: &str, room: usize) -> String {
    let text = format!("{before}▏{after}");
    let excess = text.chars().count().saturating_sub(room.max(1));
    let hidden = excess.min(before.chars().count());
    text.chars().skip(hidden).take(room.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn a_line_is_edited_where_its_cursor_is() {
        let mut field = Field::with("Größe");
        field.left();
        field.left();
        field.erase();
        assert_eq!(field.with_cursor("", 20), "Gr▏ße");
        field.push('o');
        field.erase_next();
        assert_eq!(field.with_cursor("12", 20), "Gro12▏e");
        field.to_start();
        field.erase();
        field.left();
        field.push('>');
        assert_eq!(field.with_cursor("", 4), "▏Gro");
        field.to_end();
        field.right();
        field.erase_next();
        assert_eq!(field.with_cursor("", 4), "roe▏");
        assert_eq!(field.masked_with_cursor(20), "•••••▏");
        assert_eq!(field.take(), ">Groe");
        field.push('x');
        assert_eq!(field.as_str(), "x");
    }
}
