//! What the hub says of itself: one JSON line an answer, and plain counters.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::http::fault::Failed;

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
    /// What the ledger failed at, where it did.
    pub(super) failed: Option<&'a Failed>,
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

/// Where the lines go.
pub(super) struct Log(Mutex<Box<dyn Write + Send>>);

impl Log {
    pub(super) fn to(place: Box<dyn Write + Send>) -> Log {
        Log(Mutex::new(place))
    }

    /// Writes the line of an answer.
    pub(super) fn answered(&self, answered: &Answered<'_>) {
        let mut line = serde_json::json!({
            "at": answered.at,
            "route": answered.route,
            "status": answered.status,
            "latency_ms": u64::try_from(answered.latency_ms).unwrap_or(u64::MAX),
            "token": answered.token,
        });
        if let (Some(failed), Some(line)) = (answered.failed, line.as_object_mut()) {
            line.insert("op".to_owned(), failed.op.into());
            line.insert("cause".to_owned(), failed.cause.as_str().into());
        }
        self.line(&line);
    }

    /// Writes something that is no answer: a certificate in use from now on, a connection not taken.
    pub(super) fn note(&self, at: Timestamp, words: &str) {
        self.line(&serde_json::json!({"at": at, "note": words}));
    }

    fn line(&self, line: &serde_json::Value) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Where it is gone, nobody reads it.
        drop(place.write_all(format!("{line}\n").as_bytes()));
    }
}
