//! Which scanner is told what came of its scan. Off unless the counter asks for it.
//!
//! Invariant: a scanner hears of a verdict only after the message that says it is committed.
//! Invariant: each of its scans gets one answer, or the scanner would wait.

use std::collections::VecDeque;

use crate::devices::scan::input::Input;
use crate::devices::scan::serial::ScanAnswer;
use crate::domain::verdict::Band;
use crate::tui::msg::{Effect, Msg, Source};

/// So many scans may wait for their answer; of older ones no scanner waits any more.
const OWED_MAX: usize = 64;

/// The scans whose scanners wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Running numbers, and the scanners' names.
    waiting: VecDeque<(u64, String)>,
}

/// The scanner that a message came from, and how many scans were in it.
pub(super) fn scans_of(msg: &Msg) -> Option<(String, usize)> {
    let Msg::Input {
        source: Source::Scanner(name),
        inputs,
        ..
    } = msg
    else {
        return None;
    };
    let scans = inputs
        .iter()
        .filter(|input| matches!(input, Input::Scan(_)))
        .count();
    (scans > 0).then(|| (name.clone(), scans))
}

/// What a message says of which scan.
pub(super) fn told_by(msg: &Msg) -> Option<(u64, ScanAnswer)> {
    if let Msg::Judged { number, answer } = msg {
        let is_honoured = answer.verdict.band() == Band::Go;
        let told = if is_honoured {
            ScanAnswer::Good
        } else {
            ScanAnswer::Bad
        };
        return Some((*number, told));
    }
    if let Msg::NotJudged { number, .. }
    | Msg::ActFailed {
        number: Some(number),
        ..
    } = msg
    {
        return Some((*number, ScanAnswer::Bad));
    }
    if let Msg::NoCode { number }
    | Msg::SignedIn {
        number: Some(number),
        ..
    } = msg
    {
        return Some((*number, ScanAnswer::Taken));
    }
    None
}

impl Owed {
    /// Notes what the model ordered for the scans of a scanner; answers how many of them need no
    /// verdict: they are to be answered at once.
    pub(super) fn note(&mut self, (name, scans): &(String, usize), ordered: &[Effect]) -> usize {
        let mut at_desk = 0;
        for effect in ordered {
            if let Effect::Scan { number, .. } = effect {
                self.waiting.push_back((*number, name.clone()));
                at_desk += 1;
            }
        }
        let excess = self.waiting.len().saturating_sub(OWED_MAX);
        self.waiting.drain(..excess);
        scans.saturating_sub(at_desk)
    }

    /// The scanner that waits for what came of this scan.
    pub(super) fn settle(&mut self, number: u64) -> Option<String> {
        let at = self.waiting.iter().position(|(owed, _)| *owed == number)?;
        self.waiting.remove(at).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::scan::input::{Key, Scan, ScanFlags};
    use crate::tui::msg::WhyNotJudged;

    fn input(source: Source, scans: usize) -> Msg {
        let scan = Input::Scan(Scan {
            bytes: b"BCDF".to_vec(),
            total: 4,
            flags: ScanFlags::NONE,
        });
        let mut inputs = vec![scan; scans];
        inputs.push(Input::Key(Key::Enter));
        Msg::Input {
            source,
            inputs,
            pending: String::new(),
        }
    }

    fn ordered(number: u64) -> Effect {
        Effect::Scan {
            number,
            raw: b"BCDF".to_vec(),
            came: None,
            may_judge: true,
            fills: false,
        }
    }

    #[test]
    fn each_scan_of_a_scanner_is_answered_once_and_the_keyboard_s_never() {
        assert_eq!(scans_of(&input(Source::Keyboard, 2)), None);
        let left = Source::Scanner("left".to_owned());
        assert_eq!(scans_of(&input(left.clone(), 0)), None);
        let three = scans_of(&input(left, 3)).unwrap();
        let mut owed = Owed::default();
        // One of the three is the page's own: it is answered at once.
        assert_eq!(owed.note(&three, &[ordered(7), ordered(8)]), 1);
        assert_eq!(owed.settle(8).as_deref(), Some("left"));
        assert_eq!((owed.settle(8), owed.settle(9)), (None, None));
        assert_eq!(owed.settle(7).as_deref(), Some("left"));
    }

    #[test]
    fn what_is_not_honoured_never_sounds_so() {
        let why = WhyNotJudged::SignedOut;
        assert_eq!(
            told_by(&Msg::NotJudged { number: 1, why }),
            Some((1, ScanAnswer::Bad))
        );
        let failed = |number| Msg::ActFailed {
            number,
            words: String::new(),
            hint: String::new(),
        };
        assert_eq!(told_by(&failed(Some(2))), Some((2, ScanAnswer::Bad)));
        assert_eq!(told_by(&failed(None)), None);
        assert_eq!(
            told_by(&Msg::NoCode { number: 3 }),
            Some((3, ScanAnswer::Taken))
        );
        // The hub has not answered yet.
        assert_eq!(told_by(&Msg::AskingHub { number: 4 }), None);
    }

    #[test]
    fn scans_that_nobody_answers_are_forgotten() {
        let mut owed = Owed::default();
        let one = ("left".to_owned(), 1);
        for number in 0..100 {
            owed.note(&one, &[ordered(number)]);
        }
        assert_eq!(owed.settle(0), None);
        assert_eq!(owed.settle(99).as_deref(), Some("left"));
    }
}
