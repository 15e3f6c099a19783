//! Figures: percentiles of times, and a table with the goal beside each figure.

use std::time::Duration;

/// The table at the end of a run.
#[derive(Default)]
pub(crate) struct Figures {
    rows: Vec<[String; 4]>,
}

impl Figures {
    /// A figure that should be at least `goal`.
    pub(crate) fn at_least(&mut self, what: &str, measured: f64, goal: f64) {
        self.push(
            what,
            &format!("{measured:.2}"),
            &format!("≥ {goal}"),
            measured >= goal,
        );
    }

    /// A figure that should be at most `goal`.
    pub(crate) fn at_most(&mut self, what: &str, measured: f64, goal: f64, unit: &str) {
        let is_met = measured <= goal;
        self.push(
            what,
            &format!("{measured:.2}{unit}"),
            &format!("≤ {goal}{unit}"),
            is_met,
        );
    }

    /// A figure beside the others, without a goal.
    pub(crate) fn note(&mut self, what: &str, measured: &str) {
        println!("{what}: {measured}");
        self.rows.push([
            what.to_owned(),
            measured.to_owned(),
            String::new(),
            String::new(),
        ]);
    }

    fn push(&mut self, what: &str, measured: &str, goal: &str, is_met: bool) {
        let met = if is_met { "met" } else { "**missed**" };
        println!("{what}: {measured} (goal {goal}: {met})");
        self.rows
            .push([what, measured, goal, met].map(str::to_owned));
    }

    pub(crate) fn print(&self) {
        println!("| figure | measured | goal | |\n|---|---|---|---|");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}

/// Times of one kind of act.
#[derive(Default)]
pub(crate) struct Times {
    each: Vec<Duration>,
}

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.each.push(time);
    }

    pub(crate) fn sort(&mut self) {
        self.each.sort_unstable();
    }

    /// The time that `per_mille` of the times are not above; they must be sorted.
    pub(crate) fn at(&self, per_mille: usize) -> Duration {
        let place = self.each.len().saturating_sub(1) * per_mille / 1000;
        self.each.get(place).copied().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.each.len()
    }

    pub(crate) fn sum(&self) -> Duration {
        self.each.iter().sum()
    }
}

/// The middle of some numbers.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
