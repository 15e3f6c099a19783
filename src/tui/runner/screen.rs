//! The terminal as it is drawn on: only written, never asked.
//!
//! ratatui's own `Terminal` asks the cursor's position when it clears, and reads the answer from the
//! same place that scans come from; so here are two buffers and their difference, no more.

use std::io::{self, Stdout, Write as _};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};
use ratatui::backend::{Backend as _, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::draw::draw;
use crate::tui::model::Model;

/// Where a terminal does not tell its size.
const SIZE_DEFAULT: (u16, u16) = (80, 24);

/// The drawn-on terminal; dropping it gives the terminal back.
pub(super) struct Screen {
    backend: CrosstermBackend<Stdout>,
    shown: Buffer,
}

impl Screen {
    pub(super) fn enter() -> io::Result<Screen> {
        let mut backend = CrosstermBackend::new(io::stdout());
        execute!(backend, EnterAlternateScreen, Hide, EnableBracketedPaste)?;
        backend.clear()?;
        Ok(Screen {
            backend,
            shown: Buffer::empty(Rect::ZERO),
        })
    }

    /// Columns and rows.
    pub(super) fn size() -> (u16, u16) {
        crossterm::terminal::size()
            .ok()
            .filter(|(columns, rows)| *columns > 0 && *rows > 0)
            .unwrap_or(SIZE_DEFAULT)
    }

    /// Draws what differs from what is shown; after it returns, the terminal has it.
    pub(super) fn draw(&mut self, model: &Model) -> io::Result<()> {
        let (columns, rows) = Screen::size();
        let area = Rect::new(0, 0, columns, rows);
        if self.shown.area != area {
            self.backend.clear()?;
            self.shown = Buffer::empty(area);
        }
        let mut next = Buffer::empty(area);
        draw(model, area, &mut next);
        let changes = self.shown.diff(&next);
        if !changes.is_empty() {
            self.backend.draw(changes.into_iter())?;
            io::Write::flush(&mut self.backend)?;
        }
        self.shown = next;
        Ok(())
    }

    /// One bell.
    pub(super) fn ring(&mut self) -> io::Result<()> {
        self.backend.write_all(b"\x07")?;
        io::Write::flush(&mut self.backend)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may be gone; then there is nothing to give back.
        drop(give_back(&mut io::stdout()));
    }
}

fn give_back(out: &mut Stdout) -> io::Result<()> {
    queue!(out, DisableBracketedPaste, Show, LeaveAlternateScreen)?;
    out.flush()
}

/// A panic leaves a readable terminal behind, and its words on it.
pub fn restore_on_panic() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        drop(give_back(&mut io::stdout()));
        usual(panic);
    }));
}
