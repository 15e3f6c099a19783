//! A QR symbol in the terminal's cells, two modules in one, one above the other.
//!
//! Invariant: dark modules are dark and light ones light whatever the terminal's own colours, with
//! the whole quiet zone around them; or nothing is drawn, and [`NoQr`] says why.

use ratatui::style::{Color, Style};

use crate::domain::qr::{QUIET_ZONE_MODULES, QrMatrix};
use crate::tui::canvas::Canvas;
use crate::tui::theme::{Palette, Theme};

/// Why a symbol is not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoQr {
    /// The part of the screen is too small.
    NoRoom,
    /// Without colours nobody knows which cells are light.
    NoColours,
}

impl NoQr {
    /// What to do about it.
    pub fn words(self) -> &'static str {
        match self {
            NoQr::NoRoom => "enlarge the window to see the QR code",
            NoQr::NoColours => "no QR code without colours: the letters count",
        }
    }
}

/// How large a symbol is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QrSize {
    /// Columns of cells.
    pub columns: u16,
    /// Rows of cells.
    pub rows: u16,
    /// Half cells on a module's side.
    scale: usize,
}

/// The largest size, of two, at which a symbol fits with its quiet zone.
pub fn size(matrix: &QrMatrix, columns: u16, rows: u16, theme: Theme) -> Result<QrSize, NoQr> {
    if theme.palette == Palette::Mono {
        return Err(NoQr::NoColours);
    }
    let modules = matrix
        .size()
        .saturating_add(QUIET_ZONE_MODULES.saturating_mul(2));
    // Without half blocks a module is two cells wide and one high.
    let scales: &[usize] = if theme.is_ascii { &[2] } else { &[2, 1] };
    scales
        .iter()
        .map(|scale| {
            let side = modules.saturating_mul(*scale);
            QrSize {
                columns: u16::try_from(side).unwrap_or(u16::MAX),
                rows: u16::try_from(side.div_ceil(2)).unwrap_or(u16::MAX),
                scale: *scale,
            }
        })
        .find(|size| size.columns <= columns && size.rows <= rows)
        .ok_or(NoQr::NoRoom)
}

/// Draws a symbol at the top left of the canvas.
pub fn draw(canvas: &mut Canvas<'_>, matrix: &QrMatrix, size: QrSize) {
    let [dark, light] = inks(canvas.theme());
    // Of two modules alike, both halves have one colour; a blank might be cut off as nothing.
    let cell = if canvas.theme().is_ascii { " " } else { "▀" };
    // Where the last row has a lower half too many, it is light.
    let is_dark = |column: u16, half_row: u16| {
        let module = |at: u16| usize::from(at).checked_div(size.scale).unwrap_or_default();
        let inside = |at: u16| module(at).checked_sub(QUIET_ZONE_MODULES);
        match (inside(column), inside(half_row)) {
            (Some(x), Some(y)) => matrix.is_dark(x, y),
            _ => false,
        }
    };
    for row in 0..size.rows {
        for column in 0..size.columns {
            let upper = is_dark(column, row.saturating_mul(2));
            let lower = is_dark(column, row.saturating_mul(2).saturating_add(1));
            let ink = |is_dark| if is_dark { dark } else { light };
            let style = Style::new().fg(ink(upper)).bg(ink(lower));
            canvas.text(column, row, cell, style);
        }
    }
}

/// Dark and light: colours that no theme of a terminal redefines, where it has them.
fn inks(theme: Theme) -> [Color; 2] {
    match theme.palette {
        Palette::Dark | Palette::Light | Palette::Mono => [Color::Indexed(16), Color::Indexed(231)],
        Palette::Sixteen => [Color::Black, Color::White],
    }
}
