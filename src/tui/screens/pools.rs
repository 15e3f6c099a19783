//! Pools: what is left of each campaign's codes, what was drawn day by day, and when none will be left.
//!
//! Invariant: nothing here writes. The page reads itself anew while it is looked at.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::local_time::in_few_words;
use crate::domain::pool::{LowPool, PoolDay, PoolFigures, PoolStanding};
use crate::tui::back_order::{BackOrder, BackTold};
use crate::tui::back_room::{BackPage, Setting};
use crate::tui::canvas::{Canvas, columns, count_of, cut, padded, wrapped};
use crate::tui::field::Field;
use crate::tui::keys::{Command, Place};
use crate::tui::msg::Effect;
use crate::tui::pages::View;
use crate::tui::pool_order::{PoolOrder, PoolTold};
use crate::tui::screens::question::{Outcome, edit};
use crate::tui::theme::{Theme, Tone};

/// How far a page key moves the mark.
const PAGE: usize = 8;

/// The page is read again so often while it is looked at.
const READ_APART: SignedDuration = SignedDuration::from_secs(5);

/// Whoever has not answered for so long is asked again.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// Columns of a campaign's name in the list.
const NAME_COLUMNS: u16 = 16;

/// With so many columns the list has gauges.
const GAUGE_IN_LIST_COLUMNS: u16 = 60;

/// Rows that the marked pool needs.
const MARKED_ROWS: u16 = 8;

/// Rows of the list, at most, where there is more to show below it.
const LIST_ROWS_MAX: u16 = 10;

/// Rows of a chart's bars, at most.
const BARS_ROWS_MAX: u16 = 8;

/// Columns between two charts.
const CHARTS_APART: u16 = 3;

/// The screen of the pools.
pub struct Pools {
    /// None: they have not been read yet.
    all: Option<Vec<PoolFigures>>,
    read_at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
    /// The marked one.
    at: usize,
    /// What a slow scanner typed.
    field: Field,
    problem: String,
    /// Those that are warned of, whether or not the page was looked at.
    low: Vec<LowPool>,
    /// What somebody at this counter has seen of them.
    seen: BTreeSet<LowPool>,
}

impl Pools {
    /// Nothing is known yet.
    pub fn new() -> Pools {
        Pools {
            all: None,
            read_at: None,
            asked_at: None,
            at: 0,
            field: Field::default(),
            problem: String::new(),
            low: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// The pools that are warned of, as the desk sees them.
    pub fn low(&mut self, low: Vec<LowPool>, is_in_view: bool, effects: &mut Vec<Effect>) {
        self.seen.retain(|seen| low.contains(seen));
        self.low = low;
        if is_in_view {
            self.seen.extend(self.low.iter().cloned());
            read(effects);
        }
    }

    /// What is to be noticed on every screen until somebody has looked here, the longest way first;
    /// empty: nothing.
    pub fn notice(&self) -> Vec<String> {
        let mut unseen = self.low.iter().filter(|low| !self.seen.contains(low));
        let Some(first) = unseen.next() else {
            return Vec::new();
        };
        let more = unseen.count();
        if more > 0 {
            let count = more.saturating_add(1);
            return vec![
                format!("{count} POOLS RUN LOW: F5 shows them"),
                format!("{count} POOLS LOW: F5"),
            ];
        }
        vec![
            format!("POOL LOW – {}: F5 shows it", first.in_words()),
            format!("POOL LOW – {}: F5", first.campaign),
            "POOL LOW: F5".to_owned(),
        ]
    }

    /// What the status line says of them.
    pub fn in_status(&self) -> Option<String> {
        match self.low.as_slice() {
            [] => None,
            [one] => Some(format!("pool {} low: F5", one.campaign)),
            many => Some(format!("{} pools low: F5", many.len())),
        }
    }

    fn marked(&self) -> Option<&PoolFigures> {
        self.all.as_ref()?.get(self.at)
    }
}

impl Default for Pools {
    fn default() -> Pools {
        Pools::new()
    }
}

fn read(effects: &mut Vec<Effect>) {
    effects.push(Effect::Back(Box::new(BackOrder::Pool(PoolOrder::Read))));
}

impl BackPage for Pools {
    fn place(&self) -> Place {
        Place::Pools
    }

    fn has_something_open(&self) -> bool {
        !self.field.is_empty()
    }

    fn opened(&mut self, setting: &Setting, effects: &mut Vec<Effect>) {
        self.field.clear();
        self.seen.extend(self.low.iter().cloned());
        self.asked_at = Some(setting.now);
        read(effects);
    }

    fn put_away(&mut self) {
        self.field.clear();
    }

    fn signed_out(&mut self) {
        self.put_away();
        self.all = None;
        self.at = 0;
    }

    fn scanned(&mut self) {
        self.field.clear();
    }

    fn ticked(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let is_answered = self.asked_at <= self.read_at;
        let patience = if is_answered {
            READ_APART
        } else {
            ANSWERED_WITHIN
        };
        // A clock that was set back must not stop it.
        let is_due = self
            .asked_at
            .is_none_or(|asked| now.duration_since(asked).abs() >= patience);
        if is_due {
            self.asked_at = Some(now);
            read(effects);
        }
    }

    fn typed(&mut self, character: char) {
        self.field.push(character);
    }

    fn command(
        &mut self,
        command: Command,
        _setting: &Setting,
        _effects: &mut Vec<Effect>,
    ) -> Outcome {
        if command == Command::Drop {
            self.field.clear();
            return Outcome::Open;
        }
        if edit(&mut self.field, command) && !self.field.is_empty() {
            return Outcome::Open;
        }
        if command == Command::Enter && self.field.as_str().chars().count() > 1 {
            return Outcome::Scan(self.field.take().into_bytes());
        }
        let last = self.all.as_ref().map_or(0, Vec::len).saturating_sub(1);
        if command == Command::Up {
            self.at = self.at.saturating_sub(1);
        } else if command == Command::Down {
            self.at = self.at.saturating_add(1).min(last);
        } else if command == Command::PageUp {
            self.at = self.at.saturating_sub(PAGE);
        } else if command == Command::PageDown {
            self.at = self.at.saturating_add(PAGE).min(last);
        }
        Outcome::Open
    }

    fn told(
        &mut self,
        told: BackTold,
        _is_in_view: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        let BackTold::Pool(told) = told else {
            return None;
        };
        match told {
            PoolTold::Read { pools, at } => {
                // Whoever has marked one goes on with that one.
                let marked = self.marked().map(|pool| pool.campaign.clone());
                let place =
                    marked.and_then(|marked| pools.iter().position(|pool| pool.campaign == marked));
                self.at = place.unwrap_or(0);
                self.all = Some(pools);
                self.read_at = Some(at);
                self.asked_at = self.asked_at.map(|asked| asked.min(at));
                self.problem.clear();
            }
            PoolTold::Failed(words) => {
                if self.problem.is_empty() {
                    effects.push(Effect::Bell { times: 3 });
                }
                self.problem = format!("NOT READ – {words}");
            }
        }
        None
    }

    fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " POOLS ", theme.strong());
        if let Some(at) = self.read_at {
            let at = in_few_words(at, view.now, view.zone);
            canvas.text_right(2, 0, &format!(" as of {at}, all counters "), theme.dim());
        }
        let bottom = canvas.rows().saturating_sub(1);
        if self.all.as_ref().is_some_and(|all| all.len() > 1) {
            canvas.text_right(2, bottom, " Up, Down: another campaign ", Style::new());
        }
        let mut inside = canvas.inside(2);
        self.draw_all(&mut inside, view);
    }
}

impl Pools {
    fn draw_all(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        let (room, rows) = (canvas.columns(), canvas.rows());
        let words = if self.field.is_empty() {
            wrapped(&self.problem, room, 2)
        } else {
            let code = self.field.with_cursor(view.pending, usize::from(room));
            vec![format!("Code: {code}")]
        };
        let words_rows = u16::try_from(words.len()).unwrap_or(0);
        let rows = rows.saturating_sub(words_rows);
        for (row, line) in (rows..).zip(&words) {
            canvas.text(0, row, line, theme.warning());
        }
        match (&self.all, self.marked()) {
            (None, _) if self.problem.is_empty() => {
                canvas.text(0, 0, "counting …", theme.dim());
            }
            (None, _) => {}
            (Some(all), Some(marked)) => {
                let list_rows = list_rows(all.len(), rows);
                let mut list = canvas.part(0, 0, room, list_rows);
                self.draw_list(&mut list, all, view);
                let mut below = canvas.part(0, list_rows, room, rows.saturating_sub(list_rows));
                draw_marked(&mut below, marked, view);
            }
            (Some(_), None) => {
                canvas.text(0, 0, "There is no campaign yet.", theme.strong());
                let words = "F5 leads on to the campaigns, where n, Enter begins one.";
                canvas.text(0, 2, &cut(words, room), theme.dim());
            }
        }
    }

    fn draw_list(&self, canvas: &mut Canvas<'_>, all: &[PoolFigures], view: &View<'_>) {
        let theme = canvas.theme();
        let room = canvas.columns();
        let rows = usize::from(canvas.rows());
        let first = self.at.saturating_add(1).saturating_sub(rows);
        for (row, (at, pool)) in (0_u16..).zip(all.iter().enumerate().skip(first).take(rows)) {
            let is_marked = at == self.at;
            let mark = if is_marked { '›' } else { ' ' };
            let name = padded(pool.campaign.as_str(), NAME_COLUMNS);
            let style = if is_marked {
                theme.picked()
            } else {
                Style::new()
            };
            let mut column = canvas.text(0, row, &format!("{mark}{name}"), style);
            column = column.saturating_add(1);
            if room >= GAUGE_IN_LIST_COLUMNS {
                let width = (room / 4).min(40);
                let gauge = gauge(pool, width, theme);
                canvas.line(column, row, &gauge, Style::new());
                column = column.saturating_add(width).saturating_add(1);
            }
            let (words, is_loud) = in_a_line(pool, view);
            let style = if is_loud {
                theme.warning()
            } else {
                Style::new()
            };
            let words = cut(&words, room.saturating_sub(column));
            canvas.text(column, row, &words, style);
        }
    }
}

/// One campaign has no list; several have as many rows as the marked one leaves.
fn list_rows(count: usize, rows: u16) -> u16 {
    if count < 2 {
        return 0;
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    let most = rows.saturating_sub(MARKED_ROWS).clamp(2, LIST_ROWS_MAX);
    count.min(most)
}

/// What a row of the list says, and whether loudly.
fn in_a_line(pool: &PoolFigures, view: &View<'_>) -> (String, bool) {
    let is_low = !pool.warnings.is_empty();
    if pool.test_until.is_some() {
        return (format!("TEST MODE · {} drawn", count_of(pool.test)), true);
    }
    match pool.standing {
        PoolStanding::Over(_) => return ("over".to_owned(), false),
        PoolStanding::Paused => return ("PAUSED".to_owned(), true),
        PoolStanding::NotYet(_) | PoolStanding::Live => {}
    }
    let left = match pool.left_percent() {
        Some(0) if pool.left() > 0 => " <1 %".to_owned(),
        Some(share) => format!("{share:>3} %"),
        None => "given out".to_owned(),
    };
    let when = match (&pool.forecast, pool.left()) {
        (_, 0) if pool.claimable > 0 => "EMPTY".to_owned(),
        (Some(forecast), _) => format!("empty {}", forecast.span_in_words(view.now, view.zone)),
        (None, _) if pool.claimable == 0 => String::new(),
        (None, _) => "no end in sight".to_owned(),
    };
    (format!("{left}  {when}"), is_low)
}

/// The marked pool, as large as there is room for.
fn draw_marked(canvas: &mut Canvas<'_>, pool: &PoolFigures, view: &View<'_>) {
    let theme = canvas.theme();
    let room = canvas.columns();
    let rows = canvas.rows();
    let mut row = 0;
    if rows > MARKED_ROWS {
        let rule = theme.border(Tone::Plain).top.to_string();
        canvas.text(0, 0, &rule.repeat(usize::from(room)), theme.dim());
        row = 1;
    }
    let forecast = pool.forecast_in_words(view.now, view.zone);
    let forecast_columns = columns(&forecast);
    let head = format!("{} · {}", pool.campaign, pool.offer);
    let head_room = room.saturating_sub(forecast_columns).saturating_sub(2);
    let is_low = !pool.warnings.is_empty();
    let loud = if is_low {
        theme.warning()
    } else {
        theme.strong()
    };
    if head_room >= 12 {
        canvas.text(0, row, &cut(&head, head_room), theme.strong());
        canvas.text_right(0, row, &forecast, loud);
        row = row.saturating_add(1);
    } else {
        canvas.text(0, row, &cut(&head, room), theme.strong());
        row = row.saturating_add(1);
        canvas.text(0, row, &cut(&forecast, room), loud);
        row = row.saturating_add(1);
    }
    row = row.saturating_add(draw_gauge(canvas, row, pool));
    for line in figures_lines(pool, room, theme) {
        canvas.text(0, row, &line, Style::new());
        row = row.saturating_add(1);
    }
    for line in loud_lines(pool, view) {
        for line in wrapped(&line, room, 2) {
            canvas.text(0, row, &line, theme.warning());
            row = row.saturating_add(1);
        }
    }
    let mut charts = canvas.part(0, row, room, rows.saturating_sub(row));
    draw_charts(&mut charts, pool);
}

/// The gauge with what is left beside it; gives back the rows it took.
fn draw_gauge(canvas: &mut Canvas<'_>, row: u16, pool: &PoolFigures) -> u16 {
    let theme = canvas.theme();
    let room = canvas.columns();
    let left = format!(
        "{} of {} left",
        count_of(pool.left()),
        count_of(pool.claimable)
    );
    let width = room.saturating_sub(columns(&left)).saturating_sub(2);
    if width < 10 {
        canvas.text(0, row, &cut(&left, room), theme.strong());
        return 1;
    }
    let gauge = gauge(pool, width, theme);
    canvas.line(0, row, &gauge, Style::new());
    canvas.text(width.saturating_add(2), row, &left, theme.strong());
    1
}

/// What must be noticed of a pool beside its forecast.
fn loud_lines(pool: &PoolFigures, view: &View<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(until) = pool.test_until {
        let until = in_few_words(until, view.now, view.zone);
        let drawn = count_of(pool.test);
        lines.push(format!(
            "TEST MODE until {until} · {drawn} test codes drawn"
        ));
    }
    match pool.standing {
        PoolStanding::Paused => lines.push("PAUSED: nothing is given out or honoured".to_owned()),
        PoolStanding::NotYet(starts) => {
            let starts = in_few_words(starts, view.now, view.zone);
            lines.push(format!("it begins {starts}"));
        }
        PoolStanding::Over(ends) => {
            let ends = in_few_words(ends, view.now, view.zone);
            lines.push(format!("it is over since {ends}"));
        }
        PoolStanding::Live => {}
    }
    for warning in &pool.warnings {
        let since = in_few_words(warning.at, view.now, view.zone);
        lines.push(format!("! {} – since {since}", warning.low.in_words()));
        let problem = warning
            .notice
            .as_ref()
            .and_then(|notice| notice.problem.as_ref());
        lines.extend(problem.map(|problem| format!("! nobody outside was told: {problem}")));
    }
    lines
}

/// Each state with its sign in the gauge and its number, in as many lines as it takes.
fn figures_lines(pool: &PoolFigures, room: u16, theme: Theme) -> Vec<String> {
    let signs = signs(theme.is_ascii);
    let counts = counts(pool);
    let mut lines = vec![String::new()];
    for ((sign, name), count) in signs.iter().zip(STATES).zip(counts) {
        let is_rare = matches!(name, "leased" | "suspect");
        if count == 0 && is_rare {
            continue;
        }
        let part = format!("{sign} {name} {}", count_of(count));
        let Some(line) = lines.last_mut() else {
            continue;
        };
        if line.is_empty() {
            *line = part;
        } else if columns(line)
            .saturating_add(columns(&part))
            .saturating_add(2)
            <= room
        {
            line.push_str("  ");
            line.push_str(&part);
        } else {
            lines.push(part);
        }
    }
    lines
}

/// The states of a gauge, from what is left to what is gone.
const STATES: [&str; 6] = [
    "available",
    "leased",
    "assigned",
    "redeemed",
    "void",
    "suspect",
];

/// The signs of the states, in their order; each alone tells them apart, without any colour.
fn signs(is_ascii: bool) -> [char; 6] {
    if is_ascii {
        ['.', ':', '=', '#', 'x', '?']
    } else {
        ['░', '▒', '▓', '█', '×', '?']
    }
}

fn counts(pool: &PoolFigures) -> [u64; 6] {
    [
        pool.available,
        pool.leased,
        pool.assigned,
        pool.redeemed,
        pool.void,
        pool.suspect,
    ]
}

/// A bar of all codes by their states: gone ones first, so that what is left is the empty end of it.
fn gauge(pool: &PoolFigures, width: u16, theme: Theme) -> Line<'static> {
    let counts = counts(pool);
    let parts = shares(&counts, width);
    let tones = [
        Tone::Go,
        Tone::Wait,
        Tone::Look,
        Tone::Plain,
        Tone::Stop,
        Tone::Stop,
    ];
    let mut spans: Vec<Span<'static>> = Vec::new();
    let order = signs(theme.is_ascii).into_iter().zip(tones).zip(parts);
    for ((sign, tone), part) in order.rev() {
        let text = sign.to_string().repeat(usize::from(part));
        spans.push(Span::styled(text, theme.mark(tone)));
    }
    if counts.iter().all(|count| *count == 0) {
        spans = vec![Span::styled("-".repeat(usize::from(width)), theme.dim())];
    }
    Line::from(spans)
}

/// Columns of each count, together `width`; whatever is there has at least one.
fn shares(counts: &[u64; 6], width: u16) -> [u16; 6] {
    let total: u128 = counts.iter().map(|count| u128::from(*count)).sum();
    let mut parts = counts.map(|count| {
        let share = u128::from(count) * u128::from(width) / total.max(1);
        u16::try_from(share)
            .unwrap_or(width)
            .max(u16::from(count > 0))
    });
    loop {
        let sum: u16 = parts.iter().sum();
        let largest = (0..).zip(&parts).max_by_key(|(_, part)| **part);
        let Some((place, _)) = largest else {
            return parts;
        };
        let place: usize = place;
        let Some(part) = parts.get_mut(place).filter(|part| **part > 0) else {
            return parts;
        };
        match sum.cmp(&width) {
            std::cmp::Ordering::Equal => return parts,
            std::cmp::Ordering::Less => *part = part.saturating_add(width.saturating_sub(sum)),
            std::cmp::Ordering::Greater => *part = part.saturating_sub(1),
        }
    }
}

/// Both charts, side by side: what was assigned, and what was redeemed.
fn draw_charts(canvas: &mut Canvas<'_>, pool: &PoolFigures) {
    let room = canvas.columns().saturating_sub(CHARTS_APART) / 2;
    let rows = canvas.rows();
    let assigned: Vec<u64> = pool.per_day.iter().map(|day| day.assigned).collect();
    let redeemed: Vec<u64> = pool.per_day.iter().map(|day| day.redeemed).collect();
    let last_day = format!("assigned, last 24 h {}", count_of(pool.assigned_last_24h));
    let mut left = canvas.part(0, 0, room, rows);
    draw_chart(&mut left, &last_day, &assigned, &pool.per_day);
    let at = room.saturating_add(CHARTS_APART);
    let mut right = canvas.part(at, 0, room, rows);
    let today = redeemed.last().copied().unwrap_or(0);
    let title = format!("redeemed, today {}", count_of(today));
    draw_chart(&mut right, &title, &redeemed, &pool.per_day);
}

fn draw_chart(canvas: &mut Canvas<'_>, title: &str, counts: &[u64], days: &[PoolDay]) {
    let theme = canvas.theme();
    let (room, rows) = (canvas.columns(), canvas.rows());
    if rows < 2 || counts.is_empty() {
        canvas.text(0, 0, &cut(title, room), Style::new());
        return;
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let count = u16::try_from(counts.len()).unwrap_or(1).max(1);
    let wide = (room / count).clamp(1, 4);
    let bars_rows = rows.saturating_sub(2).clamp(1, BARS_ROWS_MAX);
    let chart_columns = wide.saturating_mul(count);
    let head = format!("most {}", count_of(most));
    canvas.text(0, 0, &cut(title, room), Style::new());
    if columns(title)
        .saturating_add(columns(&head))
        .saturating_add(2)
        <= chart_columns.max(room)
    {
        let at = room.saturating_sub(columns(&head));
        canvas.text(at, 0, &head, theme.dim());
    }
    for (place, (count, day)) in (0_u16..).zip(counts.iter().zip(days)) {
        let column = place.saturating_mul(wide);
        // A gap between two bars, where there is room for one.
        let bar = wide.saturating_sub(u16::from(wide > 2)).max(1);
        for (offset, sign) in (0_u16..).zip(bar_of(*count, most, bars_rows, theme.is_ascii)) {
            let text = sign.to_string().repeat(usize::from(bar));
            let row = bars_rows.saturating_sub(offset);
            canvas.text(column, row, &text, theme.mark(Tone::Go));
        }
        let letter = day.date.strftime("%a").to_string();
        let letter: String = letter.chars().take(usize::from(bar.min(2))).collect();
        canvas.text(column, bars_rows.saturating_add(1), &letter, theme.dim());
    }
}

/// The signs of a bar, from the lowest row up; a day on which anything was done has some.
fn bar_of(count: u64, most: u64, rows: u16, is_ascii: bool) -> Vec<char> {
    let eighths = u128::from(rows) * 8;
    let high = u128::from(count) * eighths / u128::from(most.max(1));
    let high = high.max(u128::from(count > 0));
    (0..u128::from(rows))
        .map(|row| {
            let here = high.saturating_sub(row * 8).min(8);
            let place = usize::try_from(here).unwrap_or(0);
            let signs = if is_ascii {
                " .:-=+*%#"
            } else {
                " ▁▂▃▄▅▆▇█"
            };
            signs.chars().nth(place).unwrap_or(' ')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{bar_of, count_of, shares};

    #[test]
    fn a_gauge_is_full_and_shows_whatever_is_there() {
        for counts in [
            [4312, 500, 9020, 6150, 18, 0],
            [1, 0, 0, 0, 0, 0],
            [1, 1, 1, 1, 1, 1],
            [10_000_000, 0, 0, 1, 0, 1],
            [0, 0, 0, 0, 3, 1_000_000],
        ] {
            for width in [10, 17, 40, 100] {
                let parts = shares(&counts, width);
                assert_eq!(parts.iter().sum::<u16>(), width, "{counts:?}");
                for (count, part) in counts.iter().zip(parts) {
                    assert_eq!(*count > 0, part > 0, "{counts:?} {parts:?}");
                }
            }
        }
        assert_eq!(shares(&[0; 6], 10), [0; 6]);
    }

    #[test]
    fn bars_rise_with_their_counts() {
        assert_eq!(bar_of(0, 9, 2, false), [' ', ' ']);
        assert_eq!(bar_of(9, 9, 2, false), ['█', '█']);
        assert_eq!(bar_of(1, 9_000, 2, false), ['▁', ' ']);
        assert_eq!(bar_of(6, 8, 1, true), ['*']);
        assert_eq!(bar_of(0, 0, 1, true), [' ']);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(count_of(0), "0");
        assert_eq!(count_of(999), "999");
        assert_eq!(count_of(10_000_000), "10\u{a0}000\u{a0}000");
    }
}
