//! A hub and its stores: how fast it takes in what they send, what a thousand of them do to it, and a
//! first sync of a million codes. It reports figures with their goals and asserts none.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench reads clocks, prints figures, and ends at the first fault"
)]

mod arguments;

mod hub;

mod take_in;
mod writer;

use std::time::{Duration, Instant};

use crate::arguments::{Arguments, Part};
use crate::hub::Kept;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(arguments) = Arguments::read(&words) else {
        println!("{}", arguments::USAGE);
        return;
    };
    let database = std::env::var("COUNTERFOIL_BENCH_DATABASE").ok();
    if database.is_none() {
        println!("COUNTERFOIL_BENCH_DATABASE names no empty database: only SQLite is measured");
    }
    if arguments.has(Part::TakeIn) {
        take_in::measure(&arguments, Kept::InFolder);
        if let Some(url) = &database {
            take_in::measure(&arguments, Kept::In(url.clone()));
        }
    }
}

/// Times of one kind of act.
#[derive(Default)]
struct Times {
    each: Vec<Duration>,
    processor: Duration,
}

impl Times {
    fn measure<T>(&mut self, act: impl FnOnce() -> T) -> T {
        let processor = processor_time();
        let began = Instant::now();
        let done = act();
        self.each.push(began.elapsed());
        self.processor += processor_time().saturating_sub(processor);
        done
    }

    /// Half of them, 99 of a hundred, and all of them took no longer than this.
    fn shown(&mut self) -> String {
        self.each.sort_unstable();
        let at = |per_mille: usize| {
            let place = self.each.len().saturating_sub(1) * per_mille / 1000;
            self.each.get(place).copied().unwrap_or_default()
        };
        format!(
            "p50 {:.1?}, p99 {:.1?}, longest {:.1?}",
            at(500),
            at(990),
            at(1000)
        )
    }

    fn sum(&self) -> f64 {
        self.each.iter().sum::<Duration>().as_secs_f64()
    }
}

/// So many a second.
fn rate(count: usize, seconds: f64) -> f64 {
    f64::from(u32::try_from(count).expect("few enough")) / seconds
}

/// Time on a processor of this thread, as the system counts it.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(ns.unwrap_or(0))
}
