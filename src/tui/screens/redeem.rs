//! The home screen: scans, their verdicts, and what was scanned last.
//!
//! Invariant: a verdict is shown only after [`Msg::Judged`](crate::tui::msg::Msg::Judged); while a scan
//! is at the desk the panel shows neither a refusal nor an acceptance.
//! Invariant: nothing here holds up the next scan.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::text::Line;

use crate::devices::scan::input::ScanFlags;
use crate::domain::code::last_letters;
use crate::domain::reversal::{GivenUp, PendingChoice, Reversal, ReversalWord, UndoChoice};
use crate::domain::verdict::{Answer, Band, Unseen, Verdict};
use crate::tui::canvas::{Canvas, bold};
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::last_scans::{LAST_SCANS_MAX, LastScans, draw_asked, draw_recent};
use crate::tui::layout::{Layout, TODAY_ROWS};
use crate::tui::msg::{ApprovalAsk, Effect};
use crate::tui::pages::{Judged, Shown, View, sample};
use crate::tui::panel::{self, Page};
use crate::tui::screens::question::{Asked, Given, ManagerForm, Managers, Outcome, Question, edit};
use crate::tui::screens::undo::Undo;
use crate::tui::theme::Tone;
use crate::tui::today::{draw_today, today_in_one_line};
use crate::tui::words;

/// What takes a scan that turns out to be no code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fills {
    Nothing,
    /// The open question with this number.
    Question(u64),
    /// A field of the form on another screen.
    Form,
}

/// A scan on its way to the desk.
pub struct ScanIn {
    /// The bytes to be judged.
    pub raw: Vec<u8>,
    /// What came, where that is something else: the counter's keyboard layout is known.
    pub came: Option<Vec<u8>>,
    /// What was odd about it.
    pub flags: ScanFlags,
}

impl ScanIn {
    /// A line that was typed by hand.
    pub fn typed(raw: Vec<u8>) -> ScanIn {
        ScanIn {
            raw,
            came: None,
            flags: ScanFlags::NONE,
        }
    }
}

/// A scan that the desk has not answered yet.
struct AtDesk {
    number: u64,
    raw: Vec<u8>,
    given: Given,
    /// The answered question, to be asked again if the desk refuses the answer.
    question: Option<Box<Question>>,
    fills: Fills,
    flags: ScanFlags,
    ticks: u8,
    /// The hub is asked about it: the desk goes on with the next one.
    asks_hub: bool,
}

impl AtDesk {
    /// A plain scan, without a number yet.
    fn new(raw: Vec<u8>) -> AtDesk {
        AtDesk {
            number: 0,
            raw,
            given: Given::default(),
            question: None,
            fills: Fills::Nothing,
            flags: ScanFlags::NONE,
            ticks: 0,
            asks_hub: false,
        }
    }
}

enum Mode {
    Scanning,
    Asking(Question),
    Undoing(Undo),
}

/// The home screen.
pub struct Redeem {
    next_number: u64,
    at_desk: Vec<AtDesk>,
    shown: Shown,
    mode: Mode,
    last_scans: LastScans,
    to_mark: Vec<(u64, i64)>,
    line: Field,
    is_slow: bool,
}

impl Redeem {
    /// Nothing scanned yet.
    pub fn new() -> Redeem {
        Redeem {
            next_number: 1,
            at_desk: Vec::new(),
            shown: Shown::Nothing,
            mode: Mode::Scanning,
            last_scans: LastScans::default(),
            to_mark: Vec::new(),
            line: Field::default(),
            is_slow: false,
        }
    }

    /// Where the operator is.
    pub fn place(&self) -> Place {
        match &self.mode {
            Mode::Asking(_) => Place::Question,
            Mode::Undoing(_) => Place::Undo,
            Mode::Scanning if self.may_be_set_aside() => Place::Refused,
            Mode::Scanning => Place::Home,
        }
    }

    /// Takes the acceptances that were never drawn.
    pub fn opened(&mut self, unseen: Vec<Unseen>) {
        self.last_scans.opened(unseen);
    }

    /// A scan goes to the desk, whatever is open; only a scannable question stays, in case it is its
    /// answer.
    pub fn scanned(&mut self, scan: ScanIn, may_judge: bool, effects: &mut Vec<Effect>) {
        let fills = match &self.mode {
            Mode::Asking(question) if question.is_scannable() => Fills::Question(question.number),
            Mode::Asking(_) | Mode::Undoing(_) => {
                self.mode = Mode::Scanning;
                Fills::Nothing
            }
            Mode::Scanning => Fills::Nothing,
        };
        self.send(scan, may_judge, fills, effects);
    }

    /// The same while a form is on the screen, whose field takes what is no code.
    pub fn scanned_for_form(&mut self, scan: ScanIn, effects: &mut Vec<Effect>) {
        self.mode = Mode::Scanning;
        self.send(scan, true, Fills::Form, effects);
    }

    fn send(&mut self, scan: ScanIn, may_judge: bool, fills: Fills, effects: &mut Vec<Effect>) {
        let ScanIn { raw, came, flags } = scan;
        let number = self.leave_for_desk(AtDesk {
            fills,
            flags,
            given: Given {
                came: came.clone(),
                ..Given::default()
            },
            ..AtDesk::new(raw.clone())
        });
        effects.push(Effect::Scan {
            number,
            raw,
            came,
            may_judge,
            fills: fills != Fills::Nothing,
        });
    }

    /// A scan was no code, and nothing was judged: it answers the question, or is given back for
    /// the form. Where nobody waits for it any more, it is judged as any other.
    pub fn was_no_code(&mut self, number: u64, effects: &mut Vec<Effect>) -> Option<ScanIn> {
        let AtDesk {
            raw,
            flags,
            fills,
            given,
            ..
        } = self.back_from_desk(number)?;
        let scan = ScanIn {
            raw,
            came: given.came,
            flags,
        };
        match (fills, &mut self.mode) {
            (Fills::Form, _) => return Some(scan),
            (Fills::Question(asked), Mode::Asking(question))
                if question.number == asked && question.is_scannable() =>
            {
                question.fill(&scan.raw);
            }
            (Fills::Question(_) | Fills::Nothing, _) => {
                self.send(scan, true, Fills::Nothing, effects);
            }
        }
        None
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        match &mut self.mode {
            Mode::Scanning => self.line.push(character),
            Mode::Asking(question) => question.typed(character),
            Mode::Undoing(undo) => undo.typed(character),
        }
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command, managers: &Managers, effects: &mut Vec<Effect>) {
        match command {
            Command::Home | Command::SignUp | Command::Find | Command::Pools | Command::Log => {
                self.mode = Mode::Scanning;
            }
            Command::Drop => self.drop_one(),
            Command::Undo => {
                self.mode = Mode::Undoing(Undo::new());
                effects.push(Effect::ListUndo);
            }
            Command::Manager => self.ask_manager(managers),
            Command::Help
            | Command::Slips
            | Command::SignOut
            | Command::Leave
            | Command::Enter
            | Command::Up
            | Command::Down
            | Command::Left
            | Command::Right
            | Command::PageUp
            | Command::PageDown
            | Command::Next
            | Command::Previous
            | Command::LineStart
            | Command::LineEnd
            | Command::Erase
            | Command::EraseNext
            | Command::EraseLine => self.command_in_mode(command, effects),
        }
    }

    fn command_in_mode(&mut self, command: Command, effects: &mut Vec<Effect>) {
        let outcome = match &mut self.mode {
            Mode::Scanning => {
                if !edit(&mut self.line, command)
                    && command == Command::Enter
                    && !self.line.as_str().trim().is_empty()
                {
                    Outcome::Scan(self.line.take().into_bytes())
                } else {
                    Outcome::Open
                }
            }
            Mode::Asking(question) => question.command(command),
            Mode::Undoing(undo) => undo.command(command, effects),
        };
        match outcome {
            Outcome::Open => {}
            Outcome::Scan(raw) => {
                self.mode = Mode::Scanning;
                self.scanned(ScanIn::typed(raw), true, effects);
            }
            Outcome::Done(approval) => self.answered(approval, effects),
        }
    }

    /// The question is answered: the scan goes to the desk anew, with the answers.
    fn answered(&mut self, approval: Option<ApprovalAsk>, effects: &mut Vec<Effect>) {
        let Mode::Asking(question) = std::mem::replace(&mut self.mode, Mode::Scanning) else {
            return;
        };
        let given = question.given.clone();
        let raw = question.raw.clone();
        let number = self.leave_for_desk(AtDesk {
            given: given.clone(),
            question: Some(Box::new(question)),
            ..AtDesk::new(raw.clone())
        });
        effects.push(Effect::Redeem {
            number,
            raw,
            came: given.came,
            receipt: given.receipt,
            customer: given.customer,
            approval,
        });
    }

    fn leave_for_desk(&mut self, act: AtDesk) -> u64 {
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        self.at_desk.push(AtDesk { number, ..act });
        number
    }

    fn back_from_desk(&mut self, number: u64) -> Option<AtDesk> {
        let at = self.at_desk.iter().position(|act| act.number == number)?;
        // The desk gets on.
        self.is_slow = false;
        Some(self.at_desk.remove(at))
    }

    /// The hub is asked about a scan; those behind it are judged meanwhile.
    pub fn asks_hub(&mut self, number: u64) {
        let act = self.at_desk.iter_mut().find(|act| act.number == number);
        if let Some(act) = act {
            act.asks_hub = true;
            self.is_slow = false;
        }
    }

    /// The newest scan without an answer, unless a newer one has its verdict in the panel.
    fn newest_waiting(&self) -> Option<&AtDesk> {
        let newest = self.at_desk.last()?;
        (!self.is_newer_shown(newest.number)).then_some(newest)
    }

    fn drop_one(&mut self) {
        match self.mode {
            Mode::Scanning => self.line.clear(),
            Mode::Asking(_) | Mode::Undoing(_) => self.mode = Mode::Scanning,
        }
    }

    fn may_be_set_aside(&self) -> bool {
        match &self.shown {
            Shown::Verdict(judged) => {
                self.newest_waiting().is_none()
                    && (judged.answer.verdict.may_be_overridden()
                        || matches!(judged.answer.verdict, Verdict::NeedsApproval(_)))
            }
            Shown::Nothing
            | Shown::NotJudged { .. }
            | Shown::Failed { .. }
            | Shown::Undone { .. }
            | Shown::GivenUp { .. } => false,
        }
    }

    fn ask_manager(&mut self, managers: &Managers) {
        if !matches!(self.mode, Mode::Scanning) || !self.may_be_set_aside() {
            return;
        }
        if let Shown::Verdict(judged) = &self.shown {
            self.mode = Mode::Asking(Question {
                number: judged.number,
                raw: judged.raw.clone(),
                answer: judged.answer.clone(),
                given: judged.given.clone(),
                asked: Asked::Manager(ManagerForm::new(managers, None)),
                problem: String::new(),
            });
        }
    }

    /// A verdict has come, after its commit. One that comes after that of a newer scan is given back
    /// in words: the panel is the newer one's.
    pub fn judged(
        &mut self,
        number: u64,
        answer: Box<Answer>,
        managers: &Managers,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        let act = self.back_from_desk(number);
        if let Some(entry) = answer.unshown {
            self.to_mark.push((number, entry));
            let excess = self.to_mark.len().saturating_sub(LAST_SCANS_MAX);
            self.to_mark.drain(..excess);
        }
        self.last_scans.judged(number, &answer);
        effects.extend(bell(&answer.verdict));
        let AtDesk {
            raw, given, flags, ..
        } = act.unwrap_or_else(|| {
            let code = answer.code.clone().unwrap_or_default();
            AtDesk::new(code.into_bytes())
        });
        if self.is_newer_shown(number) {
            return Some(late_words(number, &answer));
        }
        // The verdict comes first: whatever was opened while it was at the desk gives way.
        self.mode = Mode::Scanning;
        // A scan that is waiting would drop the question at once.
        let is_last = self.at_desk.iter().all(|act| act.number < number);
        if is_last
            && let Some(question) = Question::raised_by(number, &raw, &answer, &given, managers)
        {
            self.mode = Mode::Asking(question);
        }
        self.shown = Shown::Verdict(Judged {
            number,
            raw,
            given,
            flags,
            answer,
            at: now,
        });
        None
    }

    fn is_newer_shown(&self, number: u64) -> bool {
        self.shown.number().is_some_and(|newer| newer > number)
    }

    /// A scan was not judged; a question that it might have answered stays.
    pub fn not_judged(&mut self, number: u64, words: &str, now: Timestamp) {
        self.back_from_desk(number);
        self.shown = Shown::NotJudged {
            number,
            words: words.to_owned(),
            at: now,
        };
    }

    /// A scan was somebody's badge.
    pub fn was_badge(&mut self, number: u64) {
        self.back_from_desk(number);
        self.shown = Shown::Nothing;
    }

    /// The desk has refused the manager: the question is asked again.
    pub fn approval_refused(&mut self, number: Option<u64>, words: &str) {
        let Some(number) = number else {
            if let Mode::Undoing(undo) = &mut self.mode {
                undo.refuse(words);
            }
            return;
        };
        let act = self.back_from_desk(number);
        if let Some(mut question) = act.and_then(|act| act.question)
            && self.newest_waiting().is_none()
        {
            words.clone_into(&mut question.problem);
            if let Asked::Manager(form) = &mut question.asked {
                form.refuse();
            }
            self.mode = Mode::Asking(*question);
        }
    }

    /// The ledger could not do it.
    pub fn failed(&mut self, number: Option<u64>, words: String, hint: String) {
        if let Some(number) = number {
            self.back_from_desk(number);
        }
        self.mode = Mode::Scanning;
        self.shown = Shown::Failed {
            number,
            words,
            hint,
        };
    }

    /// The desk has listed what could be undone, or given up.
    pub fn undo_listed(&mut self, choices: Vec<UndoChoice>, pending: Vec<PendingChoice>) {
        if let Mode::Undoing(undo) = &mut self.mode {
            undo.listed(choices, pending);
        }
    }

    /// The hub is asked about an undo.
    pub fn undo_asks_hub(&mut self) {
        if let Mode::Undoing(undo) = &mut self.mode {
            undo.asks_hub();
        }
    }

    /// A scan that the hub has not answered was given up, or not.
    pub fn given_up(
        &mut self,
        code: String,
        outcome: GivenUp,
        managers: &Managers,
        now: Timestamp,
    ) {
        match (outcome, &mut self.mode) {
            (GivenUp::NeedsApproval, Mode::Undoing(undo)) => return undo.ask_manager(managers),
            (GivenUp::Answered, Mode::Undoing(undo)) => {
                return undo.refuse("the hub has answered it meanwhile: scan the code again");
            }
            (GivenUp::NeedsApproval | GivenUp::Answered, _) => return,
            (GivenUp::Done, Mode::Undoing(_)) => self.mode = Mode::Scanning,
            (GivenUp::Done, Mode::Scanning | Mode::Asking(_)) => {}
        }
        self.shown = Shown::GivenUp { code, at: now };
    }

    /// The desk has answered an undo.
    pub fn undone(&mut self, answer: Reversal, managers: &Managers, now: Timestamp) {
        if let Mode::Undoing(undo) = &mut self.mode {
            match answer.word {
                ReversalWord::NeedsApproval => return undo.ask_manager(managers),
                ReversalWord::NothingToReverse
                | ReversalWord::KeyConflict
                | ReversalWord::OfflineRefused
                | ReversalWord::UnknownOutcome => {
                    return undo.refuse(answer.message());
                }
                ReversalWord::Reversed | ReversalWord::Replayed => {}
            }
            self.mode = Mode::Scanning;
        }
        self.shown = Shown::Undone { answer, at: now };
    }

    /// The desk waits for the ledger: another counter is at it, or the disk is slow.
    pub fn slow(&mut self) {
        self.is_slow = !self.at_desk.is_empty();
    }

    /// Time went by.
    pub fn ticked(&mut self, now: Timestamp) {
        self.last_scans.ticked(now);
        for act in &mut self.at_desk {
            act.ticks = act.ticks.saturating_add(1);
        }
    }

    /// Another screen is opened: a question or an undo gives way.
    pub fn put_away(&mut self) {
        self.mode = Mode::Scanning;
    }

    /// The operator has gone: what they typed and what was asked goes with them.
    pub fn signed_out(&mut self) {
        self.mode = Mode::Scanning;
        self.shown = Shown::Nothing;
        self.line.clear();
    }

    /// Whoever was at the console is not any more: what they typed and what was asked goes with them,
    /// the verdict stays.
    pub fn locked(&mut self) {
        self.mode = Mode::Scanning;
        self.line.clear();
    }

    /// The acceptances that are in view for the first time, to be marked as shown.
    pub fn drawn(&mut self, columns: u16, rows: u16, banner_rows: u16) -> Vec<Effect> {
        let seen = self.seen(columns, rows, banner_rows);
        self.mark(&seen)
    }

    /// The same where only the newest verdict is in view, above another screen.
    pub fn drawn_as_strip(&mut self) -> Vec<Effect> {
        match (&self.shown, self.last_scans.newest()) {
            (Shown::Verdict(_), Some(newest)) => {
                let number = newest.number;
                self.mark(&[number])
            }
            (Shown::Verdict(_), None)
            | (
                Shown::Nothing
                | Shown::NotJudged { .. }
                | Shown::Failed { .. }
                | Shown::Undone { .. }
                | Shown::GivenUp { .. },
                _,
            ) => Vec::new(),
        }
    }

    /// The same where the verdict is in view above a form.
    pub fn drawn_above_form(&mut self) -> Vec<Effect> {
        let seen: Vec<u64> = self.in_panel().into_iter().collect();
        self.mark(&seen)
    }

    fn mark(&mut self, seen: &[u64]) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.to_mark.retain(|(number, entry)| {
            let is_seen = seen.contains(number);
            if is_seen {
                effects.push(Effect::MarkShown { entry: *entry });
            }
            !is_seen
        });
        effects
    }

    /// The numbers of the verdicts in view.
    fn seen(&self, columns: u16, rows: u16, banner_rows: u16) -> Vec<u64> {
        let layout = Layout::of(columns, rows, banner_rows);
        let asked = u16::try_from(self.asked_elsewhere().len()).unwrap_or(u16::MAX);
        let list_rows = layout.list_rows;
        let list_rows = list_rows.saturating_sub(asked.min(list_rows / 2));
        let mut seen: Vec<u64> = self
            .last_scans
            .in_rows(list_rows, self.in_panel())
            .map(|recent| recent.number)
            .collect();
        seen.extend(self.in_panel());
        seen
    }

    /// The number of the verdict in the panel.
    fn in_panel(&self) -> Option<u64> {
        match (&self.shown, &self.mode) {
            (Shown::Verdict(judged), Mode::Scanning | Mode::Asking(_))
                if self.newest_waiting().is_none() =>
            {
                Some(judged.number)
            }
            (Shown::Verdict(_), Mode::Scanning | Mode::Asking(_) | Mode::Undoing(_))
            | (
                Shown::Nothing
                | Shown::NotJudged { .. }
                | Shown::Failed { .. }
                | Shown::Undone { .. }
                | Shown::GivenUp { .. },
                _,
            ) => None,
        }
    }
}

impl Default for Redeem {
    fn default() -> Redeem {
        Redeem::new()
    }
}

/// `#4 ACCEPTED …GHJK Free coffee`: what came late.
fn late_words(number: u64, answer: &Answer) -> String {
    let text = words::of(answer.verdict.word());
    let code = answer.code.as_deref().map(last_letters).unwrap_or_default();
    let offer = match (answer.verdict.band(), &answer.offer) {
        (Band::Go, Some(offer)) => offer.as_str(),
        (Band::Go | Band::Look | Band::Stop | Band::Wait, _) => text.means,
    };
    format!("#{number} {} {code}  {offer}", text.big)
}

/// How often the bell rings for a verdict.
fn bell(verdict: &Verdict) -> Option<Effect> {
    let times = match verdict.band() {
        Band::Go if *verdict == Verdict::Reread => return None,
        Band::Go => 1,
        Band::Look | Band::Wait => 2,
        Band::Stop => 3,
    };
    Some(Effect::Bell { times })
}

impl Redeem {
    /// Draws panel and list.
    pub fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let layout = Layout::inside(canvas.columns(), canvas.rows());
        let mut panel_canvas = canvas.part(0, 0, layout.panel_columns, layout.panel_rows);
        let page = self.page(layout.panel_columns, layout.panel_rows, view);
        panel::draw(&mut panel_canvas, &page);
        if layout.side_columns > 0 {
            let columns = layout.side_columns.saturating_sub(2);
            let mut side = canvas.part(
                layout.panel_columns.saturating_add(1),
                0,
                columns,
                layout.panel_rows,
            );
            self.draw_side(&mut side, view, layout.list_rows);
        } else {
            let mut strip = canvas.part(
                1,
                layout.panel_rows,
                canvas.columns().saturating_sub(2),
                layout.list_rows.saturating_add(1),
            );
            self.draw_list(&mut strip, view.zone, layout.list_rows);
            let today = today_in_one_line(view.today);
            let dim = strip.theme().dim();
            strip.text(0, layout.list_rows, &today, dim);
        }
    }

    /// Draws only the word of the panel, for a terminal that is too small.
    pub fn draw_small(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let mut page = self.page(canvas.columns(), canvas.rows(), view);
        page.lines = vec![Line::from("enlarge the window")];
        page.note.clear();
        panel::draw(canvas, &page);
    }

    /// Draws the newest verdict in one row, above another screen.
    pub fn draw_strip(&self, canvas: &mut Canvas<'_>, zone: &TimeZone) {
        if let (Shown::Verdict(_), Some(newest)) = (&self.shown, self.last_scans.newest()) {
            draw_recent(canvas, 0, newest, zone);
        }
    }

    /// Draws what the panel says in a few rows, above a form.
    pub fn draw_above_form(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let is_nothing = matches!(self.shown, Shown::Nothing);
        let page = if self.newest_waiting().is_none() && is_nothing {
            None
        } else {
            Some(self.page(canvas.columns().saturating_mul(2), canvas.rows(), view))
        };
        panel::draw_strip(canvas, page.as_ref());
    }

    /// The line for the next scan: what is typed, or that it is ready.
    pub fn scan_line(&self, pending: &str, room: u16) -> String {
        if self.line.is_empty() && pending.is_empty() {
            "Ready for the next scan ▏".to_owned()
        } else if self.newest_waiting().is_none() && matches!(self.mode, Mode::Scanning) {
            let room = usize::from(room).saturating_sub(6);
            format!("Code: {}", self.line.with_cursor(pending, room))
        } else {
            format!("Code (set aside): {}{pending}", self.line.as_str())
        }
    }

    /// What was said about the last scan that was not judged.
    pub fn not_judged_words(&self) -> Option<&str> {
        match &self.shown {
            Shown::NotJudged { words, .. } => Some(words),
            Shown::Nothing
            | Shown::Verdict(_)
            | Shown::Failed { .. }
            | Shown::Undone { .. }
            | Shown::GivenUp { .. } => None,
        }
    }

    /// Whether a scan is at the desk.
    pub fn is_waiting(&self) -> bool {
        !self.at_desk.is_empty()
    }

    fn page(&self, columns: u16, rows: u16, view: &View<'_>) -> Page {
        let room = panel::room(columns);
        if let Some(newest) = self.newest_waiting() {
            return self.waiting_page(newest);
        }
        match &self.mode {
            Mode::Asking(question) => return question.page(room, view.pending),
            Mode::Undoing(undo) => {
                return undo.page(room, rows.saturating_sub(2), view.now, view.zone);
            }
            Mode::Scanning => {}
        }
        self.shown.page(room, rows, view)
    }

    fn waiting_page(&self, newest: &AtDesk) -> Page {
        let tone = if newest.ticks == 0 && !self.is_slow {
            Tone::Reading
        } else {
            Tone::Wait
        };
        let word = if newest.asks_hub {
            "ASKING HUB"
        } else {
            "WAIT"
        };
        let mut page = Page::new(tone, word);
        page.number = Some(newest.number);
        let words = if newest.asks_hub {
            "asking the hub"
        } else if self.is_slow {
            "waiting for the ledger"
        } else {
            "not known yet"
        };
        page.lines.push(Line::from(bold(format!("…  {words}"))));
        let asked = self.at_desk.iter().filter(|act| act.asks_hub).count();
        let count = self.at_desk.len();
        if asked > 1 {
            page.lines
                .push(Line::from(format!("   {asked} scans are asked about")));
        } else if count > 1 && !newest.asks_hub {
            page.lines
                .push(Line::from(format!("   {count} scans at the desk")));
        }
        page.lines
            .push(Line::from("   do not hand over before the verdict"));
        if newest.asks_hub {
            page.lines
                .push(Line::from("   the next code may be scanned meanwhile"));
        }
        page
    }

    /// The scans that the hub is asked about and that the panel does not show, newest first.
    fn asked_elsewhere(&self) -> Vec<u64> {
        let in_panel = self.newest_waiting().map(|act| act.number);
        let asked = self.at_desk.iter().rev().filter(|act| act.asks_hub);
        asked
            .map(|act| act.number)
            .filter(|number| Some(*number) != in_panel)
            .collect()
    }

    fn draw_list(&self, canvas: &mut Canvas<'_>, zone: &TimeZone, rows: u16) {
        // What has no answer yet stands above what has one.
        let mut row = 0;
        for number in self
            .asked_elsewhere()
            .into_iter()
            .take(usize::from(rows / 2))
        {
            draw_asked(canvas, row, number);
            row += 1;
        }
        let columns = canvas.columns();
        let rest = rows.saturating_sub(row);
        let mut part = canvas.part(0, row, columns, rest);
        self.last_scans.draw(&mut part, zone, rest, self.in_panel());
    }

    fn draw_side(&self, canvas: &mut Canvas<'_>, view: &View<'_>, list_rows: u16) {
        let theme = canvas.theme();
        canvas.text(0, 0, "LAST SCANS", theme.strong());
        let (columns, rows) = (canvas.columns(), canvas.rows());
        let mut list = canvas.part(0, 1, columns, rows.saturating_sub(1));
        self.draw_list(&mut list, view.zone, list_rows);
        let today_at = list_rows.saturating_add(2);
        draw_today(canvas, view.today, today_at);
        let codes_at = today_at.saturating_add(TODAY_ROWS).saturating_add(1);
        if let Some(samples) = view.training
            && canvas.rows() > codes_at.saturating_add(3)
        {
            canvas.text(0, codes_at, "CODES TO TRY", theme.strong());
            let mut row = codes_at.saturating_add(1);
            for (code, happens) in samples {
                canvas.text(
                    0,
                    row,
                    &sample(code, happens, canvas.columns()),
                    theme.dim(),
                );
                row = row.saturating_add(1);
            }
        }
    }
}
