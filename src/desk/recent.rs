//! What a counter read lately and honoured: a code left in view is read again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::verdict::REREAD_WINDOW;

/// The codes honoured at this counter within the window, each with its last reading.
#[derive(Debug, Default)]
pub(super) struct Recent {
    read_at: BTreeMap<String, Duration>,
}

impl Recent {
    /// How long ago each was last read.
    pub(super) fn ages(&mut self, elapsed: Duration) -> BTreeMap<String, Duration> {
        self.read_at
            .retain(|_, at| elapsed.saturating_sub(*at) < REREAD_WINDOW);
        self.read_at
            .iter()
            .map(|(code, at)| (code.clone(), elapsed.saturating_sub(*at)))
            .collect()
    }

    /// A code was read, and honoured now or before.
    pub(super) fn read(&mut self, code: &str, elapsed: Duration) {
        self.read_at.insert(code.to_owned(), elapsed);
    }

    /// A code's next reading is a new one.
    pub(super) fn forget(&mut self, code: &str) {
        self.read_at.remove(code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_must_be_out_of_view_for_the_whole_window() {
        let at = Duration::from_millis;
        let mut recent = Recent::default();
        recent.read("A", at(0));
        assert_eq!(recent.ages(at(2_999)).get("A"), Some(&at(2_999)));
        recent.read("A", at(2_999));
        assert!(recent.ages(at(5_998)).contains_key("A"));
        assert!(!recent.ages(at(5_999)).contains_key("A"));
    }
}
