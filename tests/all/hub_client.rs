//! The client of the hub against fakes on real sockets: whatever is not the hub's whole answer is a
//! miss, and says truly whether the question may have arrived.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use counterfoil::http::client::{HubClient, HubUrl, Miss, PlainHttp};
use counterfoil::http::tls::Trust;

/// Long enough for a busy machine; no test that goes well waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A short deadline, for those that never answer.
const SHORT: Duration = Duration::from_millis(300);

/// What the hub says before its body.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncounterfoil-wire: 1\r\n";

/// A hub that answers what it is told to: each connection in turn gets its own answers, one for each
/// question, and is then closed.
struct Fake {
    address: String,
    asked: Receiver<String>,
    thread: JoinHandle<()>,
}

/// Reads one question: its head, and the body that its head promises.
fn question(stream: &mut TcpStream) -> Option<String> {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut some = [0; 4096];
        let count = stream.read(&mut some).ok().filter(|count| *count > 0)?;
        all.extend_from_slice(some.get(..count)?);
    }
}

impl Fake {
    fn with(connections: Vec<Vec<Vec<u8>>>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, asked) = channel();
        let thread = thread::spawn(move || {
            for answers in connections {
                let (mut stream, _) = listener.accept().unwrap();
                for answer in answers {
                    let Some(question) = question(&mut stream) else {
                        break;
                    };
                    tell.send(question).unwrap();
                    // A client that has seen enough may have gone.
                    drop(stream.write_all(&answer));
                }
            }
        });
        Fake {
            address,
            asked,
            thread,
        }
    }

    fn client(&self) -> HubClient {
        client_of(&self.address)
    }

    /// How many questions it was asked, to its end.
    fn ended(self) -> Vec<String> {
        self.thread.join().unwrap();
        self.asked.into_iter().collect()
    }
}

fn client_of(address: &str) -> HubClient {
    let url = HubUrl::parse(&format!("http://{address}"), PlainHttp::OnThisComputer).unwrap();
    HubClient::new(url, "cft_secret", &Trust::new(None).unwrap()).unwrap()
}

fn whole(body: &str) -> Vec<u8> {
    format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Posts once to a hub that answers this.
fn miss(answer: impl Into<Vec<u8>>) -> Miss {
    let fake = Fake::with(vec![vec![answer.into()]]);
    let miss = fake.client().post("/v1/sync/up", b"{}", PATIENCE);
    assert_eq!(fake.ended().len(), 1, "a post is asked once");
    miss.unwrap_err()
}

#[test]
fn the_hub_is_asked_as_it_expects_and_its_answer_is_heard() {
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n2\r\n[7\r\n1\r\n]\r\n0\r\n\r\n");
    let fake = Fake::with(vec![vec![whole(r#"{"a":1}"#), chunked.into_bytes()]]);
    let mut client = fake.client();
    let heard = client.post("/v1/sync/up", b"[1,2]", PATIENCE).unwrap();
    assert_eq!(heard, br#"{"a":1}"#);
    // On the same connection: the fake takes only one.
    let heard = client.get("/v1/sync/down?after=7", PATIENCE).unwrap();
    assert_eq!(heard, b"[7]");
    drop(client);
    let asked = fake.ended();
    assert!(asked[0].starts_with("POST /v1/sync/up HTTP/1.1\r\n"));
    assert!(asked[0].ends_with("\r\n\r\n[1,2]"));
    assert!(asked[1].starts_with("GET /v1/sync/down?after=7 HTTP/1.1\r\n"));
    for question in asked {
        let question = question.to_ascii_lowercase();
        assert!(question.contains("\r\nauthorization: bearer cft_secret\r\n"));
        assert!(question.contains("\r\ncounterfoil-wire: 1\r\n"));
    }
}

#[test]
fn an_answer_cut_off_anywhere_acknowledges_nothing() {
    let answer = whole(r#"{"acked_through":12}"#);
    for length in 0..answer.len() {
        let miss = miss(&answer[..length]);
        assert!(miss.may_be_done(), "{length}: {miss:?}");
        assert!(
            matches!(miss, Miss::NoAnswer { .. } | Miss::NotTheHub { .. }),
            "{length}: {miss:?}"
        );
    }
    let told = miss(b"".as_slice());
    assert!(told.why().contains("broke off"), "{}", told.why());
    let told = miss(&answer[..answer.len() - 1]);
    assert!(told.why().contains("cut off"), "{}", told.why());
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n2\r\n[]\r\n");
    assert!(matches!(miss(chunked), Miss::NoAnswer { .. }));
}

#[test]
fn an_answer_of_a_wrong_length_acknowledges_nothing() {
    for (length, body) in [
        ("1", "[]"),
        ("3", "[]"),
        ("-1", "[]"),
        ("2, 3", "[]"),
        ("x", "[]"),
    ] {
        let told = miss(format!("{HEAD}content-length: {length}\r\n\r\n{body}"));
        assert!(told.may_be_done(), "{length}: {told:?}");
    }
    // Without any: where it was cut off could not be told.
    let told = miss(format!("{HEAD}\r\n[]"));
    assert!(told.why().contains("where it ends"), "{}", told.why());
    let twice = format!("{HEAD}content-length: 2\r\ncontent-length: 1\r\n\r\n[]");
    assert!(miss(twice).may_be_done());
}

#[test]
fn what_others_answer_is_never_taken_for_the_hubs() {
    let html = "content-type: text/html; charset=utf-8\r\ncontent-length: 6\r\n\r\n<html>";
    let plain = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let cases = [
        (format!("HTTP/1.1 200 OK\r\n{html}"), "captive portal"),
        (format!("HTTP/1.1 200 OK\r\n{plain}"), "status 200"),
        (format!("HTTP/1.1 404 Not Found\r\n{plain}"), "status 404"),
        (format!("HTTP/1.1 404 Not Found\r\n{html}"), "404"),
        (format!("HTTP/1.1 429 Too Many Requests\r\n{plain}"), "429"),
        (format!("HTTP/1.1 503 Service Unavailable\r\n{html}"), "503"),
        (
            format!("HTTP/1.1 302 Found\r\nlocation: http://portal.example/\u{1b}[2J\r\n{html}"),
            "",
        ),
        (
            format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://portal.example/\r\n{html}"
            ),
            "a redirect to \"http://portal.example/\"",
        ),
        (
            format!("HTTP/1.1 200 OK\r\ncounterfoil-wire: 1\r\n{html}"),
            "not JSON",
        ),
        (
            format!("HTTP/1.1 200 OK\r\ncounterfoil-wire: 2\r\n{plain}"),
            "upgrade the older",
        ),
        (
            format!("HTTP/1.1 503 Oh\r\ncounterfoil-wire: 1\r\n{plain}"),
            "no refusal of a hub",
        ),
        (format!("{HEAD}content-length: 3\r\n\r\n{{]}}"), "not JSON"),
        (
            "HTTP/1.1 204 No Content\r\ncounterfoil-wire: 1\r\n\r\n".to_owned(),
            "not JSON",
        ),
        ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "not HTTP"),
        ("HTTP/1.0 \u{0}\u{7f}garbage".to_owned(), "not HTTP"),
    ];
    for (answer, words) in cases {
        let told = miss(answer.clone());
        assert!(matches!(told, Miss::NotTheHub { .. }), "{answer}: {told:?}");
        assert!(told.may_be_done());
        assert!(told.why().contains(words), "{answer}: {}", told.why());
        assert!(!told.why().contains('\u{1b}'));
    }
}

#[test]
fn the_hubs_own_refusal_is_told_in_its_words() {
    let body = r#"{"error":{"code":"busy","message":"full","hint":"ask again"}}"#;
    let refused = |status: &str, body: &str| {
        miss(format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncounterfoil-wire: 1\r\n\
             retry-after: 3\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    let told = refused("503 Service Unavailable", body);
    assert_eq!(
        told,
        Miss::Refused {
            status: 503,
            code: "busy".into(),
            message: "full".into(),
            hint: "ask again".into(),
            retry_after: Some(Duration::from_secs(3)),
        }
    );
    assert_eq!(told.why(), "full; ask again");
    assert!(!told.may_be_done());
    assert!(!refused("401 Unauthorized", body).may_be_done());
    let unheard = r#"{"error":{"code":"unheard","message":"m","hint":"h"}}"#;
    assert!(refused("503 Service Unavailable", unheard).may_be_done());
}

#[test]
fn one_deadline_holds_over_the_whole_exchange() {
    // Silent from the first byte on, or after each of them: a byte now and then buys no time.
    for first in [
        "",
        "HTTP/1.1 200",
        &format!("{HEAD}content-length: 9\r\n\r\n{{"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = client_of(&listener.local_addr().unwrap().to_string());
        thread::scope(|scope| {
            let slow = scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                question(&mut stream).unwrap();
                stream.write_all(first.as_bytes()).unwrap();
                // Until the client hangs up.
                drop(stream.read(&mut [0]));
            });
            let miss = client.post("/v1/sync/up", b"{}", SHORT).unwrap_err();
            assert!(matches!(miss, Miss::NoAnswer { .. }), "{miss:?}");
            assert!(miss.why().contains("within 0.3 s"), "{}", miss.why());
            slow.join().unwrap();
        });
    }
    // One that takes connections and no bytes: what does not fit into its buffers is waited for.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = client_of(&listener.local_addr().unwrap().to_string());
    let long = vec![b' '; 30 * 1024 * 1024];
    let miss = client.post("/v1/sync/up", &long, SHORT).unwrap_err();
    assert!(matches!(miss, Miss::NoAnswer { .. }), "{miss:?}");
}

#[test]
fn a_hub_that_holds_its_answer_back_is_waited_for_as_long_as_it_says_that_it_is_there() {
    let begun = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    let held = format!("{begun}1\r\n \r\n1\r\n \r\n2\r\n[]\r\n0\r\n\r\n");
    let fake = Fake::with(vec![vec![held.into_bytes()]]);
    let heard = fake.client().post("/v1/sync/down", b"{}", PATIENCE);
    assert_eq!(heard.unwrap().trim_ascii(), b"[]");
    fake.ended();
    // It has said that it is there, and falls silent; and one whose answer is under way, and slow.
    let cases = [
        ("1\r\n \r\n", SHORT, PATIENCE, "silent for 0.3 s"),
        (
            "1\r\n[\r\n",
            Duration::ZERO,
            SHORT,
            "not answer within 0.3 s",
        ),
        (
            "2\r\n [\r\n",
            Duration::ZERO,
            SHORT,
            "not answer within 0.3 s",
        ),
    ];
    for (said, silence, deadline, words) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = client_of(&listener.local_addr().unwrap().to_string());
        let mut client = client.with_silence(silence);
        thread::scope(|scope| {
            let hub = scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                question(&mut stream).unwrap();
                stream
                    .write_all(format!("{begun}{said}").as_bytes())
                    .unwrap();
                // Until the client hangs up.
                drop(stream.read(&mut [0]));
            });
            let miss = client.post("/v1/sync/down", b"{}", deadline).unwrap_err();
            assert!(matches!(miss, Miss::NoAnswer { .. }), "{miss:?}");
            assert!(miss.why().contains(words), "{}", miss.why());
            hub.join().unwrap();
        });
    }
    // Nothing but that it was there is no answer.
    let told = miss(format!("{begun}1\r\n \r\n0\r\n\r\n"));
    assert!(matches!(told, Miss::NotTheHub { .. }), "{told:?}");
}

#[test]
fn what_never_left_is_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    let miss = client_of(&address)
        .post("/v1/sync/up", b"{}", PATIENCE)
        .unwrap_err();
    assert!(matches!(miss, Miss::NotSent { .. }), "{miss:?}");
    assert!(miss.why().contains("no connection to 127.0.0.1"));
    assert!(!miss.may_be_done());
    // A path that could end the head is never sent.
    let fake = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = client_of(&fake.local_addr().unwrap().to_string());
    let miss = client.get("/v1/a b\r\nhost: x", PATIENCE).unwrap_err();
    assert!(matches!(miss, Miss::NotSent { .. }), "{miss:?}");
    // A name that nobody has; `.invalid` is reserved for that.
    let url = HubUrl::parse("http://hub.invalid", PlainHttp::Anywhere).unwrap();
    let mut client = HubClient::new(url, "cft_x", &Trust::new(None).unwrap()).unwrap();
    let miss = client.get("/healthz", PATIENCE).unwrap_err();
    assert!(matches!(miss, Miss::NotSent { .. }), "{miss:?}");
}

#[test]
fn an_endless_answer_is_given_up() {
    let told = miss(format!("{HEAD}content-length: 99999999999\r\n\r\n[]"));
    assert!(told.may_be_done(), "{told:?}");
    assert!(told.why().contains("more than"), "{}", told.why());
    let mut endless = format!("{HEAD}transfer-encoding: chunked\r\n\r\n").into_bytes();
    let piece = vec![b' '; 1024 * 1024];
    for _ in 0..33 {
        endless.extend_from_slice(b"100000\r\n");
        endless.extend_from_slice(&piece);
        endless.extend_from_slice(b"\r\n");
    }
    let told = miss(endless);
    assert!(told.why().contains("more than"), "{}", told.why());
    let heads = format!("x-more: {}\r\n", "y".repeat(64)).repeat(4096);
    assert!(miss(format!("{HEAD}{heads}")).may_be_done());
}

#[test]
fn a_kept_connection_that_ended_costs_a_get_nothing_and_a_post_only_what_is_doubtful() {
    // The hub hangs up after each answer, and says so to nobody.
    let once = || vec![whole("[]")];
    let fake = Fake::with(vec![once(), once(), once()]);
    let mut client = fake.client();
    for _ in 0..2 {
        client.get("/v1/sync/down", PATIENCE).unwrap();
    }
    // The fake has hung up before it takes the next one: nothing was sent, and nothing is in doubt.
    let mut posted = client.post("/v1/sync/up", b"{}", PATIENCE);
    if let Err(miss) = &posted {
        // The end was under way: the post may have been seen, and only its caller may repeat it.
        assert!(miss.may_be_done(), "{miss:?}");
        posted = client.post("/v1/sync/up", b"{}", PATIENCE);
    }
    posted.unwrap();
    drop(client);
    let asked = fake.ended();
    assert_eq!(asked.len(), 3, "{asked:?}");
}

#[test]
fn an_address_is_read_strictly() {
    for good in [
        "https://hub.example.org",
        "https://hub.example.org:8443/",
        "https://hub.example.org/counterfoil/",
        "http://127.0.0.1:7878",
        "http://[::1]:7878",
        "http://localhost:7878",
    ] {
        assert!(
            HubUrl::parse(good, PlainHttp::OnThisComputer).is_ok(),
            "{good}"
        );
    }
    for bad in [
        "",
        "hub.example.org",
        "ftp://hub.example.org",
        "https://",
        "https://ana:secret@hub.example.org",
        "https://hub.example.org/?token=1",
        "https://hub.example.org/#top",
        "https://hub example.org",
        "http://hub.example.org",
        "http://127.0.0.1.example.org",
    ] {
        let fault = HubUrl::parse(bad, PlainHttp::OnThisComputer).unwrap_err();
        assert!(fault.to_string().contains("hub's address"), "{fault}");
    }
    assert!(HubUrl::parse("http://hub.example.org", PlainHttp::Anywhere).is_ok());
    let url = HubUrl::parse("http://127.0.0.1:1", PlainHttp::OnThisComputer).unwrap();
    for secret in ["", "a b", "a\r\nb", "ä"] {
        let trust = Trust::new(None).unwrap();
        assert!(HubClient::new(url.clone(), secret, &trust).is_err());
    }
}
