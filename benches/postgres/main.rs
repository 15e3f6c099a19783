//! The ledger on PostgreSQL against raw SQL on the same server, in one run: claims against a raw
//! `FOR UPDATE SKIP LOCKED` with its partial index at 32 clients, and again after a million of them;
//! redemptions over HTTP against the raw conditional update at 32 clients. It reports ratios and
//! asserts none.
//!
//! `COUNTERFOIL_BENCH_DATABASE=postgres://USER@HOST/NAME cargo bench --bench postgres`, an empty
//! database; `-- --seconds 20` for longer parts, `-- --quick` to see that it runs: a second each, and
//! without the million.
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
    has_million: bool,
}

impl Sizes {
    fn read() -> Sizes {
        let words: Vec<String> = std::env::args().collect();
        let is_quick = words.iter().any(|word| word == "--quick");
        let asked = words
            .iter()
            .position(|word| word == "--seconds")
            .and_then(|place| words.get(place + 1)?.parse().ok());
        Sizes {
            part: Duration::from_secs(asked.unwrap_or(if is_quick { 1 } else { 10 })),
            codes: if is_quick { 200_000 } else { 2_500_000 },
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

#[expect(
    clippy::too_many_lines,
    reason = "a bench, told from its beginning to its end"
)]
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
    client.batch_execute("CHECKPOINT").expect("a quiet disk");

    let raw_claims = raw::claims(&url, CLIENTS, sizes.part);
    line(
        &format!("raw SKIP LOCKED claims, {CLIENTS} clients"),
        raw_claims,
    );
    let mut codes = Vec::new();
    for (writers, group) in WRITERS {
        let (rate, given) = claims(
            &database,
            &campaign,
            (writers, group),
            Until::Passed(sizes.part),
        );
        codes.extend(given);
        line(
            &format!("claims, {writers} processes, groups of {group}"),
            rate,
        );
        let what = format!("the same, product : raw ({} in flight)", writers * group);
        ratio(&what, rate / raw_claims, 1.5);
    }
    if sizes.has_million {
        let [_, many] = WRITERS;
        let (fresh, given) = claims(&database, &campaign, many, Until::Passed(sizes.part));
        codes.extend(given);
        let missing = MILLION.saturating_sub(codes.len());
        let (rate, given) = claims(&database, &campaign, many, Until::Counted(missing));
        codes.extend(given);
        line(&format!("claims, until there were {}", codes.len()), rate);
        let (late, given) = claims(&database, &campaign, many, Until::Passed(sizes.part));
        codes.extend(given);
        line("claims after a million", late);
        ratio("the same over those before", late / fresh, 0.95);
        line(
            "raw SKIP LOCKED claims once more, now that some are used",
            raw::claims(&url, CLIENTS, sizes.part),
        );
    }
    raw::assign_all(&mut client);
    let raw_uses = raw::redemptions(&url, CLIENTS, sizes.part);
    line(
        &format!("raw conditional updates, {CLIENTS} clients"),
        raw_uses,
    );
    hub::let_in(&mut ledger);
    drop(ledger);
    let parts: Vec<&[String]> = codes.chunks(codes.len().div_ceil(3)).collect();
    for (hubs, codes) in [1, 2].into_iter().zip(&parts) {
        let rate = hub::redemptions(&database, codes, hubs, CLIENTS, sizes.part);
        line(
            &format!("redemptions over HTTP, {CLIENTS} clients, {hubs} process(es)"),
            rate,
        );
        ratio("the same, product : raw", rate / raw_uses, 0.5);
    }
    let others = parts.last().copied().unwrap_or_default();
    let [few, _] = WRITERS;
    let bare = redemptions(&database, others, few, sizes.part);
    let (writers, group) = few;
    line(
        &format!("without HTTP, {writers} processes, groups of {group}"),
        bare,
    );
}
