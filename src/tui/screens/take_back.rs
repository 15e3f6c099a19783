//! Taking back what was just given out: the newest is marked, a digit picks the reason, Enter does it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::style::Style;

use crate::domain::code::last_letters;
use crate::domain::local_time::in_few_words;
use crate::domain::sign_up::GivenOutChoice;
use crate::tui::canvas::{Canvas, columns, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::Command;
use crate::tui::msg::Effect;
use crate::tui::screens::question::{Outcome, edit, picked, reason_lines};
use crate::tui::theme::Tone;

/// Why a code is taken back; picked by digit.
pub const CANCEL_REASONS: [&str; 6] = [
    "slip of the finger",
    "wrong campaign",
    "wrong customer",
    "does not want it",
    "training or test",
    "another reason",
];

/// An open list of what may be taken back.
#[derive(Default)]
pub struct TakeBack {
    /// None: the desk has not listed them yet.
    choices: Option<Vec<GivenOutChoice>>,
    at: usize,
    /// The digit; a longer line is what a slow scanner typed.
    field: Field,
    problem: String,
    is_at_desk: bool,
}

impl TakeBack {
    /// Takes the list of the desk.
    pub fn listed(&mut self, choices: Vec<GivenOutChoice>) {
        self.at = 0;
        self.choices = Some(choices);
    }

    /// The desk has refused, and says why.
    pub fn refuse(&mut self, words: &str) {
        self.is_at_desk = false;
        words.clone_into(&mut self.problem);
    }

    /// Whether the desk is taking one back.
    pub fn is_at_desk(&self) -> bool {
        self.is_at_desk
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        self.field.push(character);
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command, effects: &mut Vec<Effect>) -> Outcome {
        if self.is_at_desk || edit(&mut self.field, command) {
            return Outcome::Open;
        }
        let last = self.choices.as_ref().map_or(0, Vec::len).saturating_sub(1);
        if matches!(command, Command::Up | Command::Previous) {
            self.at = self.at.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::Enter {
            if self.field.as_str().chars().count() > 1 {
                return Outcome::Scan(self.field.take().into_bytes());
            }
            self.order(effects);
        }
        Outcome::Open
    }

    fn order(&mut self, effects: &mut Vec<Effect>) {
        let choice = self.choices.as_ref().and_then(|all| all.get(self.at));
        let (Some(choice), Some(reason)) = (choice, picked(&CANCEL_REASONS, &self.field)) else {
            "a digit picks the reason first".clone_into(&mut self.problem);
            return;
        };
        effects.push(Effect::Cancel {
            code: choice.code.clone(),
            reason: reason.to_owned(),
        });
        self.problem.clear();
        self.is_at_desk = true;
    }

    /// Draws the list.
    pub fn draw(&self, canvas: &mut Canvas<'_>, now: Timestamp, zone: &TimeZone) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " TAKE BACK WHAT WAS GIVEN OUT ", theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        canvas.text_right(2, bottom, " digit, Enter · Esc back ", Style::new());
        let mut inside = canvas.inside(3);
        let room = inside.columns();
        let Some(choices) = &self.choices else {
            inside.text(0, 0, "looking them up …", theme.dim());
            return;
        };
        if choices.is_empty() {
            inside.text(
                0,
                0,
                "This counter has given out nothing in the last 15 minutes.",
                theme.strong(),
            );
            inside.text(0, 1, "Later, a manager ends a code.", theme.dim());
            return;
        }
        // The reasons and what is wrong stay in view; the list scrolls in what is left.
        let seen = usize::from(inside.rows().saturating_sub(6)).clamp(1, 8);
        let first = self.at.saturating_add(1).saturating_sub(seen);
        let mut row = 0;
        for (at, choice) in choices.iter().enumerate().skip(first).take(seen) {
            let style = if at == self.at {
                theme.picked()
            } else {
                Style::new()
            };
            let line = choice_line(choice, room.saturating_sub(1), now, zone);
            let mark = if at == self.at { '›' } else { ' ' };
            inside.text(0, row, &format!("{mark}{line}"), style);
            row = row.saturating_add(1);
        }
        row = row.saturating_add(1);
        for line in reason_lines(&CANCEL_REASONS, self.field.as_str(), room) {
            inside.line(0, row, &line, Style::new());
            row = row.saturating_add(1);
        }
        let words = if self.is_at_desk {
            "taking it back …"
        } else if self.problem.is_empty() {
            "The code becomes void; the customer may have another. Keep the slip."
        } else {
            &self.problem
        };
        let style = if self.problem.is_empty() {
            theme.dim()
        } else {
            theme.warning()
        };
        for line in wrapped(words, room, 2) {
            inside.text(0, row, &line, style);
            row = row.saturating_add(1);
        }
    }
}

fn choice_line(choice: &GivenOutChoice, room: u16, now: Timestamp, zone: &TimeZone) -> String {
    let when = in_few_words(choice.at, now, zone);
    let name = choice.name.as_deref().unwrap_or_default();
    let head = format!(" {when}  {}  {name}", choice.offer);
    let tail = format!(" {} ", last_letters(&choice.code));
    format!(
        "{}{tail}",
        padded(&head, room.saturating_sub(columns(&tail)))
    )
}
