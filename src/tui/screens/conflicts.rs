//! Conflicts: what stores did that cannot all be right, the stories side by side, and settling it.
//!
//! Invariant: nothing is settled by one key, and a scan drops what is being asked.

use std::collections::BTreeSet;

use ratatui::style::Style;
use ratatui::text::Line;

use crate::domain::code::{grouped, last_letters};
use crate::domain::conflict::{Conflict, ConflictStory, Decision, Settled};
use crate::domain::entry::instant;
use crate::domain::local_time::in_few_words;
use crate::tui::back_order::{BackOrder, BackTold};
use crate::tui::back_room::{BackPage, Setting};
use crate::tui::canvas::{Canvas, bold, columns, cut, padded, wrapped};
use crate::tui::conflict_order::{ConflictOrder, ConflictTold, SettledAt};
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::msg::{ApprovalAsk, Effect};
use crate::tui::pages::View;
use crate::tui::screens::question::{ManagerForm, Managers, Outcome, edit, picked, reason_lines};
use crate::tui::theme::Tone;

/// Why a conflict is settled so; picked by digit.
pub const SETTLE_REASONS: [&str; 6] = [
    "the line was down",
    "our own mistake",
    "passed on or copied",
    "borne, as goodwill",
    "training or test",
    "another reason",
];

/// How far a page key moves the mark.
const PAGE: usize = 8;

/// Columns of the names beside the stories.
const LABEL_COLUMNS: u16 = 11;

/// The fewest columns in which a story can be read.
const STORY_COLUMNS_MIN: u16 = 21;

/// With so many rows the list shows the stories of the marked conflict too.
const ROWS_FOR_BOTH: u16 = 22;

fn order(order: ConflictOrder) -> Effect {
    Effect::Back(Box::new(BackOrder::Conflict(order)))
}

/// How far a settlement is.
enum Step {
    /// A digit for the decision is awaited.
    Deciding,
    /// A digit for the reason is awaited.
    Asking(Decision),
    /// A manager's PIN is awaited.
    Proving(Decision, ManagerForm),
    /// Ordered, and not answered yet.
    AtDesk(Decision, Option<ManagerForm>),
}

/// The stories of one conflict, and how far its settlement is.
struct Open {
    number: i64,
    /// The first story in view.
    first: usize,
    step: Step,
    reason: Option<&'static str>,
    problem: String,
}

/// The screen of the conflicts.
pub struct Conflicts {
    /// Open ones first, the newest first among each; none: the desk has not listed them yet.
    all: Option<Vec<Conflict>>,
    settled_at: SettledAt,
    /// The marked one.
    at: usize,
    open: Option<Open>,
    /// A digit; a longer line is what a slow scanner typed.
    field: Field,
    words: String,
    /// Open as the desk last said, whether or not the screen was looked at.
    standing: Vec<Conflict>,
    /// Those that somebody at this counter has seen.
    seen: BTreeSet<i64>,
}

impl Conflicts {
    /// Nothing is known yet.
    pub fn new() -> Conflicts {
        Conflicts {
            all: None,
            settled_at: SettledAt::Hub,
            at: 0,
            open: None,
            field: Field::default(),
            words: String::new(),
            standing: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// How many are open.
    pub fn open_count(&self) -> usize {
        self.standing.len()
    }

    /// What is to be noticed on every screen until somebody has looked here, the longest way first;
    /// empty: nothing.
    pub fn notice(&self) -> Vec<String> {
        let mut unseen = self
            .standing
            .iter()
            .filter(|conflict| !self.seen.contains(&conflict.number));
        let Some(first) = unseen.next() else {
            return Vec::new();
        };
        let more = unseen.count();
        if more > 0 {
            let count = more.saturating_add(1);
            return vec![
                format!("{count} CONFLICTS – what stores did cannot all be right: F6 shows them"),
                format!("{count} CONFLICTS – F6 shows them"),
            ];
        }
        let what = first.kind.in_words();
        let code = first.code.as_deref().map(last_letters).unwrap_or_default();
        let stores = stores_of(first).join(" and ");
        vec![
            format!("CONFLICT – {code} {what}, at {stores}: F6 shows it"),
            format!("CONFLICT – {code} {what}: F6 shows it"),
            format!("CONFLICT – {code} {what}: F6"),
            "CONFLICT – F6 shows it".to_owned(),
        ]
    }

    /// The conflicts that are open, as the desk sees them.
    pub fn standing(&mut self, open: Vec<Conflict>) {
        self.standing = open;
    }

    fn close_one(&mut self) {
        self.field.clear();
        self.words.clear();
        if let Some(open) = &mut self.open {
            match open.step {
                Step::Deciding | Step::AtDesk(..) => self.open = None,
                Step::Asking(_) | Step::Proving(..) => {
                    open.step = Step::Deciding;
                    open.reason = None;
                    open.problem.clear();
                }
            }
        }
    }

    fn command_in_list(&mut self, command: Command) {
        let last = self.all.as_ref().map_or(0, Vec::len).saturating_sub(1);
        if matches!(command, Command::Up | Command::Previous) {
            self.at = self.at.saturating_sub(1);
        } else if matches!(command, Command::Down | Command::Next) {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::PageUp {
            self.at = self.at.saturating_sub(PAGE);
        } else if command == Command::PageDown {
            self.at = self.at.saturating_add(PAGE).min(last);
        } else if command == Command::Enter {
            self.field.clear();
            self.words.clear();
            self.open = self.marked().map(|conflict| Open {
                number: conflict.number,
                first: 0,
                step: Step::Deciding,
                reason: None,
                problem: String::new(),
            });
        }
    }

    fn command_in_stories(
        &mut self,
        command: Command,
        managers: &Managers,
        effects: &mut Vec<Effect>,
    ) {
        let Some(conflict) = self.opened_conflict() else {
            return;
        };
        let (stories, decisions) = (conflict.stories.len(), conflict.kind.decisions());
        let may_settle = self.may_settle(conflict.number);
        let Some(open) = &mut self.open else {
            return;
        };
        if command == Command::Left {
            open.first = open.first.saturating_sub(1);
        } else if command == Command::Right {
            open.first = open.first.saturating_add(1).min(stories.saturating_sub(1));
        } else if command == Command::Enter && may_settle {
            let typed = self.field.as_str().parse::<usize>().ok();
            open.problem.clear();
            match &open.step {
                Step::Deciding => {
                    let decision = typed
                        .and_then(|digit| digit.checked_sub(1))
                        .and_then(|place| decisions.get(place));
                    let Some(decision) = decision else {
                        "a digit says what is decided".clone_into(&mut open.problem);
                        return;
                    };
                    open.step = Step::Asking(*decision);
                    self.field.clear();
                }
                Step::Asking(decision) => {
                    let decision = *decision;
                    let Some(reason) = picked(&SETTLE_REASONS, &self.field) else {
                        "a digit picks the reason".clone_into(&mut open.problem);
                        return;
                    };
                    open.reason = Some(reason);
                    self.field.clear();
                    if managers.is_signed {
                        let form = ManagerForm::new(managers, Some(reason.to_owned()));
                        open.step = Step::Proving(decision, form);
                    } else {
                        self.order(decision, None, None, effects);
                    }
                }
                Step::Proving(..) | Step::AtDesk(..) => {}
            }
        }
    }

    fn prove(&mut self, command: Command, effects: &mut Vec<Effect>) -> Outcome {
        let Some(open) = &mut self.open else {
            return Outcome::Open;
        };
        let Step::Proving(decision, form) = &mut open.step else {
            return Outcome::Open;
        };
        match form.command(command) {
            Outcome::Done(approval) => {
                let (decision, form) = (*decision, form.clone());
                self.order(decision, approval, Some(form), effects);
                Outcome::Open
            }
            other @ (Outcome::Open | Outcome::Scan(_)) => other,
        }
    }

    fn order(
        &mut self,
        decision: Decision,
        approval: Option<ApprovalAsk>,
        form: Option<ManagerForm>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(open) = &mut self.open else {
            return;
        };
        let Some(reason) = open.reason else {
            return;
        };
        effects.push(order(ConflictOrder::Settle {
            number: open.number,
            decision,
            reason: reason.to_owned(),
            approval,
        }));
        open.step = Step::AtDesk(decision, form);
    }

    fn marked(&self) -> Option<&Conflict> {
        self.all.as_ref()?.get(self.at)
    }

    fn opened_conflict(&self) -> Option<&Conflict> {
        let open = self.open.as_ref()?;
        let mut all = self.all.as_ref()?.iter();
        all.find(|conflict| conflict.number == open.number)
    }

    fn may_settle(&self, number: i64) -> bool {
        let mut all = self.all.iter().flatten();
        self.settled_at == SettledAt::Here
            && all.any(|conflict| conflict.number == number && conflict.settled.is_none())
    }

    fn is_open(&self, number: i64) -> bool {
        self.open.as_ref().is_some_and(|open| open.number == number)
    }

    /// The manager is asked again where one was; nothing was changed.
    fn refused(&mut self, words: String) -> Option<String> {
        let Some(open) = &mut self.open else {
            self.words.clone_from(&words);
            return Some(words);
        };
        let step = std::mem::replace(&mut open.step, Step::Deciding);
        open.step = match step {
            Step::AtDesk(decision, Some(mut form)) => {
                form.refuse();
                Step::Proving(decision, form)
            }
            Step::AtDesk(_, None) => Step::Deciding,
            other @ (Step::Deciding | Step::Asking(_) | Step::Proving(..)) => other,
        };
        open.problem = words;
        None
    }

    /// Whoever has marked one goes on with that one.
    fn listed(&mut self, mut conflicts: Vec<Conflict>, settled_at: SettledAt, is_in_view: bool) {
        conflicts.sort_by_key(|conflict| {
            let settled = conflict.settled.as_ref().map(|settled| settled.at);
            (
                settled.is_some(),
                std::cmp::Reverse(settled.unwrap_or(conflict.raised_at)),
            )
        });
        let marked = self.marked().map(|conflict| conflict.number);
        let now_at =
            marked.and_then(|number| conflicts.iter().position(|one| one.number == number));
        self.at = now_at.unwrap_or(0);
        self.settled_at = settled_at;
        if is_in_view {
            self.seen
                .extend(conflicts.iter().map(|conflict| conflict.number));
        }
        self.standing = conflicts
            .iter()
            .filter(|conflict| conflict.settled.is_none())
            .cloned()
            .collect();
        self.all = Some(conflicts);
        if self.opened_conflict().is_none() {
            self.open = None;
        }
    }
}

impl BackPage for Conflicts {
    fn place(&self) -> Place {
        match &self.open {
            None => Place::Conflicts,
            Some(open) if self.may_settle(open.number) => Place::Settling,
            Some(_) => Place::Conflict,
        }
    }

    fn has_something_open(&self) -> bool {
        self.open.is_some()
    }

    fn opened(&mut self, _setting: &Setting, effects: &mut Vec<Effect>) {
        self.open = None;
        self.field.clear();
        self.words.clear();
        effects.push(order(ConflictOrder::List));
    }

    fn put_away(&mut self) {
        self.open = None;
        self.field.clear();
        self.words.clear();
    }

    fn signed_out(&mut self) {
        self.put_away();
        self.all = None;
        self.at = 0;
    }

    fn scanned(&mut self) {
        self.field.clear();
        if let Some(open) = &mut self.open
            && !matches!(open.step, Step::AtDesk(..))
        {
            open.step = Step::Deciding;
            open.reason = None;
            open.problem.clear();
        }
    }

    fn typed(&mut self, character: char) {
        if let Some(open) = &mut self.open
            && let Step::Proving(_, form) = &mut open.step
        {
            return form.typed(character);
        }
        self.field.push(character);
    }

    fn command(
        &mut self,
        command: Command,
        setting: &Setting,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if command == Command::Drop {
            self.close_one();
            return Outcome::Open;
        }
        if let Some(Open {
            step: Step::Proving(..),
            ..
        }) = &self.open
        {
            return self.prove(command, effects);
        }
        if edit(&mut self.field, command) && !self.field.is_empty() {
            return Outcome::Open;
        }
        if command == Command::Enter && self.field.as_str().chars().count() > 1 {
            return Outcome::Scan(self.field.take().into_bytes());
        }
        if self.open.is_some() {
            self.command_in_stories(command, &setting.managers, effects);
        } else {
            self.command_in_list(command);
        }
        Outcome::Open
    }

    fn told(
        &mut self,
        told: BackTold,
        is_in_view: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        let BackTold::Conflict(told) = told else {
            return None;
        };
        match told {
            ConflictTold::Listed {
                conflicts,
                settled_at,
            } => self.listed(conflicts, settled_at, is_in_view),
            ConflictTold::Settled(conflict) => {
                let words = format!("settled: {}", settled_words(&conflict));
                if self.is_open(conflict.number) {
                    self.open = None;
                }
                self.words.clone_from(&words);
                effects.push(order(ConflictOrder::List));
                return Some(words);
            }
            ConflictTold::Refused(words) => {
                effects.push(Effect::Bell { times: 2 });
                return self.refused(format!("not settled: {words}"));
            }
            ConflictTold::Failed(words) => {
                effects.push(Effect::Bell { times: 3 });
                return self.refused(format!("NOT DONE – {words}"));
            }
        }
        None
    }

    fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        let opened = self.opened_conflict();
        let title = match opened {
            Some(conflict) => {
                let kind = conflict.kind.in_words().to_uppercase();
                format!(" CONFLICT {} · {kind} ", conflict.number)
            }
            None => " CONFLICTS ".to_owned(),
        };
        canvas.text(2, 0, &title, theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        canvas.text_right(2, bottom, &self.note(opened), Style::new());
        let mut inside = canvas.inside(2);
        match opened {
            Some(conflict) => self.draw_opened(&mut inside, conflict, view),
            None => self.draw_all(&mut inside, view),
        }
    }
}

impl Default for Conflicts {
    fn default() -> Conflicts {
        Conflicts::new()
    }
}

impl Conflicts {
    fn note(&self, opened: Option<&Conflict>) -> String {
        match (opened, &self.all) {
            (Some(_), _) => " Esc back ".to_owned(),
            (None, Some(all)) if !all.is_empty() => " Up, Down · Enter: the stories ".to_owned(),
            (None, _) => String::new(),
        }
    }

    fn draw_all(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), canvas.rows());
        let Some(all) = &self.all else {
            canvas.text(0, 0, "looking them up …", theme.dim());
            return;
        };
        let words = if self.field.is_empty() {
            wrapped(&self.words, room, 2)
        } else {
            vec![format!(
                "Code: {}",
                self.field.with_cursor(view.pending, usize::from(room))
            )]
        };
        let words_rows = u16::try_from(words.len()).unwrap_or(0);
        let mut list_rows = rows.saturating_sub(words_rows);
        if all.is_empty() {
            draw_none(canvas);
        } else {
            if rows >= ROWS_FOR_BOTH
                && let Some(conflict) = self.marked()
            {
                // The marked one's stories take the lower part.
                let stories_at = list_rows / 2;
                let mut part =
                    canvas.part(0, stories_at, room, list_rows.saturating_sub(stories_at));
                part.text(
                    0,
                    0,
                    &theme
                        .border(Tone::Plain)
                        .top
                        .to_string()
                        .repeat(usize::from(room)),
                    theme.dim(),
                );
                let mut below = part.part(0, 1, room, rows);
                let row = draw_head(&mut below, conflict, view);
                draw_stories(&mut below, conflict, 0, row, view);
                list_rows = stories_at;
            }
            let mut list = canvas.part(0, 0, room, list_rows);
            self.draw_list(&mut list, all, view);
        }
        for (line, row) in words.iter().zip(rows.saturating_sub(words_rows)..) {
            canvas.text(0, row, line, theme.warning());
        }
    }

    fn draw_list(&self, canvas: &mut Canvas<'_>, all: &[Conflict], view: &View<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), usize::from(canvas.rows()));
        let open_count = all.iter().filter(|one| one.settled.is_none()).count();
        let mut lines: Vec<(String, Style)> = Vec::new();
        let mut marked = 0;
        let heading = match open_count {
            0 => "none is open".to_owned(),
            count => format!("OPEN  {count}"),
        };
        lines.push((heading, theme.strong()));
        for (at, conflict) in all.iter().enumerate() {
            if at == open_count {
                lines.push(("SETTLED".to_owned(), theme.strong()));
            }
            let is_marked = at == self.at;
            if is_marked {
                marked = lines.len();
            }
            let style = match (is_marked, &conflict.settled) {
                (true, _) => theme.picked(),
                (false, None) => Style::new(),
                (false, Some(_)) => theme.dim(),
            };
            let mark = if is_marked { '›' } else { ' ' };
            let line = list_line(conflict, room.saturating_sub(1), view);
            lines.push((format!("{mark}{line}"), style));
        }
        let first = marked.saturating_add(2).saturating_sub(rows);
        // The list begins with its heading.
        let first = if marked <= 1 { 0 } else { first };
        for (row, (text, style)) in (0_u16..).zip(lines.iter().skip(first).take(rows)) {
            canvas.text(0, row, text, *style);
        }
    }

    fn draw_opened(&self, canvas: &mut Canvas<'_>, conflict: &Conflict, view: &View<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), canvas.rows());
        let below = self.below(conflict, room, view);
        let below_rows = u16::try_from(below.len()).unwrap_or(u16::MAX);
        let upper_rows = rows.saturating_sub(below_rows);
        let mut upper = canvas.part(0, 0, room, upper_rows);
        let row = draw_head(&mut upper, conflict, view);
        let first = self.open.as_ref().map_or(0, |open| open.first);
        draw_stories(&mut upper, conflict, first, row, view);
        for (row, (line, is_loud)) in (upper_rows..).zip(below) {
            let style = if is_loud {
                theme.warning()
            } else {
                Style::new()
            };
            canvas.line(0, row, &line, style);
        }
    }

    /// What is asked or said below the stories, and whether loudly.
    fn below(&self, conflict: &Conflict, room: u16, view: &View<'_>) -> Vec<(Line<'static>, bool)> {
        let mut lines: Vec<(Line<'static>, bool)> = Vec::new();
        let said = |text: &str| {
            let lines = wrapped(text, room, 2).into_iter();
            lines
                .map(|line| (Line::from(line), false))
                .collect::<Vec<_>>()
        };
        let Some(open) = &self.open else {
            return lines;
        };
        if conflict.settled.is_some() {
            return said(&format!("Settled: {}.", settled_in_full(conflict, view)));
        }
        if self.settled_at == SettledAt::Hub {
            return said("A manager settles it at the hub; what is decided will be shown here.");
        }
        let asks = |words: String| (Line::from(bold(words)), false);
        match &open.step {
            Step::Deciding => {
                let decisions: Vec<&'static str> = conflict
                    .kind
                    .decisions()
                    .iter()
                    .map(|decision| decision.in_words())
                    .collect();
                lines.push(asks("What is decided? A digit, Enter".to_owned()));
                let picks = reason_lines(&decisions, self.field.as_str(), room);
                lines.extend(picks.into_iter().map(|line| (line, false)));
            }
            Step::Asking(decision) => {
                let words = format!("{} – why? A digit, Enter", sentence(decision.in_words()));
                lines.push(asks(words));
                let picks = reason_lines(&SETTLE_REASONS, self.field.as_str(), room);
                lines.extend(picks.into_iter().map(|line| (line, false)));
            }
            Step::Proving(decision, form) => {
                let reason = open.reason.unwrap_or_default();
                let words = format!("{} – {reason}", sentence(decision.in_words()));
                lines.push(asks(cut(&words, room)));
                lines.extend(form.lines(room).into_iter().map(|line| (line, false)));
            }
            Step::AtDesk(..) => lines.push(asks("settling …".to_owned())),
        }
        let problem = wrapped(&open.problem, room, 2).into_iter();
        lines.extend(problem.map(|line| (Line::from(line), true)));
        lines
    }
}

fn draw_none(canvas: &mut Canvas<'_>) {
    let theme = canvas.theme();
    canvas.text(0, 0, "There is no conflict.", theme.strong());
    let words = "A conflict is what two stores did that cannot both be right, such as one code honoured \
                 twice while a line was down. It stays here until a manager has settled it.";
    for (row, line) in (2..).zip(wrapped(words, canvas.columns(), 4)) {
        canvas.text(0, row, &line, theme.dim());
    }
}

/// Code, campaign, when it was found, and what cannot be right; gives back the next row.
fn draw_head(canvas: &mut Canvas<'_>, conflict: &Conflict, view: &View<'_>) -> u16 {
    let theme = canvas.theme();
    let room = canvas.columns();
    let mut parts = Vec::new();
    parts.extend(conflict.code.as_deref().map(grouped));
    parts.extend(conflict.campaign.clone());
    let found = in_few_words(conflict.raised_at, view.now, view.zone);
    parts.push(format!("found {found}"));
    canvas.text(0, 0, &cut(&parts.join("   "), room), theme.strong());
    let mut row = 1;
    for line in wrapped(conflict.kind.means(), room, 2) {
        canvas.text(0, row, &line, Style::new());
        row = row.saturating_add(1);
    }
    if canvas.rows() >= 11 {
        row = row.saturating_add(1);
    }
    row
}

/// The stories side by side, from the one at `first` on.
fn draw_stories(
    canvas: &mut Canvas<'_>,
    conflict: &Conflict,
    first: usize,
    top: u16,
    view: &View<'_>,
) {
    let theme = canvas.theme();
    let stories = &conflict.stories;
    let room = canvas.columns().saturating_sub(LABEL_COLUMNS);
    let fit = usize::from(room / STORY_COLUMNS_MIN).max(1);
    let shown = stories.len().min(fit);
    let first = first.min(stories.len().saturating_sub(shown));
    let width = room / u16::try_from(shown.max(1)).unwrap_or(1);
    let width = width.min(34);
    let rows = rows_of(stories);
    for (offset, row) in (0_u16..).zip(&rows) {
        let label = if *row == StoryRow::Rank && shown < stories.len() {
            "‹ Left Right ›"
        } else {
            row.label()
        };
        canvas.text(
            0,
            top.saturating_add(offset),
            &cut(label, LABEL_COLUMNS),
            theme.dim(),
        );
    }
    let last = stories.len().saturating_sub(1);
    for (column, (at, story)) in (0_u16..).zip(stories.iter().enumerate().skip(first).take(shown)) {
        let left = LABEL_COLUMNS.saturating_add(column.saturating_mul(width));
        for (offset, row) in (0_u16..).zip(&rows) {
            let style = match row {
                StoryRow::Rank if at == last => theme.mark(Tone::Stop).patch(theme.strong()),
                StoryRow::Rank | StoryRow::Store => theme.strong(),
                StoryRow::Counter
                | StoryRow::Operator
                | StoryRow::When
                | StoryRow::What
                | StoryRow::Code
                | StoryRow::Customer => Style::new(),
            };
            let text = row.text(story, at == last, view);
            let text = cut(&text, width.saturating_sub(1));
            canvas.text(left, top.saturating_add(offset), &text, style);
        }
    }
}

/// A row of the stories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoryRow {
    Rank,
    Store,
    Counter,
    Operator,
    When,
    What,
    Code,
    Customer,
}

/// The rows in which there is something to compare.
fn rows_of(stories: &[ConflictStory]) -> Vec<StoryRow> {
    let first = stories.first();
    let mut rows = vec![
        StoryRow::Rank,
        StoryRow::Store,
        StoryRow::Counter,
        StoryRow::When,
        StoryRow::What,
    ];
    if stories.iter().any(|story| story.operator.is_some()) {
        rows.insert(3, StoryRow::Operator);
    }
    if stories
        .iter()
        .any(|story| Some(&story.code) != first.map(|first| &first.code))
    {
        rows.push(StoryRow::Code);
    }
    let is_other =
        |story: &ConflictStory| Some(&story.customer) != first.map(|first| &first.customer);
    if stories.iter().any(is_other) {
        rows.push(StoryRow::Customer);
    }
    rows
}

impl StoryRow {
    fn label(self) -> &'static str {
        match self {
            StoryRow::Rank => "",
            StoryRow::Store => "store",
            StoryRow::Counter => "counter",
            StoryRow::Operator => "operator",
            StoryRow::When => "when",
            StoryRow::What => "what",
            StoryRow::Code => "code",
            StoryRow::Customer => "customer",
        }
    }

    fn text(self, story: &ConflictStory, is_excess: bool, view: &View<'_>) -> String {
        match self {
            StoryRow::Rank if is_excess => "✖ one too many".to_owned(),
            StoryRow::Rank => "✔ counts".to_owned(),
            StoryRow::Store => story.store.clone(),
            StoryRow::Counter => story.counter.clone(),
            StoryRow::Operator => story.operator.clone().unwrap_or_else(|| "–".to_owned()),
            StoryRow::When => in_few_words(instant(story.at_ms), view.now, view.zone),
            StoryRow::What => {
                let what = story.kind.replace('_', " ");
                match story.certainty.as_deref() {
                    Some("provisional") => format!("{what}, offline"),
                    Some(certainty) => format!("{what}, {certainty}"),
                    None => what,
                }
            }
            StoryRow::Code => story.code.as_deref().map(grouped).unwrap_or_default(),
            StoryRow::Customer => story
                .customer
                .clone()
                .unwrap_or_else(|| "nobody known".to_owned()),
        }
    }
}

/// `redeemed twice      …GHJK  spring-menu  14:31:07  Riverside, Station Road`
fn list_line(conflict: &Conflict, room: u16, view: &View<'_>) -> String {
    let code = conflict
        .code
        .as_deref()
        .map(last_letters)
        .unwrap_or_default();
    let head = format!(
        "{} {} ",
        padded(conflict.kind.in_words(), 20),
        padded(&code, 6)
    );
    let rest = if let Some(settled) = &conflict.settled {
        let when = in_few_words(settled.at, view.now, view.zone);
        format!("{} · {when}", settled_words_of(settled))
    } else {
        let when = in_few_words(conflict.raised_at, view.now, view.zone);
        let stores = stores_of(conflict).join(", ");
        let campaign = conflict.campaign.as_deref().unwrap_or_default();
        if room < 70 || campaign.is_empty() {
            format!("{when}  {stores}")
        } else {
            format!("{} {when}  {stores}", padded(campaign, 12))
        }
    };
    padded(
        &format!("{head}{}", cut(&rest, room.saturating_sub(columns(&head)))),
        room,
    )
}

/// The stores that a conflict is between, each once.
fn stores_of(conflict: &Conflict) -> Vec<&str> {
    let mut stores: Vec<&str> = Vec::new();
    for story in &conflict.stories {
        if !stores.contains(&story.store.as_str()) {
            stores.push(&story.store);
        }
    }
    stores
}

/// `both stand, Ben`
fn settled_words_of(settled: &Settled) -> String {
    let what = settled
        .decision
        .map_or("undone meanwhile", Decision::in_words);
    match &settled.by {
        Some(by) => format!("{what}, {by}"),
        None => what.to_owned(),
    }
}

fn settled_words(conflict: &Conflict) -> String {
    conflict
        .settled
        .as_ref()
        .map(settled_words_of)
        .unwrap_or_default()
}

fn settled_in_full(conflict: &Conflict, view: &View<'_>) -> String {
    let Some(settled) = &conflict.settled else {
        return String::new();
    };
    let when = in_few_words(settled.at, view.now, view.zone);
    format!("{} – {}, {when}", settled_words_of(settled), settled.reason)
}

/// With a capital letter.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
