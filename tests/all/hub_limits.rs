//! A hub that is dawdled at, overrun and guessed at: it goes on for everybody else, and ends in time.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use counterfoil::desk::act;
use counterfoil::http::{self, HubFault, Limits};
use counterfoil::ledger::Ledger;
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::json;

use crate::http::{ask, got, head_of, shop_with_pool, token};
use crate::serving::{Got, Hub};
use crate::shop::{CAMPAIGN, Shop, text};

/// Long enough for a busy machine; no test that goes well waits for it.
const LONG: Duration = Duration::from_mins(1);

/// Short, where the end of it is waited for.
const SHORT: Duration = Duration::from_millis(200);

/// A hub on a thread of this program, with limits and a clock of its own.
pub(crate) struct Running {
    pub(crate) address: String,
    end: Sender<()>,
    thread: JoinHandle<Result<(), HubFault>>,
}

pub(crate) fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the same clock as the programs on the same ledger"
    )]
    Timestamp::now()
}

impl Running {
    fn with(shop: &Shop, limits: Limits) -> Running {
        Running::by(shop, limits, now)
    }

    pub(crate) fn by(shop: &Shop, limits: Limits, clock: fn() -> Timestamp) -> Running {
        let (ledger, _) = Ledger::open(shop.folder(), &act("hub", None, now()).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (end, ended) = channel::<()>();
        let hub = http::Hub {
            ledger,
            listener,
            certificate: None,
            limits,
            log: Box::new(std::io::sink()),
            allowed_hosts: Vec::new(),
            clock,
        };
        let thread =
            std::thread::spawn(move || http::serve(hub, move || ended.into_iter().for_each(drop)));
        Running {
            address,
            end,
            thread,
        }
    }

    fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    fn is_healthy(&self) -> bool {
        ask(&self.address, "GET", "/healthz", None, "").is_some_and(|got| got.status == 200)
    }

    pub(crate) fn end(self) {
        drop(self.end);
        self.thread.join().unwrap().unwrap();
    }
}

/// What comes, to the end of the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn a_head_that_stalls_and_a_connection_that_rests_are_dropped() {
    let shop = shop_with_pool(1);
    let hub = Running::with(
        &shop,
        Limits {
            head_time: SHORT,
            ..Limits::default()
        },
    );
    let stalled = ["", "G", "GET /healthz HTTP/1.1\r\nHost: hub\r\n"].map(|head| hub.send(head));
    let resting = hub.send("GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n");
    for stream in stalled {
        let told = rest(stream);
        assert!(!told.contains("200 OK"), "{told}");
    }
    // Answered, kept for a further question that does not come, and then dropped.
    assert!(rest(resting).starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(hub.is_healthy());
    hub.end();
}

#[test]
fn a_body_that_dawdles_is_given_up_and_nothing_is_done() {
    let shop = shop_with_pool(1);
    let web = token(&shop, "web", "claim");
    let hub = Running::with(
        &shop,
        Limits {
            body_time: SHORT,
            ..Limits::default()
        },
    );
    let body = json!({"campaign": CAMPAIGN, "email": "ana@example.org"}).to_string();
    for sent in [0, 1, body.len() - 1] {
        let head = head_of("POST", "/v1/claims", Some(&web), body.len());
        let told = got(hub.send(&format!("{head}{}", &body[..sent]))).unwrap();
        assert_eq!((told.status, told.error().as_str()), (408, "too_slow"));
    }
    assert!(hub.is_healthy());
    hub.end();
    assert_eq!(shop.count("SELECT count(*) FROM customer"), 0);
    shop.assert_well();
}

#[test]
fn nobody_waits_for_the_body_of_whom_nobody_knows() {
    let shop = shop_with_pool(1);
    let hub = Running::with(
        &shop,
        Limits {
            body_time: LONG,
            ..Limits::default()
        },
    );
    for sent in ["", "{"] {
        let head = head_of("POST", "/v1/claims", Some("cft_wrong"), 20);
        let told = got(hub.send(&format!("{head}{sent}"))).unwrap();
        assert_eq!((told.status, told.error().as_str()), (401, "unauthorized"));
    }
    hub.end();
}

#[test]
fn who_asks_and_takes_no_answers_is_dropped() {
    let shop = shop_with_pool(1);
    let hub = Running::with(
        &shop,
        Limits {
            connections_max: 1,
            head_time: LONG,
            write_time: SHORT,
            ..Limits::default()
        },
    );
    // Questions without end, until their answers are too many to be kept.
    let mut glutton = hub.send("");
    let questions = "GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n".repeat(1000);
    let dropped = loop {
        if let Err(error) = glutton.write_all(questions.as_bytes()) {
            break error.kind();
        }
    };
    assert!(
        matches!(
            dropped,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
        ),
        "{dropped}"
    );
    // The one place there is has become free.
    assert!(hub.is_healthy());
    hub.end();
}

#[test]
fn beyond_so_many_connections_others_wait_until_one_ends() {
    let shop = shop_with_pool(1);
    let hub = Running::with(
        &shop,
        Limits {
            connections_max: 2,
            head_time: LONG,
            ..Limits::default()
        },
    );
    let dawdlers = [hub.send("GET "), hub.send("GET ")];
    let waiting = hub.send(&head_of("GET", "/healthz", None, 0));
    waiting.set_read_timeout(Some(SHORT)).unwrap();
    let early = (&waiting).read(&mut [0]).unwrap_err();
    assert!(matches!(
        early.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    waiting.set_read_timeout(Some(LONG)).unwrap();
    let [first, second] = dawdlers;
    drop(first);
    assert_eq!(got(waiting).unwrap().status, 200);
    assert!(hub.is_healthy());
    drop(second);
    hub.end();
}

#[test]
fn a_ledger_that_is_asked_too_much_says_so_at_once() {
    let shop = shop_with_pool(2);
    let web = token(&shop, "web", "claim");
    let hub = Hub::up(&shop);
    // Somebody else writes: whoever claims has to wait.
    let other = Connection::open(shop.folder().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let claim = json!({"campaign": CAMPAIGN, "email": "ana@example.org"}).to_string();
    let head = head_of("POST", "/v1/claims", Some(&web), claim.len());
    let claimed = hub.send(format!("{head}{claim}").as_bytes());
    let health = head_of("GET", "/healthz", None, 0);
    let mut waiting: Vec<TcpStream> = (0..256).map(|_| hub.send(health.as_bytes())).collect();
    let told: Got = loop {
        assert!(waiting.len() < 500, "nobody was turned away");
        let stream = hub.send(health.as_bytes());
        stream.set_read_timeout(Some(SHORT / 10)).unwrap();
        let is_answered = stream.peek(&mut [0]).is_ok();
        stream.set_read_timeout(None).unwrap();
        if is_answered {
            break got(stream).unwrap();
        }
        waiting.push(stream);
    };
    assert_eq!((told.status, told.error().as_str()), (503, "busy"));
    assert!(told.head.to_ascii_lowercase().contains("retry-after: 1"));
    other.execute_batch("COMMIT").unwrap();
    // Nobody who waited is forgotten; those who were turned away meanwhile know it.
    let claimed = got(claimed).unwrap();
    assert_eq!(claimed.status, 200, "{}", claimed.body);
    for stream in waiting {
        let status = got(stream).unwrap().status;
        assert!([200, 503].contains(&status), "{status}");
    }
    drop(hub.end());
    assert_eq!(shop.count("SELECT count(*) FROM customer"), 1);
    shop.assert_well();
}

#[test]
fn an_end_is_not_held_up_by_those_who_dawdle() {
    let shop = shop_with_pool(1);
    let web = token(&shop, "web", "claim");
    let hub = Hub::up(&shop);
    let head = head_of("POST", "/v1/claims", Some(&web), 20);
    let dawdlers = [
        hub.send(b""),
        hub.send(b"GET /healthz HTTP/1.1\r\nHost: h"),
        hub.send(format!("{head}{{").as_bytes()),
        hub.send(b"GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n"),
    ];
    // The last of them has been answered, so that all of them have been taken.
    dawdlers[3].peek(&mut [0]).unwrap();
    #[expect(clippy::disallowed_methods, reason = "what is measured is time")]
    let began = Instant::now();
    drop(hub.end());
    // It is one second; the rest is for a busy machine. It was ten.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    for stream in dawdlers {
        assert!(!rest(stream).contains("claim"));
    }
    shop.assert_well();
}

#[test]
fn wrong_tokens_are_slowed_and_right_ones_from_the_same_address_are_not() {
    let shop = shop_with_pool(1);
    let web = token(&shop, "web", "read");
    let hub = Hub::up(&shop);
    let pools = |secret: &str| hub.ask("GET", "/v1/pools", Some(secret), "");
    let mut tries = 0;
    let slowed = loop {
        let got = pools(&format!("cft_{tries}"));
        if got.status != 401 {
            break got;
        }
        tries += 1;
        assert!(tries < 2_000, "nobody was slowed");
    };
    assert!(tries >= 60, "{tries}");
    assert_eq!(
        (slowed.status, slowed.error().as_str()),
        (429, "too_many_wrong_tokens")
    );
    assert!(slowed.head.to_ascii_lowercase().contains("retry-after: "));
    for _ in 0..3 {
        assert_eq!(pools(&web).status, 200);
        assert_eq!(pools("cft_wrong").status, 429);
    }
    drop(hub.end());
}

#[test]
fn a_token_that_tries_codes_is_slowed_and_no_other_is() {
    let shop = shop_with_pool(1);
    let guesser = token(&shop, "guesser", "claim,redeem,read");
    let till = token(&shop, "till", "redeem");
    let hub = Hub::up(&shop);
    let redeem = |secret: &str, code: &str| {
        let body = json!({"code": code, "check": true}).to_string();
        hub.ask("POST", "/v1/redemptions", Some(secret), &body)
    };
    let mut tries = 0;
    let slowed = loop {
        // In turn a code that nobody has, and one whose check letters are wrong.
        let code = ["NOBODY-HAS-THIS", "BCDFGHJKLNPRSB"][tries % 2];
        let got = redeem(&guesser, code);
        if got.status != 200 {
            break got;
        }
        let word = text(&got.json(), "verdict").to_owned();
        assert!(["not_found", "misread"].contains(&word.as_str()), "{word}");
        tries += 1;
        assert!(tries < 2_000, "nobody was slowed");
    };
    assert!(tries >= 60, "{tries}");
    assert_eq!(
        (slowed.status, slowed.error().as_str()),
        (429, "too_many_guesses")
    );
    assert!(slowed.head.to_ascii_lowercase().contains("retry-after: "));
    // Nothing else of it is slowed, and nobody else.
    assert_eq!(hub.ask("GET", "/v1/pools", Some(&guesser), "").status, 200);
    let told = redeem(&till, "SHOP-00000-KEEP");
    assert_eq!(text(&told.json(), "verdict"), "accepted");
    let metrics = hub.ask("GET", "/metrics", Some(&guesser), "").body;
    assert!(metrics.contains("status=\"429\""), "{metrics}");
    drop(hub.end());
}

#[test]
fn right_codes_are_never_guesses() {
    let shop = shop_with_pool(1);
    let till = token(&shop, "till", "redeem");
    let hub = Hub::up(&shop);
    let body = json!({"code": "SHOP-00000-KEEP"}).to_string();
    for _ in 0..150 {
        let got = hub.ask("POST", "/v1/redemptions", Some(&till), &body);
        assert_eq!(got.status, 200, "{}", got.body);
    }
    drop(hub.end());
    shop.assert_well();
}

/// A clock that breaks the thread of the ledger as a bug would.
fn clock_with_a_bug() -> Timestamp {
    assert_ne!(thread::current().name(), Some("ledger"), "a bug");
    now()
}

#[test]
fn a_hub_whose_ledger_thread_fails_says_so_and_ends() {
    let shop = shop_with_pool(1);
    let hub = Running::by(&shop, Limits::default(), clock_with_a_bug);
    let told = rest(hub.send("GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n"));
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert!(told.contains("the hub is ending"), "{told}");
    // Nobody told it to end.
    let fault = hub.thread.join().unwrap().unwrap_err();
    assert!(matches!(fault, HubFault::LedgerThread), "{fault}");
    assert!(TcpStream::connect(&hub.address).is_err());
    drop(hub.end);
}
