//! The store's side: what is to be sent to the hub next, and how its answer is taken.
//!
//! Two lines run beside each other, each with its own [`Courier`]: [`Line::Up`] brings what happened
//! here, asks again what was not answered, and asks for a life where this ledger has none that the hub
//! knows; [`Line::Down`] is told what happened elsewhere, and waits for it at the hub. Time, chance and
//! the network come in.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;

use crate::domain::hub_status::{HubStatus, Reach};
use crate::domain::wire::{
    AskHub, Asked, Down, Hello, Joined, Page, Question, Standing, UpAnswer, WIRE,
};
use crate::ledger::{Act, HubLink, Ledger, LedgerError};
use crate::sync::intake::Route;

/// How long the hub holds a question for something new.
pub const WAITS: Duration = Duration::from_secs(25);

/// How long an answer is waited for that the hub gives at once.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// How long the answer to a question that is asked again is waited for.
const ASKED_AGAIN_WITHIN: Duration = Duration::from_secs(5);

/// The shortest pause after a miss, and the longest.
const PAUSES_MS: (u64, u64) = (500, 20_000);

/// The longest pause that a hub can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// Which way a courier goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// To the hub.
    Up,
    /// From it.
    Down,
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct Letter {
    /// To where.
    pub route: Route,
    /// The JSON of it.
    pub body: Vec<u8>,
    /// How long its answer is waited for.
    pub deadline: Duration,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Live,
    Up,
    Ask(Box<Question>),
    Down,
}

/// What to do next.
#[derive(Debug)]
pub enum Next {
    /// Send this, and say what came of it.
    Send(Box<Letter>),
    /// There is nothing to do before something happens here.
    Idle,
    /// This ledger has no hub, or is not let in any more.
    Over,
}

/// What a letter did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// Entries are at the hub now.
    Sent {
        /// How many.
        entries: u64,
        /// How many attempts.
        attempts: u64,
        /// Entries that are in conflict.
        conflicts: u64,
    },
    /// A page of the feed was applied.
    Told {
        /// How many items it held.
        items: u64,
        /// Whether more is there already.
        is_more: bool,
    },
    /// A question was answered.
    Answered,
    /// The hub was asked for a life.
    Reborn,
    /// The answer was somebody else's, or about something else: nothing of it counts.
    Nothing,
}

/// Why a letter has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// It was certainly not done.
    NotDone {
        /// What stood in the way, in plain words.
        why: String,
    },
    /// It may have been done.
    Unknown {
        /// What stood in the way, in plain words.
        why: String,
    },
    /// The hub itself refuses it.
    Refused {
        /// What it refuses and why.
        why: String,
        /// The refusal's name for programs.
        code: String,
        /// Whether it knows this store no more.
        is_shut_out: bool,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
}

impl Missed {
    /// What stood in the way, in plain words.
    pub fn why(&self) -> &str {
        match self {
            Missed::NotDone { why } | Missed::Unknown { why } | Missed::Refused { why, .. } => why,
        }
    }
}

/// One line of a store to its hub.
#[derive(Debug)]
pub struct Courier {
    line: Line,
    reach: Reach,
    misses: u32,
    has_greeted: bool,
    /// Questions to be asked again, taken from the ledger already.
    questions: VecDeque<Question>,
}

impl Courier {
    /// A line on which nothing was sent yet.
    pub fn new(line: Line) -> Courier {
        Courier {
            line,
            reach: Reach::Unknown,
            misses: 0,
            has_greeted: false,
            questions: VecDeque::new(),
        }
    }

    /// Whether the hub answers on this line.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// What is to be sent now. `waits` where there is time to wait for something new.
    pub fn next(
        &mut self,
        ledger: &mut Ledger,
        waits: bool,
        act: &Act,
    ) -> Result<Next, LedgerError> {
        let Some(link) = ledger.hub_link()? else {
            return Ok(Next::Over);
        };
        if link.lets_go {
            ledger.finish_letting_go()?;
        }
        match self.line {
            Line::Up => self.next_up(ledger, &link, act),
            Line::Down => {
                // Whoever was out of reach does not wait for news before saying that they are back.
                let waits = waits && !matches!(self.reach, Reach::Offline { .. });
                next_down(ledger, &link, waits, act)
            }
        }
    }

    fn next_up(
        &mut self,
        ledger: &mut Ledger,
        link: &HubLink,
        act: &Act,
    ) -> Result<Next, LedgerError> {
        if link.standing == Standing::Quarantined
            && let Some(asked) = ledger.new_life_request(act.now)?
        {
            return letter(Route::Live, &asked, ANSWERS_WITHIN, Content::Live);
        }
        let Some(up) = ledger.up_batch(act.now)? else {
            return Ok(Next::Over);
        };
        if !up.entries.is_empty()
            || !up.attempts.is_empty()
            || up.known.is_some()
            || !self.has_greeted
        {
            return letter(Route::Up, &up, ANSWERS_WITHIN, Content::Up);
        }
        if self.questions.is_empty() {
            self.questions = ledger.pending_questions(act)?.into();
        }
        let Some(question) = self.questions.pop_front() else {
            return Ok(Next::Idle);
        };
        let ask = AskHub {
            hello: up.hello,
            question,
            hub: up.hub,
        };
        let content = Content::Ask(Box::new(ask.question.clone()));
        letter(Route::Ask, &ask, ASKED_AGAIN_WITHIN, content)
    }

    /// Takes an answer. One that cannot be read, or is another hub's, is a miss like any other.
    pub fn answered(
        &mut self,
        ledger: &mut Ledger,
        sent: &Letter,
        body: &[u8],
        act: &Act,
    ) -> Result<Result<Did, Missed>, LedgerError> {
        let did = match &sent.content {
            Content::Live => match read::<Joined>(body) {
                Ok(joined) => {
                    ledger.heard_life(&joined, act)?;
                    Ok(Did::Reborn)
                }
                Err(missed) => Err(missed),
            },
            Content::Up => match read::<UpAnswer>(body) {
                Ok(answer) => Ok(self.heard_up(ledger, &answer, act)?),
                Err(missed) => Err(missed),
            },
            Content::Ask(question) => match read::<Asked>(body) {
                Ok(asked) => {
                    ledger.hear_again(question, &asked, act)?;
                    Ok(Did::Answered)
                }
                Err(missed) => Err(missed),
            },
            Content::Down => match read::<Page>(body) {
                Ok(page) if ledger.apply_page(&page, act)? => Ok(Did::Told {
                    items: page.items.len() as u64,
                    is_more: page.more,
                }),
                Ok(_) => Ok(Did::Nothing),
                Err(missed) => Err(missed),
            },
        };
        if did.is_ok() {
            self.reach = Reach::Online;
            self.misses = 0;
        }
        Ok(did)
    }

    fn heard_up(
        &mut self,
        ledger: &mut Ledger,
        answer: &UpAnswer,
        act: &Act,
    ) -> Result<Did, LedgerError> {
        let before = ledger.hub_link()?;
        let heard = ledger.heard_up(answer, act)?;
        let after = ledger.hub_link()?;
        self.has_greeted = true;
        Ok(match (before, after) {
            (Some(before), Some(after)) => Did::Sent {
                entries: (after.acked_seq - before.acked_seq).max(0).unsigned_abs(),
                attempts: (after.acked_attempt - before.acked_attempt)
                    .max(0)
                    .unsigned_abs(),
                conflicts: heard.conflicts,
            },
            _ => Did::Nothing,
        })
    }

    /// A letter has no answer: nothing is acknowledged, nothing is lost. How long to wait before the
    /// next try; `chance` is any random number.
    pub fn missed(
        &mut self,
        ledger: &mut Ledger,
        sent: &Letter,
        missed: &Missed,
        chance: u64,
        act: &Act,
    ) -> Result<Duration, LedgerError> {
        if let (Content::Ask(question), Missed::NotDone { .. }) = (&sent.content, missed) {
            ledger.not_asked(question)?;
        }
        for question in self.questions.drain(..) {
            // They were taken as asked, and were not.
            ledger.not_asked(&question)?;
        }
        self.has_greeted = false;
        if !matches!(self.reach, Reach::Offline { .. }) {
            self.reach = Reach::Offline {
                since_ms: act.now.as_millisecond(),
                why: missed.why().to_owned(),
            };
        }
        if let Reach::Offline { why, .. } = &mut self.reach {
            missed.why().clone_into(why);
        }
        self.misses = self.misses.saturating_add(1);
        let asked_for = match missed {
            Missed::Refused { retry_after, .. } => {
                retry_after.map(|time| time.min(RETRY_AFTER_MAX))
            }
            Missed::NotDone { .. } | Missed::Unknown { .. } => None,
        };
        Ok(asked_for
            .unwrap_or_default()
            .max(pause(self.misses, chance)))
    }
}

/// How long to wait after so many misses in a row: twice as long each time, and never quite the same,
/// so that forty stores do not come back in one second.
fn pause(misses: u32, chance: u64) -> Duration {
    let (shortest, longest) = PAUSES_MS;
    let doubled = shortest.saturating_mul(1 << misses.saturating_sub(1).min(16));
    let whole = doubled.min(longest);
    Duration::from_millis(whole / 2 + chance % (whole / 2 + 1))
}

fn next_down(
    ledger: &mut Ledger,
    link: &HubLink,
    waits: bool,
    act: &Act,
) -> Result<Next, LedgerError> {
    let (incarnation, seq) = ledger.newest_entry()?;
    // From the beginning only once the hub has everything: it may have been restored, and then it
    // would tell of rights that were given back, and of codes as they were.
    let is_anew = link.cursor.position == 0 && link.cursor.code_after == 0;
    if link.retold_after.is_some() || is_anew && seq > link.acked_seq {
        return Ok(Next::Idle);
    }
    let waits = waits && link.cursor.position >= link.feed_goal;
    let wait = if waits { WAITS } else { Duration::ZERO };
    let down = Down {
        hello: Hello {
            wire: WIRE,
            node: ledger.place()?.node,
            incarnation,
            now_ms: act.now.as_millisecond(),
            unsent: (seq - link.acked_seq).max(0).unsigned_abs(),
        },
        after: link.cursor,
        hub: ledger.hub_known()?,
        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(0),
        standing: Some(link.standing),
    };
    letter(Route::Down, &down, wait + ANSWERS_WITHIN, Content::Down)
}

fn letter(
    route: Route,
    value: &impl serde::Serialize,
    deadline: Duration,
    content: Content,
) -> Result<Next, LedgerError> {
    let body = serde_json::to_vec(value).map_err(|fault| LedgerError {
        op: "write",
        thing: "a letter to the hub".into(),
        cause: fault.into(),
    })?;
    Ok(Next::Send(Box::new(Letter {
        route,
        body,
        deadline,
        content,
    })))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Missed> {
    serde_json::from_slice(body).map_err(|fault| Missed::Unknown {
        why: format!("the hub's answer cannot be read: {fault}"),
    })
}

/// How a store stands with its hub; none: it has none.
pub fn status(
    ledger: &mut Ledger,
    reach: Reach,
    act: &Act,
) -> Result<Option<HubStatus>, LedgerError> {
    let Some(link) = ledger.hub_link()? else {
        return Ok(None);
    };
    let (_, seq) = ledger.newest_entry()?;
    let pending = ledger.unanswered_questions()?.len();
    let (codes_here, codes_ahead) = ledger.codes_told()?;
    Ok(Some(HubStatus {
        reach,
        standing: link.standing,
        may_hold: link.may_hold(act.now.as_millisecond()),
        unsent: (seq - link.acked_seq).max(0).unsigned_abs(),
        pending: pending as u64,
        behind: (link.feed_goal - link.cursor.position)
            .max(0)
            .unsigned_abs(),
        position: link.cursor.position.max(0).unsigned_abs(),
        codes_here,
        codes_ahead,
        last_contact_ms: link.last_contact_ms,
        clock_offset_ms: link.clock_offset_ms,
        hub_is_behind: link.hub_is_behind,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_is_bounded_and_is_never_the_same_for_all() {
        let most: Vec<_> = (1..12).map(|misses| pause(misses, u64::MAX)).collect();
        assert!(most.is_sorted_by_key(|time| *time >= Duration::from_secs(1)));
        for misses in 1..40 {
            for chance in [0, 1, 77, u64::MAX] {
                let time = pause(misses, chance);
                assert!(time >= Duration::from_millis(250), "{misses} {chance}");
                assert!(time <= Duration::from_secs(20), "{misses} {chance}");
            }
        }
        assert_ne!(pause(8, 1), pause(8, 20_000));
    }
}
