//! What becomes of a bug: the console ends and says what happened; nobody waits for a dead thread.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{SyncSender, sync_channel};

use crate::tui::runner::Happening;

/// Held by a thread: tells the UI when the thread dies of a bug.
pub(super) struct Alarm(SyncSender<Happening>);

impl Alarm {
    pub(super) fn new(tell: SyncSender<Happening>) -> Alarm {
        Alarm(tell)
    }

    /// The way to the UI.
    pub(super) fn tell(&self) -> &SyncSender<Happening> {
        &self.0
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Where nobody listens any more, the console is ending already.
            self.0.send(Happening::Broken).unwrap_or_default();
        }
    }
}

/// Runs `work`; the words of the first panic of any thread are kept until it has given the terminal
/// back, since said before they would be drawn over.
pub(super) fn listen_for_panics<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let (say, said) = sync_channel(1);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let trace = Backtrace::capture();
        let words = if trace.status() == BacktraceStatus::Captured {
            format!("{panic}\n{trace}")
        } else {
            panic.to_string()
        };
        // Only the first counts: the others follow from it.
        say.try_send(words).unwrap_or_default();
    }));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(usual);
    match (said.try_recv(), done) {
        (Ok(words), _) => Err(words),
        (Err(_), Ok(done)) => Ok(done),
        (Err(_), Err(payload)) => Err(words_of(payload.as_ref())),
    }
}

fn words_of(payload: &(dyn Any + Send)) -> String {
    payload.downcast_ref::<&str>().map_or_else(
        || "a bug without a word".to_owned(),
        |words| (*words).to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::{Alarm, Happening, listen_for_panics, sync_channel};

    #[test]
    fn a_thread_that_dies_is_told_of_and_one_that_ends_is_not() {
        let (tell, told) = sync_channel(4);
        let words = listen_for_panics(|| {
            let alarm = Alarm::new(tell.clone());
            let dies = std::thread::spawn(move || {
                let _alarm = alarm;
                panic!("a bug in the till");
            });
            assert!(dies.join().is_err());
            let alarm = Alarm::new(tell);
            let ends = std::thread::spawn(move || drop(alarm));
            assert!(ends.join().is_ok());
        });
        assert!(words.unwrap_err().contains("a bug in the till"));
        assert!(matches!(told.try_recv(), Ok(Happening::Broken)));
        assert!(told.try_recv().is_err());
    }
}
