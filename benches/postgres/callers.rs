//! Threads that count what they got done, for a time or up to a number.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::instant;

/// When it is enough.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Passed(Duration),
    Counted(usize),
}

/// One of the threads.
pub(crate) struct Caller<'r> {
    place: usize,
    until: Until,
    is_over: &'r AtomicBool,
    counted: &'r AtomicUsize,
    ready: &'r std::sync::Barrier,
    is_ready: std::cell::Cell<bool>,
}

impl Caller<'_> {
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// Whether it is not enough yet; the first time, once everybody is ready.
    pub(crate) fn goes_on(&self) -> bool {
        if !self.is_ready.replace(true) {
            self.ready.wait();
        }
        let is_enough = match self.until {
            Until::Passed(_) => false,
            Until::Counted(many) => self.counted.load(Ordering::Acquire) >= many,
        };
        !is_enough && !self.is_over.load(Ordering::Acquire)
    }

    pub(crate) fn count(&self, more: usize) {
        self.counted.fetch_add(more, Ordering::AcqRel);
    }

    /// There is nothing left to do: what follows would not be counted as fast as it is.
    pub(crate) fn is_out(&self) {
        self.is_over.store(true, Ordering::Release);
    }
}

/// Runs `work` in so many threads until it is enough; how often a second they counted, and what each
/// answered. Connecting is not measured.
pub(crate) fn run<T: Send>(
    threads: usize,
    until: Until,
    work: impl Fn(&Caller<'_>) -> T + Sync,
) -> (f64, Vec<T>) {
    let (is_over, counted) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ready = std::sync::Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..threads)
            .map(|place| {
                let caller = Caller {
                    place,
                    until,
                    is_over: &is_over,
                    counted: &counted,
                    ready: &ready,
                    is_ready: std::cell::Cell::new(false),
                };
                let work = &work;
                scope.spawn(move || work(&caller))
            })
            .collect();
        ready.wait();
        let began = instant();
        loop {
            let is_enough = match until {
                Until::Passed(part) => began.elapsed() >= part,
                Until::Counted(many) => counted.load(Ordering::Acquire) >= many,
            };
            if is_enough || is_over.load(Ordering::Acquire) {
                break;
            }
            #[expect(clippy::disallowed_methods, reason = "a bench runs for a time")]
            std::thread::sleep(Duration::from_millis(5));
        }
        let (count, seconds) = (
            counted.load(Ordering::Acquire),
            began.elapsed().as_secs_f64(),
        );
        is_over.store(true, Ordering::Release);
        let answers = callers
            .into_iter()
            .map(|caller| {
                #[expect(clippy::expect_used, reason = "a bench ends at the first fault")]
                caller.join().expect("a caller that did not fail")
            })
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "a figure to be printed")]
        let rate = count as f64 / seconds;
        (rate, answers)
    })
}
