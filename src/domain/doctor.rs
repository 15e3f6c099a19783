//! What `doctor` says: a line for each thing it looked at. Not here: looking, and judging.

use serde::Serialize;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The configuration file, flags and environment.
    Configuration,
    /// This computer's clock.
    Clock,
    /// The store's time zone.
    TimeZone,
    /// The disk that holds the ledger.
    Disk,
    /// The ledger and its files.
    Ledger,
    /// The ledger's version against the program's.
    Migrations,
    /// The hub, or the stores of one.
    Hub,
    /// A certificate's end.
    Certificate,
    /// Scanners.
    Scanner,
    /// Printers.
    Printer,
    /// The terminal that the console would be drawn in.
    Terminal,
}

impl Check {
    /// Its name before a line.
    pub fn words(self) -> &'static str {
        match self {
            Check::Configuration => "configuration",
            Check::Clock => "clock",
            Check::TimeZone => "time zone",
            Check::Disk => "disk",
            Check::Ledger => "ledger",
            Check::Migrations => "migrations",
            Check::Hub => "hub",
            Check::Certificate => "certificate",
            Check::Scanner => "scanner",
            Check::Printer => "printer",
            Check::Terminal => "terminal",
        }
    }

    /// The exit code where it is bad.
    fn exit_code(self) -> u8 {
        match self {
            Check::Scanner | Check::Printer => 4,
            Check::Disk | Check::Ledger | Check::Migrations => 5,
            Check::Configuration
            | Check::Clock
            | Check::TimeZone
            | Check::Hub
            | Check::Certificate
            | Check::Terminal => 2,
        }
    }
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Look,
    /// It does not work, or soon will not.
    Bad,
}

impl Mark {
    /// The word that begins a line.
    pub fn as_str(self) -> &'static str {
        match self {
            Mark::Ok => "ok",
            Mark::Look => "look",
            Mark::Bad => "bad",
        }
    }
}

/// One line of what `doctor` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was looked at.
    pub check: Check,
    /// How it is.
    pub mark: Mark,
    /// What was seen.
    pub what: String,
    /// What to do about it; none: nothing.
    pub to_do: Option<String>,
}

impl Line {
    /// It is as it should be.
    pub fn ok(check: Check, what: impl Into<String>) -> Line {
        Line {
            check,
            mark: Mark::Ok,
            what: what.into(),
            to_do: None,
        }
    }

    /// Somebody should look at it.
    pub fn look(check: Check, what: impl Into<String>, to_do: impl Into<String>) -> Line {
        Line {
            mark: Mark::Look,
            to_do: Some(to_do.into()),
            ..Line::ok(check, what)
        }
    }

    /// It does not work.
    pub fn bad(check: Check, what: impl Into<String>, to_do: impl Into<String>) -> Line {
        Line {
            mark: Mark::Bad,
            ..Line::look(check, what, to_do)
        }
    }
}

/// The exit code: 0 where nothing is bad; else 4 for a device, 5 for the ledger or its disk, 2 for the
/// rest, the first of them that applies.
pub fn exit_code(lines: &[Line]) -> u8 {
    let bad: Vec<u8> = lines
        .iter()
        .filter(|line| line.mark == Mark::Bad)
        .map(|line| line.check.exit_code())
        .collect();
    [4, 5, 2]
        .into_iter()
        .find(|code| bad.contains(code))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_that_of_the_first_kind_that_is_bad() {
        let bad = |check| Line::bad(check, "", "");
        let table: [(&[Line], u8); 6] = [
            (&[], 0),
            (&[Line::look(Check::Printer, "", "")], 0),
            (&[bad(Check::Clock), Line::ok(Check::Ledger, "")], 2),
            (&[bad(Check::Hub), bad(Check::Migrations)], 5),
            (&[bad(Check::Disk), bad(Check::Scanner)], 4),
            (&[bad(Check::Printer), bad(Check::Configuration)], 4),
        ];
        for (lines, wanted) in table {
            assert_eq!(exit_code(lines), wanted, "{lines:?}");
        }
    }
}
