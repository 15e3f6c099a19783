//! Find: a customer by a contact, a name or a code, and the life of a code.

use ratatui::style::Style;

use crate::tui::canvas::Canvas;
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::msg::Effect;
use crate::tui::pages::View;
use crate::tui::screens::question::{Outcome, edit, field_line};
use crate::tui::theme::Tone;

/// The search screen.
#[derive(Default)]
pub struct Find {
    line: Field,
}

impl Find {
    /// Nothing asked yet.
    pub fn new() -> Find {
        Find::default()
    }

    /// Where the operator is.
    pub fn place(&self) -> Place {
        Place::Find
    }

    /// Whether Esc closes something here, before it leads back to the scans.
    pub fn has_something_open(&self) -> bool {
        false
    }

    /// Whether a barcode that is no code of ours fills the field that is being typed in.
    pub fn is_scannable(&self) -> bool {
        true
    }

    /// Takes a scanned barcode that is no code.
    pub fn fill(&mut self, raw: &[u8]) {
        self.line.fill_scanned(raw);
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        self.line.push(character);
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command, _effects: &mut Vec<Effect>) -> Outcome {
        if !edit(&mut self.line, command) && command == Command::Enter && self.line.is_code() {
            return Outcome::Scan(self.line.take().into_bytes());
        }
        Outcome::Open
    }

    /// Draws the form.
    pub fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " FIND ", theme.strong());
        let mut inside = canvas.inside(3);
        let room = inside.columns();
        let line = field_line("Contact, name or code", &self.line, view.pending, room);
        inside.line(0, 1, &line, Style::new());
    }
}
