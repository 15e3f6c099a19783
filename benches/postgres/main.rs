//! The ledger on PostgreSQL against raw SQL on the same server, in one run: claims against a raw
//! `FOR UPDATE SKIP LOCKED` with its partial index at 32 clients, redemptions against the raw
//! conditional update. It reports ratios and asserts none.
//!
//! `COUNTERFOIL_BENCH_DATABASE=postgres://USER@HOST/NAME cargo bench --bench postgres`, an empty
//! database; `-- SECONDS` for a longer run of each part.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints figures, and ends at the first fault"
)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use counterfoil::desk::{act, fill_random, mint_key, random, set_up_in};
use counterfoil::domain::campaign::{ContactKind, Rules};
use counterfoil::domain::claim::{ClaimContext, ClaimWord};
use counterfoil::domain::code::Shape;
use counterfoil::domain::ids::CampaignId;
use counterfoil::domain::notes::Notes;
use counterfoil::ledger::{ClaimRequest, Database, Drawing, GenerateOrder, Ledger, LongWork, Scan};
use jiff::Timestamp;
use postgres::{Client, NoTls};

const RAW_CLIENTS: usize = 32;
const WRITERS: usize = 4;
const GROUP: usize = 32;
const CODES: u64 = 300_000;

fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
    Timestamp::now()
}

/// Runs `work` in so many threads for so long; how often a second it counted.
fn rate(threads: usize, seconds: u64, work: impl Fn(usize, &AtomicBool, &AtomicU64) + Sync) -> f64 {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (work, stop, count) = (&work, &stop, &count);
            scope.spawn(move || work(thread, stop, count));
        }
        #[expect(clippy::disallowed_methods, reason = "a bench runs for a time")]
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Release);
    });
    #[expect(clippy::cast_precision_loss, reason = "a figure to be printed")]
    let rate = count.load(Ordering::Acquire) as f64 / seconds as f64;
    rate
}

fn raw(url: &str, seconds: u64, sql: &str) -> f64 {
    rate(RAW_CLIENTS, seconds, |thread, stop, count| {
        let mut client = Client::connect(url, NoTls).expect("a connection");
        let statement = client.prepare(sql).expect("a statement");
        let mut place = i64::try_from(thread).expect("a number");
        while !stop.load(Ordering::Acquire) {
            place += i64::try_from(RAW_CLIENTS).expect("a number");
            if client.execute(&statement, &[&place]).expect("an answer") == 1 {
                count.fetch_add(1, Ordering::AcqRel);
            }
        }
    })
}

fn claims(database: &Database, campaign: &CampaignId, seconds: u64) -> (f64, Vec<String>) {
    let given = std::sync::Mutex::new(Vec::new());
    let found = rate(WRITERS, seconds, |thread, stop, count| {
        let started = act("bench", None, now()).expect("an act");
        let mut ledger = Ledger::open_in(database, &started).expect("a ledger");
        let mut next = 0_u64;
        while !stop.load(Ordering::Acquire) {
            let people: Vec<String> = (0..GROUP)
                .map(|_| {
                    next += 1;
                    format!(
                        "c{thread}-{next}-{}@example.org",
                        started.now.as_millisecond()
                    )
                })
                .collect();
            let told = ledger
                .answer_together(&people, |ledger, email| {
                    let act = act("bench", None, now()).expect("an act");
                    let request = ClaimRequest {
                        campaign,
                        contacts: &[(ContactKind::Email, email.clone())],
                        context: ClaimContext::Send,
                        key: None,
                        minted: &mint_key(act.now).expect("a key"),
                        trigger: None,
                        notes: Notes::default(),
                        resends: false,
                        prints: false,
                        name: None,
                        consents: false,
                        random: random().expect("random bytes"),
                    };
                    ledger
                        .assign(&request, &act)
                        .expect("kept")
                        .expect("a claim")
                })
                .expect("answers");
            let codes = told
                .into_iter()
                .filter(|claim| claim.word == ClaimWord::Assigned)
                .filter_map(|claim| claim.code);
            let before = given.lock().expect("a list").len();
            let mut all = given.lock().expect("a list");
            all.extend(codes);
            count.fetch_add((all.len() - before) as u64, Ordering::AcqRel);
        }
    });
    (found, given.into_inner().expect("a list"))
}

fn redemptions(database: &Database, codes: &[String], seconds: u64) -> f64 {
    let share = codes.len() / WRITERS;
    rate(WRITERS, seconds, |thread, stop, count| {
        let started = act("bench", None, now()).expect("an act");
        let mut ledger = Ledger::open_in(database, &started).expect("a ledger");
        for group in codes
            .iter()
            .skip(thread * share)
            .take(share)
            .collect::<Vec<_>>()
            .chunks(GROUP)
        {
            if stop.load(Ordering::Acquire) {
                return;
            }
            let told = ledger
                .answer_together(group, |ledger, code| {
                    let act = act("bench", None, now()).expect("an act");
                    let minted = mint_key(act.now).expect("a key");
                    let scan = Scan::new(code.as_bytes(), &minted);
                    ledger.redeem(&scan, &act).expect("kept").verdict.word()
                })
                .expect("answers");
            let accepted = told.iter().filter(|word| **word == "accepted").count();
            count.fetch_add(accepted as u64, Ordering::AcqRel);
        }
    })
}

fn main() {
    let Ok(url) = std::env::var("COUNTERFOIL_BENCH_DATABASE") else {
        println!("COUNTERFOIL_BENCH_DATABASE names no empty database: nothing was measured");
        return;
    };
    let seconds = std::env::args()
        .find_map(|word| word.parse().ok())
        .unwrap_or(10);
    let mut client = Client::connect(&url, NoTls).expect("a connection");
    client
        .batch_execute(&format!(
            "CREATE TABLE raw_code (id BIGINT PRIMARY KEY, state BIGINT NOT NULL, customer BIGINT); \
             INSERT INTO raw_code SELECT g, 0, NULL FROM generate_series(1, {CODES}) g; \
             CREATE INDEX raw_free ON raw_code (id) WHERE state = 0; ANALYZE raw_code"
        ))
        .expect("a raw table");
    let database = Database::parse(&url).expect("a database");
    let begun = act("bench", None, now()).expect("an act");
    let mut ledger = set_up_in(&database, "Bench", "Europe/Berlin", &begun)
        .expect("kept")
        .expect("a ledger");
    let campaign: CampaignId = "coffee".parse().expect("a name");
    ledger
        .create_campaign(&campaign, &Rules::new("Free coffee"), &[7; 32], &begun)
        .expect("kept")
        .expect("a campaign");
    let order = GenerateOrder {
        campaign: campaign.clone(),
        count: CODES,
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
    let claim = "UPDATE raw_code SET state = 1, customer = $1 WHERE id = (SELECT id FROM raw_code \
                 WHERE state = 0 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)";
    let raw_claims = raw(&url, seconds, claim);
    let (our_claims, codes) = claims(&database, &campaign, seconds);
    client
        .batch_execute("UPDATE raw_code SET state = 1")
        .expect("assigned");
    let raw_uses = raw(
        &url,
        seconds,
        "UPDATE raw_code SET state = 2 WHERE id = $1 AND state = 1",
    );
    let our_uses = redemptions(&database, &codes, seconds);
    println!("raw SKIP LOCKED claims at {RAW_CLIENTS} clients: {raw_claims:.0}/s");
    println!("claims, {WRITERS} writers, groups of {GROUP}: {our_claims:.0}/s");
    println!(
        "claims, product : raw = {:.2} (goal 1.5)",
        our_claims / raw_claims
    );
    println!("raw conditional updates at {RAW_CLIENTS} clients: {raw_uses:.0}/s");
    println!("redemptions, {WRITERS} writers, groups of {GROUP}, without HTTP: {our_uses:.0}/s");
    println!("redemptions, product : raw = {:.2}", our_uses / raw_uses);
}
