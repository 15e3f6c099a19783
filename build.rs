//! Tells the program when it was built: a clock that shows an earlier time is wrong.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.toml");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // https://reproducible-builds.org/specs/source-date-epoch/
    let given_s = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let built_s = given_s.unwrap_or_else(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "the build's own moment is what is asked for"
        )]
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    });
    println!(
        "cargo::rustc-env=COUNTERFOIL_BUILT_AT_MS={}",
        built_s * 1000
    );
}
