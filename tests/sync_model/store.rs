//! A store: what is in its ledger, and what it does with what it hears.
use crate::rules::{Guard, Rules};
use crate::wire::{Act, CODES, Chain, Entry, Message, in_common};

/// What became of the ask for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    None,
    /// `unknown_outcome`: the hub may have redeemed it or not.
    Pending,
    Answered,
    GivenUp,
}

/// A store's ledger: everything here comes back from a backup as it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    pub(crate) incarnation: usize,
    /// One chain per incarnation.
    pub(crate) chains: [Chain; 2],
    /// How many entries of each the hub has acknowledged; the outbox is the rest.
    pub(crate) acknowledged: [usize; 2],
    /// The grant by which it holds a code.
    pub(crate) holds: [Option<usize>; CODES],
    /// The newest grant it has heard of, for each code.
    pub(crate) newest_grant: [usize; CODES],
    pub(crate) spent: [bool; CODES],
    pub(crate) asks: [Ask; CODES],
    /// Shows, but does not spend.
    pub(crate) quarantined: bool,
}

impl Store {
    pub(crate) fn new() -> Store {
        Store {
            incarnation: 0,
            chains: [Vec::new(), Vec::new()],
            acknowledged: [0; 2],
            holds: [None; CODES],
            newest_grant: [0; CODES],
            spent: [false; CODES],
            asks: [Ask::None; CODES],
            quarantined: false,
        }
    }

    pub(crate) fn write(&mut self, entry: Entry) {
        self.chains[self.incarnation].push(entry);
    }

    pub(crate) fn spend(&mut self, act: Act) {
        self.spent[act.code] = true;
        self.write(Entry::Spent(act));
    }

    /// From this entry on the store will not spend it, whether or not the hub has heard.
    pub(crate) fn hand_over(&mut self, code: usize) {
        if let Some(grant) = self.holds[code].take() {
            self.write(Entry::HandedOver { code, grant });
        }
    }

    pub(crate) fn has(&self, act: Act) -> bool {
        self.chains
            .iter()
            .flatten()
            .any(|e| *e == Entry::Spent(act))
    }

    /// Nothing is waiting to go up.
    pub(crate) fn is_drained(&self) -> bool {
        (0..2).all(|it| self.acknowledged[it] >= self.chains[it].len())
    }

    /// Takes in what the hub says. Gives true if a customer may be served by it now.
    pub(crate) fn hear(&mut self, message: &Message, rules: &Rules) -> bool {
        match message {
            Message::Ack {
                incarnation,
                chain,
                ended,
                ..
            } => {
                self.note_acknowledged(*incarnation, chain, rules);
                if *ended && *incarnation == self.incarnation {
                    self.quarantined = true;
                }
            }
            Message::Grant {
                incarnation,
                code,
                grant,
                ..
            } => {
                // The same grant arriving late must not bring back what was handed over since.
                let is_news =
                    *grant > self.newest_grant[*code] || !rules.keeps(Guard::GrantNumbers);
                if *incarnation == self.incarnation && is_news && !self.quarantined {
                    self.newest_grant[*code] = self.newest_grant[*code].max(*grant);
                    self.holds[*code] = Some(*grant);
                }
            }
            Message::Welcome {
                incarnation,
                in_common,
                spent,
                leases,
                ..
            } => {
                if *incarnation > self.incarnation {
                    self.begin_again(*incarnation, *in_common);
                    for code in 0..CODES {
                        self.spent[code] |= spent[code];
                        self.holds[code] = leases[code];
                        let newest = leases[code].unwrap_or_default();
                        self.newest_grant[code] = self.newest_grant[code].max(newest);
                    }
                }
            }
            Message::Answer { code, is_yes, .. } => {
                if self.asks[*code] == Ask::Pending {
                    self.asks[*code] = Ask::Answered;
                    self.spent[*code] = true;
                    return *is_yes;
                }
            }
            Message::Up { .. } | Message::Hello { .. } | Message::Ask { .. } => {}
        }
        false
    }

    fn note_acknowledged(&mut self, incarnation: usize, chain: &[Entry], rules: &Rules) {
        let mine = &self.chains[incarnation];
        // An answer to another life of this ledger acknowledges nothing of this one.
        let is_mine = in_common(mine, chain) == chain.len();
        if is_mine || !rules.keeps(Guard::HashedSkips) {
            let through = chain.len().max(self.acknowledged[incarnation]);
            self.acknowledged[incarnation] = through;
        }
    }

    /// What the hub has not got goes on under the new incarnation, with its keys.
    fn begin_again(&mut self, incarnation: usize, in_common: usize) {
        let old = self.incarnation;
        let from = in_common.min(self.chains[old].len());
        self.chains[incarnation] = self.chains[old].split_off(from);
        self.acknowledged[old] = from;
        self.acknowledged[incarnation] = 0;
        self.incarnation = incarnation;
        self.quarantined = false;
    }
}
