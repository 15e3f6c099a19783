//! TLS: whom a client trusts. Not here: sockets, HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{Error as PemFault, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use thiserror::Error;

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
