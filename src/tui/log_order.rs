//! What the page of the log orders of the desk, and what it is told.

use crate::domain::log::{LogFormat, LogPart, LogPlace, LogWish};
use crate::tui::msg::ApprovalAsk;

/// An order of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOrder {
    /// The newest wanted lines before a place.
    Read {
        /// The running number of the order: what was asked before it is of no use any more.
        number: u64,
        /// Where; none: at the top.
        from: Option<LogPlace>,
        /// What is wanted.
        wish: LogWish,
    },
    /// Begin an export.
    Export {
        /// How it is written.
        format: LogFormat,
        /// What is wanted.
        wish: LogWish,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
    /// The next step of the export.
    ExportOn,
    /// Give the export up.
    ExportStop,
    /// A manager has looked after unknown codes.
    EndGuessing {
        /// The counter.
        counter: String,
        /// One of the fixed reasons, in words.
        reason: String,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTold {
    /// A part of the log.
    Read {
        /// Of the order.
        number: u64,
        /// Where it was asked for; none: at the top.
        from: Option<LogPlace>,
        /// The part.
        part: LogPart,
    },
    /// What is wanted cannot be read so: why, for people.
    Unread {
        /// Of the order.
        number: u64,
        /// What is wrong.
        words: String,
    },
    /// The export has begun, into this file.
    ExportBegan {
        /// Its path.
        path: String,
    },
    /// The export is so far.
    Exported {
        /// Lines looked at.
        done: u64,
        /// Lines to look at.
        total: u64,
        /// Lines written.
        lines: u64,
        /// Whether it is whole.
        is_whole: bool,
    },
    /// The export was given up; no file is left.
    ExportStopped,
    /// The notice is ended, and committed.
    GuessingEnded {
        /// The counter.
        counter: String,
    },
    /// It is refused, and nothing was changed: why, for people.
    Refused(String),
    /// It could not be done: what failed, and what to do.
    Failed(String),
}
