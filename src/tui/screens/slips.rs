//! The slips that no printer has confirmed: printed again, or the customer has it; a digit, Enter.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::style::Style;

use crate::domain::code::last_letters;
use crate::domain::local_time::in_few_words;
use crate::domain::slip_job::OpenSlip;
use crate::tui::canvas::{Canvas, columns, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::Command;
use crate::tui::msg::Effect;
use crate::tui::screens::question::{Outcome, edit, picked, reason_lines};
use crate::tui::theme::Tone;

/// What is done about a doubtful slip; picked by digit.
pub const SLIP_ANSWERS: [&str; 2] = [PRINT_AGAIN, "the customer has it"];

const PRINT_AGAIN: &str = "print it again";

/// An open list of doubtful slips.
#[derive(Default)]
pub struct Slips {
    /// None: the desk has not listed them yet.
    doubtful: Option<Vec<OpenSlip>>,
    at: usize,
    /// The digit; a longer line is what a slow scanner typed.
    field: Field,
    words: String,
}

impl Slips {
    /// Takes the list of the desk. Whoever has marked a slip goes on with that one, wherever it is
    /// listed now; where it is gone, what was typed for it is no answer for another.
    pub fn listed(&mut self, slips: Vec<OpenSlip>) {
        let last = slips.len().saturating_sub(1);
        let marked = self.doubtful.as_ref().and_then(|all| all.get(self.at));
        if let Some(marked) = marked {
            let now_at = slips
                .iter()
                .position(|slip| slip.number == marked.number)
                .or_else(|| slips.iter().position(|slip| slip.code == marked.code));
            if now_at.is_none() && picked(&SLIP_ANSWERS, &self.field).is_some() {
                self.field.clear();
            }
            self.at = now_at.unwrap_or(self.at);
        }
        self.at = self.at.min(last);
        self.doubtful = Some(slips);
    }

    /// Says something below the list.
    pub fn say(&mut self, words: &str) {
        words.clone_into(&mut self.words);
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        self.field.push(character);
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command, effects: &mut Vec<Effect>) -> Outcome {
        if edit(&mut self.field, command) {
            return Outcome::Open;
        }
        let last = self.doubtful.as_ref().map_or(0, Vec::len).saturating_sub(1);
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
        let slip = self.doubtful.as_ref().and_then(|all| all.get(self.at));
        let (Some(slip), Some(answer)) = (slip, picked(&SLIP_ANSWERS, &self.field)) else {
            self.say("a digit says what is to be done");
            return;
        };
        self.field.clear();
        if answer == PRINT_AGAIN {
            effects.push(Effect::Reprint {
                code: slip.code.clone(),
            });
            self.say("printing …");
        } else {
            effects.push(Effect::SettleSlip {
                number: slip.number,
            });
            self.say("noted");
        }
    }

    /// Draws the list.
    pub fn draw(&self, canvas: &mut Canvas<'_>, now: Timestamp, zone: &TimeZone) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " SLIPS NOT CONFIRMED ", theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        canvas.text_right(2, bottom, " digit, Enter · Esc back ", Style::new());
        let mut inside = canvas.inside(3);
        let room = inside.columns();
        let Some(slips) = &self.doubtful else {
            inside.text(0, 0, "looking them up …", theme.dim());
            return;
        };
        let mut row = 0;
        if slips.is_empty() {
            inside.text(0, 0, "No slip is in doubt.", theme.strong());
        } else {
            // The answers and what was said stay in view; the list scrolls in what is left.
            let seen = usize::from(inside.rows().saturating_sub(4)).clamp(1, 10);
            let first = self.at.saturating_add(1).saturating_sub(seen);
            for (at, slip) in slips.iter().enumerate().skip(first).take(seen) {
                let style = if at == self.at {
                    theme.picked()
                } else {
                    Style::new()
                };
                let line = slip_line(slip, room.saturating_sub(1), now, zone);
                let mark = if at == self.at { '›' } else { ' ' };
                inside.text(0, row, &format!("{mark}{line}"), style);
                row = row.saturating_add(1);
            }
            row = row.saturating_add(1);
            for line in reason_lines(&SLIP_ANSWERS, self.field.as_str(), room) {
                inside.line(0, row, &line, Style::new());
                row = row.saturating_add(1);
            }
        }
        row = row.saturating_add(u16::from(slips.is_empty()));
        for line in wrapped(&self.words, room, 2) {
            inside.text(0, row, &line, theme.warning());
            row = row.saturating_add(1);
        }
    }
}

/// Why a slip is in doubt, in words.
pub fn why_in_words(why: Option<&str>) -> String {
    match why {
        None => "not known".to_owned(),
        Some("no_printer") => "no printer here".to_owned(),
        Some("silent") => "the printer says nothing".to_owned(),
        Some("refused") => "the printer is off or taken".to_owned(),
        Some("unreachable") => "the printer is out of reach".to_owned(),
        Some("missing") => "the printer is not plugged in".to_owned(),
        Some("offline") => "the printer is off line".to_owned(),
        Some("busy") => "the printer is busy".to_owned(),
        Some("garbled") => "the printer makes no sense".to_owned(),
        Some(why) => why.replace('_', " "),
    }
}

fn slip_line(slip: &OpenSlip, room: u16, now: Timestamp, zone: &TimeZone) -> String {
    let when = in_few_words(slip.at, now, zone);
    let who = slip.name.as_deref().unwrap_or(&slip.campaign);
    let why = why_in_words(slip.why.as_deref());
    let head = format!(" {when}  {who}  {why} · {}", slip.counter);
    let tail = format!(" {} ", last_letters(&slip.code));
    format!(
        "{}{tail}",
        padded(&head, room.saturating_sub(columns(&tail)))
    )
}
