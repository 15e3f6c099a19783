//! All integration tests in one binary: it links once.

mod command_line;
mod console;
mod tidy;
