//! What is true. Pure: no clock, disk, network, thread or randomness; they come in as arguments.

pub mod code;
pub mod escape;
pub mod layout;
pub mod reading;
