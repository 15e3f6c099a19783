//! The routes: who may ask what, and how an answer becomes a response.

use std::sync::Arc;
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::domain::token::Scope;
use crate::http::asked::{self, Ask};
use crate::http::fault::{Fault, json};
use crate::http::ledger_thread::{Asks, Bearer, Question};
use crate::http::log::{self, Answered, Counters};
use crate::http::{WIRE_MARK, WIRE_VERSION};

const CLAIMS: &str = "/v1/claims";
const REDEMPTIONS: &str = "/v1/redemptions";
const POOLS: &str = "/v1/pools";
const HEALTH: &str = "/healthz";
const METRICS: &str = "/metrics";

/// The longest body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What all answers share.
pub(super) struct Shared {
    pub(super) asks: Asks,
    pub(super) counters: Counters,
    pub(super) clock: fn() -> Timestamp,
}

/// The token's name, on a response that is still to be logged.
#[derive(Clone)]
struct Caller(String);

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(CLAIMS, post(claims))
        .route(REDEMPTIONS, post(redemptions))
        .route(POOLS, get(pools))
        .route(HEALTH, get(health))
        .route(METRICS, get(metrics))
        .fallback(async || Fault::no_route())
        .method_not_allowed_fallback(async || Fault::wrong_method())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&shared), logged))
        .with_state(shared)
}

async fn claims(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    posted(&shared, request, Scope::Claim, asked::claim).await
}

async fn redemptions(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    posted(&shared, request, Scope::Redeem, asked::redemption).await
}

async fn pools(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match bearer(&headers, Scope::Read) {
        Ok(bearer) => ask(&shared, Some(bearer), Ask::Pools).await,
        Err(fault) => fault.into_response(),
    }
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    ask(&shared, None, Ask::Health).await
}

async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let bearer = match bearer(&headers, Scope::Read) {
        Ok(bearer) => bearer,
        Err(fault) => return fault.into_response(),
    };
    let mut response = ask(&shared, Some(bearer), Ask::Knock).await;
    if response.status() == StatusCode::OK {
        let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
        let known = response.extensions().clone();
        response = (kind, shared.counters.text()).into_response();
        *response.extensions_mut() = known;
    }
    response
}

/// Lets the token in before the body is read, reads the body, and asks.
async fn posted(
    shared: &Shared,
    request: Request,
    scope: Scope,
    read: fn(&[u8]) -> Result<Ask, Fault>,
) -> Response {
    let bearer = match bearer(request.headers(), scope) {
        Ok(bearer) => bearer,
        Err(fault) => return fault.into_response(),
    };
    let knocked = ask(shared, Some(bearer.clone()), Ask::Knock).await;
    if knocked.status() != StatusCode::OK {
        return knocked;
    }
    match body_of(request).await.and_then(|body| read(&body)) {
        Ok(asked) => ask(shared, Some(bearer), asked).await,
        Err(fault) => {
            let mut response = fault.into_response();
            *response.extensions_mut() = knocked.extensions().clone();
            response
        }
    }
}

async fn body_of(request: Request) -> Result<Bytes, Fault> {
    let told = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64) {
        return Err(Fault::too_large());
    }
    match tokio::time::timeout(BODY_TIME, Bytes::from_request(request, &())).await {
        Err(_) => Err(Fault::too_slow()),
        Ok(Ok(body)) => Ok(body),
        Ok(Err(fault)) if fault.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Fault::too_large())
        }
        Ok(Err(_)) => Err(Fault::malformed_body("the body did not arrive whole")),
    }
}

fn bearer(headers: &HeaderMap, scope: Scope) -> Result<Bearer, Fault> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, secret)| Bearer {
            secret: secret.trim().to_owned(),
            scope,
        })
        .ok_or_else(Fault::unauthorized)
}

/// Asks the ledger, and waits until what it answers is committed.
async fn ask(shared: &Shared, bearer: Option<Bearer>, asked: Ask) -> Response {
    let (tell, told) = oneshot::channel();
    let question = Question {
        bearer,
        ask: asked,
        tell,
    };
    match shared.asks.try_send(question) {
        Ok(()) => {}
        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
            return Fault::busy().into_response();
        }
    }
    let Ok(told) = told.await else {
        return Fault::unheard().into_response();
    };
    let mut response = match told.answer {
        Ok(text) => json(StatusCode::OK, text),
        Err(fault) => fault.into_response(),
    };
    if let Some(token) = told.token {
        response.extensions_mut().insert(Caller(token));
    }
    response
}

/// Counts and logs every answer.
async fn logged(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let route = [CLAIMS, REDEMPTIONS, POOLS, HEALTH, METRICS]
        .into_iter()
        .find(|route| *route == request.uri().path())
        .unwrap_or("unknown");
    let began = tokio::time::Instant::now();
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(WIRE_MARK, HeaderValue::from_static(WIRE_VERSION));
    let status = response.status().as_u16();
    shared.counters.count(route, status);
    log::write(&Answered {
        at: (shared.clock)(),
        route,
        status,
        latency_ms: began.elapsed().as_millis(),
        token: response
            .extensions()
            .get::<Caller>()
            .map(|caller| caller.0.as_str()),
    });
    response
}
