//! A question that a scan has raised, asked in the panel: a receipt, a customer, a manager.
//!
//! Invariant: no question blocks the next scan, and no scanned byte becomes a PIN.

use ratatui::text::Line;

use crate::domain::code::grouped;
use crate::domain::verdict::{Answer, Verdict};
use crate::tui::canvas::{bold, cut, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::Command;
use crate::tui::msg::{ApprovalAsk, Pin};
use crate::tui::panel::{Page, headline_lines};
use crate::tui::theme::Tone;
use crate::tui::words;

/// Why a manager approves; picked by digit.
pub const APPROVAL_REASONS: [&str; 6] = [
    "just too late",
    "our own mistake",
    "printed otherwise",
    "line was down",
    "clock was wrong",
    "goodwill",
];

/// What was answered so far.
#[derive(Clone, Default)]
pub struct Given {
    /// The receipt number.
    pub receipt: Option<String>,
    /// The customer's id or contact.
    pub customer: Option<String>,
    /// What came, where the scan is what the counter's keyboard layout makes of it.
    pub came: Option<Vec<u8>>,
}

/// What is asked.
#[derive(Clone)]
pub enum Asked {
    /// The receipt number; may be scanned.
    Receipt(Field),
    /// The customer's id or contact; may be scanned.
    Customer(Field),
    /// A manager's PIN and reason.
    Manager(ManagerForm),
}

/// An open question.
#[derive(Clone)]
pub struct Question {
    /// The running number of the act that raised it.
    pub number: u64,
    /// The scan that raised it.
    pub raw: Vec<u8>,
    /// The verdict that raised it.
    pub answer: Box<Answer>,
    /// What was answered before.
    pub given: Given,
    /// What is asked.
    pub asked: Asked,
    /// What is wrong with the last answer.
    pub problem: String,
}

/// What Enter on a question or a form means.
pub enum Outcome {
    /// It goes on.
    Open,
    /// The line is a scan.
    Scan(Vec<u8>),
    /// It is answered.
    Done(Option<ApprovalAsk>),
}

impl Question {
    /// The question that a verdict raises, if it raises one.
    pub fn raised_by(
        number: u64,
        raw: &[u8],
        answer: &Answer,
        given: &Given,
        managers: &Managers,
    ) -> Option<Question> {
        let asked = if answer.verdict == Verdict::NeedsAnswer {
            Asked::Receipt(Field::default())
        } else if answer.verdict == Verdict::NeedsCustomer {
            Asked::Customer(Field::default())
        } else if matches!(answer.verdict, Verdict::NeedsApproval(_)) {
            Asked::Manager(ManagerForm::new(managers, None))
        } else {
            return None;
        };
        Some(Question {
            number,
            raw: raw.to_vec(),
            answer: Box::new(answer.clone()),
            given: given.clone(),
            asked,
            problem: String::new(),
        })
    }

    /// Whether a barcode that is no code of ours answers it.
    pub fn is_scannable(&self) -> bool {
        matches!(self.asked, Asked::Receipt(_) | Asked::Customer(_))
    }

    /// Takes a scanned barcode as the answer, still to be confirmed with Enter.
    pub fn fill(&mut self, raw: &[u8]) {
        match &mut self.asked {
            Asked::Receipt(field) | Asked::Customer(field) => field.fill_scanned(raw),
            Asked::Manager(_) => {}
        }
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        match &mut self.asked {
            Asked::Receipt(field) | Asked::Customer(field) => field.push(character),
            Asked::Manager(form) => form.field.push(character),
        }
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command) -> Outcome {
        let (given, field) = match &mut self.asked {
            Asked::Manager(form) => return form.command(command),
            Asked::Receipt(field) => (&mut self.given.receipt, field),
            Asked::Customer(field) => (&mut self.given.customer, field),
        };
        if !edit(field, command) && command == Command::Enter {
            if field.is_code() {
                return Outcome::Scan(field.take().into_bytes());
            }
            let text = field.as_str().trim().to_owned();
            if text.is_empty() {
                "type or scan it first".clone_into(&mut self.problem);
                return Outcome::Open;
            }
            *given = Some(text);
            return Outcome::Done(None);
        }
        Outcome::Open
    }

    /// The page of the question, with lines for a room of `room` columns.
    pub fn page(&self, room: u16, pending: &str) -> Page {
        let text = words::of(self.answer.verdict.word());
        let word = match self.asked {
            Asked::Manager(_) => words::of("needs_approval").big,
            Asked::Receipt(_) | Asked::Customer(_) => text.big,
        };
        let mut page = Page::new(Tone::Look, word);
        page.number = Some(self.number);
        let headline = self.answer.offer.as_deref().unwrap_or(text.means);
        page.lines = headline_lines(Tone::Look.glyph(), headline, room);
        let about = match &self.answer.code {
            Some(code) => format!("{} · {}", grouped(code), text.short),
            None => text.short.to_owned(),
        };
        page.lines.push(Line::from(format!(
            "   {}",
            cut(&about, room.saturating_sub(3))
        )));
        page.lines.push(Line::default());
        match &self.asked {
            Asked::Receipt(field) => {
                page.lines
                    .push(field_line("Receipt number", field, pending, room));
            }
            Asked::Customer(field) => {
                page.lines
                    .push(field_line("Number or e-mail", field, pending, room));
            }
            Asked::Manager(form) => page.lines.extend(form.lines(room)),
        }
        if !self.problem.is_empty() {
            for line in wrapped(&self.problem, room, 2) {
                page.lines.push(Line::from(bold(line)));
            }
        }
        if self.is_scannable() {
            page.lines
                .push(Line::from("scan it or type it, then Enter"));
        }
        "nothing used up · the next code is judged as ever".clone_into(&mut page.note);
        page
    }
}

/// Who may approve at this counter.
#[derive(Debug, Clone, Default)]
pub struct Managers {
    /// Their names.
    pub names: Vec<String>,
    /// Whether anybody signs in here at all; where nobody does, no PIN is asked.
    pub is_signed: bool,
}

/// A manager, a PIN, a reason.
#[derive(Clone)]
pub struct ManagerForm {
    managers: Managers,
    at: usize,
    field: Field,
    pin: Option<Pin>,
    /// The reason where it is known before; else it is asked.
    reason: Option<String>,
}

impl ManagerForm {
    /// An empty form; a reason that is known already is not asked again.
    pub fn new(managers: &Managers, reason: Option<String>) -> ManagerForm {
        ManagerForm {
            managers: managers.clone(),
            at: 0,
            field: Field::default(),
            pin: None,
            reason,
        }
    }

    /// Asks the PIN anew.
    pub fn refuse(&mut self) {
        self.field.clear();
        self.pin = None;
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        self.field.push(character);
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command) -> Outcome {
        if edit(&mut self.field, command) {
            return Outcome::Open;
        }
        if self.is_at_pin() && matches!(command, Command::Up | Command::Previous) {
            self.at = self.at.saturating_sub(1);
        } else if self.is_at_pin() && matches!(command, Command::Down | Command::Next) {
            let last = self.managers.names.len().saturating_sub(1);
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::Enter {
            return self.enter();
        }
        Outcome::Open
    }

    fn is_at_pin(&self) -> bool {
        self.managers.is_signed && self.pin.is_none()
    }

    fn enter(&mut self) -> Outcome {
        if self.field.is_code() {
            return Outcome::Scan(self.field.take().into_bytes());
        }
        if self.is_at_pin() {
            if self.field.is_empty() || self.managers.names.is_empty() {
                return Outcome::Open;
            }
            self.pin = Some(Pin::new(self.field.take()));
            return match &self.reason {
                Some(reason) => Outcome::Done(Some(self.approval(reason.clone()))),
                None => Outcome::Open,
            };
        }
        let known = self.reason.clone();
        match known.or_else(|| picked(&APPROVAL_REASONS, &self.field).map(str::to_owned)) {
            Some(reason) => Outcome::Done(Some(self.approval(reason))),
            // A longer line is none of our digits: a slow scanner typed it.
            None if self.field.as_str().chars().count() > 1 => {
                Outcome::Scan(self.field.take().into_bytes())
            }
            None => Outcome::Open,
        }
    }

    fn approval(&self, reason: String) -> ApprovalAsk {
        ApprovalAsk {
            operator: if self.managers.is_signed {
                self.managers.names.get(self.at).cloned()
            } else {
                None
            },
            pin: self.pin.clone(),
            reason,
        }
    }

    /// The form in lines.
    pub fn lines(&self, room: u16) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        if self.managers.is_signed {
            let name = self.managers.names.get(self.at).cloned();
            let name = name.unwrap_or_else(|| "nobody here may approve".to_owned());
            let others = if self.managers.names.len() > 1 && self.is_at_pin() {
                "  (Up, Down: another)"
            } else {
                ""
            };
            lines.push(Line::from(vec![
                "Manager  ".into(),
                bold(cut(&name, room.saturating_sub(30))),
                others.into(),
            ]));
            let dots = if self.is_at_pin() {
                self.field.masked_with_cursor(usize::from(room))
            } else {
                "typed".to_owned()
            };
            lines.push(Line::from(vec![
                "PIN      ".into(),
                bold(cut(&dots, room.saturating_sub(10))),
            ]));
        }
        if self.reason.is_none() {
            let picked = if self.is_at_pin() {
                ""
            } else {
                self.field.as_str()
            };
            lines.extend(reason_lines(&APPROVAL_REASONS, picked, room));
        }
        lines
    }
}

/// Edits a line; false where the command does not edit.
pub fn edit(field: &mut Field, command: Command) -> bool {
    match command {
        Command::Erase => field.erase(),
        Command::EraseNext => field.erase_next(),
        Command::Left => field.left(),
        Command::Right => field.right(),
        Command::LineStart => field.to_start(),
        Command::LineEnd => field.to_end(),
        Command::EraseLine => field.clear(),
        Command::Help
        | Command::Home
        | Command::SignUp
        | Command::Find
        | Command::Pools
        | Command::Log
        | Command::Undo
        | Command::Slips
        | Command::Manager
        | Command::SignOut
        | Command::Leave
        | Command::Enter
        | Command::Drop
        | Command::Up
        | Command::Down
        | Command::PageUp
        | Command::PageDown
        | Command::Next
        | Command::Previous => return false,
    }
    true
}

/// The reason that a line picks: one digit, and nothing else in it.
///
/// A longer line picks nothing, since a slow scanner may have typed it.
pub fn picked(reasons: &[&'static str], field: &Field) -> Option<&'static str> {
    let mut characters = field.as_str().chars();
    let digit = characters.next()?.to_digit(10)?;
    if characters.next().is_some() {
        return None;
    }
    let at = usize::try_from(digit).ok()?.checked_sub(1)?;
    reasons.get(at).copied()
}

/// The reasons in two columns, the picked one marked.
pub fn reason_lines(reasons: &[&'static str], typed: &str, room: u16) -> Vec<Line<'static>> {
    let half = reasons.len().div_ceil(2);
    let width = (room / 2).saturating_sub(1);
    let label = |at: usize| {
        let number = at.saturating_add(1).to_string();
        let mark = if typed == number { '›' } else { ' ' };
        let text = reasons.get(at).copied().unwrap_or_default();
        let text = padded(&format!("{mark}{number} {text}"), width);
        if typed == number {
            bold(text)
        } else {
            text.into()
        }
    };
    (0..half)
        .map(|at| Line::from(vec![label(at), " ".into(), label(at.saturating_add(half))]))
        .collect()
}

/// A labelled line being typed, its end in view.
pub fn field_line(label: &str, field: &Field, pending: &str, room: u16) -> Line<'static> {
    let room = usize::from(room)
        .saturating_sub(label.chars().count())
        .saturating_sub(4);
    let seen = field.with_cursor(pending, room.saturating_add(1));
    Line::from(vec![format!("{label}  ").into(), bold(seen)])
}
