//! TLS: whom a client trusts, and by what a hub is known. Not here: sockets, HTTP.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::{Error as PemFault, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;

use crate::http::validity;

/// The one protocol spoken inside of TLS.
const ALPN: &[u8] = b"http/1.1";

/// Why TLS could not be set up: operation, thing and cause, and what to do.
#[derive(Debug, Error)]
#[error("{op} {}: {why}", thing.display())]
pub struct TlsFault {
    op: &'static str,
    thing: PathBuf,
    why: String,
    /// What to do next.
    pub hint: &'static str,
}

impl TlsFault {
    fn of(op: &'static str, thing: &Path, why: impl Into<String>, hint: &'static str) -> TlsFault {
        TlsFault {
            op,
            thing: thing.to_owned(),
            why: why.into(),
            hint,
        }
    }
}

/// When the first certificate in a file of PEM ends: the one that the others there vouch for.
pub fn certificate_end(file: &Path) -> Result<Timestamp, TlsFault> {
    let ends_at = certificates(file)?
        .first()
        .and_then(|der| validity::end_of(der));
    ends_at.ok_or_else(|| {
        TlsFault::of(
            "reading",
            file,
            "no end of its validity can be found",
            "look at it with openssl x509 -noout -dates",
        )
    })
}

/// How long before its end a certificate is spoken of.
const RENEWAL_TIME: Duration = Duration::from_hours(14 * 24);

/// By what a hub is known: a chain of certificates and its key, from files in PEM.
///
/// Whoever renews them writes the files, and the next connection has the new ones: the files are looked
/// at before each handshake. Where what stands there cannot be used (one of the two is not written yet),
/// the hub goes on with what it had.
#[derive(Debug)]
pub struct HubCertificate {
    chain: PathBuf,
    key: PathBuf,
    config: Arc<ServerConfig>,
    /// The files as they were when they were last read, in vain or not.
    seen: Option<Seen>,
}

/// What tells one version of the two files from another: of each its place, length and time.
type Seen = [(u64, u64, i64, i64); 2];

impl HubCertificate {
    /// Reads both files; with them comes what is amiss and no reason not to begin.
    pub fn load(
        chain: &Path,
        key: &Path,
        now: Timestamp,
    ) -> Result<(HubCertificate, Vec<String>), TlsFault> {
        let seen = seen(chain, key);
        let (config, warnings) = server_config(chain, key, now)?;
        let certificate = HubCertificate {
            chain: chain.to_owned(),
            key: key.to_owned(),
            config,
            seen,
        };
        Ok((certificate, warnings))
    }

    /// What the next handshake is done with, and what there is to say of it.
    pub(super) fn current(&mut self, now: Timestamp) -> (Arc<ServerConfig>, Vec<String>) {
        let seen = seen(&self.chain, &self.key);
        let mut news = Vec::new();
        if seen != self.seen {
            self.seen = seen;
            match server_config(&self.chain, &self.key, now) {
                Ok((config, warnings)) => {
                    self.config = config;
                    news = vec![format!(
                        "the certificate in {} is in use from now on",
                        self.chain.display()
                    )];
                    news.extend(warnings);
                }
                Err(fault) => news.push(format!("{fault}: the one before stays in use")),
            }
        }
        (Arc::clone(&self.config), news)
    }
}

fn seen(chain: &Path, key: &Path) -> Option<Seen> {
    let of = |path: &Path| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
    };
    Some([of(chain)?, of(key)?])
}

fn server_config(
    chain_file: &Path,
    key_file: &Path,
    now: Timestamp,
) -> Result<(Arc<ServerConfig>, Vec<String>), TlsFault> {
    let chain = certificates(chain_file)?;
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|fault| {
        TlsFault::of(
            "reading",
            key_file,
            pem_words(&fault),
            "name a file with `-----BEGIN PRIVATE KEY-----` that this account may read",
        )
    })?;
    let mut warnings = Vec::new();
    let mode = std::fs::metadata(key_file).map_or(0, |file| file.mode());
    if mode & 0o007 != 0 {
        warnings.push(format!(
            "everybody on this computer can read the key {}: chmod o= it",
            key_file.display()
        ));
    }
    if let Some(words) = age_words(&chain, now) {
        warnings.push(format!(
            "the certificate in {} {words}",
            chain_file.display()
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|fault| {
        if matches!(fault, rustls::Error::InconsistentKeys(_)) {
            return TlsFault::of(
                "reading",
                key_file,
                format!(
                    "the key is not that of the certificate in {}",
                    chain_file.display()
                ),
                "name the key that belongs to the first certificate of the chain",
            );
        }
        TlsFault::of(
            "using",
            chain_file,
            fault.to_string(),
            "ask for a certificate with an ECDSA, RSA or Ed25519 key",
        )
    })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok((Arc::new(config), warnings))
}

/// What there is to say about when a chain is valid: clients will refuse it, or soon will.
fn age_words(chain: &[CertificateDer<'static>], now: Timestamp) -> Option<&'static str> {
    let is = |at: Timestamp| age_fault(chain, at);
    let soon = now.checked_add(RENEWAL_TIME).unwrap_or(now);
    match (is(now), is(soon)) {
        (Some(Age::TooOld), _) => Some("has expired: clients will refuse it; renew it"),
        (Some(Age::TooYoung), _) => Some("is not valid yet: clients will refuse it"),
        (None, Some(Age::TooOld)) => Some("expires within 14 days: renew it"),
        (None, Some(Age::TooYoung) | None) => None,
    }
}

enum Age {
    TooOld,
    TooYoung,
}

/// Looks at a chain as a client would at that time. Its dates are what a client looks at first, so that
/// it does not matter here whom a client trusts.
fn age_fault(chain: &[CertificateDer<'static>], at: Timestamp) -> Option<Age> {
    let (first, others) = chain.split_first()?;
    let mut roots = RootCertStore::empty();
    roots.add(chain.last()?.clone()).ok()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .ok()?;
    let name = ServerName::try_from("hub").ok()?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().try_into().ok()?));
    let fault = client
        .verify_server_cert(first, others, &name, &[], at)
        .err()?;
    let rustls::Error::InvalidCertificate(fault) = fault else {
        return None;
    };
    if matches!(
        fault,
        CertificateError::Expired | CertificateError::ExpiredContext { .. }
    ) {
        return Some(Age::TooOld);
    }
    matches!(
        fault,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
    )
    .then_some(Age::TooYoung)
}

/// Whose word on a hub's certificate is taken.
///
/// The roots of this computer, not a list compiled in: they are renewed with the computer, while a
/// till's program may be years old, and a company's own authority is often among them already.
#[derive(Debug, Clone)]
pub struct Trust {
    roots: Arc<RootCertStore>,
}

impl Trust {
    /// The roots of this computer, and those in `more`: a file of certificates in PEM.
    pub fn new(more: Option<&Path>) -> Result<Trust, TlsFault> {
        let mut roots = RootCertStore::empty();
        // A root that cannot be read vouches for nobody; the others go on.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = more {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|fault| {
                    TlsFault::of(
                        "reading",
                        file,
                        format!("a certificate in it cannot be used: {fault}"),
                        "name the file of the authority that signed the hub's certificate, in PEM",
                    )
                })?;
            }
        }
        Ok(Trust {
            roots: Arc::new(roots),
        })
    }

    pub(super) fn client_config(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }
}

/// The name that a hub's certificate must be for.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).ok()
}

/// Why a handshake failed, for a status line.
pub(super) fn handshake_words(error: &std::io::Error) -> String {
    let fault = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(fault) = fault else {
        return format!("no TLS with the hub: {error}");
    };
    if matches!(fault, rustls::Error::InvalidMessage(_)) {
        return "the other end does not speak TLS: is the hub's address http://?".to_owned();
    }
    let rustls::Error::InvalidCertificate(fault) = fault else {
        return format!("no TLS with the hub: {fault}");
    };
    format!("the hub's certificate is not trusted: {}", distrust(fault))
}

fn distrust(fault: &CertificateError) -> String {
    use CertificateError as Fault;
    let is = |known: bool, words: &'static str| known.then_some(words);
    is(
        matches!(fault, Fault::UnknownIssuer),
        "nobody this computer knows has signed it; name its authority as hub_ca",
    )
    .or(is(
        matches!(fault, Fault::Expired | Fault::ExpiredContext { .. }),
        "it has expired, or the clock here is wrong",
    ))
    .or(is(
        matches!(fault, Fault::NotValidYet | Fault::NotValidYetContext { .. }),
        "it is not valid yet, or the clock here is wrong",
    ))
    .or(is(
        matches!(
            fault,
            Fault::NotValidForName | Fault::NotValidForNameContext { .. }
        ),
        "it is for another name than the one in the hub's address",
    ))
    .map_or_else(|| fault.to_string(), str::to_owned)
}

/// The certificates in a file of PEM: at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    const HINT: &str = "name a file with `-----BEGIN CERTIFICATE-----` that this account may read";
    let fault = |fault: PemFault| TlsFault::of("reading", file, pem_words(&fault), HINT);
    let read = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(fault)?;
    if read.is_empty() {
        return Err(fault(PemFault::NoItemsFound));
    }
    Ok(read)
}

fn pem_words(fault: &PemFault) -> String {
    if let PemFault::Io(error) = fault {
        return error.to_string();
    }
    if matches!(fault, PemFault::NoItemsFound) {
        return "there is nothing of the kind in it".to_owned();
    }
    format!("it is not PEM: {fault}")
}
