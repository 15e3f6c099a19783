//! The hub as the real program, and a line to it: HTTP/1.1 as the client of a store speaks it, without
//! the runtime that each of a thousand of those would need.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use counterfoil::http::{WIRE_MARK, WIRE_VERSION};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The hub, answering on this computer.
pub(crate) struct Served {
    program: Child,
    pub(crate) address: SocketAddr,
}

impl Served {
    pub(crate) fn begin(folder: &Path, connections: usize) -> Served {
        // Free a moment ago, so that it can be had again after the hub was ended.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        Served::at(folder, address, connections)
    }

    pub(crate) fn at(folder: &Path, address: SocketAddr, connections: usize) -> Served {
        let mut program = Command::new(env!("CARGO_BIN_EXE_counterfoil"))
            .arg("--data")
            .arg(folder)
            .args(["hub", "--listen", &address.to_string()])
            .args(["--connections", &connections.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        let mut said = String::new();
        BufReader::new(program.stdout.take().expect("its output"))
            .read_line(&mut said)
            .expect("a line");
        assert!(said.starts_with("listening"), "{said}");
        Served { program, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The most memory it has had, in MiB, and the time that it has had a processor, in seconds.
    pub(crate) fn spent(&self) -> (f64, f64) {
        let read = |name: &str| {
            let path = format!("/proc/{}/{name}", self.program.id());
            std::fs::read_to_string(path).expect("what the system says of it")
        };
        let status = read("status");
        let peak_kib: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|words| words.split_whitespace().next()?.parse().ok())
            .expect("its peak");
        // After the name, which stands in brackets: utime and stime are the 12th and 13th word, in
        // hundredths of a second (proc(5)).
        let stat = read("stat");
        let (_, words) = stat.rsplit_once(')').expect("a name");
        let hundredths: f64 = words
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|word| word.parse::<f64>().ok())
            .sum();
        (peak_kib / 1024.0, hundredths / 100.0)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Cut off, as by a power cut: what it acknowledged is stored.
        self.program.kill().expect("it ends");
        self.program.wait().expect("it has ended");
    }
}

/// One store's line.
pub(crate) struct Line {
    address: SocketAddr,
    secret: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Line {
    pub(crate) fn new(address: SocketAddr, secret: String) -> Line {
        Line {
            address,
            secret,
            stream: None,
        }
    }

    pub(crate) fn ask<T: DeserializeOwned>(&mut self, path: &str, body: &impl Serialize) -> T {
        let body = serde_json::to_vec(body).expect("JSON");
        let answer = if let Ok(answer) = self.try_ask(path, &body) {
            answer
        } else {
            // The hub has ended a connection that rested.
            self.stream = None;
            self.try_ask(path, &body).expect("an answer")
        };
        serde_json::from_slice(&answer).expect("an answer that can be read")
    }

    fn try_ask(&mut self, path: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                none.insert(BufReader::new(stream))
            }
        };
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{WIRE_MARK}: \
             {WIRE_VERSION}\r\nAccept: application/json\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            self.secret,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        stream.get_mut().write_all(&request)?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        let mut length = 0;
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let head = line.trim_end().to_ascii_lowercase();
            if head.is_empty() {
                break;
            }
            if let Some(bytes) = head.strip_prefix("content-length:") {
                length = bytes.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }
}
