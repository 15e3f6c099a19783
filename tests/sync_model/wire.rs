//! What is written and what is sent: acts, entries, messages.

/// How many codes and stores the model knows.
pub(crate) const CODES: usize = 2;
pub(crate) const STORES: usize = 2;

/// One code handed out at one counter: what happens once in the real world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Act {
    pub(crate) store: usize,
    pub(crate) code: usize,
    pub(crate) way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// By the store's own right (or in spite of it): its n-th act on that code.
    Alone(usize),
    /// By the hub's answer. One ask per code and store: that pair is the ask's key.
    Asked,
}

/// An entry in a store's chain. Two entries at the same place with the same hash are equal here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Entry {
    Spent(Act),
    /// The giver's own entry: the right to this code, held by this grant, goes back to the hub.
    HandedOver {
        code: usize,
        grant: usize,
    },
    /// The ask for this code is given up.
    Withdrawn {
        code: usize,
    },
}

/// A chain of one incarnation. Its hash stands for all of it, so the model compares all of it.
pub(crate) type Chain = Vec<Entry>;

/// What is on the wire. A message once sent may arrive never, once or often, at any time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    /// Store to hub: everything of one incarnation. The hub skips what it has.
    Up {
        store: usize,
        incarnation: usize,
        chain: Chain,
    },
    /// Hub to store: what it has of that incarnation, by its hash.
    Ack {
        store: usize,
        incarnation: usize,
        chain: Chain,
        ended: bool,
    },
    /// Hub to store: hold this code.
    Grant {
        store: usize,
        incarnation: usize,
        code: usize,
        grant: usize,
    },
    /// Quarantined store to hub: this is what I have, who am I?
    Hello {
        store: usize,
        incarnation: usize,
        chain: Chain,
    },
    /// Hub to quarantined store: a new incarnation, what is spent, and which leases it keeps.
    Welcome {
        store: usize,
        incarnation: usize,
        /// How many entries of the old incarnation both have.
        in_common: usize,
        spent: [bool; CODES],
        leases: [Option<usize>; CODES],
    },
    /// Store to hub: redeem this code, which I do not hold.
    Ask { store: usize, code: usize },
    /// Hub to store.
    Answer {
        store: usize,
        code: usize,
        is_yes: bool,
    },
}

/// How many entries two chains have in common.
pub(crate) fn in_common(one: &[Entry], other: &[Entry]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}
