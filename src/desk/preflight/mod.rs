//! The preflight: the failures that hurt in production, played on a copy of the ledger by the same
//! acts that the counter and the command line do.
//!
//! Not here: the clock, which comes in; how another process of this program is started
//! ([`Surroundings`]); what a check means ([`crate::domain::preflight`]).

mod acts;

use std::io;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;

use crate::desk::{act, fill_random, mint_key, random};
use crate::domain::campaign::{Campaign, ContactKind, Rules};
use crate::domain::claim::{Claim, ClaimContext};
use crate::domain::code::{Shape, letters_of};
use crate::domain::ids::{CampaignId, Key, MalformedName};
use crate::domain::notes::Notes;
use crate::domain::preflight::{Check, Standing, Told, Trial, first_open, look_at, played_at};
use crate::domain::refusal::Refusal;
use crate::domain::slip::Slip;
use crate::domain::slip_job::SlipOutcome;
use crate::domain::verdict::Answer;
use crate::ledger::{
    ClaimRequest, Drawing, GenerateOrder, LedgerError, LongWork, Place, Rehearsal, Scan,
};

/// The counter at which everything is played.
pub const COUNTER: &str = "preflight";

/// What the play draws at most, with room to spare; a smaller pool is topped up on the copy.
const CODES_NEEDED: u64 = 40;

/// Draws of a customer that nobody knows before it is given up.
const GUESTS_TRIED_MAX: usize = 200;

const MARKER: Trial = Trial::new("marker", "the ledger is no restored or copied one");

/// What is asked of a preflight.
#[derive(Debug, Clone, Copy)]
pub struct Order<'p> {
    /// Of which campaign.
    pub campaign: &'p CampaignId,
    /// How many customers are to have a code; none: not said.
    pub audience: Option<u64>,
    /// What the marker beside the real ledger says that is wrong.
    pub marker_fault: Option<&'p str>,
    /// The wall clock.
    pub now: Timestamp,
}

/// One claim that another process of this program makes on the copy.
#[derive(Debug, Clone)]
pub struct Event {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Who asks.
    pub counter: String,
    /// How the customer is known.
    pub contact: (ContactKind, String),
    /// The caller's own key.
    pub key: Key,
    /// When it is asked.
    pub at: Timestamp,
}

/// How the roll of a printer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// Used up.
    AtItsEnd,
    /// New.
    New,
}

/// What is around the copy: other processes of this program, and a printer.
pub trait Surroundings {
    /// Lets each event be claimed by a process of its own, all in one instant; the answers in the
    /// same order.
    fn at_once(&mut self, events: &[Event]) -> io::Result<Vec<Told>>;

    /// Lets a process claim, and kills it after its commit, before it has told anybody.
    fn killed_after_commit(&mut self, event: &Event) -> io::Result<()>;

    /// Whether the shop's own printer is never asked how it is: then an end of its roll is not noticed.
    fn is_printer_deaf(&self) -> bool;

    /// Lets a printer print a slip, by the transport that slips go by.
    fn print(&mut self, slip: &Slip, paper: Paper) -> io::Result<SlipOutcome>;
}

/// Makes an event's claim on a copy.
pub fn claim(
    rehearsal: &mut Rehearsal,
    event: &Event,
) -> Result<Result<Claim, Refusal>, LedgerError> {
    let minted = mint_key(event.at)?;
    let request = ClaimRequest {
        key: Some(&event.key),
        ..request(
            &event.campaign,
            std::slice::from_ref(&event.contact),
            &minted,
        )?
    };
    let act = act(&event.counter, None, event.at)?;
    rehearsal.ledger().assign(&request, &act)
}

/// A claim to send a code, under a key of our own.
fn request<'r>(
    campaign: &'r CampaignId,
    contacts: &'r [(ContactKind, String)],
    minted: &'r Key,
) -> Result<ClaimRequest<'r>, LedgerError> {
    Ok(ClaimRequest {
        campaign,
        contacts,
        context: ClaimContext::Send,
        key: None,
        minted,
        trigger: Some("preflight"),
        notes: Notes::default(),
        name: None,
        consents: false,
        resends: false,
        prints: false,
        random: random()?,
    })
}

/// What is told of a preflight that is played on a copy.
#[derive(Debug, Clone)]
pub enum News {
    /// So many bytes of the ledger are copied, of so many.
    Copying(u64, u64),
    /// What is tried next.
    Begun(Trial),
    /// What came of it.
    Ended(Check),
}

/// Who watches a preflight.
pub struct Watch<'w> {
    /// Told what is tried next.
    pub begun: &'w mut dyn FnMut(Trial),
    /// Told what came of it; answers whether to go on.
    pub done: &'w mut dyn FnMut(Check) -> bool,
}

/// What the marker beside the real ledger says.
fn marker(fault: Option<&str>) -> Check {
    let happened = fault.map_or_else(
        || "the marker agrees".to_owned(),
        |fault| format!("the marker: {fault}; `counterfoil pool` opens it and says what follows"),
    );
    MARKER.ends(fault.is_none(), "a marker that agrees", happened)
}

/// Why a failure could not be played; that is a fail of its check.
struct Unplayed(String);

type Played = Result<Check, Unplayed>;

impl From<LedgerError> for Unplayed {
    fn from(error: LedgerError) -> Self {
        Unplayed(error.to_string())
    }
}

impl From<Refusal> for Unplayed {
    fn from(refusal: Refusal) -> Self {
        Unplayed(refusal.to_string())
    }
}

impl From<MalformedName> for Unplayed {
    fn from(fault: MalformedName) -> Self {
        Unplayed(fault.0)
    }
}

impl From<io::Error> for Unplayed {
    fn from(error: io::Error) -> Self {
        Unplayed(format!("outside the ledger: {error}"))
    }
}

/// Plays every failure on the copy, in the order of the instants they are played at.
///
/// A check that cannot be played fails, and the others go on. The refusal is that of a campaign
/// that is not there.
pub fn play(
    rehearsal: &mut Rehearsal,
    order: &Order<'_>,
    around: &mut dyn Surroundings,
    watch: &mut Watch<'_>,
) -> Result<Result<(), Refusal>, LedgerError> {
    let campaign = match rehearsal.ledger().campaign(order.campaign)? {
        Ok(campaign) => campaign,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let place = rehearsal.ledger().place()?;
    let available = match rehearsal.ledger().pools(Some(order.campaign), order.now)? {
        Ok(pools) => pools.first().map_or(0, |pool| pool.available),
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Within its hours, so that a code can be honoured; where they never come, that is said.
    let live = first_open(&campaign.rules, order.now, &place.zone)
        .unwrap_or_else(|| played_at(&campaign.rules, order.now));
    let ended = rehearsal.ended_before_given(order.campaign, live)?;
    // Those are no supply, whatever the tally says.
    let available = available.saturating_sub(ended);
    let test_mode = rehearsal
        .ledger()
        .campaigns_in_test_mode(order.now)?
        .into_iter()
        .find(|mode| mode.campaign == *order.campaign)
        .map(|mode| (mode.until, mode.customers.len()));
    let standing = Standing {
        campaign: &campaign,
        available,
        ended,
        test_mode,
        audience: order.audience,
        store: &place.store,
        zone: &place.zone,
        now: order.now,
    };
    let marker = marker(order.marker_fault);
    for check in look_at(&standing).into_iter().chain([marker]) {
        if !(watch.done)(check) {
            return Ok(Ok(()));
        }
    }
    let mut play = Play {
        live,
        has_ended: ended > 0,
        id: order.campaign,
        campaign,
        place,
        rehearsal,
        around,
        name: letters_of(&random::<8>()?),
        count: 0,
        theirs: None,
    };
    // What would keep every failure from being played was said above: it is set right on the copy.
    let prepared = play.prepare(available);
    if let Err(Unplayed(why)) = prepared {
        let trial = Trial::new("prepare", "the copy is made ready");
        (watch.done)(trial.ends(false, "a copy that can be played on", why));
        return Ok(Ok(()));
    }
    for (trial, try_it) in Play::ACTS {
        (watch.begun)(trial);
        let check = try_it(&mut play, trial)
            .unwrap_or_else(|Unplayed(why)| trial.ends(false, "that it can be played", why));
        if !(watch.done)(check) {
            break;
        }
    }
    Ok(Ok(()))
}

type ActOf<'p> = fn(&mut Play<'p>, Trial) -> Played;

/// A play under way.
struct Play<'p> {
    rehearsal: &'p mut Rehearsal,
    around: &'p mut dyn Surroundings,
    id: &'p CampaignId,
    campaign: Campaign,
    place: Place,
    /// The instant that everything but its edges is played at.
    live: Timestamp,
    /// Whether codes of the pool ended before anybody has them: they leave it unseen.
    has_ended: bool,
    /// Letters drawn for this play, so that its customers and keys are nobody's.
    name: String,
    count: u32,
    /// The customer of the first event, and their code.
    theirs: Option<((ContactKind, String), Claim)>,
}

impl Play<'_> {
    /// Opens the campaign here on the copy, and gives it codes enough to be played.
    fn prepare(&mut self, available: u64) -> Result<(), Unplayed> {
        let at = act(COUNTER, None, self.live)?;
        let ledger = self.rehearsal.ledger();
        ledger.pause_campaign(self.id, false, &at)??;
        ledger.test_mode_off(self.id, &at)??;
        let included = self.campaign.rules.stores.first().cloned();
        if let Some(store) = included
            && !self.campaign.rules.include_store(&self.place.store)
        {
            self.rehearsal.move_to_store(&store)?;
            self.place.store = store;
        }
        if available < CODES_NEEDED {
            self.generate(CODES_NEEDED)?;
        }
        Ok(())
    }

    fn generate(&mut self, count: u64) -> Result<(), Unplayed> {
        let order = GenerateOrder {
            campaign: self.id.clone(),
            count,
            drawing: Drawing::Shape(Shape::standard()),
            is_given_out: false,
        };
        let mut work = LongWork {
            random: &mut fill_random,
            progress: &mut |_| {},
            stop: &AtomicBool::new(false),
        };
        let at = act(COUNTER, None, self.live)?;
        self.rehearsal
            .ledger()
            .generate_codes(&order, &at, &mut work)??;
        Ok(())
    }

    /// A key that nobody has used.
    fn key(&mut self) -> Result<Key, Unplayed> {
        self.count += 1;
        Ok(format!("preflight-{}-{}", self.name, self.count).parse()?)
    }

    /// A customer whom the campaign can recognise and the ledger does not know.
    fn guest(&mut self) -> Result<(ContactKind, String), Unplayed> {
        for _ in 0..GUESTS_TRIED_MAX {
            let letters = letters_of(&random::<10>()?);
            let identify_by = &self.campaign.rules.identify_by;
            let guest = if identify_by.contains(&ContactKind::Email) {
                // RFC 2606: nobody's domain, ever.
                (ContactKind::Email, format!("{letters}@preflight.invalid"))
            } else if identify_by.contains(&ContactKind::Loyalty) {
                (ContactKind::Loyalty, format!("PREFLIGHT-{letters}"))
            } else {
                // Numbers that Ofcom keeps for drama: nobody's telephone.
                let [high, low] = random::<2>()?;
                let number = u16::from_be_bytes([high, low]) % 1000;
                (ContactKind::Phone, format!("+44 20 7946 0{number:03}"))
            };
            let known = self.claim(&guest, ClaimContext::View, None, self.live)?;
            if known.word.as_str() == "nothing_assigned" {
                return Ok(guest);
            }
        }
        Err(Unplayed("no customer could be thought of".to_owned()))
    }

    fn ask(
        &mut self,
        contacts: &[(ContactKind, String)],
        context: ClaimContext,
        key: Option<&Key>,
        prints: bool,
        at: Timestamp,
    ) -> Result<Claim, Unplayed> {
        let minted = mint_key(at)?;
        let request = ClaimRequest {
            context,
            key,
            prints,
            ..request(self.id, contacts, &minted)?
        };
        let act = act(COUNTER, None, at)?;
        Ok(self.rehearsal.ledger().assign(&request, &act)??)
    }

    fn claim(
        &mut self,
        guest: &(ContactKind, String),
        context: ClaimContext,
        key: Option<&Key>,
        at: Timestamp,
    ) -> Result<Claim, Unplayed> {
        self.ask(std::slice::from_ref(guest), context, key, false, at)
    }

    /// A new customer with a code of their own.
    fn given(&mut self) -> Result<((ContactKind, String), Claim), Unplayed> {
        let guest = self.guest()?;
        let claim = self.claim(&guest, ClaimContext::Send, None, self.live)?;
        if claim.code.is_none() {
            return Err(Unplayed(format!(
                "a new customer was told {} and no code",
                claim.word.as_str()
            )));
        }
        Ok((guest, claim))
    }

    /// The first event's customer, else a new one: with a code in any case.
    fn theirs(&mut self) -> Result<((ContactKind, String), Claim), Unplayed> {
        match &self.theirs {
            Some(theirs) => Ok(theirs.clone()),
            None => self.given(),
        }
    }

    fn scan(&mut self, text: &str, at: Timestamp) -> Result<Answer, Unplayed> {
        let minted = mint_key(at)?;
        let act = act(COUNTER, None, at)?;
        let scan = Scan::new(text.as_bytes(), &minted);
        Ok(self.rehearsal.ledger().redeem(&scan, &act)?)
    }

    fn available(&mut self) -> Result<i64, Unplayed> {
        let pools = self.rehearsal.ledger().pools(Some(self.id), self.live)??;
        let available = pools.first().map_or(0, |pool| pool.available);
        let ended = if self.has_ended {
            self.rehearsal.ended_before_given(self.id, self.live)?
        } else {
            0
        };
        Ok(i64::try_from(available.saturating_sub(ended)).unwrap_or(i64::MAX))
    }

    /// Changes the copy's rules.
    fn set_rules(&mut self, change: impl Fn(&mut Rules)) -> Result<(), Unplayed> {
        let act = act(COUNTER, None, self.live)?;
        let ledger = self.rehearsal.ledger();
        ledger.set_campaign(self.id, change, &act)??;
        Ok(())
    }

    fn event(&mut self, counter: &str, contact: &(ContactKind, String)) -> Result<Event, Unplayed> {
        Ok(Event {
            campaign: self.id.clone(),
            counter: counter.to_owned(),
            contact: contact.clone(),
            key: self.key()?,
            at: self.live,
        })
    }
}
