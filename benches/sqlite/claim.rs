//! Claims at the end of a pool against claims at its beginning: the same code, the same size of
//! ledger, in turns.

use std::path::Path;
use std::time::Instant;

use counterfoil::desk;
use counterfoil::domain::campaign::{ContactKind, Rules};
use counterfoil::domain::claim::{ClaimContext, ClaimWord};
use counterfoil::domain::code::Shape;
use counterfoil::domain::ids::CampaignId;
use counterfoil::domain::notes::Notes;
use counterfoil::ledger::{ClaimRequest, Drawing, GenerateOrder, Ledger};
use rusqlite::Connection;

use crate::arguments::Arguments;
use crate::figures::{Figures, Times, median};
use crate::shop::{act, quiet};

/// Of a thousand codes of the used pool, so many are left.
const LEFT_PER_MILLE: u64 = 1;

struct Lane {
    ledger: Ledger,
    times: Times,
    rounds: Vec<f64>,
    asked: usize,
}

impl Lane {
    fn on(folder: &Path) -> Lane {
        Lane {
            ledger: Ledger::open(folder, &act()).expect("it opens").0,
            times: Times::default(),
            rounds: Vec::new(),
            asked: 0,
        }
    }

    /// So many customers whom nobody knows yet, one after the other.
    fn round(&mut self, claims: usize, campaign: &CampaignId) {
        let asked: Vec<_> = (0..claims)
            .map(|_| {
                self.asked += 1;
                let email = format!("guest{}@example.org", self.asked);
                let act = act();
                let minted = desk::mint_key(act.now).expect("random bytes");
                let random = desk::random().expect("random bytes");
                ([(ContactKind::Email, email)], act, minted, random)
            })
            .collect();
        let began = Instant::now();
        for (contacts, act, minted, random) in &asked {
            let request = ClaimRequest {
                campaign,
                contacts,
                context: ClaimContext::Send,
                key: None,
                minted,
                trigger: None,
                notes: Notes::default(),
                resends: false,
                prints: false,
                name: None,
                consents: false,
                random: *random,
            };
            let at = Instant::now();
            let claim = self.ledger.assign(&request, act).expect("kept");
            self.times.push(at.elapsed());
            assert_eq!(claim.expect("a claim").word, ClaimWord::Assigned);
            self.ledger.rest_if_due();
        }
        self.rounds.push(began.elapsed().as_secs_f64());
    }

    fn words(&mut self) -> String {
        self.times.sort();
        format!(
            "p50 {:.0?}, p99 {:.0?}",
            self.times.at(500),
            self.times.at(990)
        )
    }
}

/// A ledger whose codes can all be claimed.
fn fill(folder: &Path, codes: u64, campaign: &CampaignId) {
    let began = Instant::now();
    let mut ledger = desk::set_up(folder, "Bench", "Europe/Berlin", desk::MODE_PRIVATE, &act())
        .expect("a ledger")
        .expect("a shop");
    let key = desk::random().expect("random bytes");
    ledger
        .create_campaign(campaign, &Rules::new("Free coffee"), &key, &act())
        .expect("kept")
        .expect("a campaign");
    let order = GenerateOrder {
        campaign: campaign.clone(),
        count: codes,
        drawing: Drawing::Shape(Shape::standard()),
        is_given_out: false,
    };
    let stop = std::sync::atomic::AtomicBool::new(false);
    ledger
        .generate_codes(&order, &act(), &mut quiet(&mut |_| {}, &stop))
        .expect("kept")
        .expect("codes");
    println!(
        "generated {codes} codes that can be claimed in {:.1?}",
        began.elapsed()
    );
}

/// Uses a pool up but for its last codes, in bulk: the cursor, the states and the tally are moved by
/// SQL, and no customers, slots or entries are made for the codes that are gone.
fn use_up(folder: &Path, codes: u64) {
    let left = (codes * LEFT_PER_MILLE / 1000).cast_signed();
    let gone = codes.cast_signed() - left;
    let file = Connection::open(folder.join("ledger.db")).expect("it opens");
    file.execute_batch(&format!(
        "PRAGMA journal_size_limit = 16777216; BEGIN; \
         UPDATE code SET state = 2, uses_made = 1 WHERE ordinal < {gone}; \
         UPDATE lease SET next_ordinal = {gone}; \
         UPDATE tally SET available = {left}, redeemed = {gone}, uses_made = {gone}; \
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"
    ))
    .expect("used up");
}

pub(crate) fn measure(arguments: &Arguments, folder: &Path, figures: &mut Figures) {
    let campaign: CampaignId = "coffee".parse().expect("a name");
    let (rounds, claims) = (arguments.rounds, arguments.claims);
    let left = usize::try_from(arguments.codes * LEFT_PER_MILLE / 1000).expect("a count");
    assert!(
        rounds * claims <= left,
        "{left} codes are left of the used pool: fewer rounds or claims, or more codes"
    );
    let place = tempfile::tempdir_in(folder).expect("a folder");
    let (fresh, used) = (place.path().join("fresh"), place.path().join("used"));
    fill(&fresh, arguments.codes, &campaign);
    // Another life of the same file would be noticed: the used one is made by itself.
    fill(&used, arguments.codes, &campaign);
    use_up(&used, arguments.codes);
    let mut lanes = [Lane::on(&fresh), Lane::on(&used)];
    for round in 0..rounds {
        // Each is first in every other round.
        for place in [round % 2, (round + 1) % 2] {
            if let Some(lane) = lanes.get_mut(place) {
                lane.round(claims, &campaign);
            }
        }
    }
    let [mut fresh, mut used] = lanes;
    let codes = arguments.codes;
    figures.note(&format!("claims on {codes} fresh codes"), &fresh.words());
    figures.note(
        &format!("claims on {codes} codes, 99.9 % of them used"),
        &used.words(),
    );
    let ratios = used.rounds.iter().zip(&fresh.rounds);
    figures.at_most(
        "claims, used over fresh (middle of the rounds)",
        median(ratios.map(|(used, fresh)| used / fresh).collect()),
        1.1,
        " ×",
    );
}
