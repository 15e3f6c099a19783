//! Set-up, once: the store, its time zone, and the first people, or that nobody signs in.

use ratatui::style::Style;

use crate::domain::operator::{Operator, Role, pin_fault};
use crate::tui::canvas::{Canvas, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::Command;
use crate::tui::msg::{Effect, Pin};
use crate::tui::screens::question::{Outcome, edit};
use crate::tui::theme::Tone;

/// The lines of the form, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Store,
    Zone,
    WhoSignsIn,
    ManagerName,
    ManagerPin,
    ManagerPinAgain,
    CashierName,
    CashierPin,
    CashierPinAgain,
    Done,
}

const ENTRIES: [Entry; 10] = [
    Entry::Store,
    Entry::Zone,
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
    /// An empty form, with a time zone suggested.
    pub fn new(zone: &str) -> SetUp {
        SetUp {
            at: Entry::Store,
            signing_in: SigningIn::Each,
            store: Field::default(),
            zone: Field::with(zone),
            manager: Person::default(),
            cashier: Person::default(),
            words: String::new(),
            is_at_desk: false,
        }
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
            | Command::Undo
            | Command::Manager
            | Command::SignOut
            | Command::Leave
            | Command::Drop
            | Command::PageUp
            | Command::PageDown
            | Command::Erase
            | Command::EraseLine => {}
        }
        Outcome::Open
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = Entry> + use<> {
        let signing_in = self.signing_in;
        ENTRIES
            .into_iter()
            .filter(move |entry| signing_in == SigningIn::Each || !entry.is_of_people())
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
        effects.push(Effect::SetUp {
            store: self.store.as_str().trim().to_owned(),
            zone: self.zone.as_str().trim().to_owned(),
            operators,
        });
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
            Entry::ManagerName => &self.manager.name,
            Entry::ManagerPin => &self.manager.pin,
            Entry::ManagerPinAgain => &self.manager.again,
            Entry::CashierName => &self.cashier.name,
            Entry::CashierPin => &self.cashier.pin,
            Entry::CashierPinAgain => &self.cashier.again,
            Entry::WhoSignsIn | Entry::Done => return None,
        })
    }

    fn field_mut(&mut self, entry: Entry) -> Option<&mut Field> {
        Some(match entry {
            Entry::Store => &mut self.store,
            Entry::Zone => &mut self.zone,
            Entry::ManagerName => &mut self.manager.name,
            Entry::ManagerPin => &mut self.manager.pin,
            Entry::ManagerPinAgain => &mut self.manager.again,
            Entry::CashierName => &mut self.cashier.name,
            Entry::CashierPin => &mut self.cashier.pin,
            Entry::CashierPinAgain => &mut self.cashier.again,
            Entry::WhoSignsIn | Entry::Done => return None,
        })
    }

    /// Draws the screen.
    pub fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " SET UP THIS SHOP ", theme.strong());
        let mut inside = canvas.inside(3);
        let room = inside.columns();
        let mut row = u16::from(inside.rows() > 14);
        for entry in self.entries() {
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
                let (text, style) = self.value(entry, is_here, theme.strong());
                inside.text(taken, row, &text, style);
            }
            row = row.saturating_add(1);
        }
        let hint = match self.at {
            Entry::WhoSignsIn => "Left, Right: the other choice",
            Entry::CashierName => "may stay empty",
            Entry::Done => "Enter creates it",
            Entry::Store
            | Entry::Zone
            | Entry::ManagerName
            | Entry::ManagerPin
            | Entry::ManagerPinAgain
            | Entry::CashierPin
            | Entry::CashierPinAgain => "Enter, Tab, arrows: from line to line",
        };
        let last = inside.rows().saturating_sub(1);
        if self.words.is_empty() {
            inside.text(0, last, hint, theme.dim());
        } else {
            for line in wrapped(&self.words, room, 1) {
                inside.text(0, last, &line, theme.warning());
            }
        }
    }

    fn value(&self, entry: Entry, is_here: bool, strong: Style) -> (String, Style) {
        let cursor = if is_here { "▏" } else { "" };
        if entry == Entry::WhoSignsIn {
            let words = match self.signing_in {
                SigningIn::Each => "each person, with a PIN",
                SigningIn::Nobody => "nobody signs in here",
            };
            return (format!("‹ {words} ›"), strong);
        }
        let text = self.field(entry).map_or_else(String::new, |field| {
            if entry.is_pin() {
                field.masked()
            } else {
                field.as_str().to_owned()
            }
        });
        (format!("{text}{cursor}"), strong)
    }
}

impl Person {
    fn pin_fault(&self) -> Option<&'static str> {
        pin_fault(self.pin.as_str())
            .or_else(|| (self.pin != self.again).then_some("the two PINs differ"))
    }
}
