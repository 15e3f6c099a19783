//! The console: what happened comes in as a [`msg::Msg`], what shall be done goes out as
//! [`msg::Effect`]s, and [`draw::draw`] puts the model on the screen.
//!
//! `model` decides, `screens` hold one screen each (state, update, draw), `keys` is the one table of
//! keys, `words` the one table of verdict words, `canvas` the one gate to the terminal's cells.
//! Invariant: nothing here reads a clock, a disk or a device; time arrives in messages.
//! Invariant: a scan becomes exactly one [`msg::Effect::Scan`], whatever is on the screen.
//! Not here: what a scan means (`domain`), and who runs the effects (the runner).

pub mod back_order;
pub mod back_room;
pub mod big_word;
pub mod campaign_order;
pub mod canvas;
pub mod conflict_order;
pub mod day_order;
pub mod draw;
pub mod field;
pub mod find_order;
pub mod keys;
mod last_scans;
mod layout;
pub mod log_order;
pub mod model;
pub mod msg;
pub mod operator_order;
pub mod pages;
pub mod panel;
pub mod pool_order;
pub mod qr_cells;
pub mod runner;
pub mod screens;
pub mod theme;
mod today;
pub mod words;
pub mod work_order;
