//! All integration tests in one binary: it links once.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says what it expected"
)]

mod dice;
mod races;
mod restore;
mod screens;
mod shop;
mod tidy;
mod verdicts;
