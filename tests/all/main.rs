//! All integration tests in one binary: it links once.

mod dice;
mod races;
mod restore;
mod shop;
mod tidy;
