//! What stands between a store and its hub, and fails in every way that a network can.
//!
//! Each question goes to the hub on a connection of its own, so that it is known of each how far it
//! came. Nothing here waits for a time: what is silent or late is so until the store has gone.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

/// What happens to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The connection is closed before a byte of it is read.
    Close,
    /// So many bytes of it reach the hub, and then both sides are closed.
    QuestionCut(Cut),
    /// The hub answers; so many bytes of that come back.
    AnswerCut(Cut),
    /// It is taken, and nothing comes of it.
    Silent,
    /// The hub answers, and the answer comes when nobody waits for it any more.
    Late,
    /// The line is cut once the hub has begun to answer: it has said something, and is not done.
    FallsSilent,
    /// Somebody else answers this, and the hub hears nothing.
    Says(Vec<u8>),
    /// Somebody else answers this, though the hub has heard it and answered.
    SaysInstead(Vec<u8>),
}

/// Where a message is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// After so many bytes.
    After(usize),
    /// Where the head is whole and nothing of the body is there.
    Head,
    /// In the middle of the body.
    Middle,
    /// One byte before its end.
    Last,
}

impl Cut {
    fn of(self, message: &[u8]) -> &[u8] {
        let head = head_len(message).unwrap_or(message.len());
        let length = match self {
            Cut::After(bytes) => bytes.min(message.len()),
            Cut::Head => head,
            Cut::Middle => usize::midpoint(head, message.len()),
            Cut::Last => message.len().saturating_sub(1),
        };
        message.get(..length).unwrap()
    }
}

#[derive(Default)]
struct State {
    hub: String,
    /// For questions to this path.
    trouble: Option<(String, Trouble)>,
    /// So many of them come through first.
    passes: usize,
    /// Paths that were asked for.
    asked: Vec<String>,
}

/// A proxy on a port of its own.
pub(crate) struct Proxy {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
    /// Is told of each question that met trouble, once the worst has happened.
    met: Receiver<()>,
}

impl Proxy {
    /// Before the hub at this address; nothing is wrong yet.
    pub(crate) fn before(hub: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State {
            hub: hub.to_owned(),
            ..State::default()
        }));
        let (tell, met) = channel();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for store in listener.incoming() {
                let (state, tell) = (Arc::clone(&shared), tell.clone());
                thread::spawn(move || serve(store.unwrap(), &state, &tell));
            }
        });
        Proxy {
            address,
            state,
            met,
        }
    }

    /// The hub is at another address now.
    pub(crate) fn moves_to(&self, hub: &str) {
        hub.clone_into(&mut self.state.lock().unwrap().hub);
    }

    /// From now on, questions to this path meet this.
    pub(crate) fn troubles(&self, path: &str, trouble: Trouble) {
        self.troubles_after(0, path, trouble);
    }

    /// The same, once so many of them have come through.
    pub(crate) fn troubles_after(&self, passes: usize, path: &str, trouble: Trouble) {
        while self.met.try_recv().is_ok() {}
        let mut state = self.state.lock().unwrap();
        state.trouble = Some((path.to_owned(), trouble));
        state.passes = passes;
    }

    /// All is well again.
    pub(crate) fn heals(&self) {
        self.state.lock().unwrap().trouble = None;
    }

    /// Waits until a question has met its trouble.
    pub(crate) fn has_met(&self) {
        self.met.recv().unwrap();
    }

    /// Whether one has.
    pub(crate) fn has_met_any(&self) -> bool {
        self.met.try_recv().is_ok()
    }

    /// Paths that were asked for since this was last asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

fn serve(mut store: TcpStream, state: &Mutex<State>, met: &Sender<()>) {
    while let Some(question) = message(&mut store) {
        let path = path_of(&question);
        let (hub, trouble) = {
            let mut state = state.lock().unwrap();
            state.asked.push(path.clone());
            let trouble = state.trouble.clone();
            let trouble = trouble.filter(|(at, _)| *at == path).map(|(_, met)| met);
            if trouble.is_some() && state.passes > 0 {
                state.passes -= 1;
                (state.hub.clone(), None)
            } else {
                (state.hub.clone(), trouble)
            }
        };
        let Some(trouble) = trouble else {
            let answer = ask(&hub, &question);
            // Where there is no hub, nobody holds the line for it.
            if answer.is_empty() || store.write_all(&answer).is_err() {
                return;
            }
            continue;
        };
        let said = match trouble {
            Trouble::Close => Vec::new(),
            Trouble::QuestionCut(cut) => {
                let mut stream = TcpStream::connect(&hub).unwrap();
                stream.write_all(cut.of(&question)).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                // The hub has seen all that there is of it, and says what it likes to nobody.
                drop(stream.read_to_end(&mut Vec::new()));
                Vec::new()
            }
            Trouble::AnswerCut(cut) => cut.of(&ask(&hub, &question)).to_vec(),
            Trouble::Silent => {
                met.send(()).unwrap_or_default();
                until_gone(&mut store);
                return;
            }
            Trouble::FallsSilent => {
                if passes_beginning(&hub, &question, &mut store) {
                    continue;
                }
                met.send(()).unwrap_or_default();
                until_gone(&mut store);
                return;
            }
            Trouble::Late => {
                let answer = ask(&hub, &question);
                met.send(()).unwrap_or_default();
                until_gone(&mut store);
                drop(store.write_all(&answer));
                return;
            }
            Trouble::Says(answer) => answer,
            Trouble::SaysInstead(answer) => {
                drop(ask(&hub, &question));
                answer
            }
        };
        // Before the store hears it: whoever asks once the store has ended finds that it was met.
        met.send(()).unwrap_or_default();
        drop(store.write_all(&said));
        drop(store.shutdown(Shutdown::Both));
        return;
    }
}

fn until_gone(store: &mut TcpStream) {
    let mut byte = [0];
    while store.read(&mut byte).is_ok_and(|count| count > 0) {}
}

/// Asks the hub on a connection of its own; what came, even if that is nothing.
fn ask(hub: &str, question: &[u8]) -> Vec<u8> {
    let Ok(mut stream) = TcpStream::connect(hub) else {
        return Vec::new();
    };
    stream.write_all(question).unwrap();
    message(&mut stream).unwrap_or_default()
}

/// Passes on what the hub says, until its answer has begun; whether that was all of it.
fn passes_beginning(hub: &str, question: &[u8], store: &mut TcpStream) -> bool {
    let mut stream = TcpStream::connect(hub).unwrap();
    stream.write_all(question).unwrap();
    let mut all = Vec::new();
    while head_len(&all).is_none_or(|head| all.len() <= head) {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).unwrap();
        assert!(count > 0, "the hub has hung up");
        let some = some.get(..count).unwrap();
        all.extend_from_slice(some);
        store.write_all(some).unwrap();
    }
    is_whole(&all)
}

fn head_len(message: &[u8]) -> Option<usize> {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// Whether a message is all there: its head, and the body that its head promises.
fn is_whole(message: &[u8]) -> bool {
    let Some(head) = head_len(message) else {
        return false;
    };
    let text = String::from_utf8_lossy(message.get(..head).unwrap()).to_ascii_lowercase();
    if text.contains("\r\ntransfer-encoding: chunked\r\n") {
        return message.ends_with(b"\r\n0\r\n\r\n");
    }
    let length: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    message.len() >= head + length
}

/// Reads one message.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut some = [0; 4096];
    while !is_whole(&all) {
        let count = stream.read(&mut some).ok().filter(|count| *count > 0)?;
        all.extend_from_slice(some.get(..count)?);
    }
    Some(all)
}

fn path_of(question: &[u8]) -> String {
    let text = String::from_utf8_lossy(question);
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}
