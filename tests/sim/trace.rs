//! What happened, in words: a hash over all of it, and the last steps for whoever looks for a fault.

use std::collections::VecDeque;

/// How many steps are told when something is broken, where `COUNTERFOIL_SIM_TOLD` says nothing else.
const TOLD: usize = 40;

/// The trace of one game. Nothing in it depends on where its ledgers lie.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    hash: u64,
    pub(crate) steps: u64,
    last: VecDeque<String>,
    told_max: usize,
}

impl Trace {
    pub(crate) fn new() -> Trace {
        // FNV-1a: enough to tell two games apart.
        Trace {
            hash: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            last: VecDeque::new(),
            told_max: std::env::var("COUNTERFOIL_SIM_TOLD")
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(TOLD),
        }
    }

    /// One step, and what came of it.
    pub(crate) fn step(&mut self, said: &str) {
        self.steps += 1;
        self.hear(said);
        self.last.push_back(format!("{:>6}  {said}", self.steps));
        if self.last.len() > self.told_max {
            self.last.pop_front();
        }
    }

    /// Something that belongs to the step before.
    pub(crate) fn hear(&mut self, said: &str) {
        for byte in said.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn last_steps(&self) -> String {
        self.last.iter().fold(String::new(), |mut all, step| {
            all.push_str(step);
            all.push('\n');
            all
        })
    }
}
