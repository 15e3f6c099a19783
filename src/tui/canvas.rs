//! The one gate to the terminal's cells.
//!
//! Invariant: every text passes [`for_display`] here, so nothing scanned can act on the terminal; and
//! nothing is ever drawn outside the area, whatever its size.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::domain::escape::for_display;
use crate::tui::theme::{Border, Theme};

/// A part of the screen to draw on; rows and columns count from its own corner.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    theme: Theme,
}

impl<'a> Canvas<'a> {
    /// The part of a buffer inside `area`.
    pub fn new(buffer: &'a mut Buffer, area: Rect, theme: Theme) -> Canvas<'a> {
        let area = area.intersection(buffer.area);
        Canvas {
            buffer,
            area,
            theme,
        }
    }

    /// How it looks.
    pub fn theme(&self) -> Theme {
        self.theme
    }

    /// Columns to draw on.
    pub fn columns(&self) -> u16 {
        self.area.width
    }

    /// Rows to draw on.
    pub fn rows(&self) -> u16 {
        self.area.height
    }

    /// A smaller part; what lies outside is cut off.
    pub fn part(&mut self, column: u16, row: u16, columns: u16, rows: u16) -> Canvas<'_> {
        let column = column.min(self.area.width);
        let row = row.min(self.area.height);
        let area = Rect {
            x: self.area.x.saturating_add(column),
            y: self.area.y.saturating_add(row),
            width: columns.min(self.area.width.saturating_sub(column)),
            height: rows.min(self.area.height.saturating_sub(row)),
        };
        Canvas {
            buffer: &mut *self.buffer,
            area,
            theme: self.theme,
        }
    }

    /// Everything but a margin of one row and `margin` columns.
    pub fn inside(&mut self, margin: u16) -> Canvas<'_> {
        let columns = self.area.width.saturating_sub(margin.saturating_mul(2));
        let rows = self.area.height.saturating_sub(2);
        self.part(margin, 1, columns, rows)
    }

    /// Paints the ground.
    pub fn fill(&mut self, style: Style) {
        for row in 0..self.area.height {
            self.text(0, row, &" ".repeat(usize::from(self.area.width)), style);
        }
    }

    /// Draws a text and returns how many columns it took.
    pub fn text(&mut self, column: u16, row: u16, text: &str, style: Style) -> u16 {
        if row >= self.area.height || column >= self.area.width {
            return 0;
        }
        let room = self.area.width.saturating_sub(column);
        let x = self.area.x.saturating_add(column);
        let y = self.area.y.saturating_add(row);
        let shown = self.shown(text);
        let (end, _) = self
            .buffer
            .set_stringn(x, y, shown, usize::from(room), style);
        end.saturating_sub(x)
    }

    /// Draws a line of several styles, each on top of `base`; returns how many columns it took.
    pub fn line(&mut self, column: u16, row: u16, line: &Line<'_>, base: Style) -> u16 {
        let mut taken = 0_u16;
        for span in line {
            let style = base.patch(line.style).patch(span.style);
            let at = column.saturating_add(taken);
            taken = taken.saturating_add(self.text(at, row, &span.content, style));
        }
        taken
    }

    /// Draws a text that ends `margin` columns before the right edge.
    pub fn text_right(&mut self, margin: u16, row: u16, text: &str, style: Style) -> u16 {
        let width = columns(text);
        let column = self.area.width.saturating_sub(margin).saturating_sub(width);
        self.text(column, row, text, style);
        width
    }

    /// Draws a border along the edge.
    pub fn border(&mut self, border: Border, style: Style) {
        if self.area.width < 2 || self.area.height < 2 {
            return;
        }
        let [top_left, top_right, bottom_left, bottom_right] = border.corners;
        let bottom = self.area.height.saturating_sub(1);
        let right = self.area.width.saturating_sub(1);
        let length = usize::from(self.area.width.saturating_sub(2));
        for (row, left, line, end) in [
            (0, top_left, border.top, top_right),
            (bottom, bottom_left, border.bottom, bottom_right),
        ] {
            let middle = line.to_string().repeat(length);
            self.text(0, row, &format!("{left}{middle}{end}"), style);
        }
        let side = border.side.to_string();
        for row in 1..bottom {
            self.text(0, row, &side, style);
            self.text(right, row, &side, style);
        }
    }

    fn shown(&self, text: &str) -> String {
        let harmless = for_display(text);
        if self.theme.is_ascii {
            harmless.chars().map(in_ascii).collect()
        } else {
            harmless
        }
    }
}

/// The columns that a text takes once drawn.
pub fn columns(text: &str) -> u16 {
    let width = Span::raw(for_display(text)).width();
    u16::try_from(width).unwrap_or(u16::MAX)
}

/// A text in lines of at most `room` columns, broken at spaces where possible, in at most `lines_max`.
pub fn wrapped(text: &str, room: u16, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in text.split_whitespace() {
        let joined = if current.is_empty() {
            word.to_owned()
        } else {
            format!("{current} {word}")
        };
        if columns(&joined) <= room {
            current = joined;
            continue;
        }
        if !current.is_empty() {
            lines.push(std::mem::take(&mut current));
        }
        for character in word.chars() {
            let mut longer = current.clone();
            longer.push(character);
            if columns(&longer) > room && !current.is_empty() {
                lines.push(std::mem::take(&mut current));
            }
            current.push(character);
        }
    }
    if !current.is_empty() {
        lines.push(current);
    }
    if lines.len() > lines_max {
        lines.truncate(lines_max);
        if let Some(last) = lines.last_mut() {
            let marked = format!("{last}…");
            *last = if columns(&marked) <= room {
                marked
            } else {
                cut(&format!("{last} "), room)
            };
        }
    }
    lines
}

/// A text cut to `room` columns, with an ellipsis where something is missing.
pub fn cut(text: &str, room: u16) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        let longer = format!("{kept}{character}…");
        if columns(&longer) > room {
            break;
        }
        kept.push(character);
    }
    if room > 0 {
        kept.push('…');
    }
    kept
}

/// A text filled with spaces to `room` columns, or cut to them.
pub fn padded(text: &str, room: u16) -> String {
    let mut text = cut(text, room);
    let missing = room.saturating_sub(columns(&text));
    text.push_str(&" ".repeat(usize::from(missing)));
    text
}

/// `9 020`
pub fn count_of(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// Bold, for spans.
pub fn bold(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().add_modifier(Modifier::BOLD))
}

/// What stands for our own signs on a console that may not have them.
fn in_ascii(character: char) -> char {
    match character {
        '✔' => '+',
        '✖' => 'X',
        '●' | '•' => '*',
        '○' => 'o',
        '…' => '~',
        '·' | '–' => '-',
        '▏' => '_',
        '›' => '>',
        '‹' => '<',
        '█' | '▀' | '▄' | '▒' => '#',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{cut, padded, wrapped};

    #[test]
    fn long_text_is_broken_at_spaces_and_cut_at_the_end() {
        assert_eq!(wrapped("one two three", 8, 3), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4, 3), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("one two three", 5, 2), ["one", "two…"]);
        assert_eq!(wrapped("", 5, 2), Vec::<String>::new());
        assert_eq!(wrapped("ab", 0, 1).len(), 1);
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcdef", 0), "");
        assert_eq!(padded("ab", 4), "ab  ");
    }
}
