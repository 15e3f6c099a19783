//! Which database keeps a ledger, and how safely it is reached: its URL, and TLS to its server.
//!
//! | `sslmode` | TLS | what is checked of the server's certificate |
//! |---|---|---|
//! | `disable` | never | nothing |
//! | `prefer` | where the server has it | nothing |
//! | `require` | always | nothing; with `sslrootcert` as `verify-ca` |
//! | `verify-ca` | always | who signed it |
//! | `verify-full` | always | who signed it, and that it is for the host of the URL |
//!
//! They mean what they mean to libpq, with one exception: where none is named, nothing crosses a
//! network in clear (`prefer` on this computer, `require` elsewhere). `sslrootcert` is a file of
//! certificates in PEM, and only they are trusted; without it, or as `system`, the roots of this computer.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

use crate::ledger::error::Cause;

/// How long a server may take to answer that it is there.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// A connection on which nothing has come for so long is looked after.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// The protocol spoken inside of TLS (RFC 7301), as PostgreSQL 17 and newer ask for it.
const ALPN: &[u8] = b"postgresql";

/// What a failed handshake begins with, in the words of the crate that speaks with the server.
const NO_TLS: &str = "error performing TLS handshake";

/// A database on a PostgreSQL server, by its URL.
#[derive(Clone)]
pub struct Database {
    config: Config,
    checks: Checks,
    /// Whose word is taken; none: whoever this computer trusts.
    roots: Option<PathBuf>,
}

/// What is checked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checks {
    Nothing,
    Signer,
    SignerAndName,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.shown())
    }
}

impl Database {
    /// Reads `postgres://USER@HOST/NAME`. What is wrong with it is said without its password.
    pub fn parse(url: &str) -> Result<Database, String> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("a database is named as postgres://USER@HOST/NAME".into());
        }
        let (url, safety) = Safety::taken_from(url)?;
        // What is wrong with it may stand beside its password: not told.
        let Ok(mut config) = url.parse::<Config>() else {
            return Err("this is no URL of a database: postgres://USER@HOST/NAME".into());
        };
        let hosts = config.get_hosts();
        if hosts.is_empty() {
            return Err("the URL names no host".into());
        }
        let is_socket = hosts.iter().all(|host| matches!(host, Host::Unix(_)));
        let is_near = hosts.iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        });
        let roots = safety.roots.filter(|roots| roots != "system");
        let near = if is_near { "prefer" } else { "require" };
        let (mode, checks) = match safety.mode.as_deref().unwrap_or(near) {
            "disable" => (SslMode::Disable, Checks::Nothing),
            "prefer" => (SslMode::Prefer, Checks::Nothing),
            "require" if roots.is_none() => (SslMode::Require, Checks::Nothing),
            "require" | "verify-ca" => (SslMode::Require, Checks::Signer),
            "verify-full" => (SslMode::Require, Checks::SignerAndName),
            _ => {
                return Err("sslmode is disable, prefer, require, verify-ca or verify-full".into());
            }
        };
        // No server speaks TLS on a socket of its own computer, and no client of it asks for that.
        config.ssl_mode(if is_socket { SslMode::Disable } else { mode });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIME);
        }
        config.keepalives_idle(KEEPALIVE);
        config.application_name("counterfoil");
        Ok(Database {
            config,
            checks,
            roots: roots.map(PathBuf::from),
        })
    }

    /// Whether the URL holds a password.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Goes on with a password from elsewhere.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Database {
        self.config.password(password);
        self
    }

    /// Host, port, database and user, as a password file names them.
    pub fn account(&self) -> [String; 4] {
        let user = self.config.get_user().unwrap_or_default();
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(_)) | None => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        [
            host,
            port.to_string(),
            self.config.get_dbname().unwrap_or(user).to_owned(),
            user.to_owned(),
        ]
    }

    /// The URL without its password.
    pub fn shown(&self) -> String {
        let [mut host, port, name, user] = self.account();
        if let Some(Host::Unix(folder)) = self.config.get_hosts().first() {
            host = folder.display().to_string();
        }
        format!("postgres://{user}@{host}:{port}/{name}")
    }

    /// How to connect.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// How to speak TLS with its server. The file of roots is read anew each time, for it is renewed.
    pub(crate) fn tls(&self) -> Result<Tls, Cause> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let signer = match self.checks {
            Checks::Nothing => None,
            Checks::Signer | Checks::SignerAndName => {
                let roots = Arc::new(self.trusted()?);
                let signer =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
                Some(signer.build().map_err(|fault| {
                    Cause::Unsafe(format!(
                        "nobody's word on its certificate is taken: {fault}"
                    ))
                })?)
            }
        };
        let verifier = Verifier {
            provider: Arc::clone(&provider),
            signer,
            checks: self.checks,
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|fault| Cause::Unsafe(fault.to_string()))?;
        let mut config = config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Tls(Arc::new(config)))
    }

    fn trusted(&self) -> Result<RootCertStore, Cause> {
        let mut roots = RootCertStore::empty();
        let Some(file) = &self.roots else {
            // A root that cannot be read vouches for nobody; the others go on.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        let fault =
            |why: String| Cause::Unsafe(format!("reading sslrootcert {}: {why}", file.display()));
        for certificate in certificates(file).map_err(fault)? {
            roots
                .add(certificate)
                .map_err(|why| fault(why.to_string()))?;
        }
        Ok(roots)
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(file).map_err(|error| format!("{error}"))?;
    let read = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|fault| format!("it is not PEM: {fault}"))?;
    if read.is_empty() {
        return Err("there is no `-----BEGIN CERTIFICATE-----` in it".into());
    }
    Ok(read)
}

/// What a URL says of how safely its database is to be reached.
#[derive(Default)]
struct Safety {
    mode: Option<String>,
    roots: Option<String>,
}

impl Safety {
    /// Takes it out of a URL, whose other parameters stay.
    fn taken_from(url: &str) -> Result<(String, Safety), String> {
        let mut safety = Safety::default();
        // A password may hold a question mark.
        let start = url.find('@').unwrap_or(0);
        let Some((place, query)) = url
            .split_at_checked(start)
            .and_then(|(before, rest)| rest.split_once('?').map(|rest| (before, rest)))
            .map(|(before, (place, query))| (format!("{before}{place}"), query))
        else {
            return Ok((url.to_owned(), safety));
        };
        let mut others = Vec::new();
        for parameter in query.split('&') {
            match parameter.split_once('=') {
                Some(("sslmode", mode)) => safety.mode = Some(mode.to_owned()),
                Some(("sslrootcert", file)) => {
                    let file = unescaped(file);
                    safety.roots = Some(file.ok_or("sslrootcert is no name of a file")?);
                }
                _ => others.push(parameter),
            }
        }
        if others.is_empty() {
            return Ok((place, safety));
        }
        Ok((format!("{place}?{}", others.join("&")), safety))
    }
}

/// A part of a URL as it was before it was written with percent signs.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (number, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(number, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Why a server could not be connected to safely; none: that was not what failed.
pub(crate) fn unsafe_words(error: &tokio_postgres::Error) -> Option<String> {
    if !error.to_string().starts_with(NO_TLS) {
        return None;
    }
    let source = std::error::Error::source(error)?;
    let fault = source
        .downcast_ref::<std::io::Error>()
        .and_then(|error| error.get_ref()?.downcast_ref::<rustls::Error>());
    let words = source.to_string();
    Some(match fault {
        Some(rustls::Error::InvalidCertificate(fault)) => {
            format!("its certificate is not trusted: {}", distrust(fault))
        }
        None if words.contains("does not support TLS") => {
            "it speaks no TLS, and codes would cross the network in clear".to_owned()
        }
        Some(_) | None => format!("no TLS with it: {words}"),
    })
}

fn distrust(fault: &CertificateError) -> String {
    use CertificateError as Fault;
    let is = |known: bool, words: &'static str| known.then_some(words);
    is(
        matches!(fault, Fault::UnknownIssuer),
        "none of those in sslrootcert (without it: whom this computer trusts) has signed it",
    )
    .or(is(
        matches!(fault, Fault::Expired | Fault::ExpiredContext { .. }),
        "it has expired, or the clock here is wrong",
    ))
    .or(is(
        is_another_name(fault),
        "it is for another name than the host in the URL",
    ))
    .map_or_else(|| fault.to_string(), str::to_owned)
}

fn is_another_name(fault: &CertificateError) -> bool {
    matches!(
        fault,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    )
}

/// Looks at the server's certificate as far as was asked for. That the server has its key is always
/// checked.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// None: it may be anybody's.
    signer: Option<Arc<WebPkiServerVerifier>>,
    checks: Checks,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(signer) = &self.signer else {
            return Ok(ServerCertVerified::assertion());
        };
        let looked_at =
            signer.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        // The name is what is looked at last: who signed it was found good.
        if let Err(rustls::Error::InvalidCertificate(fault)) = &looked_at
            && self.checks != Checks::SignerAndName
            && is_another_name(fault)
        {
            return Ok(ServerCertVerified::assertion());
        }
        looked_at
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Speaks TLS with a server of PostgreSQL.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Sealed<S>;
    type TlsConnect = Handshake;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Self::Error> {
        // A socket of this computer has no name, and is never spoken TLS on.
        let host = if host.is_empty() { "localhost" } else { host };
        Ok(Handshake {
            config: Arc::clone(&self.0),
            host: ServerName::try_from(host.to_owned())?,
        })
    }
}

/// One handshake to come.
pub(crate) struct Handshake {
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Sealed<S>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Sealed<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let connector = tokio_rustls::TlsConnector::from(self.config);
            Ok(Sealed(connector.connect(self.host, stream).await?))
        })
    }
}

/// A connection within TLS.
pub(crate) struct Sealed<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Sealed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Sealed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Sealed<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

#[cfg(test)]
mod tests {
    use super::{Checks, Database};
    use tokio_postgres::config::SslMode;

    #[test]
    fn a_url_is_named_without_its_password() {
        let database = Database::parse("postgres://ana:secret@localhost:5433/hub").unwrap();
        assert!(database.has_password());
        assert_eq!(database.shown(), "postgres://ana@localhost:5433/hub");
        assert_eq!(format!("{database:?}"), database.shown());
        for wrong in [
            "hub",
            "mysql://ana@localhost/hub",
            "postgres:///hub",
            "postgres://ana@localhost/hub?sslmode=allow",
            "postgres://ana@localhost/hub?sslrootcert=%2",
            "postgres://ana@localhost/hub?nonsense=1",
        ] {
            assert!(Database::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_crosses_a_network_in_clear_unless_it_was_asked_for() {
        for (url, mode, checks) in [
            ("ana@localhost/hub", SslMode::Prefer, Checks::Nothing),
            (
                "ana@%2Ftmp/hub?sslmode=require",
                SslMode::Disable,
                Checks::Nothing,
            ),
            ("ana@db.example/hub", SslMode::Require, Checks::Nothing),
            (
                "ana:why?@db.example/hub?sslmode=disable",
                SslMode::Disable,
                Checks::Nothing,
            ),
            (
                "ana@db.example/hub?sslmode=prefer",
                SslMode::Prefer,
                Checks::Nothing,
            ),
            (
                "ana@db.example/hub?sslrootcert=%2Fetc%2Fca.pem&connect_timeout=9",
                SslMode::Require,
                Checks::Signer,
            ),
            (
                "ana@db.example/hub?sslmode=verify-ca",
                SslMode::Require,
                Checks::Signer,
            ),
            (
                "ana@db.example/hub?sslrootcert=system&sslmode=verify-full",
                SslMode::Require,
                Checks::SignerAndName,
            ),
        ] {
            let database = Database::parse(&format!("postgres://{url}")).unwrap();
            assert_eq!(database.config.get_ssl_mode(), mode, "{url}");
            assert_eq!(database.checks, checks, "{url}");
            let named = url.contains("ca.pem").then_some("/etc/ca.pem".as_ref());
            assert_eq!(database.roots.as_deref(), named, "{url}");
        }
    }
}
