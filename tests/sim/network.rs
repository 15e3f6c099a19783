//! The line between stores and hub: delays, loses, doubles and reorders, by dice; may be cut.

use std::collections::{BTreeMap, BTreeSet};

use crate::dice::Dice;

/// How bad the line is: each number is one in so many, 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) lost_one_in: usize,
    pub(crate) doubled_one_in: usize,
    /// The longest delay, in milliseconds.
    pub(crate) delay_max_ms: usize,
}

impl Line {
    /// Nothing is lost, and nothing waits.
    pub(crate) const WHOLE: Line = Line {
        lost_one_in: 0,
        doubled_one_in: 0,
        delay_max_ms: 1,
    };

    /// One of several lines, from good to hardly any.
    pub(crate) fn drawn(dice: &mut Dice) -> Line {
        dice.weighted(&[
            (
                3,
                Line {
                    lost_one_in: 0,
                    doubled_one_in: 0,
                    delay_max_ms: 40,
                },
            ),
            (
                3,
                Line {
                    lost_one_in: 20,
                    doubled_one_in: 30,
                    delay_max_ms: 400,
                },
            ),
            (
                2,
                Line {
                    lost_one_in: 5,
                    doubled_one_in: 8,
                    delay_max_ms: 3_000,
                },
            ),
            (
                1,
                Line {
                    lost_one_in: 2,
                    doubled_one_in: 4,
                    delay_max_ms: 60_000,
                },
            ),
        ])
    }
}

/// What is under way, by when it arrives.
#[derive(Debug)]
pub(crate) struct Network<M> {
    under_way: BTreeMap<(i64, u64), M>,
    sent: u64,
    pub(crate) line: Line,
    /// Stores that nothing reaches, and that reach nobody.
    pub(crate) cut_off: BTreeSet<usize>,
}

impl<M: Clone> Network<M> {
    pub(crate) fn new(line: Line) -> Network<M> {
        Network {
            under_way: BTreeMap::new(),
            sent: 0,
            line,
            cut_off: BTreeSet::new(),
        }
    }

    /// Puts a message on the line of a store.
    pub(crate) fn send(&mut self, store: usize, message: &M, now_ms: i64, dice: &mut Dice) {
        let is_lost = self.line.lost_one_in > 0 && dice.is_one_in(self.line.lost_one_in);
        if self.cut_off.contains(&store) || is_lost {
            return;
        }
        let is_doubled = self.line.doubled_one_in > 0 && dice.is_one_in(self.line.doubled_one_in);
        for _ in 0..=usize::from(is_doubled) {
            let delay_ms = dice.below(self.line.delay_max_ms);
            self.sent += 1;
            self.under_way.insert(
                (now_ms + delay_ms.cast_signed() as i64, self.sent),
                message.clone(),
            );
        }
    }

    /// A message that has arrived is looked at again later.
    pub(crate) fn put_off(&mut self, message: M, due_ms: i64) {
        self.sent += 1;
        self.under_way.insert((due_ms, self.sent), message);
    }

    /// The next message that has arrived by now.
    pub(crate) fn arrived(&mut self, now_ms: i64) -> Option<M> {
        let first = *self.under_way.keys().next()?;
        (first.0 <= now_ms).then(|| self.under_way.remove(&first))?
    }

    /// Everything that is under way is lost.
    pub(crate) fn lose_all(&mut self) {
        self.under_way.clear();
    }
}
