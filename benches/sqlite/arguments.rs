//! What is measured, and how much of it.

use std::path::{Path, PathBuf};

pub(crate) const USAGE: &str = "cargo bench --bench sqlite -- [OPTIONS]
  --codes N          codes in the large ledger (2000000)
  --small-codes N    codes in the small ledger (10000)
  --rounds N         rounds, each of them product and raw in turn (16)
  --redemptions N    redemptions a round (400)
  --counters N       processes on one ledger (8)
  --seconds N        how long they redeem (6)
  --imported N       codes imported meanwhile (500000)
  --starts N         starts of the console (9)
  --claims N         claims a round, on a fresh pool and on one used up to 99.9 % (100)
  --part NAME        redeem, counters, console or claims; may be repeated (all but claims)
  --folder DIR       where the ledgers are, kept for the next run (a throw-away folder)
  --quick            small sizes, to see that it runs";

/// What can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Redeem,
    Counters,
    Console,
    Claims,
}

/// Sizes of a run.
pub(crate) struct Arguments {
    pub(crate) codes: u64,
    pub(crate) small_codes: u64,
    pub(crate) rounds: usize,
    pub(crate) redemptions: usize,
    pub(crate) counters: usize,
    pub(crate) seconds: u64,
    pub(crate) imported: u64,
    pub(crate) starts: usize,
    pub(crate) claims: usize,
    parts: Vec<Part>,
    folder: Option<PathBuf>,
}

/// Where the ledgers are.
pub(crate) enum Folder {
    Kept(PathBuf),
    ThrownAway(tempfile::TempDir),
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Folder::Kept(path) => path,
            Folder::ThrownAway(folder) => folder.path(),
        }
    }
}

impl Arguments {
    /// Reads the command line; none: it is to be explained.
    pub(crate) fn read(words: &[String]) -> Option<Arguments> {
        let mut read = Arguments {
            codes: 2_000_000,
            small_codes: 10_000,
            rounds: 16,
            redemptions: 400,
            counters: 8,
            seconds: 6,
            imported: 500_000,
            starts: 9,
            claims: 100,
            parts: Vec::new(),
            folder: None,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || words.next().and_then(|text| text.parse::<u64>().ok());
            match word.as_str() {
                // Cargo says this to every bench.
                "--bench" => {}
                "--quick" => {
                    read.codes = 50_000;
                    read.rounds = 4;
                    read.redemptions = 100;
                    read.seconds = 1;
                    read.imported = 20_000;
                    read.starts = 2;
                    read.claims = 10;
                }
                "--codes" => read.codes = number()?,
                "--small-codes" => read.small_codes = number()?,
                "--rounds" => read.rounds = usize::try_from(number()?).ok()?,
                "--redemptions" => read.redemptions = usize::try_from(number()?).ok()?,
                "--counters" => read.counters = usize::try_from(number()?).ok()?,
                "--seconds" => read.seconds = number()?,
                "--imported" => read.imported = number()?,
                "--starts" => read.starts = usize::try_from(number()?).ok()?,
                "--claims" => read.claims = usize::try_from(number()?).ok()?,
                "--folder" => read.folder = Some(words.next()?.into()),
                "--part" => read.parts.push(match words.next()?.as_str() {
                    "redeem" => Part::Redeem,
                    "counters" => Part::Counters,
                    "console" => Part::Console,
                    "claims" => Part::Claims,
                    _ => return None,
                }),
                _ => return None,
            }
        }
        Some(read)
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        // Claims make two large ledgers of their own, so they are measured when asked for.
        (self.parts.is_empty() && part != Part::Claims) || self.parts.contains(&part)
    }

    pub(crate) fn folder(&self) -> Folder {
        match &self.folder {
            Some(path) => {
                std::fs::create_dir_all(path).expect("a folder for ledgers");
                Folder::Kept(path.clone())
            }
            None => Folder::ThrownAway(tempfile::tempdir().expect("a throw-away folder")),
        }
    }
}
