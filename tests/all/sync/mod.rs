//! A hub and its stores: what passes between their ledgers, and what must come of it.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

mod asked;
mod crowd;
mod enrolment;
mod feed;
mod judging;
mod late;
mod lives;
mod orders;
mod restored;
mod scribe;
mod stock;
mod testers;
mod two_hubs;
mod up;
pub(crate) mod world;
