//! The hub's connections: how many, how long one may dawdle, and how they end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::http::fault::Fault;
use crate::http::patience::Patience;
use crate::http::routes::{self, Peer, Shared, marked};
use crate::http::tls::HubCertificate;

/// The longest head of a question, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What the first byte of a TLS handshake is (RFC 8446, 5.1); no HTTP begins with it.
const HANDSHAKE: u8 = 0x16;

/// How long connections have after the signal where the ledger is asked nothing: an answer on its way
/// goes out, a head or body that still dawdles is given up.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);

/// How long an answer of the ledger that is under way at the signal is waited for.
const ENDING_TIME: Duration = Duration::from_secs(10);

/// How long no connection is taken after the system refused one: it has no more descriptors.
const REFUSED_TIME: Duration = Duration::from_millis(100);

/// How much the hub puts up with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// So many connections are open at once; further ones wait in the system's queue until one ends.
    pub connections_max: usize,
    /// How long a handshake, or a question's head, may take; also how long a connection may rest.
    pub head_time: Duration,
    /// How long a body may take, where its route does not say less.
    pub body_time: Duration,
    /// How long an answer may stand still because nobody takes it.
    pub write_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 512,
            head_time: Duration::from_secs(10),
            body_time: Duration::MAX,
            write_time: Duration::from_secs(30),
        }
    }
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// What a connection is spoken to in.
#[derive(Clone)]
enum Speech {
    Plain,
    Tls(Arc<ServerConfig>),
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    certificate: Option<HubCertificate>,
    limits: Limits,
    room: Arc<Semaphore>,
    router: Router,
    shared: Arc<Shared>,
    ending: watch::Receiver<()>,
}

/// Answers on `listener` until `ended`, then ends what is under way.
pub(super) async fn answer(
    listener: std::net::TcpListener,
    certificate: Option<HubCertificate>,
    limits: Limits,
    shared: Arc<Shared>,
    mut ended: watch::Receiver<()>,
) -> io::Result<()> {
    let (tell, ending) = watch::channel(());
    let mut door = Door {
        listener: TcpListener::from_std(listener)?,
        certificate,
        limits,
        room: Arc::new(Semaphore::new(limits.connections_max)),
        router: routes::router(Arc::clone(&shared)),
        shared: Arc::clone(&shared),
        ending,
    };
    let mut open = JoinSet::new();
    let lost = tokio::select! {
        // Also where nobody could say it any more.
        _ = ended.changed() => Ok(()),
        lost = door.take(&mut open) => lost,
    };
    drop((door, tell));
    end(open, shared.under_way.subscribe()).await;
    lost
}

impl Door {
    /// Takes connections, as many as there is room for.
    async fn take(&mut self, open: &mut JoinSet<()>) -> io::Result<()> {
        loop {
            while open.try_join_next().is_some() {}
            let place = Arc::clone(&self.room).acquire_owned().await;
            let place = place.map_err(io::Error::other)?;
            let (socket, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    let words = format!("taking a connection: {error}");
                    self.shared.log.note((self.shared.clock)(), &words);
                    tokio::time::sleep(REFUSED_TIME).await;
                    continue;
                }
            };
            let talk = talk(
                socket,
                peer,
                self.speech(),
                self.router.clone(),
                self.limits,
                self.ending.clone(),
            );
            open.spawn(async move {
                talk.await;
                drop(place);
            });
        }
    }

    fn speech(&mut self) -> Speech {
        let Some(certificate) = &mut self.certificate else {
            return Speech::Plain;
        };
        let now = (self.shared.clock)();
        let (config, news) = certificate.current(now);
        for words in news {
            self.shared.log.note(now, &words);
        }
        Speech::Tls(config)
    }
}

/// Waits for what is under way, no longer than is worth it, and drops the rest.
async fn end(mut open: JoinSet<()>, mut under_way: watch::Receiver<usize>) {
    let mut all_over = async || while open.join_next().await.is_some() {};
    if tokio::time::timeout(LAST_WORDS_TIME, all_over())
        .await
        .is_ok()
    {
        return;
    }
    let answered = under_way.wait_for(|count| *count == 0);
    let has_answered = tokio::time::timeout(ENDING_TIME, answered).await.is_ok();
    if has_answered {
        // What was answered just now goes out.
        drop(tokio::time::timeout(LAST_WORDS_TIME / 2, all_over()).await);
    }
}

/// One connection, from its first byte to its last.
async fn talk(
    socket: TcpStream,
    peer: SocketAddr,
    speech: Speech,
    router: Router,
    limits: Limits,
    mut ending: watch::Receiver<()>,
) {
    // An answer goes out whole at once; waiting for more helps nobody.
    drop(socket.set_nodelay(true));
    let opening = tokio::time::timeout(limits.head_time, open(socket, speech));
    let opened = tokio::select! {
        opened = opening => opened,
        _ = ending.changed() => return,
    };
    let Ok(Ok((wire, is_understood))) = opened else {
        return;
    };
    let service = TowerToHyperService::new(router);
    let answers = service_fn(async |mut request: Request<Incoming>| {
        if !is_understood {
            let refused: Response = Fault::tls_needed().into_response();
            return Ok::<_, Infallible>(marked(refused));
        }
        request.extensions_mut().insert(Peer(peer.ip()));
        service.call(request).await
    });
    let wire = Patience::with(wire, limits.write_time);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(is_understood)
        .serve_connection(TokioIo::new(wire), answers);
    tokio::pin!(connection);
    let is_ending = tokio::select! {
        // A connection that breaks off is its client's affair.
        _ = connection.as_mut() => false,
        _ = ending.changed() => true,
    };
    if is_ending {
        connection.as_mut().graceful_shutdown();
        drop(connection.await);
    }
}

/// Opens what is spoken inside, and says whether it came as it should: who speaks in clear where TLS is
/// spoken is answered in clear, since it would not understand anything else.
async fn open(socket: TcpStream, speech: Speech) -> io::Result<(Box<dyn Wire>, bool)> {
    let config = match speech {
        Speech::Plain => return Ok((Box::new(socket), true)),
        Speech::Tls(config) => config,
    };
    let mut first = [0];
    let count = socket.peek(&mut first).await?;
    if count == 1 && first != [HANDSHAKE] {
        return Ok((Box::new(socket), false));
    }
    let wire = TlsAcceptor::from(config).accept(socket).await?;
    Ok((Box::new(wire), true))
}
