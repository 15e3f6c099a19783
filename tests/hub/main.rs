//! A hub and its stores as they are run: real programs, real sockets, and between them a network that
//! fails in every way.

mod barred;
#[path = "../all/cluster.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod cluster;
mod joining;
mod leases;
mod outbox;
mod proxy;
mod put_back;
mod questions;
#[path = "../all/serving.rs"]
#[expect(dead_code, reason = "programs with tokens are tried elsewhere")]
mod serving;
#[path = "../all/shop.rs"]
#[expect(dead_code, reason = "what is kept in a database is tried elsewhere")]
mod shop;
mod stage;
#[path = "../all/stores.rs"]
#[expect(dead_code, reason = "what stores send byte by byte is tried elsewhere")]
mod stores;
