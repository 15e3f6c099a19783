//! TLS at the hub: real handshakes, with certificates made here.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use counterfoil::http::client::{HubClient, HubUrl, Miss, PlainHttp};
use counterfoil::http::tls::Trust;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::http::{Hub, got, head_of, shop_with_pool, token};
use crate::shop::Shop;

/// Long enough for a busy machine; no test that goes well waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who signs certificates.
pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

/// The files of a hub's certificate.
pub(crate) struct Files {
    pub(crate) chain: PathBuf,
    key: PathBuf,
}

impl Files {
    pub(crate) fn arguments(&self) -> [&str; 4] {
        [
            "--tls-cert",
            self.chain.to_str().unwrap(),
            "--tls-key",
            self.key.to_str().unwrap(),
        ]
    }
}

pub(crate) fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Its certificate, as a file that a store would name.
pub(crate) fn ca_file(shop: &Shop, authority: &Authority, name: &str) -> PathBuf {
    let file = shop.beside(name);
    std::fs::write(&file, authority.pem()).unwrap();
    file
}

/// A certificate for this name, valid until the end of that year.
pub(crate) fn issue(authority: &Authority, name: &str, until: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(until, 12, 31);
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

pub(crate) fn files(shop: &Shop, (chain, key): &(String, String)) -> Files {
    let files = Files {
        chain: shop.beside("hub.pem"),
        key: shop.beside("hub.key"),
    };
    write_key(&files.key, key);
    std::fs::write(&files.chain, chain).unwrap();
    files
}

fn write_key(path: &Path, key: &str) {
    std::fs::write(path, key).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn client(url: &str, secret: &str, ca: Option<&Path>) -> HubClient {
    let url = HubUrl::parse(url, PlainHttp::OnThisComputer).unwrap();
    HubClient::new(url, secret, &Trust::new(ca).unwrap()).unwrap()
}

#[test]
fn a_store_asks_its_hub_by_tls_and_trusts_only_whom_it_was_told_to() {
    let shop = shop_with_pool(1);
    let secret = token(&shop, "store", "read");
    let (ours, others) = (authority("ours"), authority("others"));
    let ca = ca_file(&shop, &ours, "ca.pem");
    let wrong_ca = ca_file(&shop, &others, "others.pem");
    let files = files(&shop, &issue(&ours, "127.0.0.1", 4000));
    let hub = Hub::up_with(&shop, &files.arguments());
    let url = format!("https://{}", hub.address);

    let mut known = client(&url, &secret, Some(&ca));
    for _ in 0..3 {
        let told = known.get("/v1/pools", PATIENCE).unwrap();
        assert!(String::from_utf8(told).unwrap().contains("\"pools\""));
    }
    let refused = known.post("/v1/claims", b"{}", PATIENCE).unwrap_err();
    assert!(
        matches!(refused, Miss::Refused { status: 403, .. }),
        "{refused:?}"
    );
    for distrusted in [None, Some(wrong_ca.as_path())] {
        let miss = client(&url, &secret, distrusted)
            .get("/v1/pools", PATIENCE)
            .unwrap_err();
        assert!(matches!(miss, Miss::NotSent { .. }), "{miss:?}");
        assert!(
            miss.why().contains("is not trusted: nobody"),
            "{}",
            miss.why()
        );
    }
    // By a name that it is not for.
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let miss = client(&elsewhere, &secret, Some(&ca))
        .get("/v1/pools", PATIENCE)
        .unwrap_err();
    assert!(matches!(miss, Miss::NotSent { .. }), "{miss:?}");
    assert!(miss.why().contains("another name"), "{}", miss.why());

    // In clear: told so, by the hub itself.
    let plain = url.replace("https:", "http:");
    let miss = client(&plain, &secret, None)
        .get("/v1/pools", PATIENCE)
        .unwrap_err();
    assert!(
        matches!(&miss, Miss::Refused { status: 400, code, .. } if code == "tls_needed"),
        "{miss:?}"
    );
    let told = got(hub.send(head_of("POST", "/v1/claims", Some(&secret), 0).as_bytes())).unwrap();
    assert_eq!((told.status, told.error().as_str()), (400, "tls_needed"));
    drop(hub.end());
}

#[test]
fn tls_where_none_is_spoken_and_a_certificate_that_expired_are_told_apart() {
    let shop = shop_with_pool(1);
    let hub = Hub::up(&shop);
    let miss = client(&format!("https://{}", hub.address), "cft_x", None)
        .get("/healthz", PATIENCE)
        .unwrap_err();
    assert!(matches!(miss, Miss::NotSent { .. }), "{miss:?}");
    assert!(miss.why().contains("does not speak TLS"), "{}", miss.why());
    drop(hub.end());

    let ours = authority("ours");
    let ca = ca_file(&shop, &ours, "ca.pem");
    let files = files(&shop, &issue(&ours, "127.0.0.1", 2020));
    // It begins all the same: who trusts it by other means loses nothing.
    let hub = Hub::up_with(&shop, &files.arguments());
    let miss = client(&format!("https://{}", hub.address), "cft_x", Some(&ca))
        .get("/healthz", PATIENCE)
        .unwrap_err();
    assert!(matches!(miss, Miss::NotSent { .. }), "{miss:?}");
    assert!(miss.why().contains("has expired"), "{}", miss.why());
    hub.signal();
    let words = hub.words();
    assert!(words.contains("hub.pem has expired"), "{words}");
}

#[test]
fn files_that_cannot_be_used_are_named_before_anything_listens() {
    let shop = shop_with_pool(1);
    let ours = authority("ours");
    let (chain, key) = issue(&ours, "127.0.0.1", 4000);
    let (_, other_key) = issue(&ours, "127.0.0.1", 4000);
    let place = |name: &str, text: &str| {
        let path = shop.beside(name);
        write_key(&path, text);
        path.to_str().unwrap().to_owned()
    };
    let good = (place("good.pem", &chain), place("good.key", &key));
    let (empty, other) = (place("empty", ""), place("other.key", &other_key));
    let torn = place("torn.pem", "-----BEGIN CERTIFICATE-----\n&&&\n");
    let missing = shop.beside("missing.pem").to_str().unwrap().to_owned();
    for (chain, key, thing, words) in [
        (&missing, &good.1, "missing.pem", "No such file"),
        (&good.0, &missing, "missing.pem", "No such file"),
        (&empty, &good.1, "empty", "nothing of the kind"),
        (&good.0, &empty, "empty", "nothing of the kind"),
        (&good.0, &good.0, "good.pem", "nothing of the kind"),
        (&good.1, &good.1, "good.key", "nothing of the kind"),
        (&torn, &good.1, "torn.pem", "not PEM"),
        (&good.0, &other, "other.key", "not that of the certificate"),
    ] {
        let ran = shop.run(&["hub", "--tls-cert", chain, "--tls-key", key]);
        assert_eq!(ran.exit, 2, "{}", ran.errors);
        assert!(ran.errors.contains("hint"), "{}", ran.errors);
        for told in [thing, words] {
            assert!(ran.errors.contains(told), "{told}: {}", ran.errors);
        }
    }
    for half in [["--tls-cert", &good.0], ["--tls-key", &good.1]] {
        assert_eq!(shop.run(&[&["hub"], &half[..]].concat()).exit, 2);
    }
    // A key that all can read is told of, and used.
    let all = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&good.1, all).unwrap();
    let hub = Hub::up_with(&shop, &["--tls-cert", &good.0, "--tls-key", &good.1]);
    hub.signal();
    let words = hub.words();
    assert!(words.contains("can read the key"), "{words}");
}

#[test]
fn a_renewed_certificate_is_used_from_the_next_connection_on() {
    let shop = shop_with_pool(1);
    let (old, new) = (authority("old"), authority("new"));
    let old_ca = ca_file(&shop, &old, "old.pem");
    let new_ca = ca_file(&shop, &new, "new.pem");
    let files = files(&shop, &issue(&old, "127.0.0.1", 4000));
    let hub = Hub::up_with(&shop, &files.arguments());
    let url = format!("https://{}", hub.address);
    let trusts = |ca: &Path| {
        client(&url, "cft_x", Some(ca))
            .get("/healthz", PATIENCE)
            .is_ok()
    };
    assert!(trusts(&old_ca) && !trusts(&new_ca));
    let mut kept = client(&url, "cft_x", Some(&old_ca));
    kept.get("/healthz", PATIENCE).unwrap();

    // Half of it written: the hub goes on with what it had.
    let (chain, key) = issue(&new, "127.0.0.1", 4000);
    std::fs::write(&files.chain, chain).unwrap();
    assert!(trusts(&old_ca) && !trusts(&new_ca));
    write_key(&files.key, &key);
    assert!(trusts(&new_ca) && !trusts(&old_ca));
    // Gone altogether: likewise.
    std::fs::remove_file(&files.key).unwrap();
    assert!(trusts(&new_ca));
    drop(kept);
    let notes: Vec<String> = hub
        .end()
        .iter()
        .filter_map(|line| Some(line.get("note")?.as_str()?.to_owned()))
        .collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(
        notes[0].contains("the one before stays in use"),
        "{notes:?}"
    );
    assert!(notes[1].contains("in use from now on"), "{notes:?}");
    assert!(
        notes[2].contains("the one before stays in use"),
        "{notes:?}"
    );
}

#[test]
fn the_service_unit_begins_a_hub() {
    let unit = include_str!("../../assets/counterfoil-hub.service");
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/counterfoil "))
        .unwrap();
    let shop = shop_with_pool(1);
    let ours = authority("ours");
    let ca = ca_file(&shop, &ours, "ca.pem");
    let files = files(&shop, &issue(&ours, "127.0.0.1", 4000));
    let here = line
        .replace("/var/lib/counterfoil", shop.folder().to_str().unwrap())
        .replace("0.0.0.0:7878", "127.0.0.1:0")
        .replace(
            "${CREDENTIALS_DIRECTORY}/hub.pem",
            files.chain.to_str().unwrap(),
        )
        .replace(
            "${CREDENTIALS_DIRECTORY}/hub.key",
            files.key.to_str().unwrap(),
        );
    let hub = Hub::of(&mut command_with(&here));
    let url = format!("https://{}", hub.address);
    client(&url, "cft_x", Some(&ca))
        .get("/healthz", PATIENCE)
        .unwrap();
    drop(hub.end());
}

/// The program with the words of a service unit, which quotes nothing here.
fn command_with(words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    command.arg("--json").args(words.split(' '));
    command
}

#[test]
fn a_store_names_an_authority_that_can_be_read() {
    let shop = shop_with_pool(1);
    let fault = Trust::new(Some(&shop.beside("missing.pem"))).unwrap_err();
    assert!(fault.to_string().contains("missing.pem"), "{fault}");
    let empty = shop.beside("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let fault = Trust::new(Some(&empty)).unwrap_err();
    assert!(fault.to_string().contains("nothing of the kind"), "{fault}");
}
