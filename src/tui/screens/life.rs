//! The life of a code, below the search: what happened to it, and what may be done about it.
//!
//! Invariant: nothing is changed by one key, and a scan drops what is being asked.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::domain::code::grouped;
use crate::domain::customer::MaskedContact;
use crate::domain::finding::{FoundLife, ReplaceAsk};
use crate::domain::local_time::{in_few_words, last_in_words};
use crate::domain::log::LifeEntry;
use crate::tui::canvas::{Canvas, columns, cut, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::find_order::FindOrder;
use crate::tui::keys::Command;
use crate::tui::msg::ApprovalAsk;
use crate::tui::pages::View;
use crate::tui::screens::question::{ManagerForm, Managers, Outcome, edit, picked, reason_lines};
use crate::tui::screens::undo::UNDO_REASONS;

/// Why a code is replaced; picked by digit.
pub const REPLACE_REASONS: [&str; 4] = [
    "slip was lost",
    "slip is unreadable",
    "wrong person has it",
    "another reason",
];

/// How far a page key moves the mark.
const PAGE_ENTRIES: usize = 5;

/// What a key on a life asks for.
pub enum Wish {
    /// Nothing more.
    Nothing,
    /// The typed line is a scan.
    Scan(Vec<u8>),
    /// An act at the desk; the form waits for its answer.
    Act(FindOrder),
    /// Another copy of the slip.
    Print(String),
    /// Something to be read.
    Say(String),
}

/// What is asked before something is changed.
enum Form {
    /// Enter prints.
    Print,
    /// A digit picks the reason, then a manager where the desk wants one.
    Reason {
        act: Act,
        /// The digit; a longer line is what a slow scanner typed.
        field: Field,
        manager: Option<ManagerForm>,
        problem: String,
        is_at_desk: bool,
    },
}

/// What is to be done with a reason.
enum Act {
    /// Undo the redemption at this place among the entries.
    Undo(usize),
    Replace,
}

/// An open life.
pub struct LifePage {
    found: FoundLife,
    /// The marked entry.
    at: usize,
    form: Option<Form>,
}

impl LifePage {
    /// A life, its newest entry marked.
    pub fn new(found: FoundLife) -> LifePage {
        LifePage {
            at: found.life.entries.len().saturating_sub(1),
            found,
            form: None,
        }
    }

    /// The code as stored.
    pub fn code(&self) -> &str {
        &self.found.life.code
    }

    /// Whether something is being asked.
    pub fn has_form(&self) -> bool {
        self.form.is_some()
    }

    /// Whether a PIN or a reason is being typed.
    pub fn is_typing(&self) -> bool {
        matches!(self.form, Some(Form::Reason { .. }))
    }

    /// Drops what is being asked.
    pub fn drop_form(&mut self) {
        self.form = None;
    }

    /// A manager is asked; false where nobody waits for the answer any more.
    pub fn ask_manager(&mut self, managers: &Managers) -> bool {
        let Some(Form::Reason {
            act,
            field,
            manager,
            is_at_desk,
            ..
        }) = &mut self.form
        else {
            return false;
        };
        *is_at_desk = false;
        let reason = picked(act.reasons(), field).map(str::to_owned);
        *manager = Some(ManagerForm::new(managers, reason));
        true
    }

    /// The desk has refused, and says why; false where nobody waits for the answer any more.
    pub fn refuse(&mut self, words: &str) -> bool {
        let Some(Form::Reason {
            manager,
            problem,
            is_at_desk,
            ..
        }) = &mut self.form
        else {
            return false;
        };
        *is_at_desk = false;
        words.clone_into(problem);
        if let Some(manager) = manager {
            manager.refuse();
        }
        true
    }

    /// Takes a typed character, where one is awaited.
    pub fn typed(&mut self, character: char) {
        if let Some(Form::Reason { field, manager, .. }) = &mut self.form {
            match manager {
                Some(manager) => manager.typed(character),
                None => field.push(character),
            }
        }
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command, has_printer: bool, now: Timestamp) -> Wish {
        match &mut self.form {
            Some(Form::Print) => {
                if command == Command::Enter {
                    self.form = None;
                    return Wish::Print(self.found.life.code.clone());
                }
                Wish::Nothing
            }
            Some(Form::Reason { .. }) => self.answer(command, has_printer),
            None => self.begin(command, has_printer, now),
        }
    }

    fn begin(&mut self, command: Command, has_printer: bool, now: Timestamp) -> Wish {
        let last = self.found.life.entries.len().saturating_sub(1);
        if command == Command::Up {
            self.at = self.at.saturating_sub(1);
        } else if command == Command::Down {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::PageUp {
            self.at = self.at.saturating_sub(PAGE_ENTRIES);
        } else if command == Command::PageDown {
            self.at = self.at.saturating_add(PAGE_ENTRIES).min(last);
        } else if command == Command::Slips {
            if let Some(words) = self.why_not_print(has_printer, now) {
                return Wish::Say(words);
            }
            self.form = Some(Form::Print);
        } else if command == Command::Undo {
            let Some(at) = self.to_undo() else {
                return Wish::Say("no use of this code stands: nothing to undo".to_owned());
            };
            self.at = at;
            self.ask_reason(Act::Undo(at));
        } else if command == Command::Manager {
            if let Some(fault) = self.found.replace_fault(now) {
                return Wish::Say(fault.to_string());
            }
            self.ask_reason(Act::Replace);
        }
        Wish::Nothing
    }

    fn ask_reason(&mut self, act: Act) {
        self.form = Some(Form::Reason {
            act,
            field: Field::default(),
            manager: None,
            problem: String::new(),
            is_at_desk: false,
        });
    }

    /// The marked redemption, or the newest one, where it stands.
    fn to_undo(&self) -> Option<usize> {
        let marked = self.found.life.entries.get(self.at);
        if marked.is_some_and(|entry| self.found.stands(entry)) {
            return Some(self.at);
        }
        self.found.newest_standing()
    }

    fn why_not_print(&self, has_printer: bool, now: Timestamp) -> Option<String> {
        if !has_printer {
            return Some("no printer is set up at this counter".to_owned());
        }
        if self.found.life.state != "assigned" {
            let state = self.found.life.state;
            return Some(format!(
                "the code is {state}: its slip is not printed again"
            ));
        }
        self.found
            .is_expired(now)
            .then(|| "the code has expired: its slip is not printed again".to_owned())
    }

    fn answer(&mut self, command: Command, prints: bool) -> Wish {
        let Some(Form::Reason {
            act,
            field,
            manager,
            problem,
            is_at_desk,
        }) = &mut self.form
        else {
            return Wish::Nothing;
        };
        if *is_at_desk {
            return Wish::Nothing;
        }
        let mut approval: Option<ApprovalAsk> = None;
        if let Some(form) = manager {
            match form.command(command) {
                Outcome::Open => return Wish::Nothing,
                Outcome::Scan(raw) => return Wish::Scan(raw),
                Outcome::Done(given) => approval = given,
            }
        } else if edit(field, command) || command != Command::Enter {
            return Wish::Nothing;
        } else if field.as_str().chars().count() > 1 {
            return Wish::Scan(field.take().into_bytes());
        }
        let Some(reason) = picked(act.reasons(), field).map(str::to_owned) else {
            "a digit picks the reason first".clone_into(problem);
            return Wish::Nothing;
        };
        let order = match act {
            Act::Undo(at) => {
                let Some(entry) = self.found.life.entries.get(*at) else {
                    return Wish::Nothing;
                };
                FindOrder::Undo {
                    redemption_id: entry.id.clone(),
                    reason,
                    approval,
                }
            }
            Act::Replace => FindOrder::Replace {
                ask: ReplaceAsk {
                    code: self.found.life.code.clone(),
                    reason,
                    key: self.found.key.clone(),
                    prints,
                },
                approval,
            },
        };
        problem.clear();
        *is_at_desk = true;
        Wish::Act(order)
    }

    /// Draws it; `words` are said at its end.
    pub fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>, words: &str) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let rows = canvas.rows();
        let mut row = self.draw_head(canvas, view);
        let below = self.below(room, words, view);
        let below_rows = u16::try_from(below.len()).unwrap_or(u16::MAX);
        // What is asked stays in view; the entries scroll in what is left.
        let list_rows = rows.saturating_sub(row).saturating_sub(below_rows);
        let (lines, marked) = self.entry_lines(room, view);
        let seen = usize::from(list_rows);
        let first = marked.end.saturating_sub(seen).min(marked.start);
        if lines.is_empty() {
            canvas.text(0, row, "nothing has happened to it here", theme.dim());
        }
        for (at, (text, is_head)) in lines.iter().enumerate().skip(first).take(seen) {
            let style = match (marked.contains(&at), *is_head) {
                (true, true) => theme.picked(),
                (_, true) => theme.strong(),
                (_, false) => Style::new(),
            };
            canvas.text(0, row, text, style);
            row = row.saturating_add(1);
        }
        let mut row = rows.saturating_sub(below_rows);
        for (line, is_loud) in below {
            let base = if is_loud {
                theme.warning()
            } else {
                Style::new()
            };
            canvas.line(0, row, &line, base);
            row = row.saturating_add(1);
        }
    }

    fn draw_head(&self, canvas: &mut Canvas<'_>, view: &View<'_>) -> u16 {
        let theme = canvas.theme();
        let room = canvas.columns();
        let life = &self.found.life;
        let code = grouped(&life.code);
        let taken = canvas.text(0, 0, &cut(&code, room), theme.strong());
        let offer = format!("   {} · {}", self.found.offer, life.campaign);
        canvas.text(
            taken,
            0,
            &cut(&offer, room.saturating_sub(taken)),
            Style::new(),
        );
        let state = self.state_in_words(view.now, view.zone);
        canvas.text(0, 1, &cut(&state, room), theme.strong());
        let who = match &life.customer_id {
            None => "given out by others, to nobody known".to_owned(),
            Some(_) => person_in_words(self.found.name.as_deref(), &self.found.contacts),
        };
        canvas.text(0, 2, &cut(&who, room), Style::new());
        if canvas.rows() >= 10 { 4 } else { 3 }
    }

    fn state_in_words(&self, now: Timestamp, zone: &TimeZone) -> String {
        let life = &self.found.life;
        let uses = self.found.uses;
        let window = life
            .expires_at
            .map(|end| last_in_words(end, zone))
            .unwrap_or_default();
        match life.state {
            "assigned" if self.found.is_expired(now) => format!("EXPIRED, valid until {window}"),
            "assigned" => {
                let until = if window.is_empty() {
                    String::new()
                } else {
                    format!(", valid until {window}")
                };
                let so_far = match life.uses_made {
                    0 => "not used yet".to_owned(),
                    made => format!("used {made} of {uses}"),
                };
                format!("{so_far}{until}")
            }
            "redeemed" => format!("USED {} of {uses}", life.uses_made),
            "void" => "CANCELLED".to_owned(),
            "available" => "never given out".to_owned(),
            other => other.to_owned(),
        }
    }

    /// The entries in lines, each whether it is the first of its entry; and the lines of the marked.
    fn entry_lines(
        &self,
        room: u16,
        view: &View<'_>,
    ) -> (Vec<(String, bool)>, std::ops::Range<usize>) {
        let mut lines = Vec::new();
        let mut marked = 0..0;
        let when_columns = self
            .found
            .life
            .entries
            .iter()
            .map(|entry| columns(&in_few_words(entry.at, view.now, view.zone)))
            .max()
            .unwrap_or(0);
        for (at, entry) in self.found.life.entries.iter().enumerate() {
            let start = lines.len();
            let mark = if at == self.at { '›' } else { ' ' };
            let when = in_few_words(entry.at, view.now, view.zone);
            let who = match &entry.operator {
                Some(operator) => format!("{}, {operator}", entry.counter),
                None => entry.counter.clone(),
            };
            let text = format!(
                "{mark}{}  {}  {who}",
                padded(&when, when_columns),
                padded(&self.what(entry), 13)
            );
            lines.push((padded(&text, room), true));
            let detail = self.detail(entry, view);
            for line in wrapped(&detail, room.saturating_sub(3), 3) {
                lines.push((format!("   {line}"), false));
            }
            if at == self.at {
                marked = start..lines.len();
            }
        }
        (lines, marked)
    }

    fn what(&self, entry: &LifeEntry) -> String {
        match entry.kind {
            "assigned" => "given out".to_owned(),
            "redeemed" if self.found.stands(entry) => "used".to_owned(),
            "redeemed" => "used (undone)".to_owned(),
            "reversed" => "use undone".to_owned(),
            "voided" => "cancelled".to_owned(),
            "slip_ordered" => "slip".to_owned(),
            "slip_settled" => "slip seen".to_owned(),
            other => other.replace('_', " "),
        }
    }

    fn detail(&self, entry: &LifeEntry, view: &View<'_>) -> String {
        let until = entry
            .until
            .map(|until| format!("valid until {}", last_in_words(until, view.zone)));
        let undone = entry.undoes.as_ref().and_then(|undone| {
            let entries = &self.found.life.entries;
            let used = entries.iter().find(|entry| entry.id == *undone)?;
            let when = in_few_words(used.at, view.now, view.zone);
            Some(format!("the use of {when}"))
        });
        let parts: Vec<String> = until
            .into_iter()
            .chain(undone)
            .chain(entry.words.iter().cloned())
            .collect();
        parts.join(" · ")
    }

    /// What is asked or said at the end, each line whether it must be noticed.
    fn below(&self, room: u16, words: &str, view: &View<'_>) -> Vec<(Line<'static>, bool)> {
        let loud = |text: &str| {
            wrapped(text, room, 2)
                .into_iter()
                .map(|line| (Line::from(line), true))
                .collect::<Vec<_>>()
        };
        match &self.form {
            None => loud(words),
            Some(Form::Print) => {
                loud("Enter prints the slip of this same code again. Esc does not")
            }
            Some(Form::Reason {
                act,
                field,
                manager,
                problem,
                is_at_desk,
            }) => {
                let mut lines = loud(&self.question(act, view));
                let fields = match manager {
                    Some(form) => form.lines(room),
                    None => reason_lines(act.reasons(), field.as_str(), room),
                };
                lines.extend(fields.into_iter().map(|line| (line, false)));
                let said = if *is_at_desk {
                    "asking the ledger …"
                } else if !problem.is_empty() {
                    problem
                } else if manager.is_some() {
                    "A manager must approve this: PIN, Enter"
                } else {
                    "a digit for the reason, then Enter"
                };
                lines.extend(loud(said));
                lines
            }
        }
    }

    fn question(&self, act: &Act, view: &View<'_>) -> String {
        match act {
            Act::Undo(at) => {
                let when = self
                    .found
                    .life
                    .entries
                    .get(*at)
                    .map(|entry| in_few_words(entry.at, view.now, view.zone))
                    .unwrap_or_default();
                format!("UNDO the use of {when}: the code can be used again")
            }
            Act::Replace => "REPLACE: this code is cancelled, the customer gets another".to_owned(),
        }
    }
}

impl Act {
    fn reasons(&self) -> &'static [&'static str] {
        match self {
            Act::Undo(_) => &UNDO_REASONS,
            Act::Replace => &REPLACE_REASONS,
        }
    }
}

/// A customer as a desk shows one: the name, and what they are known by, masked.
pub fn person_in_words(name: Option<&str>, contacts: &[MaskedContact]) -> String {
    let parts: Vec<&str> = name
        .into_iter()
        .chain(contacts.iter().map(|contact| contact.masked.as_str()))
        .collect();
    if parts.is_empty() {
        return "a customer without a name or contact".to_owned();
    }
    parts.join(" · ")
}
