//! Guessing: how many unknown codes are somebody's trouble, and how many are somebody's tries.
//!
//! Each guesser has an allowance that a guess takes from and time fills up again. Kept is one number:
//! when it will be full again. Times are milliseconds, of any clock.

use jiff::Timestamp;

/// How often one may guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// So many guesses at once,
    pub at_once: u32,
    /// and one more each time this has gone by.
    pub each_ms: i64,
}

/// Unknown codes at one counter: ten at once, and one more every 30 s.
///
/// Ten, because a slip that reads badly is scanned three or four times and then typed once or twice,
/// and two such customers may follow each other. One every 30 s, because a counter serves a customer in
/// about that time: honest trouble that goes on stays within it. Whoever tries printed codes of six
/// digits, of which one in a hundred is taken, needs a hundred tries for one: forty-five minutes at a
/// counter under a notice, in the place of ten seconds.
pub const COUNTER: Allowance = Allowance {
    at_once: 10,
    each_ms: 30_000,
};

/// Codes that do not exist, from one token: people mistype, and a shop's whole web page may ask by one
/// token; 30 a minute find none of 16¹² codes.
pub const TOKEN: Allowance = Allowance {
    at_once: 60,
    each_ms: 2_000,
};

/// Wrong tokens from one address.
pub const ADDRESS: Allowance = Allowance {
    at_once: 60,
    each_ms: 1_000,
};

/// The answer to one unknown code too many comes so much later at most: a nuisance to whoever tries
/// codes, and no counter stands still for it.
pub const SLOWED_MAX_MS: i64 = 5_000;

/// A notice that no manager has ended stands so long after the last guess: until everybody who opens
/// the shop the next day has had the chance to see it.
pub const NOTICE_MS: i64 = 24 * 3_600_000;

impl Allowance {
    /// How long a guesser has to wait before the next guess; nothing: not at all.
    pub fn wait_ms(self, full_at_ms: i64, now_ms: i64) -> i64 {
        let room = self.each_ms * i64::from(self.at_once.saturating_sub(1));
        (full_at_ms.min(self.latest(now_ms)) - now_ms - room).max(0)
    }

    /// When the allowance is full again after a guess. However many came at once, and however the
    /// clock was set, that is within twice the allowance.
    pub fn guessed(self, full_at_ms: i64, now_ms: i64) -> i64 {
        (full_at_ms.max(now_ms) + self.each_ms).min(self.latest(now_ms))
    }

    fn latest(self, now_ms: i64) -> i64 {
        now_ms + self.each_ms * i64::from(self.at_once) * 2
    }

    /// By how much the answer to the guess is slowed that made the allowance full at `full_at_ms`.
    pub fn slowed_ms(self, full_at_ms: i64, now_ms: i64) -> i64 {
        self.wait_ms(full_at_ms - self.each_ms, now_ms)
            .min(SLOWED_MAX_MS)
    }
}

/// Many unknown codes at one counter: what a manager is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guessing {
    /// The counter; of a store that asked this hub, its node, a slash, and its counter.
    pub counter: String,
    /// The store, where it is another one's counter.
    pub store: Option<String>,
    /// The first of them.
    pub since: Timestamp,
    /// The last of them.
    pub newest: Timestamp,
    /// How many.
    pub guesses: u64,
    /// Until when further ones are slowed, unless some more come; none: they are not.
    pub slowed_until: Option<Timestamp>,
}

impl Guessing {
    /// Where it is, as people call it.
    pub fn place(&self) -> String {
        match &self.store {
            Some(store) => {
                let counter = self.counter.split_once('/').map(|(_, counter)| counter);
                format!("{store}, {}", counter.unwrap_or(&self.counter))
            }
            None => self.counter.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_used_up_and_fills_again() {
        let mut full_at = 0;
        for _ in 0..TOKEN.at_once {
            assert_eq!(TOKEN.wait_ms(full_at, 0), 0);
            full_at = TOKEN.guessed(full_at, 0);
        }
        assert_eq!(TOKEN.wait_ms(full_at, 0), TOKEN.each_ms);
        assert_eq!(TOKEN.wait_ms(full_at, TOKEN.each_ms), 0);
        // Guesses without end keep one waiting, but not for ever; nor does a clock that was set back.
        for _ in 0..10_000 {
            full_at = TOKEN.guessed(full_at, 0);
        }
        let most = TOKEN.each_ms * i64::from(TOKEN.at_once) * 2;
        assert!(TOKEN.wait_ms(full_at, 0) <= most);
        assert_eq!(TOKEN.wait_ms(full_at, most), 0);
        assert!(TOKEN.wait_ms(i64::MAX / 2, 0) <= most);
    }

    #[test]
    fn the_first_ten_are_answered_at_once_and_the_next_is_not() {
        let mut full_at = 0;
        for _ in 0..COUNTER.at_once {
            full_at = COUNTER.guessed(full_at, 0);
            assert_eq!(COUNTER.slowed_ms(full_at, 0), 0);
        }
        full_at = COUNTER.guessed(full_at, 0);
        assert_eq!(COUNTER.slowed_ms(full_at, 0), SLOWED_MAX_MS);
        assert_eq!(COUNTER.slowed_ms(full_at, COUNTER.each_ms), 0);
    }
}
