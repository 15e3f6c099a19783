//! All integration tests in one binary: it links once.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says what it expected"
)]

mod cancel;
mod claims;
mod command_line;
mod console;
mod dice;
mod find;
mod finding;
mod forms;
mod races;
mod restore;
mod screens;
mod shop;
mod statements;
mod tidy;
mod verdicts;
