//! Sign-in: who, and their PIN. A badge does both.

use jiff::{SignedDuration, Timestamp};
use ratatui::style::Style;

use crate::domain::operator::Operator;
use crate::tui::canvas::{Canvas, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::Command;
use crate::tui::msg::{Effect, Pin};
use crate::tui::screens::question::{Outcome, edit};
use crate::tui::theme::Tone;

/// The sign-in screen.
#[derive(Default)]
pub struct SignIn {
    at: usize,
    pin: Field,
    words: String,
    locked_until: Option<Timestamp>,
    is_at_desk: bool,
}

/// `5 minutes`, `90 seconds`
fn in_words(idle: SignedDuration) -> String {
    let seconds = idle.as_secs();
    match (seconds / 60, seconds % 60) {
        (1, 0) => "a minute".to_owned(),
        (minutes, 0) => format!("{minutes} minutes"),
        _ => format!("{seconds} seconds"),
    }
}

impl SignIn {
    /// Nobody chosen yet.
    pub fn new() -> SignIn {
        SignIn::default()
    }

    /// Nobody was here for so long; whoever was signed in last is marked.
    pub fn locked(at: usize, idle: SignedDuration) -> SignIn {
        SignIn {
            at,
            words: format!("LOCKED: nobody was here for {}.", in_words(idle)),
            ..SignIn::default()
        }
    }

    /// So many may sign in by now.
    pub fn listed(&mut self, count: usize) {
        self.at = self.at.min(count.saturating_sub(1));
    }

    /// Says something above the list.
    pub fn say(&mut self, words: &str) {
        words.clone_into(&mut self.words);
    }

    /// The PIN was wrong, or the counter is locked.
    pub fn refused(&mut self, words: &str, locked_until: Option<Timestamp>) {
        self.is_at_desk = false;
        self.pin.clear();
        self.say(words);
        self.locked_until = locked_until;
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        self.pin.push(character);
    }

    /// Does what a key orders.
    pub fn command(
        &mut self,
        command: Command,
        operators: &[Operator],
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if edit(&mut self.pin, command) {
            return Outcome::Open;
        }
        let last = operators.len().saturating_sub(1);
        if matches!(command, Command::Up | Command::Previous) {
            self.at = self.at.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::Drop {
            self.pin.clear();
        } else if command == Command::Enter {
            return self.enter(operators, now, effects);
        }
        Outcome::Open
    }

    fn enter(
        &mut self,
        operators: &[Operator],
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if self.pin.is_code() {
            return Outcome::Scan(self.pin.take().into_bytes());
        }
        if self.seconds_locked(now) > 0 || self.is_at_desk || self.pin.is_empty() {
            return Outcome::Open;
        }
        if let Some(operator) = operators.get(self.at) {
            effects.push(Effect::SignIn {
                operator: operator.name.clone(),
                pin: Pin::new(self.pin.take()),
            });
            self.is_at_desk = true;
            self.words.clear();
        }
        Outcome::Open
    }

    fn seconds_locked(&self, now: Timestamp) -> i64 {
        self.locked_until.map_or(0, |until| {
            let left = until.duration_since(now);
            left.as_secs()
                .saturating_add(i64::from(left.subsec_nanos() > 0))
                .max(0)
        })
    }

    /// Draws the screen.
    pub fn draw(&self, canvas: &mut Canvas<'_>, operators: &[Operator], now: Timestamp) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " SIGN IN ", theme.strong());
        let mut inside = canvas.inside(3);
        let room = inside.columns();
        // Heading, gap, list, gap, PIN, gap, two lines of words.
        let seen = usize::from(inside.rows().saturating_sub(7)).max(1);
        let first = self.at.saturating_add(1).saturating_sub(seen);
        inside.text(
            0,
            0,
            "Who is at the counter? Scan a badge, or:",
            theme.dim(),
        );
        let mut row = 2;
        for (at, operator) in operators.iter().enumerate().skip(first).take(seen) {
            let mark = if at == self.at { '›' } else { ' ' };
            let role = operator.role.as_str();
            let text = format!("{mark} {} {role}", padded(&operator.name, 24));
            let style = if at == self.at {
                theme.picked()
            } else {
                Style::new()
            };
            inside.text(0, row, &padded(&text, 38.min(room)), style);
            row = row.saturating_add(1);
        }
        row = row.saturating_add(1);
        let taken = inside.text(0, row, "PIN  ", Style::new());
        let dots = self.pin.masked_with_cursor(usize::from(room));
        inside.text(taken, row, &dots, theme.strong());
        row = row.saturating_add(2);
        let locked = self.seconds_locked(now);
        let words = if locked > 0 {
            format!(
                "{} Locked for another {}:{:02}; a badge or the next PIN then.",
                self.words,
                locked / 60,
                locked % 60
            )
        } else if self.is_at_desk {
            "looking …".to_owned()
        } else {
            self.words.clone()
        };
        for line in wrapped(&words, room, 2) {
            inside.text(0, row, &line, theme.warning());
            row = row.saturating_add(1);
        }
    }
}
