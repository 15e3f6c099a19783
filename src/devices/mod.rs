//! The things on the counter: scanners.

pub mod scan;
