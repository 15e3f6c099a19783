//! Operators: who may sign in, and what a manager changes about them.
//!
//! Invariant: nothing is changed by fewer than two keys, and a scan drops what is being asked. Only
//! where a badge is awaited does a scan stay here, and a customer's code is judged even then.
//! Invariant: neither a PIN nor a badge is ever drawn.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::domain::local_time::in_few_words;
use crate::domain::operator::{ListedOperator, Role, name_fault, pin_fault};
use crate::tui::back_order::{BackOrder, BackTold};
use crate::tui::back_room::{BackPage, Setting};
use crate::tui::canvas::{Canvas, bold, columns, cut, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::msg::{ApprovalAsk, Effect, Pin};
use crate::tui::operator_order::{Badge, OperatorOrder, OperatorTold, OperatorWish};
use crate::tui::pages::View;
use crate::tui::screens::question::{ManagerForm, Outcome, edit, reason_lines};
use crate::tui::theme::Tone;

/// How far a page key moves the mark.
const PAGE: usize = 8;

/// Columns of the labels before what is typed.
const LABEL_COLUMNS: u16 = 15;

fn order(order: OperatorOrder) -> Effect {
    Effect::Back(Box::new(BackOrder::Operator(order)))
}

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Add,
    Pin,
    Badge,
    Role(Role),
    Remove,
}

/// What is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Name,
    Role,
    Pin,
    Again,
    Badge,
}

/// How far a change is.
enum Step {
    Filling,
    /// A manager's PIN is awaited.
    Proving(ManagerForm),
    /// Ordered, and not answered yet.
    AtDesk(Option<ManagerForm>),
}

/// A change that is being made.
struct Form {
    what: What,
    name: Field,
    role: Role,
    pin: Field,
    again: Field,
    /// A badge that came as typing.
    typed_badge: Field,
    badge: Option<Badge>,
    /// Which row is filled in.
    at: usize,
    /// Nobody signs in yet: the first to do so is a manager.
    is_first: bool,
    /// Nobody signs in afterwards.
    is_only: bool,
    step: Step,
    problem: String,
}

impl Form {
    fn new(what: What, name: &str, count: usize) -> Form {
        Form {
            what,
            name: Field::with(name),
            role: if count == 0 {
                Role::Manager
            } else {
                Role::Cashier
            },
            pin: Field::default(),
            again: Field::default(),
            typed_badge: Field::default(),
            badge: None,
            at: 0,
            is_first: count == 0,
            is_only: count == 1,
            step: Step::Filling,
            problem: String::new(),
        }
    }

    /// What is filled in, from the top.
    fn rows(&self) -> &'static [Row] {
        match self.what {
            What::Add if self.is_first => &[Row::Name, Row::Pin, Row::Again],
            What::Add => &[Row::Name, Row::Role, Row::Pin, Row::Again],
            What::Pin => &[Row::Pin, Row::Again],
            What::Badge => &[Row::Badge],
            What::Role(_) | What::Remove => &[],
        }
    }

    fn row(&self) -> Option<Row> {
        self.rows().get(self.at).copied()
    }

    fn awaits_badge(&self) -> bool {
        matches!(self.step, Step::Filling) && self.row() == Some(Row::Badge)
    }

    fn field(&self, row: Row) -> Option<&Field> {
        Some(match row {
            Row::Name => &self.name,
            Row::Pin => &self.pin,
            Row::Again => &self.again,
            Row::Badge => &self.typed_badge,
            Row::Role => return None,
        })
    }

    fn field_mut(&mut self) -> Option<&mut Field> {
        Some(match self.row()? {
            Row::Name => &mut self.name,
            Row::Pin => &mut self.pin,
            Row::Again => &mut self.again,
            Row::Badge => &mut self.typed_badge,
            Row::Role => return None,
        })
    }

    /// What is missing or wrong, and in which row.
    fn fault(&self) -> Option<(Row, &'static str)> {
        self.rows().iter().find_map(|row| {
            let words = match row {
                Row::Name => name_fault(self.name.as_str().trim()),
                Row::Role => None,
                Row::Pin => pin_fault(self.pin.as_str()),
                Row::Again => (self.pin.as_str() != self.again.as_str())
                    .then_some("the two PINs differ: type the same twice"),
                Row::Badge => self
                    .badge
                    .is_none()
                    .then_some("scan the badge first; nothing else is read as one"),
            };
            words.map(|words| (*row, words))
        })
    }

    fn wish(&self) -> Option<OperatorWish> {
        let pin = || Pin::new(self.pin.as_str().to_owned());
        Some(match self.what {
            What::Add => OperatorWish::Add {
                role: self.role,
                pin: pin(),
            },
            What::Pin => OperatorWish::SetPin(pin()),
            What::Badge => OperatorWish::SetBadge(self.badge.clone()?),
            What::Role(role) => OperatorWish::SetRole(role),
            What::Remove => OperatorWish::Remove,
        })
    }

    /// What is about to be done, in words.
    fn title(&self) -> String {
        let name = self.name.as_str();
        match self.what {
            What::Add if self.is_first => {
                "The first manager: from then on everybody signs in, at every counter".to_owned()
            }
            What::Add => "Another operator".to_owned(),
            What::Pin => format!("Another PIN for {name}"),
            What::Badge => format!("A badge for {name}; a former one ends"),
            What::Role(Role::Manager) => {
                format!("Make {name} a manager, who approves and changes what stands here?")
            }
            What::Role(Role::Cashier) => format!("Make {name} a cashier, who approves nothing?"),
            What::Remove if self.is_only => format!(
                "Remove {name}, the only one? Then NOBODY SIGNS IN: whoever stands at a counter may \
                 do everything"
            ),
            What::Remove => {
                format!(
                    "Remove {name}? They may not sign in any more; what they did keeps their name"
                )
            }
        }
    }

    /// What is approved, in a few words, once it is filled in.
    fn summary(&self) -> String {
        let name = self.name.as_str().trim();
        match self.what {
            What::Add => format!("Add {name}, a {}", self.role.as_str()),
            What::Pin => format!("Another PIN for {name}"),
            What::Badge => format!("This badge for {name}"),
            What::Role(role) => format!("Make {name} a {}", role.as_str()),
            What::Remove => format!("Remove {name}"),
        }
    }
}

enum Open {
    /// A digit says what is changed about the marked one.
    Menu(ListedOperator),
    Form(Box<Form>),
}

/// The page of the operators.
#[derive(Default)]
pub struct Operators {
    /// By name; none: the desk has not listed them yet.
    all: Option<Vec<ListedOperator>>,
    /// The marked one.
    at: usize,
    open: Option<Open>,
    /// A digit; a longer line is what a slow scanner typed.
    field: Field,
    words: String,
}

impl Operators {
    /// Nothing is known yet.
    pub fn new() -> Operators {
        Operators::default()
    }

    fn marked(&self) -> Option<&ListedOperator> {
        self.all.as_ref()?.get(self.at)
    }

    fn count(&self) -> usize {
        self.all.as_ref().map_or(0, Vec::len)
    }

    fn form_mut(&mut self) -> Option<&mut Form> {
        match &mut self.open {
            Some(Open::Form(form)) => Some(form),
            Some(Open::Menu(_)) | None => None,
        }
    }

    /// Closes what is open, but for what is at the desk: that is told.
    fn close(&mut self) {
        self.field.clear();
        self.open = None;
    }

    fn command_in_list(&mut self, command: Command) {
        let last = self.count().saturating_sub(1);
        if matches!(command, Command::Up | Command::Previous) {
            self.at = self.at.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::PageUp {
            self.at = self.at.saturating_sub(PAGE);
        } else if command == Command::PageDown {
            self.at = self.at.saturating_add(PAGE).min(last);
        } else if command == Command::Slips && self.all.is_some() {
            self.words.clear();
            let form = Form::new(What::Add, "", self.count());
            self.open = Some(Open::Form(Box::new(form)));
        } else if command == Command::Enter {
            self.field.clear();
            self.words.clear();
            let Some(marked) = self.marked().cloned() else {
                return;
            };
            if marked.is_hubs {
                let name = &marked.operator.name;
                self.words = format!("{name} is an operator of the hub, and is changed there");
                return;
            }
            self.open = Some(Open::Menu(marked));
        }
    }

    fn command_in_menu(&mut self, command: Command) {
        let Some(Open::Menu(marked)) = &self.open else {
            return;
        };
        if command != Command::Enter {
            return;
        }
        let what = match self.field.as_str() {
            "1" => What::Pin,
            "2" => What::Badge,
            "3" => What::Role(other(marked.operator.role)),
            "4" => What::Remove,
            _ => {
                "a digit says what is changed".clone_into(&mut self.words);
                return;
            }
        };
        let form = Form::new(what, &marked.operator.name, self.count());
        self.field.clear();
        self.words.clear();
        self.open = Some(Open::Form(Box::new(form)));
    }

    fn command_in_form(
        &mut self,
        command: Command,
        setting: &Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let Some(form) = self.form_mut() else {
            return Outcome::Open;
        };
        match &mut form.step {
            Step::AtDesk(_) => return Outcome::Open,
            Step::Proving(manager) => {
                return match manager.command(command) {
                    Outcome::Done(approval) => {
                        let manager = manager.clone();
                        order_change(form, approval, Some(manager), effects);
                        Outcome::Open
                    }
                    other @ (Outcome::Open | Outcome::Scan(_)) => other,
                };
            }
            Step::Filling => {}
        }
        if form.row() == Some(Row::Role) && matches!(command, Command::Left | Command::Right) {
            form.role = other(form.role);
            return Outcome::Open;
        }
        let awaits_badge = form.awaits_badge();
        if let Some(field) = form.field_mut() {
            if edit(field, command) {
                return Outcome::Open;
            }
            let has_text = !field.as_str().trim().is_empty();
            if command == Command::Enter && awaits_badge && has_text {
                // A scanner that types slowly.
                let raw = field.take().into_bytes();
                self.read_badge(&raw, effects);
                return Outcome::Open;
            }
            if command == Command::Enter && field.is_code() {
                return Outcome::Scan(field.take().into_bytes());
            }
        }
        if matches!(command, Command::Up | Command::Previous) {
            form.at = form.at.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            let last = form.rows().len().saturating_sub(1);
            form.at = form.at.saturating_add(1).min(last);
        } else if command == Command::Enter {
            let is_last = form.at.saturating_add(1) >= form.rows().len();
            if is_last {
                finish(form, setting, effects);
            } else {
                form.at = form.at.saturating_add(1);
            }
        }
        Outcome::Open
    }

    /// Asks the desk what a scan is, before anything is made of it.
    fn read_badge(&mut self, raw: &[u8], effects: &mut Vec<Effect>) {
        let Some(form) = self.form_mut() else {
            return;
        };
        "reading the badge …".clone_into(&mut form.problem);
        form.badge = None;
        form.typed_badge.clear();
        effects.push(order(OperatorOrder::ReadBadge {
            name: form.name.as_str().to_owned(),
            badge: Badge::new(raw.to_vec()),
        }));
    }

    fn badge_told(&mut self, badge: Option<Badge>, words: &str) {
        if let Some(form) = self.form_mut()
            && form.awaits_badge()
        {
            words.clone_into(&mut form.problem);
            form.badge = badge;
        }
    }

    /// Whoever has marked one goes on with that one.
    fn listed(&mut self, all: Vec<ListedOperator>) {
        let marked = self.marked().map(|one| one.operator.name.clone());
        let now_at = marked.and_then(|name| all.iter().position(|one| one.operator.name == name));
        self.at = now_at.unwrap_or(self.at.min(all.len().saturating_sub(1)));
        self.all = Some(all);
    }

    /// The manager is asked again where one was; nothing was changed.
    fn refused(&mut self, words: String) -> Option<String> {
        let Some(form) = self.form_mut() else {
            self.words.clone_from(&words);
            return Some(words);
        };
        let step = std::mem::replace(&mut form.step, Step::Filling);
        form.step = match step {
            Step::AtDesk(Some(mut manager)) => {
                manager.refuse();
                Step::Proving(manager)
            }
            Step::AtDesk(None) => Step::Filling,
            other @ (Step::Filling | Step::Proving(_)) => other,
        };
        form.problem = words;
        None
    }
}

/// The role that somebody has not.
fn other(role: Role) -> Role {
    match role {
        Role::Cashier => Role::Manager,
        Role::Manager => Role::Cashier,
    }
}

/// What is filled in goes to a manager, or, where nobody signs in, to the desk.
fn finish(form: &mut Form, setting: &Setting, effects: &mut Vec<Effect>) {
    form.problem.clear();
    if let Some((row, words)) = form.fault() {
        words.clone_into(&mut form.problem);
        form.at = form.rows().iter().position(|one| *one == row).unwrap_or(0);
        return;
    }
    if setting.managers.is_signed {
        let manager = ManagerForm::new(&setting.managers, Some("operators".to_owned()));
        form.step = Step::Proving(manager);
    } else {
        order_change(form, None, None, effects);
    }
}

fn order_change(
    form: &mut Form,
    approval: Option<ApprovalAsk>,
    manager: Option<ManagerForm>,
    effects: &mut Vec<Effect>,
) {
    let Some(wish) = form.wish() else {
        return;
    };
    form.problem.clear();
    effects.push(order(OperatorOrder::Change {
        name: form.name.as_str().trim().to_owned(),
        wish,
        approval,
    }));
    form.step = Step::AtDesk(manager);
}

impl BackPage for Operators {
    fn place(&self) -> Place {
        match &self.open {
            None => Place::Operators,
            Some(_) => Place::Operator,
        }
    }

    fn has_something_open(&self) -> bool {
        self.open.is_some()
    }

    fn opened(&mut self, _setting: &Setting, effects: &mut Vec<Effect>) {
        self.put_away();
        effects.push(order(OperatorOrder::List));
    }

    fn put_away(&mut self) {
        self.close();
        self.words.clear();
    }

    fn signed_out(&mut self) {
        *self = Operators::new();
    }

    fn take_scan(&mut self, raw: &[u8], effects: &mut Vec<Effect>) -> bool {
        let awaits = matches!(&self.open, Some(Open::Form(form)) if form.awaits_badge());
        if awaits {
            self.read_badge(raw, effects);
        }
        awaits
    }

    fn scan_words(&self) -> Option<&'static str> {
        match &self.open {
            Some(Open::Form(form)) if form.awaits_badge() => {
                Some("The next scan is the badge; a customer's code is redeemed all the same")
            }
            Some(Open::Form(_) | Open::Menu(_)) | None => None,
        }
    }

    fn scanned(&mut self) {
        let is_at_desk =
            matches!(&self.open, Some(Open::Form(form)) if matches!(form.step, Step::AtDesk(_)));
        if !is_at_desk {
            self.put_away();
        }
    }

    fn typed(&mut self, character: char) {
        match &mut self.open {
            Some(Open::Form(form)) => {
                if let Step::Proving(manager) = &mut form.step {
                    manager.typed(character);
                } else if matches!(form.step, Step::Filling)
                    && let Some(field) = form.field_mut()
                {
                    field.push(character);
                }
            }
            Some(Open::Menu(_)) | None => self.field.push(character),
        }
    }

    fn command(
        &mut self,
        command: Command,
        setting: &Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if command == Command::Drop {
            self.put_away();
            return Outcome::Open;
        }
        if let Some(Open::Form(_)) = &self.open {
            return self.command_in_form(command, setting, effects);
        }
        if edit(&mut self.field, command) && !self.field.is_empty() {
            return Outcome::Open;
        }
        if command == Command::Enter && self.field.as_str().chars().count() > 1 {
            return Outcome::Scan(self.field.take().into_bytes());
        }
        if self.open.is_some() {
            self.command_in_menu(command);
        } else {
            self.command_in_list(command);
        }
        Outcome::Open
    }

    fn told(
        &mut self,
        told: BackTold,
        _is_in_view: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        let BackTold::Operator(told) = told else {
            return None;
        };
        match told {
            OperatorTold::Listed(all) => self.listed(all),
            OperatorTold::BadgeFits(badge) => {
                self.badge_told(Some(badge), "");
            }
            OperatorTold::BadgeRefused(words) => {
                effects.push(Effect::Bell { times: 2 });
                self.badge_told(None, &format!("{words}: scan another"));
            }
            OperatorTold::IsCode(_) => {
                let words = "that was a customer's code: it is judged as ever, see above";
                self.badge_told(None, words);
            }
            OperatorTold::Changed(words) => {
                if let Some(Open::Form(form)) = &self.open
                    && matches!(form.step, Step::AtDesk(_))
                {
                    self.close();
                }
                self.words.clone_from(&words);
                effects.push(order(OperatorOrder::List));
                return Some(words);
            }
            OperatorTold::Refused(words) => {
                effects.push(Effect::Bell { times: 2 });
                return self.refused(format!("not done: {words}"));
            }
            OperatorTold::Failed(words) => {
                effects.push(Effect::Bell { times: 3 });
                return self.refused(format!("NOT DONE – {words}"));
            }
        }
        None
    }

    fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " OPERATORS ", theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        canvas.text_right(2, bottom, self.note(), Style::new());
        let mut inside = canvas.inside(2);
        let (room, rows) = (inside.columns(), inside.rows());
        let Some(all) = &self.all else {
            inside.text(0, 0, "looking them up …", theme.dim());
            return;
        };
        let below = self.below(room, view);
        let below_rows = u16::try_from(below.len()).unwrap_or(u16::MAX);
        let list_rows = rows.saturating_sub(below_rows);
        if list_rows > 1 {
            let mut list = inside.part(0, 0, room, list_rows);
            self.draw_list(&mut list, all, view);
        }
        for (row, (line, is_loud)) in (list_rows..).zip(below) {
            let style = if is_loud {
                theme.warning()
            } else {
                Style::new()
            };
            inside.line(0, row, &line, style);
        }
    }
}

impl Operators {
    fn note(&self) -> &'static str {
        match (&self.open, &self.all) {
            (Some(_), _) => " Esc back ",
            (None, Some(all)) if !all.is_empty() => " Up, Down · Enter: change ",
            (None, _) => "",
        }
    }

    fn draw_list(&self, canvas: &mut Canvas<'_>, all: &[ListedOperator], view: &View<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), usize::from(canvas.rows()));
        if all.is_empty() {
            canvas.text(0, 0, "Nobody signs in here.", theme.strong());
            let words = "Whoever stands at a counter may do everything. F7 adds the first manager; \
                         from then on everybody signs in, with a PIN or a badge.";
            for (row, line) in (2..).zip(wrapped(words, room, 4)) {
                canvas.text(0, row, &line, theme.dim());
            }
            return;
        }
        let heading = list_line(
            "NAME",
            ["ROLE", "PIN", "BADGE", "LAST SEEN"].map(str::to_owned),
            room.saturating_sub(1),
        );
        canvas.text(0, 0, &format!(" {heading}"), theme.dim());
        let seen = rows.saturating_sub(1);
        let first = self.at.saturating_add(1).saturating_sub(seen);
        for (row, (at, one)) in (1..).zip(all.iter().enumerate().skip(first).take(seen)) {
            let is_marked = at == self.at;
            let mark = if is_marked { '›' } else { ' ' };
            let style = if is_marked {
                theme.picked()
            } else {
                Style::new()
            };
            let line = list_line(
                &one.operator.name,
                values_of(one, view),
                room.saturating_sub(1),
            );
            canvas.text(0, row, &format!("{mark}{line}"), style);
        }
    }

    /// What is asked or said below the list, and whether loudly.
    fn below(&self, room: u16, view: &View<'_>) -> Vec<(Line<'static>, bool)> {
        let mut lines: Vec<(Line<'static>, bool)> = Vec::new();
        let loud = |words: &str| {
            let lines = wrapped(words, room, 2).into_iter();
            lines
                .map(|line| (Line::from(line), true))
                .collect::<Vec<_>>()
        };
        match &self.open {
            None if !self.field.is_empty() => {
                let typed = self.field.with_cursor(view.pending, usize::from(room));
                lines.push((Line::from(format!("Code: {typed}")), false));
            }
            None => lines.extend(loud(&self.words)),
            Some(Open::Menu(marked)) => {
                let name = &marked.operator.name;
                let asked = format!("What is changed about {name}? A digit, Enter");
                lines.push((Line::from(bold(cut(&asked, room))), false));
                let role = match marked.operator.role {
                    Role::Cashier => "make them a manager",
                    Role::Manager => "make them a cashier",
                };
                let choices = ["another PIN", "a badge, by its scan", role, "remove them"];
                let picks = reason_lines(&choices, self.field.as_str(), room);
                lines.extend(picks.into_iter().map(|line| (line, false)));
                lines.extend(loud(&self.words));
            }
            Some(Open::Form(form)) => {
                lines.extend(form_lines(form, room, view));
                lines.extend(loud(&form.problem));
            }
        }
        lines
    }
}

/// The values of the list's columns beside the name.
fn values_of(one: &ListedOperator, view: &View<'_>) -> [String; 4] {
    let has = |is_there: bool| if is_there { "yes" } else { "–" }.to_owned();
    let seen = match one.last_seen_at {
        Some(at) => in_few_words(at, view.now, view.zone),
        None if one.is_hubs => "never, of the hub".to_owned(),
        None => "never here".to_owned(),
    };
    [
        one.operator.role.as_str().to_owned(),
        has(one.has_pin),
        has(one.has_badge),
        seen,
    ]
}

/// `Ana                cashier   yes  yes    today 14:02`
fn list_line(name: &str, [role, pin, badge, seen]: [String; 4], room: u16) -> String {
    let before = format!(
        "{} {} {}",
        padded(&role, 8),
        padded(&pin, 4),
        padded(&badge, 6)
    );
    let seen_columns = 20;
    let name_columns = room
        .saturating_sub(columns(&before))
        .saturating_sub(seen_columns)
        .saturating_sub(2)
        .min(30);
    padded(
        &format!("{} {before} {seen}", padded(name, name_columns)),
        room,
    )
}

fn form_lines(form: &Form, room: u16, view: &View<'_>) -> Vec<(Line<'static>, bool)> {
    let asks = |words: &str| {
        let lines = wrapped(words, room, 2).into_iter();
        lines
            .map(|line| (Line::from(bold(line)), false))
            .collect::<Vec<_>>()
    };
    match &form.step {
        Step::AtDesk(_) => asks(&format!("{} …", form.summary())),
        Step::Proving(manager) => {
            let mut lines = asks(&format!("{} – a manager's PIN, Enter", form.summary()));
            lines.extend(manager.lines(room).into_iter().map(|line| (line, false)));
            lines
        }
        Step::Filling => {
            let mut lines = asks(&form.title());
            for (at, row) in form.rows().iter().enumerate() {
                let is_here = at == form.at;
                let mark = if is_here { '›' } else { ' ' };
                let label = padded(&format!("{mark} {}", label_of(*row)), LABEL_COLUMNS);
                let room = usize::from(room.saturating_sub(LABEL_COLUMNS));
                let value = value_of(form, *row, is_here, room, view);
                let line = Line::from(vec![label.into(), bold(value)]);
                lines.push((line, false));
            }
            if form.rows().is_empty() {
                lines.push((Line::from("Enter goes on, Esc does not"), false));
            }
            lines
        }
    }
}

fn label_of(row: Row) -> &'static str {
    match row {
        Row::Name => "Name",
        Row::Role => "Role",
        Row::Pin => "New PIN",
        Row::Again => "PIN again",
        Row::Badge => "Badge",
    }
}

fn value_of(form: &Form, row: Row, is_here: bool, room: usize, view: &View<'_>) -> String {
    match (row, form.field(row)) {
        (Row::Role, _) | (_, None) => format!("‹ {} ›", form.role.as_str()),
        (Row::Badge, Some(field)) if form.badge.is_some() && field.is_empty() => {
            "read. Enter goes on".to_owned()
        }
        (Row::Badge, Some(field)) if field.is_empty() => "scan it now ▏".to_owned(),
        (Row::Pin | Row::Again | Row::Badge, Some(field)) if is_here => {
            field.masked_with_cursor(room)
        }
        (Row::Pin | Row::Again | Row::Badge, Some(field)) => field.masked(),
        (Row::Name, Some(field)) if is_here => field.with_cursor(view.pending, room),
        (Row::Name, Some(field)) => field.as_str().to_owned(),
    }
}
