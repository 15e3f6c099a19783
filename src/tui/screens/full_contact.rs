//! The whole contact of one customer, over the search: asked for, approved by a manager, shown until
//! the next key.

use ratatui::style::Style;

use crate::domain::customer::FullContacts;
use crate::tui::canvas::{Canvas, cut, padded, wrapped};
use crate::tui::keys::Command;
use crate::tui::msg::ApprovalAsk;
use crate::tui::screens::question::{ManagerForm, Managers, Outcome};

/// What a key asks for.
pub enum ContactWish {
    /// Nothing more.
    Nothing,
    /// It is closed.
    Close,
    /// The typed line is a scan.
    Scan(Vec<u8>),
    /// The desk is to show it.
    Show(Option<ApprovalAsk>),
}

/// The question for a contact, and then the contact.
pub struct FullContact {
    customer_id: String,
    /// The customer as everybody sees them.
    who: String,
    manager: Option<ManagerForm>,
    problem: String,
    is_at_desk: bool,
    shown: Option<FullContacts>,
}

impl FullContact {
    /// Of this customer; `who` is what everybody sees of them.
    pub fn new(customer_id: &str, who: &str) -> FullContact {
        FullContact {
            customer_id: customer_id.to_owned(),
            who: who.to_owned(),
            manager: None,
            problem: String::new(),
            is_at_desk: false,
            shown: None,
        }
    }

    /// Whose.
    pub fn customer_id(&self) -> &str {
        &self.customer_id
    }

    /// Whether something is still asked.
    pub fn is_asking(&self) -> bool {
        self.shown.is_none()
    }

    /// A manager must approve.
    pub fn ask_manager(&mut self, managers: &Managers) {
        self.is_at_desk = false;
        self.manager = Some(ManagerForm::new(managers, Some("whole contact".to_owned())));
    }

    /// The desk has refused.
    pub fn refuse(&mut self, words: &str) {
        self.is_at_desk = false;
        words.clone_into(&mut self.problem);
        if let Some(manager) = &mut self.manager {
            manager.refuse();
        }
    }

    /// The desk shows it.
    pub fn show(&mut self, contacts: FullContacts) {
        self.is_at_desk = false;
        self.manager = None;
        self.shown = Some(contacts);
    }

    /// Takes a typed character; false where it is none of ours.
    pub fn typed(&mut self, character: char) -> bool {
        if let Some(manager) = &mut self.manager {
            manager.typed(character);
        }
        self.is_asking()
    }

    /// Does what a key orders.
    pub fn command(&mut self, command: Command) -> ContactWish {
        if command == Command::Drop || self.shown.is_some() {
            return ContactWish::Close;
        }
        if self.is_at_desk {
            return ContactWish::Nothing;
        }
        let approval = match &mut self.manager {
            None if command == Command::Enter => None,
            None => return ContactWish::Nothing,
            Some(manager) => match manager.command(command) {
                Outcome::Open => return ContactWish::Nothing,
                Outcome::Scan(raw) => return ContactWish::Scan(raw),
                Outcome::Done(approval) => approval,
            },
        };
        self.is_at_desk = true;
        self.problem.clear();
        ContactWish::Show(approval)
    }

    /// Draws it.
    pub fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let Some(shown) = &self.shown else {
            let asked = format!("Show the whole contact of {}?", self.who);
            let mut row = 0;
            for line in wrapped(&asked, room, 2) {
                canvas.text(0, row, &line, theme.strong());
                row = row.saturating_add(1);
            }
            if let Some(manager) = &self.manager {
                for line in manager.lines(room) {
                    canvas.line(0, row, &line, Style::new());
                    row = row.saturating_add(1);
                }
            }
            let said = if self.is_at_desk {
                "asking the ledger …"
            } else if !self.problem.is_empty() {
                &self.problem
            } else if self.manager.is_some() {
                "A manager must approve this: PIN, Enter"
            } else {
                "It is kept in the log who did. Enter shows it, Esc does not"
            };
            for line in wrapped(said, room, 2) {
                canvas.text(0, row, &line, theme.warning());
                row = row.saturating_add(1);
            }
            return;
        };
        let name = shown.name.as_deref().unwrap_or("a customer without a name");
        canvas.text(0, 0, &cut(name, room), theme.strong());
        let mut row = 1;
        for (kind, text) in &shown.contacts {
            let label = padded(&kind.replace('_', " "), 12);
            for (at, line) in wrapped(text, room.saturating_sub(12), 4).iter().enumerate() {
                let label = if at == 0 {
                    label.as_str()
                } else {
                    "            "
                };
                canvas.text(0, row, &format!("{label}{line}"), Style::new());
                row = row.saturating_add(1);
            }
        }
        if shown.contacts.is_empty() {
            canvas.text(0, row, "no contact is known", theme.dim());
            row = row.saturating_add(1);
        }
        let row = row.saturating_add(1);
        canvas.text(0, row, "any key hides it again", theme.dim());
    }
}
