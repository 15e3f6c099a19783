//! The back room: pages for whoever runs the shop. A page is one file under `screens/` that implements
//! [`BackPage`]; here stands which pages there are and which key opens them.
//!
//! To add a page: its orders and answers in [`crate::tui::back_order`], its file under `screens/`, a
//! variant and a field here, its orders' file under `runner/`.

use jiff::Timestamp;

use crate::domain::operator::Operator;
use crate::tui::back_order::BackTold;
use crate::tui::canvas::Canvas;
use crate::tui::keys::{Command, Place};
use crate::tui::msg::Effect;
use crate::tui::pages::View;
use crate::tui::screens::campaigns::Campaigns;
use crate::tui::screens::conflicts::Conflicts;
use crate::tui::screens::day::Day;
use crate::tui::screens::log::Log;
use crate::tui::screens::operators::Operators;
use crate::tui::screens::pools::Pools;
use crate::tui::screens::question::{Managers, Outcome};

/// Who stands before a page, and when.
#[derive(Debug)]
pub struct Setting {
    /// Who may approve here.
    pub managers: Managers,
    /// Who is signed in; none: the console is open to all.
    pub operator: Option<Operator>,
    /// Whether slips can be printed here.
    pub has_printer: bool,
    /// The wall clock at the last tick.
    pub now: Timestamp,
}

/// A page of the back room. Pure, as every screen: orders leave as effects, answers come in by `told`.
pub trait BackPage {
    /// Where the operator is, while the page is in view.
    fn place(&self) -> Place;

    /// Whether Esc closes something here, before it leads back to the scans.
    fn has_something_open(&self) -> bool;

    /// The page comes into view.
    fn opened(&mut self, setting: &Setting, effects: &mut Vec<Effect>);

    /// Another screen is opened: what was being asked is dropped.
    fn put_away(&mut self);

    /// The operator has gone, and what was shown to them goes with them.
    fn signed_out(&mut self);

    /// Whether the page takes a scan for itself before it is judged; what it orders then says in time
    /// whether it was a code after all, which is judged.
    fn take_scan(&mut self, _raw: &[u8], _effects: &mut Vec<Effect>) -> bool {
        false
    }

    /// What the scan line says, where the next scan is for the page.
    fn scan_words(&self) -> Option<&'static str> {
        None
    }

    /// A scan drops what is being asked, and is judged.
    fn scanned(&mut self);

    /// Time has gone by while the page is in view.
    fn ticked(&mut self, _now: Timestamp, _effects: &mut Vec<Effect>) {}

    /// Takes a typed character.
    fn typed(&mut self, character: char);

    /// Does what a key orders.
    fn command(
        &mut self,
        command: Command,
        setting: &Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome;

    /// The desk has answered. What is worth a notice on another screen is given back.
    fn told(
        &mut self,
        told: BackTold,
        is_in_view: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<String>;

    /// Draws the page.
    fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>);
}

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageName {
    /// What is left in each pool, and until when.
    Pools,
    /// Each campaign and its rules.
    Campaigns,
    /// What stores did that cannot all be right.
    Conflicts,
    /// Every scan and change with its answer.
    Log,
    /// What a day came to.
    Day,
    /// Who may sign in.
    Operators,
}

impl PageName {
    /// What the page is called above its neighbours.
    fn title(self) -> &'static str {
        match self {
            PageName::Pools => "Pools",
            PageName::Campaigns => "Campaigns",
            PageName::Conflicts => "Conflicts",
            PageName::Log => "Log",
            PageName::Day => "Day",
            PageName::Operators => "Operators",
        }
    }
}

/// The keys of the back room, each with the pages that it leads through.
const KEYS: [(Command, &[PageName]); 2] = [
    (
        Command::Pools,
        &[
            PageName::Pools,
            PageName::Campaigns,
            PageName::Day,
            PageName::Operators,
        ],
    ),
    (Command::Log, &[PageName::Log, PageName::Conflicts]),
];

/// The pages that a key leads through, the first one first; none: it opens none.
fn pages_of(command: Command) -> &'static [PageName] {
    KEYS.iter()
        .find(|(key, _)| *key == command)
        .map_or(&[], |(_, pages)| pages)
}

/// All pages, and which one is or was in view.
pub(super) struct BackRoom {
    at: PageName,
    pub(super) pools: Pools,
    pub campaigns: Campaigns,
    pub(super) conflicts: Conflicts,
    pub(super) log: Log,
    day: Day,
    operators: Operators,
}

impl BackRoom {
    pub(super) fn new() -> BackRoom {
        BackRoom {
            at: PageName::Conflicts,
            pools: Pools::new(),
            campaigns: Campaigns::new(),
            conflicts: Conflicts::new(),
            log: Log::new(),
            day: Day::new(),
            operators: Operators::new(),
        }
    }

    /// Opens the first page of a key, or, where one of its pages is in view, the one after it.
    pub(super) fn open(
        &mut self,
        command: Command,
        is_in_view: bool,
        setting: &Setting,
        effects: &mut Vec<Effect>,
    ) {
        let pages = pages_of(command);
        let next = pages
            .iter()
            .position(|page| is_in_view && *page == self.at)
            .map_or_else(|| self.first_of(pages), |at| at.saturating_add(1));
        let Some(page) = pages.get(next).or(pages.first()) else {
            return;
        };
        self.put_away();
        self.at = *page;
        self.page_mut().opened(setting, effects);
    }

    /// The place of the page that a key opens first: where a conflict is open that nobody has seen, that
    /// of the conflicts.
    fn first_of(&self, pages: &[PageName]) -> usize {
        if self.conflicts.notice().is_empty() {
            return 0;
        }
        let conflicts = pages.iter().position(|page| *page == PageName::Conflicts);
        conflicts.unwrap_or(0)
    }

    /// The page in view.
    pub(super) fn at(&self) -> PageName {
        self.at
    }

    /// The titles of the pages that the same key leads to, and whether each is in view; none where
    /// there is but one.
    pub(super) fn tabs(&self) -> Vec<(&'static str, bool)> {
        KEYS.iter()
            .filter(|(_, pages)| pages.len() > 1 && pages.contains(&self.at))
            .flat_map(|(_, pages)| *pages)
            .map(|page| (page.title(), *page == self.at))
            .collect()
    }

    /// The page in view, to be drawn and asked.
    pub(super) fn page(&self) -> &dyn BackPage {
        match self.at {
            PageName::Pools => &self.pools,
            PageName::Campaigns => &self.campaigns,
            PageName::Conflicts => &self.conflicts,
            PageName::Log => &self.log,
            PageName::Day => &self.day,
            PageName::Operators => &self.operators,
        }
    }

    /// The page in view, to be told something.
    pub(super) fn page_mut(&mut self) -> &mut dyn BackPage {
        match self.at {
            PageName::Pools => &mut self.pools,
            PageName::Campaigns => &mut self.campaigns,
            PageName::Conflicts => &mut self.conflicts,
            PageName::Log => &mut self.log,
            PageName::Day => &mut self.day,
            PageName::Operators => &mut self.operators,
        }
    }

    fn each_mut(&mut self) -> [&mut dyn BackPage; 6] {
        [
            &mut self.pools,
            &mut self.campaigns,
            &mut self.conflicts,
            &mut self.day,
            &mut self.operators,
            &mut self.log,
        ]
    }

    /// Drops what is being asked on any page.
    pub(super) fn put_away(&mut self) {
        for page in self.each_mut() {
            page.put_away();
        }
    }

    /// The operator has gone.
    pub(super) fn signed_out(&mut self) {
        for page in self.each_mut() {
            page.signed_out();
        }
    }

    /// The desk has answered a page; what is worth a notice on another screen is given back.
    pub(super) fn told(
        &mut self,
        told: BackTold,
        is_in_view: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        let (name, page): (_, &mut dyn BackPage) = match &told {
            BackTold::Pool(_) => (PageName::Pools, &mut self.pools),
            BackTold::Campaign(_) | BackTold::Work(_) => (PageName::Campaigns, &mut self.campaigns),
            BackTold::Conflict(_) => (PageName::Conflicts, &mut self.conflicts),
            BackTold::Log(_) => (PageName::Log, &mut self.log),
            BackTold::Day(_) => (PageName::Day, &mut self.day),
            BackTold::Operator(_) => (PageName::Operators, &mut self.operators),
        };
        let is_in_view = is_in_view && self.at == name;
        page.told(told, is_in_view, effects).filter(|_| !is_in_view)
    }
}
