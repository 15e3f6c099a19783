//! The things on the counter: scanners and printers.

pub mod print;
pub mod rights;
pub mod scan;
