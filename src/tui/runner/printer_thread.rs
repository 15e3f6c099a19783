//! The printer's own thread: one slip after another, and now and then a look at its health.
//!
//! Nobody waits for it: its channel is short, and what has no room there is not printed but said to
//! be unconfirmed.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::domain::day_report::DayReport;
use crate::domain::slip_job::{SlipJob, SlipOutcome};
use crate::tui::back_order::BackTold;
use crate::tui::day_order::DayTold;
use crate::tui::msg::Msg;
use crate::tui::runner::Happening;
use crate::tui::runner::alarm::Alarm;

/// What a printer is asked.
#[derive(Debug)]
pub enum PrinterOrder<'a> {
    /// How it is.
    Look,
    /// To print a slip, and to say what became of it.
    Print(&'a SlipJob),
    /// The same of the report of a day.
    PrintDay(&'a DayReport),
}

/// What a printer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrinterAnswer {
    /// What became of the slip, where one was printed.
    pub outcome: Option<SlipOutcome>,
    /// Its state in words.
    pub words: String,
    /// Whether it works.
    pub is_well: bool,
}

/// A printer, as the runner asks it.
pub type Printer = Box<dyn FnMut(PrinterOrder<'_>) -> PrinterAnswer + Send>;

/// What waits for paper.
enum PaperJob {
    Slip(Box<SlipJob>),
    Day(Box<DayReport>),
}

impl PaperJob {
    /// What is told of it.
    fn told(&self, outcome: SlipOutcome) -> Msg {
        match self {
            PaperJob::Slip(job) => Msg::SlipPrinted {
                number: job.number,
                outcome,
            },
            PaperJob::Day(report) => Msg::BackTold(BackTold::Day(DayTold::Printed {
                number: report.number.unwrap_or_default(),
                outcome,
            })),
        }
    }
}

/// Slips that may wait for the printer.
const JOBS_MAX: usize = 4;

/// How often an idle printer is looked at.
const LOOKED_APART: Duration = Duration::from_secs(15);

/// Where slips go, if there is a printer.
pub(super) struct PrinterQueue(Option<SyncSender<PaperJob>>);

impl PrinterQueue {
    /// Begins a thread for the printer, where there is one.
    pub(super) fn new(
        printer: Option<Printer>,
        tell: SyncSender<Happening>,
    ) -> io::Result<PrinterQueue> {
        let Some(printer) = printer else {
            return Ok(PrinterQueue(None));
        };
        let (give, jobs) = sync_channel::<PaperJob>(JOBS_MAX);
        std::thread::Builder::new()
            .name("printer".to_owned())
            .spawn(move || {
                let alarm = Alarm::new(tell);
                print_all(printer, &jobs, alarm.tell());
            })?;
        Ok(PrinterQueue(Some(give)))
    }

    /// Hands a slip over without waiting; what cannot be is said at once.
    pub(super) fn print(&self, job: Box<SlipJob>) -> Option<Msg> {
        self.give(PaperJob::Slip(job))
    }

    /// The same of the report of a day.
    pub(super) fn print_day(&self, report: Box<DayReport>) -> Option<Msg> {
        self.give(PaperJob::Day(report))
    }

    fn give(&self, job: PaperJob) -> Option<Msg> {
        let Some(give) = &self.0 else {
            return Some(job.told(SlipOutcome::Unconfirmed("no_printer".to_owned())));
        };
        let (job, why) = match give.try_send(job) {
            Ok(()) => return None,
            Err(TrySendError::Full(job)) => (job, "busy"),
            Err(TrySendError::Disconnected(job)) => (job, "no_printer"),
        };
        Some(job.told(SlipOutcome::Unconfirmed(why.to_owned())))
    }
}

/// Ends when nobody gives jobs, or nobody listens, any more.
fn print_all(mut printer: Printer, jobs: &Receiver<PaperJob>, tell: &SyncSender<Happening>) {
    let mut health = None;
    let mut next: Option<PaperJob> = None;
    loop {
        let answer = match &next {
            Some(PaperJob::Slip(job)) => printer(PrinterOrder::Print(job)),
            Some(PaperJob::Day(report)) => printer(PrinterOrder::PrintDay(report)),
            None => printer(PrinterOrder::Look),
        };
        if let Some(job) = next.take() {
            let outcome = answer
                .outcome
                .unwrap_or_else(|| SlipOutcome::Unconfirmed("silent".to_owned()));
            if tell.send(Happening::Told(job.told(outcome))).is_err() {
                return;
            }
        }
        let said = (answer.words, answer.is_well);
        if health.as_ref() != Some(&said) {
            let (words, is_well) = said.clone();
            health = Some(said);
            let told = Msg::PrinterHealth { words, is_well };
            if tell.send(Happening::Told(told)).is_err() {
                return;
            }
        }
        next = match jobs.recv_timeout(LOOKED_APART) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::slip::Slip;

    fn job(number: i64) -> Box<SlipJob> {
        Box::new(SlipJob {
            number,
            slip: Slip {
                store: "Riverside".into(),
                campaign: "coffee".into(),
                offer: "Free coffee".into(),
                code: "BCDFGHJKLNPRST".into(),
                name: None,
                validity: String::new(),
                issued: String::new(),
                copy: 1,
                is_test: false,
            },
        })
    }

    fn unconfirmed(number: i64, why: &str) -> Msg {
        Msg::SlipPrinted {
            number,
            outcome: SlipOutcome::Unconfirmed(why.to_owned()),
        }
    }

    #[test]
    fn nobody_waits_for_paper() {
        let (tell, told) = sync_channel(16);
        let none = PrinterQueue::new(None, tell.clone()).expect("no thread");
        assert_eq!(none.print(job(1)), Some(unconfirmed(1, "no_printer")));
        // A printer that does not get on: so many wait, and the next is said to be in doubt.
        let (go_on, is_free) = sync_channel::<()>(0);
        let stuck: Printer = Box::new(move |order| {
            is_free.recv().unwrap_or_default();
            PrinterAnswer {
                outcome: match order {
                    PrinterOrder::Look => None,
                    PrinterOrder::Print(_) | PrinterOrder::PrintDay(_) => {
                        Some(SlipOutcome::Printed)
                    }
                },
                words: "ready".to_owned(),
                is_well: true,
            }
        });
        let queue = PrinterQueue::new(Some(stuck), tell).expect("a thread");
        let waiting = i64::try_from(JOBS_MAX).expect("few");
        for number in 0..waiting {
            assert_eq!(queue.print(job(number)), None);
        }
        assert_eq!(queue.print(job(99)), Some(unconfirmed(99, "busy")));
        for _ in 0..=waiting {
            go_on.send(()).expect("it waits for us");
        }
        drop(queue);
        drop(go_on);
        let all: Vec<Msg> = told
            .iter()
            .filter_map(|happening| match happening {
                Happening::Told(msg) => Some(msg),
                Happening::NoLedger { .. }
                | Happening::ScannerChosen(_)
                | Happening::Heard(_)
                | Happening::HubTold(_)
                | Happening::Done(_)
                | Happening::Ended
                | Happening::Broken => None,
            })
            .collect();
        let health = Msg::PrinterHealth {
            words: "ready".to_owned(),
            is_well: true,
        };
        let printed = (0..waiting).map(|number| Msg::SlipPrinted {
            number,
            outcome: SlipOutcome::Printed,
        });
        let expected: Vec<Msg> = std::iter::once(health).chain(printed).collect();
        assert_eq!(all, expected, "its health is said once");
    }
}
