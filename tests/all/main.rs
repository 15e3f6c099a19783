//! All integration tests in one binary: it links once.

mod screens;
mod tidy;
mod verdicts;
