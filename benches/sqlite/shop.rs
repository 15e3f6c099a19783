//! A shop with a ledger of many codes, made by the product itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use counterfoil::desk::{self, MODE_PRIVATE};
use counterfoil::domain::campaign::Rules;
use counterfoil::domain::code::Shape;
use counterfoil::domain::ids::CampaignId;
use counterfoil::ledger::{Act, Drawing, GenerateOrder, Ledger, LongWork, Progress};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

/// The counter that acts.
pub(crate) const COUNTER: &str = "Till 1";

/// A prime beyond any count here: steps through all codes without an order.
const STEP: u64 = 1_000_000_007;

/// A ledger in a folder.
pub(crate) struct Shop {
    pub(crate) folder: PathBuf,
    pub(crate) codes: u64,
}

impl Shop {
    /// The shop that is there already, or a new one.
    pub(crate) fn at(folder: &Path, codes: u64) -> Shop {
        let shop = Shop {
            folder: folder.join(codes.to_string()),
            codes,
        };
        if !Ledger::exists_in(&shop.folder) {
            let began = Instant::now();
            shop.fill();
            println!("generated {codes} codes in {:.1?}", began.elapsed());
        }
        shop
    }

    fn fill(&self) {
        let act = act();
        let mut ledger = desk::set_up(&self.folder, "Bench", "Europe/Berlin", MODE_PRIVATE, &act)
            .expect("a ledger")
            .expect("a shop");
        let campaign: CampaignId = "coffee".parse().expect("a name");
        let key = desk::random().expect("random bytes");
        ledger
            .create_campaign(&campaign, &Rules::new("Free coffee, any size"), &key, &act)
            .expect("a campaign is kept")
            .expect("a campaign");
        let order = GenerateOrder {
            campaign,
            count: self.codes,
            drawing: Drawing::Shape(Shape::standard()),
            is_given_out: true,
        };
        ledger
            .generate_codes(
                &order,
                &act,
                &mut quiet(&mut |_| {}, &AtomicBool::new(false)),
            )
            .expect("codes are kept")
            .expect("codes");
    }

    pub(crate) fn open(&self) -> Ledger {
        Ledger::open(&self.folder, &act())
            .expect("the ledger opens")
            .0
    }

    pub(crate) fn ledger_file(&self) -> PathBuf {
        self.folder.join("ledger.db")
    }

    /// Codes nobody has used, in no order; of `shares` that never overlap, the one called `share`.
    pub(crate) fn unused(&self, count: usize, share: u64, shares: u64) -> Vec<String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let ledger =
            Connection::open_with_flags(self.ledger_file(), flags).expect("the ledger opens");
        let mut find = ledger
            .prepare("SELECT coalesce(shown, folded) FROM code WHERE id = ?1 AND uses_made = 0")
            .expect("a statement");
        (0..self.codes / shares)
            .map(|turn| (turn * shares + share) * STEP % self.codes + 1)
            .filter_map(|id| find.query_row([id.cast_signed()], |row| row.get(0)).ok())
            .take(count)
            .collect()
    }
}

/// An act of this moment.
pub(crate) fn act() -> Act {
    desk::act(COUNTER, None, Timestamp::now()).expect("random bytes")
}

pub(crate) fn quiet<'w>(
    progress: &'w mut dyn FnMut(Progress),
    stop: &'w AtomicBool,
) -> LongWork<'w> {
    // A pointer to a function, so that it outlives this call.
    LongWork {
        random: Box::leak(Box::new(desk::fill_random)),
        progress,
        stop,
    }
}
