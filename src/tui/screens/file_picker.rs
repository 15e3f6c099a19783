//! The file picker: a folder, what is typed to find something in it, and where Enter leads.
//!
//! Not here: the disk; what stands in a folder comes in as a message.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ratatui::style::Style;

use crate::domain::ids::CampaignId;
use crate::tui::canvas::{Canvas, columns, cut, padded};
use crate::tui::field::Field;
use crate::tui::keys::Command;
use crate::tui::msg::Effect;
use crate::tui::pages::View;
use crate::tui::screens::campaign_work::{State, closed, draw_below, moved, order};
use crate::tui::screens::question::{Outcome, edit};
use crate::tui::work_order::{FolderRow, Listing, WorkOrder};

/// Columns of a file's size and of its date.
const SIZE_COLUMNS: u16 = 8;
const DATE_COLUMNS: u16 = 11;

/// A file is picked.
pub(super) struct Picker {
    pub(super) campaign: CampaignId,
    pub(super) listing: Option<Listing>,
    /// What is typed: a filter, or a path.
    pub(super) field: Field,
    pub(super) at: usize,
    /// Ordered and not answered yet; none: not asked yet.
    pub(super) asked_at: Option<Timestamp>,
    pub(super) is_reading: bool,
    /// What is to be marked when the listing comes.
    pub(super) marks: Option<PathBuf>,
    pub(super) problem: String,
}

impl Picker {
    pub(super) fn new(campaign: CampaignId) -> Picker {
        Picker {
            campaign,
            listing: None,
            field: Field::default(),
            at: 0,
            asked_at: None,
            is_reading: true,
            marks: None,
            problem: String::new(),
        }
    }

    /// What the typed filter leaves; hidden files only where they are asked for.
    pub(super) fn rows(&self) -> Vec<&FolderRow> {
        let filter = self.field.as_str().to_lowercase();
        let is_path = is_path(&filter);
        let rows = self.listing.as_ref().map_or(&[][..], |all| &all.rows);
        rows.iter()
            .filter(|row| filter.starts_with('.') || !row.name.starts_with('.'))
            .filter(|row| is_path || row.name.to_lowercase().contains(&filter))
            .collect()
    }

    pub(super) fn listed(&mut self, listing: Listing) {
        let is_same = self
            .listing
            .as_ref()
            .is_some_and(|before| before.folder == listing.folder);
        let marked = if is_same {
            self.rows().get(self.at).map(|row| row.path.clone())
        } else {
            self.field.clear();
            self.problem.clear();
            self.marks.take()
        };
        self.is_reading = false;
        self.listing = Some(listing);
        let place = marked.and_then(|path| self.rows().iter().position(|row| row.path == path));
        let last = self.rows().len().saturating_sub(1);
        self.at = match (place, is_same) {
            (Some(place), _) => place,
            (None, true) => self.at.min(last),
            (None, false) => 0,
        };
    }

    pub(super) fn command(
        mut self,
        command: Command,
        number: &mut u64,
        effects: &mut Vec<Effect>,
    ) -> (State, Outcome) {
        if command == Command::Drop {
            if self.field.is_empty() {
                return (closed(effects), Outcome::Open);
            }
            self.field.clear();
            self.at = 0;
            return (State::Picking(self), Outcome::Open);
        }
        let to = if command == Command::Enter {
            if self.field.is_code() {
                let raw = self.field.take().into_bytes();
                return (State::Picking(self), Outcome::Scan(raw));
            }
            self.picked()
        } else if command == Command::Erase && self.field.is_empty() {
            let folder = self.listing.as_ref().map(|all| all.folder.clone());
            self.marks.clone_from(&folder);
            folder.and_then(|folder| folder.parent().map(Path::to_owned))
        } else if edit(&mut self.field, command) {
            self.at = 0;
            self.problem.clear();
            None
        } else {
            let last = self.rows().len().saturating_sub(1);
            self.at = moved(self.at, last, command);
            None
        };
        if let Some(to) = to {
            *number = number.saturating_add(1);
            self.is_reading = true;
            self.problem.clear();
            effects.push(order(WorkOrder::Go {
                number: *number,
                to: Some(to),
            }));
        }
        (State::Picking(self), Outcome::Open)
    }

    /// Where Enter leads: a typed path as such, else the marked row, else a name in this folder.
    pub(super) fn picked(&self) -> Option<PathBuf> {
        let typed = self.field.as_str().trim();
        let folder = self.listing.as_ref().map(|all| all.folder.as_path());
        let as_typed = || {
            if typed.starts_with('~') {
                return Some(PathBuf::from(typed));
            }
            Some(folder.unwrap_or(Path::new("/")).join(typed))
        };
        if is_path(typed) {
            return as_typed();
        }
        match self.rows().get(self.at) {
            Some(row) => Some(row.path.clone()),
            None if typed.is_empty() => None,
            None => as_typed(),
        }
    }
}

/// Whether a typed line is a path and no filter.
pub(super) fn is_path(typed: &str) -> bool {
    typed.contains('/') || typed.starts_with('~')
}

impl Picker {
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let rows = if self.field.is_empty() {
            draw_below(canvas, &self.problem)
        } else {
            let rows = canvas.rows().saturating_sub(1);
            let label = if is_path(self.field.as_str()) {
                "Path: "
            } else {
                "Only: "
            };
            let line_room = usize::from(room.saturating_sub(columns(label)));
            let line = self.field.with_cursor(view.pending, line_room);
            canvas.text(0, rows, &format!("{label}{line}"), theme.strong());
            rows
        };
        let Some(listing) = &self.listing else {
            if self.problem.is_empty() {
                canvas.text(0, 0, "reading the folder …", theme.dim());
            }
            return;
        };
        let folder = path_in_room(&listing.folder, room);
        canvas.text(0, 0, &folder, theme.strong());
        let list_rows = usize::from(rows.saturating_sub(1));
        let all = self.rows();
        if all.is_empty() {
            let words = if self.field.is_empty() {
                "this folder is empty; Backspace goes up, a path may be typed"
            } else {
                "nothing here has that in its name; Enter takes it as typed"
            };
            canvas.text(0, 1, &cut(words, room), theme.dim());
        }
        let first = self.at.saturating_add(1).saturating_sub(list_rows);
        for (row, (at, file)) in (1_u16..).zip(all.iter().enumerate().skip(first).take(list_rows)) {
            let style = match (at == self.at, file.is_folder || file.is_list()) {
                (true, _) => theme.picked(),
                (false, true) => Style::new(),
                (false, false) => theme.dim(),
            };
            canvas.text(0, row, &file_line(file, at == self.at, room, view), style);
        }
        if listing.is_cut {
            canvas.text_right(0, 0, " more than can be listed ", theme.warning());
        } else if self.is_reading {
            canvas.text_right(0, 0, " reading … ", theme.dim());
        }
    }
}

/// The time where it was today, else the day.
pub(super) fn day_or_time(at: Timestamp, view: &View<'_>) -> String {
    let at = at.to_zoned(view.zone.clone());
    let is_today = at.date() == view.now.to_zoned(view.zone.clone()).date();
    let format = if is_today { "%H:%M" } else { "%-d %b %Y" };
    at.strftime(format).to_string()
}

pub(super) fn file_line(file: &FolderRow, is_marked: bool, room: u16, view: &View<'_>) -> String {
    let mark = if is_marked { '›' } else { ' ' };
    let (name, size) = if file.is_folder {
        (format!("{}/", file.name), String::new())
    } else {
        (file.name.clone(), size_in_words(file.bytes))
    };
    let date = file
        .changed_at
        .map(|at| day_or_time(at, view))
        .unwrap_or_default();
    let taken = SIZE_COLUMNS + DATE_COLUMNS + 4;
    let name = padded(&name, room.saturating_sub(taken));
    let size = format!("{size:>width$}", width = usize::from(SIZE_COLUMNS));
    format!("{mark}{name} {size}  {}", padded(&date, DATE_COLUMNS))
}

/// `812 B`, `14 kB`, `3.2 MB`.
pub(super) fn size_in_words(bytes: u64) -> String {
    let tenths = |unit: u64| (bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => {
            let (whole, rest) = tenths(1_000_000);
            format!("{whole}.{rest} MB")
        }
        _ => {
            let (whole, rest) = tenths(1_000_000_000);
            format!("{whole}.{rest} GB")
        }
    }
}

/// A path whose end is in view.
pub(super) fn path_in_room(path: &Path, room: u16) -> String {
    let text = path.display().to_string();
    let mut rest = text.as_str();
    while columns(rest).saturating_add(1) > room && !rest.is_empty() {
        let mut letters = rest.chars();
        letters.next();
        rest = letters.as_str();
    }
    if columns(&text) <= room {
        text
    } else {
        format!("…{rest}")
    }
}
