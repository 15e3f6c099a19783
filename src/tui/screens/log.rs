//! The log: every scan, claim and change with its answer, newest first; filters, one line in full, an
//! export, and what is said about guessing.
//!
//! Invariant: nothing that writes works by one key. While the newest line is marked the page follows by
//! itself; whoever looks further down is left in peace.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::domain::code::{grouped, last_letters};
use crate::domain::contact::hide_contacts;
use crate::domain::guessing::Guessing;
use crate::domain::local_time::{day_number, in_few_words};
use crate::domain::log::{LogFormat, LogLine, LogPart, LogPlace, LogWish};
use crate::domain::operator::Role;
use crate::tui::back_order::{BackOrder, BackTold};
use crate::tui::back_room::{BackPage, Setting};
use crate::tui::canvas::{Canvas, bold, columns, cut, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::log_order::{LogOrder, LogTold};
use crate::tui::msg::{ApprovalAsk, Effect};
use crate::tui::pages::View;
use crate::tui::screens::question::{ManagerForm, Managers, Outcome, edit, picked, reason_lines};
use crate::tui::theme::Tone;
use crate::tui::words::WORDS;

/// How an export is written; picked by digit.
pub const FORMATS: [&str; 2] = ["a table (CSV)", "for programs (JSON)"];

/// What a manager has found about guessing; picked by digit.
pub const GUESSING_REASONS: [&str; 6] = [
    "badly printed codes",
    "another shop's codes",
    "training or test",
    "somebody tried codes",
    "a faulty scanner",
    "another reason",
];

/// What a digit shows: its name, and the answer it stands for.
const PRESETS: [(&str, &str); 6] = [
    ("all", ""),
    ("accepted", "accepted"),
    ("refused", "refused"),
    ("unknown", "unknown"),
    ("given", "assigned"),
    ("undone", "reversed"),
];

/// The fields of the form.
const WISHES: [&str; 8] = [
    "Answer", "Campaign", "Code", "Customer", "Operator", "Counter", "Since", "Until",
];

/// So many lines are there to begin with, and so many more at the end of them.
const LINES_AT_ONCE: usize = 60;

/// So many looks without enough lines, one after the other; then somebody has to ask for more.
const LOOKS_MAX: u8 = 12;

/// A list that has grown longer by following begins anew.
const LINES_MAX: usize = 1_000;

/// Columns of the names beside what a line says.
const LABEL_COLUMNS: u16 = 10;

/// Columns of a progress bar.
const BAR_COLUMNS: u16 = 24;

fn order(order: LogOrder) -> Effect {
    Effect::Back(Box::new(BackOrder::Log(order)))
}

/// What is asked before something is done.
#[derive(Clone, PartialEq, Eq)]
enum What {
    /// An export.
    Export,
    /// The end of the notice about this counter.
    EndGuessing(String),
}

impl What {
    fn picks(&self) -> &'static [&'static str] {
        match self {
            What::Export => &FORMATS,
            What::EndGuessing(_) => &GUESSING_REASONS,
        }
    }

    fn question(&self) -> String {
        match self {
            What::Export => {
                "Export what is listed here, and all before it? A digit, Enter".to_owned()
            }
            What::EndGuessing(counter) => {
                format!("Unknown codes at {counter}: what was it? A digit, Enter")
            }
        }
    }
}

/// How far something is that is asked.
enum Step {
    Nothing,
    /// A digit is awaited.
    Picking(What),
    /// A manager's PIN is awaited.
    Proving(What, &'static str, ManagerForm),
    /// Ordered, and not answered yet.
    AtDesk(What, &'static str, Option<ManagerForm>),
}

/// An export under way.
struct Export {
    path: String,
    done: u64,
    total: u64,
}

/// A line in full, and the first of its rows in view.
struct Opened {
    line: LogLine,
    first: usize,
}

/// The page of the log.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what is asked and who looks have nothing to do with each other"
)]
pub struct Log {
    /// Newest first; none: nothing was read yet.
    lines: Option<Vec<LogLine>>,
    /// Where it goes on.
    next: Option<LogPlace>,
    /// How far back was looked.
    looked_back_to: Option<jiff::Timestamp>,
    /// The number of the newest order.
    number: u64,
    /// Whether it is not answered yet.
    is_asked: bool,
    /// Whether its answer takes the place of everything.
    is_anew: bool,
    looks: u8,
    wanted: usize,
    /// The marked line.
    at: usize,
    opened: Option<Opened>,
    fields: [Field; 8],
    /// The field of the form that is typed into; none: the form is closed.
    field_at: Option<usize>,
    /// What is shown.
    wish: LogWish,
    /// A digit; a longer line is what a slow scanner typed.
    field: Field,
    step: Step,
    export: Option<Export>,
    guessing: Vec<Guessing>,
    /// Whether whoever looks at it may see a whole contact or code.
    sees_all: bool,
    words: String,
}

impl Log {
    /// Nothing is known yet.
    pub fn new() -> Log {
        Log {
            lines: None,
            next: None,
            looked_back_to: None,
            number: 0,
            is_asked: false,
            is_anew: true,
            looks: 0,
            wanted: LINES_AT_ONCE,
            at: 0,
            opened: None,
            fields: Default::default(),
            field_at: None,
            wish: LogWish::default(),
            field: Field::default(),
            step: Step::Nothing,
            export: None,
            guessing: Vec::new(),
            sees_all: false,
            words: String::new(),
        }
    }

    /// The counters at which many unknown codes were read, as the desk sees them.
    pub fn guessing(&mut self, guessing: Vec<Guessing>) {
        self.guessing = guessing;
    }

    /// What is to be noticed on every screen, the longest way first; empty: nothing. A manager is told
    /// of every counter, and whoever stands at one of them why it is slow.
    pub fn notice(&self, is_manager: bool, counter: &str) -> Vec<String> {
        if !is_manager {
            let is_here = |one: &&Guessing| one.counter == counter && one.slowed_until.is_some();
            return match self.guessing.iter().find(is_here) {
                Some(_) => vec![
                    "MANY UNKNOWN CODES – answers to further ones are slow: call a manager"
                        .to_owned(),
                    "MANY UNKNOWN CODES – call a manager".to_owned(),
                ],
                None => Vec::new(),
            };
        }
        match self.guessing.as_slice() {
            [] => Vec::new(),
            [one] => vec![
                format!(
                    "GUESSING? {} unknown codes at {}: F6 shows them",
                    one.guesses,
                    one.place()
                ),
                format!("GUESSING? {} unknown codes: F6", one.guesses),
            ],
            several => vec![
                format!(
                    "GUESSING? many unknown codes at {} counters: F6 shows them",
                    several.len()
                ),
                "GUESSING? many unknown codes: F6".to_owned(),
            ],
        }
    }

    /// Something was written: whoever looks at the newest line sees it.
    pub fn news(&mut self, effects: &mut Vec<Effect>) {
        let is_following = self.at == 0 && self.opened.is_none() && self.lines.is_some();
        if is_following && !self.is_asked {
            self.looks = LOOKS_MAX;
            self.is_anew = self
                .lines
                .as_ref()
                .is_some_and(|lines| lines.len() > LINES_MAX);
            self.read(None, effects);
        }
    }

    /// Who looks at it now.
    pub fn seen_by(&mut self, setting: &Setting) {
        self.sees_all = match &setting.operator {
            Some(operator) => operator.role == Role::Manager,
            None => !setting.managers.is_signed,
        };
    }

    fn read(&mut self, from: Option<LogPlace>, effects: &mut Vec<Effect>) {
        self.number = self.number.saturating_add(1);
        self.is_asked = true;
        effects.push(order(LogOrder::Read {
            number: self.number,
            from,
            wish: self.wish.clone(),
        }));
    }

    fn read_anew(&mut self, effects: &mut Vec<Effect>) {
        self.looks = 0;
        self.wanted = LINES_AT_ONCE;
        self.is_anew = true;
        self.at = 0;
        self.read(None, effects);
    }

    /// More lines, where the mark comes near the end of those that are there.
    fn read_on(&mut self, effects: &mut Vec<Effect>) {
        let count = self.lines.as_ref().map_or(0, Vec::len);
        if !self.is_asked
            && self.next.is_some()
            && self.at.saturating_add(LINES_AT_ONCE / 2) >= count
        {
            self.looks = 0;
            self.wanted = count.saturating_add(LINES_AT_ONCE);
            self.read(self.next, effects);
        }
    }

    fn took(&mut self, from: Option<LogPlace>, part: LogPart, effects: &mut Vec<Effect>) {
        self.is_asked = false;
        let lines = self.lines.get_or_insert_default();
        if from.is_some() {
            lines.extend(part.lines);
            self.next = part.next;
            self.looked_back_to = part.looked_back_to.or(self.looked_back_to);
        } else {
            let known = lines.first();
            let new = known.and_then(|known| part.lines.iter().position(|line| line == known));
            match new {
                Some(count) if !self.is_anew => {
                    let older = std::mem::take(lines);
                    lines.extend(part.lines.into_iter().take(count));
                    lines.extend(older);
                }
                // Nothing wanted has come, and what was there lies further back than was looked.
                None if !self.is_anew && part.lines.is_empty() => {}
                Some(_) | None => {
                    *lines = part.lines;
                    self.next = part.next;
                    self.looked_back_to = part.looked_back_to;
                }
            }
        }
        self.is_anew = false;
        let count = lines.len();
        self.at = self.at.min(count.saturating_sub(1));
        if count < self.wanted && self.next.is_some() && self.looks < LOOKS_MAX {
            self.looks = self.looks.saturating_add(1);
            self.read(self.next, effects);
        }
    }

    fn marked(&self) -> Option<&LogLine> {
        self.lines.as_ref()?.get(self.at)
    }

    fn close_one(&mut self, effects: &mut Vec<Effect>) {
        self.words.clear();
        if !self.field.is_empty() {
            self.field.clear();
        } else if !matches!(self.step, Step::Nothing) {
            self.step = Step::Nothing;
        } else if self.field_at.is_some() {
            self.field_at = None;
        } else if self.opened.is_some() {
            self.opened = None;
        } else if self.export.is_some() {
            effects.push(order(LogOrder::ExportStop));
        }
    }

    /// Shows what the form says.
    fn wish_typed(&mut self, effects: &mut Vec<Effect>) {
        let [
            outcome,
            campaign,
            code,
            customer,
            operator,
            counter,
            since,
            until,
        ] = &self.fields;
        let text = |field: &Field| field.as_str().trim().to_owned();
        self.wish = LogWish {
            outcome: text(outcome),
            campaign: text(campaign),
            code: text(code),
            customer: text(customer),
            operator: text(operator),
            counter: text(counter),
            since: text(since),
            until: text(until),
        };
        self.read_anew(effects);
    }

    fn command_in_form(
        &mut self,
        at: usize,
        command: Command,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let last = WISHES.len().saturating_sub(1);
        let Some(field) = self.fields.get_mut(at) else {
            return Outcome::Open;
        };
        if edit(field, command) {
            return Outcome::Open;
        }
        if matches!(command, Command::Next | Command::Down) {
            self.field_at = Some(if at >= last { 0 } else { at.saturating_add(1) });
        } else if matches!(command, Command::Previous | Command::Up) {
            self.field_at = Some(at.checked_sub(1).unwrap_or(last));
        } else if command == Command::Enter {
            // A whole code is a scan in any field.
            if field.is_code() {
                return Outcome::Scan(field.take().into_bytes());
            }
            self.field_at = None;
            self.wish_typed(effects);
        }
        Outcome::Open
    }

    fn command_in_step(
        &mut self,
        command: Command,
        managers: &Managers,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        match &mut self.step {
            Step::Picking(what) => {
                if command != Command::Enter {
                    return Outcome::Open;
                }
                let Some(pick) = picked(what.picks(), &self.field) else {
                    "a digit picks one".clone_into(&mut self.words);
                    return Outcome::Open;
                };
                let what = what.clone();
                self.field.clear();
                self.words.clear();
                if managers.is_signed {
                    let form = ManagerForm::new(managers, Some(pick.to_owned()));
                    self.step = Step::Proving(what, pick, form);
                } else {
                    self.order_step(what, pick, None, None, effects);
                }
            }
            Step::Proving(what, pick, form) => match form.command(command) {
                Outcome::Done(approval) => {
                    let (what, pick, form) = (what.clone(), *pick, form.clone());
                    self.order_step(what, pick, approval, Some(form), effects);
                }
                other @ (Outcome::Open | Outcome::Scan(_)) => return other,
            },
            Step::Nothing | Step::AtDesk(..) => {}
        }
        Outcome::Open
    }

    fn order_step(
        &mut self,
        what: What,
        pick: &'static str,
        approval: Option<ApprovalAsk>,
        form: Option<ManagerForm>,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(order(match &what {
            What::Export => LogOrder::Export {
                format: if FORMATS.first() == Some(&pick) {
                    LogFormat::Csv
                } else {
                    LogFormat::JsonLines
                },
                wish: self.wish.clone(),
                approval,
            },
            What::EndGuessing(counter) => LogOrder::EndGuessing {
                counter: counter.clone(),
                reason: pick.to_owned(),
                approval,
            },
        }));
        self.step = Step::AtDesk(what, pick, form);
    }

    fn command_in_line(&mut self, command: Command, effects: &mut Vec<Effect>) {
        let Some(opened) = &mut self.opened else {
            return;
        };
        if matches!(command, Command::Up | Command::Previous) {
            opened.first = opened.first.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            opened.first = opened.first.saturating_add(1);
        } else if command == Command::Slips {
            let Some(code) = opened.line.code.clone() else {
                "this line names no code".clone_into(&mut self.words);
                return;
            };
            // Everything about this code.
            self.opened = None;
            for field in &mut self.fields {
                field.clear();
            }
            let [_, _, field, ..] = &mut self.fields;
            field.fill(&code);
            self.wish_typed(effects);
        }
    }

    fn command_in_list(&mut self, command: Command, rows: usize, effects: &mut Vec<Effect>) {
        let last = self.lines.as_ref().map_or(0, Vec::len).saturating_sub(1);
        match command {
            Command::Up => self.at = self.at.saturating_sub(1),
            Command::Down => self.at = self.at.saturating_add(1).min(last),
            Command::PageUp => self.at = self.at.saturating_sub(rows),
            Command::PageDown => self.at = self.at.saturating_add(rows).min(last),
            Command::LineStart => self.at = 0,
            Command::Next | Command::Previous => self.field_at = Some(0),
            Command::Undo => self.step = Step::Picking(What::Export),
            Command::Manager => {
                if let Some(one) = self.guessing.first() {
                    self.step = Step::Picking(What::EndGuessing(one.counter.clone()));
                }
            }
            Command::Enter if self.field.is_empty() => {
                self.opened = self.marked().cloned().map(|line| Opened { line, first: 0 });
            }
            Command::Enter => {
                let names = PRESETS.map(|(name, _)| name);
                let preset = picked(&names, &self.field);
                let answer = PRESETS.iter().find(|(name, _)| Some(*name) == preset);
                if let Some((_, answer)) = answer {
                    self.field.clear();
                    let [field, ..] = &mut self.fields;
                    field.fill(answer);
                    self.wish_typed(effects);
                }
            }
            Command::Help
            | Command::Home
            | Command::SignUp
            | Command::Find
            | Command::Pools
            | Command::Log
            | Command::Slips
            | Command::SignOut
            | Command::Leave
            | Command::Drop
            | Command::Left
            | Command::Right
            | Command::LineEnd
            | Command::Erase
            | Command::EraseNext
            | Command::EraseLine => {}
        }
        if matches!(command, Command::Down | Command::PageDown) {
            self.read_on(effects);
        }
    }

    /// The manager is asked again where one was; nothing was changed.
    fn refused(&mut self, words: String) {
        let step = std::mem::replace(&mut self.step, Step::Nothing);
        self.step = match step {
            Step::AtDesk(what, pick, Some(mut form)) => {
                form.refuse();
                Step::Proving(what, pick, form)
            }
            Step::AtDesk(..) | Step::Nothing => Step::Nothing,
            other @ (Step::Picking(_) | Step::Proving(..)) => other,
        };
        self.words = words;
    }
}

impl Default for Log {
    fn default() -> Log {
        Log::new()
    }
}

/// How far a page key moves the mark.
const PAGE: usize = 10;

impl BackPage for Log {
    fn place(&self) -> Place {
        if !matches!(self.step, Step::Nothing) || self.field_at.is_some() {
            Place::LogAsked
        } else if self.opened.is_some() {
            Place::LogLine
        } else {
            Place::Log
        }
    }

    fn has_something_open(&self) -> bool {
        !matches!(self.step, Step::Nothing)
            || self.field_at.is_some()
            || self.opened.is_some()
            || self.export.is_some()
            || !self.field.is_empty()
    }

    fn opened(&mut self, setting: &Setting, effects: &mut Vec<Effect>) {
        self.put_away();
        self.seen_by(setting);
        self.read_anew(effects);
    }

    fn put_away(&mut self) {
        self.step = Step::Nothing;
        self.field_at = None;
        self.opened = None;
        self.field.clear();
        self.words.clear();
    }

    fn signed_out(&mut self) {
        self.put_away();
        self.lines = None;
        self.sees_all = false;
        for field in &mut self.fields {
            field.clear();
        }
        self.wish = LogWish::default();
        // What is still on its way was asked by somebody else.
        self.is_asked = false;
        self.number = self.number.saturating_add(1);
    }

    fn scanned(&mut self) {
        self.field.clear();
        if !matches!(self.step, Step::AtDesk(..)) {
            self.step = Step::Nothing;
        }
    }

    fn typed(&mut self, character: char) {
        if let Step::Proving(_, _, form) = &mut self.step {
            return form.typed(character);
        }
        let field = self.field_at.and_then(|at| self.fields.get_mut(at));
        field.unwrap_or(&mut self.field).push(character);
    }

    fn command(
        &mut self,
        command: Command,
        setting: &Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        self.seen_by(setting);
        if command == Command::Drop {
            self.close_one(effects);
            return Outcome::Open;
        }
        if matches!(self.step, Step::Proving(..)) {
            return self.command_in_step(command, &setting.managers, effects);
        }
        if let (Some(at), Step::Nothing) = (self.field_at, &self.step) {
            return self.command_in_form(at, command, effects);
        }
        if !self.field.is_empty() && edit(&mut self.field, command) {
            return Outcome::Open;
        }
        if command == Command::Enter && self.field.as_str().chars().count() > 1 {
            return Outcome::Scan(self.field.take().into_bytes());
        }
        if !matches!(self.step, Step::Nothing) {
            return self.command_in_step(command, &setting.managers, effects);
        }
        self.words.clear();
        if self.opened.is_some() {
            self.command_in_line(command, effects);
        } else {
            self.command_in_list(command, PAGE, effects);
        }
        Outcome::Open
    }

    fn told(
        &mut self,
        told: BackTold,
        _is_in_view: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        let BackTold::Log(told) = told else {
            return None;
        };
        match told {
            LogTold::Read { number, from, part } => {
                if number == self.number {
                    self.took(from, part, effects);
                }
                return None;
            }
            LogTold::Unread { number, words } => {
                if number == self.number {
                    self.is_asked = false;
                    self.lines = Some(Vec::new());
                    self.next = None;
                    self.words = words;
                }
                return None;
            }
            LogTold::ExportBegan { path } => {
                self.step = Step::Nothing;
                self.export = Some(Export {
                    path,
                    done: 0,
                    total: 0,
                });
                effects.push(order(LogOrder::ExportOn));
                return None;
            }
            LogTold::Exported {
                done,
                total,
                lines,
                is_whole,
            } => {
                let Some(export) = &mut self.export else {
                    return None;
                };
                if !is_whole {
                    (export.done, export.total) = (done, total);
                    effects.push(order(LogOrder::ExportOn));
                    return None;
                }
                self.words = format!("{lines} lines are in {}", export.path);
                self.export = None;
            }
            LogTold::ExportStopped => {
                self.export = None;
                "the export was stopped: no file is left".clone_into(&mut self.words);
            }
            LogTold::GuessingEnded { counter } => {
                self.step = Step::Nothing;
                self.guessing.retain(|one| one.counter != counter);
                self.words = format!("the notice about {counter} is ended");
            }
            LogTold::Refused(words) => {
                effects.push(Effect::Bell { times: 2 });
                self.refused(format!("not done: {words}"));
            }
            LogTold::Failed(words) => {
                effects.push(Effect::Bell { times: 3 });
                self.export = None;
                self.is_asked = false;
                self.refused(format!("NOT DONE – {words}"));
            }
        }
        Some(self.words.clone())
    }

    fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, &self.title(view), theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        let note = match (&self.opened, &self.lines) {
            (Some(_), _) => " Esc back ",
            (None, Some(lines)) if !lines.is_empty() => " Up, Down · Enter: all of it ",
            (None, _) => "",
        };
        canvas.text_right(2, bottom, note, Style::new());
        let mut inside = canvas.inside(2);
        let (room, rows) = (inside.columns(), inside.rows());
        let below = self.below(room, view);
        let below_rows = u16::try_from(below.len()).unwrap_or(rows).min(rows);
        let upper_rows = rows.saturating_sub(below_rows);
        match &self.opened {
            Some(opened) => {
                self.draw_opened(&mut inside.part(0, 0, room, upper_rows), opened, view);
            }
            None => self.draw_list(&mut inside.part(0, 0, room, upper_rows), view),
        }
        for (row, (line, is_loud)) in (upper_rows..).zip(below) {
            let style = if is_loud {
                theme.warning()
            } else {
                Style::new()
            };
            inside.line(0, row, &line, style);
        }
    }
}

impl Log {
    fn title(&self, view: &View<'_>) -> String {
        if let Some(opened) = &self.opened {
            let when = in_few_words(opened.line.at, view.now, view.zone);
            return format!(" LOG · {} · {when} ", answer_of(&opened.line));
        }
        let wish = &self.wish;
        let wished = [
            &wish.outcome,
            &wish.campaign,
            &wish.code,
            &wish.customer,
            &wish.operator,
            &wish.counter,
            &wish.since,
            &wish.until,
        ];
        let wished: Vec<String> = WISHES
            .iter()
            .zip(wished)
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| format!("{} {}", name.to_lowercase(), cut(text, 14)))
            .collect();
        match (wished.is_empty(), self.at) {
            (true, 0) => " LOG · all, as it happens ".to_owned(),
            (true, _) => " LOG · all ".to_owned(),
            (false, _) => format!(" LOG · {} ", wished.join(", ")),
        }
    }

    fn draw_list(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        let (room, mut rows) = (canvas.columns(), canvas.rows());
        let mut top = 0;
        if self.sees_all
            && let Some(one) = self.guessing.first()
        {
            let since = in_few_words(one.since, view.now, view.zone);
            let more = match self.guessing.len() {
                1 => String::new(),
                count => format!(" (and at {} more)", count.saturating_sub(1)),
            };
            let words = format!(
                "! {} unknown codes at {}{more} since {since} · F9 ends the notice",
                one.guesses,
                one.place()
            );
            canvas.text(0, 0, &cut(&words, room), theme.warning());
            top = 1;
            rows = rows.saturating_sub(1);
        }
        let Some(lines) = &self.lines else {
            canvas.text(0, top, "reading …", theme.dim());
            return;
        };
        let fit = usize::from(rows);
        let first = self.at.saturating_add(1).saturating_sub(fit);
        let mut row = top;
        for (at, line) in lines.iter().enumerate().skip(first).take(fit) {
            let mut part = canvas.part(0, row, room, 1);
            draw_line(&mut part, line, at == self.at, view);
            row = row.saturating_add(1);
        }
        if lines.len().saturating_sub(first) < fit {
            canvas.text(0, row, &self.end_words(lines.is_empty(), view), theme.dim());
        }
    }

    /// What is said after the last line.
    fn end_words(&self, is_empty: bool, view: &View<'_>) -> String {
        let back_to = self
            .looked_back_to
            .map(|at| in_few_words(at, view.now, view.zone))
            .unwrap_or_default();
        if self.is_asked && !self.is_anew {
            format!("looking further back than {back_to} …")
        } else if self.is_asked {
            "reading …".to_owned()
        } else if self.next.is_some() {
            format!("looked back to {back_to} · Page Down: further")
        } else if is_empty {
            "nothing of this".to_owned()
        } else {
            "that is all".to_owned()
        }
    }

    fn draw_opened(&self, canvas: &mut Canvas<'_>, opened: &Opened, view: &View<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns().saturating_sub(LABEL_COLUMNS);
        let mut rows: Vec<(&str, String)> = Vec::new();
        for (label, text) in self.told_of(&opened.line, view) {
            let lines = wrapped(&text, room, 12).into_iter();
            rows.extend(
                lines
                    .enumerate()
                    .map(|(at, line)| (if at == 0 { label } else { "" }, line)),
            );
        }
        let fit = usize::from(canvas.rows());
        let first = opened.first.min(rows.len().saturating_sub(fit));
        for (row, (label, text)) in (0_u16..).zip(rows.iter().skip(first).take(fit)) {
            canvas.text(0, row, label, theme.dim());
            canvas.text(LABEL_COLUMNS, row, text, Style::new());
        }
    }

    /// Everything that a line says; a whole code or contact only to whoever may see one.
    fn told_of(&self, line: &LogLine, view: &View<'_>) -> Vec<(&'static str, String)> {
        let seen = |text: &String| {
            if self.sees_all {
                text.clone()
            } else {
                hide_contacts(text)
            }
        };
        let tone = line.band().map_or(Tone::Plain, Tone::of);
        let means = WORDS
            .iter()
            .find(|text| {
                text.word == line.answer && matches!(line.kind.as_str(), "redeem" | "check")
            })
            .map(|text| format!(" – {}", text.means))
            .unwrap_or_default();
        let answer = format!("{} {}{means}", tone.glyph(), line.answer.replace('_', " "));
        let code = line.code.as_deref().map(|code| {
            if self.sees_all {
                grouped(code)
            } else {
                last_letters(code)
            }
        });
        // What was read may hold the whole code.
        let raw = match (&line.raw, self.sees_all, &line.code) {
            (Some(_), false, Some(_)) => Some("a manager sees it".to_owned()),
            (raw, _, _) => raw.as_ref().map(seen),
        };
        let when = line.at.to_zoned(view.zone.clone());
        let when = when.strftime("%a %-d %b %Y %H:%M:%S").to_string();
        let notes = Some(line.notes.to_string()).filter(|notes| !notes.is_empty());
        [
            ("when", Some(when)),
            ("what", Some(line.kind.replace('_', " "))),
            ("answer", Some(answer.trim().to_owned())),
            ("code", code),
            ("campaign", line.campaign.clone()),
            ("customer", line.customer_id.clone()),
            ("store", Some(line.store.clone())),
            ("counter", Some(line.counter.clone())),
            ("operator", line.operator.clone()),
            ("set off by", line.trigger.as_ref().map(seen)),
            ("reason", line.reason.as_ref().map(seen)),
            ("read", raw),
            ("key", line.key.clone()),
            ("notes", notes.as_ref().map(seen)),
        ]
        .into_iter()
        .filter_map(|(label, text)| Some((label, text?)))
        .collect()
    }

    /// What is asked or said below, and whether loudly.
    fn below(&self, room: u16, view: &View<'_>) -> Vec<(Line<'static>, bool)> {
        let mut lines: Vec<(Line<'static>, bool)> = Vec::new();
        let asks = |words: &str| (Line::from(bold(cut(words, room))), false);
        match &self.step {
            Step::Picking(what) => {
                lines.push(asks(&what.question()));
                let picks = reason_lines(what.picks(), self.field.as_str(), room);
                lines.extend(picks.into_iter().map(|line| (line, false)));
            }
            Step::Proving(_, pick, form) => {
                lines.push(asks(pick));
                lines.extend(form.lines(room).into_iter().map(|line| (line, false)));
            }
            Step::AtDesk(..) => lines.push(asks("at the desk …")),
            Step::Nothing => {
                if let Some(at) = self.field_at {
                    lines.extend(
                        self.form_lines(at, room, view)
                            .into_iter()
                            .map(|line| (line, false)),
                    );
                }
            }
        }
        if let Some(export) = &self.export {
            lines.push((Line::from(export_bar(export)), false));
        }
        let words = wrapped(&self.words, room, 2).into_iter();
        lines.extend(words.map(|line| (Line::from(line), true)));
        if lines.is_empty() && self.opened.is_none() {
            lines.push((Line::from(cut(&self.presets(room, view), room)), false));
        }
        lines
    }

    /// The digits, or the one that is typed.
    fn presets(&self, room: u16, view: &View<'_>) -> String {
        if !self.field.is_empty() {
            let names = PRESETS.map(|(name, _)| name);
            let name = picked(&names, &self.field).unwrap_or_default();
            return format!("Show {} {name}", self.field.with_cursor(view.pending, 40));
        }
        let digits: Vec<String> = (1..)
            .zip(PRESETS)
            .map(|(digit, (name, _))| format!("{digit} {name}"))
            .collect();
        let roomy = format!("{} · Tab: more", digits.join("  "));
        if columns(&roomy) <= room {
            roomy
        } else {
            digits.join(" ")
        }
    }

    /// The form, two fields a row.
    fn form_lines(&self, typed_at: usize, room: u16, view: &View<'_>) -> Vec<Line<'static>> {
        let half = room / 2;
        let text_columns = half.saturating_sub(11);
        let shown = |at: usize| {
            let name = WISHES.get(at).copied().unwrap_or_default();
            let label = padded(name, 9);
            let field = self.fields.get(at);
            if at == typed_at {
                let seen = field.map(|field| {
                    field.with_cursor(view.pending, usize::from(text_columns.saturating_add(1)))
                });
                let text = format!("›{label}{}", seen.unwrap_or_default());
                bold(padded(&text, half))
            } else {
                let text = field.map(Field::as_str).unwrap_or_default();
                padded(&format!(" {label}{}", cut(text, text_columns)), half).into()
            }
        };
        let mut lines: Vec<Line<'static>> = (0..WISHES.len())
            .step_by(2)
            .map(|at| Line::from(vec![shown(at), shown(at.saturating_add(1))]))
            .collect();
        lines.push(Line::from(cut(
            "Code: its last letters. Times: 2h, 7d, 2026-11-21. Enter shows it",
            room,
        )));
        lines
    }
}

/// An answer in few words; of an act of the back room, the act.
fn answer_of(line: &LogLine) -> String {
    if line.answer == "done" || line.kind == "guessing" {
        let kind = line.kind.replace('_', " ");
        return if line.kind == "guessing" {
            "guessing?".to_owned()
        } else {
            kind
        };
    }
    let is_scan = matches!(line.kind.as_str(), "redeem" | "check");
    let short = WORDS
        .iter()
        .find(|text| is_scan && text.word == line.answer);
    match (short, line.kind.as_str()) {
        (Some(text), "check") => format!("{}, asked", text.short),
        (Some(text), _) => text.short.to_owned(),
        (None, _) => line.answer.replace('_', " "),
    }
}

/// `exporting ██████░░░░░░  40 %  Esc stops`
fn export_bar(export: &Export) -> String {
    let percent = export.done.saturating_mul(100) / export.total.max(1);
    let full = usize::try_from(percent.min(100)).unwrap_or(0) * usize::from(BAR_COLUMNS) / 100;
    let empty = usize::from(BAR_COLUMNS).saturating_sub(full);
    format!(
        "exporting {}{} {percent:>3} %  Esc stops",
        "█".repeat(full),
        "▒".repeat(empty)
    )
}

/// `14:31:07 ✔ accepted  …GHJK spring-menu  Counter 2  Ana`
fn draw_line(canvas: &mut Canvas<'_>, line: &LogLine, is_marked: bool, view: &View<'_>) {
    let theme = canvas.theme();
    let room = canvas.columns();
    let tone = line.band().map_or(Tone::Plain, Tone::of);
    let at = line.at.to_zoned(view.zone.clone());
    let is_today = day_number(line.at, view.zone) == day_number(view.now, view.zone);
    let (pattern, at_columns) = match (is_today, room < 70) {
        (true, true) => ("%H:%M:%S", 8),
        (false, true) => ("%-d %b", 8),
        (true, false) => ("%H:%M:%S", 12),
        (false, false) => ("%-d %b %H:%M", 12),
    };
    let answer_columns = if room < 70 { 14 } else { 18 };
    let style = if is_marked {
        theme.picked()
    } else {
        theme.mark(tone)
    };
    let mark = if is_marked { '›' } else { ' ' };
    let when = padded(&at.strftime(pattern).to_string(), at_columns);
    let code = line.code.as_deref().map(last_letters).unwrap_or_default();
    let head = format!(
        "{mark}{when} {} {} {} ",
        tone.glyph(),
        padded(&answer_of(line), answer_columns),
        padded(&code, 5),
    );
    let left = room.saturating_sub(columns(&head));
    let counter_columns = (left / 10).saturating_mul(3).max(9);
    let operator_columns = (left / 4).max(5);
    let campaign_columns = left
        .saturating_sub(counter_columns)
        .saturating_sub(operator_columns)
        .saturating_sub(2);
    let rest = format!(
        "{} {} {}",
        padded(
            line.campaign.as_deref().unwrap_or_default(),
            campaign_columns
        ),
        padded(&line.counter, counter_columns),
        line.operator.as_deref().unwrap_or_default(),
    );
    canvas.text(0, 0, &padded(&format!("{head}{rest}"), room), style);
}
