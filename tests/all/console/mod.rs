//! The console as a person and a scanner meet it: the real program, in a terminal of our own.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own surroundings: what fails here fails the test"
)]

mod pty;
pub(crate) mod shop;

mod bad_input;
mod campaign_work;
mod campaigns;
mod counter;
mod find;
mod guessing;
mod hub;
mod operators;
mod questions;
mod scans;
mod serial;
mod sign_in;
mod sign_up;
mod terminal;
