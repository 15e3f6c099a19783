//! Redemptions as a program asks for them: a hub over real HTTP, and clients that keep their
//! connections.
#![expect(clippy::expect_used, reason = "a bench ends at the first fault")]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use counterfoil::desk::act;
use counterfoil::domain::token::{Scope, TokenName};
use counterfoil::http::{Hub, Limits, serve};
use counterfoil::ledger::{Database, Ledger};

use crate::callers::{Until, run};
use crate::{now, raw};

const SECRET: &str = "cf_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A program that may redeem.
pub(crate) fn let_in(ledger: &mut Ledger) {
    let act = act("bench", None, now()).expect("an act");
    let name: TokenName = "web".parse().expect("a name");
    ledger
        .add_token(&name, &[Scope::Redeem], SECRET, &act)
        .expect("kept")
        .expect("a token");
}

/// Redemptions a second over HTTP: so many hubs, each with a ledger of its own on the same database,
/// and so many clients in all.
pub(crate) fn redemptions(
    database: &Database,
    codes: &[String],
    hubs: usize,
    clients: usize,
    part: Duration,
) -> f64 {
    std::thread::scope(|scope| {
        let mut addresses = Vec::new();
        let mut ends = Vec::new();
        for _ in 0..hubs {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
            addresses.push(listener.local_addr().expect("an address"));
            let started = act("bench", None, now()).expect("an act");
            let hub = Hub {
                ledger: Ledger::open_in(database, &started).expect("a ledger"),
                listener,
                certificate: None,
                limits: Limits::default(),
                log: Box::new(io::sink()),
                allowed_hosts: Vec::new(),
                clock: now,
            };
            let (end, ended) = sync_channel::<()>(1);
            ends.push(end);
            scope.spawn(move || {
                serve(hub, move || ended.recv().unwrap_or_default())
                    .expect("a hub that ended well");
            });
        }
        let rate = ask_all(&addresses, codes, clients, part);
        drop(ends);
        rate
    })
}

/// The same of hubs that are none: each question is a raw conditional update, of the code at the place
/// that it names.
pub(crate) fn empty_hub(url: &str, codes: u64, clients: usize, part: Duration) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address");
    std::thread::scope(|scope| {
        scope.spawn(|| raw::serve(url, &listener, clients, codes));
        ask_each(&[address], clients, part, |client| {
            (client as u64..)
                .step_by(clients)
                .map(|place| place.to_string())
        })
    })
}

fn ask_all(addresses: &[SocketAddr], codes: &[String], clients: usize, part: Duration) -> f64 {
    let share = codes.len() / clients;
    ask_each(addresses, clients, part, |client| {
        codes
            .iter()
            .skip(client * share)
            .take(share)
            .map(|code| format!("{{\"code\":\"{code}\"}}"))
    })
}

/// Asks what each client has to ask, one question after the other; how many a second were accepted.
fn ask_each<Q: Iterator<Item = String>>(
    addresses: &[SocketAddr],
    clients: usize,
    part: Duration,
    questions_of: impl Fn(usize) -> Q + Sync,
) -> f64 {
    let (rate, _) = run(clients, Until::Passed(part), |caller| {
        let own = caller.place() % addresses.len();
        let address = *addresses.get(own).expect("a hub");
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        let mut answers = BufReader::new(stream.try_clone().expect("a connection"));
        let mut questions = stream;
        for question in questions_of(caller.place()) {
            if !caller.goes_on() {
                return;
            }
            let question = format!(
                "POST /v1/redemptions HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {SECRET}\
                 \r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{question}",
                question.len()
            );
            questions.write_all(question.as_bytes()).expect("asked");
            let answer = body(&mut answers).expect("an answer");
            assert!(answer.contains("\"accepted\""), "{answer}");
            caller.count(1);
        }
        caller.is_out();
    });
    rate
}

/// The body of the next question or answer; none: there is none.
pub(crate) fn body(coming: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if coming.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, told)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = told.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    coming.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}
