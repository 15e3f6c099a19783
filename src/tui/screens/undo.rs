//! Undo, in the panel: the newest redemption is marked, a digit picks the reason, Enter does it. A scan
//! that the hub has not answered is given up in the same way.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::text::Line;

use crate::domain::code::last_letters;
use crate::domain::local_time::in_few_words;
use crate::domain::reversal::{PendingChoice, UndoChoice};
use crate::tui::canvas::{bold, columns, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::Command;
use crate::tui::msg::{ApprovalAsk, Effect};
use crate::tui::panel::Page;
use crate::tui::screens::question::{ManagerForm, Managers, Outcome, edit, picked, reason_lines};
use crate::tui::theme::Tone;

/// Why a redemption is undone; picked by digit.
pub const UNDO_REASONS: [&str; 6] = [
    "wrong code scanned",
    "changed their mind",
    "sale was cancelled",
    "offer ran out",
    "training or test",
    "another reason",
];

/// Stands before a redemption that only a manager may undo.
const NEEDS_MANAGER: char = '*';

/// What may be undone, or given up.
enum Choice {
    Redemption(UndoChoice),
    /// A scan that the hub has not answered.
    Pending(PendingChoice),
}

impl Choice {
    fn at(&self) -> Timestamp {
        match self {
            Choice::Redemption(choice) => choice.at,
            Choice::Pending(choice) => choice.at,
        }
    }

    fn needs_approval(&self) -> bool {
        match self {
            Choice::Redemption(choice) => choice.needs_approval,
            Choice::Pending(choice) => choice.needs_approval,
        }
    }
}

/// An open undo.
pub struct Undo {
    /// Newest first; none: the desk has not listed them yet.
    choices: Option<Vec<Choice>>,
    at: usize,
    /// The digit; a longer line is what a slow scanner typed.
    field: Field,
    /// The manager who is asked, where the desk wants one.
    manager: Option<ManagerForm>,
    problem: String,
    /// Ordered, and not answered yet.
    pub is_at_desk: bool,
    /// The hub is asked about it.
    asks_hub: bool,
}

impl Undo {
    /// Nothing is listed yet.
    pub fn new() -> Undo {
        Undo {
            choices: None,
            at: 0,
            field: Field::default(),
            manager: None,
            problem: String::new(),
            is_at_desk: false,
            asks_hub: false,
        }
    }

    /// Takes the list of the desk.
    pub fn listed(&mut self, choices: Vec<UndoChoice>, pending: Vec<PendingChoice>) {
        let redemptions = choices.into_iter().map(Choice::Redemption);
        let mut all: Vec<Choice> = pending
            .into_iter()
            .map(Choice::Pending)
            .chain(redemptions)
            .collect();
        all.sort_by_key(|choice| std::cmp::Reverse(choice.at()));
        self.at = 0;
        self.choices = Some(all);
    }

    /// The hub is asked about it.
    pub fn asks_hub(&mut self) {
        self.asks_hub = true;
    }

    /// The desk wants a manager.
    pub fn ask_manager(&mut self, managers: &Managers) {
        self.is_at_desk = false;
        self.asks_hub = false;
        let reason = picked(&UNDO_REASONS, &self.field).map(str::to_owned);
        self.manager = Some(ManagerForm::new(managers, reason));
    }

    /// The desk has refused, and says why.
    pub fn refuse(&mut self, words: &str) {
        self.is_at_desk = false;
        self.asks_hub = false;
        words.clone_into(&mut self.problem);
        if let Some(form) = &mut self.manager {
            form.refuse();
        }
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        match &mut self.manager {
            Some(form) => form.typed(character),
            None => self.field.push(character),
        }
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command, effects: &mut Vec<Effect>) -> Outcome {
        if self.is_at_desk {
            return Outcome::Open;
        }
        if let Some(form) = &mut self.manager {
            return match form.command(command) {
                Outcome::Done(approval) => {
                    self.order(approval, effects);
                    Outcome::Open
                }
                other @ (Outcome::Open | Outcome::Scan(_)) => other,
            };
        }
        if edit(&mut self.field, command) {
            return Outcome::Open;
        }
        let last = self.choices.as_ref().map_or(0, Vec::len).saturating_sub(1);
        if command == Command::Up {
            self.at = self.at.saturating_sub(1);
        } else if command == Command::Down {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::Enter {
            if self.field.as_str().chars().count() > 1 {
                return Outcome::Scan(self.field.take().into_bytes());
            }
            self.order(None, effects);
        }
        Outcome::Open
    }

    fn order(&mut self, approval: Option<ApprovalAsk>, effects: &mut Vec<Effect>) {
        let choice = self.choices.as_ref().and_then(|all| all.get(self.at));
        let (Some(choice), Some(reason)) = (choice, picked(&UNDO_REASONS, &self.field)) else {
            "a digit picks the reason first".clone_into(&mut self.problem);
            return;
        };
        let reason = reason.to_owned();
        effects.push(match choice {
            Choice::Redemption(choice) => Effect::Undo {
                redemption_id: choice.redemption_id.clone(),
                reason,
                approval,
            },
            Choice::Pending(choice) => Effect::GiveUp {
                choice: choice.clone(),
                reason,
                approval,
            },
        });
        self.problem.clear();
        self.is_at_desk = true;
    }

    /// The page, with lines for a room of `room` columns and `rows` rows.
    pub fn page(&self, room: u16, rows: u16, now: Timestamp, zone: &TimeZone) -> Page {
        let mut page = Page::new(Tone::Plain, "UNDO");
        let Some(choices) = &self.choices else {
            page.lines.push(Line::from("looking them up …"));
            return page;
        };
        if choices.is_empty() {
            page.lines
                .push(Line::from("this counter has nothing to undo"));
            return page;
        }
        // The word, the reasons and the hint stay in view; the list scrolls in what is left.
        let seen = usize::from(rows.saturating_sub(7)).clamp(1, 8);
        let first = self.at.saturating_add(1).saturating_sub(seen);
        for (at, choice) in choices.iter().enumerate().skip(first).take(seen) {
            page.lines
                .push(choice_line(choice, at == self.at, room, now, zone));
        }
        page.lines.push(Line::default());
        if let Some(form) = &self.manager {
            page.lines
                .push(Line::from(bold("A manager must approve this")));
            page.lines.extend(form.lines(room));
        } else {
            page.lines
                .extend(reason_lines(&UNDO_REASONS, self.field.as_str(), room));
        }
        for line in wrapped(&self.problem, room, 2) {
            page.lines.push(Line::from(bold(line)));
        }
        if self.is_at_desk {
            let words = if self.asks_hub {
                "asking the hub …"
            } else {
                "undoing …"
            };
            page.lines.push(Line::from(words));
        }
        page.note = if choices.iter().any(Choice::needs_approval) {
            format!("digit, Enter · {NEEDS_MANAGER} asks a manager")
        } else {
            "digit, Enter · a scan cancels this".to_owned()
        };
        page
    }
}

impl Default for Undo {
    fn default() -> Undo {
        Undo::new()
    }
}

fn choice_line(
    choice: &Choice,
    is_marked: bool,
    room: u16,
    now: Timestamp,
    zone: &TimeZone,
) -> Line<'static> {
    let mark = if is_marked { '›' } else { ' ' };
    let when = in_few_words(choice.at(), now, zone);
    let (operator, code, what) = match choice {
        Choice::Redemption(choice) => (&choice.operator, &choice.code, choice.offer.as_str()),
        Choice::Pending(choice) => (&choice.operator, &choice.code, "… no answer: give up"),
    };
    let who = operator.as_deref().unwrap_or_default();
    let tail = format!(" {} {who}", last_letters(code));
    let approval = if choice.needs_approval() {
        NEEDS_MANAGER
    } else {
        ' '
    };
    let head = format!("{mark}{approval}{when}  {what}");
    let text = format!(
        "{}{tail}",
        padded(&head, room.saturating_sub(columns(&tail)))
    );
    if is_marked {
        Line::from(bold(text))
    } else {
        Line::from(text)
    }
}
