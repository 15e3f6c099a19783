//! Long work on a campaign, over the page it is opened from: import with a file picker, generation,
//! preflight; each with a bar, stoppable, and told to its end.
//!
//! Invariant: nothing is begun before a manager has approved, and nothing under way is stopped by one
//! key. Not here: the files and the ledger; what stands in a folder comes in as a message.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use ratatui::style::Style;

use crate::domain::ids::CampaignId;
use crate::tui::back_order::BackOrder;
use crate::tui::back_room::Setting;
use crate::tui::canvas::{Canvas, columns, cut, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::msg::{ApprovalAsk, Effect};
use crate::tui::pages::View;
use crate::tui::screens::file_picker::Picker;
use crate::tui::screens::question::{ManagerForm, Managers, Outcome, edit};
use crate::tui::screens::work_forms::{GenerateForm, ImportForm, PreflightForm, form_row};
use crate::tui::screens::work_runs::{Report, Running};
use crate::tui::theme::{Theme, Tone};
use crate::tui::work_order::{WorkOrder, WorkTold, WorkWish};

/// How far a page key moves the mark.
const PAGE: usize = 8;

/// A folder is read again so often while it is looked at: a stick may be plugged in.
const LISTED_APART: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn order(order: WorkOrder) -> Effect {
    Effect::Back(Box::new(BackOrder::Work(order)))
}

/// Long work on a campaign; a page owns one, and draws it over itself while it is open.
pub struct CampaignWork {
    state: State,
    /// Where the picker was last.
    folder: Option<PathBuf>,
    /// Of the newest look at files.
    number: u64,
    /// What a slow scanner types where nothing is filled in.
    field: Field,
}

/// Which kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Import,
    Generate,
    Preflight,
}

/// What is open.
pub(super) enum State {
    Closed,
    Asking(Asking),
    Picking(Picker),
    Importing(Box<ImportForm>),
    Drawing(GenerateForm),
    Rehearsing(PreflightForm),
    Running(Running),
    Ended(Report),
}

/// A manager is asked.
pub(super) struct Asking {
    kind: Kind,
    campaign: CampaignId,
    /// None: the desk has not said yet who may approve.
    manager: Option<ManagerForm>,
    is_at_desk: bool,
    problem: String,
}

impl CampaignWork {
    /// Nothing is open.
    pub fn new() -> CampaignWork {
        CampaignWork {
            state: State::Closed,
            folder: None,
            number: 0,
            field: Field::default(),
        }
    }

    /// Has a list picked and imported into a campaign.
    pub fn open_import(&mut self, campaign: &CampaignId, effects: &mut Vec<Effect>) {
        self.open(Kind::Import, campaign, effects);
    }

    /// Has codes drawn for a campaign.
    pub fn open_generate(&mut self, campaign: &CampaignId, effects: &mut Vec<Effect>) {
        self.open(Kind::Generate, campaign, effects);
    }

    /// Has a campaign played on a copy.
    pub fn open_preflight(&mut self, campaign: &CampaignId, effects: &mut Vec<Effect>) {
        self.open(Kind::Preflight, campaign, effects);
    }

    fn open(&mut self, kind: Kind, campaign: &CampaignId, effects: &mut Vec<Effect>) {
        if let State::Running(running) = &mut self.state {
            running.problem = format!("{} is under way: one at a time", running.wish.noun());
            return;
        }
        effects.push(order(WorkOrder::Ask { approval: None }));
        self.field.clear();
        self.state = State::Asking(Asking {
            kind,
            campaign: campaign.clone(),
            manager: None,
            is_at_desk: true,
            problem: String::new(),
        });
    }

    /// Whether something lies over the page.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    /// Where the operator is; none: on the page itself.
    pub fn place(&self) -> Option<Place> {
        match &self.state {
            State::Closed => None,
            State::Picking(_) => Some(Place::WorkPicked),
            State::Asking(_)
            | State::Importing(_)
            | State::Drawing(_)
            | State::Rehearsing(_)
            | State::Ended(_) => Some(Place::Work),
            State::Running(running) if running.asks_stop => Some(Place::Question),
            State::Running(_) => Some(Place::WorkRuns),
        }
    }

    /// What the status line says of it.
    pub fn in_status(&self) -> Option<String> {
        let State::Running(running) = &self.state else {
            return None;
        };
        let verb = running.wish.verb();
        let percent = running.progress.and_then(|progress| progress.percent);
        Some(match (&running.wish, percent) {
            (WorkWish::Preflight { .. }, _) if !running.checks.is_empty() => {
                format!("preflight: {} checks", running.checks.len())
            }
            (_, Some(percent)) => format!("{verb} {percent} %"),
            (_, None) => format!("{verb} …"),
        })
    }

    /// Another screen is opened: what was being asked is dropped; what is under way, and how it ended,
    /// stays.
    pub fn put_away(&mut self) {
        self.field.clear();
        match &mut self.state {
            State::Running(running) => running.asks_stop = false,
            State::Closed | State::Ended(_) => {}
            State::Asking(_)
            | State::Picking(_)
            | State::Importing(_)
            | State::Drawing(_)
            | State::Rehearsing(_) => self.state = State::Closed,
        }
    }

    /// The operator has gone; what is under way goes on.
    pub fn signed_out(&mut self) {
        self.put_away();
        self.folder = None;
        if matches!(self.state, State::Ended(_)) {
            self.state = State::Closed;
        }
    }

    /// A scan drops what is being asked, and is judged; what is filled in stays.
    pub fn scanned(&mut self) {
        self.field.clear();
        if let State::Running(running) = &mut self.state {
            running.asks_stop = false;
        } else if matches!(self.state, State::Asking(_)) {
            self.state = State::Closed;
        }
    }

    /// Time has gone by while it is in view.
    pub fn ticked(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let State::Picking(picker) = &mut self.state else {
            return;
        };
        // A clock that was set back must not stop it.
        let is_due = picker
            .asked_at
            .is_some_and(|at| now.duration_since(at).abs() >= LISTED_APART);
        if picker.asked_at.is_none() {
            picker.asked_at = Some(now);
        } else if let (true, false, Some(listing)) = (is_due, picker.is_reading, &picker.listing) {
            picker.asked_at = Some(now);
            self.number = self.number.saturating_add(1);
            effects.push(order(WorkOrder::Go {
                number: self.number,
                to: Some(listing.folder.clone()),
            }));
        }
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        match &mut self.state {
            State::Closed => {}
            State::Asking(asking) => {
                if let (Some(manager), false) = (&mut asking.manager, asking.is_at_desk) {
                    manager.typed(character);
                }
            }
            State::Picking(picker) => {
                picker.field.push(character);
                picker.at = 0;
                picker.problem.clear();
            }
            State::Importing(form) if character == ' ' && self.field.is_empty() => form.switch(),
            State::Drawing(form) => form.typed(character),
            State::Rehearsing(form) => form.audience.push(character),
            State::Importing(_) | State::Running(_) | State::Ended(_) => {
                self.field.push(character);
            }
        }
    }

    /// Does what a key orders.
    pub fn command(
        &mut self,
        command: Command,
        _setting: &Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let takes_line = matches!(
            self.state,
            State::Importing(_) | State::Running(_) | State::Ended(_)
        );
        if takes_line && !self.field.is_empty() {
            if command == Command::Drop {
                self.field.clear();
                return Outcome::Open;
            }
            if command == Command::Enter {
                return Outcome::Scan(self.field.take().into_bytes());
            }
            if edit(&mut self.field, command) {
                return Outcome::Open;
            }
        }
        let state = std::mem::replace(&mut self.state, State::Closed);
        let (state, outcome) = match state {
            State::Closed => (State::Closed, Outcome::Open),
            State::Asking(asking) => asking.command(command, effects),
            State::Picking(picker) => picker.command(command, &mut self.number, effects),
            State::Importing(form) => (form.command(command, effects), Outcome::Open),
            State::Drawing(form) => form.command(command, effects),
            State::Rehearsing(form) => form.command(command, effects),
            State::Running(running) => (running.command(command, effects), Outcome::Open),
            State::Ended(report) => (report.command(command), Outcome::Open),
        };
        self.state = state;
        outcome
    }

    /// The desk has told of it. What is worth a notice on another screen is given back.
    pub fn told(&mut self, told: WorkTold, effects: &mut Vec<Effect>) -> Option<String> {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match (told, state) {
            (WorkTold::Began(wish), _) => self.state = State::Running(Running::new(wish)),
            (WorkTold::Refused(words), state) => return self.refused(state, words),
            (WorkTold::Ended(end), State::Running(running)) => {
                let report = running.ended(*end);
                self.field.clear();
                let words = report.notice();
                effects.push(Effect::Bell {
                    times: if report.is_well() { 1 } else { 3 },
                });
                self.state = State::Ended(report);
                return Some(words);
            }
            (told, State::Running(mut running)) => {
                running.told(told);
                self.state = State::Running(running);
            }
            (told, State::Picking(picker)) => self.state = self.looked(told, picker),
            (WorkTold::NeedsManager { names }, State::Asking(mut asking)) => {
                asking.needs(names);
                self.state = State::Asking(asking);
            }
            (WorkTold::Granted, State::Asking(asking)) => {
                self.state = self.granted(asking, effects);
            }
            // What was asked is not wanted any more.
            (_, state) => self.state = state,
        }
        None
    }

    /// What stands at a place that was asked for; an older look is of no use any more.
    fn looked(&mut self, told: WorkTold, mut picker: Picker) -> State {
        match told {
            WorkTold::Listed { number, listing } if number == self.number => {
                self.folder = Some(listing.folder.clone());
                picker.listed(listing);
            }
            WorkTold::Looked { number, list } if number == self.number => {
                picker.is_reading = false;
                return State::Importing(Box::new(ImportForm::new(picker, *list)));
            }
            WorkTold::Unread { number, words } if number == self.number => {
                picker.is_reading = false;
                picker.problem = words;
            }
            WorkTold::Listed { .. }
            | WorkTold::Looked { .. }
            | WorkTold::Unread { .. }
            | WorkTold::NeedsManager { .. }
            | WorkTold::Granted
            | WorkTold::Began(_)
            | WorkTold::Progress(_)
            | WorkTold::Trying(_)
            | WorkTold::Checked(_)
            | WorkTold::Ended(_)
            | WorkTold::Refused(_) => {}
        }
        State::Picking(picker)
    }

    /// A manager has approved: on to what is to be filled in.
    fn granted(&mut self, asking: Asking, effects: &mut Vec<Effect>) -> State {
        let campaign = asking.campaign;
        match asking.kind {
            Kind::Import => {
                self.number = self.number.saturating_add(1);
                effects.push(order(WorkOrder::Go {
                    number: self.number,
                    to: self.folder.clone(),
                }));
                State::Picking(Picker::new(campaign))
            }
            Kind::Generate => State::Drawing(GenerateForm::new(campaign)),
            Kind::Preflight => State::Rehearsing(PreflightForm {
                campaign,
                audience: Field::default(),
                is_at_desk: false,
                problem: String::new(),
            }),
        }
    }

    /// Nothing was begun: what was filled in is there again.
    fn refused(&mut self, state: State, words: String) -> Option<String> {
        self.state = match state {
            State::Asking(mut asking) => {
                asking.is_at_desk = false;
                asking.problem = words;
                if let Some(manager) = &mut asking.manager {
                    manager.refuse();
                }
                State::Asking(asking)
            }
            State::Importing(mut form) => {
                form.is_at_desk = false;
                form.problem = words;
                State::Importing(form)
            }
            State::Drawing(mut form) => {
                form.is_at_desk = false;
                form.problem = words;
                State::Drawing(form)
            }
            State::Rehearsing(mut form) => {
                form.is_at_desk = false;
                form.problem = words;
                State::Rehearsing(form)
            }
            State::Running(mut running) => {
                running.problem.clone_from(&words);
                self.state = State::Running(running);
                return Some(words);
            }
            other @ (State::Closed | State::Picking(_) | State::Ended(_)) => {
                self.state = other;
                return Some(words);
            }
        };
        None
    }
}

impl Default for CampaignWork {
    fn default() -> CampaignWork {
        CampaignWork::new()
    }
}

/// It is closed, and the next one asks a manager anew.
pub(super) fn closed(effects: &mut Vec<Effect>) -> State {
    effects.push(order(WorkOrder::Close));
    State::Closed
}

impl Asking {
    fn needs(&mut self, names: Vec<String>) {
        let managers = Managers {
            names,
            is_signed: true,
        };
        let reason = Some("work on a campaign".to_owned());
        self.manager = Some(ManagerForm::new(&managers, reason));
        self.is_at_desk = false;
    }

    fn command(mut self, command: Command, effects: &mut Vec<Effect>) -> (State, Outcome) {
        if command == Command::Drop {
            return (closed(effects), Outcome::Open);
        }
        let (Some(manager), false) = (&mut self.manager, self.is_at_desk) else {
            return (State::Asking(self), Outcome::Open);
        };
        match manager.command(command) {
            Outcome::Open => (State::Asking(self), Outcome::Open),
            Outcome::Scan(raw) => (State::Asking(self), Outcome::Scan(raw)),
            Outcome::Done(approval) => {
                self.ask(approval, effects);
                (State::Asking(self), Outcome::Open)
            }
        }
    }

    fn ask(&mut self, approval: Option<ApprovalAsk>, effects: &mut Vec<Effect>) {
        self.is_at_desk = true;
        self.problem.clear();
        effects.push(order(WorkOrder::Ask { approval }));
    }
}

impl CampaignWork {
    /// Draws it over the page.
    pub fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        canvas.fill(Style::new());
        canvas.border(theme.border(Tone::Plain), Style::new());
        let room = canvas.columns().saturating_sub(4);
        canvas.text(2, 0, &cut(&self.title(), room), theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        let hint = self.hint();
        if !hint.is_empty() && columns(hint) <= room {
            canvas.text_right(2, bottom, hint, Style::new());
        }
        let mut inside = canvas.inside(2);
        if self.field.is_empty() {
            return self.draw_state(&mut inside, view);
        }
        let rows = inside.rows().saturating_sub(1);
        let line = self.field.with_cursor(view.pending, usize::from(room));
        let code = cut(&format!("Code: {line}"), room);
        inside.text(0, rows, &code, theme.warning());
        self.draw_state(&mut inside.part(0, 0, room, rows), view);
    }

    fn draw_state(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        match &self.state {
            State::Closed => {}
            State::Asking(asking) => asking.draw(canvas),
            State::Picking(picker) => picker.draw(canvas, view),
            State::Importing(form) => form.draw(canvas),
            State::Drawing(form) => form.draw(canvas),
            State::Rehearsing(form) => form.draw(canvas),
            State::Running(running) => running.draw(canvas),
            State::Ended(report) => report.draw(canvas),
        }
    }

    fn title(&self) -> String {
        let of = |kind: Kind, campaign: &CampaignId| match kind {
            Kind::Import => format!(" IMPORT INTO {campaign} "),
            Kind::Generate => format!(" GENERATE FOR {campaign} "),
            Kind::Preflight => format!(" PREFLIGHT OF {campaign} "),
        };
        let of_wish = |wish: &WorkWish| match wish {
            WorkWish::Import { campaign, .. } => of(Kind::Import, campaign),
            WorkWish::Generate { campaign, .. } => of(Kind::Generate, campaign),
            WorkWish::Preflight { campaign, .. } => of(Kind::Preflight, campaign),
        };
        match &self.state {
            State::Closed => String::new(),
            State::Asking(asking) => of(asking.kind, &asking.campaign),
            State::Picking(picker) => of(Kind::Import, &picker.campaign),
            State::Importing(form) => of(Kind::Import, &form.picker.campaign),
            State::Drawing(form) => of(Kind::Generate, &form.campaign),
            State::Rehearsing(form) => of(Kind::Preflight, &form.campaign),
            State::Running(running) => of_wish(&running.wish),
            State::Ended(report) => of_wish(&report.wish),
        }
    }

    fn hint(&self) -> &'static str {
        match &self.state {
            State::Closed | State::Asking(_) => "",
            State::Picking(_) => " Enter: open · Backspace: up · Esc: back ",
            State::Importing(_) => " Up, Down · Space: yes or no · Enter: import ",
            State::Drawing(_) => " Up, Down · Enter: go on, at the end: generate ",
            State::Rehearsing(_) => " Enter: play it · Esc: back ",
            State::Running(running) if running.is_stopping || running.asks_stop => "",
            State::Running(_) => " Esc: stop it · F2: leave it to itself ",
            State::Ended(_) => " Up, Down: more · Enter: close ",
        }
    }
}

impl Asking {
    fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let rows = draw_below(canvas, &self.problem);
        let room = canvas.columns();
        let mut above = canvas.part(0, 0, room, rows);
        match &self.manager {
            None => {
                above.text(0, 0, "one moment …", theme.dim());
            }
            Some(manager) => {
                above.text(0, 0, "A manager must approve this.", theme.strong());
                for (row, line) in (2_u16..).zip(manager.lines(room)) {
                    above.line(0, row, &line, Style::new());
                }
            }
        }
    }
}

/// A line, and how loudly it is said.
pub(super) struct Said {
    pub(super) words: String,
    pub(super) style: Style,
}

impl Said {
    pub(super) fn new(words: impl Into<String>, style: Style) -> Said {
        Said {
            words: words.into(),
            style,
        }
    }

    /// A row of a form, which may be the marked one.
    pub(super) fn row(label: &str, value: &str, is_marked: bool, theme: Theme) -> Said {
        let style = if is_marked {
            theme.strong()
        } else {
            Style::new()
        };
        Said::new(form_row(label, value, is_marked), style)
    }
}

/// Draws what is said at the end of a form, loudly; gives back how many rows are left above it.
pub(super) fn draw_below(canvas: &mut Canvas<'_>, words: &str) -> u16 {
    let theme = canvas.theme();
    let (room, rows) = (canvas.columns(), canvas.rows());
    let lines = wrapped(words, room, 3);
    let count = u16::try_from(lines.len()).unwrap_or(0);
    let above = rows.saturating_sub(count);
    for (row, line) in (above..).zip(&lines) {
        canvas.text(0, row, line, theme.warning());
    }
    above
}

pub(super) fn draw_lines(canvas: &mut Canvas<'_>, lines: &[Said]) {
    let room = canvas.columns();
    for (row, line) in (0_u16..).zip(lines) {
        canvas.text(0, row, &cut(&line.words, room), line.style);
    }
}

/// Where a mark goes.
pub(super) fn moved(at: usize, last: usize, command: Command) -> usize {
    if matches!(command, Command::Up | Command::Previous) {
        at.saturating_sub(1)
    } else if matches!(command, Command::Down | Command::Next) {
        at.saturating_add(1).min(last)
    } else if command == Command::PageUp {
        at.saturating_sub(PAGE)
    } else if command == Command::PageDown {
        at.saturating_add(PAGE).min(last)
    } else {
        at
    }
}
