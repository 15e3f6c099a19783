//! The routes: who may ask what, and how an answer becomes a response.
//!
//! [`ROUTES`] is the one list of them. Whatever is asked goes the same way: the token, the body, the
//! ledger, which lets the token in and knows of guessing.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::TrySendError;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::domain::token::Scope;
use crate::http::asked::{self, Ask};
use crate::http::fault::{Failed, Fault, json};
use crate::http::guesses::Guesses;
use crate::http::held::{Held, IsHeld};
use crate::http::ledger_thread::{Asks, Bearer, Question};
use crate::http::log::{Answered, Counters, Log};
use crate::http::{WIRE_MARK, WIRE_VERSION};
use crate::sync::intake;

/// How a route is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It only reads.
    Get,
    /// It may change something; its body is one JSON object.
    Post,
}

impl Method {
    /// Its word in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// One route of the hub.
#[derive(Debug)]
pub struct Route {
    /// How it is asked.
    pub method: Method,
    /// Where.
    pub path: &'static str,
    /// What a token must be allowed; none: anybody may ask.
    pub scope: Option<Scope>,
    /// The longest body, in bytes.
    pub body_bytes_max: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    does: Does,
}

/// What a route does.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// Asks the ledger what the body says.
    Ask(fn(&[u8]) -> Result<Ask, Fault>),
    /// Tells the counters, to whom the ledger lets in.
    Metrics,
    /// Asks the ledger what a store asks, and waits with it for something new.
    Sync(intake::Route),
}

/// A route whose body is one claim or redemption, or nothing.
const fn route(method: Method, path: &'static str, scope: Option<Scope>, does: Does) -> Route {
    Route {
        method,
        path,
        scope,
        body_bytes_max: 64 * 1024,
        body_time: Duration::from_secs(10),
        does,
    }
}

/// A route that stores ask, each by the secret of its node.
const fn sync_route(route: intake::Route) -> Route {
    Route {
        method: Method::Post,
        path: route.path(),
        scope: Some(Scope::Sync),
        body_bytes_max: route.bytes_max(),
        body_time: Duration::from_secs(30),
        does: Does::Sync(route),
    }
}

/// How long a store's question waits for the holder of a code, so that it has its answer in time.
const HOLDER_TIME: Duration = Duration::from_millis(1_100);

/// How long a store may wait for something new.
const NEWS_TIME: Duration = Duration::from_secs(25);

/// Whoever waits looks again after this time: another process may have written.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Every route there is. A longer body, or a longer time for it, is said by `..route(…)`.
pub const ROUTES: &[Route] = &[
    route(
        Method::Post,
        "/v1/claims",
        Some(Scope::Claim),
        Does::Ask(asked::claim),
    ),
    route(
        Method::Post,
        "/v1/redemptions",
        Some(Scope::Redeem),
        Does::Ask(asked::redemption),
    ),
    route(
        Method::Get,
        "/v1/pools",
        Some(Scope::Read),
        Does::Ask(|_| Ok(Ask::Pools)),
    ),
    route(Method::Get, "/metrics", Some(Scope::Read), Does::Metrics),
    sync_route(intake::Route::Join),
    sync_route(intake::Route::Stock),
    sync_route(intake::Route::Live),
    sync_route(intake::Route::Up),
    sync_route(intake::Route::Down),
    sync_route(intake::Route::Ask),
    route(
        Method::Get,
        "/healthz",
        None,
        Does::Ask(|_| Ok(Ask::Health)),
    ),
];

/// What all answers share.
pub(super) struct Shared {
    pub(super) asks: Asks,
    /// The newest position of the feed.
    pub(super) feed: watch::Sender<i64>,
    pub(super) counters: Counters,
    pub(super) log: Log,
    pub(super) guesses: Arc<Guesses>,
    pub(super) clock: fn() -> Timestamp,
    /// How many questions the ledger is answering.
    pub(super) under_way: watch::Sender<usize>,
    /// In the place of the routes' own, where it is shorter.
    pub(super) body_time: Duration,
}

/// From which address a question came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// The token's name, on a response that is still to be logged.
#[derive(Clone)]
struct Caller(String);

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let answers = async move |State(shared): State<Arc<Shared>>, request: Request| {
            respond(&shared, route, request).await
        };
        router = router.route(
            route.path,
            on(filter, answers).layer(DefaultBodyLimit::max(route.body_bytes_max)),
        );
    }
    router
        .fallback(async || Fault::no_route())
        .method_not_allowed_fallback(async || Fault::wrong_method())
        .layer(from_fn_with_state(Arc::clone(&shared), logged))
        .with_state(shared)
}

/// What a route says to a body, without asking the ledger: the status of its refusal. For checks.
pub fn refusal_of_body(route: &Route, body: &[u8]) -> Option<u16> {
    match route.does {
        Does::Ask(read) => read(body).err().map(|fault| fault.status()),
        Does::Sync(route) => asked::sync(route, body).err().map(|fault| fault.status()),
        Does::Metrics => None,
    }
}

/// Asks the ledger what the body says. A body that has come with its head, as nearly all do, is asked
/// at once: who asks is let in with the question. Nobody else is waited for before they are let in.
async fn respond(shared: &Arc<Shared>, route: &'static Route, request: Request) -> Response {
    let Some(scope) = route.scope else {
        return match read(shared, route, request).await {
            Ok(read) => answered(shared, None, read).await,
            Err(fault) => fault.into_response(),
        };
    };
    let peer = request.extensions().get::<Peer>().copied();
    let bearer = match bearer(request.headers(), scope) {
        Ok(bearer) => bearer,
        Err(fault) => return fault.into_response(),
    };
    let mut reading = pin!(read(shared, route, request));
    let at_once = match now_or_later(reading.as_mut()).await {
        Some(Ok(Read::Ask(ask))) => Ok(ask),
        other => Err(other),
    };
    let response = match at_once {
        Ok(ask) => answered(shared, Some(bearer), Read::Ask(ask)).await,
        Err(read) => {
            let knocked = ask(shared, Some(bearer.clone()), Ask::Knock).await;
            if knocked.status() == StatusCode::OK {
                let read = match read {
                    Some(read) => read,
                    None => reading.await,
                };
                let response = match read {
                    Ok(read) => answered(shared, Some(bearer), read).await,
                    Err(fault) => fault.into_response(),
                };
                return with_caller(response, &knocked);
            }
            knocked
        }
    };
    if response.status() == StatusCode::UNAUTHORIZED
        && let Some(Peer(address)) = peer
        && let Err(wait) = shared.guesses.wrong_token(address)
    {
        return with_caller(Fault::too_many_tokens(wait).into_response(), &response);
    }
    response
}

/// What a future answers, where it does so without waiting.
async fn now_or_later<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    })
    .await
}

fn caller(response: &Response) -> Option<&Caller> {
    response.extensions().get::<Caller>()
}

fn with_caller(mut response: Response, knocked: &Response) -> Response {
    if let Some(known) = caller(knocked) {
        response.extensions_mut().insert(known.clone());
    }
    response
}

/// What a request comes to, once its body is read.
enum Read {
    Ask(Ask),
    Metrics,
    Sync(Arc<intake::Request>),
}

async fn read(shared: &Shared, route: &'static Route, request: Request) -> Result<Read, Fault> {
    let body = match (route.does, route.method) {
        (Does::Metrics, _) => return Ok(Read::Metrics),
        (Does::Ask(_) | Does::Sync(_), Method::Get) => Bytes::new(),
        (Does::Ask(_) | Does::Sync(_), Method::Post) => body_of(shared, route, request).await?,
    };
    match route.does {
        Does::Metrics => Ok(Read::Metrics),
        Does::Ask(read) => read(&body).map(Read::Ask),
        Does::Sync(route) => asked::sync(route, &body).map(Read::Sync),
    }
}

/// The answer to what was read.
async fn answered(shared: &Arc<Shared>, bearer: Option<Bearer>, read: Read) -> Response {
    match read {
        Read::Ask(asked) => ask(shared, bearer, asked).await,
        Read::Sync(request) => synced(shared, bearer, request).await,
        Read::Metrics => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
            (kind, shared.counters.text()).into_response()
        }
    }
}

async fn body_of(shared: &Shared, route: &Route, request: Request) -> Result<Bytes, Fault> {
    if !may_be_json(request.headers()) {
        return Err(Fault::wrong_kind());
    }
    let most = route.body_bytes_max;
    let told = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|bytes| bytes > most as u64) {
        return Err(Fault::too_large(most));
    }
    let time = route.body_time.min(shared.body_time);
    match tokio::time::timeout(time, Bytes::from_request(request, &())).await {
        Err(_) => Err(Fault::too_slow(time)),
        Ok(Ok(body)) => Ok(body),
        Ok(Err(fault)) if fault.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Fault::too_large(most))
        }
        Ok(Err(_)) => Err(Fault::malformed_body("the body did not arrive whole")),
    }
}

/// Whether a body may be JSON by what it says of itself. Many a tool says nothing, or of anything that
/// it is a form, unless it is told: those are read.
fn may_be_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|kind| {
        kind.to_str()
            .ok()
            .and_then(|kind| kind.split(';').next())
            .map(|kind| kind.trim().to_ascii_lowercase())
            .is_some_and(|kind| {
                kind == "application/json" || kind == "application/x-www-form-urlencoded"
            })
    })
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

/// A question that the ledger is answering, as long as it lives.
struct UnderWay<'a>(&'a watch::Sender<usize>);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a watch::Sender<usize>) -> UnderWay<'a> {
        count.send_modify(|count| *count = count.saturating_add(1));
        UnderWay(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Asks the ledger what a store asks. Where nothing is new, it is asked again when something is, and
/// for the last time when the store has waited for as long as it may. Whoever waits for news is told
/// meanwhile that the hub is there.
async fn synced(
    shared: &Arc<Shared>,
    bearer: Option<Bearer>,
    request: Arc<intake::Request>,
) -> Response {
    let began = Instant::now();
    let waits = match &*request {
        intake::Request::Down(down) => Duration::from_millis(down.wait_ms).min(NEWS_TIME),
        intake::Request::Ask(_) => HOLDER_TIME,
        intake::Request::Join(_)
        | intake::Request::Stock(_)
        | intake::Request::Live(_)
        | intake::Request::Up(_) => Duration::ZERO,
    };
    let is_held = matches!(&*request, intake::Request::Down(_));
    let mut waiting = WaitsForNews {
        feed: shared.feed.subscribe(),
        shared: Arc::clone(shared),
        bearer,
        request,
        until: began + waits,
    };
    if !is_held {
        return waiting.answer().await;
    }
    let (first, is_over) = waiting.ask().await;
    if is_over {
        return first;
    }
    let (mut head, _) = first.into_parts();
    // What holds answers back on the way is asked to let this one through.
    let unbuffered = HeaderValue::from_static("no");
    head.headers.insert("x-accel-buffering", unbuffered);
    head.extensions.insert(IsHeld);
    let note = Note {
        shared: Arc::clone(shared),
        route: intake::Route::Down.path(),
        began,
    };
    let answer = async move {
        waiting.rest().await;
        let answer = waiting.answer().await;
        note.answered(&answer);
        answer
    };
    Response::from_parts(head, Body::new(Held::until(answer)))
}

/// A store's question that waits for something new.
struct WaitsForNews {
    shared: Arc<Shared>,
    bearer: Option<Bearer>,
    request: Arc<intake::Request>,
    feed: watch::Receiver<i64>,
    until: Instant,
}

impl WaitsForNews {
    /// Asks once; whether that is the answer.
    async fn ask(&mut self) -> (Response, bool) {
        self.feed.mark_unchanged();
        let is_last = Instant::now() >= self.until;
        let asked = Ask::Sync(Arc::clone(&self.request), is_last);
        let (response, is_later) = asked_once(&self.shared, self.bearer.clone(), asked).await;
        (response, !is_later || is_last)
    }

    /// Until it is worth it to ask again.
    async fn rest(&mut self) {
        let next = self.until.min(Instant::now() + LOOK_AGAIN);
        // Where nobody can tell of news any more, the next question is refused.
        drop(tokio::time::timeout_at(next, self.feed.changed()).await);
    }

    async fn answer(&mut self) -> Response {
        loop {
            let (response, is_over) = self.ask().await;
            if is_over {
                return response;
            }
            self.rest().await;
        }
    }
}

/// Asks the ledger, and waits until what it answers is committed.
async fn ask(shared: &Shared, bearer: Option<Bearer>, asked: Ask) -> Response {
    asked_once(shared, bearer, asked).await.0
}

/// The same; and whether the answer tells of nothing new.
async fn asked_once(shared: &Shared, bearer: Option<Bearer>, asked: Ask) -> (Response, bool) {
    let _under_way = UnderWay::begin(&shared.under_way);
    let (tell, told) = oneshot::channel();
    let question = Question {
        bearer,
        ask: asked,
        tell,
    };
    match shared.asks.try_send(question) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => return (Fault::busy().into_response(), false),
        Err(TrySendError::Disconnected(_)) => {
            return (Fault::ending().into_response(), false);
        }
    }
    let Ok(told) = told.await else {
        return (Fault::unheard().into_response(), false);
    };
    if let Some(token) = told.token.as_ref().filter(|_| told.is_guess) {
        shared.guesses.guessed(token);
    }
    let mut response = match told.answer {
        Ok(text) => json(StatusCode::OK, text),
        Err(fault) => fault.into_response(),
    };
    if let Some(token) = told.token {
        response.extensions_mut().insert(Caller(token));
    }
    (response, told.is_later)
}

/// What is counted and logged of an answer.
struct Note {
    shared: Arc<Shared>,
    route: &'static str,
    began: Instant,
}

impl Note {
    fn answered(&self, response: &Response) {
        let shared = &self.shared;
        let status = response.status().as_u16();
        shared.counters.count(self.route, status);
        shared.log.answered(&Answered {
            at: (shared.clock)(),
            route: self.route,
            status,
            latency_ms: self.began.elapsed().as_millis(),
            token: caller(response).map(|caller| caller.0.as_str()),
            failed: response.extensions().get::<Failed>(),
        });
    }
}

/// Counts and logs every answer, one that is held back once it is given, and marks it as the hub's.
async fn logged(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let route = ROUTES
        .iter()
        .find(|route| route.path == request.uri().path())
        .map_or("unknown", |route| route.path);
    let note = Note {
        shared,
        route,
        began: Instant::now(),
    };
    let response = marked(next.run(request).await);
    if response.extensions().get::<IsHeld>().is_none() {
        note.answered(&response);
    }
    response
}

/// A response with the hub's own mark.
pub(super) fn marked(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(WIRE_MARK, HeaderValue::from_static(WIRE_VERSION));
    response
}
