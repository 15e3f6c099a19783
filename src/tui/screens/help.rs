//! Help: every key and every verdict word, from their tables.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::domain::code::grouped;
use crate::tui::canvas::{Canvas, bold, padded, wrapped};
use crate::tui::keys::{Command, KEYS, name};
use crate::tui::pages::Sample;
use crate::tui::theme::Tone;
use crate::tui::words::WORDS;

/// How far a page key scrolls.
const PAGE_ROWS: u16 = 10;

/// How a customer gets a code, and what becomes of the slip.
const SIGN_UP: [&str; 4] = [
    "An e-mail, a phone or a loyalty number is enough. Tab or Enter leads on; Enter asks, and Enter \
     again gives the code.",
    "Whoever has one already is named before that, and is given no second one. There F7 prints \
     theirs again.",
    "A slip that no printer has confirmed is counted below. F7 in the form lists them: print it \
     again, the same code, or the customer has it. Nothing prints by itself.",
    "A mistake is taken back with F8 within 15 minutes; the code becomes void.",
];

/// Open help.
#[derive(Default)]
pub struct Help {
    scrolled: u16,
}

impl Help {
    /// Scrolls; anything else does nothing. The end is where the text ends, whatever the size.
    pub fn command(&mut self, command: Command, training: Option<&[Sample]>, columns: u16) {
        let end = u16::try_from(lines(training, columns).len())
            .unwrap_or(u16::MAX)
            .saturating_sub(PAGE_ROWS);
        let back = match command {
            Command::Up => 1,
            Command::PageUp => PAGE_ROWS,
            Command::Down => return self.forward(1, end),
            Command::PageDown => return self.forward(PAGE_ROWS, end),
            Command::Help
            | Command::Home
            | Command::SignUp
            | Command::Find
            | Command::Pools
            | Command::Log
            | Command::Undo
            | Command::Slips
            | Command::Manager
            | Command::SignOut
            | Command::Leave
            | Command::Enter
            | Command::Drop
            | Command::Left
            | Command::Right
            | Command::Next
            | Command::Previous
            | Command::LineStart
            | Command::LineEnd
            | Command::Erase
            | Command::EraseNext
            | Command::EraseLine => 0,
        };
        self.scrolled = self.scrolled.saturating_sub(back);
    }

    fn forward(&mut self, rows: u16, end: u16) {
        self.scrolled = self.scrolled.saturating_add(rows).min(end);
    }

    /// Draws the page.
    pub fn draw(&self, canvas: &mut Canvas<'_>, training: Option<&[Sample]>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " HELP ", theme.strong());
        let bottom = canvas.rows().saturating_sub(1);
        canvas.text_right(
            2,
            bottom,
            " Up, Down, Page Up, Page Down · Esc back ",
            Style::new(),
        );
        let columns = canvas.columns();
        let mut inside = canvas.inside(2);
        let lines = lines(training, columns);
        let rows = usize::from(inside.rows());
        for (row, line) in (0_u16..).zip(lines.iter().skip(usize::from(self.scrolled)).take(rows)) {
            inside.line(0, row, line, Style::new());
        }
    }
}

fn lines(training: Option<&[Sample]>, columns: u16) -> Vec<Line<'static>> {
    let room = columns.saturating_sub(4);
    let mut lines = vec![
        Line::from("A code is redeemed as soon as it is scanned, on every screen."),
        Line::from("Or type it and press Enter; hyphens, spaces and case do not matter."),
        Line::default(),
        Line::from(bold("SIGN-UP (F3)")),
    ];
    for sentence in SIGN_UP {
        let sentence = wrapped(sentence, room, 6).into_iter();
        lines.extend(sentence.map(Line::from));
    }
    lines.extend([Line::default(), Line::from(bold("KEYS"))]);
    let mut told: Vec<&str> = Vec::new();
    for row in KEYS.iter().filter(|row| {
        let is_new = !told.contains(&row.help);
        told.push(row.help);
        is_new
    }) {
        entry(&mut lines, &name(row.key), row.help, 12, room);
    }
    entry(
        &mut lines,
        "Ctrl-G 1",
        "F1, and so on to Ctrl-G 0 for F10, where the terminal keeps those keys",
        12,
        room,
    );
    lines.push(Line::default());
    lines.push(Line::from(bold("WHAT THE PANEL SAYS, AND WHAT TO DO")));
    for word in WORDS {
        let says = format!("{}: {}", word.means, word.advice);
        entry(&mut lines, word.big, &says, 12, room);
    }
    if let Some(samples) = training {
        lines.push(Line::default());
        lines.push(Line::from(bold("CODES TO TRY")));
        for (code, happens) in samples {
            entry(&mut lines, &grouped(code), happens, 20, room);
        }
    }
    lines
}

fn entry(lines: &mut Vec<Line<'static>>, head: &str, text: &str, indent: u16, room: u16) {
    let mut head = padded(head, indent);
    for line in wrapped(text, room.saturating_sub(indent), 6) {
        lines.push(Line::from(vec![bold(head), line.into()]));
        head = " ".repeat(usize::from(indent));
    }
}
