//! Counterfoil, the point-of-redemption console: the architecture on one page.
//!
//! (The layers, the laws and the life of a scan are described here as they land.)
#![forbid(unsafe_code)]

pub mod cli;
pub mod desk;
pub mod devices;
pub mod domain;
pub mod ledger;
pub mod tui;
