//! What may happen in a variant, and which rules of the protocol it is played without.

/// Which misfortunes and habits a variant knows. A network that loses, doubles and reorders is in
/// every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The hub wants codes back: recall, return and `home` are the same act.
    Recall,
    /// A store spends codes it does not hold: the policy `accept`, without a limit.
    AcceptAny,
    /// The unlucky store's ledger is replaced by an older backup.
    Restore,
    /// A manager writes the unlucky store off, though it is alive.
    WriteOff,
    /// The other store asks the hub for codes that it does not hold.
    Ask,
    /// The leases' soft end passes.
    SoftEndPasses,
}

/// A rule of the protocol that a variant can be played without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A restored store notices (the marker) and spends nothing until the hub has spoken.
    Quarantine,
    /// What a restored store could have spent is never leased again.
    Suspect,
    /// A write-off ends the store's incarnation.
    Fence,
    /// An ended incarnation may still upload what happened.
    LateFacts,
    /// A right comes back by the giver's own entry, not by the hub's wish.
    HandedOver,
    /// Every grant has a number; an older one gives and takes nothing.
    GrantNumbers,
    /// What is skipped or acknowledged must have the same hash, not only the same number.
    HashedSkips,
    /// An ask given up is withdrawn by an entry.
    Withdrawn,
    /// A store past its soft end redeems nothing as the holder.
    SoftEnd,
    /// The hub redeems a suspect code only after the soft end.
    Margin,
}

/// One way to play the protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) happens: &'static [Trouble],
    pub(crate) without: &'static [Guard],
}

impl Rules {
    pub(crate) fn may(&self, trouble: Trouble) -> bool {
        self.happens.contains(&trouble)
    }

    pub(crate) fn keeps(&self, guard: Guard) -> bool {
        !self.without.contains(&guard)
    }
}
