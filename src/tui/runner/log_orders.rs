//! What the desk does upon the orders of the page of the log, and the answer to each.

use jiff::Timestamp;

use crate::desk::{Desk, ExportFault};
use crate::tui::log_order::{LogOrder, LogTold};
use crate::tui::runner::orders::approved;

/// Lines that are read in one go: more than the tallest terminal shows.
const PART_LINES: usize = 120;

/// Why a manager approves an export.
const EXPORT_REASON: &str = "an export of the log";

/// Carries out one order; what could not be done is an answer too, on the page that asked.
pub(super) fn answer(desk: &mut Desk, order: LogOrder, now: Timestamp) -> LogTold {
    carried_out(desk, order, now).unwrap_or_else(|fault| {
        LogTold::Failed(match fault {
            ExportFault::Ledger(error) => format!("{error}. {}", error.hint()),
            ExportFault::File(error) => {
                format!("the file could not be written: {error}. Look at the disk and its rights")
            }
        })
    })
}

fn carried_out(desk: &mut Desk, order: LogOrder, now: Timestamp) -> Result<LogTold, ExportFault> {
    Ok(match order {
        LogOrder::Read { number, from, wish } => match desk.log_filter(&wish, now)? {
            Err(refusal) => LogTold::Unread {
                number,
                words: refusal.to_string(),
            },
            Ok(filter) => LogTold::Read {
                number,
                from,
                part: desk.log_back(from, &filter, PART_LINES)?,
            },
        },
        LogOrder::Export {
            format,
            wish,
            approval,
        } => {
            let filter = match desk.log_filter(&wish, now)? {
                Ok(filter) => filter,
                Err(refusal) => return Ok(LogTold::Refused(refusal.to_string())),
            };
            match approved(desk, approval, EXPORT_REASON, now)? {
                Err(words) => LogTold::Refused(words),
                Ok(approval) => LogTold::ExportBegan {
                    path: desk
                        .begin_export(format, filter, &approval, now)?
                        .display()
                        .to_string(),
                },
            }
        }
        LogOrder::ExportOn => match desk.export_step()? {
            None => LogTold::ExportStopped,
            Some(exported) => LogTold::Exported {
                done: exported.done,
                total: exported.total,
                lines: exported.lines,
                is_whole: exported.is_whole,
            },
        },
        LogOrder::ExportStop => {
            desk.end_export();
            LogTold::ExportStopped
        }
        LogOrder::EndGuessing {
            counter,
            reason,
            approval,
        } => match approved(desk, approval, &reason, now)? {
            Err(words) => LogTold::Refused(words),
            Ok(approval) => match desk.end_guessing(&counter, &approval, now)? {
                Ok(()) => LogTold::GuessingEnded { counter },
                Err(refusal) => LogTold::Refused(refusal.to_string()),
            },
        },
    })
}
