//! The report of a day: its figures, by campaign, counter and operator, and the end of the chain.
//!
//! Invariant: it is printed by two keys, and a scan drops the question.

use jiff::ToSpan as _;
use ratatui::style::Style;

use crate::domain::day_paper::{figure_words, no_name};
use crate::domain::day_report::{DayGroup, DayReport};
use crate::domain::local_time::in_few_words;
use crate::domain::slip_job::SlipOutcome;
use crate::tui::back_order::{BackOrder, BackTold};
use crate::tui::back_room::{BackPage, Setting};
use crate::tui::canvas::{Canvas, cut, padded, wrapped};
use crate::tui::day_order::{DayOrder, DayTold};
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::msg::Effect;
use crate::tui::pages::View;
use crate::tui::screens::question::{Outcome, edit};
use crate::tui::theme::Tone;

/// How far a page key moves the list.
const PAGE: usize = 8;

/// With so many columns the lists stand beside the figures.
const BESIDE_COLUMNS_MIN: u16 = 64;

/// Columns of the figures, where something stands beside them.
const FIGURE_COLUMNS: u16 = 31;

/// Columns of a figure in a list.
const NUMBER_COLUMNS: usize = 6;

fn order(order: DayOrder) -> Effect {
    Effect::Back(Box::new(BackOrder::Day(order)))
}

/// How far the print is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing is asked.
    Looking,
    /// The second key is awaited.
    Asked,
    /// Ordered, and not answered yet.
    AtDesk,
}

/// The page of the day's report.
pub struct Day {
    report: Option<Box<DayReport>>,
    step: Step,
    /// The first line of the lists in view.
    first: usize,
    /// What a slow scanner types.
    field: Field,
    words: String,
    is_problem: bool,
}

impl Day {
    /// Nothing is known yet.
    pub fn new() -> Day {
        Day {
            report: None,
            step: Step::Looking,
            first: 0,
            field: Field::default(),
            words: String::new(),
            is_problem: false,
        }
    }

    fn say(&mut self, words: String, is_problem: bool) {
        self.words = words;
        self.is_problem = is_problem;
    }

    /// Goes to another day.
    fn turn(&mut self, days: i64, effects: &mut Vec<Effect>) {
        let Some(report) = &self.report else {
            return;
        };
        let Ok(date) = report.date.checked_add(days.days()) else {
            return;
        };
        self.step = Step::Looking;
        self.words.clear();
        effects.push(order(DayOrder::Read(Some(date))));
    }

    fn ask_to_print(&mut self, setting: &Setting) {
        if self.report.is_none() || self.step == Step::AtDesk {
            return;
        }
        if setting.has_printer {
            self.step = Step::Asked;
            self.words.clear();
        } else {
            self.say(
                "no printer is set up: [printer] in counterfoil.toml".into(),
                true,
            );
        }
    }

    fn print(&mut self, effects: &mut Vec<Effect>) {
        if let (Step::Asked, Some(report)) = (self.step, &self.report) {
            effects.push(order(DayOrder::Print(report.date)));
            self.step = Step::AtDesk;
        }
    }
}

impl Default for Day {
    fn default() -> Day {
        Day::new()
    }
}

impl BackPage for Day {
    fn place(&self) -> Place {
        match self.step {
            Step::Looking | Step::AtDesk => Place::Day,
            Step::Asked => Place::DayAsked,
        }
    }

    fn has_something_open(&self) -> bool {
        self.step == Step::Asked || !self.field.is_empty()
    }

    fn opened(&mut self, _setting: &Setting, effects: &mut Vec<Effect>) {
        self.put_away();
        self.words.clear();
        self.first = 0;
        effects.push(order(DayOrder::Read(None)));
    }

    fn put_away(&mut self) {
        if self.step == Step::Asked {
            self.step = Step::Looking;
        }
        self.field.clear();
    }

    fn signed_out(&mut self) {
        *self = Day::new();
    }

    fn scanned(&mut self) {
        self.put_away();
    }

    fn typed(&mut self, character: char) {
        self.field.push(character);
    }

    fn command(
        &mut self,
        command: Command,
        setting: &Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if command == Command::Drop {
            self.put_away();
            return Outcome::Open;
        }
        if edit(&mut self.field, command) && !self.field.is_empty() {
            return Outcome::Open;
        }
        if command == Command::Enter && !self.field.is_empty() {
            return Outcome::Scan(self.field.take().into_bytes());
        }
        if command == Command::Enter {
            self.print(effects);
        } else if command == Command::Slips {
            self.ask_to_print(setting);
        } else if command == Command::Left {
            self.turn(-1, effects);
        } else if command == Command::Right {
            self.turn(1, effects);
        } else if matches!(command, Command::Up | Command::Previous) {
            self.first = self.first.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            self.first = self.first.saturating_add(1).min(self.last_line());
        } else if command == Command::PageUp {
            self.first = self.first.saturating_sub(PAGE);
        } else if command == Command::PageDown {
            self.first = self.first.saturating_add(PAGE).min(self.last_line());
        }
        Outcome::Open
    }

    fn told(
        &mut self,
        told: BackTold,
        _is_in_view: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        let BackTold::Day(told) = told else {
            return None;
        };
        match told {
            DayTold::Read(report) => {
                let is_other = self
                    .report
                    .as_ref()
                    .is_none_or(|before| before.date != report.date);
                if is_other {
                    self.first = 0;
                    self.step = Step::Looking;
                }
                self.report = Some(report);
                None
            }
            DayTold::Ordered(report) => {
                self.step = Step::Looking;
                let number = report.number.unwrap_or_default();
                self.say(format!("printing Z {number} …"), false);
                effects.push(Effect::PrintDay(report.clone()));
                // The figures stay those of the day; the number and the chain's end are new.
                effects.push(order(DayOrder::Read(Some(report.date))));
                None
            }
            DayTold::Printed { number, outcome } => {
                let words = printed_words(number, &outcome);
                let is_problem = outcome != SlipOutcome::Printed;
                if is_problem {
                    effects.push(Effect::Bell { times: 2 });
                }
                self.say(words.clone(), is_problem);
                Some(words)
            }
            DayTold::Refused(words) => {
                self.step = Step::Looking;
                self.say(words, true);
                None
            }
            DayTold::Failed(words) => {
                self.step = Step::Looking;
                effects.push(Effect::Bell { times: 3 });
                let words = format!("NOT DONE – {words}");
                self.say(words.clone(), true);
                Some(words)
            }
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        let title = match &self.report {
            Some(report) => title(report, view),
            None => " DAY ".to_owned(),
        };
        let room = canvas.columns().saturating_sub(4);
        canvas.text(2, 0, &cut(&title, room), theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        if self.report.is_some() {
            let note = if room >= 48 {
                " Left, Right: other days · Up, Down: more "
            } else {
                " Left, Right · Up, Down "
            };
            canvas.text_right(2, bottom, note, Style::new());
        }
        let mut inside = canvas.inside(2);
        let (room, rows) = (inside.columns(), inside.rows());
        let Some(report) = &self.report else {
            let words = if self.words.is_empty() {
                "counting …"
            } else {
                self.words.as_str()
            };
            inside.text(0, 0, words, theme.dim());
            return;
        };
        let below = self.below(report, room, view);
        let below_rows = u16::try_from(below.len()).unwrap_or(0);
        let upper = rows.saturating_sub(below_rows);
        let figures = figures(report);
        let mut lists = lists(report, list_columns(room));
        let list_at = if room >= BESIDE_COLUMNS_MIN {
            let mut left = inside.part(0, 0, FIGURE_COLUMNS, upper);
            let first = self
                .first
                .min(figures.len().saturating_sub(usize::from(upper)));
            draw_lines(&mut left, &figures, first);
            FIGURE_COLUMNS.saturating_add(1)
        } else {
            lists.splice(0..0, figures);
            0
        };
        let mut part = inside.part(list_at, 0, room.saturating_sub(list_at), upper);
        let fits = usize::from(upper);
        let first = self.first.min(lists.len().saturating_sub(fits));
        draw_lines(&mut part, &lists, first);
        for (row, (line, style)) in (upper..).zip(&below) {
            let style = if *style {
                theme.warning()
            } else {
                theme.strong()
            };
            inside.text(0, row, line, style);
        }
    }
}

impl Day {
    fn last_line(&self) -> usize {
        self.report.as_ref().map_or(0, |report| {
            (figures(report).len() + lists(report, BESIDE_COLUMNS_MIN).len()).saturating_sub(1)
        })
    }

    /// What is asked or said below, and whether loudly.
    fn below(&self, report: &DayReport, room: u16, view: &View<'_>) -> Vec<(String, bool)> {
        if !self.field.is_empty() {
            let line = self.field.with_cursor(view.pending, usize::from(room));
            return vec![(format!("Code: {line}"), false)];
        }
        let words = match self.step {
            Step::Asked => match (report.number, report.is_over()) {
                (Some(number), _) => format!("Print Z {number} once more? Enter prints a copy"),
                (None, true) => "Print the Z report of this day? Enter prints it".to_owned(),
                (None, false) => {
                    "The day is not over, and the paper says so. Enter prints it".to_owned()
                }
            },
            Step::AtDesk => "printing …".to_owned(),
            Step::Looking => self.words.clone(),
        };
        let is_loud = self.step == Step::Looking && self.is_problem;
        let lines = wrapped(&words, room, 2).into_iter();
        lines.map(|line| (line, is_loud)).collect()
    }
}

/// What became of a Z report's paper.
fn printed_words(number: u64, outcome: &SlipOutcome) -> String {
    match outcome {
        SlipOutcome::Printed => format!("Z {number} is printed"),
        SlipOutcome::Unconfirmed(why) => format!(
            "Z {number}: not known whether it printed ({}): look, and print a copy",
            why.replace('_', " ")
        ),
    }
}

/// ` DAY · Sat 21 Nov 2026 · so far, 21:02 · Z 3 `
fn title(report: &DayReport, view: &View<'_>) -> String {
    let mut parts = vec![
        " DAY".to_owned(),
        report.date.strftime("%a %-d %b %Y").to_string(),
    ];
    if report.store.is_none() {
        parts.push("all stores".to_owned());
    }
    if !report.is_over() {
        let at = in_few_words(report.as_of, view.now, view.zone);
        parts.push(format!("so far, {at}"));
    }
    parts.extend(report.number.map(|number| format!("Z {number}")));
    format!("{} ", parts.join(" · "))
}

/// A line, and how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Strong,
    Dim,
}

type Lines = Vec<(String, Look)>;

fn draw_lines(canvas: &mut Canvas<'_>, lines: &Lines, first: usize) {
    let theme = canvas.theme();
    let (room, rows) = (canvas.columns(), usize::from(canvas.rows()));
    for (row, (line, look)) in (0_u16..).zip(lines.iter().skip(first).take(rows)) {
        let style = match look {
            Look::Plain => Style::new(),
            Look::Strong => theme.strong(),
            Look::Dim => theme.dim(),
        };
        canvas.text(0, row, &cut(line, room), style);
    }
}

/// The figures of the day, and why scans were refused.
fn figures(report: &DayReport) -> Lines {
    let mut lines = Lines::new();
    for (name, figure) in report.counts.figures() {
        // Below their sum stand its parts.
        let is_part = matches!(name, "provisional" | "overrides" | "replaced");
        let words = match name {
            "provisional" => "offline, settled later",
            "overrides" => "by a manager's override",
            "replaced" => "of these replaced",
            other => figure_words(other),
        };
        if is_part && figure == 0 {
            continue;
        }
        let look = match (name, figure) {
            ("accepted", _) => Look::Strong,
            (_, 0) => Look::Dim,
            _ => Look::Plain,
        };
        lines.push((format!("{figure:>6}  {words}"), look));
    }
    lines.extend(report.odd_length().map(|words| (words, Look::Plain)));
    if !report.refused_by_reason.is_empty() {
        lines.push(("REFUSED".to_owned(), Look::Strong));
    }
    for one in &report.refused_by_reason {
        let reason = one.answer.replace('_', " ");
        lines.push((format!("{:>6}  {reason}", one.count), Look::Plain));
    }
    lines
}

/// How wide the lists are.
fn list_columns(room: u16) -> u16 {
    if room >= BESIDE_COLUMNS_MIN {
        room.saturating_sub(FIGURE_COLUMNS.saturating_add(1))
    } else {
        room
    }
}

/// By campaign, counter and operator; what is not known; the end of the chain.
fn lists(report: &DayReport, room: u16) -> Lines {
    let mut lines = Lines::new();
    let numbers = u16::try_from(NUMBER_COLUMNS * 4).unwrap_or(0);
    let name_room = room.saturating_sub(numbers).max(8);
    for (list, groups) in report.lists() {
        if groups.is_empty() {
            continue;
        }
        let heading = format!("BY {}", list.to_uppercase());
        lines.push((
            format!(
                "{}{:>6}{:>6}{:>6}{:>6}",
                padded(&heading, name_room),
                "acc.",
                "ref.",
                "und.",
                "given"
            ),
            Look::Strong,
        ));
        let group_line = |group: &DayGroup| {
            let name = group.name.as_deref().unwrap_or_else(|| no_name(list));
            let counts = &group.counts;
            let line = format!(
                "{}{:>6}{:>6}{:>6}{:>6}",
                padded(&cut(name, name_room.saturating_sub(1)), name_room),
                counts.accepted,
                counts.refused,
                counts.reversed,
                counts.assigned
            );
            (line, Look::Plain)
        };
        lines.extend(groups.iter().map(group_line));
    }
    if !report.by_manager.is_empty() {
        lines.push(("MANAGERS".to_owned(), Look::Strong));
    }
    for one in &report.by_manager {
        let who = one.manager.as_deref().unwrap_or("nobody");
        let what = one.what.replace('_', " ").replace('+', ", ");
        lines.push((format!("{:>6}  {who}: {what}", one.count), Look::Plain));
    }
    if !report.unknown.is_empty() {
        lines.push(("NOT KNOWN HERE".to_owned(), Look::Strong));
    }
    for words in &report.unknown {
        let parts = wrapped(words, room, 4).into_iter();
        lines.extend(parts.map(|part| (part, Look::Plain)));
    }
    lines.push(("END OF THE CHAIN".to_owned(), Look::Strong));
    lines.push((report.head.entry.clone(), Look::Dim));
    let a_line = if room >= 39 { 8 } else { 4 };
    let groups = report.head.groups(a_line).into_iter();
    lines.extend(groups.map(|group| (group, Look::Dim)));
    if let (Some(number), Some(copies)) = (report.number, report.copies) {
        let words = if copies == 1 {
            format!("printed as Z {number}")
        } else {
            format!("printed as Z {number}, {copies} times")
        };
        lines.push((words, Look::Plain));
    }
    lines
}
