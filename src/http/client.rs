//! The client: how a store asks its hub. Blocking; one question at a time, each with one deadline.
//!
//! Invariants: an answer is taken for the hub's only with status 200, JSON that is whole, and the
//! hub's own mark; everything else is a [`Miss`] and acknowledges nothing. No redirect is followed and
//! no proxy is asked, whatever the environment says: both would show the token to others. Not here:
//! what is asked, when to ask again.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::uri::{Authority, Scheme, Uri};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::domain::escape::for_display;
use crate::http::tls::{self, Trust};
use crate::http::validity;
use crate::http::{WIRE_MARK, WIRE_VERSION};

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The longest answer of a refusal, in bytes.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// The longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long a connection is kept for the next question: well below the time after which a hub gives up
/// a silent one, so that the two hardly ever cross.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// How long a hub may be silent that holds an answer back and has said that it is there: longer than
/// two of its beats, so that a slow line is none that is cut.
const SILENT_MAX: Duration = Duration::from_secs(5);

/// Whether a hub may be asked without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only on this computer, where nobody listens in.
    OnThisComputer,
    /// Anywhere: somebody has said that the network is safe.
    Anywhere,
}

/// Where a hub is asked: `https://hub.example.org`, with a port or a path before its routes if need be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubUrl {
    authority: Authority,
    prefix: String,
    is_tls: bool,
}

/// A text that is no hub's address, or one that would be asked in clear.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct MalformedUrl(String);

impl HubUrl {
    /// Reads an address.
    pub fn parse(text: &str, plain: PlainHttp) -> Result<HubUrl, MalformedUrl> {
        let malformed = |why: &str| {
            let text = for_display(text);
            MalformedUrl(format!("{text:?} is not a hub's address: {why}"))
        };
        let example = "write it as https://hub.example.org";
        let uri = Uri::from_str(text.trim()).ok();
        let uri = uri.ok_or_else(|| malformed(example))?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(malformed(example));
        };
        let is_tls = *scheme == Scheme::HTTPS;
        if !is_tls && *scheme != Scheme::HTTP {
            return Err(malformed("it begins with https:// or http://"));
        }
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(malformed(
                "it holds no name or password; the token is a file",
            ));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(malformed("it ends before any ? or #"));
        }
        let url = HubUrl {
            authority: authority.clone(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            is_tls,
        };
        if !is_tls && plain == PlainHttp::OnThisComputer && !url.is_this_computer() {
            return Err(malformed(
                "codes and tokens would cross the network in clear; use https://",
            ));
        }
        Ok(url)
    }

    fn host(&self) -> &str {
        let host = self.authority.host();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    fn port(&self) -> u16 {
        let usual = if self.is_tls { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(usual)
    }

    fn is_this_computer(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Why a client could not be made.
#[derive(Debug, Error)]
pub enum ClientFault {
    /// The token holds what no token of a hub holds.
    #[error("the token is not one that a hub gave out")]
    Token,
    /// The hub's name can stand in no certificate.
    #[error("no certificate can be for {0:?}")]
    Name(String),
    /// The TLS library would not begin.
    #[error("setting up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The system gave no thread or socket.
    #[error("setting up the connection to the hub: {0}")]
    Io(#[from] std::io::Error),
}

/// Why a question has no answer that may be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// Certainly nothing reached the hub: ask again, or go on without it.
    NotSent {
        /// What stood in the way, in plain words.
        why: String,
    },
    /// It may have arrived, and may have been done: only asking again under the same key tells.
    NoAnswer {
        /// What stood in the way, in plain words.
        why: String,
    },
    /// The hub's own refusal.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The refusal's name for programs.
        code: String,
        /// What was refused and why.
        message: String,
        /// What to do next.
        hint: String,
        /// How long the hub asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Somebody else answered. What stands before a hub may have passed the question on first, so
    /// that it may have been done all the same.
    NotTheHub {
        /// How that was noticed, in plain words.
        why: String,
    },
}

impl Miss {
    fn not_sent(why: impl Into<String>) -> Miss {
        Miss::NotSent { why: why.into() }
    }

    fn no_answer(why: impl Into<String>) -> Miss {
        Miss::NoAnswer { why: why.into() }
    }

    fn not_the_hub(why: impl AsRef<str>) -> Miss {
        Miss::NotTheHub {
            why: format!("somebody else answered: {}", why.as_ref()),
        }
    }

    /// In plain language, for a status line; harmless on a terminal.
    pub fn why(&self) -> String {
        let words = match self {
            Miss::NotSent { why } | Miss::NoAnswer { why } | Miss::NotTheHub { why } => why.clone(),
            Miss::Refused { message, hint, .. } => format!("{message}; {hint}"),
        };
        for_display(&words)
    }

    /// Whether the question may have reached the hub and been done, so that its outcome is not known.
    pub fn may_be_done(&self) -> bool {
        match self {
            Miss::NotSent { .. } => false,
            Miss::NoAnswer { .. } | Miss::NotTheHub { .. } => true,
            // A hub refuses before it acts; only of what broke under way it cannot say so.
            Miss::Refused { status, code, .. } => *status >= 500 && code != "busy",
        }
    }
}

/// The two kinds of question.
enum Question<'a> {
    /// Asked twice, it changes nothing.
    Get,
    Post(&'a [u8]),
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// An open connection, driven only while a question is under way.
struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    is_over: bool,
    rests_since: Instant,
}

/// An exchange that failed, and whether a byte of an answer had come.
struct Broken {
    miss: Miss,
    is_mute: bool,
}

/// What was noticed of a hub beside its answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noticed {
    /// When its certificate ends; none: no TLS yet.
    pub certificate_ends_at: Option<Timestamp>,
    /// Its clock at the newest answer, to the second.
    pub clock: Option<Timestamp>,
}

/// Asks one hub, as one program.
pub struct HubClient {
    url: HubUrl,
    authorization: HeaderValue,
    tls: Option<(TlsConnector, rustls::pki_types::ServerName<'static>)>,
    runtime: tokio::runtime::Runtime,
    kept: Option<Connection>,
    noticed: Cell<Noticed>,
    silent_max: Duration,
}

impl HubClient {
    /// A client of the hub at `url`, let in by `secret`; no byte is sent yet.
    pub fn new(url: HubUrl, secret: &str, trust: &Trust) -> Result<HubClient, ClientFault> {
        let is_secret = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic());
        let authorization = is_secret
            .then(|| HeaderValue::from_str(&format!("Bearer {secret}")).ok())
            .flatten();
        let mut authorization = authorization.ok_or(ClientFault::Token)?;
        authorization.set_sensitive(true);
        let tls = if url.is_tls {
            let name = tls::server_name(url.host())
                .ok_or_else(|| ClientFault::Name(url.host().to_owned()))?;
            Some((TlsConnector::from(trust.client_config()?), name))
        } else {
            None
        };
        Ok(HubClient {
            url,
            authorization,
            tls,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            kept: None,
            noticed: Cell::default(),
            silent_max: SILENT_MAX,
        })
    }

    /// The same, which waits so long for a hub that holds an answer back and falls silent.
    #[must_use]
    pub fn with_silence(self, silent_max: Duration) -> HubClient {
        HubClient { silent_max, ..self }
    }

    /// What was noticed of the hub so far, beside its answers.
    pub fn noticed(&self) -> Noticed {
        self.noticed.get()
    }

    /// Posts a body of JSON and waits for the answer's body: from the name's look-up to the last byte
    /// within `deadline`.
    pub fn post(&mut self, path: &str, body: &[u8], deadline: Duration) -> Result<Vec<u8>, Miss> {
        self.ask(path, &Question::Post(body), deadline)
    }

    /// Gets a path, which may hold a query, in the same way. A question that is held open at the hub
    /// needs a deadline longer than that.
    pub fn get(&mut self, path: &str, deadline: Duration) -> Result<Vec<u8>, Miss> {
        self.ask(path, &Question::Get, deadline)
    }

    fn ask(
        &mut self,
        path: &str,
        question: &Question<'_>,
        deadline: Duration,
    ) -> Result<Vec<u8>, Miss> {
        let request = self.request(path, question)?;
        let kept = self.kept.take();
        let is_sent = AtomicBool::new(false);
        let asking = async {
            let until = Instant::now() + deadline;
            let asked = self.asked(request, question, kept, &is_sent, until);
            tokio::time::timeout_at(until, asked).await
        };
        match self.runtime.block_on(asking) {
            Ok(Ok((body, connection))) => {
                self.kept = connection;
                Ok(body)
            }
            Ok(Err(miss)) => Err(miss),
            Err(_) => {
                let waited = format!("within {} s", deadline.as_secs_f32());
                Err(if is_sent.load(Ordering::Relaxed) {
                    Miss::no_answer(format!("the hub did not answer {waited}"))
                } else {
                    Miss::not_sent(format!("no connection to the hub {waited}"))
                })
            }
        }
    }

    fn request(&self, path: &str, question: &Question<'_>) -> Result<Request<Full<Bytes>>, Miss> {
        let (method, body) = match question {
            Question::Get => (Method::GET, Bytes::new()),
            Question::Post(body) => (Method::POST, Bytes::copy_from_slice(body)),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url.prefix))
            .header(header::HOST, self.url.authority.as_str())
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                concat!("counterfoil/", env!("CARGO_PKG_VERSION")),
            )
            .header(WIRE_MARK, WIRE_VERSION);
        if let Question::Post(_) = question {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(Full::new(body))
            .map_err(|fault| Miss::not_sent(format!("{path:?} is no path of a hub: {fault}")))
    }

    /// Asks on the kept connection if it still stands, else on a new one. Asked again is only what the
    /// hub has certainly not seen, or what changes nothing; a post that may have been seen is for the
    /// caller to repeat under its key, who also knows what a second answer would mean.
    async fn asked(
        &self,
        request: Request<Full<Bytes>>,
        question: &Question<'_>,
        kept: Option<Connection>,
        is_sent: &AtomicBool,
        until: Instant,
    ) -> Result<(Vec<u8>, Option<Connection>), Miss> {
        if let Some(mut connection) = kept
            && connection.still_stands().await
        {
            let again = request.clone();
            match self.exchange(&mut connection, request, is_sent).await {
                Ok(body) => return Ok((body, connection.rested())),
                Err(Broken {
                    miss: Miss::NotSent { .. },
                    ..
                }) => {}
                Err(Broken { is_mute: true, .. }) if matches!(question, Question::Get) => {}
                Err(Broken { miss, .. }) => return Err(miss),
            }
            is_sent.store(false, Ordering::Relaxed);
            return self.asked_anew(again, is_sent, until).await;
        }
        self.asked_anew(request, is_sent, until).await
    }

    async fn asked_anew(
        &self,
        request: Request<Full<Bytes>>,
        is_sent: &AtomicBool,
        until: Instant,
    ) -> Result<(Vec<u8>, Option<Connection>), Miss> {
        let mut connection = self.connect(until).await?;
        match self.exchange(&mut connection, request, is_sent).await {
            Ok(body) => Ok((body, connection.rested())),
            Err(broken) => Err(broken.miss),
        }
    }

    async fn exchange(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
        is_sent: &AtomicBool,
    ) -> Result<Vec<u8>, Broken> {
        let Connection {
            sender,
            driver,
            is_over,
            ..
        } = connection;
        let noticed = &self.noticed;
        let asking = async {
            let asked = sender.try_send_request(request);
            is_sent.store(true, Ordering::Relaxed);
            match asked.await {
                Ok(response) => {
                    let clock = date(response.headers());
                    noticed.set(Noticed {
                        clock,
                        ..noticed.get()
                    });
                    let body = read(response, self.silent_max).await;
                    body.map_err(|miss| Broken {
                        miss,
                        is_mute: false,
                    })
                }
                Err(mut fault) => Err(Broken {
                    is_mute: !fault.error().is_parse(),
                    miss: if fault.take_message().is_some() {
                        Miss::not_sent("the connection to the hub had ended")
                    } else {
                        unheard(&fault.into_error())
                    },
                }),
            }
        };
        tokio::pin!(asking);
        tokio::select! {
            biased;
            answer = &mut asking => return answer,
            _ = driver => *is_over = true,
        }
        // The connection is over; what it had brought is still to be read.
        asking.await
    }

    async fn connect(&self, until: Instant) -> Result<Connection, Miss> {
        let socket = self.dial(until).await?;
        let wire: Box<dyn Wire> = match &self.tls {
            None => Box::new(socket),
            Some((connector, name)) => {
                let connected = connector.connect(name.clone(), socket).await;
                let secured =
                    connected.map_err(|error| Miss::not_sent(tls::handshake_words(&error)))?;
                let (_, session) = secured.get_ref();
                let first = session.peer_certificates().and_then(<[_]>::first);
                self.noticed.set(Noticed {
                    certificate_ends_at: first.and_then(|der| validity::end_of(der)),
                    ..self.noticed.get()
                });
                Box::new(secured)
            }
        };
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| Miss::not_sent(format!("connecting to the hub: {error}")))?;
        Ok(Connection {
            sender,
            driver: Box::pin(driver),
            is_over: false,
            rests_since: Instant::now(),
        })
    }

    /// Tries the hub's addresses in turn, each for its share of the time that is left: one that swallows
    /// everything leaves some for the next.
    async fn dial(&self, until: Instant) -> Result<TcpStream, Miss> {
        let addresses = addresses_of(self.url.host().to_owned(), self.url.port()).await?;
        let mut last = "it has no address".to_owned();
        for (place, address) in addresses.iter().enumerate() {
            let others = u32::try_from(addresses.len().saturating_sub(place)).unwrap_or(u32::MAX);
            let left = until.saturating_duration_since(Instant::now());
            let share = left.checked_div(others).unwrap_or(left);
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => {
                    // A question goes out whole at once; waiting for more helps nobody.
                    drop(socket.set_nodelay(true));
                    return Ok(socket);
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => "it does not answer".clone_into(&mut last),
            }
        }
        let host = &self.url.authority;
        Err(Miss::not_sent(format!("no connection to {host}: {last}")))
    }
}

/// Posts JSON once to a web address that is no hub's; 200 to 299 says that it was taken, and the answer is
/// not read. Else: why it was not, in plain words that do not hold the address, which may be a secret.
pub fn post_notice(address: &str, body: Vec<u8>, deadline: Duration) -> Result<(), String> {
    let url = notice_url(address).ok_or("the web address cannot be used")?;
    let host = url.authority.clone();
    let trust = Trust::new(None).map_err(|fault| fault.to_string())?;
    // The secret is of a hub's client: what is posted here holds none.
    let client = HubClient::new(url, "none", &trust).map_err(|fault| fault.to_string())?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(&client.url.prefix)
        .header(header::HOST, client.url.authority.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("counterfoil/", env!("CARGO_PKG_VERSION")),
        )
        .body(Full::new(Bytes::from(body)))
        .map_err(|fault| format!("the web address cannot be used: {fault}"))?;
    let asking = async {
        let until = Instant::now() + deadline;
        let posted = async {
            let connection = client.connect(until).await.map_err(|miss| miss.why())?;
            connection.status_of(request).await
        };
        tokio::time::timeout_at(until, posted).await
    };
    match client.runtime.block_on(asking) {
        Ok(Ok(status)) if status.is_success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{host} answered {status}")),
        Ok(Err(why)) => Err(why),
        Err(_) => Err(format!(
            "{host} did not answer within {} s",
            deadline.as_secs()
        )),
    }
}

/// A web address with whatever stands behind its host.
fn notice_url(address: &str) -> Option<HubUrl> {
    let uri = Uri::from_str(address.trim()).ok()?;
    let (scheme, authority) = (uri.scheme()?, uri.authority()?);
    let is_tls = *scheme == Scheme::HTTPS;
    let is_usable = (is_tls || *scheme == Scheme::HTTP)
        && !authority.as_str().contains('@')
        && !authority.host().is_empty();
    is_usable.then(|| HubUrl {
        authority: authority.clone(),
        prefix: uri
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string),
        is_tls,
    })
}

/// Whether notices can be posted to a web address, and what may be shown of it.
pub fn notice_host(address: &str) -> Option<String> {
    notice_url(address).map(|url| url.authority.to_string())
}

/// The addresses of a host, asked for on a thread of their own: the system's look-up cannot be called
/// off, and must hold up neither the deadline nor the end of the program.
async fn addresses_of(host: String, port: u16) -> Result<Vec<SocketAddr>, Miss> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (tell, told) = oneshot::channel();
    let asked = host.clone();
    std::thread::Builder::new()
        .name("look-up".into())
        .spawn(move || {
            let found = (asked.as_str(), port).to_socket_addrs();
            drop(tell.send(found.map(Iterator::collect::<Vec<_>>)));
        })
        .map_err(|error| Miss::not_sent(format!("looking up {host}: {error}")))?;
    match told.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(Miss::not_sent(format!("looking up {host}: {error}"))),
        Err(_) => Err(Miss::not_sent(format!("looking up {host}: no answer"))),
    }
}

impl Connection {
    /// Whether it can be asked on: a hub that has hung up meanwhile is noticed before a byte is sent.
    async fn still_stands(&mut self) -> bool {
        if self.rests_since.elapsed() > KEPT_FOR {
            return false;
        }
        // What came in while it rested is seen once the runtime has looked at the socket.
        for _ in 0..2 {
            tokio::task::yield_now().await;
            let driver = &mut self.driver;
            let is_over =
                std::future::poll_fn(|look| Poll::Ready(driver.as_mut().poll(look).is_ready()));
            if is_over.await {
                self.is_over = true;
                return false;
            }
        }
        self.sender.is_ready()
    }

    /// Asks once, and looks at the status alone.
    async fn status_of(self, request: Request<Full<Bytes>>) -> Result<StatusCode, String> {
        let Connection {
            mut sender,
            mut driver,
            ..
        } = self;
        let asking = sender.send_request(request);
        tokio::pin!(asking);
        let answer = tokio::select! {
            biased;
            answer = &mut asking => answer,
            _ = &mut driver => asking.await,
        };
        answer
            .map(|response| response.status())
            .map_err(|fault| format!("the connection broke off ({fault})"))
    }

    /// Itself, for the next question, unless it has ended.
    fn rested(mut self) -> Option<Connection> {
        self.rests_since = Instant::now();
        (!self.is_over).then_some(self)
    }
}

/// The answerer's clock (RFC 9110, 6.6.1).
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

/// What it means that no head of an answer was understood.
fn unheard(fault: &hyper::Error) -> Miss {
    if fault.is_parse() {
        return Miss::not_the_hub(format!("what came is not HTTP ({fault})"));
    }
    Miss::no_answer(format!("the connection to the hub broke off ({fault})"))
}

/// Takes an answer for the hub's, or says why it is not.
async fn read(response: Response<Incoming>, silent_max: Duration) -> Result<Vec<u8>, Miss> {
    let (head, body) = response.into_parts();
    let status = head.status;
    match head.headers.get(WIRE_MARK).map(HeaderValue::as_bytes) {
        Some(mark) if mark == WIRE_VERSION.as_bytes() => {}
        Some(mark) => {
            let other = for_display(&String::from_utf8_lossy(mark));
            return Err(Miss::NotTheHub {
                why: format!(
                    "the hub speaks version {other} of the protocol, this program {WIRE_VERSION}: \
                     upgrade the older of the two"
                ),
            });
        }
        None => return Err(Miss::not_the_hub(stranger(status, &head.headers))),
    }
    if kind(&head.headers) != "application/json" {
        return Err(Miss::not_the_hub("the answer is not JSON"));
    }
    let is_length_known =
        body.size_hint().exact().is_some() || head.headers.contains_key(header::TRANSFER_ENCODING);
    if !is_length_known {
        return Err(Miss::not_the_hub("the answer does not say where it ends"));
    }
    let is_ok = status == StatusCode::OK;
    let most = if is_ok {
        ANSWER_BYTES_MAX
    } else {
        REFUSAL_BYTES_MAX
    };
    let too_long = || Miss::not_the_hub(format!("the answer has more than {most} bytes"));
    if body.size_hint().lower() > most as u64 {
        return Err(too_long());
    }
    let body = body_of(Limited::new(body, most), silent_max).await;
    let body = body.map_err(|cut| match cut {
        Cut::TooLong => too_long(),
        Cut::Off(why) => Miss::no_answer(format!("the hub's answer was cut off ({why})")),
        Cut::Silent => {
            let silent_s = silent_max.as_secs_f32();
            Miss::no_answer(format!("the hub was silent for {silent_s} s"))
        }
    })?;
    if is_ok {
        return match serde_json::from_slice::<IgnoredAny>(&body) {
            Ok(IgnoredAny) => Ok(body),
            Err(_) => Err(Miss::not_the_hub("the answer is not JSON")),
        };
    }
    Err(refusal(status, &head.headers, &body))
}

/// Why a body is not whole.
enum Cut {
    TooLong,
    Off(String),
    /// The hub held its answer back, and does not say any more that it is there.
    Silent,
}

/// A body to its end. A hub that holds its answer back says spaces meanwhile.
async fn body_of(mut coming: Limited<Incoming>, silent_max: Duration) -> Result<Vec<u8>, Cut> {
    let mut body = Vec::new();
    let (mut has_begun, mut is_held) = (false, false);
    loop {
        let frame = coming.frame();
        let came = if is_held {
            let came = tokio::time::timeout(silent_max, frame).await;
            came.ok().ok_or(Cut::Silent)?
        } else {
            frame.await
        };
        let frame = match came {
            None => return Ok(body),
            Some(Ok(frame)) => frame,
            Some(Err(fault)) if fault.is::<LengthLimitError>() => return Err(Cut::TooLong),
            Some(Err(fault)) => return Err(Cut::Off(fault.to_string())),
        };
        let data = frame.data_ref().map_or(&[][..], |data| data);
        has_begun |= data.iter().any(|byte| *byte != b' ');
        body.extend_from_slice(data);
        is_held = !has_begun && !body.is_empty();
    }
}

#[derive(Deserialize)]
struct RefusalBody {
    error: RefusalWords,
}

#[derive(Deserialize)]
struct RefusalWords {
    code: String,
    message: String,
    hint: String,
}

fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Miss {
    let Ok(RefusalBody { error }) = serde_json::from_slice(body) else {
        return Miss::not_the_hub(format!("status {status}, and no refusal of a hub"));
    };
    let seconds = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    Miss::Refused {
        status: status.as_u16(),
        code: error.code,
        message: error.message,
        hint: error.hint,
        retry_after: seconds.map(Duration::from_secs),
    }
}

/// What an answer without the hub's mark probably is.
fn stranger(status: StatusCode, headers: &HeaderMap) -> String {
    if status.is_redirection() {
        let place = headers
            .get(header::LOCATION)
            .map_or_else(String::new, |place| {
                for_display(&String::from_utf8_lossy(place.as_bytes()))
            });
        return format!(
            "a redirect to {place:?}: a captive portal, or another address of the hub?"
        );
    }
    if kind(headers) == "text/html" {
        return format!("HTML from a captive portal or a wrong address? (status {status})");
    }
    format!("status {status} without a hub's mark: is the hub's address right?")
}

/// The kind of a body, without its parameters.
fn kind(headers: &HeaderMap) -> String {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok()?.split(';').next())
        .map_or_else(String::new, |kind| kind.trim().to_ascii_lowercase())
}

// What a client is made of can go to another thread: a console's threads each own what they work with.
const _: fn() = || {
    fn goes_to_another_thread<T: Send>() {}
    goes_to_another_thread::<HubClient>();
    goes_to_another_thread::<Arc<Trust>>();
};
