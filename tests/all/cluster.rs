//! A PostgreSQL server of the tests' own: one for all of them, in a folder that goes away with it,
//! and a database for each. Where no server can be found the tests fail: `./test` fetches one.
//!
//! It does not sync to the disk: these tests cut connections, not power. It tidies no database
//! unasked, for none lives long. The tables of a ledger are made once, and copied.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use counterfoil::ledger::{Act, Database, Ledger, Setup, built_at};
use postgres::{Client, NoTls, Row};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// PostgreSQL refuses to run as root: `nobody`, on every Linux.
const NOBODY: u32 = 65534;

/// The name of the owner of everything.
const OWNER: &str = "counterfoil";

/// The name that the server's certificate is for.
pub(crate) const SERVER: &str = "db.example";

struct Cluster {
    folder: PathBuf,
    /// Its address on this computer, which no other process of tests has.
    address: Ipv4Addr,
    /// Who signed its certificate.
    authority: CertifiedIssuer<'static, KeyPair>,
    /// Held open for as long as this process lives: the server ends with it, however that ends.
    _life: ChildStdin,
}

/// A database of one test.
#[derive(Clone)]
pub(crate) struct TestDatabase {
    name: String,
    url: String,
    /// Looks into it, once somebody has: a connection costs the server more than a question.
    eyes: Arc<Mutex<Option<Client>>>,
}

impl TestDatabase {
    /// An empty one.
    pub(crate) fn new() -> TestDatabase {
        TestDatabase::like("template1")
    }

    /// One with the tables of a ledger that nobody has set up yet: what setting one up finds when it
    /// is begun again after it failed half-way.
    pub(crate) fn with_tables() -> TestDatabase {
        static TABLES: OnceLock<TestDatabase> = OnceLock::new();
        TestDatabase::like(&TABLES.get_or_init(tables).name)
    }

    fn like(template: &str) -> TestDatabase {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let cluster = cluster();
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        cluster
            .connect("postgres")
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .unwrap();
        TestDatabase {
            url: cluster.url(&name),
            name,
            eyes: Arc::default(),
        }
    }

    /// How the program names it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How the program names it by the network.
    pub(crate) fn network_url(&self, host: &str, more: &str) -> String {
        format!("postgres://{OWNER}@{host}/{}?{more}", self.name)
    }

    /// Where its server listens.
    pub(crate) fn address() -> Ipv4Addr {
        cluster().address
    }

    /// The certificate of whoever signed its server's, in PEM; that one is for [`SERVER`].
    pub(crate) fn authority() -> String {
        cluster().authority.pem()
    }

    /// A connection of our own.
    pub(crate) fn connect(&self) -> Client {
        cluster().connect(&self.name)
    }

    /// A dump of it as it is now, under a name of its own; nobody may have it open.
    pub(crate) fn dump(&self) -> TestDatabase {
        self.close_eyes();
        TestDatabase::like(&self.name)
    }

    /// Restores it from a dump; nobody may have it open.
    pub(crate) fn is_now(&self, dump: &TestDatabase) {
        self.close_eyes();
        dump.close_eyes();
        let mut server = cluster().connect("postgres");
        for statement in [
            format!("DROP DATABASE {} WITH (FORCE)", self.name),
            format!("CREATE DATABASE {} TEMPLATE {}", self.name, dump.name),
        ] {
            server.batch_execute(&statement).unwrap();
        }
    }

    /// One number, by SQL of our own.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        let rows = self.rows(&format!("SELECT CAST(({sql}) AS BIGINT)"));
        rows.first()
            .and_then(|row| row.get::<_, Option<i64>>(0))
            .unwrap_or(0)
    }

    /// The texts of one column, by SQL of our own.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        self.rows(sql).iter().map(|row| row.get(0)).collect()
    }

    fn rows(&self, sql: &str) -> Vec<Row> {
        let mut eyes = self.eyes.lock().unwrap();
        let eyes = eyes.get_or_insert_with(|| self.connect());
        eyes.query(sql, &[]).unwrap()
    }

    fn close_eyes(&self) {
        *self.eyes.lock().unwrap() = None;
    }
}

/// A database in which setting a ledger up has failed once its tables were made: the name of its node
/// is too long for an index, so that the first row of all is refused.
fn tables() -> TestDatabase {
    let made = TestDatabase::new();
    // Not to be compressed either.
    let digits = (1..4000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string());
    let setup = Setup {
        store: String::new(),
        timezone: "Europe/Berlin".into(),
        node: digits.collect(),
        mode: 0o600,
    };
    let act = Act {
        now: built_at(),
        counter: "back room".into(),
        operator: None,
        salt: [0; 16],
    };
    let database = Database::parse(made.url()).unwrap();
    assert!(Ledger::create_in(&database, &setup, &act).is_err());
    made
}

impl Cluster {
    fn url(&self, name: &str) -> String {
        let host = self.folder.to_str().unwrap().replace('/', "%2F");
        format!("postgres://{OWNER}@{host}/{name}")
    }

    fn connect(&self, name: &str) -> Client {
        Client::connect(&self.url(name), NoTls).unwrap()
    }
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(start)
}

fn start() -> Cluster {
    let programs = programs();
    let folder = tempfile::Builder::new()
        .prefix("cf-pg-")
        .tempdir_in("/tmp")
        .unwrap()
        .keep();
    let is_root = rustix::process::getuid().is_root();
    if is_root {
        std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let data = folder.join("data");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = as_nobody(&programs, program, is_root);
        command.current_dir(&folder).args(arguments);
        let ended = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{program}: {said}");
    };
    let data_name = data.to_str().unwrap();
    // Sorted as a dictionary sorts, which is not the order of bytes: what needs that must say so.
    run(
        "initdb",
        &[
            "--pgdata",
            data_name,
            "--username",
            OWNER,
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--locale-provider=icu",
            "--icu-locale=en-US",
        ],
    );
    let authority = certify(&data, is_root);
    let address = own_address();
    let options = format!(
        "-k {} -c listen_addresses={address} -c ssl=on -c fsync=off -c max_connections=200 \
         -c deadlock_timeout=50ms -c autovacuum=off -c wal_level=minimal -c max_wal_senders=0",
        folder.display()
    );
    let log = folder.join("log");
    run(
        "pg_ctl",
        &[
            "start",
            "--wait",
            "--pgdata",
            data_name,
            "--log",
            log.to_str().unwrap(),
            "--options",
            &options,
        ],
    );
    let life = keep(&programs, &data, &folder, is_root);
    Cluster {
        folder,
        address,
        authority,
        _life: life,
    }
}

/// An address of this computer that belongs to this process: two servers on one port do not meet.
fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | high, middle, low)
}

/// Gives the server a certificate, and lets in whoever comes by the network of this computer.
fn certify(data: &Path, is_root: bool) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![SERVER.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    for (name, text) in [
        ("server.crt", certificate.pem()),
        ("server.key", key.serialize_pem()),
        (
            "pg_hba.conf",
            "local all all trust\nhost all all 127.0.0.0/8 trust\n".to_owned(),
        ),
    ] {
        let file = data.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        if is_root {
            std::os::unix::fs::chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    authority
}

/// Ends the server, and takes its folder away, once what this answers is closed.
#[expect(
    clippy::zombie_processes,
    reason = "it waits for our end, and outlives us for a moment"
)]
fn keep(programs: &Path, data: &Path, folder: &Path, is_root: bool) -> ChildStdin {
    // Waits for the end of its input, which is ours.
    let mut keeper = as_nobody(programs, "sh", is_root);
    let keeper = keeper
        .args([
            "-c",
            "cat; \"$0\" stop --mode=immediate --pgdata \"$1\"; rm -rf \"$2\"",
        ])
        .arg(programs.join("pg_ctl"))
        .arg(data)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    keeper.stdin.unwrap()
}

fn as_nobody(programs: &Path, program: &str, is_root: bool) -> Command {
    let path = programs.join(program);
    let mut command = Command::new(if path.exists() { path } else { program.into() });
    // Libraries of a server that was fetched, not installed: `usr/lib` beside its programs.
    if let Some(libraries) = programs.ancestors().nth(3).filter(|at| at.ends_with("lib")) {
        let all = std::fs::read_dir(libraries).unwrap().flatten();
        let mut folders: Vec<PathBuf> = all
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"))
            .collect();
        folders.push(libraries.to_owned());
        command.env("LD_LIBRARY_PATH", std::env::join_paths(folders).unwrap());
    }
    command.env("LC_ALL", "C.UTF-8").env_remove("PGDATA");
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// The folder of the newest server's programs: installed, or fetched by `./test`.
fn programs() -> PathBuf {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/postgresql");
    let places = [
        PathBuf::from("/usr/lib/postgresql"),
        fetched.join("usr/lib/postgresql"),
    ];
    let mut found: Vec<PathBuf> = places
        .iter()
        .flat_map(|place| std::fs::read_dir(place).into_iter().flatten().flatten())
        .map(|version| version.path().join("bin"))
        .filter(|programs| programs.join("postgres").exists())
        .collect();
    if let Some(path) = std::env::var_os("PATH") {
        found.extend(std::env::split_paths(&path).filter(|folder| folder.join("pg_ctl").exists()));
    }
    found.into_iter().next().unwrap_or_else(|| {
        panic!("no PostgreSQL server: run ./test, which fetches one, or install `postgresql`")
    })
}
