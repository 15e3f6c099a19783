//! `demo`: the console on a throw-away ledger with samples, which is also the training mode.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use jiff::{SignedDuration, Timestamp};

use crate::cli::args::ConsoleArgs;
use crate::cli::console::{need_terminal, open};
use crate::cli::context::{Context, now};
use crate::cli::failure::Failure;
use crate::desk::{self, MODE_PRIVATE, fill_random, mint_key, set_up};
use crate::domain::campaign::{Requirement, Rules};
use crate::domain::code::Shape;
use crate::domain::code_list::SpreadsheetCheck;
use crate::domain::entry::instant;
use crate::domain::ids::CampaignId;
use crate::ledger::{Act, ImportOrder, Ledger, LongWork, Scan};

/// Opens the console on a throw-away ledger: the training mode.
pub(super) fn demo(context: &Context, args: &ConsoleArgs) -> Result<u8, Failure> {
    need_terminal()?;
    let folder = throw_away_folder()?;
    let samples = fill(&folder, context.counter());
    let done = samples.and_then(|samples| open(context, args, &folder, false, Some(samples)));
    // What cannot be removed is left to the system's own tidying of temporary files.
    drop(std::fs::remove_dir_all(&folder));
    done
}

fn throw_away_folder() -> Result<PathBuf, Failure> {
    let name = mint_key(now())?;
    let folder = std::env::temp_dir().join(format!("counterfoil-demo-{name}"));
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

/// A sample campaign and what happens to its codes.
struct Sample {
    id: &'static str,
    rules: Rules,
    codes: Vec<(String, &'static str)>,
    is_given_out: bool,
}

/// Fills a throw-away ledger with campaigns of every kind; answers codes and what they show.
fn fill(folder: &Path, counter: &str) -> Result<Vec<(String, String)>, Failure> {
    // As the ledger keeps it: an end is played to the instant by the preflight.
    let at = instant(now().as_millisecond());
    let act = || desk::act(counter, None, at);
    let mut ledger = set_up(
        folder,
        "Training shop",
        "Europe/London",
        MODE_PRIVATE,
        &act()?,
    )??;
    let mut shown = Vec::new();
    for sample in samples(at)? {
        let id: CampaignId = sample.id.parse()?;
        ledger.create_campaign(&id, &sample.rules, &desk::random()?, &act()?)??;
        let codes: Vec<&str> = sample.codes.iter().map(|(code, _)| code.as_str()).collect();
        let list = codes.join("\n");
        let order = ImportOrder {
            campaign: id.clone(),
            is_given_out: sample.is_given_out,
            skips_bad: false,
            check: SpreadsheetCheck::TakeAsIs,
        };
        let mut work = LongWork {
            random: &mut fill_random,
            progress: &mut |_| {},
            stop: &AtomicBool::new(false),
        };
        ledger.import_codes(
            &mut list.as_bytes(),
            &order,
            &act()?,
            &mut work,
            &mut |_| Ok(()),
        )??;
        if sample.id == "paused" {
            ledger.pause_campaign(&id, true, &act()?)??;
        }
        shown.extend(
            sample
                .codes
                .into_iter()
                .filter(|(_, what)| *what != FOR_SIGN_UP)
                .map(|(code, what)| (code, what.to_owned())),
        );
    }
    use_one(&mut ledger, &shown, &act()?)?;
    Ok(shown)
}

/// Uses the code that is to be shown as used.
fn use_one(ledger: &mut Ledger, shown: &[(String, String)], act: &Act) -> Result<(), Failure> {
    let Some((code, _)) = shown.iter().find(|(_, what)| what == USED) else {
        return Ok(());
    };
    let minted = mint_key(act.now)?;
    ledger.redeem(&Scan::new(code.as_bytes(), &minted), act)?;
    Ok(())
}

const USED: &str = "used already";

/// How many codes the sign-up may give away.
const TO_GIVE_AWAY: usize = 200;

/// What is not listed: a code that nobody was given is no code to try.
const FOR_SIGN_UP: &str = "for the sign-up";

fn samples(at: Timestamp) -> Result<Vec<Sample>, Failure> {
    let day = SignedDuration::from_hours(24);
    let new = |what: &'static str| -> Result<(String, &'static str), Failure> {
        let code = Shape::standard()
            .generate(&desk::random::<16>()?)
            .unwrap_or_default();
        Ok((code, what))
    };
    let sample = |id, offer: &str, codes, is_given_out| Sample {
        id,
        rules: Rules::new(offer),
        codes,
        is_given_out,
    };
    let mut coffee = sample(
        "coffee",
        "Free coffee, any size",
        vec![
            new("honoured once")?,
            new("honoured once")?,
            ("COFFEE-2026".to_owned(), "honoured, easy to type"),
            new(USED)?,
        ],
        true,
    );
    coffee.rules.ends_at = Some(at + day * 30);
    let mut card = sample(
        "card",
        "Fifth wash free",
        vec![new("honoured three times")?],
        true,
    );
    card.rules.uses = 3;
    let mut past = sample("past", "Summer sale", vec![new("expired")?], true);
    past.rules.ends_at = Some(at - day);
    let mut soon = sample("soon", "Advent box", vec![new("not yet valid")?], true);
    soon.rules.starts_at = Some(at + day * 7);
    let mut receipt = sample(
        "receipt",
        "15 % off",
        vec![new("asks for a receipt")?],
        true,
    );
    receipt.rules.require.insert(Requirement::Receipt);
    let mut gift = sample("gift", "Gift card 50", vec![new("asks a manager")?], true);
    gift.rules.require.insert(Requirement::Approval);
    let paused = sample("paused", "Newsletter 10 %", vec![new("paused")?], true);
    let pool = sample("pool", "Walk-in 5 %", vec![new("never given out")?], false);
    let mut given = vec![coffee, card, past, soon, receipt, gift, paused, pool];
    // The newest is what the sign-up begins with.
    given.push(to_give_away()?);
    Ok(given)
}

/// A campaign for the sign-up: its codes are given out there, and none is listed to be tried.
fn to_give_away() -> Result<Sample, Failure> {
    let mut codes = Vec::new();
    for _ in 0..TO_GIVE_AWAY {
        let code = Shape::standard().generate(&desk::random::<16>()?);
        codes.push((code.unwrap_or_default(), FOR_SIGN_UP));
    }
    Ok(Sample {
        id: "welcome",
        rules: Rules::new("Welcome drink, with any meal"),
        codes,
        is_given_out: false,
    })
}
