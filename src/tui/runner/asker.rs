//! The threads that ask the hub on behalf of somebody who stands at the counter.
//!
//! Invariant: nobody waits for them but the one scan that is asked about. A question has its deadline
//! from when the scan was read; one that comes too late to be sent is not sent.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::desk::Miss;
use crate::domain::wire::{AskHub, Asked};
use crate::http::sync_loop::HubConnection;
use crate::ledger::HubLink;
use crate::sync::courier::Missed;
use crate::tui::runner::alarm::Alarm;
use crate::tui::runner::{Clock, Happening};

/// So many questions are on their way at once; a slow one holds up none but those behind it.
const ASKERS: usize = 3;

/// Questions that may wait for one asker.
const WAITING_MAX: usize = 8;

/// A question, and the hub to ask.
pub(super) struct Asking {
    /// Of the desk's own count.
    pub(super) number: u64,
    pub(super) ask: Box<AskHub>,
    pub(super) link: Box<HubLink>,
    /// By the console's own clock.
    pub(super) until: Duration,
}

/// What became of a question.
pub(in crate::tui) struct HeardOf {
    pub(super) number: u64,
    asker: usize,
    pub(super) heard: Result<Box<Asked>, Miss>,
}

/// The askers, each with how many questions it has.
pub(super) struct Askers {
    all: Vec<(SyncSender<Asking>, usize)>,
}

impl Askers {
    pub(super) fn new(
        ca_file: Option<&PathBuf>,
        clock: Clock,
        tell: &SyncSender<Happening>,
    ) -> io::Result<Askers> {
        let mut all = Vec::new();
        for asker in 0..ASKERS {
            let (give, questions) = sync_channel(WAITING_MAX);
            let (tell, ca_file) = (tell.clone(), ca_file.cloned());
            std::thread::Builder::new()
                .name("asker".to_owned())
                .spawn(move || {
                    let alarm = Alarm::new(tell);
                    ask_all(asker, ca_file.as_deref(), clock, &questions, alarm.tell());
                })?;
            all.push((give, 0));
        }
        Ok(Askers { all })
    }

    /// Hands a question to whoever has the fewest; given back where there is no room.
    pub(super) fn ask(&mut self, asking: Asking) -> Result<(), u64> {
        let number = asking.number;
        let least = self.all.iter_mut().min_by_key(|(_, count)| *count);
        let (give, count) = least.ok_or(number)?;
        match give.try_send(asking) {
            Ok(()) => {
                *count = count.saturating_add(1);
                Ok(())
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(number),
        }
    }

    /// One has come back.
    pub(super) fn heard(&mut self, heard: &HeardOf) {
        if let Some((_, count)) = self.all.get_mut(heard.asker) {
            *count = count.saturating_sub(1);
        }
    }
}

/// Ends when nobody gives questions, or nobody listens, any more.
fn ask_all(
    asker: usize,
    ca_file: Option<&Path>,
    clock: Clock,
    questions: &Receiver<Asking>,
    tell: &SyncSender<Happening>,
) {
    let mut kept: Option<(Box<HubLink>, HubConnection)> = None;
    for asking in questions {
        let number = asking.number;
        let left = asking.until.saturating_sub(clock.moment().elapsed);
        let is_same = kept
            .as_ref()
            .is_some_and(|(link, _)| leads_to_the_same(link, &asking.link));
        if !is_same {
            // Where there can be no connection, nothing is sent; the status line says what is wrong.
            kept = HubConnection::of(&asking.link, ca_file)
                .ok()
                .map(|connection| (asking.link, connection));
        }
        let heard = match &mut kept {
            Some((_, connection)) if !left.is_zero() => connection
                .ask(&asking.ask, left)
                .map(Box::new)
                .map_err(|missed| miss(&missed)),
            Some(_) | None => Err(Miss::NotSent),
        };
        let heard = HeardOf {
            number,
            asker,
            heard,
        };
        if tell.send(Happening::Heard(heard)).is_err() {
            return;
        }
    }
}

fn leads_to_the_same(one: &HubLink, other: &HubLink) -> bool {
    one.url == other.url && one.secret == other.secret && one.ca_file == other.ca_file
}

fn miss(missed: &Missed) -> Miss {
    match missed {
        Missed::NotDone { .. } | Missed::Refused { .. } => Miss::NotSent,
        Missed::Unknown { .. } => Miss::NoAnswer,
    }
}
