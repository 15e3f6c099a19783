//! Find: a customer by a contact, a name or the end of a code, and the life of a code.
//!
//! Looking changes nothing. What is scanned here is redeemed as everywhere, and its life is shown
//! below the verdict. What was ordered is told even where the form that asked for it is gone.

use jiff::Timestamp;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::domain::claim::{Claim, ClaimWord};
use crate::domain::code::{fold, grouped, last_letters};
use crate::domain::finding::{
    Finding, FoundCode, FoundLife, Holder, LAST_LETTERS_MIN, code_ending,
};
use crate::domain::local_time::{in_few_words, last_in_words};
use crate::domain::qr::QrMatrix;
use crate::domain::reversal::{Reversal, ReversalWord};
use crate::domain::slip_job::{SlipJob, SlipOutcome};
use crate::tui::canvas::{Canvas, cut, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::find_order::{FindOrder, FindTold};
use crate::tui::keys::{Command, Place};
use crate::tui::msg::Effect;
use crate::tui::pages::View;
use crate::tui::qr_cells;
use crate::tui::screens::full_contact::{ContactWish, FullContact};
use crate::tui::screens::life::{LifePage, Wish, person_in_words};
use crate::tui::screens::question::{Managers, Outcome, edit, field_line};
use crate::tui::screens::signed_up::outcome_in_words;
use crate::tui::theme::Tone;

/// What the commands of this screen depend on.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Whether slips can be printed here.
    pub has_printer: bool,
    /// The wall clock.
    pub now: Timestamp,
}

/// The orders that the desk has not answered yet.
#[derive(Default)]
struct Awaited {
    /// The newest search; an older one is forgotten.
    search: Option<u64>,
    /// The newest look at a life.
    life: Option<u64>,
    /// The whole contact of a customer.
    contact: Option<u64>,
    /// What changes something, and of which code; whatever comes of it is told.
    act: Option<(u64, String)>,
    /// The slip that is being printed.
    slip: Option<Printing>,
}

/// A slip on its way to the paper.
enum Printing {
    Ordered(String),
    AtPrinter(i64),
}

/// A code that took a lost one's place.
struct NewCode {
    code: String,
    /// The last letters of the lost one.
    instead_of: String,
    validity: Option<Timestamp>,
    qr: Option<QrMatrix>,
}

/// The search screen.
#[derive(Default)]
pub struct Find {
    line: Field,
    /// The newest order's number; grows for as long as the console runs.
    number: u64,
    awaited: Awaited,
    /// What was searched for last.
    searched: String,
    finding: Option<Finding>,
    /// The marked code, counted through the whole list.
    at: usize,
    life: Option<LifePage>,
    new_code: Option<NewCode>,
    /// The whole contact of a customer, asked for or shown.
    contact: Option<FullContact>,
    /// What was done or refused.
    words: String,
}

impl Find {
    /// Nothing asked yet.
    pub fn new() -> Find {
        Find::default()
    }

    /// Where the operator is.
    pub fn place(&self) -> Place {
        if self.contact.as_ref().is_some_and(FullContact::is_asking) {
            return Place::Question;
        }
        if self.new_code.is_some() {
            return Place::Replaced;
        }
        match &self.life {
            Some(life) if life.has_form() => Place::Question,
            Some(_) => Place::Life,
            None => Place::Find,
        }
    }

    /// Whether Esc closes something here, before it leads back to the scans.
    pub fn has_something_open(&self) -> bool {
        self.life.is_some() || self.new_code.is_some() || self.contact.is_some()
    }

    /// Whether a barcode that is no code of ours fills the field that is being typed in.
    pub fn is_scannable(&self) -> bool {
        self.contact.is_none() && !self.life.as_ref().is_some_and(LifePage::is_typing)
    }

    /// Takes a scanned barcode that is no code.
    pub fn fill(&mut self, raw: &[u8]) {
        self.line.fill_scanned(raw);
        self.life = None;
        self.finding = None;
        self.searched.clear();
    }

    /// A scan drops what is being asked, and is judged.
    pub fn scanned(&mut self) {
        self.words.clear();
        self.close_contact();
        if let Some(life) = &mut self.life {
            life.drop_form();
        }
    }

    /// A code was scanned on this screen: its life is shown below the verdict.
    pub fn judged(&mut self, code: &str, effects: &mut Vec<Effect>) {
        self.open(code, effects);
    }

    /// Another screen is opened: what was found may be stale when somebody comes back.
    pub fn put_away(&mut self) {
        self.close_contact();
        self.life = None;
        self.finding = None;
        self.searched.clear();
        self.words.clear();
        self.awaited.search = None;
        self.awaited.life = None;
    }

    /// F4 on this screen: the next search.
    pub fn again(&mut self) {
        self.put_away();
        self.line.clear();
    }

    /// The operator has gone, and with them what was found; a late answer is nobody's.
    pub fn signed_out(&mut self) {
        *self = Find {
            number: self.number,
            ..Find::default()
        };
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        if let Some(contact) = &mut self.contact {
            if contact.typed(character) {
                return;
            }
            self.contact = None;
        }
        match &mut self.life {
            Some(life) if life.is_typing() => life.typed(character),
            Some(_) => {
                // From a life, the next search begins; in a list more letters narrow the last one.
                if !self.has_new_text() {
                    self.line.clear();
                    self.searched.clear();
                }
                self.line.push(character);
            }
            None => self.line.push(character),
        }
    }

    /// Does what a key orders.
    pub fn command(
        &mut self,
        command: Command,
        setting: Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if self.contact.is_some() {
            return self.command_in_contact(command, effects);
        }
        if self.new_code.is_some() {
            self.leave_new_code(command);
            if command != Command::Slips {
                return Outcome::Open;
            }
        }
        if command == Command::Drop {
            self.close_one();
            return Outcome::Open;
        }
        let has_form = self.life.as_ref().is_some_and(LifePage::has_form);
        if !has_form {
            if edit(&mut self.line, command) {
                return Outcome::Open;
            }
            if command == Command::Enter && self.has_new_text() {
                if self.line.is_code() {
                    return Outcome::Scan(self.line.take().into_bytes());
                }
                self.search(effects);
                return Outcome::Open;
            }
        }
        if self.life.is_some() {
            return self.command_in_life(command, setting, effects);
        }
        self.command_in_list(command, effects);
        Outcome::Open
    }

    fn has_new_text(&self) -> bool {
        let text = self.line.as_str().trim();
        !text.is_empty() && text != self.searched
    }

    fn leave_new_code(&mut self, command: Command) {
        if matches!(command, Command::Enter | Command::Drop | Command::Slips) {
            self.new_code = None;
        }
    }

    fn close_one(&mut self) {
        self.words.clear();
        match &mut self.life {
            Some(life) if life.has_form() => life.drop_form(),
            Some(_) => {
                self.life = None;
                self.awaited.life = None;
            }
            None => {}
        }
    }

    fn close_contact(&mut self) {
        self.contact = None;
        self.awaited.contact = None;
    }

    fn command_in_contact(&mut self, command: Command, effects: &mut Vec<Effect>) -> Outcome {
        let Some(contact) = &mut self.contact else {
            return Outcome::Open;
        };
        match contact.command(command) {
            ContactWish::Nothing => {}
            ContactWish::Close => self.close_contact(),
            ContactWish::Scan(raw) => {
                self.close_contact();
                return Outcome::Scan(raw);
            }
            ContactWish::Show(approval) => {
                let customer_id = contact.customer_id().to_owned();
                let order = FindOrder::Contact {
                    customer_id,
                    approval,
                };
                self.awaited.contact = Some(self.order(order, effects));
            }
        }
        Outcome::Open
    }

    /// The desk has answered for a contact; where nobody asks any more, nothing is shown.
    fn contact_told(&mut self, told: FindTold, managers: &Managers, effects: &mut Vec<Effect>) {
        let Some(contact) = &mut self.contact else {
            return;
        };
        match told {
            FindTold::Contact(contacts) => contact.show(*contacts),
            FindTold::NeedsApproval => contact.ask_manager(managers),
            FindTold::Refused(words) => {
                effects.push(Effect::Bell { times: 2 });
                contact.refuse(&words);
            }
            FindTold::Failed(words) => {
                effects.push(Effect::Bell { times: 3 });
                contact.refuse(&format!("NOT DONE – {words}"));
            }
            FindTold::Found(_)
            | FindTold::FoundOn { .. }
            | FindTold::Life(_)
            | FindTold::Undone(_)
            | FindTold::Replaced(_) => {}
        }
    }

    /// Whoever has the marked code; whoever is alone in the list.
    fn marked_holder(&self) -> Option<&Holder> {
        let holders = &self.finding.as_ref()?.holders;
        let mut before = 0_usize;
        let marked = holders.iter().find(|holder| {
            before = before.saturating_add(holder.codes.len());
            self.at < before
        });
        marked.or(match holders.as_slice() {
            [only] => Some(only),
            _ => None,
        })
    }

    fn command_in_list(&mut self, command: Command, effects: &mut Vec<Effect>) {
        if command == Command::Manager {
            self.words.clear();
            let holder = self.marked_holder();
            self.contact = holder.and_then(|holder| {
                let id = holder.customer_id.as_deref()?;
                Some(FullContact::new(id, &holder_in_words(holder)))
            });
            return;
        }
        let last = self
            .finding
            .as_ref()
            .map_or(0, Finding::code_count)
            .saturating_sub(1);
        if matches!(command, Command::Up | Command::Previous) {
            self.at = self.at.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::PageUp {
            self.at = self.at.saturating_sub(10);
        } else if command == Command::PageDown {
            self.at = self.at.saturating_add(10).min(last);
        } else if command == Command::Enter
            && let Some(code) = self.marked().map(|found| found.code.clone())
        {
            self.open(&code, effects);
        }
    }

    fn marked(&self) -> Option<&FoundCode> {
        self.finding.as_ref()?.codes().nth(self.at)
    }

    fn command_in_life(
        &mut self,
        command: Command,
        setting: Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let Some(life) = &mut self.life else {
            return Outcome::Open;
        };
        let Setting { has_printer, now } = setting;
        match life.command(command, has_printer, now) {
            Wish::Nothing => {}
            Wish::Scan(raw) => return Outcome::Scan(raw),
            Wish::Say(words) => self.words = words,
            Wish::Act(order) => {
                let code = life.code().to_owned();
                self.words.clear();
                self.awaited.act = Some((self.order(order, effects), code));
            }
            Wish::Print(code) => {
                "printing …".clone_into(&mut self.words);
                self.awaited.slip = Some(Printing::Ordered(code.clone()));
                effects.push(Effect::Reprint { code });
            }
        }
        Outcome::Open
    }

    fn order(&mut self, order: FindOrder, effects: &mut Vec<Effect>) -> u64 {
        self.number = self.number.saturating_add(1);
        effects.push(Effect::Find {
            number: self.number,
            order: Box::new(order),
        });
        self.number
    }

    fn search(&mut self, effects: &mut Vec<Effect>) {
        self.line.as_str().trim().clone_into(&mut self.searched);
        self.life = None;
        self.finding = None;
        self.at = 0;
        self.words.clear();
        let text = self.searched.clone();
        self.awaited.search = Some(self.order(FindOrder::Find { text }, effects));
    }

    fn search_on(&mut self, after: String, effects: &mut Vec<Effect>) {
        let text = self.searched.clone();
        self.awaited.search = Some(self.order(FindOrder::FindOn { text, after }, effects));
    }

    fn open(&mut self, code: &str, effects: &mut Vec<Effect>) {
        let code = code.to_owned();
        self.awaited.life = Some(self.order(FindOrder::Open { code }, effects));
    }

    /// The desk has answered an order. What is worth a notice on another screen is given back.
    pub fn told(
        &mut self,
        number: u64,
        told: FindTold,
        managers: &Managers,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        if let Some((_, code)) = self.awaited.act.take_if(|(act, _)| *act == number) {
            return self.act_told(told, &code, managers, effects);
        }
        if self
            .awaited
            .contact
            .take_if(|asked| *asked == number)
            .is_some()
        {
            self.contact_told(told, managers, effects);
            return None;
        }
        let is_search = self.awaited.search == Some(number);
        let is_life = self.awaited.life == Some(number);
        if is_search {
            self.awaited.search = None;
        } else if is_life {
            self.awaited.life = None;
        } else {
            return None;
        }
        match told {
            FindTold::Found(finding) => self.found(finding, effects),
            FindTold::FoundOn { found, next } => self.found_on(found, next, effects),
            FindTold::Life(life) => self.life_told(*life),
            FindTold::Refused(words) => self.words = words,
            FindTold::Failed(words) => {
                self.words = format!("NOT FOUND OUT – {words}");
                effects.push(Effect::Bell { times: 3 });
            }
            FindTold::Undone(_)
            | FindTold::Replaced(_)
            | FindTold::Contact(_)
            | FindTold::NeedsApproval => {}
        }
        None
    }

    fn found(&mut self, finding: Finding, effects: &mut Vec<Effect>) {
        if let Some(code) = finding.code.clone() {
            self.open(&code, effects);
            return;
        }
        if code_ending(&self.searched).is_some() && !finding.has_more {
            self.search_on(String::new(), effects);
        }
        self.finding = Some(finding);
        self.mark_match();
    }

    fn found_on(&mut self, found: Finding, next: Option<String>, effects: &mut Vec<Effect>) {
        let finding = self.finding.get_or_insert_default();
        finding.extend(found);
        let has_more = finding.has_more;
        self.mark_match();
        if let Some(after) = next
            && !has_more
        {
            self.search_on(after, effects);
            return;
        }
        // One code without an owner: there is nothing to choose.
        let only = self
            .finding
            .as_ref()
            .filter(|finding| finding.code_count() == 1)
            .and_then(|finding| finding.holders.first())
            .filter(|holder| holder.customer_id.is_none())
            .and_then(|holder| holder.codes.first())
            .map(|found| found.code.clone());
        if let (Some(code), None) = (only, &self.life) {
            self.open(&code, effects);
        }
    }

    /// Marks the first code that ends as it was asked for, while nobody has moved the mark.
    fn mark_match(&mut self) {
        let Some(ending) = code_ending(&self.searched) else {
            return;
        };
        let ends_so = |found: &FoundCode| {
            fold(&found.code).is_ok_and(|folded| folded.as_str().ends_with(ending.as_str()))
        };
        if self.at == 0
            && let Some(finding) = &self.finding
        {
            self.at = finding.codes().position(ends_so).unwrap_or(0);
        }
    }

    fn life_told(&mut self, life: FoundLife) {
        // A form that is open over the same life stays.
        let is_asking = self
            .life
            .as_ref()
            .is_some_and(|open| open.has_form() && open.code() == life.life.code);
        if !is_asking {
            self.close_contact();
            self.life = Some(LifePage::new(life));
        }
    }

    fn act_told(
        &mut self,
        told: FindTold,
        code: &str,
        managers: &Managers,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        match told {
            FindTold::Undone(reversal) => return self.undone(&reversal, managers, effects),
            FindTold::Replaced(claim) => return self.replaced(*claim, code, effects),
            FindTold::NeedsApproval => return self.ask_manager(managers),
            FindTold::Refused(words) => return self.refused(&words, 2, effects),
            FindTold::Failed(words) => {
                let words = format!("NOT DONE – {words} Enter tries again, it is the same act.");
                return self.refused(&words, 3, effects);
            }
            FindTold::Found(_)
            | FindTold::FoundOn { .. }
            | FindTold::Life(_)
            | FindTold::Contact(_) => {}
        }
        None
    }

    fn ask_manager(&mut self, managers: &Managers) -> Option<String> {
        let asks = self
            .life
            .as_mut()
            .is_some_and(|life| life.ask_manager(managers));
        (!asks).then(|| self.say("not done: a manager must approve".to_owned()))
    }

    fn refused(&mut self, words: &str, times: u8, effects: &mut Vec<Effect>) -> Option<String> {
        effects.push(Effect::Bell { times });
        let is_asking = self.life.as_mut().is_some_and(|life| life.refuse(words));
        if is_asking {
            return None;
        }
        Some(self.say(format!("not done: {words}")))
    }

    fn say(&mut self, words: String) -> String {
        self.words.clone_from(&words);
        words
    }

    fn undone(
        &mut self,
        reversal: &Reversal,
        managers: &Managers,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        match reversal.word {
            ReversalWord::NeedsApproval => self.ask_manager(managers),
            ReversalWord::NothingToReverse
            | ReversalWord::KeyConflict
            | ReversalWord::OfflineRefused
            | ReversalWord::UnknownOutcome => self.refused(reversal.message(), 2, effects),
            ReversalWord::Reversed | ReversalWord::Replayed => {
                if let Some(life) = &mut self.life {
                    life.drop_form();
                }
                self.reopen(reversal.code.as_deref(), effects);
                Some(self.say(reversal.message().to_owned()))
            }
        }
    }

    /// Reads the open life anew where it is that of the code.
    fn reopen(&mut self, code: Option<&str>, effects: &mut Vec<Effect>) {
        let open = self.life.as_ref().map(|life| life.code().to_owned());
        if let Some(open) = open.filter(|open| Some(open.as_str()) == code) {
            self.open(&open, effects);
        }
    }

    fn replaced(&mut self, claim: Claim, old: &str, effects: &mut Vec<Effect>) -> Option<String> {
        let is_theirs = matches!(claim.word, ClaimWord::Assigned | ClaimWord::Replayed);
        let Some(code) = claim.code.clone().filter(|_| is_theirs) else {
            let words = if claim.word == ClaimWord::PoolExhausted {
                "no code of this offer is left: the old one stands. Tell the manager".to_owned()
            } else {
                claim.message()
            };
            return self.refused(&words, 2, effects);
        };
        if let Some(life) = &mut self.life {
            life.drop_form();
        }
        if let Some(job) = claim.slip {
            "printing …".clone_into(&mut self.words);
            self.awaited.slip = Some(Printing::AtPrinter(job.number));
            effects.push(Effect::Print(Box::new(job)));
        }
        self.new_code = Some(NewCode {
            qr: QrMatrix::of(&code).ok(),
            validity: claim.expires_at,
            instead_of: last_letters(old),
            code: code.clone(),
        });
        // Another code may have been scanned since: its life stays.
        self.open(&code, effects);
        Some(format!("replaced by {}: F4 shows it", grouped(&code)))
    }

    /// A slip is on its way to the printer.
    pub fn slip_ordered(&mut self, job: &SlipJob) {
        if let Some(Printing::Ordered(code)) = &self.awaited.slip
            && *code == job.slip.code
        {
            self.awaited.slip = Some(Printing::AtPrinter(job.number));
        }
    }

    /// A slip is not printed; nothing was changed.
    pub fn slip_refused(&mut self, words: &str) {
        if let Some(Printing::Ordered(_)) = self.awaited.slip {
            self.awaited.slip = None;
            words.clone_into(&mut self.words);
        }
    }

    /// A printer was asked to print a slip.
    pub fn slip_printed(&mut self, number: i64, outcome: &SlipOutcome, effects: &mut Vec<Effect>) {
        if matches!(self.awaited.slip, Some(Printing::AtPrinter(printing)) if printing == number) {
            self.awaited.slip = None;
            self.words = outcome_in_words(outcome);
            let code = self.life.as_ref().map(|life| life.code().to_owned());
            self.reopen(code.as_deref(), effects);
        }
    }

    /// Draws the screen.
    pub fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        if let Some(new_code) = &self.new_code {
            return self.draw_new_code(canvas, new_code, view);
        }
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        let title = if self.life.is_some() {
            " FIND · LIFE OF A CODE "
        } else {
            " FIND "
        };
        canvas.text(2, 0, title, theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        canvas.text_right(2, bottom, &self.note(), Style::new());
        let mut inside = canvas.inside(2);
        let (room, rows) = (inside.columns(), inside.rows());
        if let Some(life) = &self.life {
            // While nothing is typed, the life has all the room.
            let has_line = self.has_new_text() || !view.pending.is_empty();
            let top = u16::from(has_line);
            if has_line {
                inside.line(0, 0, &self.typed_line(view, room), Style::new());
            }
            let mut part = inside.part(0, top, room, rows.saturating_sub(top));
            return life.draw(&mut part, view, &self.words);
        }
        inside.line(0, 0, &self.typed_line(view, room), Style::new());
        let mut part = inside.part(0, 2, room, rows.saturating_sub(2));
        if let Some(contact) = &self.contact {
            return contact.draw(&mut part);
        }
        match &self.finding {
            _ if !self.words.is_empty() => {
                draw_words(&mut part, &[&self.words], theme.warning());
            }
            Some(finding) if finding.holders.is_empty() && self.awaited.search.is_none() => {
                self.draw_nothing(&mut part);
            }
            Some(finding) if !finding.holders.is_empty() => {
                self.draw_list(&mut part, finding, view);
            }
            Some(_) => draw_words(&mut part, &["looking …"], theme.dim()),
            None if self.awaited.search.is_some() || self.awaited.life.is_some() => {
                draw_words(&mut part, &["looking …"], theme.dim());
            }
            None => draw_words(
                &mut part,
                &[
                    "An e-mail, a phone or loyalty number, a name, or the last four letters of a code; \
                     then Enter.",
                    "",
                    "Looking changes nothing. A whole code is redeemed, also here: for its life, \
                     type only its last four letters.",
                ],
                theme.dim(),
            ),
        }
    }

    fn typed_line(&self, view: &View<'_>, room: u16) -> Line<'static> {
        field_line("Find", &self.line, view.pending, room)
    }

    fn note(&self) -> String {
        if self.contact.is_some() {
            return " Esc back ".to_owned();
        }
        if self.life.is_some() {
            return " Up, Down: mark · Esc back ".to_owned();
        }
        let Some(finding) = &self.finding else {
            return String::new();
        };
        let looking = if self.awaited.search.is_some() {
            " · looking on …"
        } else {
            ""
        };
        let count = finding.holders.len();
        if finding.has_more {
            return format!(" more than these {count}: type more letters ");
        }
        match count {
            0 => String::new(),
            1 => format!(" 1 found{looking} · Enter: its life "),
            _ => format!(" {count} found{looking} · Up, Down, Enter "),
        }
    }

    fn draw_nothing(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let said = format!("Nothing is found by {}.", self.searched);
        draw_words(canvas, &[&said], theme.strong());
        let short = self.searched.chars().count() < LAST_LETTERS_MIN;
        let advice = if short {
            "Type more: four letters of a code at least."
        } else {
            "Try the whole e-mail address, the phone number with its country, the loyalty number, \
             another spelling of the name, or the last four letters of the code."
        };
        let (room, rows) = (canvas.columns(), canvas.rows());
        let mut part = canvas.part(0, 2, room, rows.saturating_sub(2));
        draw_words(&mut part, &[advice], theme.dim());
    }

    fn draw_list(&self, canvas: &mut Canvas<'_>, finding: &Finding, view: &View<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), usize::from(canvas.rows()));
        let mut lines: Vec<(String, Style)> = Vec::new();
        let mut marked = 0;
        let mut at = 0_usize;
        for holder in &finding.holders {
            if !lines.is_empty() && rows >= 14 {
                lines.push((String::new(), Style::new()));
            }
            lines.push((cut(&holder_in_words(holder), room), theme.strong()));
            for found in &holder.codes {
                let is_marked = at == self.at;
                if is_marked {
                    marked = lines.len();
                }
                let style = if is_marked {
                    theme.picked()
                } else {
                    Style::new()
                };
                lines.push((code_line(found, is_marked, room, view), style));
                at = at.saturating_add(1);
            }
        }
        let first = marked.saturating_add(2).saturating_sub(rows);
        // The first list begins with its heading.
        let first = if marked <= 1 { 0 } else { first };
        for (row, (text, style)) in (0_u16..).zip(lines.iter().skip(first).take(rows)) {
            canvas.text(0, row, text, *style);
        }
    }

    fn draw_new_code(&self, canvas: &mut Canvas<'_>, new_code: &NewCode, view: &View<'_>) {
        let theme = canvas.theme();
        let (columns, rows) = (canvas.columns(), canvas.rows());
        // The words keep room enough for the code in one line.
        let for_qr = columns.saturating_sub(34);
        let qr = new_code
            .qr
            .as_ref()
            .map(|matrix| (matrix, qr_cells::size(matrix, for_qr, rows, theme)));
        let mut words_columns = columns;
        if let Some((matrix, Ok(size))) = qr {
            words_columns = columns.saturating_sub(size.columns);
            let mut part = canvas.part(words_columns, 0, size.columns, size.rows);
            qr_cells::draw(&mut part, matrix, size);
        }
        let mut part = canvas.part(0, 0, words_columns, rows);
        let style = theme.panel(Tone::Plain, false);
        part.fill(style);
        part.border(theme.border(Tone::Plain), style);
        part.text(2, 0, " FIND ", theme.strong());
        let mut inside = part.inside(2);
        let room = inside.columns();
        inside.text(0, 0, "REPLACED", style.patch(theme.strong()));
        let shown = format!(" {} ", grouped(&new_code.code));
        inside.text(0, 2, &shown, theme.strong().patch(theme.picked()));
        let mut said = vec![format!(
            "instead of {}, which is cancelled: tear up its slip if it turns up",
            new_code.instead_of
        )];
        said.extend(
            new_code
                .validity
                .map(|end| format!("valid until {}", last_in_words(end, view.zone))),
        );
        if let Some((_, Err(why))) = qr {
            said.push(why.words().to_owned());
        }
        said.push(self.words.clone());
        let mut row = 4;
        for words in said {
            for line in wrapped(&words, room, 2) {
                inside.text(0, row, &line, style);
                row = row.saturating_add(1);
            }
        }
    }
}

fn draw_words(canvas: &mut Canvas<'_>, words: &[&str], style: Style) {
    let room = canvas.columns();
    let mut row = 0;
    for part in words {
        let lines = wrapped(part, room, 4);
        for line in &lines {
            canvas.text(0, row, line, style);
            row = row.saturating_add(1);
        }
        row = row.saturating_add(u16::from(lines.is_empty()));
    }
}

fn holder_in_words(holder: &Holder) -> String {
    if holder.customer_id.is_none() {
        return "given out by others, to nobody known".to_owned();
    }
    let who = person_in_words(holder.name.as_deref(), &holder.contacts);
    if holder.codes.is_empty() {
        return format!("{who} · has no code");
    }
    who
}

/// `›BCDF-GHJK-LNPR-ST  spring-menu  assigned  Thu 12 Mar …  until …`
fn code_line(found: &FoundCode, is_marked: bool, room: u16, view: &View<'_>) -> String {
    let mark = if is_marked { '›' } else { ' ' };
    let state = match found.state {
        "redeemed" => "used",
        "void" => "cancelled",
        "assigned" => "not used",
        other => other,
    };
    let until = found
        .expires_at
        .filter(|_| found.state == "assigned")
        .map(|end| format!("until {}", last_in_words(end, view.zone)));
    let changed = found
        .changed_at
        .map(|at| in_few_words(at, view.now, view.zone));
    let is_narrow = room < 70;
    let dates: Vec<String> = if is_narrow {
        until.or(changed).into_iter().collect()
    } else {
        changed.into_iter().chain(until).collect()
    };
    let (code_columns, campaign_columns) = if is_narrow { (17, 11) } else { (20, 14) };
    let text = format!(
        "{mark}{} {} {} {}",
        padded(&grouped(&found.code), code_columns),
        padded(&found.campaign, campaign_columns),
        padded(state, 9),
        dates.join(" · ")
    );
    padded(&text, room)
}
