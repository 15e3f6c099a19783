//! What is measured, and how much of it.

pub(crate) const USAGE: &str = "cargo bench --bench sync -- [OPTIONS]
  --entries N    entries that are taken in, 500 a batch (100000)
  --stores N     stores of one hub (1000)
  --rounds N     turns of each of them, an upload and what is new (5)
  --each N       entries of an upload of theirs (10)
  --codes N      codes of a first sync (1000000)
  --part NAME    take-in, mix, stores or first; may be repeated (all)
  --quick        small sizes, to see that it runs
COUNTERFOIL_BENCH_DATABASE=postgres://USER@HOST/NAME, an empty database: take-in on PostgreSQL as well";

/// What can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    TakeIn,
    Mix,
    Stores,
    First,
}

/// Sizes of a run.
pub(crate) struct Arguments {
    pub(crate) entries: usize,
    pub(crate) stores: usize,
    pub(crate) rounds: usize,
    pub(crate) each: usize,
    pub(crate) codes: usize,
    parts: Vec<Part>,
}

impl Arguments {
    /// Reads the command line; none: it is to be explained.
    pub(crate) fn read(words: &[String]) -> Option<Arguments> {
        let mut read = Arguments {
            entries: 100_000,
            stores: 1_000,
            rounds: 5,
            each: 10,
            codes: 1_000_000,
            parts: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || words.next().and_then(|text| text.parse::<usize>().ok());
            match word.as_str() {
                // Cargo says this to every bench.
                "--bench" => {}
                "--quick" => {
                    read.entries = 5_000;
                    read.stores = 20;
                    read.rounds = 2;
                    read.codes = 10_000;
                }
                "--entries" => read.entries = number()?,
                "--stores" => read.stores = number()?,
                "--rounds" => read.rounds = number()?,
                "--each" => read.each = number()?,
                "--codes" => read.codes = number()?,
                "--part" => read.parts.push(match words.next()?.as_str() {
                    "take-in" => Part::TakeIn,
                    "mix" => Part::Mix,
                    "stores" => Part::Stores,
                    "first" => Part::First,
                    _ => return None,
                }),
                _ => return None,
            }
        }
        Some(read)
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}
