//! All integration tests in one binary: it links once.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says what it expected"
)]

mod away;
mod campaign_work;
mod campaigns_screens;
mod cancel;
mod claims;
mod cluster;
mod command_line;
mod console;
mod customers;
mod day;
mod day_screens;
mod dice;
mod doctor;
mod dossier;
mod find;
mod finding;
mod forms;
mod http;
mod hub_bodies;
mod hub_client;
mod hub_limits;
mod hub_screens;
mod hub_tls;
mod hub_tokens;
mod hubs;
mod log;
mod log_screens;
mod operators;
mod package;
mod pools;
mod pools_screens;
mod postgres;
mod postgres_tls;
mod preflight;
mod printing;
mod races;
mod recognition;
mod restore;
mod rule_changes;
mod scanner_options;
mod screens;
mod serving;
mod shop;
mod sign_up;
mod slips;
mod statements;
#[expect(
    dead_code,
    reason = "what stores do over a bad network is tried in `hub`"
)]
mod stores;
mod sync;
mod test_mode;
mod tidy;
mod together;
mod verdicts;
