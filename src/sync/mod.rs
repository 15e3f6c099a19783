//! How a store and its hub agree: the protocol on one page. State machines; no clock, no thread, no
//! network and no randomness inside, so that a simulation can drive the very code that runs.
//!
//! # Who may spend a code
//!
//! Every code has one *holder*: the hub, or one store's node. The holder spends it without asking. A
//! right moves only by the giver's own entry: the hub grants by writing, the store hands over by an
//! entry that counts when the hub applies it. Whoever is not the holder asks the hub, or goes by the
//! campaign's offline policy.
//!
//! # What is said
//!
//! The store calls, the hub answers; everything may be lost, doubled or late, and is sent again until
//! it is answered. Each request begins with a [`crate::domain::wire::Hello`], each answer with a
//! [`crate::domain::wire::Welcome`], which says what the store may do from now on.
//!
//! | route | brings | answers |
//! |---|---|---|
//! | `join` | the enrolment token, and a secret that the store has drawn | whether it is let in |
//! | `stock` | a piece of what a shop that worked alone has | how many pieces are there |
//! | `live` | where a restored or copied ledger parts from its former life | the life that is known |
//! | `up` | entries above the acknowledged one, attempts, what leases are used for | what is acknowledged, and what became of each |
//! | `down` | the store's place in the feed | what changed since, as it stands; waits for something new |
//! | `ask` | one question under the key of its act | the hub's answer; the hub's entry is the act |
//!
//! # What holds it together
//!
//! - Entries are named by node, life and number, and chained by hash. The hub skips what it has only
//!   where the hash is equal; where it differs, the store's ledger is a copy, and begins another life.
//! - A page of the feed says the newest position of everything in it, and is applied as a whole with
//!   its cursor. It never overwrites what the store has not sent yet.
//! - One key acts once: an ask whose answer was lost is asked again under its key. Giving it up is an
//!   entry, after which the hub refuses that key for ever.
//! - A life of a ledger that the hub does not know spends nothing. What it may have spent unseen is
//!   suspect before the next life spends anything. A hub that was restored has another life too, and
//!   its stores begin the feed again.
//! - A store says at every contact which entry it knows to be the hub's newest. A hub that has not got
//!   it was put back to an older state: it says so, and gives nothing out until its manager begins a new
//!   life of it. That life hears from its stores what they know of codes and of campaigns' rules. What a
//!   manager did at the hub and no store knows is gone, as the README says.
//! - Authority can be fenced; facts never are: what a revoked or ended life has done is taken in.
//!
//! [`courier`] is the store's side: what to send next, and how to take an answer. [`intake`] is the
//! hub's: which call of the ledger a request is.

pub mod courier;
pub mod intake;
