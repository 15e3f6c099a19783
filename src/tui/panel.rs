//! The panel: a tone, a word that is read from two metres, and a few lines.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use crate::domain::code::grouped;
use crate::domain::verdict::{Answer, Band, Certainty, Verdict};
use crate::tui::big_word::{self, Scale};
use crate::tui::canvas::{Canvas, bold, columns, cut, wrapped};
use crate::tui::theme::Tone;
use crate::tui::words;

/// What a panel shows.
pub struct Page {
    /// Its tone: ground, border and shape.
    pub tone: Tone,
    /// The shape beside the word.
    pub glyph: char,
    /// The running number; two verdicts alike still differ by it, and by where it stands.
    pub number: Option<u64>,
    /// The big word.
    pub word: String,
    /// The lines below it; empty ones are gaps, and go first where room is short.
    pub lines: Vec<Line<'static>>,
    /// On the bottom edge.
    pub note: String,
}

impl Page {
    /// A page with a word and nothing else.
    pub fn new(tone: Tone, word: &str) -> Page {
        Page {
            tone,
            glyph: tone.glyph(),
            number: None,
            word: word.to_owned(),
            lines: Vec::new(),
            note: String::new(),
        }
    }
}

/// The room that a panel of `columns` leaves for a line.
pub fn room(columns: u16) -> u16 {
    columns.saturating_sub(4)
}

/// The page of a verdict, with lines for a room of `room` columns.
pub fn verdict_page(answer: &Answer, zone: &TimeZone, number: u64, room: u16) -> Page {
    let verdict = &answer.verdict;
    let tone = Tone::of(verdict.band());
    let text = words::of(verdict.word());
    let mut page = Page::new(tone, text.big);
    page.number = Some(number);
    let (headline, detail) = match &answer.offer {
        Some(offer) => (offer.as_str(), detail(answer, offer)),
        None => (answer.message.as_str(), text.advice.to_owned()),
    };
    page.lines = headline_lines(tone.glyph(), headline, room);
    for line in wrapped(&detail, room.saturating_sub(3), 3) {
        page.lines.push(Line::from(format!("   {line}")));
    }
    page.lines.push(Line::default());
    if let Some(code) = &answer.code {
        page.lines.push(code_line(code, answer, room));
    }
    page.lines
        .push(Line::from(format!("   {}", certainty(answer, zone))));
    page
}

/// Draws a page.
pub fn draw(canvas: &mut Canvas<'_>, page: &Page) {
    let theme = canvas.theme();
    let is_odd = page.number.is_some_and(|number| number % 2 == 1);
    let style = theme.panel(page.tone, is_odd);
    canvas.fill(style);
    canvas.border(theme.border(page.tone), style);
    if let Some(number) = page.number {
        let title = format!(" #{number} ");
        if is_odd {
            canvas.text_right(2, 0, &title, style.add_modifier(Modifier::BOLD));
        } else {
            canvas.text(2, 0, &title, style.add_modifier(Modifier::BOLD));
        }
    }
    if !page.note.is_empty() {
        let bottom = canvas.rows().saturating_sub(1);
        let note = cut(
            &format!(" {} ", page.note),
            canvas.columns().saturating_sub(4),
        );
        canvas.text_right(2, bottom, &note, style);
    }
    let mut inside = canvas.inside(2);
    let (columns, rows) = (inside.columns(), inside.rows());
    let lines = fitting(&page.lines, rows);
    let left = rows.saturating_sub(count(lines.len()));
    let word = big_rows(page, columns, left, theme.is_ascii);
    let word_rows = word.as_ref().map_or(1, |word| count(word.len()));
    let spare = left.saturating_sub(word_rows);
    let gap = u16::from(spare >= 1 && !page.lines.is_empty());
    let mut row = spare.saturating_sub(gap).div_ceil(3);
    if let Some(word) = word {
        for line in word {
            draw_pixels(&mut inside, row, &line, style);
            row = row.saturating_add(1);
        }
    } else {
        let plain = format!("{} {}", page.glyph, page.word);
        let strong = style.add_modifier(Modifier::BOLD);
        inside.text(0, row, cut(plain.trim_start(), columns).as_str(), strong);
        row = row.saturating_add(1);
    }
    row = row.saturating_add(gap);
    for line in lines {
        inside.line(0, row, line, style);
        row = row.saturating_add(1);
    }
}

/// Draws a page in two rows, within a border where there are four: shape, word, offer, one line.
/// Without a page, that a scan counts here too.
pub fn draw_strip(canvas: &mut Canvas<'_>, page: Option<&Page>) {
    let theme = canvas.theme();
    let (tone, is_odd) = page.map_or((Tone::Plain, false), |page| {
        let is_odd = page.number.is_some_and(|number| number % 2 == 1);
        (page.tone, is_odd)
    });
    let style = theme.panel(tone, is_odd);
    canvas.fill(style);
    let has_border = canvas.rows() >= 4;
    if has_border {
        canvas.border(theme.border(tone), style);
    }
    let strong = style.add_modifier(Modifier::BOLD);
    if let Some(number) = page.and_then(|page| page.number) {
        let title = format!(" #{number} ");
        if is_odd {
            canvas.text_right(2, 0, &title, strong);
        } else if has_border {
            canvas.text(2, 0, &title, strong);
        }
    }
    let (columns, rows) = (canvas.columns().saturating_sub(4), canvas.rows());
    let mut inside = canvas.part(2, u16::from(has_border), columns, rows);
    let Some(page) = page else {
        inside.text(
            0,
            0,
            "A code scanned here is redeemed at once.",
            theme.dim(),
        );
        inside.text(0, 1, "The form stays as it is.", theme.dim());
        return;
    };
    draw_strip_words(&mut inside, page, rows, style);
}

/// The words of a strip that has `rows` rows with its border.
fn draw_strip_words(inside: &mut Canvas<'_>, page: &Page, rows: u16, style: Style) {
    let (columns, strong) = (inside.columns(), style.add_modifier(Modifier::BOLD));
    let words: Vec<String> = page
        .lines
        .iter()
        .map(|line| line.to_string().trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    let (headline, rest) = words.split_first().map_or(("", &[][..]), |(first, rest)| {
        (first.trim_start_matches(page.glyph).trim_start(), rest)
    });
    let mut detail = rest.join(" · ");
    if page.tone == Tone::Faded {
        detail = format!("{} · {detail}", page.note);
    }
    let with_glyph = format!("{} {}", page.glyph, page.word);
    let with_glyph = with_glyph.trim_start();
    let half = usize::from(columns / 2);
    let is_narrow = big_word::columns(with_glyph, Scale::Half).is_some_and(|width| width <= half);
    let large = big_word::rows(with_glyph, Scale::Half, inside.theme().is_ascii)
        .filter(|_| is_narrow && rows >= 5);
    let Some(large) = large else {
        let taken = inside.text(0, 0, &format!("{with_glyph}   "), strong);
        // Without a border the number stands in this row.
        let tail = if rows >= 4 { 0 } else { 6 };
        let room = columns.saturating_sub(taken).saturating_sub(tail);
        inside.text(taken, 0, &cut(headline, room), strong);
        for (row, line) in (1..).zip(wrapped(&detail, columns, if rows >= 5 { 2 } else { 1 })) {
            inside.text(0, row, &line, style);
        }
        return;
    };
    let mut taken = 0;
    for (row, line) in (0_u16..).zip(large) {
        taken = inside.text(0, row, &line, style).max(taken);
    }
    let beside = taken.saturating_add(3);
    let room = columns.saturating_sub(beside);
    inside.text(beside, 0, &cut(headline, room), strong);
    for (row, line) in (1..).zip(wrapped(&detail, room, 2)) {
        inside.text(beside, row, &line, style);
    }
}

/// One row of a big word; where ink is `#`, its ground takes the ink's colour, so that it is solid.
fn draw_pixels(canvas: &mut Canvas<'_>, row: u16, line: &str, style: Style) {
    canvas.text(0, row, line, style);
    if let (true, Some(ink)) = (canvas.theme().is_ascii, style.fg) {
        for (column, pixel) in (0_u16..).zip(line.chars()) {
            if pixel == '#' {
                canvas.text(column, row, "#", style.bg(ink));
            }
        }
    }
}

/// The largest form of the word that fits, with its shape beside it where that fits too.
fn big_rows(page: &Page, columns: u16, rows: u16, is_ascii: bool) -> Option<Vec<String>> {
    let with_glyph = format!("{} {}", page.glyph, page.word);
    // Where nothing is decided, the word stays quieter than any verdict.
    let largest = if page.tone == Tone::Plain {
        Scale::Full
    } else {
        Scale::Quadruple
    };
    Scale::ALL
        .into_iter()
        .filter(|scale| *scale <= largest && scale.rows() <= rows)
        .flat_map(|scale| {
            [
                (scale, with_glyph.trim_start()),
                (scale, page.word.as_str()),
            ]
        })
        .filter(|(scale, word)| {
            big_word::columns(word, *scale).is_some_and(|width| width <= usize::from(columns))
        })
        .find_map(|(scale, word)| big_word::rows(word, scale, is_ascii))
}

/// The lines that fit into `rows` beside a word of one row; gaps go first, then the end.
fn fitting<'a>(lines: &'a [Line<'static>], rows: u16) -> Vec<&'a Line<'static>> {
    let room = usize::from(rows.saturating_sub(1));
    // A small big word is worth more than a gap.
    let is_tight = lines.len().saturating_add(4) > usize::from(rows);
    lines
        .iter()
        .filter(|line| !is_tight || line.width() > 0)
        .take(room)
        .collect()
}

/// The offer or the meaning, bold, its shape before it.
pub fn headline_lines(glyph: char, headline: &str, room: u16) -> Vec<Line<'static>> {
    wrapped(headline, room.saturating_sub(3), 2)
        .into_iter()
        .enumerate()
        .map(|(at, line)| {
            let glyph = if at == 0 { glyph } else { ' ' };
            Line::from(bold(format!("{glyph}  {line}")))
        })
        .collect()
}

/// The message without the offer, which the headline says already.
fn detail(answer: &Answer, offer: &str) -> String {
    let text = words::of(answer.verdict.word());
    if matches!(answer.verdict, Verdict::Accepted { .. }) {
        if answer.overrode.is_empty() {
            return text.advice.to_owned();
        }
        let set_aside: Vec<&str> = answer
            .overrode
            .iter()
            .map(|word| words::of(word).short)
            .collect();
        return format!(
            "a manager approved it in spite of: {}",
            set_aside.join(", ")
        );
    }
    answer
        .message
        .strip_prefix(offer)
        .map_or(answer.message.as_str(), |rest| {
            rest.trim_start_matches([':', ' '])
        })
        .to_owned()
}

fn code_line(code: &str, answer: &Answer, room: u16) -> Line<'static> {
    let campaign = answer
        .campaign
        .as_ref()
        .map_or_else(String::new, |campaign| format!("   {campaign}"));
    let rest = cut(
        &campaign,
        room.saturating_sub(columns(&grouped(code)).saturating_add(3)),
    );
    Line::from(vec!["   ".into(), bold(grouped(code)), rest.into()])
}

/// `confirmed · use 1 of 2 · 14:31:07`
fn certainty(answer: &Answer, zone: &TimeZone) -> String {
    let mut parts: Vec<String> = Vec::new();
    let certainty = answer.verdict.certainty();
    match answer.verdict.band() {
        Band::Go => parts.push(
            match certainty {
                Certainty::Confirmed => "confirmed",
                Certainty::Provisional => "offline, settled later",
                Certainty::Unknown => "not known yet",
            }
            .to_owned(),
        ),
        Band::Look => parts.push("nothing used up".to_owned()),
        Band::Wait => parts.push("not known yet".to_owned()),
        Band::Stop => {}
    }
    if let (Some(made), Some(uses)) = (answer.uses_made, answer.uses) {
        parts.push(format!("used {made} of {uses}"));
    }
    parts.push(clock(answer.at, zone));
    parts.join(" · ")
}

/// The time of day with seconds.
pub fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

fn count(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
