//! The form in which a campaign is begun or changed, and the questions before it is done.
//!
//! Invariant: nothing is ordered by fewer than two keys, and nothing that was typed is lost by a fault.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use ratatui::style::Style;
use ratatui::text::Line;

use crate::domain::campaign::Rules;
use crate::domain::campaign_sheet::{CampaignChange, CampaignSheet};
use crate::domain::given_rule::{GivenRule, RuleName, put_over, text_of_end};
use crate::domain::ids::CampaignId;
use crate::domain::local_time::{Boundary, day_start, in_words};
use crate::tui::back_order::BackOrder;
use crate::tui::back_room::Setting;
use crate::tui::campaign_order::CampaignOrder;
use crate::tui::canvas::{Canvas, bold, padded, wrapped};
use crate::tui::field::{Field, SENTENCE_CHARS_MAX};
use crate::tui::keys::Command;
use crate::tui::msg::{ApprovalAsk, Effect};
use crate::tui::pages::View;
use crate::tui::screens::question::{ManagerForm, Managers, Outcome, edit};

/// How far a page key moves the mark.
const PAGE: usize = 8;

/// Columns of the labels before what is typed.
const LABEL_COLUMNS: u16 = 21;

/// How many days a later end is proposed to be away.
const EXTENDED_DAYS: i64 = 7;

/// Lines of what a question says, at most.
const ASKED_LINES_MAX: usize = 12;

pub(super) fn order(order: CampaignOrder) -> Effect {
    Effect::Back(Box::new(BackOrder::Campaign(order)))
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    New,
    Change,
    Extend,
    Pause,
    Resume,
    TestOn,
    TestOff,
}

/// What a row asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Id,
    Rule(RuleName),
    Customers,
    Until,
}

impl Entry {
    fn words(self) -> &'static str {
        match self {
            Entry::Id => "id",
            Entry::Rule(name) => name.words(),
            Entry::Customers => "test customers",
            Entry::Until => "until",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Entry::Id => "its name in commands and files: letters, digits, '.', '_', '-'",
            Entry::Rule(name) => name.hint(),
            Entry::Customers => {
                "ids, e-mail addresses, phone or loyalty numbers, a comma between; these and no others"
            }
            Entry::Until => "2026-12-24 (that whole day), 2026-12-24T18:00; empty: for 7 days",
        }
    }
}

struct Row {
    entry: Entry,
    field: Field,
    /// What the field said at first.
    before: String,
    /// It says more than a field holds, and is changed elsewhere.
    is_fixed: bool,
}

impl Row {
    fn new(entry: Entry, text: &str) -> Row {
        Row {
            entry,
            field: Field::sentence(text),
            before: text.to_owned(),
            is_fixed: text.chars().count() > SENTENCE_CHARS_MAX,
        }
    }

    fn text(&self) -> &str {
        self.field.as_str().trim()
    }

    fn is_changed(&self) -> bool {
        !self.is_fixed && self.text() != self.before.trim()
    }
}

/// How far it is.
enum Step {
    Filling,
    /// The desk looks at what the change would do.
    Weighing(u64),
    /// It would do this; a second key is awaited, and where it hits codes, a `y` before it.
    Asking(Vec<String>),
    /// A manager's PIN is awaited.
    Proving(ManagerForm),
    /// Ordered, and not answered yet.
    AtDesk(Option<ManagerForm>),
}

/// A change that is being made.
pub(super) struct Form {
    what: What,
    /// The campaign as it stood when the form was opened; none: a new one.
    sheet: Option<CampaignSheet>,
    zone: TimeZone,
    rows: Vec<Row>,
    /// Which row is filled in.
    at: usize,
    step: Step,
    /// What was typed where a key is awaited.
    answer: Field,
    managers: Managers,
    problem: String,
    /// It is to be closed: whoever was asked has said no.
    is_over: bool,
}

impl Form {
    pub(super) fn new(
        what: What,
        sheet: Option<&CampaignSheet>,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Form {
        let rule = |name: RuleName| {
            let text = sheet.map_or_else(String::new, |sheet| {
                name.text_of(&sheet.campaign.rules, zone)
            });
            Row::new(Entry::Rule(name), &text)
        };
        let rows = match what {
            What::New => vec![
                Row::new(Entry::Id, ""),
                rule(RuleName::Offer),
                rule(RuleName::Ends),
            ],
            What::Change => RuleName::ALL.map(rule).into_iter().collect(),
            What::Extend => {
                let mut row = rule(RuleName::Ends);
                let ends = sheet.and_then(|sheet| sheet.campaign.rules.ends_at);
                if let Some(later) = ends.and_then(|ends| later_end(ends, now, zone)) {
                    row.field.fill(&later);
                }
                vec![row]
            }
            What::TestOn => vec![Row::new(Entry::Customers, ""), Row::new(Entry::Until, "")],
            What::Pause | What::Resume | What::TestOff => Vec::new(),
        };
        Form {
            what,
            sheet: sheet.cloned(),
            zone: zone.clone(),
            rows,
            at: 0,
            step: Step::Filling,
            answer: Field::default(),
            managers: Managers::default(),
            problem: String::new(),
            is_over: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn is_at_desk(&self) -> bool {
        matches!(self.step, Step::AtDesk(_))
    }

    /// A question is dropped, and the form is there as it was; true where there is no form to go back
    /// to, or no question was open.
    pub(super) fn dropped(&mut self) -> bool {
        let is_question = matches!(
            self.step,
            Step::Weighing(_) | Step::Asking(_) | Step::Proving(_)
        );
        if is_question && !self.rows.is_empty() {
            self.back_to_filling("nothing is changed");
            return false;
        }
        true
    }

    /// A scan drops a question, and leaves what is filled in; true where there is nothing left.
    pub(super) fn scanned(&mut self) -> bool {
        let is_filling = matches!(self.step, Step::Filling) && !self.rows.is_empty();
        !self.is_at_desk() && !is_filling && self.dropped()
    }

    fn back_to_filling(&mut self, words: &str) {
        self.step = Step::Filling;
        self.answer.clear();
        words.clone_into(&mut self.problem);
    }

    fn id(&self) -> String {
        match &self.sheet {
            Some(sheet) => sheet.campaign.id.to_string(),
            None => self
                .rows
                .iter()
                .find(|row| row.entry == Entry::Id)
                .map_or_else(String::new, |row| row.text().to_owned()),
        }
    }

    pub(super) fn typed(&mut self, character: char) {
        match &mut self.step {
            Step::Proving(manager) => manager.typed(character),
            Step::Asking(_) => self.answer.push(character),
            Step::Filling => match self.rows.get_mut(self.at) {
                Some(row) if row.is_fixed => {
                    "too long for this form: `counterfoil campaign set` changes it"
                        .clone_into(&mut self.problem);
                }
                Some(row) => row.field.push(character),
                None => self.answer.push(character),
            },
            Step::Weighing(_) | Step::AtDesk(_) => {}
        }
    }

    pub(super) fn command(
        &mut self,
        command: Command,
        setting: &Setting,
        weighings: &mut u64,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        self.managers.clone_from(&setting.managers);
        match &mut self.step {
            Step::AtDesk(_) | Step::Weighing(_) => Outcome::Open,
            Step::Proving(manager) => match manager.command(command) {
                Outcome::Done(approval) => {
                    let manager = manager.clone();
                    self.order_change(approval, Some(manager), effects);
                    Outcome::Open
                }
                other @ (Outcome::Open | Outcome::Scan(_)) => other,
            },
            Step::Asking(lines) => {
                let wants_yes = !lines.is_empty();
                self.command_in_question(command, wants_yes, effects)
            }
            Step::Filling if self.rows.is_empty() => {
                self.command_in_question(command, false, effects)
            }
            Step::Filling => self.command_in_rows(command, weighings, effects),
        }
    }

    /// Enter does it, where codes are hit after a `y`; any other line leaves all as it is.
    fn command_in_question(
        &mut self,
        command: Command,
        wants_yes: bool,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if edit(&mut self.answer, command) || command != Command::Enter {
            return Outcome::Open;
        }
        let answer = self.answer.take();
        if answer.chars().count() > 1 {
            // A slow scanner typed it.
            return Outcome::Scan(answer.into_bytes());
        }
        let is_yes = answer.eq_ignore_ascii_case("y") || (answer.is_empty() && !wants_yes);
        if is_yes {
            self.prove_or_order(effects);
        } else if self.rows.is_empty() {
            self.is_over = true;
        } else {
            self.back_to_filling("nothing is changed");
        }
        Outcome::Open
    }

    fn command_in_rows(
        &mut self,
        command: Command,
        weighings: &mut u64,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let last = self.rows.len().saturating_sub(1);
        if let Some(row) = self.rows.get_mut(self.at) {
            if !row.is_fixed && edit(&mut row.field, command) {
                return Outcome::Open;
            }
            if command == Command::Enter && row.is_changed() && row.field.is_code() {
                let raw = row.field.take().into_bytes();
                let before = row.before.clone();
                row.field.fill(&before);
                return Outcome::Scan(raw);
            }
        }
        if matches!(command, Command::Up | Command::Previous) {
            self.at = self.at.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::PageUp {
            self.at = self.at.saturating_sub(PAGE);
        } else if command == Command::PageDown {
            self.at = self.at.saturating_add(PAGE).min(last);
        } else if command == Command::Enter {
            // A form of many rows is done from any of them.
            if self.what == What::Change || self.at >= last {
                self.finish(weighings, effects);
            } else {
                self.at = self.at.saturating_add(1);
            }
        }
        Outcome::Open
    }

    /// What is filled in is read, and weighed where it changes rules that stand.
    fn finish(&mut self, weighings: &mut u64, effects: &mut Vec<Effect>) {
        self.problem.clear();
        let given = match self.read() {
            Ok(given) => given,
            Err((at, words)) => {
                self.at = at;
                self.problem = words;
                return;
            }
        };
        let Some(sheet) = &self.sheet else {
            self.ask_or_prove(Vec::new());
            return;
        };
        if self.what == What::TestOn {
            self.ask_or_prove(Vec::new());
        } else if given.is_empty() {
            "nothing is changed yet".clone_into(&mut self.problem);
        } else {
            *weighings = weighings.saturating_add(1);
            effects.push(order(CampaignOrder::Weigh {
                number: *weighings,
                campaign: sheet.campaign.id.clone(),
                given,
            }));
            self.step = Step::Weighing(*weighings);
        }
    }

    /// The rules that were given; else in which row something is wrong, and what.
    fn read(&self) -> Result<Vec<GivenRule>, (usize, String)> {
        let mut given = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let fault = |words: String| (at, words);
            match row.entry {
                Entry::Id => {
                    let id = row.text().parse::<CampaignId>();
                    id.map_err(|fault| (at, fault.0))?;
                }
                Entry::Rule(RuleName::Offer) if row.text().is_empty() => {
                    return Err(fault("say what the customer gets".to_owned()));
                }
                Entry::Rule(name) if row.is_changed() => {
                    let text = match row.text() {
                        "" if name.may_be_none() => "none",
                        text => text,
                    };
                    given.push(GivenRule::read(name, text).map_err(|words| fault(words.0))?);
                }
                Entry::Rule(_) => {}
                Entry::Customers => {
                    if self.customers().is_empty() {
                        return Err(fault("name at least one test customer".to_owned()));
                    }
                }
                Entry::Until => {
                    until_of(row.text()).map_err(fault)?;
                }
            }
        }
        let mut rules = match &self.sheet {
            Some(sheet) => sheet.campaign.rules.clone(),
            None => Rules::new(""),
        };
        let row_of = |name: RuleName| {
            let mut rows = self.rows.iter();
            rows.position(|row| row.entry == Entry::Rule(name))
                .unwrap_or(self.at)
        };
        for rule in &given {
            put_over(std::slice::from_ref(rule), &mut rules, &self.zone)
                .map_err(|fault| (row_of(rule.name()), fault.0))?;
        }
        match rules.fault_at() {
            Some((name, words)) if !given.is_empty() => Err((row_of(name), words)),
            Some(_) | None => Ok(given),
        }
    }

    fn text_of(&self, entry: Entry) -> &str {
        let row = self.rows.iter().find(|row| row.entry == entry);
        row.map_or("", Row::text)
    }

    fn customers(&self) -> Vec<String> {
        self.text_of(Entry::Customers)
            .split(',')
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// Where codes are hit, or nobody proves who they are, it is asked once more.
    fn ask_or_prove(&mut self, lines: Vec<String>) {
        self.answer.clear();
        self.step = if lines.is_empty() && self.managers.is_signed {
            Step::Proving(self.manager())
        } else {
            Step::Asking(lines)
        };
    }

    fn manager(&self) -> ManagerForm {
        ManagerForm::new(&self.managers, Some("campaigns".to_owned()))
    }

    fn prove_or_order(&mut self, effects: &mut Vec<Effect>) {
        if self.managers.is_signed {
            self.step = Step::Proving(self.manager());
        } else {
            self.order_change(None, None, effects);
        }
    }

    fn order_change(
        &mut self,
        approval: Option<ApprovalAsk>,
        manager: Option<ManagerForm>,
        effects: &mut Vec<Effect>,
    ) {
        let (Ok(campaign), Ok(given)) = (self.id().parse::<CampaignId>(), self.read()) else {
            // It was read before it was asked.
            self.back_to_filling("");
            return;
        };
        let change = match self.what {
            What::New => CampaignChange::Create(given),
            What::Change | What::Extend => CampaignChange::Set(given),
            What::Pause => CampaignChange::Pause,
            What::Resume => CampaignChange::Resume,
            What::TestOn => CampaignChange::TestOn {
                customers: self.customers(),
                until: until_of(self.text_of(Entry::Until)).unwrap_or(None),
            },
            What::TestOff => CampaignChange::TestOff,
        };
        self.problem.clear();
        effects.push(order(CampaignOrder::Change {
            campaign,
            change,
            approval,
        }));
        self.step = Step::AtDesk(manager);
    }

    /// What the change would do to codes is known.
    pub(super) fn weighed(&mut self, number: u64, lines: Vec<String>) {
        if matches!(self.step, Step::Weighing(asked) if asked == number) {
            self.ask_or_prove(lines);
        }
    }

    /// The manager is asked again where one was; nothing was changed.
    pub(super) fn refused(&mut self, words: String) {
        let step = std::mem::replace(&mut self.step, Step::Filling);
        self.step = match step {
            Step::AtDesk(Some(mut manager)) => {
                manager.refuse();
                Step::Proving(manager)
            }
            Step::AtDesk(None) | Step::Weighing(_) => Step::Filling,
            other @ (Step::Filling | Step::Asking(_) | Step::Proving(_)) => other,
        };
        self.problem = words;
    }

    /// What is about to be done, in words.
    fn title(&self) -> String {
        let id = self.id();
        match self.what {
            What::New => {
                "Another campaign; its other rules are the usual ones, and can be changed \
                          after"
                    .to_owned()
            }
            What::Change => format!("The rules of {id}: Up, Down, Enter when all is filled in"),
            What::Extend => {
                let ends = self.sheet.as_ref().and_then(|sheet| {
                    let ends = sheet.campaign.rules.ends_at?;
                    Some(format!(", now {}", in_words(ends, &self.zone)))
                });
                format!("Another end of {id}{}", ends.unwrap_or_default())
            }
            What::Pause => format!(
                "Pause {id}? No counter honours its codes and none is given out until it is resumed"
            ),
            What::Resume => format!("Resume {id}? Its codes are honoured and given out again"),
            What::TestOn => format!(
                "Test mode of {id}: named customers draw test codes, which no counter honours"
            ),
            What::TestOff => {
                format!("{id} goes live: test mode ends, and what was drawn is listed")
            }
        }
    }

    /// What is asked, in a few words, once it is filled in.
    fn summary(&self) -> String {
        let id = self.id();
        match self.what {
            What::New => format!("Begin {id}"),
            What::Change => format!("Change {id}"),
            What::Extend => format!("Another end of {id}"),
            What::Pause => format!("Pause {id}"),
            What::Resume => format!("Resume {id}"),
            What::TestOn => format!("Test mode of {id}"),
            What::TestOff => format!("{id} goes live"),
        }
    }

    /// What was filled in, a line each.
    fn changes(&self) -> Vec<String> {
        let changed = self.rows.iter().filter(|row| row.is_changed());
        changed
            .map(|row| {
                let or_nothing = |text: &str| {
                    if text.is_empty() {
                        "nothing".to_owned()
                    } else {
                        text.to_owned()
                    }
                };
                let (text, words) = (or_nothing(row.text()), row.entry.words());
                if self.sheet.is_none() || self.what == What::TestOn {
                    return format!("{words}: {text}");
                }
                format!("{words}: {text} (was {})", or_nothing(row.before.trim()))
            })
            .collect()
    }

    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), canvas.rows());
        let mut below: Vec<(String, Style)> = Vec::new();
        let loud = wrapped(&self.problem, room, 3).into_iter();
        below.extend(loud.map(|line| (line, theme.warning())));
        let row = self.rows.get(self.at);
        if let (Step::Filling, Some(row)) = (&self.step, row) {
            let hint = format!("{}: {}", row.entry.words(), row.entry.hint());
            let dim = wrapped(&hint, room, 2).into_iter();
            below.extend(dim.map(|line| (line, theme.dim())));
        }
        let below_rows = u16::try_from(below.len()).unwrap_or(u16::MAX);
        let above = rows.saturating_sub(below_rows);
        for (row, (line, style)) in (above..).zip(&below) {
            canvas.text(0, row, line, *style);
        }
        let mut above = canvas.part(0, 0, room, above);
        if matches!(self.step, Step::Filling) && !self.rows.is_empty() {
            self.draw_rows(&mut above, view);
        } else {
            self.draw_question(&mut above, view);
        }
    }

    fn draw_rows(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), canvas.rows());
        let mut top = 0;
        for line in wrapped(&self.title(), room, 2) {
            canvas.text(0, top, &line, theme.strong());
            top = top.saturating_add(1);
        }
        let seen = usize::from(rows.saturating_sub(top));
        let first = self.at.saturating_add(1).saturating_sub(seen);
        let shown = self.rows.iter().enumerate().skip(first).take(seen);
        for (row, (at, entry)) in (top..).zip(shown) {
            let is_here = at == self.at;
            let mark = if is_here { '›' } else { ' ' };
            let star = if entry.is_changed() { '*' } else { ' ' };
            let label = padded(
                &format!("{mark}{star}{}", entry.entry.words()),
                LABEL_COLUMNS,
            );
            let value_room = usize::from(room.saturating_sub(LABEL_COLUMNS));
            let value = if is_here && !entry.is_fixed {
                entry.field.with_cursor(view.pending, value_room)
            } else {
                entry.field.as_str().to_owned()
            };
            let value = if is_here { bold(value) } else { value.into() };
            canvas.line(0, row, &Line::from(vec![label.into(), value]), Style::new());
        }
    }

    fn draw_question(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let mut lines: Vec<(Line<'static>, Style)> = Vec::new();
        let mut say = |words: &str, style: Style| {
            let wrapped = wrapped(words, room, 2).into_iter();
            lines.extend(wrapped.map(|line| (Line::from(line), style)));
        };
        let asks = match &self.step {
            Step::Filling => format!("{}.", self.title()),
            Step::Weighing(_) => format!("{} – counting the codes it hits …", self.summary()),
            Step::Asking(_) => format!("{}?", self.summary()),
            Step::Proving(_) => format!("{} – a manager's PIN, Enter", self.summary()),
            Step::AtDesk(_) => format!("{} …", self.summary()),
        };
        say(&asks, theme.strong());
        for line in self.changes().into_iter().take(ASKED_LINES_MAX) {
            say(&line, Style::new());
        }
        match &self.step {
            Step::Asking(hits) => {
                for hit in hits.iter().take(ASKED_LINES_MAX) {
                    say(hit, theme.warning());
                }
                let key = if hits.is_empty() { "Enter" } else { "y, Enter" };
                let answer = self.answer.with_cursor(view.pending, usize::from(room / 3));
                let words = format!("{key} does it, anything else leaves all as it is: {answer}");
                say(&words, theme.strong());
            }
            Step::Filling => {
                let answer = self.answer.with_cursor(view.pending, usize::from(room / 3));
                let words = format!("Enter does it, anything else leaves all as it is: {answer}");
                say(&words, theme.strong());
            }
            Step::Proving(manager) => {
                let form = manager.lines(room).into_iter();
                lines.extend(form.map(|line| (line, Style::new())));
            }
            Step::Weighing(_) | Step::AtDesk(_) => {}
        }
        // Where there is little room, what is asked last is what counts.
        let excess = lines.len().saturating_sub(usize::from(canvas.rows()));
        for (row, (line, style)) in (0_u16..).zip(lines.iter().skip(excess)) {
            canvas.line(0, row, line, *style);
        }
    }
}

fn until_of(text: &str) -> Result<Option<Boundary>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let boundary = text.parse::<Boundary>();
    boundary.map(Some).map_err(|fault| fault.0)
}

/// A week after an end, or, where it is over, a week from today.
fn later_end(ends: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<String> {
    let from = if ends < now {
        let today = now.to_zoned(zone.clone()).date();
        day_start(today.tomorrow().ok()?, zone)?
    } else {
        ends
    };
    let later = from.to_zoned(zone.clone());
    let later = later.checked_add(EXTENDED_DAYS.days()).ok()?;
    Some(text_of_end(later.timestamp(), zone))
}
