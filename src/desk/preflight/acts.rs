//! The failures, one act each: what is done on the copy, and which rule judges it.

use jiff::{SignedDuration, Timestamp};

use crate::desk::act;
use crate::desk::preflight::{ActOf, CODES_NEEDED, COUNTER, Event, Paper, Play, Played, Unplayed};
use crate::domain::campaign::ContactKind;
use crate::domain::claim::{Claim, ClaimContext};
use crate::domain::local_time::last_in_words;
use crate::domain::preflight::{
    Check, EmptyPool, PRESENTED_MAX, PaperOut, Told, Trial, gives, gives_nothing, honours,
    keeps_slip, outlasts_empty_pool, previews, refuses, rereads, survives, worst_of,
};
use crate::domain::slip_job::SlipOutcome;

/// Two processes at once are tried so often.
const ROUNDS: usize = 3;

const NOT_YET: Trial = Trial::new("not_yet", "before the start");
const SAME_EVENT: Trial = Trial::new("same_event", "the same event three times");
const SAME_EVENT_AT_ONCE: Trial = Trial::new("same_event_at_once", "the same event twice at once");
const SAME_CUSTOMER_AT_ONCE: Trial = Trial::new(
    "same_customer_at_once",
    "two events of one customer at once",
);
const TWO_CUSTOMERS_AT_ONCE: Trial = Trial::new("two_customers_at_once", "two customers at once");
const PREVIEW: Trial = Trial::new("preview", "a preview of the message");
const VIEW: Trial = Trial::new("view", "the message looked at again");
const FORWARD: Trial = Trial::new("forward", "the message forwarded");
const CONTACT: Trial = Trial::new("contact", "an empty or malformed contact");
const NO_CONTACT: Trial = Trial::new("no_contact", "an event that names no customer");
const STORE_ELSEWHERE: Trial = Trial::new("wrong_store", "a store that is not included");
const PAPER_OUT: Trial = Trial::new("paper_out", "the printer out of paper");
const CRASH: Trial = Trial::new("crash", "killed between claim and answer");
const EXHAUSTED: Trial = Trial::new("exhausted", "the pool empty, then refilled");
const VALIDITY: Trial = Trial::new("validity", "codes are valid for some time");
const HONOURED: Trial = Trial::new("honoured", "a code presented again and again");
const EXPIRED: Trial = Trial::new("expired", "at the end");
const CHAIN: Trial = Trial::new("chain", "the chain of entries holds");

impl<'p> Play<'p> {
    /// Every failure that is played. Those that change the copy's rules put them back.
    pub(super) const ACTS: [(Trial, ActOf<'p>); 18] = [
        (NOT_YET, Self::not_yet),
        (SAME_EVENT, Self::same_event),
        (SAME_EVENT_AT_ONCE, Self::same_event_at_once),
        (SAME_CUSTOMER_AT_ONCE, Self::same_customer_at_once),
        (TWO_CUSTOMERS_AT_ONCE, Self::two_customers_at_once),
        (PREVIEW, Self::preview),
        (VIEW, Self::view),
        (FORWARD, Self::forward),
        (CONTACT, Self::contact),
        (NO_CONTACT, Self::no_contact),
        (STORE_ELSEWHERE, Self::store_elsewhere),
        (PAPER_OUT, Self::paper_out),
        (CRASH, Self::crash),
        (EXHAUSTED, Self::exhausted),
        (VALIDITY, Self::validity),
        (HONOURED, Self::honoured),
        (EXPIRED, Self::expired),
        (CHAIN, Self::chain),
    ];

    fn same_event(&mut self, trial: Trial) -> Played {
        let (guest, key) = (self.guest()?, self.key()?);
        let before = self.available()?;
        let mut told = Vec::new();
        for _ in 0..3 {
            let claim = self.claim(&guest, ClaimContext::Send, Some(&key), self.live)?;
            told.push(Told::from(&claim));
            if claim.code.is_some() {
                self.theirs = Some((guest.clone(), claim));
            }
        }
        Ok(gives(trial, &told, 1, before - self.available()?))
    }

    /// Rounds of events that are claimed in one instant.
    fn at_once(
        &mut self,
        trial: Trial,
        codes: usize,
        events: impl Fn(&mut Self) -> Result<[Event; 2], Unplayed>,
    ) -> Played {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let events = events(self)?;
            let before = self.available()?;
            let told = self.around.at_once(&events)?;
            if told.len() != events.len() {
                return Err(Unplayed("a process has not answered".to_owned()));
            }
            rounds.push(gives(trial, &told, codes, before - self.available()?));
        }
        worst_of(rounds).ok_or_else(|| Unplayed("no round was played".to_owned()))
    }

    fn same_event_at_once(&mut self, trial: Trial) -> Played {
        self.at_once(trial, 1, |play| {
            let guest = play.guest()?;
            let event = play.event(COUNTER, &guest)?;
            Ok([event.clone(), event])
        })
    }

    fn same_customer_at_once(&mut self, trial: Trial) -> Played {
        let each = self.campaign.rules.per_customer.min(2);
        let check = self.at_once(trial, usize::from(each > 1) + 1, |play| {
            let guest = play.guest()?;
            Ok([
                play.event("preflight 1", &guest)?,
                play.event("preflight 2", &guest)?,
            ])
        })?;
        Ok(Check {
            happened: if each > 1 {
                format!(
                    "{}: the campaign allows {}",
                    check.happened, self.campaign.rules.per_customer
                )
            } else {
                check.happened
            },
            ..check
        })
    }

    fn two_customers_at_once(&mut self, trial: Trial) -> Played {
        self.at_once(trial, 2, |play| {
            let (one, other) = (play.guest()?, play.guest()?);
            Ok([
                play.event("preflight 1", &one)?,
                play.event("preflight 2", &other)?,
            ])
        })
    }

    fn preview(&mut self, trial: Trial) -> Played {
        let guest = self.guest()?;
        let before = self.available()?;
        let claim = self.claim(&guest, ClaimContext::Preview, None, self.live)?;
        let placeholder = claim.code.clone().unwrap_or_default();
        let scanned = self.scan(&placeholder, self.live)?;
        let fell_by = before - self.available()?;
        Ok(previews(
            trial,
            &Told::from(&claim),
            scanned.verdict.word(),
            fell_by,
        ))
    }

    fn view(&mut self, trial: Trial) -> Played {
        let (guest, given) = self.theirs()?;
        let before = self.available()?;
        let claim = self.claim(&guest, ClaimContext::View, None, self.live)?;
        let fell_by = before - self.available()?;
        let told = Told::from(&claim);
        Ok(rereads(trial, &told, given.code.as_deref(), fell_by))
    }

    fn forward(&mut self, trial: Trial) -> Played {
        let (guest, _) = self.theirs()?;
        let before = self.available()?;
        let claim = self.claim(&guest, ClaimContext::Forward, None, self.live)?;
        let fell_by = before - self.available()?;
        Ok(gives_nothing(
            trial,
            &[Told::from(&claim)],
            &["forward"],
            fell_by,
        ))
    }

    fn contact(&mut self, trial: Trial) -> Played {
        const REASONS: [&str; 2] = ["invalid_contact", "not_eligible"];
        let before = self.available()?;
        let mut told = Vec::new();
        for (kind, text) in [
            (ContactKind::Email, ""),
            (ContactKind::Email, "%%email%%"),
            (ContactKind::Phone, "12"),
            (ContactKind::Loyalty, "  "),
        ] {
            let guest = (kind, text.to_owned());
            let claim = self.claim(&guest, ClaimContext::Send, None, self.live)?;
            told.push(Told::from(&claim));
        }
        Ok(gives_nothing(
            trial,
            &told,
            &REASONS,
            before - self.available()?,
        ))
    }

    /// Where the campaign allows customers without a contact, an empty request draws a code.
    fn no_contact(&mut self, trial: Trial) -> Played {
        let before = self.available()?;
        let claim = self.ask(&[], ClaimContext::Send, None, false, self.live)?;
        let fell_by = before - self.available()?;
        let told = [Told::from(&claim)];
        let allowed = self.campaign.rules.allow_anonymous_per_day;
        if allowed == 0 {
            return Ok(gives_nothing(trial, &told, &["not_eligible"], fell_by));
        }
        Ok(gives(trial, &told, 1, fell_by).but(&format!(
            "the campaign allows {allowed} a day: an event that lost its contact draws one"
        )))
    }

    fn store_elsewhere(&mut self, trial: Trial) -> Played {
        let (_, given) = self.given()?;
        let code = given.code.unwrap_or_default();
        let home = self.place.store.clone();
        let elsewhere = format!("elsewhere {}", self.name);
        let stores = self.campaign.rules.stores.clone();
        if stores.is_empty() {
            // Every store is included: on the copy, this one alone.
            self.set_rules(|rules| rules.stores = vec![home.clone()])?;
        }
        let guest = self.guest()?;
        let before = self.available()?;
        self.rehearsal.move_to_store(&elsewhere)?;
        let tried = self
            .claim(&guest, ClaimContext::Send, None, self.live)
            .and_then(|claim| Ok((claim, self.scan(&code, self.live)?)));
        self.rehearsal.move_to_store(&home)?;
        self.set_rules(|rules| rules.stores.clone_from(&stores))?;
        let (claim, scanned) = tried?;
        let fell_by = before - self.available()?;
        Ok(refuses(
            trial,
            &Told::from(&claim),
            "not_eligible",
            Some(scanned.verdict.word()),
            &["wrong_store"],
            fell_by,
        ))
    }

    fn paper_out(&mut self, trial: Trial) -> Played {
        let guest = self.guest()?;
        let before = self.available()?;
        let guests = std::slice::from_ref(&guest);
        let claim = self.ask(guests, ClaimContext::Send, None, true, self.live)?;
        let act = act(COUNTER, None, self.live)?;
        let mut paper = PaperOut {
            code: claim.code.clone(),
            first: claim.slip.as_ref().map(|job| job.slip.code.clone()),
            why: None,
            again: None,
            is_printed_again: false,
            fell_by: 0,
        };
        if let Some(job) = &claim.slip {
            let outcome = self.around.print(&job.slip, Paper::AtItsEnd)?;
            let ledger = self.rehearsal.ledger();
            ledger.slip_done(job.number, &outcome)?;
            paper.why = ledger
                .open_slips(&act)?
                .into_iter()
                .find(|open| open.number == job.number)
                .and_then(|open| open.why);
            let again = ledger.order_slip(job.slip.code.as_bytes(), &act)??;
            let outcome = self.around.print(&again.slip, Paper::New)?;
            self.rehearsal.ledger().slip_done(again.number, &outcome)?;
            paper.is_printed_again = outcome == SlipOutcome::Printed;
            paper.again = Some((again.slip.code, again.slip.copy));
        }
        paper.fell_by = before - self.available()?;
        let check = keeps_slip(trial, &paper);
        Ok(if self.around.is_printer_deaf() {
            check.but("but this shop's printer is not asked: its slips count as printed")
        } else {
            check
        })
    }

    fn crash(&mut self, trial: Trial) -> Played {
        let guest = self.guest()?;
        let event = self.event(COUNTER, &guest)?;
        let before = self.available()?;
        self.around.killed_after_commit(&event)?;
        let fell_by = before - self.available()?;
        let mut told = Vec::new();
        for _ in 0..2 {
            let claim = self.claim(&guest, ClaimContext::Send, Some(&event.key), self.live)?;
            told.push(Told::from(&claim));
        }
        let fell_then_by = before - self.available()?;
        Ok(survives(trial, &told, (fell_by, fell_then_by)))
    }

    fn exhausted(&mut self, trial: Trial) -> Played {
        let (guest, key) = (self.guest()?, self.key()?);
        let emptied = self.rehearsal.empty_pool(self.id)??;
        let before = self.available()?;
        let empty = self.claim(&guest, ClaimContext::Send, Some(&key), self.live)?;
        let fell_by = before - self.available()?;
        self.generate(CODES_NEEDED)?;
        let before = self.available()?;
        let refilled = self.claim(&guest, ClaimContext::Send, Some(&key), self.live)?;
        let fell_then_by = before - self.available()?;
        self.rehearsal.refill_pool(&emptied)?;
        let scan = match &empty.fallback {
            Some(words) => Some(self.scan(words, self.live)?.verdict.word()),
            None => None,
        };
        let pool = EmptyPool {
            words: self.campaign.rules.fallback.as_deref(),
            empty: (Told::from(&empty), empty.fallback.clone(), fell_by),
            scan,
            refilled: (Told::from(&refilled), fell_then_by),
        };
        Ok(outlasts_empty_pool(trial, &pool))
    }

    /// The edge before the start is tried with a start of tomorrow, set on the copy: so the copy's
    /// clock need not go back.
    fn not_yet(&mut self, trial: Trial) -> Played {
        let (_, given) = self.given()?;
        let code = given.code.unwrap_or_default();
        let guest = self.guest()?;
        let starts = self.campaign.rules.starts_at;
        let before = self.available()?;
        let eve = match starts {
            Some(starts) => self.claim(&guest, ClaimContext::Send, None, earlier(starts))?,
            None => self.claim_before_a_start(&guest)?,
        };
        let scanned = self.with_start(|play| play.scan(&code, play.live))?;
        let fell_by = before - self.available()?;
        Ok(refuses(
            trial,
            &Told::from(&eve),
            "not_live",
            Some(scanned.verdict.word()),
            &["not_yet_valid", "needs_approval"],
            fell_by,
        ))
    }

    fn claim_before_a_start(&mut self, guest: &(ContactKind, String)) -> Result<Claim, Unplayed> {
        self.with_start(|play| play.claim(guest, ClaimContext::Send, None, play.live))
    }

    /// Tries something while the copy's campaign starts a day later, and has no end.
    fn with_start<T>(
        &mut self,
        tried: impl FnOnce(&mut Self) -> Result<T, Unplayed>,
    ) -> Result<T, Unplayed> {
        let (starts, ends) = (self.campaign.rules.starts_at, self.campaign.rules.ends_at);
        let tomorrow = self.live.checked_add(SignedDuration::from_hours(24)).ok();
        self.set_rules(|rules| {
            rules.starts_at = tomorrow;
            rules.ends_at = None;
        })?;
        let tried = tried(self);
        self.set_rules(|rules| {
            rules.starts_at = starts;
            rules.ends_at = ends;
        })?;
        tried
    }

    fn validity(&mut self, trial: Trial) -> Played {
        let (_, claim) = self.theirs()?;
        let is_well = claim.expires_at.is_none_or(|end| end > self.live);
        let happened = claim.expires_at.map_or_else(
            || "until it is used".to_owned(),
            |end| format!("until {}", last_in_words(end, &self.place.zone)),
        );
        Ok(trial.ends(is_well, "an end after it is given", happened))
    }

    fn honoured(&mut self, trial: Trial) -> Played {
        let (_, claim) = self.given()?;
        let code = claim.code.unwrap_or_default();
        let mut accepted = 0;
        let then = loop {
            let verdict = self.scan(&code, self.live)?.verdict;
            if verdict.word() != "accepted" || accepted == PRESENTED_MAX {
                break verdict;
            }
            accepted += 1;
        };
        let then = (then.word(), then.band().as_str());
        Ok(honours(trial, accepted, then, &self.campaign.rules))
    }

    fn expired(&mut self, trial: Trial) -> Played {
        let (_, claim) = self.given()?;
        let code = claim.code.unwrap_or_default();
        let Some(end) = self.campaign.rules.ends_at else {
            let lives = match claim.expires_at {
                Some(end) => format!("a code itself is {}", self.scan(&code, end)?.verdict.word()),
                None => "its codes are honoured for ever".to_owned(),
            };
            return Ok(trial.warns(
                "an end",
                format!("not tried: the campaign has no end; {lives}"),
            ));
        };
        let guest = self.guest()?;
        let before = self.available()?;
        let claim = self.claim(&guest, ClaimContext::Send, None, end)?;
        let scanned = self.scan(&code, end)?;
        let fell_by = before - self.available()?;
        Ok(refuses(
            trial,
            &Told::from(&claim),
            "not_live",
            Some(scanned.verdict.word()),
            &["expired", "needs_approval"],
            fell_by,
        ))
    }

    fn chain(&mut self, trial: Trial) -> Played {
        let health = self.rehearsal.ledger().verify_chain()?;
        let happened = health.faults.first().map_or_else(
            || format!("{} entries, what was played included", health.entries),
            Clone::clone,
        );
        Ok(trial.ends(
            health.faults.is_empty(),
            "every entry follows from the one before",
            happened,
        ))
    }
}

/// The last instant before another.
fn earlier(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_millis(1)).unwrap_or(at)
}
