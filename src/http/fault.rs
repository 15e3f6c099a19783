//! What a caller is told that got no answer: a status, and one object of the contract.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::refusal::Refusal;
use crate::ledger::{Cause, LedgerError};
use crate::sync::intake::Barred;

/// Why a question got no answer.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: &'static str,
    /// In how many seconds it is worth asking again.
    retry_after: Option<u64>,
    /// What the ledger failed at, for the log.
    failed: Option<Failed>,
}

/// What the ledger failed at, and why: for the hub's log, on a response that is still to be logged.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub(super) op: &'static str,
    pub(super) cause: String,
}

/// An answer's text, as JSON.
pub(super) fn json(status: StatusCode, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, text).into_response()
}

impl Fault {
    fn of(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Fault {
        Fault {
            status,
            code,
            message: message.into(),
            hint,
            // What is full or under way now is over in a moment.
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
            failed: None,
        }
    }

    /// Its status.
    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub(super) fn unauthorized() -> Fault {
        Fault::of(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the request carries no token that is let in here",
            "send `Authorization: Bearer TOKEN`; `counterfoil hub token add` makes one",
        )
    }

    pub(super) fn forbidden(scope: &str) -> Fault {
        Fault::of(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("this token may not do this: it lacks the scope {scope}"),
            "add a token with that scope",
        )
    }

    pub(super) fn no_route() -> Fault {
        Fault::of(
            StatusCode::NOT_FOUND,
            "no_such_route",
            "there is nothing at this address",
            "check the path",
        )
    }

    pub(super) fn wrong_method() -> Fault {
        Fault::of(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this address does not take this method",
            "what changes something is posted; what only reads is got",
        )
    }

    pub(super) fn wrong_kind() -> Fault {
        Fault::of(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "the body says of itself that it is not JSON; nothing was done",
            "send one JSON object, with `Content-Type: application/json`",
        )
    }

    pub(super) fn too_large(bytes_max: usize) -> Fault {
        Fault::of(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the body has more than {bytes_max} bytes; nothing was done"),
            "send less at a time",
        )
    }

    pub(super) fn too_slow(time: Duration) -> Fault {
        Fault::of(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            format!(
                "the body did not arrive within {} seconds; nothing was done",
                time.as_secs_f32()
            ),
            "send it again, under the same key",
        )
    }

    /// Too many wrong tokens from one address.
    pub(super) fn too_many_tokens(retry_after: Duration) -> Fault {
        Fault {
            retry_after: Some(retry_after.as_secs().saturating_add(1)),
            ..Fault::of(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_wrong_tokens",
                "this address has sent many tokens that are not let in here",
                "check the token; one that is let in is never slowed by this",
            )
        }
    }

    /// Too many codes that nobody has, from one token.
    pub(super) fn too_many_guesses(retry_after: Duration) -> Fault {
        Fault {
            retry_after: Some(retry_after.as_secs().saturating_add(1)),
            ..Fault::of(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_guesses",
                "this token has asked for many codes that do not exist; nothing was done",
                "ask again, under the same key, after the seconds of Retry-After",
            )
        }
    }

    /// A question in clear where TLS is spoken.
    pub(super) fn tls_needed() -> Fault {
        Fault::of(
            StatusCode::BAD_REQUEST,
            "tls_needed",
            "this hub speaks TLS, and was asked in clear; nothing was done",
            "begin the hub's address with https://; if a token was sent, rotate it",
        )
    }

    pub(super) fn malformed_body(why: impl Into<String>) -> Fault {
        Fault::of(
            StatusCode::BAD_REQUEST,
            "malformed_body",
            why,
            "send one JSON object; nothing was done",
        )
    }

    pub(super) fn malformed_field(why: impl Into<String>) -> Fault {
        Fault::of(
            StatusCode::UNPROCESSABLE_ENTITY,
            "malformed_field",
            why,
            "correct the field; nothing was done",
        )
    }

    pub(super) fn busy() -> Fault {
        Fault::of(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "the ledger has as many questions as it can take",
            "ask again in a second, under the same key",
        )
    }

    /// The ledger is asked nothing any more.
    pub(super) fn ending() -> Fault {
        Fault::of(
            StatusCode::SERVICE_UNAVAILABLE,
            "ending",
            "the hub is ending; nothing was done",
            "ask again in a second, under the same key",
        )
    }

    /// The question may have been answered, and nobody heard it.
    pub(super) fn unheard() -> Fault {
        Fault::of(
            StatusCode::SERVICE_UNAVAILABLE,
            "unheard",
            "the hub is ending, and whether this was done is not known",
            "ask again under the same key: it acts once",
        )
    }

    pub(super) fn bug(why: &serde_json::Error) -> Fault {
        Fault::of(
            StatusCode::INTERNAL_SERVER_ERROR,
            "bug",
            format!("writing JSON: {why}"),
            "ask again under the same key, and report this",
        )
    }
}

impl From<Barred> for Fault {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Unknown => Fault::unauthorized(),
            Barred::Stolen => Fault::of(
                StatusCode::FORBIDDEN,
                "stolen",
                "this store was reported stolen: nothing is taken from it",
                "bring its ledger's file to the hub: `counterfoil hub adopt FILE`",
            ),
            Barred::AnotherNode => Fault::of(
                StatusCode::FORBIDDEN,
                "another_node",
                "this secret is that of another ledger",
                "each ledger joins by a token of its own: `counterfoil hub store add NAME`",
            ),
            Barred::Wire(version) => Fault::of(
                StatusCode::BAD_REQUEST,
                "wire_version",
                format!("this hub does not speak version {version} of the protocol"),
                "install the same Counterfoil at the hub and at its stores, the hub first",
            ),
            Barred::Refused(refusal) => Fault::from(refusal),
            Barred::Unspeakable(why) => Fault::of(
                StatusCode::INTERNAL_SERVER_ERROR,
                "bug",
                format!("writing JSON: {why}"),
                "please report this",
            ),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let status = if matches!(refusal, Refusal::NoSuchCampaign(_)) {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        Fault::of(status, refusal.code(), refusal.to_string(), refusal.hint())
    }
}

impl From<LedgerError> for Fault {
    /// Without the thing: it may be a code, and what is told here is no secret of the ledger's place.
    fn from(error: LedgerError) -> Self {
        Fault {
            failed: Some(Failed {
                op: error.op,
                cause: error.cause.to_string(),
            }),
            ..told(&error)
        }
    }
}

fn told(error: &LedgerError) -> Fault {
    let (code, hint) = match &error.cause {
        Cause::Busy | Cause::InUse | Cause::Raced(_) | Cause::Changed(_) => {
            ("busy", "ask again in a second, under the same key")
        }
        Cause::Dropped(_) | Cause::Unreachable(_) | Cause::Unsafe(_) => (
            "database_unreachable",
            "look after the hub's database, then ask again under the same key",
        ),
        Cause::OutcomeUnknown => (
            "outcome_unknown",
            "ask again under the same key: it acts once",
        ),
        Cause::DiskFull => (
            "disk_full",
            "free some room on the hub's disk, then ask again",
        ),
        Cause::Moved => ("moved", "ask the computer that the ledger was moved to"),
        Cause::Unexpected(_) => (
            "unexpected",
            "bring both programs up to date; the hub's first",
        ),
        Cause::Missing(_)
        | Cause::Exists(_)
        | Cause::AnotherShop(_)
        | Cause::AnotherHub(_)
        | Cause::NotALedger
        | Cause::Rehearsal
        | Cause::Newer { .. }
        | Cause::NetworkFileSystem(_)
        | Cause::Damaged(_)
        | Cause::Random(_)
        | Cause::Interrupted
        | Cause::Engine(_)
        | Cause::Postgres(_)
        | Cause::NoLedgerIn(_)
        | Cause::LedgerIn(_)
        | Cause::OnlyInFiles(_)
        | Cause::Io(_) => {
            return Fault::of(
                StatusCode::INTERNAL_SERVER_ERROR,
                "ledger",
                format!("{}: the ledger failed", error.op),
                "run `counterfoil verify` on the hub; ask again under the same key",
            );
        }
    };
    let message = format!("{}: {}", error.op, error.cause);
    Fault::of(StatusCode::SERVICE_UNAVAILABLE, code, message, hint)
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = serde_json::json!({"error": {
            "code": self.code, "message": self.message, "hint": self.hint,
        }});
        let mut response = json(self.status, body.to_string());
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(failed) = self.failed {
            response.extensions_mut().insert(failed);
        }
        response
    }
}
