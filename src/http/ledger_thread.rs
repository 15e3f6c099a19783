//! The one thread that owns the ledger: lets each question in, answers it, commits, and tells.
//!
//! Questions that have come while others were answered are answered together: one commit stores what
//! all of them wrote, and each is told after it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{oneshot, watch};

use crate::desk::{act, mint_key, random};
use crate::domain::ids::Key;
use crate::domain::json::{ClaimJson, VerdictJson};
use crate::domain::token::{Scope, Secret};
use crate::domain::verdict::Verdict;
use crate::http::asked::{Ask, AskedClaim, AskedRedemption};
use crate::http::fault::Fault;
use crate::http::guesses::Guesses;
use crate::ledger::{Act, ClaimRequest, Expected, Ledger, Scan};
use crate::sync::intake::{self, Reply};

/// The counter of what a hub writes because a store called.
const SYNC_COUNTER: &str = "sync";

/// Questions that wait for the ledger; more are told to come again.
const WAITING_MAX: usize = 256;

/// Who asks: a token's secret, and the scope that the question needs.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    pub(super) secret: String,
    pub(super) scope: Scope,
}

/// A question, and where its answer goes.
pub(super) struct Question {
    /// None: anybody may ask this.
    pub(super) bearer: Option<Bearer>,
    pub(super) ask: Ask,
    pub(super) tell: oneshot::Sender<Told>,
}

/// An answer.
pub(super) struct Told {
    /// The token's name, where one was known.
    pub(super) token: Option<String>,
    /// The JSON of it.
    pub(super) answer: Result<String, Fault>,
    /// It tells of nothing new: whoever can wait asks again once something has changed.
    pub(super) is_later: bool,
    /// It is one that somebody gets who tries codes.
    pub(super) is_guess: bool,
}

/// Where questions go in.
pub(super) type Asks = SyncSender<Question>;

/// Questions answered by one commit, at most.
const GROUP_MAX: usize = 32;

/// How long a group of questions is waited for, where the one before was one of several.
const MOMENT: Duration = Duration::from_micros(300);

/// How often it is looked for what other processes have committed, where several write one ledger.
const NEWS_OF_OTHERS: Duration = Duration::from_millis(250);

/// Where several write, giving places in the feed is a write of its own: not after every group.
const NEWS_APART: Duration = Duration::from_millis(50);

struct Keeper {
    ledger: Ledger,
    desk: Desk,
    /// Is told the newest position of the feed.
    feed: watch::Sender<i64>,
    /// When the feed was last looked at.
    told_at: Instant,
    /// The last questions came together.
    is_busy: bool,
}

/// What answers need beside the ledger.
pub(super) struct Desk {
    pub(super) allowed_hosts: Vec<String>,
    pub(super) clock: fn() -> Timestamp,
    pub(super) guesses: Arc<Guesses>,
}

/// What a question comes to.
struct Answer {
    text: String,
    is_later: bool,
    is_guess: bool,
}

impl Answer {
    fn of(text: String) -> Answer {
        Answer {
            text,
            is_later: false,
            is_guess: false,
        }
    }
}

/// Says that the thread has ended, however it did.
struct Farewell(watch::Sender<()>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.send_replace(());
    }
}

/// Begins the thread; it ends once nobody can ask any more, or by a bug, and says so by `end`.
pub(super) fn begin(
    ledger: Ledger,
    desk: Desk,
    feed: watch::Sender<i64>,
    end: watch::Sender<()>,
) -> io::Result<(Asks, JoinHandle<()>)> {
    let (asks, questions) = sync_channel(WAITING_MAX);
    let mut keeper = Keeper {
        ledger,
        desk,
        feed,
        told_at: instant(),
        is_busy: false,
    };
    let thread = std::thread::Builder::new()
        .name("ledger".into())
        .spawn(move || {
            let _farewell = Farewell(end);
            keeper.keep(&questions);
        })?;
    Ok((asks, thread))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread that owns the ledger looks again after a time"
)]
fn instant() -> Instant {
    Instant::now()
}

impl Keeper {
    fn keep(&mut self, questions: &Receiver<Question>) {
        loop {
            let first = match self.next_of(questions) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => {
                    self.tell_feed();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let group = self.group_of(first, questions);
            // A store's upload is a commit of its own: a till does not wait for hundreds of entries.
            let (of_stores, group): (Vec<_>, Vec<_>) = group
                .into_iter()
                .partition(|one| matches!(one.ask, Ask::Sync(..)));
            if !group.is_empty() {
                self.answer_all(group);
            }
            for question in of_stores {
                let told = self.desk.told(&mut self.ledger, &question, None);
                drop(question.tell.send(told));
            }
            if !self.ledger.has_several_writers() || self.told_at.elapsed() >= NEWS_APART {
                self.tell_feed();
            }
            self.ledger.rest_if_due();
        }
    }

    /// What is answered by one commit: what has come meanwhile. Where a server is asked, and those
    /// who were answered last may be about to ask again, they are given a moment to do so.
    fn group_of(&mut self, first: Question, questions: &Receiver<Question>) -> Vec<Question> {
        let mut group = vec![first];
        group.extend(questions.try_iter().take(GROUP_MAX - 1));
        if self.is_busy && self.ledger.has_several_writers() {
            let began = instant();
            while group.len() < GROUP_MAX
                && let Some(left) = MOMENT.checked_sub(began.elapsed())
                && let Ok(next) = questions.recv_timeout(left)
            {
                group.push(next);
            }
        }
        self.is_busy = group.len() > 1;
        group
    }

    /// The next question; while stores wait for news that other processes may commit, only for so long.
    fn next_of(&self, questions: &Receiver<Question>) -> Result<Question, RecvTimeoutError> {
        if self.feed.receiver_count() > 0 && self.ledger.has_several_writers() {
            return questions.recv_timeout(NEWS_OF_OTHERS.saturating_sub(self.told_at.elapsed()));
        }
        questions.recv().map_err(RecvTimeoutError::from)
    }

    /// Wakes whoever waits for something new, where there is something.
    fn tell_feed(&mut self) {
        self.told_at = instant();
        // Nobody waits: nobody is told, and the ledger is left alone.
        if self.feed.receiver_count() == 0 {
            return;
        }
        if let Ok(position) = self.ledger.feed_position() {
            self.feed.send_if_modified(|known| {
                let is_new = *known != position;
                *known = position;
                is_new
            });
        }
    }

    /// Answers what has come meanwhile. What writes is stored by one commit, and told after it.
    fn answer_all(&mut self, group: Vec<Question>) {
        let writing = group.iter().filter(|one| one.ask.writes()).count();
        let Keeper { ledger, desk, .. } = self;
        let now = (desk.clock)();
        // Where there is no randomness now, there may be some when it is asked.
        let group: Vec<(Question, Option<Key>)> = group
            .into_iter()
            .map(|question| (question, mint_key(now).ok()))
            .collect();
        let answers = if writing > 1 {
            ledger.answer_together(
                &group,
                |ledger, (question, minted)| desk.expected(ledger, question, minted.as_ref()),
                |ledger, (question, minted)| desk.told(ledger, question, minted.as_ref()),
            )
        } else {
            Ok(group
                .iter()
                .map(|(question, minted)| desk.told(ledger, question, minted.as_ref()))
                .collect())
        };
        let has_failed = answers
            .as_ref()
            .map_or(true, |all| all.iter().any(|told| told.answer.is_err()));
        match answers {
            Ok(answers) => {
                for ((question, _), told) in group.into_iter().zip(answers) {
                    // Where nobody listens any more, what was done stands: its key tells it again.
                    drop(question.tell.send(told));
                }
            }
            Err(error) => {
                let fault = Fault::from(error);
                for (question, _) in group {
                    let told = Told {
                        token: None,
                        answer: Err(fault.clone()),
                        is_later: false,
                        is_guess: false,
                    };
                    drop(question.tell.send(told));
                }
            }
        }
        if has_failed && let Ok(act) = act(SYNC_COUNTER, None, now) {
            // It may have been put off because another process died while it took back what a store
            // held: whoever asks again is answered. Where that fails too, so does the next question.
            drop(self.ledger.finish_fences(&act));
        }
    }
}

impl Desk {
    /// What a question is going to ask of the ledger, where that can be said.
    fn expected<'q>(
        &'q self,
        ledger: &mut Ledger,
        question: &'q Question,
        minted: Option<&'q Key>,
    ) -> Expected<'q> {
        let bearer = question.bearer.as_ref();
        // Whoever is not let in learns so when it is answered.
        let known = bearer.and_then(|bearer| ledger.token_of(&bearer.secret).ok().flatten());
        let Some((token, _)) = known else {
            return Expected::Anything;
        };
        let caller = token.caller();
        match (&question.ask, minted) {
            (Ask::Claim(asked), Some(minted)) => Expected::Claim {
                caller,
                key: asked.key.as_ref().unwrap_or(minted),
                campaign: &asked.campaign,
                contacts: &asked.contacts,
            },
            (Ask::Redemption(asked), Some(minted)) => Expected::Redemption {
                caller,
                key: asked.key.as_ref().unwrap_or(minted),
                raw: asked.code.as_bytes(),
                allowed_hosts: &self.allowed_hosts,
            },
            _ => Expected::Anything,
        }
    }

    fn told(&self, ledger: &mut Ledger, question: &Question, minted: Option<&Key>) -> Told {
        let mut token = None;
        let answer = self.answer(ledger, question, minted, &mut token);
        Told {
            is_later: answer.as_ref().is_ok_and(|answer| answer.is_later),
            is_guess: answer.as_ref().is_ok_and(|answer| answer.is_guess),
            answer: answer.map(|answer| answer.text),
            token,
        }
    }

    fn answer(
        &self,
        ledger: &mut Ledger,
        question: &Question,
        minted: Option<&Key>,
        token: &mut Option<String>,
    ) -> Result<Answer, Fault> {
        let now = (self.clock)();
        let (bearer, ask) = (question.bearer.as_ref(), &question.ask);
        if let Some(bearer) = bearer.filter(|bearer| bearer.scope == Scope::Sync) {
            return sync(ledger, &bearer.secret, ask, now, token);
        }
        self.answer_program(ledger, (bearer, ask), minted, now, token)
    }

    /// What a program asks, by its token.
    fn answer_program(
        &self,
        ledger: &mut Ledger,
        (bearer, ask): (Option<&Bearer>, &Ask),
        minted: Option<&Key>,
        now: Timestamp,
        token: &mut Option<String>,
    ) -> Result<Answer, Fault> {
        let mut caller = String::new();
        if let Some(bearer) = bearer {
            let (known, secret) = ledger
                .token_of(&bearer.secret)?
                .ok_or_else(Fault::unauthorized)?;
            *token = Some(known.name.to_string());
            if known.is_revoked {
                return Err(Fault::unauthorized());
            }
            if secret == Secret::Old && known.old_is_over(now) {
                let act = act(&known.caller(), None, now)?;
                ledger.end_old_secrets(&act)?;
                return Err(Fault::unauthorized());
            }
            if !known.may(bearer.scope) {
                return Err(Fault::forbidden(bearer.scope.as_str()));
            }
            if let Ask::Redemption(_) = ask {
                let waited = self.guesses.may_ask(known.name.as_str());
                waited.map_err(Fault::too_many_guesses)?;
            }
            caller = known.caller();
        }
        let text = match ask {
            Ask::Knock => Ok(String::new()),
            Ask::Health => {
                // The name of a store that knows more of this hub than there is in it.
                let knows_more = ledger.behind_of()?;
                text(&serde_json::json!({
                    "status": if knows_more.is_none() { "ok" } else { "put_back" },
                    "clock_behind": ledger.is_clock_behind(now)?,
                    "known_better_by": knows_more,
                }))
            }
            Ask::Pools => {
                let pools = ledger.pools(None, now)??;
                text(&serde_json::json!({"pools": pools}))
            }
            Ask::Claim(claim) => {
                let minted = minted.cloned().map_or_else(|| mint_key(now), Ok)?;
                Desk::claim(ledger, claim, &minted, &act(&caller, None, now)?)
            }
            Ask::Redemption(scan) => {
                let minted = minted.cloned().map_or_else(|| mint_key(now), Ok)?;
                return self.redeem(ledger, scan, &minted, &act(&caller, None, now)?);
            }
            Ask::Sync(..) => Err(Fault::unauthorized()),
        };
        text.map(Answer::of)
    }

    fn claim(
        ledger: &mut Ledger,
        asked: &AskedClaim,
        minted: &Key,
        act: &Act,
    ) -> Result<String, Fault> {
        let request = ClaimRequest {
            campaign: &asked.campaign,
            contacts: &asked.contacts,
            context: asked.context,
            key: asked.key.as_ref(),
            minted,
            trigger: asked.trigger.as_deref(),
            notes: asked.notes.clone(),
            resends: asked.resends,
            prints: false,
            name: asked.name.as_deref(),
            consents: false,
            random: random()?,
        };
        let claim = ledger.assign(&request, act)??;
        text(&ClaimJson::of(&claim, None::<()>))
    }

    fn redeem(
        &self,
        ledger: &mut Ledger,
        asked: &AskedRedemption,
        minted: &Key,
        act: &Act,
    ) -> Result<Answer, Fault> {
        if let Some(campaign) = &asked.campaign {
            // A campaign that does not exist is a wrong address; another one's code is a verdict.
            ledger.campaign(campaign)??;
        }
        let scan = Scan {
            allowed_hosts: &self.allowed_hosts,
            key: asked.key.as_ref(),
            campaign: asked.campaign.as_ref(),
            receipt: asked.receipt.as_deref(),
            customer: asked.customer.as_deref(),
            is_check: asked.is_check,
            ..Scan::new(asked.code.as_bytes(), minted)
        };
        let answer = ledger.redeem(&scan, act)?;
        Ok(Answer {
            // Nearly every guess at a generated code is misread.
            is_guess: matches!(answer.verdict, Verdict::NotFound | Verdict::Misread(..)),
            ..Answer::of(text(&VerdictJson::of(&answer))?)
        })
    }
}

/// What a store asks, by the secret of its node.
fn sync(
    ledger: &mut Ledger,
    secret: &str,
    ask: &Ask,
    now: Timestamp,
    token: &mut Option<String>,
) -> Result<Answer, Fault> {
    *token = ledger.authenticate(secret)?.map(|store| store.called());
    let Ask::Sync(request, is_last) = ask else {
        intake::may_knock(ledger, secret)??;
        return Ok(Answer::of(String::new()));
    };
    let act = act(SYNC_COUNTER, None, now)?;
    match intake::answer(ledger, secret, request, *is_last, &act)? {
        Ok(Reply::Said(text)) => Ok(Answer::of(text)),
        Ok(Reply::Later(text)) => Ok(Answer {
            is_later: true,
            ..Answer::of(text)
        }),
        Err(barred) => Err(Fault::from(barred)),
    }
}

fn text(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|fault| Fault::bug(&fault))
}
