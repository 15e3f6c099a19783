//! Colours and borders: dark, light, sixteen colours, none.
//!
//! Invariant: the tones differ by border and by glyph, so that they survive without any colour.

use ratatui::style::{Color, Modifier, Style};

use crate::domain::verdict::Band;

/// What a panel says, before a word of it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Honour it.
    Go,
    /// Something is asked.
    Look,
    /// Do not honour it.
    Stop,
    /// Not known yet.
    Wait,
    /// At the desk since a moment; looks like [`Tone::Wait`] without its colour, so that a verdict
    /// that comes at once does not flicker.
    Reading,
    /// The ledger could not do it.
    Failed,
    /// Nothing to decide.
    Plain,
    /// A verdict of some time ago.
    Faded,
}

impl Tone {
    /// The tone of a band.
    pub fn of(band: Band) -> Tone {
        match band {
            Band::Go => Tone::Go,
            Band::Look => Tone::Look,
            Band::Stop => Tone::Stop,
            Band::Wait => Tone::Wait,
        }
    }

    /// The shape that stands for the tone.
    pub fn glyph(self) -> char {
        match self {
            Tone::Go => '✔',
            Tone::Look => '?',
            Tone::Stop => '✖',
            Tone::Wait | Tone::Reading => '…',
            Tone::Failed => '!',
            Tone::Plain | Tone::Faded => ' ',
        }
    }
}

/// The characters of a border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Border {
    /// Top left, top right, bottom left, bottom right.
    pub corners: [char; 4],
    /// The top line.
    pub top: char,
    /// The bottom line.
    pub bottom: char,
    /// Both sides.
    pub side: char,
}

const fn border(corners: [char; 4], top: char, bottom: char, side: char) -> Border {
    Border {
        corners,
        top,
        bottom,
        side,
    }
}

/// Which colours the terminal has and likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// 256 colours on a dark ground.
    Dark,
    /// 256 colours on a light ground.
    Light,
    /// The sixteen colours of a bare console.
    Sixteen,
    /// No colour at all.
    Mono,
}

/// How the console looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Its colours.
    pub palette: Palette,
    /// Only characters that the bare Linux console has for sure.
    pub is_ascii: bool,
}

impl Theme {
    /// The theme for an environment: `NO_COLOR`, `TERM` and `COLORFGBG` as found, and the palette
    /// that the configuration asks for.
    pub fn for_environment(
        no_color: Option<&str>,
        term: Option<&str>,
        ground: Option<&str>,
        asked: Option<Palette>,
    ) -> Theme {
        let term = term.unwrap_or_default();
        let is_bare = matches!(term, "linux" | "dumb" | "vt100" | "vt220" | "ansi");
        let is_mono = no_color.is_some_and(|value| !value.is_empty())
            || matches!(term, "dumb" | "vt100" | "vt220");
        let is_light = ground
            .and_then(|ground| ground.rsplit(';').next())
            .is_some_and(|last| matches!(last, "7" | "15"));
        let palette = match (is_mono, asked) {
            (true, _) => Palette::Mono,
            (false, Some(asked)) => asked,
            (false, None) if is_bare => Palette::Sixteen,
            (false, None) if is_light => Palette::Light,
            (false, None) => Palette::Dark,
        };
        Theme {
            palette,
            is_ascii: is_bare,
        }
    }

    /// The ground and ink of a panel; two alike in a row differ by a shade.
    pub fn panel(self, tone: Tone, is_odd: bool) -> Style {
        match self.palette {
            Palette::Dark => deep(tone, is_odd),
            Palette::Light => bright(tone, is_odd),
            Palette::Sixteen => sixteen(tone),
            Palette::Mono => match tone {
                Tone::Failed => Style::new().add_modifier(Modifier::REVERSED),
                Tone::Faded => Style::new().add_modifier(Modifier::DIM),
                Tone::Go | Tone::Look | Tone::Stop | Tone::Wait | Tone::Reading | Tone::Plain => {
                    Style::new()
                }
            },
        }
    }

    /// The ink of a small mark of a tone, on the terminal's own ground.
    pub fn mark(self, tone: Tone) -> Style {
        let colour = match (self.palette, tone) {
            (_, Tone::Plain | Tone::Faded | Tone::Reading) | (Palette::Mono, _) => {
                return self.dim();
            }
            (Palette::Dark, Tone::Go) => Color::Indexed(114),
            (Palette::Dark, Tone::Look) => Color::Indexed(221),
            (Palette::Dark, Tone::Stop | Tone::Failed) => Color::Indexed(210),
            (Palette::Dark, Tone::Wait) => Color::Indexed(117),
            (Palette::Light, Tone::Go) => Color::Indexed(22),
            (Palette::Light, Tone::Look) => Color::Indexed(94),
            (Palette::Light, Tone::Stop | Tone::Failed) => Color::Indexed(124),
            (Palette::Light, Tone::Wait) => Color::Indexed(25),
            (Palette::Sixteen, Tone::Go) => Color::LightGreen,
            (Palette::Sixteen, Tone::Look) => Color::LightYellow,
            (Palette::Sixteen, Tone::Stop | Tone::Failed) => Color::LightRed,
            (Palette::Sixteen, Tone::Wait) => Color::LightCyan,
        };
        Style::new().fg(colour)
    }

    /// What matters less.
    pub fn dim(self) -> Style {
        match self.palette {
            Palette::Dark => Style::new().fg(Color::Indexed(246)),
            Palette::Light => Style::new().fg(Color::Indexed(242)),
            Palette::Sixteen | Palette::Mono => Style::new(),
        }
    }

    /// What matters more.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What must be noticed, and is not about a scan.
    pub fn warning(self) -> Style {
        match self.palette {
            Palette::Mono => Style::new().add_modifier(Modifier::REVERSED),
            Palette::Dark | Palette::Light | Palette::Sixteen => {
                self.mark(Tone::Stop).add_modifier(Modifier::BOLD)
            }
        }
    }

    /// The banner of the training mode.
    pub fn banner(self) -> Style {
        let base = Style::new().add_modifier(Modifier::BOLD);
        match self.palette {
            Palette::Dark | Palette::Light => base.fg(Color::Indexed(16)).bg(Color::Indexed(213)),
            Palette::Sixteen => base.fg(Color::Black).bg(Color::Magenta),
            Palette::Mono => base.add_modifier(Modifier::REVERSED),
        }
    }

    /// What is picked out of a list.
    pub fn picked(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The border of a tone.
    pub fn border(self, tone: Tone) -> Border {
        if self.is_ascii {
            return match tone {
                Tone::Go => border(['#'; 4], '=', '=', '#'),
                Tone::Look => border(['+'; 4], '~', '~', ':'),
                Tone::Stop => border(['X'; 4], 'X', 'X', 'X'),
                Tone::Wait | Tone::Reading => border(['.'; 4], '.', '.', '.'),
                Tone::Failed => border(['!'; 4], '!', '!', '!'),
                Tone::Plain | Tone::Faded => border(['+'; 4], '-', '-', '|'),
            };
        }
        match tone {
            Tone::Go => border(['╔', '╗', '╚', '╝'], '═', '═', '║'),
            Tone::Look => border(['╭', '╮', '╰', '╯'], '╌', '╌', '╎'),
            Tone::Stop => border(['╔', '╗', '╚', '╝'], '╤', '╧', '║'),
            Tone::Wait | Tone::Reading => border(['·'; 4], '·', '·', '·'),
            Tone::Failed => border(['▒'; 4], '▒', '▒', '▒'),
            Tone::Plain | Tone::Faded => border(['┌', '┐', '└', '┘'], '─', '─', '│'),
        }
    }
}

/// White ink on a deep ground, but black on amber.
fn deep(tone: Tone, is_odd: bool) -> Style {
    let either = |even, odd| Color::Indexed(if is_odd { odd } else { even });
    let white = Style::new().fg(Color::Indexed(231));
    match tone {
        Tone::Go => white.bg(either(22, 28)),
        Tone::Look => Style::new().fg(Color::Indexed(16)).bg(either(214, 220)),
        Tone::Stop => white.bg(either(88, 124)),
        Tone::Wait => white.bg(either(24, 25)),
        Tone::Failed => white.bg(either(124, 160)),
        Tone::Plain | Tone::Reading => Style::new(),
        Tone::Faded => Style::new().fg(Color::Indexed(246)),
    }
}

/// The same on a light ground: no panel is darker than it must be.
fn bright(tone: Tone, is_odd: bool) -> Style {
    let either = |even, odd| Color::Indexed(if is_odd { odd } else { even });
    let white = Style::new().fg(Color::Indexed(231));
    match tone {
        Tone::Go => white.bg(either(28, 22)),
        Tone::Look => Style::new().fg(Color::Indexed(16)).bg(either(220, 214)),
        Tone::Stop => white.bg(either(160, 124)),
        Tone::Wait => white.bg(either(25, 24)),
        Tone::Failed => white.bg(either(124, 160)),
        Tone::Plain | Tone::Reading => Style::new(),
        Tone::Faded => Style::new().fg(Color::Indexed(242)),
    }
}

fn sixteen(tone: Tone) -> Style {
    match tone {
        Tone::Go => Style::new().fg(Color::Black).bg(Color::Green),
        Tone::Look => Style::new().fg(Color::Black).bg(Color::Yellow),
        Tone::Stop | Tone::Failed => Style::new().fg(Color::White).bg(Color::Red),
        Tone::Wait => Style::new().fg(Color::White).bg(Color::Blue),
        Tone::Plain | Tone::Reading | Tone::Faded => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Palette, Theme, Tone};

    #[test]
    fn the_environment_decides() {
        let theme = |no_color, term, ground| {
            let theme = Theme::for_environment(no_color, Some(term), ground, None);
            (theme.palette, theme.is_ascii)
        };
        assert_eq!(theme(None, "xterm-256color", None), (Palette::Dark, false));
        assert_eq!(theme(None, "xterm", Some("0;15")), (Palette::Light, false));
        assert_eq!(theme(Some("1"), "xterm", None), (Palette::Mono, false));
        assert_eq!(theme(Some(""), "xterm", None), (Palette::Dark, false));
        assert_eq!(theme(None, "linux", None), (Palette::Sixteen, true));
        assert_eq!(theme(None, "dumb", None), (Palette::Mono, true));
    }

    #[test]
    fn tones_differ_by_border_and_glyph() {
        let tones = [Tone::Go, Tone::Look, Tone::Stop, Tone::Wait, Tone::Failed];
        for is_ascii in [false, true] {
            let theme = Theme {
                palette: Palette::Mono,
                is_ascii,
            };
            for (at, one) in tones.iter().enumerate() {
                for other in &tones[at + 1..] {
                    assert_ne!(theme.border(*one), theme.border(*other));
                    assert_ne!(one.glyph(), other.glyph());
                }
            }
        }
    }
}
