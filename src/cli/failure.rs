//! What ends a command early, in words and as an exit code.

use std::io;

use crate::domain::ids::MalformedName;
use crate::domain::refusal::Refusal;
use crate::http::HubFault;
use crate::ledger::{Cause, LedgerError};

/// A failed command: what failed, what to do, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// A name for programs.
    pub(crate) code: &'static str,
    /// Operation, thing and cause in one sentence.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: String,
    /// The exit code.
    pub(crate) exit: u8,
}

impl Failure {
    /// Wrong usage or configuration.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure {
            code: "usage",
            message: message.into(),
            hint: hint.into(),
            exit: 2,
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let (code, exit) = match &error.cause {
            Cause::Missing(_) | Cause::NoLedgerIn(_) => ("no_ledger", 2),
            Cause::Exists(_) | Cause::LedgerIn(_) => ("ledger_exists", 2),
            Cause::AnotherShop(_) => ("another_shop", 2),
            Cause::NotALedger => ("not_a_ledger", 2),
            Cause::Rehearsal => ("rehearsal", 2),
            Cause::NetworkFileSystem(_) => ("network_file_system", 2),
            Cause::InUse => ("in_use", 5),
            Cause::AnotherHub(_) => ("another_hub", 3),
            Cause::Newer { .. } => ("newer_ledger", 5),
            Cause::Moved => ("moved", 5),
            Cause::DiskFull => ("disk_full", 5),
            Cause::Busy => ("busy", 5),
            Cause::Damaged(_) => ("damaged", 5),
            Cause::Random(_) => ("random", 5),
            Cause::Interrupted => ("interrupted", 5),
            Cause::Changed(_) => ("changed", 5),
            Cause::Unexpected(_) => ("unexpected", 3),
            Cause::Engine(_) => ("engine", 5),
            Cause::Io(_) => ("io", 5),
            Cause::Postgres(_) => ("postgres", 5),
            Cause::Raced(_) => ("raced", 5),
            Cause::Dropped(_) => ("connection_lost", 5),
            Cause::Unreachable(_) => ("database_unreachable", 5),
            Cause::Unsafe(_) => ("database_not_safe", 5),
            Cause::OutcomeUnknown => ("outcome_unknown", 3),
            Cause::OnlyInFiles(_) => ("only_in_files", 2),
        };
        Failure {
            code,
            hint: error.hint(),
            message: error.to_string(),
            exit,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure {
            code: refusal.code(),
            message: refusal.to_string(),
            hint: refusal.hint().to_owned(),
            exit: refusal.exit_code(),
        }
    }
}

impl From<MalformedName> for Failure {
    fn from(fault: MalformedName) -> Self {
        Failure::usage(fault.0, "see --help")
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let hint = if error.kind() == io::ErrorKind::BrokenPipe {
            "whoever read the output has gone; nothing is wrong with the ledger"
        } else {
            "check the file, the disk and the permissions"
        };
        Failure {
            code: "io",
            message: format!("reading or writing: {error}"),
            hint: hint.into(),
            exit: 5,
        }
    }
}

impl From<HubFault> for Failure {
    fn from(fault: HubFault) -> Self {
        match fault {
            HubFault::Io(error) => Failure::from(error),
            HubFault::LedgerThread => Failure {
                code: "bug",
                message: fault.to_string(),
                hint: "start the hub again (its service does so by itself), run `counterfoil verify`, \
                       and report the lines above"
                    .into(),
                exit: 70,
            },
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Failure {
            code: "bug",
            message: format!("writing JSON: {error}"),
            hint: "please report this".into(),
            exit: 70,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, HubFault};

    #[test]
    fn a_hub_that_failed_by_a_bug_ends_as_a_bug_does() {
        let failure = Failure::from(HubFault::LedgerThread);
        assert_eq!((failure.code, failure.exit), ("bug", 70));
    }
}
