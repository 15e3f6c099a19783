//! A first sync of many codes into a store's ledger, over HTTP from the real hub: how long it takes, that
//! scans are answered in between, and that one that is cut off goes on where it was.

use std::path::Path;
use std::time::Instant;

use counterfoil::desk::{self, MODE_PRIVATE, mint_key};
use counterfoil::domain::entry::{CHAIN_START, hex};
use counterfoil::domain::wire::Join;
use counterfoil::http::sync_loop::{HubConnection, SyncProgress, sync_once};
use counterfoil::ledger::{HubAddress, Ledger, Scan};
use jiff::Timestamp;

use crate::arguments::Arguments;
use crate::hub::{Hub, Kept, act, hello, secret_of};
use crate::line::Served;
use crate::{Times, rate};

/// Pages between two scans.
const PAGES_PER_SCAN: usize = 10;

#[expect(
    clippy::too_many_lines,
    reason = "a bench, told from its beginning to its end"
)]
pub(crate) fn measure(arguments: &Arguments) {
    let mut hub = Hub::new(&Kept::InFolder);
    let codes = hub.give_out(arguments.codes);
    let folder = hub.place().join("store");
    let mut ledger = desk::set_up(&folder, "Riverside", "Europe/Berlin", MODE_PRIVATE, &act())
        .expect("a ledger is kept")
        .expect("a ledger");
    let node = ledger.place().expect("a place").node;
    let (seq, hash) = (0, hex(&CHAIN_START));
    let joined = hub.enrol(&Join {
        hello: hello(&node),
        store: "Riverside".into(),
        timezone: "Europe/Berlin".into(),
        seq,
        hash,
        secret: secret_of(&node),
        pieces: 0,
    });
    let (hub_folder, _place) = hub.close();
    let served = Served::begin(&hub_folder, 8);
    let address = HubAddress {
        url: served.url(),
        ca_file: None,
        secret: secret_of(&node),
    };
    ledger
        .join_hub(&address, &joined, &act())
        .expect("kept")
        .expect("joined");
    let mut counter = Counter::at(&folder);
    let mut line = HubConnection::to(&address.url, &address.secret, None).expect("a line");
    let began = Instant::now();
    // The hub is cut off in the middle.
    let middle = codes.len() as u64 / 2;
    let at = served.address;
    let mut served = Some(served);
    let mut before = 0;
    let cut = sync_once(&mut ledger, &mut line, Timestamp::now, &mut |progress| {
        counter.sees(progress, &codes);
        if progress.counts_codes && progress.done >= middle {
            before = progress.done;
            served = None;
        }
    });
    assert!(cut.is_err() && before > 0, "it was cut off");
    let pages_before = counter.pages;
    let served = Served::at(&hub_folder, at, 8);
    let mut after = None;
    sync_once(&mut ledger, &mut line, Timestamp::now, &mut |progress| {
        if progress.counts_codes {
            after.get_or_insert(progress.done);
        }
        counter.sees(progress, &codes);
    })
    .expect("all of it is here");
    let took = began.elapsed().as_secs_f64();
    let pools = ledger.pools(None, Timestamp::now());
    let pools = pools.expect("pools").expect("pools");
    let total: u64 = pools.iter().map(|pool| pool.total).sum();
    let (peak, _) = served.spent();
    println!(
        "first sync, SQLite over HTTP: {} codes in {took:.1} s: {:.0} codes/s, {} pages; the store's \
         ledger has {} MiB, the hub's memory at most {peak:.0} MiB",
        codes.len(),
        rate(codes.len(), took),
        counter.pages,
        size_mib(&folder),
    );
    println!(
        "first sync: cut off after {before} codes and {pages_before} pages, it went on after {} codes; \
         {total} codes are there",
        after.unwrap_or_default(),
    );
    println!(
        "first sync: {} checks of any code were answered in between: {}",
        counter.answered,
        counter.times.shown()
    );
}

/// A counter of the store, with its own connection to the ledger.
struct Counter {
    ledger: Ledger,
    pages: usize,
    answered: usize,
    times: Times,
}

impl Counter {
    fn at(folder: &Path) -> Counter {
        Counter {
            ledger: Ledger::open(folder, &act()).expect("the ledger opens").0,
            pages: 0,
            answered: 0,
            times: Times::default(),
        }
    }

    /// A page has come: now and then somebody stands at the counter.
    fn sees(&mut self, progress: SyncProgress, codes: &[String]) {
        if !progress.counts_codes {
            return;
        }
        self.pages += 1;
        if !self.pages.is_multiple_of(PAGES_PER_SCAN) {
            return;
        }
        let code = codes.get(self.pages * 7_919 % codes.len()).expect("a code");
        let minted = mint_key(Timestamp::now()).expect("a key");
        let scan = Scan {
            is_check: true,
            ..Scan::new(code.as_bytes(), &minted)
        };
        let Counter { ledger, times, .. } = self;
        let answer = times.measure(|| ledger.redeem(&scan, &act()).expect("an answer"));
        self.answered += usize::from(!answer.verdict.word().is_empty());
    }
}

fn size_mib(folder: &Path) -> u64 {
    let bytes: u64 = ["ledger.db", "ledger.db-wal"]
        .iter()
        .filter_map(|name| std::fs::metadata(folder.join(name)).ok())
        .map(|file| file.len())
        .sum();
    bytes / (1024 * 1024)
}
