//! The ledger on PostgreSQL against raw SQL on the same server, in one run: claims against a raw
//! `FOR UPDATE SKIP LOCKED` with its partial index at 32 clients, and again after a million of them;
//! redemptions over HTTP against the raw conditional update at 32 clients. It reports ratios and
//! asserts none.
//!
//! `COUNTERFOIL_BENCH_DATABASE=postgres://USER@HOST/NAME cargo bench --bench postgres`, an empty
//! database; `-- --seconds 20` for longer parts, `-- --redemptions` for those alone, `-- --quick` to see
//! that it runs: a second each, and without the million.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints figures, and ends at the first fault"
)]

mod callers;
mod hub;
mod raw;

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use counterfoil::desk::{act, fill_random, mint_key, random, set_up_in};
use counterfoil::domain::campaign::{ContactKind, Rules};
use counterfoil::domain::claim::{ClaimContext, ClaimWord};
use counterfoil::domain::code::Shape;
use counterfoil::domain::ids::{CampaignId, Key};
use counterfoil::domain::notes::Notes;
use counterfoil::ledger::{
    ClaimRequest, Database, Drawing, Expected, GenerateOrder, Ledger, LongWork, Scan,
};
use jiff::Timestamp;
use postgres::{Client, NoTls};

use crate::callers::{Until, run};

/// Clients of the raw statements, and of the hub.
const CLIENTS: usize = 32;

/// Processes of the hub, each answering groups of what waits: as many wait as there are clients.
const WRITERS: [(usize, usize); 2] = [(2, CLIENTS / 2), (4, CLIENTS)];

const MILLION: usize = 1_000_000;

pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
    Timestamp::now()
}

pub(crate) fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
    Instant::now()
}

/// How much is measured.
struct Sizes {
    part: Duration,
    codes: u64,
    /// Codes that are there to be used.
    used: usize,
    has_claims: bool,
    has_million: bool,
}

impl Sizes {
    fn read() -> Sizes {
        let words: Vec<String> = std::env::args().collect();
        let is_quick = words.iter().any(|word| word == "--quick");
        let asked = |name: &str| {
            let place = words.iter().position(|word| word == name)?;
            words.get(place + 1)?.parse::<u64>().ok()
        };
        Sizes {
            part: Duration::from_secs(asked("--seconds").unwrap_or(if is_quick { 1 } else { 10 })),
            codes: if is_quick { 200_000 } else { 2_500_000 },
            used: asked("--used")
                .and_then(|used| usize::try_from(used).ok())
                .unwrap_or(if is_quick { 30_000 } else { 600_000 }),
            has_claims: !words.iter().any(|word| word == "--redemptions"),
            has_million: !is_quick,
        }
    }
}

/// A claim that is about to be made: by whom, and under which key.
struct Person {
    contacts: [(ContactKind, String); 1],
    minted: Key,
}

/// Claims by so many processes in groups of so many, until it is enough; how many a second, and the
/// codes.
fn claims(
    database: &Database,
    campaign: &CampaignId,
    (writers, group): (usize, usize),
    until: Until,
) -> (f64, Vec<String>) {
    let (rate, given) = run(writers, until, |caller| {
        let started = act("bench", None, now()).expect("an act");
        let mut ledger = Ledger::open_in(database, &started).expect("a ledger");
        let mut given = Vec::new();
        let mut next = 0_u64;
        while caller.goes_on() {
            let people: Vec<Person> = (0..group)
                .map(|_| {
                    next += 1;
                    let run = started.now.as_millisecond();
                    let email = format!("c{}-{next}-{run}@example.org", caller.place());
                    Person {
                        contacts: [(ContactKind::Email, email)],
                        minted: mint_key(now()).expect("a key"),
                    }
                })
                .collect();
            let told = ledger
                .answer_together(
                    &people,
                    |_, person| Expected::Claim {
                        caller: "bench".into(),
                        key: &person.minted,
                        campaign,
                        contacts: &person.contacts,
                    },
                    |ledger, person| {
                        let act = act("bench", None, now()).ok()?;
                        let request = ClaimRequest {
                            campaign,
                            contacts: &person.contacts,
                            context: ClaimContext::Send,
                            key: None,
                            minted: &person.minted,
                            trigger: None,
                            notes: Notes::default(),
                            resends: false,
                            prints: false,
                            name: None,
                            consents: false,
                            random: random().ok()?,
                        };
                        ledger.assign(&request, &act).ok()?.ok()
                    },
                )
                .expect("answers");
            let before = given.len();
            given.extend(
                told.into_iter()
                    .flatten()
                    .filter(|claim| claim.word == ClaimWord::Assigned)
                    .filter_map(|claim| claim.code),
            );
            caller.count(given.len() - before);
        }
        given
    });
    (rate, given.into_iter().flatten().collect())
}

/// Redemptions without HTTP, as the hub's ledger thread makes them.
fn redemptions(
    database: &Database,
    codes: &[String],
    (writers, group): (usize, usize),
    part: Duration,
) -> f64 {
    let share = codes.len() / writers;
    let (rate, _) = run(writers, Until::Passed(part), |caller| {
        let started = act("bench", None, now()).expect("an act");
        let mut ledger = Ledger::open_in(database, &started).expect("a ledger");
        let own: Vec<(&String, Key)> = codes
            .iter()
            .skip(caller.place() * share)
            .take(share)
            .map(|code| (code, mint_key(now()).expect("a key")))
            .collect();
        for group in own.chunks(group) {
            if !caller.goes_on() {
                return;
            }
            let told = ledger
                .answer_together(
                    group,
                    |_, (code, minted)| Expected::Redemption {
                        caller: "bench".into(),
                        key: minted,
                        raw: code.as_bytes(),
                        allowed_hosts: &[],
                    },
                    |ledger, (code, minted)| {
                        let act = act("bench", None, now()).ok()?;
                        let scan = Scan::new(code.as_bytes(), minted);
                        Some(ledger.redeem(&scan, &act).ok()?.verdict.word())
                    },
                )
                .expect("answers");
            caller.count(
                told.iter()
                    .filter(|word| **word == Some("accepted"))
                    .count(),
            );
        }
        caller.is_out();
    });
    rate
}

fn filled(database: &Database, codes: u64) -> (Ledger, CampaignId) {
    let begun = act("bench", None, now()).expect("an act");
    let mut ledger = set_up_in(database, "Bench", "Europe/Berlin", &begun)
        .expect("kept")
        .expect("a ledger");
    let campaign: CampaignId = "coffee".parse().expect("a name");
    ledger
        .create_campaign(&campaign, &Rules::new("Free coffee"), &[7; 32], &begun)
        .expect("kept")
        .expect("a campaign");
    let order = GenerateOrder {
        campaign: campaign.clone(),
        count: codes,
        drawing: Drawing::Shape(Shape::standard()),
        is_given_out: false,
    };
    let mut work = LongWork {
        random: &mut fill_random,
        progress: &mut |_| {},
        stop: &AtomicBool::new(false),
    };
    ledger
        .generate_codes(&order, &begun, &mut work)
        .expect("kept")
        .expect("codes");
    (ledger, campaign)
}

fn line(what: &str, rate: f64) {
    println!("| {what} | {rate:.0}/s | |");
}

fn ratio(what: &str, found: f64, goal: f64) {
    let verdict = if found >= goal { "met" } else { "**missed**" };
    println!("| {what} | {found:.2} | ≥ {goal}: {verdict} |");
}

/// The server has written out what it had put off: a checkpoint falls into no part by chance, and each
/// begins with the same share of its log, in which every page is written whole once.
fn quiet(client: &mut Client) {
    client.batch_execute("CHECKPOINT").expect("a quiet disk");
}

fn main() {
    let Ok(url) = std::env::var("COUNTERFOIL_BENCH_DATABASE") else {
        println!("COUNTERFOIL_BENCH_DATABASE names no empty database: nothing was measured");
        return;
    };
    let sizes = Sizes::read();
    let mut client = Client::connect(&url, NoTls).expect("a connection");
    raw::begin(&mut client, sizes.codes);
    let database = Database::parse(&url).expect("a database");
    let (mut ledger, campaign) = filled(&database, sizes.codes);
    hub::let_in(&mut ledger);
    drop(ledger);
    let mut place = Place {
        url,
        client,
        database,
        campaign,
        sizes,
    };
    let codes = place.claims();
    place.redemptions(&codes);
}

/// Where it is measured, and how much.
struct Place {
    url: String,
    client: Client,
    database: Database,
    campaign: CampaignId,
    sizes: Sizes,
}

impl Place {
    fn claimed(&mut self, by: (usize, usize), until: Until) -> (f64, Vec<String>) {
        quiet(&mut self.client);
        claims(&self.database, &self.campaign, by, until)
    }

    fn raw_claims(&mut self) -> f64 {
        quiet(&mut self.client);
        raw::claims(&self.url, CLIENTS, self.sizes.part)
    }

    /// Claims; the codes that were given.
    fn claims(&mut self) -> Vec<String> {
        let part = Until::Passed(self.sizes.part);
        let [_, many] = WRITERS;
        let mut codes = Vec::new();
        if self.sizes.has_claims {
            let raw = self.raw_claims();
            line(&format!("raw SKIP LOCKED claims, {CLIENTS} clients"), raw);
            for (writers, group) in WRITERS {
                let (rate, given) = self.claimed((writers, group), part);
                codes.extend(given);
                let what = format!("claims, {writers} processes, groups of {group}");
                line(&what, rate);
                let what = format!("the same, product : raw ({} in flight)", writers * group);
                ratio(&what, rate / raw, 1.5);
            }
            if self.sizes.has_million {
                let (fresh, given) = self.claimed(many, part);
                codes.extend(given);
                let missing = MILLION.saturating_sub(codes.len());
                let (rate, given) = self.claimed(many, Until::Counted(missing));
                codes.extend(given);
                line(&format!("claims, until there were {}", codes.len()), rate);
                let (late, given) = self.claimed(many, part);
                codes.extend(given);
                line("claims before the million", fresh);
                line("claims after it", late);
                ratio("claims after it over those before", late / fresh, 0.95);
                let raw_late = self.raw_claims();
                line("raw claims once more, now that some are used", raw_late);
            }
        }
        let missing = self.sizes.used.saturating_sub(codes.len());
        if missing > 0 {
            let (_, given) = self.claimed(many, Until::Counted(missing));
            codes.extend(given);
        }
        codes
    }

    fn redemptions(&mut self, codes: &[String]) {
        let (part, all) = (self.sizes.part, self.sizes.codes);
        raw::assign_all(&mut self.client);
        let ordered = raw::redemptions_in_order(&self.url, CLIENTS, part);
        line(
            "raw conditional updates, in the order of their rows",
            ordered,
        );
        raw::assign_all(&mut self.client);
        let raw_uses = raw::redemptions(&self.url, CLIENTS, all, part);
        line("raw conditional updates, in no order", raw_uses);
        raw::assign_all(&mut self.client);
        let empty = hub::empty_hub(&self.url, all, CLIENTS, part);
        line("the same over HTTP by an empty hub", empty);
        for hubs in [1, 2] {
            let codes = share(codes, hubs - 1);
            quiet(&mut self.client);
            let rate = hub::redemptions(&self.database, codes, hubs, CLIENTS, part);
            line(
                &format!("redemptions over HTTP, {CLIENTS} clients, {hubs} hub(s)"),
                rate,
            );
            ratio("the same, product : raw in no order", rate / raw_uses, 0.5);
            ratio("the same, product : raw in order", rate / ordered, 0.5);
        }
        let [few, _] = WRITERS;
        let (writers, group) = few;
        quiet(&mut self.client);
        let others = share(codes, 2);
        let bare = redemptions(&self.database, others, few, part);
        line(
            &format!("without HTTP, {writers} processes, groups of {group}"),
            bare,
        );
    }
}

/// One of three parts.
fn share(codes: &[String], place: usize) -> &[String] {
    let size = codes.len() / 3;
    codes.chunks(size.max(1)).nth(place).unwrap_or_default()
}
