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
use counterfoil::ledger::Ledger;

use crate::callers::{Until, run};
use crate::now;

const SECRET: &str = "cf_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Redemptions a second over HTTP: a hub in this process, answering so many clients.
pub(crate) fn redemptions(
    mut ledger: Ledger,
    codes: &[String],
    clients: usize,
    part: Duration,
) -> f64 {
    let act = act("bench", None, now()).expect("an act");
    let name: TokenName = "web".parse().expect("a name");
    ledger
        .add_token(&name, &[Scope::Redeem], SECRET, &act)
        .expect("kept")
        .expect("a token");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address");
    let hub = Hub {
        ledger,
        listener,
        certificate: None,
        limits: Limits::default(),
        log: Box::new(io::sink()),
        allowed_hosts: Vec::new(),
        clock: now,
    };
    let (end, ended) = sync_channel::<()>(1);
    std::thread::scope(|scope| {
        let hub = scope.spawn(move || {
            serve(hub, move || {
                ended.recv().unwrap_or_default();
            })
        });
        let rate = ask_all(address, codes, clients, part);
        drop(end);
        hub.join().expect("a hub").expect("a hub that ended well");
        rate
    })
}

fn ask_all(address: SocketAddr, codes: &[String], clients: usize, part: Duration) -> f64 {
    let share = codes.len() / clients;
    let (rate, _) = run(clients, Until::Passed(part), |caller| {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        let mut answers = BufReader::new(stream.try_clone().expect("a connection"));
        let mut questions = stream;
        for code in codes.iter().skip(caller.place() * share).take(share) {
            if !caller.goes_on() {
                return;
            }
            let body = format!("{{\"code\":\"{code}\"}}");
            let question = format!(
                "POST /v1/redemptions HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {SECRET}\
                 \r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            questions.write_all(question.as_bytes()).expect("asked");
            let answer = answer(&mut answers).expect("an answer");
            assert!(answer.contains("\"accepted\""), "{answer}");
            caller.count(1);
        }
        caller.is_out();
    });
    rate
}

/// The body of an answer.
fn answer(answers: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(told) = line.strip_prefix("content-length:") {
            length = told.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}
