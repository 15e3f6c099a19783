//! What the hub says of itself: one JSON line an answer on standard error, and plain counters.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Answers by route and status since the hub began.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<BTreeMap<(&'static str, u16), u64>>);

/// One answer, as it is logged: never a body, a code or a contact.
pub(super) struct Answered<'a> {
    pub(super) at: Timestamp,
    pub(super) route: &'static str,
    pub(super) status: u16,
    pub(super) latency_ms: u128,
    pub(super) token: Option<&'a str>,
}

impl Counters {
    pub(super) fn count(&self, route: &'static str, status: u16) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((route, status)).or_insert(0) += 1;
    }

    /// In the text form of Prometheus.
    pub(super) fn text(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = counts.iter().map(|((route, status), count)| {
            format!("counterfoil_answers_total{{route=\"{route}\",status=\"{status}\"}} {count}\n")
        });
        let head = "# HELP counterfoil_answers_total Answers since the hub began.\n\
                    # TYPE counterfoil_answers_total counter\n";
        std::iter::once(head.to_owned()).chain(lines).collect()
    }
}

/// Writes the line of an answer.
pub(super) fn write(answered: &Answered<'_>) {
    let line = serde_json::json!({
        "at": answered.at,
        "route": answered.route,
        "status": answered.status,
        "latency_ms": u64::try_from(answered.latency_ms).unwrap_or(u64::MAX),
        "token": answered.token,
    });
    // Where stderr is gone, nobody reads it.
    drop(std::io::stderr().write_all(format!("{line}\n").as_bytes()));
}
