//! Set-up, once: the store, its time zone, this counter, its scanner, and the first people, or that
//! nobody signs in.

use ratatui::style::Style;

use crate::devices::scan::serial::SerialPortFound;
use crate::domain::operator::{Operator, Role, pin_fault};
use crate::tui::canvas::{Canvas, cut, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::Command;
use crate::tui::msg::{Effect, NewShop, Pin};
use crate::tui::screens::question::{Outcome, edit};
use crate::tui::theme::Tone;

/// The lines of the form, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Store,
    Zone,
    Counter,
    Scanner,
    WhoSignsIn,
    ManagerName,
    ManagerPin,
    ManagerPinAgain,
    CashierName,
    CashierPin,
    CashierPinAgain,
    Done,
}

const ENTRIES: [Entry; 12] = [
    Entry::Store,
    Entry::Zone,
    Entry::Counter,
    Entry::Scanner,
    Entry::WhoSignsIn,
    Entry::ManagerName,
    Entry::ManagerPin,
    Entry::ManagerPinAgain,
    Entry::CashierName,
    Entry::CashierPin,
    Entry::CashierPinAgain,
    Entry::Done,
];

impl Entry {
    fn label(self) -> &'static str {
        match self {
            Entry::Store => "Store name",
            Entry::Zone => "Time zone",
            Entry::Counter => "This counter",
            Entry::Scanner => "Scanner",
            Entry::WhoSignsIn => "Signing in",
            Entry::ManagerName => "First manager",
            Entry::ManagerPin | Entry::CashierPin => "  PIN",
            Entry::ManagerPinAgain | Entry::CashierPinAgain => "  PIN again",
            Entry::CashierName => "First cashier",
            Entry::Done => "",
        }
    }

    fn is_pin(self) -> bool {
        matches!(
            self,
            Entry::ManagerPin | Entry::ManagerPinAgain | Entry::CashierPin | Entry::CashierPinAgain
        )
    }

    fn is_of_people(self) -> bool {
        self.is_pin() || matches!(self, Entry::ManagerName | Entry::CashierName)
    }
}

/// Whether people sign in at this shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SigningIn {
    Each,
    Nobody,
}

/// The set-up screen.
pub struct SetUp {
    at: Entry,
    signing_in: SigningIn,
    store: Field,
    zone: Field,
    counter: Field,
    scanners: Vec<SerialPortFound>,
    /// Which of them; none: no scanner, or one that types.
    scanner: Option<usize>,
    manager: Person,
    cashier: Person,
    words: String,
    is_at_desk: bool,
}

#[derive(Default)]
struct Person {
    name: Field,
    pin: Field,
    again: Field,
}

impl SetUp {
    /// An empty form, with a time zone and the counter's name suggested.
    pub fn new(zone: &str, counter: &str, scanners: Vec<SerialPortFound>) -> SetUp {
        SetUp {
            at: Entry::Store,
            signing_in: SigningIn::Each,
            store: Field::default(),
            zone: Field::with(zone),
            counter: Field::with(counter),
            scanners,
            scanner: None,
            manager: Person::default(),
            cashier: Person::default(),
            words: String::new(),
            is_at_desk: false,
        }
    }

    /// Other scanners are plugged in than before; what was chosen stays chosen while it is there.
    pub fn scanners_found(&mut self, scanners: Vec<SerialPortFound>) {
        let chosen = self.chosen().map(|port| port.stable_path.clone());
        self.scanner = scanners
            .iter()
            .position(|port| chosen.as_ref() == Some(&port.stable_path));
        self.scanners = scanners;
        if self.scanners.is_empty() && self.at == Entry::Scanner {
            self.at = Entry::WhoSignsIn;
        }
    }

    fn chosen(&self) -> Option<&SerialPortFound> {
        self.scanners.get(self.scanner?)
    }

    /// The choice after this one, or before: no scanner first, then each that is there.
    fn choose_scanner(&mut self, command: Command) {
        let last = self.scanners.len().checked_sub(1);
        self.scanner = match (self.scanner, command) {
            (None, Command::Left) => last,
            (None, _) => last.map(|_| 0),
            (Some(at), Command::Left) => at.checked_sub(1),
            (Some(at), _) => at.checked_add(1).filter(|next| Some(*next) <= last),
        };
    }

    /// Says something below the form.
    pub fn say(&mut self, words: &str) {
        words.clone_into(&mut self.words);
    }

    /// The desk has not taken it.
    pub fn refused(&mut self, words: &str) {
        self.is_at_desk = false;
        self.say(words);
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        if let Some(field) = self.field_mut(self.at) {
            field.push(character);
        }
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command, effects: &mut Vec<Effect>) -> Outcome {
        let at = self.at;
        if let Some(field) = self.field_mut(at) {
            if edit(field, command) {
                return Outcome::Open;
            }
            if command == Command::Enter && field.is_code() {
                return Outcome::Scan(field.take().into_bytes());
            }
        }
        match command {
            Command::Enter if at == Entry::Done => self.finish(effects),
            Command::Enter | Command::Next | Command::Down => self.step(1),
            Command::Previous | Command::Up => self.step(-1),
            Command::Left | Command::Right if at == Entry::Scanner => self.choose_scanner(command),
            Command::Left | Command::Right if at == Entry::WhoSignsIn => {
                self.signing_in = match self.signing_in {
                    SigningIn::Each => SigningIn::Nobody,
                    SigningIn::Nobody => SigningIn::Each,
                };
            }
            Command::Left
            | Command::Right
            | Command::Help
            | Command::Home
            | Command::SignUp
            | Command::Find
            | Command::Pools
            | Command::Log
            | Command::Undo
            | Command::Slips
            | Command::Manager
            | Command::SignOut
            | Command::Leave
            | Command::Drop
            | Command::PageUp
            | Command::PageDown
            | Command::LineStart
            | Command::LineEnd
            | Command::Erase
            | Command::EraseNext
            | Command::EraseLine => {}
        }
        Outcome::Open
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = Entry> + use<> {
        let signing_in = self.signing_in;
        let has_scanners = !self.scanners.is_empty();
        ENTRIES
            .into_iter()
            .filter(move |entry| signing_in == SigningIn::Each || !entry.is_of_people())
            .filter(move |entry| has_scanners || *entry != Entry::Scanner)
    }

    fn step(&mut self, by: isize) {
        let entries: Vec<Entry> = self.entries().collect();
        let at = entries.iter().position(|entry| *entry == self.at);
        let next = at.unwrap_or(0).saturating_add_signed(by);
        if let Some(entry) = entries.get(next) {
            self.at = *entry;
        }
    }

    fn finish(&mut self, effects: &mut Vec<Effect>) {
        if self.is_at_desk {
            return;
        }
        if let Some((entry, words)) = self.fault() {
            self.at = entry;
            self.say(words);
            return;
        }
        let mut operators = Vec::new();
        for (person, role) in [
            (&self.manager, Role::Manager),
            (&self.cashier, Role::Cashier),
        ] {
            let name = person.name.as_str().trim();
            if self.signing_in == SigningIn::Each && !name.is_empty() {
                let operator = Operator {
                    name: name.to_owned(),
                    role,
                };
                operators.push((operator, Pin::new(person.pin.as_str().to_owned())));
            }
        }
        self.is_at_desk = true;
        self.say("setting up …");
        effects.push(Effect::SetUp(Box::new(NewShop {
            store: self.store.as_str().trim().to_owned(),
            zone: self.zone.as_str().trim().to_owned(),
            counter: self.counter.as_str().trim().to_owned(),
            scanner: self.chosen().map(|port| port.stable_path.clone()),
            operators,
        })));
    }

    /// The first thing that is missing, and where.
    fn fault(&self) -> Option<(Entry, &'static str)> {
        let is_blank = |field: &Field| field.as_str().trim().is_empty();
        if is_blank(&self.store) {
            return Some((Entry::Store, "the store needs a name"));
        }
        if is_blank(&self.zone) {
            return Some((Entry::Zone, "the time zone is missing, as in Europe/Rome"));
        }
        if is_blank(&self.counter) {
            return Some((Entry::Counter, "this counter needs a name of its own"));
        }
        if self.signing_in == SigningIn::Nobody {
            return None;
        }
        if is_blank(&self.manager.name) {
            return Some((Entry::ManagerName, "the first manager needs a name"));
        }
        if let Some(words) = self.manager.pin_fault() {
            return Some((Entry::ManagerPin, words));
        }
        if is_blank(&self.cashier.name) {
            // A shop may begin with its manager alone.
            return None;
        }
        if self.cashier.name.as_str().trim() == self.manager.name.as_str().trim() {
            return Some((Entry::CashierName, "two people cannot have one name"));
        }
        self.cashier
            .pin_fault()
            .map(|words| (Entry::CashierPin, words))
    }

    fn field(&self, entry: Entry) -> Option<&Field> {
        Some(match entry {
            Entry::Store => &self.store,
            Entry::Zone => &self.zone,
            Entry::Counter => &self.counter,
            Entry::ManagerName => &self.manager.name,
            Entry::ManagerPin => &self.manager.pin,
            Entry::ManagerPinAgain => &self.manager.again,
            Entry::CashierName => &self.cashier.name,
            Entry::CashierPin => &self.cashier.pin,
            Entry::CashierPinAgain => &self.cashier.again,
            Entry::Scanner | Entry::WhoSignsIn | Entry::Done => return None,
        })
    }

    fn field_mut(&mut self, entry: Entry) -> Option<&mut Field> {
        Some(match entry {
            Entry::Store => &mut self.store,
            Entry::Zone => &mut self.zone,
            Entry::Counter => &mut self.counter,
            Entry::ManagerName => &mut self.manager.name,
            Entry::ManagerPin => &mut self.manager.pin,
            Entry::ManagerPinAgain => &mut self.manager.again,
            Entry::CashierName => &mut self.cashier.name,
            Entry::CashierPin => &mut self.cashier.pin,
            Entry::CashierPinAgain => &mut self.cashier.again,
            Entry::Scanner | Entry::WhoSignsIn | Entry::Done => return None,
        })
    }

    /// Draws the screen.
    pub fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " SET UP THIS SHOP ", theme.strong());
        let mut inside = canvas.inside(3);
        let room = inside.columns();
        let last = inside.rows().saturating_sub(1);
        // Where there is no room for all lines, those about the one that is filled in are seen.
        let seen = usize::from(last).max(1);
        let at = self.entries().position(|entry| entry == self.at);
        let hidden = at.unwrap_or(0).saturating_add(1).saturating_sub(seen);
        let mut row = u16::from(inside.rows() > 15);
        for entry in self.entries().skip(hidden).take(seen) {
            let is_here = entry == self.at;
            let mark = if is_here { '›' } else { ' ' };
            let style = if is_here { theme.strong() } else { theme.dim() };
            let label = padded(&format!("{mark} {}", entry.label()), 17);
            if entry == Entry::Done {
                let button = format!("{mark} [ Create this shop ]");
                let style = if is_here {
                    theme.picked()
                } else {
                    Style::new()
                };
                inside.text(0, row, &button, style);
            } else {
                let taken = inside.text(0, row, &label, style);
                let room = room.saturating_sub(taken);
                let (text, style) = self.value(entry, is_here, room, theme.strong());
                let text = cut(&text, room);
                inside.text(taken, row, &text, style);
            }
            row = row.saturating_add(1);
        }
        let hint = match self.at {
            Entry::WhoSignsIn => "Left, Right: the other choice",
            Entry::CashierName => "may stay empty",
            Entry::Done => "Enter creates it",
            Entry::Counter => "as the log names it; each counter has a name of its own",
            Entry::Scanner => "Left, Right: another; a scanner that types needs nothing here",
            Entry::Store
            | Entry::Zone
            | Entry::ManagerName
            | Entry::ManagerPin
            | Entry::ManagerPinAgain
            | Entry::CashierPin
            | Entry::CashierPinAgain => "Enter, Tab, arrows: from line to line",
        };
        if self.words.is_empty() {
            inside.text(0, last, hint, theme.dim());
        } else {
            for line in wrapped(&self.words, room, 1) {
                inside.text(0, last, &line, theme.warning());
            }
        }
    }

    fn value(&self, entry: Entry, is_here: bool, room: u16, strong: Style) -> (String, Style) {
        if entry == Entry::WhoSignsIn {
            let words = match self.signing_in {
                SigningIn::Each => "each person, with a PIN",
                SigningIn::Nobody => "nobody signs in here",
            };
            return (format!("‹ {words} ›"), strong);
        }
        if entry == Entry::Scanner {
            let words = self
                .chosen()
                .map_or_else(|| "none, or one that types".to_owned(), scanner_words);
            return (format!("‹ {words} ›"), strong);
        }
        let text =
            self.field(entry)
                .map_or_else(String::new, |field| match (entry.is_pin(), is_here) {
                    (true, true) => field.masked_with_cursor(usize::from(room)),
                    (true, false) => field.masked(),
                    (false, true) => field.with_cursor("", usize::from(room)),
                    (false, false) => field.as_str().to_owned(),
                });
        (text, strong)
    }
}

/// What a person knows it by, and where it is plugged in.
fn scanner_words(port: &SerialPortFound) -> String {
    let path = port.stable_path.display().to_string();
    let name = path.rsplit('/').next().unwrap_or(&path);
    match &port.product {
        Some(product) => format!("{product} · {name}"),
        None => name.to_owned(),
    }
}

impl Person {
    fn pin_fault(&self) -> Option<&'static str> {
        pin_fault(self.pin.as_str())
            .or_else(|| (self.pin.as_str() != self.again.as_str()).then_some("the two PINs differ"))
    }
}
