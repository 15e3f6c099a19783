//! TLS to PostgreSQL: the real server with a certificate made here, and one that speaks none.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use counterfoil::desk::act;
use counterfoil::ledger::{Database, Ledger};

use crate::cluster::{SERVER, TestDatabase};
use crate::hub_limits::now;
use crate::hub_tls::authority;
use crate::shop::run_on;

/// A database with a ledger, and files of those whose word is taken.
struct Place {
    database: TestDatabase,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place {
            database: TestDatabase::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        let init = ["init", "--store", "HQ", "--timezone", "Europe/Berlin"];
        let named = ["--database", place.database.url()];
        run_on(place.folder.path(), &[&named[..], &init].concat()).well();
        std::fs::write(place.ca(), TestDatabase::authority()).unwrap();
        std::fs::write(place.wrong_ca(), authority("others").pem()).unwrap();
        place
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn wrong_ca(&self) -> PathBuf {
        self.folder.path().join("others.pem")
    }

    /// Opens the ledger through the network; whether it was by TLS, or why not.
    fn open(&self, host: &str, more: &str) -> Result<bool, (String, String)> {
        let more = format!("{more}&hostaddr={}", TestDatabase::address());
        self.open_at(&self.database.network_url(host, &more))
    }

    fn open_at(&self, url: &str) -> Result<bool, (String, String)> {
        let database = Database::parse(url).unwrap();
        let act = act("hub", None, now()).unwrap();
        let ledger =
            Ledger::open_in(&database, &act).map_err(|error| (error.to_string(), error.hint()))?;
        let sealed = self.database.count(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE ssl AND application_name = 'counterfoil' AND datname = current_database()",
        );
        drop(ledger);
        Ok(sealed == 1)
    }
}

fn with(mode: &str, ca: &Path) -> String {
    format!("sslmode={mode}&sslrootcert={}", ca.display())
}

#[test]
fn each_mode_checks_what_it_says() {
    let place = Place::new();
    let (ca, wrong_ca) = (place.ca(), place.wrong_ca());
    let near = TestDatabase::address().to_string();
    assert_eq!(place.open(&near, "sslmode=disable"), Ok(false));
    for more in [
        "connect_timeout=5",
        "sslmode=prefer",
        "sslmode=require",
        &with("require", &ca),
        &with("verify-ca", &ca),
    ] {
        assert_eq!(place.open(&near, more), Ok(true), "{more}");
    }
    assert_eq!(place.open(SERVER, &with("verify-full", &ca)), Ok(true));
    for (host, more, why) in [
        (near.as_str(), with("verify-full", &ca), "for another name"),
        (SERVER, with("verify-full", &wrong_ca), "has signed it"),
        (SERVER, with("verify-ca", &wrong_ca), "has signed it"),
        (SERVER, with("require", &wrong_ca), "has signed it"),
        (
            SERVER,
            with("verify-ca", Path::new("/none.pem")),
            "reading sslrootcert /none.pem",
        ),
    ] {
        let (error, hint) = place.open(host, &more).unwrap_err();
        assert!(error.starts_with("open the ledger: "), "{error}");
        assert!(error.contains(why), "{more}: {error}");
        assert!(hint.contains("sslrootcert=FILE"), "{hint}");
    }
}

/// A server that speaks no TLS, or somebody on the way who says so in its name.
fn plain_only() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut asked = [0; 8];
            client.read_exact(&mut asked).unwrap();
            client.write_all(b"N").unwrap();
            let server = TcpStream::connect((TestDatabase::address(), 5432)).unwrap();
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || pass(from, to));
            thread::spawn(move || pass(server, client));
        }
    });
    address.port().to_string()
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    // Either end may be gone: the other is told.
    std::io::copy(&mut from, &mut to).ok();
    to.shutdown(Shutdown::Both).ok();
}

#[test]
fn nothing_falls_back_to_plain_that_must_not() {
    let place = Place::new();
    let ca = place.ca();
    let port = plain_only();
    let url = |host: &str, more: &str| {
        let more = format!("{more}&hostaddr=127.0.0.1");
        place.database.network_url(&format!("{host}:{port}"), &more)
    };
    // Whoever does not insist gets what there is.
    for (host, more) in [
        ("127.0.0.1", "connect_timeout=5"),
        (SERVER, "sslmode=prefer"),
    ] {
        assert_eq!(place.open_at(&url(host, more)), Ok(false), "{more}");
    }
    for more in [
        "connect_timeout=5",
        "sslmode=require",
        &with("verify-ca", &ca),
        &with("verify-full", &ca),
    ] {
        let (error, hint) = place.open_at(&url(SERVER, more)).unwrap_err();
        assert!(error.contains("speaks no TLS"), "{more}: {error}");
        assert!(hint.contains("ssl = on"), "{hint}");
    }
    // The program says the same, with a code of its own.
    let url = url(SERVER, "sslmode=require");
    let refused = run_on(place.folder.path(), &["--database", &url, "pool"]);
    assert_eq!(refused.exit, 5);
    assert!(
        refused.errors.contains("database_not_safe"),
        "{}",
        refused.errors
    );
}
