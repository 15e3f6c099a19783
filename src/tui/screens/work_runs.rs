//! Long work on a campaign while it is under way, with its bar or its checks, and how it ended.
//!
//! Invariant: nothing under way is stopped by one key.

use ratatui::style::Style;

use crate::domain::code_list::BadRow;
use crate::domain::preflight::{Check, Outcome as CheckOutcome};
use crate::tui::canvas::count_of;
use crate::tui::canvas::{Canvas, columns, cut, padded, wrapped};
use crate::tui::keys::Command;
use crate::tui::msg::Effect;
use crate::tui::screens::campaign_work::{State, draw_below, moved, order};
use crate::tui::screens::file_picker::{path_in_room, size_in_words};
use crate::tui::theme::Tone;
use crate::tui::work_order::{WorkEnd, WorkOrder, WorkProgress, WorkStep, WorkTold, WorkWish};

/// Work under way.
pub(super) struct Running {
    pub(super) wish: WorkWish,
    pub(super) progress: Option<WorkProgress>,
    /// Rows read or drawn so far.
    pub(super) read: u64,
    /// Bad rows so far.
    pub(super) bad: u64,
    /// Codes stored so far, of so many; nobody can use them yet.
    pub(super) stored: Option<(u64, u64)>,
    pub(super) trying: Option<&'static str>,
    pub(super) checks: Vec<Check>,
    pub(super) asks_stop: bool,
    pub(super) is_stopping: bool,
    pub(super) problem: String,
}

/// Work that has ended.
pub(super) struct Report {
    pub(super) wish: WorkWish,
    pub(super) end: WorkEnd,
    pub(super) checks: Vec<Check>,
    /// The first line in view.
    pub(super) first: usize,
}

impl Running {
    pub(super) fn new(wish: WorkWish) -> Running {
        Running {
            wish,
            progress: None,
            read: 0,
            bad: 0,
            stored: None,
            trying: None,
            checks: Vec::new(),
            asks_stop: false,
            is_stopping: false,
            problem: String::new(),
        }
    }

    pub(super) fn ended(mut self, end: WorkEnd) -> Report {
        // What somebody must look at comes first.
        self.checks
            .sort_by_key(|check| std::cmp::Reverse(check.outcome));
        Report {
            wish: self.wish,
            end,
            checks: self.checks,
            first: 0,
        }
    }

    pub(super) fn told(&mut self, told: WorkTold) {
        if let WorkTold::Progress(progress) = told {
            self.progressed(progress);
        } else if let WorkTold::Trying(words) = told {
            self.trying = Some(words);
        } else if let WorkTold::Checked(check) = told {
            self.checks.push(check);
        }
    }

    pub(super) fn progressed(&mut self, progress: WorkProgress) {
        match progress.step {
            WorkStep::Reading | WorkStep::Drawing => self.read = progress.done,
            // Every row was read by then.
            WorkStep::Checking => self.read = self.read.max(progress.total.unwrap_or(0)),
            WorkStep::Storing => {
                self.stored = Some((progress.done, progress.total.unwrap_or(progress.done)));
            }
            WorkStep::Copying | WorkStep::Playing => {}
        }
        self.bad = progress.bad;
        self.progress = Some(progress);
    }

    pub(super) fn command(mut self, command: Command, effects: &mut Vec<Effect>) -> State {
        self.problem.clear();
        let was_asked = std::mem::replace(&mut self.asks_stop, false);
        if was_asked && command == Command::Enter {
            self.is_stopping = true;
            effects.push(order(WorkOrder::Stop));
        } else if !was_asked && command == Command::Drop && !self.is_stopping {
            self.asks_stop = true;
        }
        State::Running(self)
    }
}

impl Report {
    pub(super) fn command(mut self, command: Command) -> State {
        if matches!(command, Command::Drop | Command::Enter) {
            return State::Closed;
        }
        let last = match &self.end {
            WorkEnd::Stored { bad, .. } => bad.len(),
            WorkEnd::Played | WorkEnd::Stopped | WorkEnd::Failed(_) => self.checks.len(),
        };
        self.first = moved(self.first, last.saturating_sub(1), command);
        State::Ended(self)
    }

    pub(super) fn count(&self, outcome: CheckOutcome) -> usize {
        let all = self.checks.iter();
        all.filter(|check| check.outcome == outcome).count()
    }

    pub(super) fn is_well(&self) -> bool {
        match &self.end {
            WorkEnd::Stored { bad_count, .. } => *bad_count == 0,
            WorkEnd::Played => self.count(CheckOutcome::Fail) == 0,
            WorkEnd::Stopped => true,
            WorkEnd::Failed(_) => false,
        }
    }

    /// How it ended, in one line.
    pub(super) fn headline(&self) -> String {
        let campaign = self.wish.campaign();
        match &self.end {
            WorkEnd::Stored {
                stored: 0,
                bad_count,
                ..
            } if *bad_count > 0 => format!("NOTHING STORED: {} bad rows", count_of(*bad_count)),
            WorkEnd::Stored {
                stored, skipped: 0, ..
            } => format!("{} codes stored in {campaign}", count_of(*stored)),
            WorkEnd::Stored {
                stored, skipped, ..
            } => format!(
                "{} codes stored in {campaign}, {} bad rows left out",
                count_of(*stored),
                count_of(*skipped)
            ),
            WorkEnd::Played => {
                let [passed, warned, failed] =
                    [CheckOutcome::Pass, CheckOutcome::Warn, CheckOutcome::Fail]
                        .map(|outcome| self.count(outcome));
                format!("{passed} passed, {warned} warned, {failed} failed")
            }
            WorkEnd::Stopped => match self.wish {
                WorkWish::Preflight { .. } => "STOPPED; nothing here was changed".to_owned(),
                WorkWish::Import { .. } | WorkWish::Generate { .. } => {
                    "STOPPED; nothing of it is stored".to_owned()
                }
            },
            WorkEnd::Failed(_) => "NOT DONE; nothing of it is stored".to_owned(),
        }
    }

    /// What is noticed elsewhere.
    pub(super) fn notice(&self) -> String {
        let kind = match self.wish {
            WorkWish::Import { .. } => "import",
            WorkWish::Generate { .. } => "generation",
            WorkWish::Preflight { .. } => "preflight",
        };
        match &self.end {
            WorkEnd::Failed(words) => format!("{kind} NOT DONE – {words}"),
            WorkEnd::Stored { .. } | WorkEnd::Played | WorkEnd::Stopped => {
                format!("{kind}: {}", self.headline())
            }
        }
    }

    /// What is said below it: what it means, or what to do.
    pub(super) fn advice(&self) -> Option<String> {
        match &self.end {
            WorkEnd::Stored {
                stored: 0,
                bad_count,
                ..
            } if *bad_count > 0 => {
                Some("Mend them in the list, or import again and leave bad rows out.".to_owned())
            }
            WorkEnd::Stored { .. } if matches!(self.wish, WorkWish::Generate { .. }) => {
                let campaign = self.wish.campaign();
                Some(format!(
                    "`counterfoil codes export --campaign {campaign}` writes them out."
                ))
            }
            WorkEnd::Failed(words) => Some(words.clone()),
            WorkEnd::Played => Some("Played on a copy: nothing here was changed.".to_owned()),
            WorkEnd::Stored { .. } | WorkEnd::Stopped => None,
        }
    }
}

/// A bar with its percent.
pub(super) fn draw_bar(canvas: &mut Canvas<'_>, row: u16, percent: Option<u8>) {
    let theme = canvas.theme();
    let words = percent.map_or_else(|| "  …  ".to_owned(), |percent| format!("{percent:>3} %"));
    let width = canvas.columns().saturating_sub(columns(&words) + 2);
    let full = u32::from(width) * u32::from(percent.unwrap_or(0)) / 100;
    let full = usize::try_from(full).unwrap_or(0);
    let empty = usize::from(width).saturating_sub(full);
    let (done, open) = if theme.is_ascii {
        ('#', '.')
    } else {
        ('█', '░')
    };
    let bar: String = std::iter::repeat_n(done, full)
        .chain(std::iter::repeat_n(open, empty))
        .collect();
    canvas.text(0, row, &bar, theme.mark(Tone::Wait));
    canvas.text_right(0, row, &words, theme.strong());
}

/// `about 40 s left`, `about 3 min left`.
pub(super) fn left_in_words(seconds: u64) -> String {
    match seconds {
        0..=1 => "nearly done".to_owned(),
        2..=90 => format!("about {seconds} s left"),
        _ => format!("about {} min left", seconds.div_ceil(60)),
    }
}

impl Running {
    pub(super) fn below(&self) -> &str {
        if self.asks_stop {
            match self.wish {
                WorkWish::Preflight { .. } => "Stop it? Enter stops it, any other key goes on.",
                WorkWish::Import { .. } | WorkWish::Generate { .. } => {
                    "Stop it? Nothing of it is kept then. Enter stops it, any other key goes on."
                }
            }
        } else if self.is_stopping {
            "stopping: what was begun is taken back …"
        } else {
            &self.problem
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let rows = draw_below(canvas, self.below());
        let mut above = canvas.part(0, 0, room, rows);
        let mut row = 0;
        if let WorkWish::Import { path, .. } = &self.wish {
            let path = path_in_room(path, room);
            above.text(0, row, &path, theme.dim());
            row = 1;
        }
        let is_preflight = matches!(self.wish, WorkWish::Preflight { .. });
        let is_copied = self.trying.is_some() || !self.checks.is_empty();
        if !(is_preflight && is_copied) {
            draw_bar(
                &mut above,
                row,
                self.progress.and_then(|progress| progress.percent),
            );
            row = row.saturating_add(1);
            let words = self.progress.map_or_else(String::new, step_in_words);
            above.text(0, row, &cut(&words, room), Style::new());
            row = row.saturating_add(1);
        }
        if is_preflight {
            let rest = rows.saturating_sub(row);
            self.draw_checks(&mut above.part(0, row, room, rest));
            return;
        }
        let mut figures = Vec::new();
        if matches!(self.wish, WorkWish::Import { .. }) {
            figures.push(("rows read", count_of(self.read)));
            figures.push(("bad rows", count_of(self.bad)));
        } else {
            figures.push(("drawn", count_of(self.read)));
        }
        let stored = self.stored.map_or_else(
            || "0".to_owned(),
            |(done, total)| format!("{} of {}", count_of(done), count_of(total)),
        );
        figures.push(("stored", stored));
        if rows.saturating_sub(row) > 5 {
            row = row.saturating_add(1);
        }
        for (label, value) in figures {
            above.text(
                0,
                row,
                &format!("{} {value}", padded(label, 12)),
                Style::new(),
            );
            row = row.saturating_add(1);
        }
        if rows > row.saturating_add(1) {
            let words = "Scans go on meanwhile. None of the codes counts before all are stored.";
            for line in wrapped(words, room, 2) {
                row = row.saturating_add(1);
                above.text(0, row, &line, theme.dim());
            }
        }
    }

    /// The newest checks, and what is tried now.
    pub(super) fn draw_checks(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let list_rows = usize::from(canvas.rows().saturating_sub(1));
        let first = self.checks.len().saturating_sub(list_rows);
        let mut row = 0;
        for check in self.checks.iter().skip(first) {
            draw_check(&mut canvas.part(0, row, room, 1), check);
            row = row.saturating_add(1);
        }
        if let Some(trying) = self.trying {
            canvas.text(0, row, &cut(&format!("…     {trying}"), room), theme.dim());
        }
    }
}

pub(super) fn step_in_words(progress: WorkProgress) -> String {
    let mut parts = vec![progress.step.word().to_owned()];
    if progress.step == WorkStep::Copying {
        let total = progress.total.unwrap_or(progress.done);
        parts.push(format!(
            "{} of {}",
            size_in_words(progress.done),
            size_in_words(total)
        ));
    } else if let Some(total) = progress.total {
        parts.push(format!(
            "{} of {}",
            count_of(progress.done),
            count_of(total)
        ));
    }
    parts.extend(progress.left_s.map(left_in_words));
    parts.join(" · ")
}

pub(super) fn draw_check(canvas: &mut Canvas<'_>, check: &Check) {
    let theme = canvas.theme();
    let room = canvas.columns();
    let style = match check.outcome {
        CheckOutcome::Pass => theme.mark(Tone::Go),
        CheckOutcome::Warn => theme.mark(Tone::Look),
        CheckOutcome::Fail => theme.warning(),
    };
    canvas.text(0, 0, check.outcome.as_str(), style);
    let words_room = (room / 2).clamp(20, 40);
    canvas.text(6, 0, &padded(check.trial.words, words_room), Style::new());
    let at = words_room.saturating_add(7);
    let happened = cut(&check.happened, room.saturating_sub(at));
    canvas.text(at, 0, &happened, theme.dim());
}

/// A bad row in a line; a contact is not shown, as everywhere at the counter.
pub(super) fn bad_line(row: &BadRow) -> String {
    let (line, column, reason) = (row.line, &row.column, &row.reason);
    let is_code = ["code", "1", "expires_at", "5", ""].contains(&column.as_str());
    if is_code {
        format!("line {line}, {column}: {}: {reason}", row.value)
    } else {
        format!("line {line}, {column}: {reason}")
    }
}

impl Report {
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), canvas.rows());
        let style = if self.is_well() {
            theme.strong()
        } else {
            theme.warning()
        };
        canvas.text(0, 0, &cut(&self.headline(), room), style);
        let mut row = 1;
        if let Some(advice) = self.advice() {
            for line in wrapped(&advice, room, 4) {
                canvas.text(0, row, &line, Style::new());
                row = row.saturating_add(1);
            }
        }
        let mut rest = canvas.part(0, row, room, rows.saturating_sub(row));
        if let WorkEnd::Stored {
            bad,
            bad_count,
            bad_file,
            ..
        } = &self.end
        {
            let end = bad_file
                .as_ref()
                .map(|path| format!("all {} are in {path}", count_of(*bad_count)));
            let lines: Vec<String> = bad.iter().map(bad_line).collect();
            self.draw_bad(&mut rest, &lines, end.as_deref());
        } else if !self.checks.is_empty() {
            self.draw_checks(&mut rest);
        }
    }

    pub(super) fn draw_bad(&self, canvas: &mut Canvas<'_>, lines: &[String], end: Option<&str>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), canvas.rows());
        let mut below = Vec::new();
        if let Some(end) = end {
            below = wrapped(end, room, 2);
        }
        let above = rows.saturating_sub(u16::try_from(below.len()).unwrap_or(0));
        let last = lines.len().saturating_sub(usize::from(above));
        let shown = lines.iter().skip(self.first.min(last));
        for (row, line) in (0..above).zip(shown) {
            canvas.text(0, row, &cut(line, room), Style::new());
        }
        for (row, line) in (above..).zip(&below) {
            canvas.text(0, row, line, theme.dim());
        }
    }

    /// Each check; below one that has not passed, what was expected.
    pub(super) fn draw_checks(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), canvas.rows());
        let mut row = 0;
        for check in self.checks.iter().skip(self.first) {
            if row >= rows {
                break;
            }
            draw_check(&mut canvas.part(0, row, room, 1), check);
            row = row.saturating_add(1);
            if check.outcome == CheckOutcome::Pass {
                continue;
            }
            let words = format!("{}; expected {}", check.happened, check.expected);
            for line in wrapped(&words, room.saturating_sub(6), 3) {
                canvas.text(6, row, &line, theme.dim());
                row = row.saturating_add(1);
            }
        }
    }
}
