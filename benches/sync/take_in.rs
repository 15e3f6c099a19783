//! How fast a hub takes in what one store sends: batches of 500 entries, each a use of a code that was
//! given out, judged, linked, added up and committed.

use counterfoil::domain::wire::{ENTRIES_MAX, Up};

use crate::arguments::Arguments;
use crate::hub::{Hub, Kept, act, node_of};
use crate::writer::Writer;
use crate::{Times, rate};

/// Entries a second.
const GOAL: f64 = 50_000.0;

pub(crate) fn measure(arguments: &Arguments, kept: Kept) {
    let engine = match kept {
        Kept::InFolder => "SQLite",
        Kept::In(_) => "PostgreSQL",
    };
    let mut hub = Hub::new(&kept);
    let codes = hub.give_out(arguments.entries);
    let node = node_of(1);
    hub.let_in("Riverside", &node);
    let mut writer = Writer::new(node);
    let batches: Vec<Up> = codes
        .chunks(ENTRIES_MAX)
        .map(|codes| writer.batch(codes))
        .collect();
    let mut times = Times::default();
    let mut acked = 0;
    for batch in &batches {
        let answer = times.measure(|| {
            let answer = hub.ledger.take_in(batch, &act()).expect("a batch");
            // As the hub does after each answer.
            hub.ledger.rest_if_due();
            answer
        });
        acked = answer.welcome.acked_through;
        assert!(answer.outcomes.is_empty(), "every use is confirmed");
    }
    assert_eq!(acked, writer.newest(), "every entry was taken in");
    let found = rate(codes.len(), times.sum());
    let met = if found >= GOAL { "met" } else { "missed" };
    println!(
        "take-in, {engine}: {} uses of given-out codes in batches of {ENTRIES_MAX}: {found:.0}/s \
         (goal {GOAL}: {met}), {:.1} µs of processor each; a batch {}",
        codes.len(),
        times.processor.as_secs_f64() * 1e6 / f64::from(u32::try_from(codes.len()).expect("few")),
        times.shown()
    );
}
