//! Counterfoil, the point-of-redemption console: the architecture on one page.
//!
//! A customer presents a single-use code; the console says, readable from two metres, whether to
//! honour it, and a code honoured once is used up everywhere. Everything below serves that.
//!
//! # Layers
//!
//! Imports point down only; `tests/all/tidy.rs` holds the table.
//!
//! | layer | what it is | what is deliberately absent |
//! |---|---|---|
//! | [`cli`] | arguments, configuration, words and exit codes; one file a family of commands | rules |
//! | [`tui`] | the console: [`tui::msg`] in, [`tui::model`] decides, [`tui::screens`] show, [`tui::runner`] runs threads and terminal | clocks and ledgers outside the runner |
//! | [`http`] | the hub: routes, tokens, bodies; one thread has the ledger. The client of a hub | rules, clocks |
//! | [`sync`] | how a store and its hub agree: what to send next, how to take an answer | time, chance, threads, the network |
//! | [`desk`] | the verbs of the counter: scan, undo, sign in, approve, set up, preflight | terminals |
//! | [`devices`] | scanners: bytes into one scan; printers: a slip onto paper, and what became of it | what a scan means, which slips there are |
//! | [`ledger`] | one ledger on SQLite: entries, state, tallies, backups; one use case is one transaction | the wall clock, a screen |
//! | [`domain`] | what is true: codes, campaigns, entries, the verdict | clock, disk, network, thread, randomness |
//!
//! # The life of a scan
//!
//! [`devices::scan::framing`] makes one scan of bytes → [`tui::msg::Msg::Input`] →
//! [`tui::model::Model::update`] → [`tui::msg::Effect::Scan`] → [`tui::runner`] (reads the clock
//! once) → [`desk::Desk::scan`] (badge or code; mints the key) → [`ledger::Ledger::redeem`]: waits
//! its turn at the turnstile, begins, looks the code up ([`domain::reading::read`] says what a text
//! may be), gathers the facts, asks the one [`domain::verdict::judge`], writes the entry and the
//! conditional update, commits, moves the marker → [`tui::msg::Msg::Judged`] → the screen. Nothing
//! is drawn green before the commit has returned.
//!
//! A claim goes the same way: [`ledger::Ledger::assign`] asks [`domain::claim::decide`], and a code is
//! drawn by moving a cursor.
//!
//! A program's claim over HTTP goes the same way: [`http`] reads the body and puts the question into a
//! bounded channel; the thread that owns the ledger lets its token in, and answers after the commit.
//!
//! The command line comes in at [`ledger::Ledger::redeem`] with the same judge.
//!
//! # The life of a slip
//!
//! [`domain::slip::Slip`] holds what the paper says → [`domain::slip_template::Template::lines`] puts it
//! into lines → [`devices::print::slip_job`] makes bytes of them for one [`devices::print::Profile`] (what
//! the printer cannot spell is told) → [`devices::print::Printer::print`] sends them once →
//! [`devices::print::Outcome`]: printed, sent, unconfirmed or not sent, and why.
//!
//! # The life of a Z report
//!
//! [`ledger::Ledger::order_z_report`] counts the day in one view ([`domain::day_report`]), writes the
//! entry whose hash stands on the paper → [`domain::day_paper::lines`] → the printer, as a slip.
//!
//! # Invariants
//!
//! - The check and the write of a right are one conditional statement in one transaction; zero rows
//!   changed means refused. `BEGIN IMMEDIATE` always, `synchronous=FULL` always.
//! - Entries are never changed. Each carries the hash of the one before; `counterfoil verify` follows
//!   the chain. What can identify a person lives in tables that can be erased, never in the chain.
//! - A person is recognised by keyed hashes of their contacts in normal form, for as long as the
//!   campaign lives: no edit, join or erasing frees a second code.
//! - A right is decided by state and order, never by comparing clocks.
//! - No read transaction is held across frames, and no write lock longer than about 100 ms: imports go
//!   in slices under an unpublished batch.
//! - Nothing scanned or typed reaches a terminal, a log, a printer or a file unfiltered
//!   ([`domain::escape`], [`tui::canvas`], [`devices::print::spell`]).
//!
//! # Where to add things
//!
//! - A verdict: [`domain::verdict::Verdict`], then follow the compiler; its words for the screen are in
//!   [`tui::words`].
//! - A screen: one file in [`tui::screens`]; its keys in [`tui::keys`].
//! - Long work from a page: a wish in [`tui::work_order`], done by `tui/runner/work_thread.rs`.
//! - A kind of entry: [`domain::entry::Fact`].
//! - A table or column: the next number in `assets/migrations`, listed in `ledger::schema`.
//! - A route of the hub: a row of [`http::ROUTES`]; `tests/all/http.rs` asks for its body.
//! - A command: [`cli`], one variant of its arguments and one file of its family.
//! - Something `doctor` looks at: what is seen in `cli/doctor.rs`, how it is judged in [`desk::doctor`].
//! - A failure to be played before a launch: an act in [`desk::preflight`], its rule in
//!   [`domain::preflight`].
//! - A scanner: [`devices::scan`], beside `tty` and `serial`.
//! - A printer: its numbers in [`devices::print::ProfileName::profile`]; a way to reach it in
//!   [`devices::print::Destination`].
//! - A word on slips: a placeholder in [`domain::slip_template`].
#![forbid(unsafe_code)]

pub mod cli;
pub mod desk;
pub mod devices;
pub mod domain;
pub mod http;
pub mod ledger;
pub mod sync;
pub mod tui;
