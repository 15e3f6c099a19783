//! What is filled in before long work on a campaign begins: how a list is imported, what is drawn, for
//! whom a campaign is played.
//!
//! Invariant: the sample code that is shown is nobody's.

use ratatui::style::Style;

use crate::domain::campaign::ContactKind;
use crate::domain::code::{SHAPE_LETTERS_MAX, SHAPE_LETTERS_MIN, Shape, grouped};
use crate::domain::contact::masked;
use crate::domain::ids::CampaignId;
use crate::tui::canvas::{Canvas, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::Command;
use crate::tui::msg::Effect;
use crate::tui::screens::campaign_work::{
    Said, State, closed, draw_below, draw_lines, moved, order,
};
use crate::tui::screens::file_picker::{Picker, size_in_words};
use crate::tui::screens::question::{Outcome, edit};
use crate::tui::theme::Theme;
use crate::tui::work_order::{ListBeginning, WorkOrder, WorkWish};

/// What a sample code is drawn from: it is shown, and nobody's.
const SAMPLE: [u8; 20] = [
    0x1b, 0x72, 0xd4, 0x39, 0xa6, 0x0f, 0x85, 0xce, 0x47, 0x93, 0x2a, 0xf1, 0x6c, 0xb8, 0x5d, 0x04,
    0xe7, 0x31, 0x9a, 0x58,
];

/// A list was picked, and nothing is stored yet.
pub(super) struct ImportForm {
    pub(super) picker: Picker,
    pub(super) list: ListBeginning,
    pub(super) at: usize,
    /// Given out already; bad rows are left out; codes are taken as they are.
    pub(super) switches: [bool; 3],
    pub(super) is_at_desk: bool,
    pub(super) problem: String,
}

/// What is to be drawn.
pub(super) struct GenerateForm {
    pub(super) campaign: CampaignId,
    pub(super) count: Field,
    pub(super) prefix: Field,
    pub(super) length: Field,
    pub(super) is_given_out: bool,
    pub(super) at: usize,
    pub(super) is_at_desk: bool,
    pub(super) problem: String,
}

/// What is to be played.
pub(super) struct PreflightForm {
    pub(super) campaign: CampaignId,
    pub(super) audience: Field,
    pub(super) is_at_desk: bool,
    pub(super) problem: String,
}

impl ImportForm {
    pub(super) fn new(picker: Picker, list: ListBeginning) -> ImportForm {
        ImportForm {
            picker,
            list,
            at: 0,
            switches: [false; 3],
            is_at_desk: false,
            problem: String::new(),
        }
    }

    pub(super) fn switch(&mut self) {
        if let Some(switch) = self.switches.get_mut(self.at) {
            *switch = !*switch;
        }
    }

    pub(super) fn command(
        mut self: Box<Self>,
        command: Command,
        effects: &mut Vec<Effect>,
    ) -> State {
        if self.is_at_desk {
            return State::Importing(self);
        }
        if command == Command::Drop {
            return State::Picking(self.picker);
        }
        if matches!(command, Command::Left | Command::Right) {
            self.switch();
        } else if command == Command::Enter {
            self.is_at_desk = true;
            self.problem.clear();
            let [is_given_out, skips_bad, is_as_is] = self.switches;
            effects.push(order(WorkOrder::Begin(WorkWish::Import {
                campaign: self.picker.campaign.clone(),
                path: self.list.path.clone(),
                is_given_out,
                skips_bad,
                is_as_is,
            })));
        } else {
            self.at = moved(self.at, 2, command);
        }
        State::Importing(self)
    }
}

impl GenerateForm {
    pub(super) fn new(campaign: CampaignId) -> GenerateForm {
        let standard = Shape::standard();
        GenerateForm {
            campaign,
            count: Field::default(),
            prefix: Field::with(&standard.prefix),
            length: Field::with(&standard.length.to_string()),
            is_given_out: false,
            at: 0,
            is_at_desk: false,
            problem: String::new(),
        }
    }

    /// The marked line; none: the switch is marked.
    pub(super) fn line(&mut self) -> Option<&mut Field> {
        match self.at {
            0 => Some(&mut self.count),
            1 => Some(&mut self.prefix),
            2 => Some(&mut self.length),
            _ => None,
        }
    }

    pub(super) fn typed(&mut self, character: char) {
        match self.line() {
            Some(field) => field.push(character),
            None if character == ' ' => self.is_given_out = !self.is_given_out,
            None => {}
        }
    }

    /// What the codes will look like, or why they cannot.
    pub(super) fn shape(&self) -> Result<Shape, String> {
        let length = self.length.as_str().trim().parse::<usize>();
        let Ok(length) = length else {
            return Err(format!(
                "the length is a number from {SHAPE_LETTERS_MIN} to {SHAPE_LETTERS_MAX}"
            ));
        };
        Shape::new(self.prefix.as_str(), length).map_err(|fault| fault.to_string())
    }

    pub(super) fn wish(&self) -> Result<WorkWish, (usize, String)> {
        let count = number_of(self.count.as_str())
            .filter(|count| *count > 0)
            .ok_or_else(|| (0, "type how many codes, as a number".to_owned()))?;
        let shape = self.shape().map_err(|words| (1, words))?;
        Ok(WorkWish::Generate {
            campaign: self.campaign.clone(),
            count,
            prefix: shape.prefix,
            length: shape.length,
            is_given_out: self.is_given_out,
        })
    }

    pub(super) fn command(
        mut self,
        command: Command,
        effects: &mut Vec<Effect>,
    ) -> (State, Outcome) {
        if self.is_at_desk {
            return (State::Drawing(self), Outcome::Open);
        }
        if command == Command::Drop {
            return (closed(effects), Outcome::Open);
        }
        if command == Command::Enter
            && let Some(field) = self.line().filter(|field| field.is_code())
        {
            let raw = field.take().into_bytes();
            return (State::Drawing(self), Outcome::Scan(raw));
        }
        if command == Command::Enter && self.at < 3 {
            self.at = self.at.saturating_add(1);
        } else if command == Command::Enter {
            match self.wish() {
                Ok(wish) => {
                    self.is_at_desk = true;
                    self.problem.clear();
                    effects.push(order(WorkOrder::Begin(wish)));
                }
                Err((at, words)) => {
                    self.at = at;
                    self.problem = words;
                }
            }
        } else if let Some(field) = self.line() {
            if !edit(field, command) {
                self.at = moved(self.at, 3, command);
            }
        } else if matches!(command, Command::Left | Command::Right) {
            self.is_given_out = !self.is_given_out;
        } else {
            self.at = moved(self.at, 3, command);
        }
        (State::Drawing(self), Outcome::Open)
    }
}

/// A typed number; spaces and commas between its digits do not count.
pub(super) fn number_of(typed: &str) -> Option<u64> {
    let digits: String = typed
        .chars()
        .filter(|letter| !matches!(letter, ' ' | ',' | '.' | '\''))
        .collect();
    digits.parse().ok()
}

impl PreflightForm {
    pub(super) fn command(
        mut self,
        command: Command,
        effects: &mut Vec<Effect>,
    ) -> (State, Outcome) {
        if self.is_at_desk {
            return (State::Rehearsing(self), Outcome::Open);
        }
        if command == Command::Drop {
            return (closed(effects), Outcome::Open);
        }
        if command != Command::Enter {
            edit(&mut self.audience, command);
            return (State::Rehearsing(self), Outcome::Open);
        }
        if self.audience.is_code() {
            let raw = self.audience.take().into_bytes();
            return (State::Rehearsing(self), Outcome::Scan(raw));
        }
        let typed = self.audience.as_str().trim();
        let audience = number_of(typed);
        if audience.is_none() && !typed.is_empty() {
            "type how many customers, as a number, or nothing".clone_into(&mut self.problem);
        } else {
            self.is_at_desk = true;
            self.problem.clear();
            effects.push(order(WorkOrder::Begin(WorkWish::Preflight {
                campaign: self.campaign.clone(),
                audience,
            })));
        }
        (State::Rehearsing(self), Outcome::Open)
    }
}

impl ImportForm {
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let words = if self.is_at_desk {
            "one moment …"
        } else {
            self.problem.as_str()
        };
        let rows = draw_below(canvas, words);
        let mut lines = self.list_lines(usize::from(rows).saturating_sub(7), theme);
        let labels = [
            "given out already",
            "leave bad rows out",
            "take codes as they are",
        ];
        for (at, (label, is_so)) in labels.into_iter().zip(self.switches).enumerate() {
            lines.push(Said::row(label, yes(is_so), at == self.at, theme));
        }
        let [is_given_out, skips_bad, is_as_is] = self.switches;
        let means = match self.at {
            0 if is_given_out => "People hold them: they are honoured, and never claimed.",
            0 => "Nobody holds them yet: the shop gives them out.",
            1 if skips_bad => "The good rows are stored, the bad ones listed.",
            1 => "One bad row, and nothing is stored.",
            _ if is_as_is => "Whatever a spreadsheet has made of them is taken.",
            _ => "Codes that a spreadsheet has damaged are bad rows.",
        };
        lines.push(Said::new(means, theme.dim()));
        draw_lines(&mut canvas.part(0, 0, room, rows), &lines);
    }

    /// A row of the list; contacts are masked, as everywhere at the counter.
    fn row_line(&self, row: &[String]) -> String {
        let fields = row.iter().zip(&self.list.columns).map(|(field, column)| {
            let kind = [
                ContactKind::Email,
                ContactKind::Phone,
                ContactKind::ExternalId,
            ]
            .into_iter()
            .find(|kind| kind.as_str() == *column);
            kind.map_or_else(|| field.clone(), |kind| masked(kind, field))
        });
        format!("  {}", fields.collect::<Vec<_>>().join("  "))
    }

    /// What the list is, with as many of its rows as there is room to spare.
    pub(super) fn list_lines(&self, spare: usize, theme: Theme) -> Vec<Said> {
        let list = &self.list;
        let name = list.path.file_name().unwrap_or(list.path.as_os_str());
        let name = format!("{} · {}", name.to_string_lossy(), size_in_words(list.bytes));
        let at = list.code_at.saturating_add(1);
        let header = if list.has_header {
            "by its header"
        } else {
            "no header"
        };
        let what = match list.columns.len() {
            1 => format!("one column, the code ({header})"),
            count => format!(
                "the code is column {at} of {count}, {header}: {}",
                list.columns.join(", ")
            ),
        };
        let mut lines = vec![
            Said::new(name, theme.strong()),
            Said::new(what, Style::new()),
        ];
        if spare >= 3 {
            lines.push(Said::new("", Style::new()));
            let rows = list.rows.iter().take(spare.saturating_sub(1));
            lines.extend(rows.map(|row| Said::new(self.row_line(row), theme.dim())));
            lines.push(Said::new("", Style::new()));
        } else {
            let codes = list.rows.iter().filter_map(|row| row.get(list.code_at));
            let codes: Vec<&str> = codes.map(String::as_str).collect();
            let words = format!("such as {}", codes.join(", "));
            lines.push(Said::new(words, theme.dim()));
        }
        lines
    }
}

impl GenerateForm {
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let words = if self.is_at_desk {
            "one moment …"
        } else {
            self.problem.as_str()
        };
        let rows = draw_below(canvas, words);
        let typed = |at: usize, field: &Field| {
            if at == self.at {
                field.with_cursor("", 40)
            } else {
                field.as_str().to_owned()
            }
        };
        let values = [
            ("how many", typed(0, &self.count)),
            ("beginning with", typed(1, &self.prefix)),
            ("letters after that", typed(2, &self.length)),
            ("given out by others", yes(self.is_given_out).to_owned()),
        ];
        let mut lines = Vec::new();
        for (at, (label, value)) in values.into_iter().enumerate() {
            lines.push(Said::row(label, &value, at == self.at, theme));
        }
        lines.push(Said::new("", Style::new()));
        lines.push(match self.shape() {
            Ok(shape) => {
                let code = shape.generate(&SAMPLE).unwrap_or_default();
                Said::new(format!(" such as {}", grouped(&code)), theme.strong())
            }
            Err(words) => Said::new(format!(" {words}"), theme.warning()),
        });
        draw_lines(&mut canvas.part(0, 0, room, rows), &lines);
    }
}

impl PreflightForm {
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let words = if self.is_at_desk {
            "one moment …"
        } else {
            self.problem.as_str()
        };
        let rows = draw_below(canvas, words);
        let mut above = canvas.part(0, 0, room, rows);
        let words = "What goes wrong in production is played on a copy of the ledger: retries, \
                     two events at once, an empty pool, a crash, no paper.";
        let lines = wrapped(words, room, 3);
        let mut row = 0;
        for line in &lines {
            above.text(0, row, line, theme.dim());
            row = row.saturating_add(1);
        }
        row = row.saturating_add(1);
        let typed = self.audience.with_cursor("", 20);
        let line = form_row("customers to have a code", &typed, true);
        above.text(0, row, &line, theme.strong());
        let row = row.saturating_add(1);
        above.text(0, row, " nothing: it is not asked", theme.dim());
    }
}

pub(super) fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// The row of a form: its mark, its label and what stands there.
pub(super) fn form_row(label: &str, value: &str, is_marked: bool) -> String {
    let mark = if is_marked { '›' } else { ' ' };
    format!("{mark}{} {value}", padded(label, 24))
}
