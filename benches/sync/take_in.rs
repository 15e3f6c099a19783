//! How fast a hub takes in what stores send: batches of 500 entries, each a use of a code that was given
//! out, judged, linked, added up and committed.

use std::time::Instant;

use counterfoil::domain::wire::{ENTRIES_MAX, Up};
use counterfoil::ledger::{Database, Ledger};

use crate::arguments::Arguments;
use crate::hub::{Hub, Kept, act, node_of};
use crate::writer::Writer;
use crate::{Times, rate};

/// Entries a second.
const GOAL: f64 = 50_000.0;

/// Processes of a hub in a database, each of which takes in what another store sends: as many as there
/// are processors, the server's own work among it.
const WRITERS: usize = 2;

/// What was measured by one writer.
struct Measured {
    times: Times,
    entries: usize,
}

#[expect(
    clippy::too_many_lines,
    reason = "a bench, told from its beginning to its end"
)]
pub(crate) fn measure(arguments: &Arguments, kept: &Kept) {
    let (engine, writers) = match kept {
        Kept::InFolder => ("SQLite", 1),
        Kept::In(_) => ("PostgreSQL", WRITERS),
    };
    let mut hub = Hub::new(kept);
    let codes = hub.give_out(arguments.entries);
    let mut shares = Vec::new();
    for (number, codes) in codes.chunks(codes.len().div_ceil(writers)).enumerate() {
        let node = node_of(number);
        hub.let_in(&format!("Store {number}"), &node);
        let mut writer = Writer::new(node);
        let batches: Vec<Up> = codes
            .chunks(ENTRIES_MAX)
            .map(|codes| writer.batch(codes))
            .collect();
        shares.push(batches);
    }
    // What a server finds out of its tables within a minute, it is told at once.
    let mut warmed_up = Vec::new();
    for batches in &mut shares {
        let (first, rest) = batches.split_at(batches.len() / 10);
        for batch in first {
            hub.ledger.take_in(batch, &act()).expect("a batch");
        }
        warmed_up.push(rest.to_vec());
    }
    let began;
    let measured: Vec<Measured> = match kept {
        Kept::InFolder => {
            began = Instant::now();
            warmed_up
                .iter()
                .map(|batches| take_in(&mut hub.ledger, batches))
                .collect()
        }
        Kept::In(url) => {
            postgres::Client::connect(url, postgres::NoTls)
                .expect("a connection")
                .batch_execute("ANALYZE")
                .expect("a look at the tables");
            began = Instant::now();
            std::thread::scope(|scope| {
                let threads: Vec<_> = warmed_up
                    .iter()
                    .map(|batches| {
                        scope.spawn(move || {
                            let database = Database::parse(url).expect("a URL");
                            let mut ledger = Ledger::open_in(&database, &act()).expect("a ledger");
                            take_in(&mut ledger, batches)
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().expect("a writer"))
                    .collect()
            })
        }
    };
    let took = began.elapsed().as_secs_f64();
    let entries: usize = measured.iter().map(|one| one.entries).sum();
    let mut times = Times::default();
    for one in measured {
        times.extend(one.times);
    }
    let found = rate(entries, took);
    let met = if found >= GOAL { "met" } else { "missed" };
    println!(
        "take-in, {engine}, {writers} at a time: {entries} uses of given-out codes in batches of \
         {ENTRIES_MAX}: {found:.0}/s (goal {GOAL}: {met}), {:.1} µs of the hub's processor each; a \
         batch {}",
        times.processor.as_secs_f64() * 1e6 / rate(entries, 1.0),
        times.shown()
    );
}

fn take_in(ledger: &mut Ledger, batches: &[Up]) -> Measured {
    let mut times = Times::default();
    let mut entries = 0;
    for batch in batches {
        let answer = times.measure(|| {
            let answer = ledger.take_in(batch, &act()).expect("a batch");
            // As the hub does after each answer.
            ledger.rest_if_due();
            answer
        });
        assert!(answer.outcomes.is_empty(), "every use is confirmed");
        let newest = batch.entries.last().map_or(0, |entry| entry.seq);
        assert_eq!(answer.welcome.acked_through, newest, "all of it is here");
        entries += batch.entries.len();
    }
    Measured { times, entries }
}
