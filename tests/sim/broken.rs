//! What can be broken: the laws by their letters, and how it is told.

use std::fmt;

/// An invariant of the protocol, or what else must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Law {
    /// A right is in one hand.
    I1Exclusive,
    /// No code to two customers, none honoured more often than it may be.
    I2Safe,
    /// What could not be avoided has a conflict, one per excess entry.
    I3NeverSilent,
    /// What was acknowledged is never lost, and is at the hub once.
    I4Durable,
    /// One key acts once.
    I5Once,
    /// States go forward only.
    I6Forward,
    /// No code appears or disappears in a pool's figures.
    I7Conserved,
    /// A customer has one code, or there is a conflict.
    I8OneEach,
    /// Nothing appears in the feed below a cursor that was given out.
    I9Feed,
    /// Leases are disjoint, and nothing is assigned outside of one.
    I10Leased,
    /// A download never changes what was not sent.
    Unsent,
    /// At rest all ledgers say the same.
    Agree,
    /// The same entries in another order are the same ledger.
    Order,
    /// Once the line is whole, all is sent and heard.
    Rests,
    /// No use case ends in an error.
    NoError,
}

/// A law was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) law: Law,
    pub(crate) how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.how)
    }
}

pub(crate) type Checked<T> = Result<T, Broken>;

/// The law was broken in this way.
pub(crate) fn broken<T>(law: Law, how: impl Into<String>) -> Checked<T> {
    Err(Broken {
        law,
        how: how.into(),
    })
}

/// A use case that ends in an error where none should.
pub(crate) trait Undisturbed<T> {
    fn undisturbed(self, what: &str) -> Checked<T>;
}

impl<T, E: std::error::Error> Undisturbed<T> for Result<T, E> {
    fn undisturbed(self, what: &str) -> Checked<T> {
        self.map_err(|error| {
            let mut how = format!("{what}: {error}");
            let mut cause = error.source();
            while let Some(deeper) = cause {
                how = format!("{how}: {deeper}");
                cause = deeper.source();
            }
            Broken {
                law: Law::NoError,
                how,
            }
        })
    }
}
