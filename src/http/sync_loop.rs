//! A store's connection to its hub: the letters of [`crate::sync::courier`] on their way, one after
//! the other, and the two threads that keep a console in touch.
//!
//! Invariants: each thread has its own connection to the ledger and to the hub, so that nobody waits
//! for the network who has a customer before them. What ends a thread loses nothing: what was not
//! acknowledged is sent again. Not here: what is sent, and what an answer means.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::desk::{act, random};
use crate::domain::hub_status::{HubStatus, Reach};
use crate::domain::wire::{AskHub, Asked};
use crate::http::client::{ClientFault, HubClient, HubUrl, MalformedUrl, Miss, Noticed, PlainHttp};
use crate::http::tls::{TlsFault, Trust};
use crate::ledger::{HubLink, Ledger, LedgerError};
use crate::sync::courier::{Courier, Did, Letter, Line, Missed, Next, status};
use crate::sync::intake::Route;

/// The counter of what a store writes because it heard from its hub.
pub const SYNC_COUNTER: &str = "sync";

/// How long the hub may take over a scan: a person stands at the counter.
pub const SCAN_DEADLINE: Duration = Duration::from_millis(1_500);

/// How often a thread looks whether another counter has written.
const LOOKS_EVERY: Duration = Duration::from_millis(200);

/// How often it asks itself what to do where nobody has written.
const ASKS_ITSELF_EVERY: Duration = Duration::from_secs(5);

/// How often time without a contact is counted.
const COUNTS_EVERY: Duration = Duration::from_mins(1);

/// How long a hub may take to answer somebody who only looks whether it is there.
const KNOCKS_FOR: Duration = Duration::from_secs(3);

/// How long a thread rests that has no hub, or whose ledger failed.
const RESTS: Duration = Duration::from_secs(5);

/// Why there is no line to a hub.
#[derive(Debug, Error)]
pub enum LineFault {
    /// The hub's address is none.
    #[error("{0}")]
    Url(#[from] MalformedUrl),
    /// Who vouches for the hub cannot be read.
    #[error("{0}")]
    Trust(#[from] TlsFault),
    /// The client could not be made.
    #[error("{0}")]
    Client(#[from] ClientFault),
}

/// One connection to a hub, let in by one secret.
pub struct HubConnection {
    client: HubClient,
}

impl HubConnection {
    /// A connection to the hub at `url`; no byte is sent yet. Whether it may be asked in clear was
    /// decided when it was joined.
    pub fn to(url: &str, secret: &str, ca_file: Option<&Path>) -> Result<HubConnection, LineFault> {
        let url = HubUrl::parse(url, PlainHttp::Anywhere)?;
        let trust = Trust::new(ca_file)?;
        Ok(HubConnection {
            client: HubClient::new(url, secret, &trust)?,
        })
    }

    /// The connection that a ledger's link tells of. A file of certificates that is named here is taken
    /// before that of the link.
    pub fn of(link: &HubLink, ca_file: Option<&Path>) -> Result<HubConnection, LineFault> {
        let ca_file = ca_file.or(link.ca_file.as_deref());
        HubConnection::to(&link.url, &link.secret, ca_file)
    }

    /// Sends a letter and waits for its answer.
    pub fn send(&mut self, letter: &Letter) -> Result<Vec<u8>, Missed> {
        self.post(letter.route, &letter.body, letter.deadline)
    }

    /// Asks one question on behalf of somebody who waits.
    pub fn ask(&mut self, ask: &AskHub, deadline: Duration) -> Result<Asked, Missed> {
        self.say(Route::Ask, ask, deadline)
    }

    /// Says anything else, and reads its answer.
    pub fn say<T: DeserializeOwned>(
        &mut self,
        route: Route,
        said: &impl Serialize,
        deadline: Duration,
    ) -> Result<T, Missed> {
        let body = serde_json::to_vec(said).map_err(|fault| Missed::NotDone {
            why: format!("writing JSON: {fault}"),
        })?;
        let answer = self.post(route, &body, deadline)?;
        serde_json::from_slice(&answer).map_err(|fault| Missed::Unknown {
            why: format!("the hub's answer cannot be read: {fault}"),
        })
    }

    /// Asks whether it is there and lets this store in, and changes nothing at either end: why it does
    /// not let it in, else what was noticed of it.
    pub fn knock(&mut self) -> Result<Result<Noticed, String>, Missed> {
        self.client
            .get("/healthz", KNOCKS_FOR)
            .map_err(|miss| missed(&miss))?;
        // The secret is looked at before the body, and no body is this empty.
        match self.client.post(Route::Down.path(), b"{}", KNOCKS_FOR) {
            Err(
                miss @ Miss::Refused {
                    status: 401 | 403, ..
                },
            ) => Ok(Err(miss.why())),
            Ok(_) | Err(Miss::Refused { .. }) => Ok(Ok(self.client.noticed())),
            Err(miss) => Err(missed(&miss)),
        }
    }

    fn post(&mut self, route: Route, body: &[u8], deadline: Duration) -> Result<Vec<u8>, Missed> {
        self.client
            .post(route.path(), body, deadline)
            .map_err(|miss| missed(&miss))
    }
}

fn missed(miss: &Miss) -> Missed {
    let why = miss.why();
    match miss {
        Miss::Refused {
            status,
            code,
            retry_after,
            ..
        } if !miss.may_be_done() => Missed::Refused {
            why,
            code: code.clone(),
            is_shut_out: matches!(status, 401 | 403),
            retry_after: *retry_after,
        },
        _ if miss.may_be_done() => Missed::Unknown { why },
        Miss::NotSent { .. }
        | Miss::NoAnswer { .. }
        | Miss::NotTheHub { .. }
        | Miss::Refused { .. } => Missed::NotDone { why },
    }
}

/// A clock that nobody can set.
fn elapsed_clock() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "the thread that owns the connection counts the time without a contact"
    )]
    Instant::now()
}

/// What was done on one line until there was nothing more to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Entries that are at the hub now.
    pub entries: u64,
    /// Attempts.
    pub attempts: u64,
    /// Entries that are in conflict.
    pub conflicts: u64,
    /// Items of the feed that were applied.
    pub items: u64,
    /// Questions that were answered.
    pub answers: u64,
}

impl Delivered {
    fn add(&mut self, did: Did) {
        match did {
            Did::Sent {
                entries,
                attempts,
                conflicts,
            } => {
                self.entries += entries;
                self.attempts += attempts;
                self.conflicts += conflicts;
            }
            Did::Told { items, .. } => self.items += items,
            Did::Answered => self.answers += 1,
            Did::Reborn | Did::Nothing => {}
        }
    }
}

/// How far a ledger is in what its hub tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncProgress {
    /// What is here.
    pub done: u64,
    /// What there is.
    pub goal: u64,
    /// Whether these are codes: else they are changes.
    pub counts_codes: bool,
}

impl SyncProgress {
    fn of(ledger: &mut Ledger) -> Result<SyncProgress, LedgerError> {
        let (here, ahead) = ledger.codes_told()?;
        if ahead > 0 {
            return Ok(SyncProgress {
                done: here,
                goal: here.saturating_add(ahead),
                counts_codes: true,
            });
        }
        let link = ledger.hub_link()?;
        Ok(
            link.map_or_else(SyncProgress::default, |link| SyncProgress {
                done: link.cursor.position.unsigned_abs(),
                goal: link.feed_goal.unsigned_abs(),
                counts_codes: false,
            }),
        )
    }
}

/// Why bringing a ledger up to date ended early.
#[derive(Debug)]
pub enum Stopped {
    /// The ledger failed.
    Ledger(LedgerError),
    /// The hub did not answer.
    Missed(Missed),
}

impl From<LedgerError> for Stopped {
    fn from(error: LedgerError) -> Self {
        Stopped::Ledger(error)
    }
}

/// Brings a ledger and its hub up to date with each other, once: up, down, up what came of that, and
/// down what that was answered with, as the codes that it is lent.
/// `progress` is told how far it is: in codes where whole batches are to come, else in changes.
pub fn sync_once(
    ledger: &mut Ledger,
    hub: &mut HubConnection,
    clock: fn() -> Timestamp,
    progress: &mut dyn FnMut(SyncProgress),
) -> Result<Delivered, Stopped> {
    let mut delivered = Delivered::default();
    run_line(Line::Up, ledger, hub, clock, &mut delivered, progress)?;
    run_line(Line::Down, ledger, hub, clock, &mut delivered, progress)?;
    run_line(Line::Up, ledger, hub, clock, &mut delivered, progress)?;
    let is_behind = ledger
        .hub_link()?
        .is_some_and(|link| link.cursor.position < link.feed_goal);
    if is_behind {
        run_line(Line::Down, ledger, hub, clock, &mut delivered, progress)?;
    }
    Ok(delivered)
}

fn run_line(
    line: Line,
    ledger: &mut Ledger,
    hub: &mut HubConnection,
    clock: fn() -> Timestamp,
    delivered: &mut Delivered,
    progress: &mut dyn FnMut(SyncProgress),
) -> Result<(), Stopped> {
    let mut courier = Courier::new(line);
    loop {
        let now = act(SYNC_COUNTER, None, clock())?;
        let Next::Send(letter) = courier.next(ledger, false, &now)? else {
            return Ok(());
        };
        let answer = hub.send(&letter);
        let now = act(SYNC_COUNTER, None, clock())?;
        let did = match answer {
            Ok(body) => courier.answered(ledger, &letter, &body, &now)?,
            Err(missed) => Err(missed),
        };
        let did = match did {
            Ok(did) => did,
            Err(missed) => {
                courier.missed(ledger, &letter, &missed, 0, &now)?;
                return Err(Stopped::Missed(missed));
            }
        };
        delivered.add(did);
        progress(SyncProgress::of(ledger)?);
        match did {
            Did::Nothing | Did::Told { is_more: false, .. } => return Ok(()),
            Did::Sent { .. } | Did::Told { .. } | Did::Answered | Did::Reborn => {}
        }
    }
}

/// What a console's connection to its hub is made of.
#[derive(Clone)]
pub struct SyncSetup {
    /// Where the ledger is.
    pub folder: PathBuf,
    /// Who vouches for the hub, in the place of what the link says.
    pub ca_file: Option<PathBuf>,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
    /// Is told how the store stands with its hub, whenever that has changed.
    pub tell: Arc<dyn Fn(HubStatus) + Send + Sync>,
}

/// The threads that keep a store in touch with its hub: one brings what happens here within a fifth of
/// a second, the other waits at the hub for what happens elsewhere.
pub struct SyncLoop {
    stop: Arc<AtomicBool>,
    wakes: Vec<Sender<()>>,
    brings: Option<JoinHandle<()>>,
}

impl SyncLoop {
    /// Begins. A ledger that has no hub yet is looked at again now and then.
    pub fn start(setup: &SyncSetup) -> io::Result<SyncLoop> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut wakes = Vec::new();
        let mut threads = Vec::new();
        let newest = Arc::new(Mutex::new(Reach::Unknown));
        for (line, name) in [(Line::Up, "sync up"), (Line::Down, "sync down")] {
            let (wake, woken) = channel();
            let mut errand = Errand {
                setup: setup.clone(),
                line,
                stop: Arc::clone(&stop),
                woken,
                newest: Arc::clone(&newest),
                told: None,
            };
            let thread = std::thread::Builder::new()
                .name(name.into())
                .spawn(move || errand.run())?;
            wakes.push(wake);
            threads.push(thread);
        }
        Ok(SyncLoop {
            stop,
            wakes,
            // The other one may wait at the hub for half a minute: it ends by itself.
            brings: threads.into_iter().next(),
        })
    }

    /// Something was written here: looks at once.
    pub fn wake(&self) {
        for wake in &self.wakes {
            // Where its thread has ended, there is nobody to wake.
            wake.send(()).unwrap_or_default();
        }
    }

    /// Ends, once the letter under way is answered.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(thread) = self.brings.take() {
            drop(thread.join());
        }
    }
}

impl Drop for SyncLoop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wakes.clear();
    }
}

/// One thread's work.
struct Errand {
    setup: SyncSetup,
    line: Line,
    stop: Arc<AtomicBool>,
    woken: Receiver<()>,
    /// Whether the hub answers, as it was seen last on either line.
    newest: Arc<Mutex<Reach>>,
    told: Option<HubStatus>,
}

impl Errand {
    fn run(&mut self) {
        while !self.is_over() {
            // What fails is tried again: a full disk, a ledger that is being restored.
            if self.keep_in_touch().is_err() {
                self.rest(RESTS);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Rests until the time is over, or somebody wakes it.
    fn rest(&self, time: Duration) {
        // Where nobody can wake it any more, the loop has ended.
        if self.woken.recv_timeout(time) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected) {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn keep_in_touch(&mut self) -> Result<(), LedgerError> {
        let now = act(SYNC_COUNTER, None, (self.setup.clock)())?;
        let (mut ledger, _) = Ledger::open(&self.setup.folder, &now)?;
        let mut courier = Courier::new(self.line);
        let mut hub = None;
        let mut counted = elapsed_clock();
        while !self.is_over() {
            if self.line == Line::Up && counted.elapsed() >= COUNTS_EVERY {
                let passed = i64::try_from(counted.elapsed().as_millis()).unwrap_or(i64::MAX);
                ledger.age_contact(passed)?;
                counted = elapsed_clock();
            }
            let now = act(SYNC_COUNTER, None, (self.setup.clock)())?;
            let seen = ledger.version_seen()?;
            match courier.next(&mut ledger, true, &now)? {
                Next::Send(letter) => {
                    let connection = self.connection(&mut ledger, &mut hub)?;
                    let answer = match connection {
                        Some(hub) => hub.send(&letter),
                        None => Err(Missed::NotDone {
                            why: "the hub's address or certificate file cannot be used".into(),
                        }),
                    };
                    let is_shut_out = matches!(
                        answer,
                        Err(Missed::Refused {
                            is_shut_out: true,
                            ..
                        })
                    );
                    self.hear(&mut ledger, &mut courier, &letter, answer)?;
                    if is_shut_out {
                        // It may have joined again meanwhile, with another secret.
                        hub = None;
                    }
                }
                Next::Idle => {
                    self.publish(&mut ledger)?;
                    self.wait_for_change(&mut ledger, seen)?;
                }
                Next::Over => self.rest(RESTS),
            }
        }
        Ok(())
    }

    fn connection<'c>(
        &self,
        ledger: &mut Ledger,
        kept: &'c mut Option<HubConnection>,
    ) -> Result<Option<&'c mut HubConnection>, LedgerError> {
        if kept.is_none()
            && let Some(link) = ledger.hub_link()?
        {
            *kept = HubConnection::of(&link, self.setup.ca_file.as_deref()).ok();
        }
        Ok(kept.as_mut())
    }

    fn hear(
        &mut self,
        ledger: &mut Ledger,
        courier: &mut Courier,
        letter: &Letter,
        answer: Result<Vec<u8>, Missed>,
    ) -> Result<(), LedgerError> {
        let now = act(SYNC_COUNTER, None, (self.setup.clock)())?;
        let did = match answer {
            Ok(body) => courier.answered(ledger, letter, &body, &now)?,
            Err(missed) => Err(missed),
        };
        match did {
            Ok(_) => {
                self.saw(courier.reach());
                self.publish(ledger)
            }
            Err(missed) => {
                let chance = u64::from_le_bytes(random()?);
                let pause = courier.missed(ledger, letter, &missed, chance, &now)?;
                self.saw(courier.reach());
                self.publish(ledger)?;
                self.rest(pause);
                Ok(())
            }
        }
    }

    /// Until another counter has written, somebody wakes it, or some time has passed.
    fn wait_for_change(&self, ledger: &mut Ledger, seen: i64) -> Result<(), LedgerError> {
        let began = elapsed_clock();
        while !self.is_over() && began.elapsed() < ASKS_ITSELF_EVERY {
            let woken = self.woken.recv_timeout(LOOKS_EVERY);
            if woken != Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                || ledger.version_seen()? != seen
            {
                break;
            }
        }
        Ok(())
    }

    /// This line has just seen whether the hub answers: the other one, which may rest for long, goes
    /// by that too.
    fn saw(&self, reach: &Reach) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reach = reach.clone();
        if let (
            Reach::Offline { since_ms, .. },
            Reach::Offline {
                since_ms: since, ..
            },
        ) = (&*newest, &mut reach)
        {
            *since = *since_ms;
        }
        *newest = reach;
    }

    fn publish(&mut self, ledger: &mut Ledger) -> Result<(), LedgerError> {
        let now = act(SYNC_COUNTER, None, (self.setup.clock)())?;
        let reach = {
            let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            newest.clone()
        };
        let Some(status) = status(ledger, reach, &now)? else {
            return Ok(());
        };
        if self.told.as_ref() != Some(&status) {
            self.told = Some(status.clone());
            (self.setup.tell)(status);
        }
        Ok(())
    }
}
