//! The state of the console, and what each message makes of it.
//!
//! Invariant: pure. No clock, no device, no ledger: time and answers arrive as [`Msg`], orders leave
//! as [`Effect`].

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::devices::scan::input::{Input, Key, Scan, ScanFlag, ScanNotice};
use crate::domain::hub_status::HubStatus;
use crate::domain::layout::{Layout, as_us};
use crate::domain::operator::{Operator, Role};
use crate::domain::reversal::ReversalWord;
use crate::domain::verdict::Answer;
use crate::tui::back_order::{BackOrder, BackTold};
use crate::tui::back_room::{BackRoom, PageName, Setting as BackSetting};
use crate::tui::conflict_order::ConflictOrder;
use crate::tui::find_order::FindTold;
use crate::tui::keys::{self, Command, Place};
use crate::tui::msg::{Effect, Msg, Opened, Source, TodayCounts, WhyNotJudged};
use crate::tui::operator_order::{OperatorOrder, OperatorTold};
use crate::tui::pages::Sample;
use crate::tui::screens::find::{Find, Setting};
use crate::tui::screens::help::Help;
use crate::tui::screens::question::{Managers, Outcome};
use crate::tui::screens::redeem::{Redeem, ScanIn};
use crate::tui::screens::set_up::SetUp;
use crate::tui::screens::sign_in::SignIn;
use crate::tui::screens::sign_up::SignUp;
use crate::tui::theme::{Theme, Tone};

/// What the training mode says all the time.
pub(super) const TRAINING: &str = "TRAINING – nothing here counts";

/// How long a notice stays.
const NOTICE: SignedDuration = SignedDuration::from_secs(8);

/// How long a verdict stays fresh, unless configured.
pub const FADE_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// How long nobody may be at the console until it is locked, unless configured.
pub const LOCK_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// With fewer columns or rows only the panel's word is drawn.
const COLUMNS_MIN: u16 = 60;
const ROWS_MIN: u16 = 18;

/// What the console is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// How it looks.
    pub theme: Theme,
    /// When a verdict fades to grey.
    pub fade_after: SignedDuration,
    /// After so long without a key or a scan whoever is signed in is signed out; zero: never.
    pub lock_after: SignedDuration,
    /// How the keyboard is set whose scanner types US keys, where it is known.
    pub layout: Option<Layout>,
    /// The training mode: sample codes, and what will happen with each.
    pub training: Option<Vec<Sample>>,
    /// Columns of the terminal.
    pub columns: u16,
    /// Rows of the terminal.
    pub rows: u16,
    /// The wall clock.
    pub now: Timestamp,
}

/// Which screen is open. Those that somebody may come back to keep their state in the model.
pub(super) enum Screen {
    Starting,
    SetUp(Box<SetUp>),
    SignIn(SignIn),
    Redeem,
    SignUp,
    Find,
    Back,
}

/// What a key before has prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Armed {
    Nothing,
    /// Ctrl-G: a digit is a function key.
    Prefix,
    /// Leaving: Enter does it.
    Leaving,
}

/// The health of a scanner, or of the printer.
pub(super) struct Device {
    pub(super) words: String,
    pub(super) is_well: bool,
}

/// The whole state of the console.
pub struct Model {
    pub(super) options: Options,
    pub(super) now: Timestamp,
    pub(super) screen: Screen,
    pub(super) help: Option<Help>,
    pub(super) redeem: Redeem,
    pub(super) sign_up: SignUp,
    pub(super) find: Find,
    pub(super) back: BackRoom,
    pub(super) armed: Armed,
    pub(super) shop: Option<Shop>,
    pub(super) operator: Option<Operator>,
    pub(super) scanners: BTreeMap<String, Device>,
    pub(super) printer: Option<Device>,
    pub(super) open_slips: u32,
    pub(super) in_test_mode: Vec<String>,
    pub(super) today: TodayCounts,
    pub(super) is_clock_behind: bool,
    pub(super) disk: Option<String>,
    /// How this store stands with its hub; none: it has none.
    pub(super) hub: Option<Box<HubStatus>>,
    pub(super) pending: String,
    notice: Option<Notice>,
    /// When somebody was last at the keys or at a scanner.
    active_at: Timestamp,
}

/// Something to be noticed for a moment.
pub(super) struct Notice {
    pub(super) words: String,
    pub(super) tone: Tone,
    at: Timestamp,
}

/// The shop, once the ledger is open.
pub(super) struct Shop {
    pub(super) store: String,
    pub(super) counter: String,
    pub(super) zone: TimeZone,
    pub(super) operators: Vec<Operator>,
}

impl Model {
    /// A console whose ledger is not open yet.
    pub fn new(options: Options) -> Model {
        let mut scanners = BTreeMap::new();
        if let Some(layout) = options.layout {
            let device = Device {
                words: format!("US keys on a {layout} keyboard"),
                is_well: true,
            };
            scanners.insert("that types".to_owned(), device);
        }
        Model {
            now: options.now,
            active_at: options.now,
            options,
            screen: Screen::Starting,
            help: None,
            redeem: Redeem::new(),
            sign_up: SignUp::new(),
            find: Find::new(),
            back: BackRoom::new(),
            armed: Armed::Nothing,
            shop: None,
            operator: None,
            scanners,
            printer: None,
            open_slips: 0,
            in_test_mode: Vec::new(),
            today: TodayCounts::default(),
            is_clock_behind: false,
            disk: None,
            hub: None,
            pending: String::new(),
            notice: None,
        }
    }

    /// What happens upon a message, and what is ordered.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let mut effects = Vec::new();
        match msg {
            Msg::Input {
                source,
                inputs,
                pending,
            } => self.input(&source, inputs, pending, &mut effects),
            Msg::Ticked { now } => {
                self.now = now;
                self.redeem.ticked(now);
                self.lock_if_idle(&mut effects);
                if matches!(self.screen, Screen::SignUp) {
                    self.sign_up.ticked(&mut effects);
                } else if matches!(self.screen, Screen::Back) {
                    self.back.page_mut().ticked(now, &mut effects);
                }
            }
            Msg::Resized { columns, rows } => {
                self.options.columns = columns;
                self.options.rows = rows;
            }
            Msg::Judged { number, answer } => self.judged(number, answer, &mut effects),
            Msg::NoCode { number } => self.no_code(number, &mut effects),
            Msg::NotJudged { number, why } => self.not_judged(number, why, &mut effects),
            Msg::ApprovalRefused { number, words } => {
                self.redeem.approval_refused(number, &words);
                effects.push(Effect::Bell { times: 2 });
            }
            Msg::ActFailed {
                number,
                words,
                hint,
            } => self.failed(number, words, hint, &mut effects),
            Msg::AskingHub { .. }
            | Msg::UndoAsksHub
            | Msg::UndoListed { .. }
            | Msg::GivenUp { .. }
            | Msg::Undone { .. }
            | Msg::LedgerSlow => self.at_home(msg),
            Msg::StatusRead { .. }
            | Msg::ScannerHealth { .. }
            | Msg::PrinterHealth { .. }
            | Msg::HubTold(_)
            | Msg::PoolsLow { .. }
            | Msg::OperatorsRead { .. }
            | Msg::GuessingStands { .. }
            | Msg::ConflictsOpen { .. } => self.surroundings(msg, &mut effects),
            Msg::BackTold(told) => self.at_back_room(told, &mut effects),
            Msg::SignUpRoomRead(_)
            | Msg::Looked { .. }
            | Msg::SignUpAsksHub { .. }
            | Msg::Claimed { .. }
            | Msg::SignUpRefused { .. }
            | Msg::GivenOutListed { .. }
            | Msg::Cancelled { .. }
            | Msg::SlipsListed { .. }
            | Msg::SlipOrdered { .. }
            | Msg::SlipRefused { .. }
            | Msg::SlipPrinted { .. } => self.at_sign_up(msg, &mut effects),
            Msg::FindTold { number, told } => self.at_find(number, told, &mut effects),
            Msg::Opened(_)
            | Msg::SetUpNeeded { .. }
            | Msg::ScannersFound { .. }
            | Msg::SetUpDone { .. }
            | Msg::SetUpRefused { .. }
            | Msg::SignedIn { .. }
            | Msg::SignInRefused { .. } => self.come_in(msg),
        }
        effects
    }

    fn judged(&mut self, number: u64, answer: Box<Answer>, effects: &mut Vec<Effect>) {
        self.help = None;
        let managers = self.managers();
        let code = answer.code.clone();
        let late = self
            .redeem
            .judged(number, answer, &managers, self.now, effects);
        if let Some(words) = late {
            self.say(&words, Tone::Plain);
        }
        if self.redeem.place() == Place::Question {
            // It is asked where there is room for it; the form waits.
            self.leave_form();
        } else if let (Screen::Find, Some(code)) = (&self.screen, code) {
            self.find.judged(&code, effects);
        }
    }

    /// What the desk says of scans and undos before there is a verdict, or instead of one.
    fn at_home(&mut self, msg: Msg) {
        let managers = self.managers();
        if let Msg::AskingHub { number } = msg {
            self.redeem.asks_hub(number);
        } else if let Msg::UndoAsksHub = msg {
            self.redeem.undo_asks_hub();
        } else if let Msg::UndoListed { choices, pending } = msg {
            self.redeem.undo_listed(choices, pending);
        } else if let Msg::GivenUp { code, outcome } = msg {
            self.redeem.given_up(code, outcome, &managers, self.now);
        } else if let Msg::Undone { answer } = msg {
            self.redeem.undone(answer, &managers, self.now);
        } else if let Msg::LedgerSlow = msg {
            self.redeem.slow();
        }
    }

    /// What to do right after the model was drawn and the terminal has it.
    pub fn drawn(&mut self) -> Vec<Effect> {
        let (columns, rows) = (self.options.columns, self.options.rows);
        if self.help.is_some() || columns < 12 || rows < 5 {
            return Vec::new();
        }
        let banner_rows = self.banner_rows();
        match &self.screen {
            Screen::Starting | Screen::SetUp(_) => Vec::new(),
            Screen::SignIn(_) if self.is_small() => Vec::new(),
            Screen::SignIn(_) => self.redeem.drawn_as_strip(),
            Screen::Redeem | Screen::SignUp | Screen::Find | Screen::Back if self.is_small() => {
                self.redeem.drawn(0, 0, 0)
            }
            Screen::SignUp | Screen::Find | Screen::Back => self.redeem.drawn_above_form(),
            Screen::Redeem => self.redeem.drawn(columns, rows, banner_rows),
        }
    }

    /// Whether the terminal has too little room for a whole screen.
    pub(super) fn is_small(&self) -> bool {
        is_small(self.options.columns, self.options.rows)
    }

    /// What is said over every screen, each the longest way first.
    pub(super) fn banners(&self) -> Vec<Vec<String>> {
        let mut banners = Vec::new();
        if self.options.training.is_some() {
            banners.push(vec![TRAINING.to_owned()]);
        }
        if !self.in_test_mode.is_empty() {
            let words = format!("TEST MODE – {}", self.in_test_mode.join(", "));
            banners.push(vec![words]);
        }
        if let Some(hub) = &self.hub {
            banners.push(hub.banner());
        }
        // Whoever is at the conflicts sees them.
        if !self.is_at(PageName::Conflicts) {
            banners.push(self.back.conflicts.notice());
        }
        // Whoever is at the pools sees them.
        if !self.is_at(PageName::Pools) {
            banners.push(self.back.pools.notice());
        }
        // Whoever is at the log is told there.
        if let Some(shop) = self.shop.as_ref().filter(|_| !self.is_at(PageName::Log)) {
            let is_manager = match &self.operator {
                Some(operator) => operator.role == Role::Manager,
                None => shop.operators.is_empty(),
            };
            banners.push(self.back.log.notice(is_manager, &shop.counter));
        }
        banners.retain(|phrases| !phrases.is_empty());
        banners
    }

    fn banner_rows(&self) -> u16 {
        u16::try_from(self.banners().len()).unwrap_or(u16::MAX)
    }

    /// The store's time zone, once known.
    pub(super) fn zone(&self) -> TimeZone {
        self.shop
            .as_ref()
            .map_or(TimeZone::UTC, |shop| shop.zone.clone())
    }

    /// Where the operator is.
    pub(super) fn place(&self) -> Place {
        if self.armed == Armed::Leaving {
            return Place::Leaving;
        }
        if self.help.is_some() {
            return Place::Help;
        }
        match &self.screen {
            Screen::Starting => Place::Starting,
            Screen::SetUp(_) => Place::SetUp,
            Screen::SignIn(_) => Place::SignIn,
            Screen::Redeem => self.redeem.place(),
            Screen::SignUp => self.sign_up.place(),
            Screen::Find => self.find.place(),
            Screen::Back => self.back.page().place(),
        }
    }

    /// What was noticed a moment ago, if it still matters.
    pub(super) fn notice(&self) -> Option<&Notice> {
        self.notice
            .as_ref()
            .filter(|notice| self.now.duration_since(notice.at) < NOTICE)
    }

    fn say(&mut self, words: &str, tone: Tone) {
        self.notice = Some(Notice {
            words: words.to_owned(),
            tone,
            at: self.now,
        });
    }

    fn managers(&self) -> Managers {
        let operators = self.shop.as_ref().map_or(&[][..], |shop| &shop.operators);
        let mut names: Vec<String> = operators
            .iter()
            .filter(|operator| operator.role == Role::Manager)
            .map(|operator| operator.name.clone())
            .collect();
        // Whoever is signed in and may approve comes first.
        names.sort_by_key(|name| {
            self.operator
                .as_ref()
                .is_none_or(|operator| operator.name != *name)
        });
        Managers {
            names,
            is_signed: !operators.is_empty(),
        }
    }

    fn input(
        &mut self,
        source: &Source,
        inputs: Vec<Input>,
        pending: String,
        effects: &mut Vec<Effect>,
    ) {
        let is_keyboard = *source == Source::Keyboard;
        if !inputs.is_empty() || !pending.is_empty() {
            self.active_at = self.now;
        }
        for input in inputs {
            match input {
                Input::Scan(scan) => {
                    let scan = self.as_meant(scan, is_keyboard);
                    self.scanned(scan, effects);
                }
                Input::Typed(character) if is_keyboard => self.typed(character, effects),
                Input::Key(key) if is_keyboard => self.key(key, effects),
                // A scanner of its own gives scans; its other bytes are nobody's typing.
                Input::Typed(_) | Input::Key(_) => {}
                Input::Notice(notice) => self.say(about(notice), Tone::Failed),
            }
        }
        if is_keyboard {
            self.pending = pending;
        }
    }

    /// What a scanner that types meant, where this counter knows its keyboard's layout.
    fn as_meant(&self, scan: Scan, is_keyboard: bool) -> ScanIn {
        let Scan { bytes, flags, .. } = scan;
        // What is pasted, and what has a line of its own, went through no keyboard.
        let layout = self
            .options
            .layout
            .filter(|_| is_keyboard && !flags.contains(ScanFlag::Paste));
        let text = std::str::from_utf8(&bytes).ok();
        let meant = layout
            .zip(text)
            .and_then(|(layout, text)| as_us(text, layout));
        match meant {
            Some(meant) => ScanIn {
                raw: meant.into_bytes(),
                came: Some(bytes),
                flags,
            },
            None => ScanIn {
                raw: bytes,
                came: None,
                flags,
            },
        }
    }

    fn scanned(&mut self, scan: ScanIn, effects: &mut Vec<Effect>) {
        self.armed = Armed::Nothing;
        self.help = None;
        self.notice = None;
        let may_judge = match &mut self.screen {
            Screen::Starting => {
                self.say(WhyNotJudged::Starting.words(), Tone::Failed);
                false
            }
            Screen::SetUp(set_up) => {
                set_up.say(WhyNotJudged::NotSetUp.words());
                false
            }
            Screen::SignIn(sign_in) => {
                sign_in.say("reading …");
                false
            }
            Screen::Find => {
                self.find.scanned();
                return self.redeem.scanned_for_form(scan, effects);
            }
            Screen::SignUp if self.sign_up.is_scannable(&scan.raw) => {
                self.sign_up.scanned();
                return self.redeem.scanned_for_form(scan, effects);
            }
            Screen::SignUp => {
                self.sign_up.scanned();
                true
            }
            Screen::Back => {
                if self.back.page_mut().take_scan(&scan.raw, effects) {
                    return;
                }
                self.back.page_mut().scanned();
                true
            }
            Screen::Redeem => true,
        };
        self.redeem.scanned(scan, may_judge, effects);
    }

    fn typed(&mut self, character: char, effects: &mut Vec<Effect>) {
        let armed = std::mem::replace(&mut self.armed, Armed::Nothing);
        if armed == Armed::Prefix
            && let Some(key) = keys::after_prefix(character)
        {
            return self.key(key, effects);
        }
        self.help = None;
        let is_small = self.is_small();
        match &mut self.screen {
            // What cannot be seen is not filled in.
            Screen::SignUp | Screen::Find | Screen::Back if is_small => {}
            Screen::Starting | Screen::Redeem => self.redeem.typed(character),
            Screen::SetUp(set_up) => set_up.typed(character),
            Screen::SignIn(sign_in) => sign_in.typed(character),
            Screen::SignUp => self.sign_up.typed(character),
            Screen::Find => self.find.typed(character),
            Screen::Back => self.back.page_mut().typed(character),
        }
    }

    fn key(&mut self, key: Key, effects: &mut Vec<Effect>) {
        let armed = std::mem::replace(&mut self.armed, Armed::Nothing);
        if armed == Armed::Leaving && key == Key::Enter {
            effects.push(Effect::Quit);
            return;
        }
        if key == keys::PREFIX {
            self.armed = Armed::Prefix;
            return;
        }
        let Some(command) = keys::command(key, self.operator.is_some()) else {
            return;
        };
        match command {
            Command::Leave => self.armed = Armed::Leaving,
            Command::SignOut => self.sign_out(effects),
            Command::Help => {
                self.help = match self.help {
                    Some(_) => None,
                    None => Some(Help::default()),
                }
            }
            Command::Home
            | Command::SignUp
            | Command::Find
            | Command::Pools
            | Command::Log
            | Command::Undo
            | Command::Slips
            | Command::Manager
            | Command::Enter
            | Command::Drop
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
            | Command::EraseLine => self.command(command, effects),
        }
    }

    fn command(&mut self, command: Command, effects: &mut Vec<Effect>) {
        if let Some(help) = &mut self.help {
            if matches!(command, Command::Drop | Command::Home | Command::Enter) {
                self.help = None;
            } else {
                let training = self.options.training.as_deref();
                help.command(command, training, self.options.columns);
            }
            return;
        }
        if self.changes_screen(command, effects) {
            return;
        }
        let managers = self.managers();
        let is_small = self.is_small();
        let operators = self.shop.as_ref().map_or(&[][..], |shop| &shop.operators);
        let outcome = match &mut self.screen {
            Screen::Starting => Outcome::Open,
            Screen::SetUp(set_up) => set_up.command(command, effects),
            Screen::SignIn(sign_in) => sign_in.command(command, operators, self.now, effects),
            Screen::Redeem => {
                self.redeem.command(command, &managers, effects);
                Outcome::Open
            }
            // What cannot be seen is not filled in.
            Screen::SignUp | Screen::Find | Screen::Back if is_small => Outcome::Open,
            Screen::Back => {
                let setting = self.setting();
                self.back.page_mut().command(command, &setting, effects)
            }
            Screen::SignUp => self
                .sign_up
                .command(command, self.printer.is_some(), effects),
            Screen::Find => {
                let setting = Setting {
                    has_printer: self.printer.is_some(),
                    now: self.now,
                };
                self.find.command(command, setting, effects)
            }
        };
        if let Outcome::Scan(raw) = outcome {
            self.scanned(ScanIn::typed(raw), effects);
        }
    }

    /// Goes to another screen where the command says so; what was typed on this one stays.
    fn changes_screen(&mut self, command: Command, effects: &mut Vec<Effect>) -> bool {
        let is_behind_the_door = matches!(
            self.screen,
            Screen::Starting | Screen::SetUp(_) | Screen::SignIn(_)
        );
        if is_behind_the_door {
            return false;
        }
        match command {
            Command::SignUp => {
                self.put_away_all();
                if matches!(self.screen, Screen::SignUp) {
                    self.sign_up.again(effects);
                } else {
                    self.sign_up.opened(effects);
                }
                self.screen = Screen::SignUp;
            }
            Command::Find => {
                self.redeem.put_away();
                self.back.put_away();
                if matches!(self.screen, Screen::Find) {
                    self.find.again();
                }
                self.screen = Screen::Find;
            }
            Command::Pools | Command::Log => {
                self.put_away_all();
                let (is_in_view, setting) = (matches!(self.screen, Screen::Back), self.setting());
                self.back.open(command, is_in_view, &setting, effects);
                self.screen = Screen::Back;
            }
            Command::Home => {
                self.put_away_all();
                self.screen = Screen::Redeem;
            }
            Command::Drop => return !self.has_something_open() && self.leave_form(),
            Command::Help
            | Command::Undo
            | Command::Slips
            | Command::Manager
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
            | Command::EraseLine => return false,
        }
        true
    }

    fn put_away_all(&mut self) {
        self.find.put_away();
        self.back.put_away();
        self.redeem.put_away();
    }

    /// Whether Esc closes something on this screen, before it leads back to the scans.
    fn has_something_open(&self) -> bool {
        match self.screen {
            Screen::SignUp => self.sign_up.has_something_open(),
            Screen::Find => self.find.has_something_open(),
            Screen::Back => self.back.page().has_something_open(),
            Screen::Starting | Screen::SetUp(_) | Screen::SignIn(_) | Screen::Redeem => false,
        }
    }

    /// Back to the scans, if a form is open.
    fn leave_form(&mut self) -> bool {
        let is_form = matches!(self.screen, Screen::SignUp | Screen::Find | Screen::Back);
        if is_form {
            self.find.put_away();
            self.back.put_away();
            self.screen = Screen::Redeem;
        }
        is_form
    }

    /// A scan was no code: the form's field takes it, if it still waits for it.
    fn no_code(&mut self, number: u64, effects: &mut Vec<Effect>) {
        let Some(scan) = self.redeem.was_no_code(number, effects) else {
            return;
        };
        match &self.screen {
            Screen::SignUp if self.sign_up.is_scannable(&scan.raw) => {
                self.sign_up.fill(&scan.raw);
            }
            Screen::Find if self.find.is_scannable() => self.find.fill(&scan.raw),
            Screen::Starting
            | Screen::SetUp(_)
            | Screen::SignIn(_)
            | Screen::Redeem
            | Screen::SignUp
            | Screen::Find
            | Screen::Back => self.scanned(scan, effects),
        }
    }

    fn sign_out(&mut self, effects: &mut Vec<Effect>) {
        self.operator = None;
        // Whoever "is signed in" by it is not any more.
        self.notice = None;
        self.redeem.signed_out();
        self.forget_forms();
        self.screen = Screen::SignIn(SignIn::new());
        effects.push(Effect::SignOut);
    }

    /// What was typed and asked goes with whoever was at the console.
    fn forget_forms(&mut self) {
        self.armed = Armed::Nothing;
        self.help = None;
        // A form holds what a customer has said of themselves.
        self.sign_up = SignUp::new();
        self.find.signed_out();
        self.back.signed_out();
    }

    /// Nobody has been here for long: whoever comes next says who they are. The verdict in the panel
    /// stays, and so does the list of the last scans.
    fn lock_if_idle(&mut self, effects: &mut Vec<Effect>) {
        // A clock that was set back begins anew.
        self.active_at = self.active_at.min(self.now);
        let lock_after = self.options.lock_after;
        let is_due =
            lock_after.is_positive() && self.now.duration_since(self.active_at) >= lock_after;
        let Some(operator) = self.operator.take_if(|_| is_due) else {
            return;
        };
        let operators = self.shop.as_ref().map_or(&[][..], |shop| &shop.operators);
        let at = operators.iter().position(|one| one.name == operator.name);
        let screen = SignIn::locked(at.unwrap_or(0), lock_after);
        self.notice = None;
        self.redeem.locked();
        self.forget_forms();
        self.screen = Screen::SignIn(screen);
        effects.push(Effect::SignOut);
    }

    /// Somebody is signed in, by PIN or by badge. What the one before has typed, and what they were
    /// asked, goes with them; whoever shows their own badge once more goes on.
    fn signed_in(&mut self, operator: Operator) {
        self.say(&format!("{} is signed in", operator.name), Tone::Plain);
        let is_other = self
            .operator
            .as_ref()
            .is_some_and(|before| before.name != operator.name);
        if is_other {
            self.redeem.locked();
            self.forget_forms();
        }
        let is_form = matches!(self.screen, Screen::SignUp | Screen::Find | Screen::Back);
        if is_other || !is_form {
            self.screen = Screen::Redeem;
        }
        self.operator = Some(operator);
        self.active_at = self.now;
    }

    /// Who may sign in has changed, here or at another counter.
    fn operators_read(&mut self, operators: Vec<Operator>, effects: &mut Vec<Effect>) {
        let Some(shop) = &mut self.shop else {
            return;
        };
        shop.operators = operators;
        let operators = &shop.operators;
        if let Screen::SignIn(sign_in) = &mut self.screen {
            sign_in.listed(operators.len());
        }
        let here = self.operator.as_ref();
        let known = here.and_then(|here| operators.iter().find(|one| one.name == here.name));
        let is_behind_the_door = matches!(self.screen, Screen::Starting | Screen::SetUp(_));
        if let Some(known) = known {
            self.operator = Some(known.clone());
        } else if operators.is_empty() {
            let was_signed = self.operator.take().is_some();
            if was_signed {
                effects.push(Effect::SignOut);
            }
            let is_locked = matches!(self.screen, Screen::SignIn(_));
            if is_locked {
                self.screen = Screen::Redeem;
            }
            if was_signed || is_locked {
                let words = "NOBODY SIGNS IN any more: the console is open to all";
                self.say(words, Tone::Failed);
            }
        } else if !is_behind_the_door && !matches!(self.screen, Screen::SignIn(_)) {
            self.sign_out(effects);
            if let Screen::SignIn(sign_in) = &mut self.screen {
                sign_in.say("who may sign in here has changed: sign in");
            }
        }
        if self.is_at(PageName::Operators) {
            let list = BackOrder::Operator(OperatorOrder::List);
            effects.push(Effect::Back(Box::new(list)));
        }
    }

    fn not_judged(&mut self, number: u64, why: WhyNotJudged, effects: &mut Vec<Effect>) {
        let words = why.words();
        self.redeem.not_judged(number, words, self.now);
        match &mut self.screen {
            Screen::SignIn(sign_in) => sign_in.say(words),
            Screen::SetUp(set_up) => set_up.say(words),
            Screen::Starting | Screen::Redeem | Screen::SignUp | Screen::Find | Screen::Back => {}
        }
        effects.push(Effect::Bell { times: 2 });
    }

    fn failed(
        &mut self,
        number: Option<u64>,
        words: String,
        hint: String,
        effects: &mut Vec<Effect>,
    ) {
        self.help = None;
        let both = format!("NOT DONE – {words}. {hint}");
        match &mut self.screen {
            Screen::SignIn(sign_in) => sign_in.refused(&both, None),
            Screen::SetUp(set_up) => set_up.refused(&both),
            Screen::Starting | Screen::Redeem | Screen::SignUp | Screen::Find | Screen::Back => {}
        }
        // A scan that failed says nothing of a sign-up that is on its way.
        if number.is_none() {
            self.sign_up.refused(&both);
        }
        self.redeem.failed(number, words, hint);
        effects.push(Effect::Bell { times: 3 });
    }

    /// The figures, the machine, and the devices.
    fn surroundings(&mut self, msg: Msg, effects: &mut Vec<Effect>) {
        if let Msg::StatusRead {
            today,
            is_clock_behind,
            disk,
            pending,
            unsent,
            open_slips,
            in_test_mode,
        } = msg
        {
            self.today = today;
            self.is_clock_behind = is_clock_behind;
            self.disk = disk;
            if let Some(hub) = &mut self.hub {
                hub.pending = pending;
                hub.unsent = unsent.unwrap_or(hub.unsent);
            }
            if self.open_slips != open_slips && matches!(self.screen, Screen::SignUp) {
                // Another counter, or somebody's patience, has changed what is listed here.
                effects.push(Effect::ListSlips);
            }
            self.open_slips = open_slips;
            self.in_test_mode = in_test_mode;
            if self.is_at(PageName::Log) {
                self.back.log.news(effects);
            }
        } else if let Msg::ScannerHealth {
            name,
            words,
            is_well,
        } = msg
        {
            self.scanners.insert(name, Device { words, is_well });
        } else if let Msg::PrinterHealth { words, is_well } = msg {
            self.printer = Some(Device { words, is_well });
        } else if let Msg::HubTold(hub) = msg {
            self.hub = hub;
        } else if let Msg::PoolsLow { low } = msg {
            let is_in_view = self.is_at(PageName::Pools);
            self.back.pools.low(low, is_in_view, effects);
        } else if let Msg::OperatorsRead { operators } = msg {
            self.operators_read(operators, effects);
        } else if let Msg::GuessingStands { guessing } = msg {
            self.back.log.guessing(guessing);
        } else if let Msg::ConflictsOpen { open } = msg {
            self.back.conflicts.standing(open);
            if self.is_at(PageName::Conflicts) {
                let list = BackOrder::Conflict(ConflictOrder::List);
                effects.push(Effect::Back(Box::new(list)));
            }
        }
    }

    /// What the desk says to a page of the back room; elsewhere, what was done is a notice.
    fn at_back_room(&mut self, told: BackTold, effects: &mut Vec<Effect>) {
        let is_in_view = matches!(self.screen, Screen::Back);
        if let BackTold::Operator(OperatorTold::IsCode(scan)) = &told {
            // It was no badge: it is judged as it would have been at once.
            let raw = scan.as_bytes().to_vec();
            if matches!(self.screen, Screen::SignIn(_)) {
                self.scanned(ScanIn::typed(raw), effects);
            } else {
                self.redeem.scanned(ScanIn::typed(raw), true, effects);
            }
        }
        if let Some(words) = self.back.told(told, is_in_view, effects) {
            self.say(&words, Tone::Plain);
        }
    }

    /// Whether this page of the back room is in view.
    fn is_at(&self, page: PageName) -> bool {
        matches!(self.screen, Screen::Back) && self.back.at() == page
    }

    /// Who stands before a page of the back room.
    fn setting(&self) -> BackSetting {
        BackSetting {
            managers: self.managers(),
            operator: self.operator.clone(),
            has_printer: self.printer.is_some(),
            now: self.now,
        }
    }

    /// What the desk says of what Find ordered; elsewhere, what was done is a notice.
    fn at_find(&mut self, number: u64, told: FindTold, effects: &mut Vec<Effect>) {
        let managers = self.managers();
        if let (FindTold::Undone(reversal), Screen::Find) = (&told, &self.screen)
            && reversal.word == ReversalWord::Reversed
        {
            // The strip may still say that it was accepted.
            self.redeem.undone(reversal.clone(), &managers, self.now);
        }
        let said = self.find.told(number, told, &managers, effects);
        if let (Some(words), false) = (said, matches!(self.screen, Screen::Find)) {
            self.say(&words, Tone::Plain);
        }
    }

    /// What the desk and the printer say of sign-ups and slips, whatever screen is open.
    fn at_sign_up(&mut self, msg: Msg, effects: &mut Vec<Effect>) {
        if let Msg::SignUpRoomRead(room) = msg {
            self.sign_up.room_read(*room, self.now);
        } else if let Msg::Looked { number, look } = msg {
            self.sign_up.looked(number, look);
        } else if let Msg::SignUpAsksHub { key } = msg {
            self.sign_up.asks_hub(&key);
        } else if let Msg::Claimed { key, claim } = msg {
            let zone = self.zone();
            self.sign_up.claimed(&key, &claim, &zone, effects);
            if !matches!(self.screen, Screen::SignUp) {
                self.say("the sign-up was answered: F3 shows it", Tone::Plain);
            }
            // Whoever has signed out meanwhile: the code is theirs, and so is the slip.
            effects.extend(claim.slip.map(|job| Effect::Print(Box::new(job))));
        } else if let Msg::SignUpRefused { words } = msg {
            self.sign_up.refused(&words);
        } else if let Msg::SlipRefused { words } = msg {
            self.sign_up.refused(&words);
            self.find.slip_refused(&words);
            // What was refused here was done elsewhere.
            effects.push(Effect::ListSlips);
        } else if let Msg::GivenOutListed { choices } = msg {
            self.sign_up.given_out_listed(choices);
        } else if let Msg::Cancelled { code, problem } = msg {
            self.sign_up.cancelled(&code, problem.as_deref(), effects);
        } else if let Msg::SlipsListed { slips } = msg {
            self.sign_up.slips_listed(slips);
        } else if let Msg::SlipOrdered { job } = msg {
            self.sign_up.slip_ordered(&job);
            self.find.slip_ordered(&job);
            effects.push(Effect::Print(job));
        } else if let Msg::SlipPrinted { number, outcome } = msg {
            self.sign_up.slip_printed(number, &outcome);
            self.find.slip_printed(number, &outcome, effects);
            effects.push(Effect::NoteSlip { number, outcome });
        }
    }

    /// Starting, set-up and signing in.
    fn come_in(&mut self, msg: Msg) {
        if let Msg::Opened(opened) = msg {
            self.opened(*opened);
        } else if let Msg::SetUpNeeded {
            zone,
            counter,
            scanners,
        } = msg
        {
            self.screen = Screen::SetUp(Box::new(SetUp::new(&zone, &counter, scanners)));
        } else if let Msg::ScannersFound { scanners } = msg {
            if let Screen::SetUp(set_up) = &mut self.screen {
                set_up.scanners_found(scanners);
            }
        } else if let Msg::SetUpDone { problem } = msg {
            self.screen = Screen::Starting;
            if let Some(problem) = problem {
                self.say(&problem, Tone::Failed);
            }
        } else if let Msg::SetUpRefused { words } = msg {
            if let Screen::SetUp(set_up) = &mut self.screen {
                set_up.refused(&words);
            }
        } else if let Msg::SignedIn { operator, number } = msg {
            if let Some(number) = number {
                self.redeem.was_badge(number);
            }
            self.signed_in(operator);
        } else if let Msg::SignInRefused {
            words,
            locked_until,
        } = msg
            && let Screen::SignIn(sign_in) = &mut self.screen
        {
            sign_in.refused(&words, locked_until);
        }
    }

    fn opened(&mut self, opened: Opened) {
        let is_open_to_all = opened.operators.is_empty();
        self.today = opened.today;
        self.redeem.opened(opened.unseen);
        self.shop = Some(Shop {
            store: opened.store,
            counter: opened.counter,
            zone: opened.zone,
            operators: opened.operators,
        });
        self.screen = if is_open_to_all || self.operator.is_some() {
            Screen::Redeem
        } else {
            Screen::SignIn(SignIn::new())
        };
    }
}

/// Whether so many columns and rows are too few for a whole screen.
pub(super) fn is_small(columns: u16, rows: u16) -> bool {
    columns < COLUMNS_MIN || rows < ROWS_MIN
}

/// What the operator needs to know about bytes that were neither scan nor typing.
fn about(notice: ScanNotice) -> &'static str {
    match notice {
        ScanNotice::AltMode => "the scanner types Alt codes: switch its ALT mode off",
        ScanNotice::Garbage => "something unreadable came in: scan again",
    }
}
