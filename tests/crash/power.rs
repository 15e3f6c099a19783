//! The power is cut: whatever was acknowledged before is there, and nothing is half done.
//!
//! The ledger is worked under a recording file layer; then the disk is made as a cut at many
//! moments may have left it, and opened. The canary does the same with `synchronous=NORMAL`, and
//! must lose what was acknowledged: else this harness would prove nothing.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use counterfoil::domain::reversal::ReversalWord;
use counterfoil::ledger::Ledger;

use crate::dice::Dice;
use crate::shop::{Shop, code};
use crate::tape::{Disk, Event, Tape};
use crate::till::{act, redeem, undo};
use crate::vfs;

const SEED: u64 = 0x00c0_ffee_2026;

const FILES: [&str; 2] = ["ledger.db", "ledger.db-wal"];

/// What a cut left, and what had been told before it.
struct Cut {
    files: BTreeMap<String, Vec<u8>>,
    told: Vec<String>,
    markers: Vec<Vec<u8>>,
}

/// Plays a tape and cuts it at so many moments, a seed each.
fn cuts(base: &Disk, events: &[Event], count: usize, mut look: impl FnMut(u64, &Cut)) {
    let mut dice = Dice::new(SEED);
    let mut moments: Vec<usize> = (0..count).map(|_| dice.below(events.len() + 1)).collect();
    moments.sort_unstable();
    let mut disk = base.clone();
    let (mut told, mut markers) = (Vec::new(), Vec::new());
    let mut played = 0;
    for (number, moment) in moments.into_iter().enumerate() {
        for event in &events[played..moment] {
            match event {
                Event::Done(name, change) => disk.play(name, change),
                Event::Told(what, marker) => {
                    told.push(what.clone());
                    markers.push(marker.clone());
                }
            }
        }
        played = moment;
        let seed = SEED + 1 + number as u64;
        let cut = Cut {
            files: disk.cut(&mut Dice::new(seed)),
            told: told.clone(),
            markers: markers.clone(),
        };
        look(seed, &cut);
    }
}

/// Puts the files of a cut in the place of the ledger's, in the same inodes: it is the same disk.
fn lay_out(folder: &Path, cut: &Cut, first_marker: &[u8], dice: &mut Dice) {
    for name in FILES {
        match cut.files.get(name) {
            Some(bytes) => std::fs::write(folder.join(name), bytes).unwrap(),
            None => drop(std::fs::remove_file(folder.join(name))),
        }
    }
    drop(std::fs::remove_file(folder.join("ledger.db-shm")));
    // The marker is never synced: the newest one, some older one, or one torn between two.
    let at = |back: usize| {
        let place = cut.markers.len().checked_sub(1 + back);
        place.map_or(first_marker, |place| &cut.markers[place])
    };
    let newest = at(0);
    let older = at(1 + dice.below(20));
    let marker = match dice.below(3) {
        0 => newest.to_vec(),
        1 => older.to_vec(),
        _ => {
            let torn = dice.below(newest.len());
            [&newest[..torn], &older[torn..]].concat()
        }
    };
    std::fs::write(folder.join("ledger.marker"), marker).unwrap();
}

/// Two handles take turns; now and then one rests, or a redemption is undone.
fn work(folder: &Path, tape: &Tape, count: usize) {
    let mut dice = Dice::new(SEED ^ 0xfeed);
    let mut tills = [(); 2].map(|()| {
        let (ledger, rebirth) = Ledger::open(folder, &act()).unwrap();
        assert_eq!(rebirth, None);
        ledger
    });
    let marker = || std::fs::read(folder.join("ledger.marker")).unwrap();
    for number in 0..count {
        let till = &mut tills[dice.below(2)];
        let answer = redeem(till, &code(number)).unwrap();
        assert_eq!(answer.verdict.word(), "accepted");
        let id = answer.redemption_id.unwrap();
        tape.told(&format!("redeemed {} {id}", code(number)), marker());
        if dice.below(8) == 0 {
            let undone = undo(till, &code(number)).unwrap();
            assert_eq!(undone.word, ReversalWord::Reversed);
            tape.told(&format!("reversed {} {id}", code(number)), marker());
        }
        if dice.below(12) == 0 {
            till.rest().unwrap();
        }
    }
}

/// How a code must stand, by the last thing that was told of it.
fn expected(told: &[String]) -> BTreeMap<String, (bool, String)> {
    told.iter()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let is_used = words[0] == "redeemed";
            (words[1].to_owned(), (is_used, words[2].to_owned()))
        })
        .collect()
}

#[test]
fn no_power_cut_loses_what_was_acknowledged_or_leaves_half_of_it() {
    let count = 70;
    let shop = Shop::with(&[], count + 1);
    let folder = shop.folder();
    let tape = Arc::new(Tape::default());
    let base = Disk::of(folder, &FILES);
    let first_marker = std::fs::read(folder.join("ledger.marker")).unwrap();
    vfs::watch(folder, &tape);
    work(folder, &tape, count);
    vfs::unwatch(folder);
    let events = tape.take();
    assert!(
        events.len() > 10 * count,
        "it was recorded: {}",
        events.len()
    );
    let mut sizes = BTreeSet::new();
    cuts(&base, &events, 160 * crate::soak(), |seed, cut| {
        lay_out(folder, cut, &first_marker, &mut Dice::new(seed));
        let (mut ledger, rebirth) =
            Ledger::open(folder, &act()).unwrap_or_else(|error| panic!("seed {seed:#x}: {error}"));
        assert_eq!(rebirth, None, "a power cut is no restore, seed {seed:#x}");
        let health = ledger.verify(&mut |_| {}).unwrap();
        assert_eq!(health.faults, Vec::<String>::new(), "seed {seed:#x}");
        let expected = expected(&cut.told);
        for (code, (is_used, id)) in &expected {
            let life = ledger.life(code.as_bytes()).unwrap().unwrap();
            let is_there = life.entries.iter().any(|entry| entry.id == *id);
            assert!(is_there, "{id} of {code} is lost, seed {seed:#x}");
            // What was in flight when the power went may have come through as well.
            let is_last = cut.told.last().is_some_and(|last| last.contains(code));
            let is_right = life.uses_made == u32::from(*is_used);
            assert!(is_right || is_last, "{code}: {life:?}, seed {seed:#x}");
        }
        let uses: i64 = shop.count("SELECT count(*) FROM entry WHERE kind = 'redeemed'");
        assert!((expected.len()..=expected.len() + 1).contains(&usize::try_from(uses).unwrap()));
        // And the till goes on.
        let next = redeem(&mut ledger, &code(count)).unwrap();
        assert_eq!(next.verdict.word(), "accepted", "seed {seed:#x}");
        if let Some((code, (true, _))) = expected.iter().next() {
            let again = redeem(&mut ledger, code).unwrap();
            assert_eq!(again.verdict.word(), "already_redeemed", "seed {seed:#x}");
        }
        let health = ledger.verify(&mut |_| {}).unwrap();
        assert_eq!(health.faults, Vec::<String>::new(), "seed {seed:#x}");
        sizes.insert(cut.told.len());
    });
    assert!(sizes.len() > 30, "cuts all along: {sizes:?}");
}

/// The guard of a redemption by hand, one commit each, in the mode that is asked for.
fn work_raw(folder: &Path, tape: &Tape, count: usize, synchronous: &str) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(folder.join("ledger.db"), flags).unwrap();
    for (pragma, value) in [("journal_mode", "WAL"), ("synchronous", synchronous)] {
        connection.pragma_update(None, pragma, value).unwrap();
    }
    for number in 0..count {
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.unwrap();
        let used_up = code(number).replace('-', "");
        let changed = transaction
            .execute(
                "UPDATE code SET uses_made = uses_made + 1, state = 2 \
                 WHERE folded = ?1 AND uses_made < 1",
                [&used_up],
            )
            .unwrap();
        transaction.commit().unwrap();
        assert_eq!(changed, 1);
        tape.told(&used_up, Vec::new());
    }
}

/// Cuts after which something that was acknowledged is gone.
fn losses(synchronous: &str) -> usize {
    let shop = Shop::with(&[], 60);
    let folder = shop.folder();
    let tape = Arc::new(Tape::default());
    let base = Disk::of(folder, &FILES);
    vfs::watch(folder, &tape);
    work_raw(folder, &tape, 60, synchronous);
    vfs::unwatch(folder);
    let mut losses = 0;
    cuts(&base, &tape.take(), 40, |_, cut| {
        lay_out(folder, cut, &[0; 256], &mut Dice::new(SEED));
        let connection = shop.look();
        let mut used = connection
            .prepare("SELECT folded FROM code WHERE uses_made = 1")
            .unwrap();
        let rows = used.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let used: BTreeSet<String> = rows.collect::<Result<_, _>>().unwrap();
        losses += usize::from(!cut.told.iter().all(|told| used.contains(told)));
    });
    losses
}

#[test]
fn the_canary_loses_what_was_acknowledged_where_commits_are_not_synced() {
    assert_eq!(losses("FULL"), 0, "seed {SEED:#x}");
    assert!(losses("NORMAL") > 10, "seed {SEED:#x}");
}
