//! A hub's process on a real socket, and questions to it byte by byte.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::shop::{Shop, text};

/// A hub that is up, on a port of its own.
pub(crate) struct Hub {
    pub(crate) child: Child,
    pub(crate) address: String,
    /// Reads what it logs: a pipe that nobody reads would stop it.
    log: Option<thread::JoinHandle<String>>,
}

/// A response: its status, its head, its body.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(crate) fn error(&self) -> String {
        let told = self.json();
        let error = told.get("error").unwrap();
        assert!(!text(error, "hint").is_empty() && !text(error, "message").is_empty());
        text(error, "code").to_owned()
    }
}

impl Hub {
    pub(crate) fn up(shop: &Shop) -> Hub {
        Hub::up_with(shop, &[])
    }

    pub(crate) fn up_with(shop: &Shop, more: &[&str]) -> Hub {
        let mut command = shop.command();
        command.args(["hub", "--listen", "127.0.0.1:0"]).args(more);
        Hub::of(&mut command)
    }

    pub(crate) fn of(command: &mut Command) -> Hub {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut first)
            .unwrap();
        let first: Value = serde_json::from_str(&first).unwrap();
        let mut stream = child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut lines = String::new();
            stream.read_to_string(&mut lines).unwrap();
            lines
        });
        Hub {
            address: text(&first, "listening").to_owned(),
            child,
            log: Some(log),
        }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Got {
        ask(&self.address, method, path, token, body).unwrap()
    }

    /// The answer to a claim.
    pub(crate) fn claim(&self, token: &str, body: &Value) -> Value {
        let got = self.ask("POST", "/v1/claims", Some(token), &body.to_string());
        assert_eq!(got.status, 200, "{}", got.body);
        got.json()
    }

    pub(crate) fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    }

    pub(crate) fn signal(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// SIGTERM; what it logged, each line as JSON.
    pub(crate) fn end(self) -> Vec<Value> {
        self.signal();
        self.ended()
    }

    pub(crate) fn ended(self) -> Vec<Value> {
        self.words()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What it said on standard error, to its end.
    pub(crate) fn words(mut self) -> String {
        let lines = self.log.take().unwrap().join().unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{lines}");
        lines
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Where a test failed; otherwise it has ended.
        drop(self.child.kill());
    }
}

pub(crate) fn head_of(method: &str, path: &str, token: Option<&str>, length: usize) -> String {
    let authorization = token.map_or_else(String::new, |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    format!(
        "{method} {path} HTTP/1.1\r\nHost: hub\r\n{authorization}Connection: close\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

/// Asks once; none where the hub was gone, or cut its answer off.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> Option<Got> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = head_of(method, path, token, body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    got(stream)
}

pub(crate) fn got(mut stream: TcpStream) -> Option<Got> {
    let mut all = String::new();
    stream.read_to_string(&mut all).ok()?;
    let (head, body) = all.split_once("\r\n\r\n")?;
    let heads = head.to_ascii_lowercase();
    let length = heads
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let body = if heads.contains("\r\ntransfer-encoding: chunked") {
        // Every piece behind its length, and nothing behind the last one.
        let pieces = body.strip_suffix("\r\n0\r\n\r\n")?;
        pieces.split("\r\n").skip(1).step_by(2).collect()
    } else if length == Some(body.len()) {
        body.to_owned()
    } else {
        return None;
    };
    Some(Got {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_owned(),
        body,
    })
}
