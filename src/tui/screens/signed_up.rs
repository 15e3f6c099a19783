//! The answer to a sign-up: the code, large and as a QR code, or that they have one already.

use ratatui::style::Style;

use crate::domain::code::grouped;
use crate::domain::qr::QrMatrix;
use crate::domain::slip_job::{SlipJob, SlipOutcome};
use crate::tui::big_word::{self, Scale};
use crate::tui::canvas::{Canvas, wrapped};
use crate::tui::keys::Command;
use crate::tui::msg::Effect;
use crate::tui::qr_cells::{self, NoQr};
use crate::tui::screens::slips::why_in_words;
use crate::tui::theme::Tone;

/// What is known of the paper.
enum SlipWords {
    Nothing,
    Printing(i64),
    Printed,
    Doubtful(String),
}

/// What a customer was given, or has already.
pub struct Given {
    /// A code of their own, now; else they have one already.
    pub is_new: bool,
    /// A code of the test mode, that no counter honours.
    pub is_test: bool,
    /// Where it may be used.
    pub code: Option<String>,
    /// Its end, where the code is not to be told.
    pub masked: String,
    /// What they get.
    pub offer: String,
    /// Until when it is valid, or why it is not.
    pub validity: String,
    /// Name and first contact.
    pub who: String,
}

/// A sign-up that was answered.
pub struct SignedUp {
    given: Given,
    qr: Option<QrMatrix>,
    slip: SlipWords,
    /// A second key is awaited for printing again.
    asks_print: bool,
    /// How long it has been shown, up to [`SEEN_AFTER`].
    ticks: u8,
    words: String,
}

/// An Enter before so many ticks was pressed before anybody could see the answer.
const SEEN_AFTER: u8 = 2;

impl SignedUp {
    /// The answer, and the slip that is being printed.
    pub fn new(given: Given, job: Option<&SlipJob>) -> SignedUp {
        let code = given.code.as_ref().filter(|_| given.is_new);
        SignedUp {
            qr: code.and_then(|code| QrMatrix::of(code).ok()),
            slip: job.map_or(SlipWords::Nothing, |job| SlipWords::Printing(job.number)),
            given,
            asks_print: false,
            ticks: 0,
            words: String::new(),
        }
    }

    /// Whether the second key for printing again is awaited.
    pub fn asks_print(&self) -> bool {
        self.asks_print
    }

    /// Something was scanned: the second key is not awaited any more.
    pub fn drop_question(&mut self) {
        self.asks_print = false;
    }

    /// Time went by while it was in view.
    pub fn ticked(&mut self) {
        self.ticks = self.ticks.saturating_add(1).min(SEEN_AFTER);
    }

    fn is_seen(&self) -> bool {
        self.ticks >= SEEN_AFTER
    }

    /// Whether it is about this code.
    pub fn is_of(&self, code: &str) -> bool {
        self.given.code.as_deref() == Some(code)
    }

    /// Says something below the answer.
    pub fn say(&mut self, words: &str) {
        words.clone_into(&mut self.words);
    }

    /// Does what a key orders; true where the next customer comes.
    pub fn command(
        &mut self,
        command: Command,
        has_printer: bool,
        effects: &mut Vec<Effect>,
    ) -> bool {
        self.words.clear();
        let is_asked = std::mem::replace(&mut self.asks_print, false);
        if command == Command::Enter {
            if let (true, Some(code)) = (is_asked, &self.given.code) {
                effects.push(Effect::Reprint { code: code.clone() });
                return false;
            }
            return self.is_seen();
        }
        if command == Command::Slips {
            match (has_printer, &self.given.code) {
                (false, _) => self.say("there is no printer at this counter"),
                (true, None) => self.say("only a code that can be used is printed"),
                (true, Some(_)) => self.asks_print = true,
            }
        }
        false
    }

    /// A slip is on its way to the printer.
    pub fn slip_ordered(&mut self, job: &SlipJob) {
        if self.is_of(&job.slip.code) {
            self.slip = SlipWords::Printing(job.number);
        }
    }

    /// A printer was asked to print a slip.
    pub fn slip_printed(&mut self, number: i64, outcome: &SlipOutcome) {
        if matches!(self.slip, SlipWords::Printing(printing) if printing == number) {
            self.slip = match outcome {
                SlipOutcome::Printed => SlipWords::Printed,
                SlipOutcome::Unconfirmed(_) => SlipWords::Doubtful(outcome_in_words(outcome)),
            };
        }
    }

    /// The last lines of an answer: the paper, and what a key would do.
    fn below(&self) -> String {
        if self.asks_print {
            return "Enter prints the slip again: the same code, the next copy".to_owned();
        }
        if !self.words.is_empty() {
            return self.words.clone();
        }
        match &self.slip {
            SlipWords::Nothing if self.given.is_new => String::new(),
            SlipWords::Nothing => "no new code was given".to_owned(),
            SlipWords::Printing(_) => "printing the slip …".to_owned(),
            SlipWords::Printed => "the slip is on paper".to_owned(),
            SlipWords::Doubtful(words) => format!("{words}. F7 prints it again"),
        }
    }

    /// Draws the answer, its QR code beside it.
    pub fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let (columns, rows) = (canvas.columns(), canvas.rows());
        // The words keep room enough for the code in one line.
        let for_qr = columns.saturating_sub(34);
        let qr = self
            .qr
            .as_ref()
            .map(|matrix| (matrix, qr_cells::size(matrix, for_qr, rows, theme)));
        let mut words_at = 0;
        let mut no_qr = None;
        match qr {
            // On the left: a name whose letters a terminal makes wider or narrower than is thought
            // here moves only what is on the right of it.
            Some((matrix, Ok(size))) => {
                words_at = size.columns;
                let mut part = canvas.part(0, 0, size.columns, size.rows);
                qr_cells::draw(&mut part, matrix, size);
            }
            Some((_, Err(why))) => no_qr = Some(why),
            None => {}
        }
        let words_columns = columns.saturating_sub(words_at);
        self.draw_words(&mut canvas.part(words_at, 0, words_columns, rows), no_qr);
    }

    fn draw_words(&self, canvas: &mut Canvas<'_>, no_qr: Option<NoQr>) {
        let theme = canvas.theme();
        let given = &self.given;
        let code = match &given.code {
            Some(code) if given.is_new => grouped(code),
            Some(_) | None => given.masked.clone(),
        };
        let (tone, word, large) = if given.is_test {
            (Tone::Look, "TEST CODE – no counter honours it", "TEST CODE")
        } else if given.is_new {
            (Tone::Plain, "SIGNED UP", code.as_str())
        } else {
            (Tone::Look, "HAS ONE ALREADY", "HAS ONE")
        };
        let style = theme.panel(tone, false);
        let strong = style.patch(theme.strong());
        canvas.fill(style);
        canvas.border(theme.border(tone), style);
        canvas.text(2, 0, &format!(" {word} "), strong);
        let bottom = canvas.rows().saturating_sub(1);
        if self.is_seen() {
            canvas.text_right(2, bottom, " Enter: next customer ", style);
        }
        let mut inside = canvas.inside(2);
        let (room, rows) = (inside.columns(), inside.rows());
        let mut lines = vec![(format!(" {code} "), strong.patch(theme.picked()))];
        for (text, style) in [
            (&given.offer, strong),
            (&given.validity, style),
            (&given.who, style),
        ] {
            lines.extend(wrapped(text, room, 2).into_iter().map(|line| (line, style)));
        }
        if let Some(why) = no_qr {
            lines.push((why.words().to_owned(), style));
        }
        let below = wrapped(&self.below(), room, 2);
        lines.extend(below.into_iter().map(|line| (line, strong)));
        let needed = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let mut row = draw_large(&mut inside, large, rows.saturating_sub(needed), style);
        row = row.saturating_add(u16::from(row > 0 && row.saturating_add(needed) < rows));
        for (line, style) in lines {
            inside.text(0, row, &line, style);
            row = row.saturating_add(1);
        }
    }
}

/// Draws a text as large as `rows` rows allow, whole or broken in two; how many rows it took, none
/// where there is no room for it.
fn draw_large(canvas: &mut Canvas<'_>, text: &str, rows: u16, style: Style) -> u16 {
    let is_ascii = canvas.theme().is_ascii;
    // A code is broken at the hyphen in the middle.
    let middle = text
        .match_indices('-')
        .map(|(at, _)| at.saturating_add(1))
        .find(|at| at.saturating_mul(2) >= text.len());
    let halves = middle.and_then(|at| text.split_at_checked(at));
    let halves = halves.map(|(head, tail)| vec![head, tail]);
    let width = usize::from(canvas.columns());
    for parts in [Some(vec![text]), halves].into_iter().flatten() {
        for scale in [Scale::Full, Scale::Half] {
            let count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
            let apart = count.saturating_sub(1);
            let needed = scale.rows().saturating_mul(count).saturating_add(apart);
            let fits = |part: &&str| {
                big_word::columns(part, scale).is_some_and(|columns| columns <= width)
            };
            let drawn: Option<Vec<Vec<String>>> = parts
                .iter()
                .map(|part| big_word::rows(part, scale, is_ascii))
                .collect();
            if needed > rows || !parts.iter().all(fits) {
                continue;
            }
            if let Some(drawn) = drawn {
                for (row, line) in (0_u16..).zip(drawn.join(&String::new())) {
                    canvas.text(0, row, &line, style);
                }
                return needed;
            }
        }
    }
    0
}

/// What became of a slip, in words.
pub fn outcome_in_words(outcome: &SlipOutcome) -> String {
    match outcome {
        SlipOutcome::Printed => "the slip is on paper".to_owned(),
        SlipOutcome::Unconfirmed(why) => {
            format!("the slip is not confirmed: {}", why_in_words(Some(why)))
        }
    }
}
