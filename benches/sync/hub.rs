//! A hub made by the product itself, with codes that were given out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use counterfoil::desk::{self, MODE_PRIVATE, fill_random};
use counterfoil::domain::campaign::Rules;
use counterfoil::domain::code_list::SpreadsheetCheck;
use counterfoil::domain::entry::{CHAIN_START, hex};
use counterfoil::domain::ids::CampaignId;
use counterfoil::domain::store::FIRST_LABEL;
use counterfoil::domain::wire::{Hello, Join, Joined, WIRE};
use counterfoil::ledger::{Act, Database, ImportOrder, Ledger, LongWork};
use jiff::Timestamp;

/// Where a hub is kept.
pub(crate) enum Kept {
    InFolder,
    In(String),
}

/// A hub in a throw-away folder, or in a database.
pub(crate) struct Hub {
    place: tempfile::TempDir,
    pub(crate) ledger: Ledger,
}

pub(crate) fn campaign() -> CampaignId {
    "coffee".parse().expect("a name")
}

pub(crate) fn act() -> Act {
    desk::act("bench", None, Timestamp::now()).expect("random bytes")
}

impl Hub {
    pub(crate) fn new(kept: &Kept) -> Hub {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("hub");
        let (name, zone) = ("Hub", "Europe/Berlin");
        let set_up = match kept {
            Kept::InFolder => desk::set_up(&folder, name, zone, MODE_PRIVATE, &act()),
            Kept::In(url) => {
                let database = Database::parse(url).expect("a URL");
                desk::set_up_in(&database, name, zone, &act())
            }
        };
        let mut ledger = set_up.expect("a ledger is kept").expect("a ledger");
        ledger
            .create_campaign(&campaign(), &Rules::new("Free coffee"), &[7; 32], &act())
            .expect("a campaign is kept")
            .expect("a campaign");
        Hub { place, ledger }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.place.path().join("hub")
    }

    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    /// Imports codes that were given out; they are in no order.
    pub(crate) fn give_out(&mut self, count: usize) -> Vec<String> {
        let codes: Vec<String> = (0..count as u64).map(code).collect();
        let mut list = String::new();
        for code in &codes {
            writeln!(list, "{code}").expect("a line");
        }
        let path = self.place.path().join("list.csv");
        std::fs::write(&path, list).expect("a list");
        let mut reader = std::fs::File::open(&path).expect("the list");
        let order = ImportOrder {
            campaign: campaign(),
            is_given_out: true,
            skips_bad: false,
            check: SpreadsheetCheck::Look,
        };
        let mut work = LongWork {
            random: &mut fill_random,
            progress: &mut |_| {},
            stop: &AtomicBool::new(false),
        };
        self.ledger
            .import_codes(&mut reader, &order, &act(), &mut work, &mut |_| Ok(()))
            .expect("codes are kept")
            .expect("codes");
        codes
    }

    /// Lets a store in, whose ledger is only pretended.
    pub(crate) fn let_in(&mut self, name: &str, node: &str) {
        let join = Join {
            hello: hello(node),
            store: name.to_owned(),
            timezone: "Europe/Berlin".into(),
            seq: 0,
            hash: hex(&CHAIN_START),
            secret: secret_of(node),
            pieces: 0,
        };
        self.enrol(&join);
    }

    /// Lets a ledger in.
    pub(crate) fn enrol(&mut self, join: &Join) -> Joined {
        let token = format!("enrol {}", join.store);
        self.ledger
            .add_store(&join.store, FIRST_LABEL, &token, &act())
            .expect("a store is kept")
            .expect("a store");
        self.ledger
            .enrol(join, &token, &act())
            .expect("it is let in")
            .expect("a node")
    }
}

pub(crate) fn hello(node: &str) -> Hello {
    Hello {
        wire: WIRE,
        node: node.to_owned(),
        incarnation: 1,
        now_ms: Timestamp::now().as_millisecond(),
        unsent: 0,
    }
}

/// What a pretended store sends at every contact.
pub(crate) fn secret_of(node: &str) -> String {
    format!("cfs_{node}")
}

/// Ten letters that name a node.
pub(crate) fn node_of(number: usize) -> String {
    let mut left = number;
    (0..10)
        .map(|_| {
            let letter = b'A' + u8::try_from(left % 26).expect("a letter");
            left /= 26;
            char::from(letter)
        })
        .collect()
}

/// A code that looks random: no two numbers have the same (splitmix64, which is one to one).
fn code(number: u64) -> String {
    const LETTERS: &[u8; 16] = b"BCDFGHJKLNPRSTVX";
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (0..16)
        .map(|place| {
            let letter = usize::try_from((mixed >> (4 * place)) & 15).expect("a letter");
            LETTERS
                .get(letter)
                .map_or('B', |letter| char::from(*letter))
        })
        .collect()
}
