//! What is true. Pure: no clock, disk, network, thread or randomness; they come in as arguments.
//!
//! Nothing here can fail for outside reasons: there are parse faults and refusals, no errors.

pub mod agreement;
pub mod campaign;
pub mod chain_head;
pub mod claim;
pub mod code;
pub mod code_list;
pub mod conflict;
pub mod contact;
pub mod customer;
pub mod day_paper;
pub mod day_report;
pub mod depletion;
pub mod doctor;
pub mod dossier;
pub mod entry;
pub mod escape;
pub mod finding;
pub mod gs1;
pub mod guessing;
pub mod hub_status;
pub mod ids;
pub(crate) mod json;
pub mod layout;
pub mod lease;
mod link;
pub mod local_time;
pub mod log;
pub mod notes;
pub mod operator;
pub mod pool;
pub mod preflight;
mod private;
pub mod qr;
pub mod reading;
pub mod refusal;
pub mod reversal;
pub mod sign_up;
pub mod slip;
pub mod slip_job;
pub mod slip_template;
pub mod store;
pub mod test_mode;
pub mod token;
pub mod verdict;
pub mod wire;
