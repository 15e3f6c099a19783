//! Long work on a campaign, over the page it is opened from: import with a file picker, generation,
//! preflight; each with a bar, stoppable, and told to its end.
//!
//! Invariant: nothing is begun before a manager has approved, and nothing under way is stopped by one
//! key. Not here: the files and the ledger; what stands in a folder comes in as a message.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use ratatui::style::Style;

use crate::domain::code::{SHAPE_LETTERS_MAX, SHAPE_LETTERS_MIN, Shape, grouped};
use crate::domain::ids::CampaignId;
use crate::domain::local_time::in_few_words;
use crate::domain::preflight::{Check, Outcome as CheckOutcome};
use crate::tui::back_order::BackOrder;
use crate::tui::back_room::Setting;
use crate::tui::canvas::{Canvas, columns, cut, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::msg::{ApprovalAsk, Effect};
use crate::tui::pages::View;
use crate::tui::screens::pools::count_of;
use crate::tui::screens::question::{ManagerForm, Managers, Outcome, edit};
use crate::tui::theme::Tone;
use crate::tui::work_order::{
    FolderRow, ListBeginning, Listing, WorkEnd, WorkOrder, WorkProgress, WorkStep, WorkTold,
    WorkWish,
};

/// How far a page key moves the mark.
const PAGE: usize = 8;

/// A folder is read again so often while it is looked at: a stick may be plugged in.
const LISTED_APART: SignedDuration = SignedDuration::from_secs(5);

/// Columns of a file's size and of its date.
const SIZE_COLUMNS: u16 = 8;
const DATE_COLUMNS: u16 = 16;

/// What a sample code is drawn from: it is shown, and nobody's.
const SAMPLE: [u8; 20] = [
    0x1b, 0x72, 0xd4, 0x39, 0xa6, 0x0f, 0x85, 0xce, 0x47, 0x93, 0x2a, 0xf1, 0x6c, 0xb8, 0x5d, 0x04,
    0xe7, 0x31, 0x9a, 0x58,
];

fn order(order: WorkOrder) -> Effect {
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

enum State {
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
struct Asking {
    kind: Kind,
    campaign: CampaignId,
    /// None: the desk has not said yet who may approve.
    manager: Option<ManagerForm>,
    is_at_desk: bool,
    problem: String,
}

/// A file is picked.
struct Picker {
    campaign: CampaignId,
    listing: Option<Listing>,
    /// What is typed: a filter, or a path.
    field: Field,
    at: usize,
    /// Ordered and not answered yet; none: not asked yet.
    asked_at: Option<Timestamp>,
    is_reading: bool,
    /// What is to be marked when the listing comes.
    marks: Option<PathBuf>,
    problem: String,
}

/// A list was picked, and nothing is stored yet.
struct ImportForm {
    picker: Picker,
    list: ListBeginning,
    at: usize,
    is_given_out: bool,
    skips_bad: bool,
    is_as_is: bool,
    is_at_desk: bool,
    problem: String,
}

/// What is to be drawn.
struct GenerateForm {
    campaign: CampaignId,
    count: Field,
    prefix: Field,
    length: Field,
    is_given_out: bool,
    at: usize,
    is_at_desk: bool,
    problem: String,
}

/// What is to be played.
struct PreflightForm {
    campaign: CampaignId,
    audience: Field,
    is_at_desk: bool,
    problem: String,
}

/// Work under way.
struct Running {
    wish: WorkWish,
    progress: Option<WorkProgress>,
    /// Rows read or drawn so far.
    read: u64,
    /// Bad rows so far.
    bad: u64,
    /// Codes stored so far, of so many; nobody can use them yet.
    stored: Option<(u64, u64)>,
    trying: Option<&'static str>,
    checks: Vec<Check>,
    asks_stop: bool,
    is_stopping: bool,
    problem: String,
}

/// Work that has ended.
struct Report {
    wish: WorkWish,
    end: WorkEnd,
    checks: Vec<Check>,
    /// The first line in view.
    first: usize,
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
            State::Running(running) if running.asks_stop => Some(Place::Work),
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
            (WorkTold::NeedsManager { names }, State::Asking(mut asking)) => {
                let managers = Managers {
                    names,
                    is_signed: true,
                };
                let reason = Some("work on a campaign".to_owned());
                asking.manager = Some(ManagerForm::new(&managers, reason));
                asking.is_at_desk = false;
                self.state = State::Asking(asking);
            }
            (WorkTold::Granted, State::Asking(asking)) => {
                self.state = self.granted(asking, effects);
            }
            (WorkTold::Listed { number, listing }, State::Picking(mut picker)) => {
                if number == self.number {
                    self.folder = Some(listing.folder.clone());
                    picker.listed(listing);
                }
                self.state = State::Picking(picker);
            }
            (WorkTold::Looked { number, list }, State::Picking(mut picker)) => {
                self.state = if number == self.number {
                    picker.is_reading = false;
                    State::Importing(Box::new(ImportForm::new(picker, *list)))
                } else {
                    State::Picking(picker)
                };
            }
            (WorkTold::Unread { number, words }, State::Picking(mut picker)) => {
                if number == self.number {
                    picker.is_reading = false;
                    picker.problem = words;
                }
                self.state = State::Picking(picker);
            }
            (WorkTold::Began(wish), _) => self.state = State::Running(Running::new(wish)),
            (WorkTold::Progress(progress), State::Running(mut running)) => {
                running.progressed(progress);
                self.state = State::Running(running);
            }
            (WorkTold::Trying(words), State::Running(mut running)) => {
                running.trying = Some(words);
                self.state = State::Running(running);
            }
            (WorkTold::Checked(check), State::Running(mut running)) => {
                running.checks.push(check);
                self.state = State::Running(running);
            }
            (WorkTold::Ended(end), State::Running(running)) => {
                let report = Report {
                    wish: running.wish,
                    end: *end,
                    checks: running.checks,
                    first: 0,
                };
                self.field.clear();
                let words = report.notice();
                effects.push(Effect::Bell {
                    times: if report.is_well() { 1 } else { 3 },
                });
                self.state = State::Ended(report);
                return Some(words);
            }
            (WorkTold::Refused(words), state) => return self.refused(state, words),
            // What was asked is not wanted any more.
            (
                WorkTold::NeedsManager { .. }
                | WorkTold::Granted
                | WorkTold::Listed { .. }
                | WorkTold::Looked { .. }
                | WorkTold::Unread { .. }
                | WorkTold::Progress(_)
                | WorkTold::Trying(_)
                | WorkTold::Checked(_)
                | WorkTold::Ended(_),
                state,
            ) => self.state = state,
        }
        None
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
            other @ (State::Closed | State::Picking(_) | State::Running(_) | State::Ended(_)) => {
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
fn closed(effects: &mut Vec<Effect>) -> State {
    effects.push(order(WorkOrder::Close));
    State::Closed
}

impl Asking {
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

impl Picker {
    fn new(campaign: CampaignId) -> Picker {
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
    fn rows(&self) -> Vec<&FolderRow> {
        let filter = self.field.as_str().to_lowercase();
        let is_path = is_path(&filter);
        let rows = self.listing.as_ref().map_or(&[][..], |all| &all.rows);
        rows.iter()
            .filter(|row| filter.starts_with('.') || !row.name.starts_with('.'))
            .filter(|row| is_path || row.name.to_lowercase().contains(&filter))
            .collect()
    }

    fn listed(&mut self, listing: Listing) {
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

    fn command(
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
    fn picked(&self) -> Option<PathBuf> {
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
fn is_path(typed: &str) -> bool {
    typed.contains('/') || typed.starts_with('~')
}

/// Where a mark goes.
fn moved(at: usize, last: usize, command: Command) -> usize {
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

impl ImportForm {
    fn new(picker: Picker, list: ListBeginning) -> ImportForm {
        ImportForm {
            picker,
            list,
            at: 0,
            is_given_out: false,
            skips_bad: false,
            is_as_is: false,
            is_at_desk: false,
            problem: String::new(),
        }
    }

    fn switch(&mut self) {
        let switch = match self.at {
            0 => &mut self.is_given_out,
            1 => &mut self.skips_bad,
            _ => &mut self.is_as_is,
        };
        *switch = !*switch;
    }

    fn command(mut self: Box<Self>, command: Command, effects: &mut Vec<Effect>) -> State {
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
            effects.push(order(WorkOrder::Begin(WorkWish::Import {
                campaign: self.picker.campaign.clone(),
                path: self.list.path.clone(),
                is_given_out: self.is_given_out,
                skips_bad: self.skips_bad,
                is_as_is: self.is_as_is,
            })));
        } else {
            self.at = moved(self.at, 2, command);
        }
        State::Importing(self)
    }
}

impl GenerateForm {
    fn new(campaign: CampaignId) -> GenerateForm {
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
    fn line(&mut self) -> Option<&mut Field> {
        match self.at {
            0 => Some(&mut self.count),
            1 => Some(&mut self.prefix),
            2 => Some(&mut self.length),
            _ => None,
        }
    }

    fn typed(&mut self, character: char) {
        match self.line() {
            Some(field) => field.push(character),
            None if character == ' ' => self.is_given_out = !self.is_given_out,
            None => {}
        }
    }

    /// What the codes will look like, or why they cannot.
    fn shape(&self) -> Result<Shape, String> {
        let length = self.length.as_str().trim().parse::<usize>();
        let length = length.map_err(|_| {
            format!("the length is a number from {SHAPE_LETTERS_MIN} to {SHAPE_LETTERS_MAX}")
        })?;
        Shape::new(self.prefix.as_str(), length).map_err(|fault| fault.to_string())
    }

    fn wish(&self) -> Result<WorkWish, (usize, String)> {
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

    fn command(mut self, command: Command, effects: &mut Vec<Effect>) -> (State, Outcome) {
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
fn number_of(typed: &str) -> Option<u64> {
    let digits: String = typed
        .chars()
        .filter(|letter| !matches!(letter, ' ' | ',' | '.' | '\''))
        .collect();
    digits.parse().ok()
}

impl PreflightForm {
    fn command(mut self, command: Command, effects: &mut Vec<Effect>) -> (State, Outcome) {
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

impl Running {
    fn new(wish: WorkWish) -> Running {
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

    fn progressed(&mut self, progress: WorkProgress) {
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

    fn command(mut self, command: Command, effects: &mut Vec<Effect>) -> State {
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
    fn command(mut self, command: Command) -> State {
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

    fn count(&self, outcome: CheckOutcome) -> usize {
        let all = self.checks.iter();
        all.filter(|check| check.outcome == outcome).count()
    }

    fn is_well(&self) -> bool {
        match &self.end {
            WorkEnd::Stored { bad_count, .. } => *bad_count == 0,
            WorkEnd::Played => self.count(CheckOutcome::Fail) == 0,
            WorkEnd::Stopped => true,
            WorkEnd::Failed(_) => false,
        }
    }

    /// How it ended, in one line.
    fn headline(&self) -> String {
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
    fn notice(&self) -> String {
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
    fn advice(&self) -> Option<String> {
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

/// A line, and how loudly it is said.
struct Said {
    words: String,
    style: Style,
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
        if !self.field.is_empty() {
            let rows = inside.rows().saturating_sub(1);
            let line = self.field.with_cursor(view.pending, usize::from(room));
            inside.text(
                0,
                rows,
                &cut(&format!("Code: {line}"), room),
                theme.warning(),
            );
            let mut above = inside.part(0, 0, room, rows);
            self.draw_state(&mut above, view);
        } else {
            self.draw_state(&mut inside, view);
        }
    }

    fn draw_state(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        match &self.state {
            State::Closed => {}
            State::Asking(asking) => asking.draw(canvas),
            State::Picking(picker) => picker.draw(canvas, view),
            State::Importing(form) => form.draw(canvas, view),
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

/// Draws what is said at the end of a form, loudly; gives back how many rows are left above it.
fn draw_below(canvas: &mut Canvas<'_>, words: &str) -> u16 {
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

fn draw_lines(canvas: &mut Canvas<'_>, lines: &[Said]) {
    let room = canvas.columns();
    for (row, line) in (0_u16..).zip(lines) {
        canvas.text(0, row, &cut(&line.words, room), line.style);
    }
}

fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// The row of a form: its mark, its label and what stands there.
fn form_row(label: &str, value: &str, is_marked: bool) -> String {
    let mark = if is_marked { '›' } else { ' ' };
    format!("{mark}{} {value}", padded(label, 24))
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

/// `812 B`, `14 kB`, `3.2 MB`.
fn size_in_words(bytes: u64) -> String {
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
fn path_in_room(path: &Path, room: u16) -> String {
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

impl Picker {
    fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
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

fn file_line(file: &FolderRow, is_marked: bool, room: u16, view: &View<'_>) -> String {
    let mark = if is_marked { '›' } else { ' ' };
    let (name, size) = if file.is_folder {
        (format!("{}/", file.name), String::new())
    } else {
        (file.name.clone(), size_in_words(file.bytes))
    };
    let date = file
        .changed_at
        .map(|at| in_few_words(at, view.now, view.zone))
        .unwrap_or_default();
    let taken = SIZE_COLUMNS + DATE_COLUMNS + 4;
    let name = padded(&name, room.saturating_sub(taken));
    let size = format!("{size:>width$}", width = usize::from(SIZE_COLUMNS));
    format!("{mark}{name} {size}  {}", padded(&date, DATE_COLUMNS))
}

impl ImportForm {
    fn draw(&self, canvas: &mut Canvas<'_>, _view: &View<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let words = if self.is_at_desk {
            "one moment …"
        } else {
            self.problem.as_str()
        };
        let rows = draw_below(canvas, words);
        let list = &self.list;
        let name = list.path.file_name().unwrap_or(list.path.as_os_str());
        let plain = |words: String| Said {
            words,
            style: Style::new(),
        };
        let mut lines = vec![Said {
            words: format!("{} · {}", name.to_string_lossy(), size_in_words(list.bytes)),
            style: theme.strong(),
        }];
        let at = list.code_at.saturating_add(1);
        let header = if list.has_header {
            "by its header"
        } else {
            "no header"
        };
        lines.push(plain(match list.columns.len() {
            1 => format!("one column, the code ({header})"),
            count => format!(
                "the code is column {at} of {count}, {header}: {}",
                list.columns.join(", ")
            ),
        }));
        let spare = usize::from(rows).saturating_sub(7);
        if spare >= 3 {
            lines.push(plain(String::new()));
            for row in list.rows.iter().take(spare.saturating_sub(1)) {
                lines.push(Said {
                    words: format!("  {}", row.join("  ")),
                    style: theme.dim(),
                });
            }
            lines.push(plain(String::new()));
        } else {
            let codes = list.rows.iter().filter_map(|row| row.get(list.code_at));
            let codes: Vec<&str> = codes.map(String::as_str).collect();
            lines.push(Said {
                words: format!("such as {}", codes.join(", ")),
                style: theme.dim(),
            });
        }
        let switches = [
            ("given out already", self.is_given_out),
            ("leave bad rows out", self.skips_bad),
            ("take codes as they are", self.is_as_is),
        ];
        for (at, (label, is_so)) in switches.into_iter().enumerate() {
            let is_marked = at == self.at;
            lines.push(Said {
                words: form_row(label, yes(is_so), is_marked),
                style: if is_marked {
                    theme.strong()
                } else {
                    Style::new()
                },
            });
        }
        let means = match self.at {
            0 if self.is_given_out => "People hold them: they are honoured, and never claimed.",
            0 => "Nobody holds them yet: the shop gives them out.",
            1 if self.skips_bad => "The good rows are stored, the bad ones listed.",
            1 => "One bad row, and nothing is stored.",
            _ if self.is_as_is => "Whatever a spreadsheet has made of them is taken.",
            _ => "Codes that a spreadsheet has damaged are bad rows.",
        };
        lines.push(Said {
            words: means.to_owned(),
            style: theme.dim(),
        });
        draw_lines(&mut canvas.part(0, 0, room, rows), &lines);
    }
}

impl GenerateForm {
    fn draw(&self, canvas: &mut Canvas<'_>) {
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
            let is_marked = at == self.at;
            lines.push(Said {
                words: form_row(label, &value, is_marked),
                style: if is_marked {
                    theme.strong()
                } else {
                    Style::new()
                },
            });
        }
        lines.push(Said {
            words: String::new(),
            style: Style::new(),
        });
        let sample = self.shape().map(|shape| {
            let code = shape.generate(&SAMPLE).unwrap_or_default();
            format!(" such as {}", grouped(&code))
        });
        lines.push(match sample {
            Ok(words) => Said {
                words,
                style: theme.strong(),
            },
            Err(words) => Said {
                words: format!(" {words}"),
                style: theme.warning(),
            },
        });
        draw_lines(&mut canvas.part(0, 0, room, rows), &lines);
    }
}

impl PreflightForm {
    fn draw(&self, canvas: &mut Canvas<'_>) {
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

/// A bar with its percent.
fn draw_bar(canvas: &mut Canvas<'_>, row: u16, percent: Option<u8>) {
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
fn left_in_words(seconds: u64) -> String {
    match seconds {
        0..=1 => "nearly done".to_owned(),
        2..=90 => format!("about {seconds} s left"),
        _ => format!("about {} min left", seconds.div_ceil(60)),
    }
}

impl Running {
    fn below(&self) -> &str {
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

    fn draw(&self, canvas: &mut Canvas<'_>) {
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
    fn draw_checks(&self, canvas: &mut Canvas<'_>) {
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

fn step_in_words(progress: WorkProgress) -> String {
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

fn draw_check(canvas: &mut Canvas<'_>, check: &Check) {
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

impl Report {
    fn draw(&self, canvas: &mut Canvas<'_>) {
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
            let lines: Vec<String> = bad
                .iter()
                .map(|row| {
                    let (line, column) = (row.line, &row.column);
                    format!("line {line}, {column}: {}: {}", row.value, row.reason)
                })
                .collect();
            self.draw_bad(&mut rest, &lines, end.as_deref());
        } else if !self.checks.is_empty() {
            self.draw_checks(&mut rest);
        }
    }

    fn draw_bad(&self, canvas: &mut Canvas<'_>, lines: &[String], end: Option<&str>) {
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
    fn draw_checks(&self, canvas: &mut Canvas<'_>) {
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
