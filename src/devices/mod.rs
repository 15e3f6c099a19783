//! The things on the counter: scanners and printers.

pub mod print;
mod rights;
pub mod scan;
