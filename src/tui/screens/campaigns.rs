//! Campaigns: how each stands, all of its rules, and what a manager changes about them.
//!
//! Invariant: a letter does nothing before Enter, and what it opens needs another key; a line of several
//! letters is a scan. A scan drops what is being asked, and leaves what is filled in.

use jiff::{SignedDuration, Timestamp};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::campaign_sheet::CampaignSheet;
use crate::tui::back_order::BackTold;
use crate::tui::back_room::{BackPage, Setting};
use crate::tui::campaign_order::{CampaignList, CampaignOrder, CampaignTold};
use crate::tui::canvas::{Canvas, bold, columns, count_of, cut, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::msg::Effect;
use crate::tui::pages::View;
use crate::tui::screens::campaign_form::{Form, What, order};
use crate::tui::screens::campaign_work::CampaignWork;
use crate::tui::screens::question::{Outcome, edit};
use crate::tui::theme::{Theme, Tone};

/// How far a page key moves the mark.
const PAGE: usize = 8;

/// The list is read again so often while it is looked at.
const READ_APART: SignedDuration = SignedDuration::from_secs(15);

/// Columns of the headings in a campaign's rules.
const LABEL_COLUMNS: u16 = 18;

/// Columns of an id in the list, at most.
const ID_COLUMNS_MAX: u16 = 20;

const STATE_COLUMNS: u16 = 13;

const LEFT_COLUMNS: u16 = 10;

const WINDOW_COLUMNS: u16 = 23;

/// Columns of the letter that is typed, before what the letters stand for.
const LETTER_COLUMNS: u16 = 17;

/// With so many columns the list has the window.
const WINDOW_IN_LIST_COLUMNS: u16 = 74;

/// Rows of the list, at most, where there is more to show below it.
const LIST_ROWS_MAX: u16 = 8;

/// What a letter before Enter opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    New,
    Change,
    Extend,
    Pause,
    Test,
    Import,
    Generate,
    Preflight,
    All,
}

/// The letters, in the order in which they are named.
const LETTERS: [(char, Act); 9] = [
    ('n', Act::New),
    ('e', Act::Change),
    ('x', Act::Extend),
    ('p', Act::Pause),
    ('t', Act::Test),
    ('i', Act::Import),
    ('g', Act::Generate),
    ('f', Act::Preflight),
    ('a', Act::All),
];

impl Act {
    fn words(self, marked: Option<&CampaignSheet>) -> &'static str {
        match self {
            Act::New => "new",
            Act::Change => "change",
            Act::Extend => "extend",
            Act::Pause if marked.is_some_and(|sheet| sheet.campaign.is_paused) => "resume",
            Act::Pause => "pause",
            Act::Test if marked.is_some_and(|sheet| sheet.test_mode.is_some()) => "go live",
            Act::Test => "test",
            Act::Import => "import",
            Act::Generate => "generate",
            Act::Preflight => "preflight",
            Act::All => "all",
        }
    }
}

/// Lines to be read, from one of them on.
struct Reading {
    title: String,
    lines: Vec<(String, String)>,
    first: usize,
}

enum Open {
    Form(Box<Form>),
    Reading(Reading),
}

/// The page of the campaigns.
#[derive(Default)]
pub struct Campaigns {
    /// None: the desk has not listed them yet.
    list: Option<CampaignList>,
    asked_at: Option<Timestamp>,
    /// The marked one.
    at: usize,
    open: Option<Open>,
    /// A letter; a longer line is what a slow scanner typed.
    field: Field,
    /// What is wrong, or what was just done.
    words: String,
    /// What was just done, as long as it is the newest that there is to say.
    done: Option<String>,
    /// How often it was asked what a change would do.
    weighings: u64,
    /// Long work on the marked one.
    work: CampaignWork,
}

impl Campaigns {
    /// Nothing is known yet.
    pub fn new() -> Campaigns {
        Campaigns::default()
    }

    /// What the status line says of long work.
    pub fn work_in_status(&self) -> Option<String> {
        self.work.in_status()
    }

    fn marked(&self) -> Option<&CampaignSheet> {
        self.list.as_ref()?.sheets.get(self.at)
    }

    fn form_mut(&mut self) -> Option<&mut Form> {
        match &mut self.open {
            Some(Open::Form(form)) => Some(form),
            Some(Open::Reading(_)) | None => None,
        }
    }

    /// Closes what is open, but for what is at the desk: that is told.
    fn close(&mut self) {
        self.field.clear();
        self.open = None;
    }

    fn is_at_desk(&self) -> bool {
        matches!(&self.open, Some(Open::Form(form)) if form.is_at_desk())
    }

    fn command_in_list(&mut self, command: Command, now: Timestamp, effects: &mut Vec<Effect>) {
        let count = self.list.as_ref().map_or(0, |list| list.sheets.len());
        let last = count.saturating_sub(1);
        if matches!(command, Command::Up | Command::Previous) {
            self.at = self.at.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::PageUp {
            self.at = self.at.saturating_sub(PAGE);
        } else if command == Command::PageDown {
            self.at = self.at.saturating_add(PAGE).min(last);
        } else if command == Command::Enter {
            let letter = self.field.take().to_lowercase();
            self.words.clear();
            self.act(&letter, now, effects);
        }
    }

    /// Opens what a letter stands for; none: the marked one is changed.
    fn act(&mut self, letter: &str, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(list) = &self.list else {
            return;
        };
        let is_elsewhere = list.elsewhere.is_some();
        let known = LETTERS
            .iter()
            .find(|(known, _)| letter.chars().eq([*known]));
        let act = match known {
            Some((_, act)) => *act,
            None if !letter.is_empty() => {
                self.words = format!("{letter} stands for nothing here");
                return;
            }
            None if is_elsewhere => Act::All,
            None => Act::Change,
        };
        if let (true, Some(elsewhere)) = (act != Act::All, &list.elsewhere) {
            self.words.clone_from(elsewhere);
            return;
        }
        let marked = list.sheets.get(self.at);
        let what = match (act, marked) {
            (Act::New, _) => What::New,
            (_, None) => {
                "there is no campaign yet: n, Enter begins one".clone_into(&mut self.words);
                return;
            }
            (Act::All, Some(sheet)) => {
                self.open = Some(Open::Reading(all_of(sheet, list, now)));
                return;
            }
            (Act::Extend, Some(sheet)) if sheet.campaign.rules.ends_at.is_none() => {
                self.words = format!("{} never ends: e, Enter gives it an end", sheet.campaign.id);
                return;
            }
            (Act::Import, Some(sheet)) => {
                return self.work.open_import(&sheet.campaign.id, effects);
            }
            (Act::Generate, Some(sheet)) => {
                return self.work.open_generate(&sheet.campaign.id, effects);
            }
            (Act::Preflight, Some(sheet)) => {
                return self.work.open_preflight(&sheet.campaign.id, effects);
            }
            (Act::Change, Some(_)) => What::Change,
            (Act::Extend, Some(_)) => What::Extend,
            (Act::Pause, Some(sheet)) if sheet.campaign.is_paused => What::Resume,
            (Act::Pause, Some(_)) => What::Pause,
            (Act::Test, Some(sheet)) if sheet.test_mode.is_some() => What::TestOff,
            (Act::Test, Some(_)) => What::TestOn,
        };
        let marked = marked.filter(|_| what != What::New);
        let form = Form::new(what, marked, &list.zone, now);
        self.open = Some(Open::Form(Box::new(form)));
    }

    /// Whoever has marked one goes on with that one.
    fn listed(&mut self, list: CampaignList) {
        let marked = self.marked().map(|sheet| sheet.campaign.id.clone());
        let place = marked.and_then(|marked| {
            let mut sheets = list.sheets.iter();
            sheets.position(|sheet| sheet.campaign.id == marked)
        });
        let end = list.sheets.len().saturating_sub(1);
        self.at = place.unwrap_or(self.at.min(end));
        self.list = Some(list);
    }

    fn refused(&mut self, words: String) -> Option<String> {
        if let Some(form) = self.form_mut() {
            form.refused(words);
            return None;
        }
        self.words.clone_from(&words);
        Some(words)
    }
}

fn all_of(sheet: &CampaignSheet, list: &CampaignList, now: Timestamp) -> Reading {
    let mut rows = sheet
        .campaign
        .rows_in_words(sheet.test_mode.as_ref(), now, &list.zone);
    rows.push(("codes left", left_of(sheet)));
    Reading {
        title: format!("All of {}", sheet.campaign.id),
        lines: rows
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        first: 0,
    }
}

impl BackPage for Campaigns {
    fn place(&self) -> Place {
        match &self.open {
            None => self.work.place().unwrap_or(Place::Campaigns),
            Some(_) => Place::Campaign,
        }
    }

    fn has_something_open(&self) -> bool {
        self.open.is_some() || self.work.is_open() || !self.field.is_empty()
    }

    fn opened(&mut self, setting: &Setting, effects: &mut Vec<Effect>) {
        self.put_away();
        self.asked_at = Some(setting.now);
        effects.push(order(CampaignOrder::List));
    }

    fn put_away(&mut self) {
        self.work.put_away();
        self.close();
        self.words.clear();
    }

    fn signed_out(&mut self) {
        let mut work = std::mem::take(&mut self.work);
        work.signed_out();
        *self = Campaigns {
            // An answer to somebody else is not taken for one's own.
            weighings: self.weighings,
            work,
            ..Campaigns::new()
        };
    }

    fn scanned(&mut self) {
        if self.work.is_open() {
            self.work.scanned();
            return;
        }
        // What is asked is dropped; what is filled in stays.
        let stays = match self.form_mut() {
            Some(form) => !form.scanned(),
            None => false,
        };
        if !stays {
            self.put_away();
        }
    }

    fn ticked(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.work.ticked(now, effects);
        // A clock that was set back must not stop it.
        let is_due = self
            .asked_at
            .is_none_or(|asked| now.duration_since(asked).abs() >= READ_APART);
        if is_due && self.open.is_none() {
            self.asked_at = Some(now);
            effects.push(order(CampaignOrder::List));
        }
    }

    fn typed(&mut self, character: char) {
        if self.work.is_open() {
            return self.work.typed(character);
        }
        match &mut self.open {
            Some(Open::Form(form)) => form.typed(character),
            Some(Open::Reading(_)) | None => self.field.push(character),
        }
    }

    fn command(
        &mut self,
        command: Command,
        setting: &Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if self.work.is_open() {
            return self.work.command(command, setting, effects);
        }
        if command == Command::Drop {
            let stays = match self.form_mut() {
                Some(form) => !form.dropped(),
                None => false,
            };
            if !stays {
                self.put_away();
            }
            return Outcome::Open;
        }
        if let Some(Open::Form(form)) = &mut self.open {
            let outcome = form.command(command, setting, &mut self.weighings, effects);
            if form.is_over() {
                self.close();
                "nothing is changed".clone_into(&mut self.words);
            }
            return outcome;
        }
        if edit(&mut self.field, command) && !self.field.is_empty() {
            return Outcome::Open;
        }
        if command == Command::Enter && self.field.as_str().chars().count() > 1 {
            return Outcome::Scan(self.field.take().into_bytes());
        }
        if let Some(Open::Reading(reading)) = &mut self.open {
            let last = reading.lines.len().saturating_sub(1);
            let step = if matches!(command, Command::PageUp | Command::PageDown) {
                PAGE
            } else {
                1
            };
            if matches!(command, Command::Up | Command::Previous | Command::PageUp) {
                reading.first = reading.first.saturating_sub(step);
            } else if matches!(command, Command::Down | Command::Next | Command::PageDown) {
                reading.first = reading.first.saturating_add(step).min(last);
            } else if command == Command::Enter {
                self.close();
            }
        } else {
            self.command_in_list(command, setting.now, effects);
        }
        Outcome::Open
    }

    fn told(
        &mut self,
        told: BackTold,
        is_in_view: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        let told = match told {
            BackTold::Campaign(told) => told,
            BackTold::Work(told) => return self.work.told(told, effects),
            BackTold::Pool(_)
            | BackTold::Conflict(_)
            | BackTold::Log(_)
            | BackTold::Day(_)
            | BackTold::Operator(_) => return None,
        };
        match told {
            CampaignTold::Listed(list) => self.listed(list),
            CampaignTold::NotListed(words) => self.words = format!("NOT READ – {words}"),
            CampaignTold::Weighed { number, lines } => {
                if let Some(form) = self.form_mut() {
                    form.weighed(number, lines);
                }
            }
            CampaignTold::Changed { words, lines } => {
                if self.is_at_desk() {
                    self.close();
                }
                self.words.clone_from(&words);
                self.done = Some(words.clone());
                if !lines.is_empty() && self.open.is_none() && is_in_view {
                    let lines = lines.into_iter().map(|line| (String::new(), line));
                    self.open = Some(Open::Reading(Reading {
                        title: words.clone(),
                        lines: lines.collect(),
                        first: 0,
                    }));
                }
                effects.push(order(CampaignOrder::List));
                return Some(words);
            }
            CampaignTold::Refused(words) => {
                effects.push(Effect::Bell { times: 2 });
                return self.refused(format!("not done: {words}"));
            }
            CampaignTold::Failed(words) => {
                effects.push(Effect::Bell { times: 3 });
                return self.refused(format!("NOT DONE – {words}"));
            }
        }
        None
    }

    fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        if self.work.is_open() {
            return self.work.draw(canvas, view);
        }
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " CAMPAIGNS ", theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        let note = match &self.open {
            Some(Open::Form(_)) => " Esc back ",
            Some(Open::Reading(_)) => " Up, Down · Esc back ",
            None => "",
        };
        canvas.text_right(2, bottom, note, Style::new());
        let mut inside = canvas.inside(2);
        match (&self.open, &self.list) {
            (Some(Open::Form(form)), _) => form.draw(&mut inside, view),
            (Some(Open::Reading(reading)), _) => draw_reading(&mut inside, reading),
            (None, Some(list)) => self.draw_page(&mut inside, list, view),
            (None, None) if self.words.is_empty() => {
                inside.text(0, 0, "looking them up …", theme.dim());
            }
            (None, None) => {
                let lines = wrapped(&self.words, inside.columns(), 3);
                for (row, line) in (0_u16..).zip(lines) {
                    inside.text(0, row, &line, theme.warning());
                }
            }
        }
    }
}

impl Campaigns {
    fn draw_page(&self, canvas: &mut Canvas<'_>, list: &CampaignList, view: &View<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), canvas.rows());
        let below = self.below(list, theme, room, view);
        let below_rows = u16::try_from(below.len()).unwrap_or(u16::MAX);
        let rows = rows.saturating_sub(below_rows);
        for (row, (line, style)) in (rows..).zip(&below) {
            canvas.line(0, row, line, *style);
        }
        let Some(marked) = self.marked() else {
            canvas.text(0, 0, "There is no campaign yet.", theme.strong());
            canvas.text(
                0,
                2,
                &cut("n, Enter begins the first one.", room),
                theme.dim(),
            );
            return;
        };
        let count = u16::try_from(list.sheets.len()).unwrap_or(u16::MAX);
        let list_rows = count.min(LIST_ROWS_MAX).min((rows / 2).max(2));
        let list_rows = list_rows.saturating_add(1).min(rows);
        let mut part = canvas.part(0, 0, room, list_rows);
        self.draw_list(&mut part, list, view);
        let mut whole = canvas.part(0, list_rows, room, rows.saturating_sub(list_rows));
        draw_whole(&mut whole, marked, view);
    }

    fn draw_list(&self, canvas: &mut Canvas<'_>, list: &CampaignList, view: &View<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let longest = list
            .sheets
            .iter()
            .map(|sheet| columns(sheet.campaign.id.as_str()));
        let id_columns = longest.max().unwrap_or(0).clamp(8, ID_COLUMNS_MAX);
        let shape = |cells: [&str; 5]| {
            let [id, state, left, window, offer] = cells;
            let window = if room >= WINDOW_IN_LIST_COLUMNS {
                format!("{} ", padded(window, WINDOW_COLUMNS))
            } else {
                String::new()
            };
            let before = format!("{} ", padded(id, id_columns));
            let state = format!("{} ", padded(state, STATE_COLUMNS));
            let rest = format!("{} {window}", padded(left, LEFT_COLUMNS));
            let taken = columns(&before)
                .saturating_add(columns(&state))
                .saturating_add(columns(&rest))
                .saturating_add(1);
            let offer = cut(offer, room.saturating_sub(taken));
            (before, state, format!("{rest}{offer}"))
        };
        let (id, state, rest) = shape(["ID", "STATE", "LEFT", "VALID", "OFFER"]);
        canvas.text(0, 0, &format!(" {id}{state}{rest}"), theme.dim());
        let seen = usize::from(canvas.rows().saturating_sub(1));
        let first = self.at.saturating_add(1).saturating_sub(seen);
        let shown = list.sheets.iter().enumerate().skip(first).take(seen);
        for (row, (at, sheet)) in (1_u16..).zip(shown) {
            let campaign = &sheet.campaign;
            let is_testing = sheet.test_mode.is_some();
            let state = if is_testing && !campaign.is_paused {
                "TEST MODE".to_owned()
            } else {
                campaign.state_in_words(view.now)
            };
            let window = campaign.rules.days_in_words(&list.zone);
            let offer = &campaign.rules.offer;
            let cells = [
                campaign.id.as_str(),
                &state,
                &left_of(sheet),
                &window,
                offer,
            ];
            let (id, state, rest) = shape(cells);
            let is_marked = at == self.at;
            let (mark, style) = if is_marked {
                ('›', theme.picked())
            } else {
                (' ', Style::new())
            };
            let state_style = if is_testing || campaign.is_paused {
                theme.warning()
            } else {
                style
            };
            let line = Line::from(vec![
                Span::styled(format!("{mark}{id}"), style),
                Span::styled(state, state_style),
                Span::styled(rest, style),
            ]);
            canvas.line(0, row, &line, Style::new());
        }
    }

    /// What is said below the list: a word of the desk, and what the letters stand for.
    fn below(
        &self,
        list: &CampaignList,
        theme: Theme,
        room: u16,
        view: &View<'_>,
    ) -> Vec<(Line<'static>, Style)> {
        let mut lines: Vec<(Line<'static>, Style)> = Vec::new();
        let words = match &list.elsewhere {
            Some(elsewhere) if self.words.is_empty() => elsewhere,
            Some(_) | None => &self.words,
        };
        // Done is done: only what is wrong stands out as such.
        let style = if self.done.as_ref() == Some(words) {
            theme.strong()
        } else {
            theme.warning()
        };
        let said = wrapped(words, room, 3).into_iter();
        lines.extend(said.map(|line| (Line::from(line), style)));
        let typed = self.field.with_cursor(view.pending, usize::from(room / 4));
        let mut line = padded(&format!("Letter, Enter: {typed}"), LETTER_COLUMNS);
        for (letter, act) in LETTERS {
            if list.elsewhere.is_some() && act != Act::All {
                continue;
            }
            let named = format!(" {letter} {} ", act.words(self.marked()));
            if columns(&line).saturating_add(columns(&named)) > room {
                lines.push((Line::from(bold(line)), Style::new()));
                line = padded("", LETTER_COLUMNS);
            }
            line.push_str(&named);
        }
        lines.push((Line::from(bold(line)), Style::new()));
        lines
    }
}

/// Codes that can still be given out; a campaign of printed codes has none of those.
fn left_of(sheet: &CampaignSheet) -> String {
    match (sheet.claimable, sheet.left) {
        (0, _) => "–".to_owned(),
        (_, 0) => "EMPTY".to_owned(),
        (_, left) => count_of(left),
    }
}

/// All that is to be said of the marked one: a row each, or, where that is too much, one after the other.
fn draw_whole(canvas: &mut Canvas<'_>, sheet: &CampaignSheet, view: &View<'_>) {
    let theme = canvas.theme();
    let room = canvas.columns();
    let rule = theme.border(Tone::Plain).top.to_string();
    canvas.text(0, 0, &rule.repeat(usize::from(room)), theme.dim());
    let test_mode = sheet.test_mode.as_ref();
    let rows = sheet.campaign.rows_in_words(test_mode, view.now, view.zone);
    let seen = usize::from(canvas.rows().saturating_sub(1));
    if rows.len() <= seen {
        for (row, (name, value)) in (1_u16..).zip(rows) {
            draw_row(canvas, row, name, &value);
        }
        return;
    }
    // The list says the first two already.
    let told = rows.iter().skip(2);
    let told: Vec<String> = told
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    for (row, line) in (1_u16..).zip(wrapped(&told.join(" · "), room, seen)) {
        canvas.text(0, row, &line, Style::new());
    }
}

fn draw_row(canvas: &mut Canvas<'_>, row: u16, name: &str, value: &str) {
    let room = canvas.columns().saturating_sub(LABEL_COLUMNS);
    let dim = canvas.theme().dim();
    canvas.text(0, row, &padded(name, LABEL_COLUMNS), dim);
    canvas.text(LABEL_COLUMNS, row, &cut(value, room), Style::new());
}

/// What is read line by line; a long one is broken.
fn draw_reading(canvas: &mut Canvas<'_>, reading: &Reading) {
    let theme = canvas.theme();
    let room = canvas.columns();
    let mut row = 0;
    for line in wrapped(&reading.title, room, 2) {
        canvas.text(0, row, &line, theme.strong());
        row = row.saturating_add(1);
    }
    for (name, value) in reading.lines.iter().skip(reading.first) {
        if name.is_empty() {
            canvas.text(0, row, &cut(value, room), Style::new());
            row = row.saturating_add(1);
            continue;
        }
        canvas.text(0, row, name, theme.dim());
        for line in wrapped(value, room.saturating_sub(LABEL_COLUMNS), 4) {
            canvas.text(LABEL_COLUMNS, row, &line, Style::new());
            row = row.saturating_add(1);
        }
    }
}
