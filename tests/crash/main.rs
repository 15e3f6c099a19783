//! What survives: kill -9, a power cut, a failing or full disk, a flipped bit.

mod claim;
#[path = "../all/cluster.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod cluster;
#[path = "../all/dice.rs"]
mod dice;
mod disk;
mod flipped;
mod kill;
mod power;
#[path = "../all/shop.rs"]
#[expect(dead_code, reason = "what is kept in a database is not crashed here")]
mod shop;
mod tape;
mod till;
mod vfs;

/// How many times its usual length a soak runs: `COUNTERFOIL_SOAK=20`.
fn soak() -> usize {
    std::env::var("COUNTERFOIL_SOAK")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
}
