//! Clients that want to keep others out: many connections, many requests, frames without end.
//!
//! Each test ends with a request of somebody else, which must be answered.

use std::time::Duration;

use plimsoll_apiserver::serve::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stand::{Client, Connection, PATIENCE, Plan, Stand, dial_from, until};

const WAIT: &str = "/apis/metrics.k8s.io/v1beta1/wait";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header without indexing (RFC 7541, 6.2.2).
fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0, name.len() as u8];
    bytes.extend(name.as_bytes());
    bytes.push(value.len() as u8);
    bytes.extend(value.as_bytes());
    bytes
}

/// The head of a GET.
fn head(path: &str, token: Option<&str>) -> Vec<u8> {
    let mut block = vec![0x82, 0x87];
    block.extend(field(":path", path));
    block.extend(field(":authority", "localhost"));
    if let Some(token) = token {
        block.extend(field("authorization", &format!("Bearer {token}")));
    }
    block
}

/// An HTTP/2 connection on which frames are written by hand.
struct Raw(Connection);

impl Raw {
    async fn open(stand: &Stand) -> Self {
        let client = Client { protocol: Some(b"h2"), ..Client::default() };
        let mut connection = Connection::open(stand.address, &client).await.unwrap();
        connection.send(PREFACE).await;
        connection.send(&frame(SETTINGS, 0, 0, &[])).await;
        Self(connection)
    }

    /// Writes until the server has closed the connection, or takes no more.
    async fn flood(&mut self, bytes: &[u8], times: usize) -> Flooded {
        for _ in 0..times {
            let written = tokio::time::timeout(Duration::from_secs(2), self.0.stream.write_all(bytes)).await;
            match written {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Flooded::Closed,
                Err(_) => return Flooded::Stuck,
            }
        }
        Flooded::Taken
    }

    /// The next frame of `kind`: flags, stream, payload. `None` if the connection ends first.
    async fn next(&mut self, kind: u8) -> Option<(u8, u32, Vec<u8>)> {
        let read = async {
            loop {
                let mut header = [0; 9];
                self.0.stream.read_exact(&mut header).await.ok()?;
                let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
                let mut payload = vec![0; length as usize];
                self.0.stream.read_exact(&mut payload).await.ok()?;
                if header[3] == kind {
                    let stream = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
                    return Some((header[4], stream, payload));
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("a frame in time")
    }

    /// The code with which the server ends the connection.
    async fn farewell(&mut self) -> Option<u32> {
        let (_, _, payload) = self.next(GO_AWAY).await?;
        Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Flooded {
    Closed,
    Stuck,
    Taken,
}

const ENHANCE_YOUR_CALM: u32 = 11;

async fn others_are_served(stand: &Stand) {
    assert_eq!(stand.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn one_address_leaves_connections_to_others() {
    let limits = Limits { connections: 4, connections_per_address: 2, ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let dial = async || dial_from("127.0.0.2", stand.address).await.unwrap();
    let held = [dial().await, dial().await];
    for _ in 0..10 {
        let mut refused = dial().await;
        let read = tokio::time::timeout(PATIENCE, refused.read(&mut [0; 16])).await.expect("to be closed");
        assert!(matches!(read, Ok(0) | Err(_)));
    }
    let page = stand.get("/metrics").await;
    assert!(page.text().contains("\napiserver_connections_refused_total 10\n"), "{}", page.text());
    drop(held);
    until("the address has places again", async || {
        let mut stream = dial().await;
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text).await;
        text.ends_with(b"Client sent an HTTP request to an HTTPS server.\n")
    })
    .await;
}

#[tokio::test]
async fn anonymous_requests_leave_places_to_others() {
    let limits = Limits { in_flight: 3, anonymous_in_flight: 1, ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let mut first = stand.connect().await;
    let held = first.ask("GET", WAIT, &[]);
    let others = async {
        stand.groups.waiting.subscribe().wait_for(|count| *count == 1).await.unwrap();
        let reply = stand.ask("GET", "/apis", &[]).await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, "1"));
        assert_eq!(stand.ask("GET", "/apis", &[("Authorization", "Bearer joe")]).await.status, 200);
        stand.groups.release.notify_one();
    };
    let (held, ()) = tokio::join!(held, others);
    assert_eq!(held.status, 200);
    until("the place is free again", async || stand.ask("GET", "/apis", &[]).await.status == 200).await;
}

#[tokio::test]
async fn the_heads_of_requests_that_wait_are_bounded_together() {
    let limits = Limits { pending_bytes: 12_000, ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let large = "x".repeat(8_000);
    let mut waiting = stand.connect().await;
    waiting
        .send(
            format!("GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hang\r\nX: {large}\r\n\r\n")
                .as_bytes(),
        )
        .await;
    until("it waits", async || stand.tokens.peers.lock().unwrap().len() == 1).await;
    let headers = [("Authorization", "Bearer admin"), ("X", large.as_str())];
    assert_eq!(stand.ask("GET", "/healthz", &headers).await.status, 429);
    others_are_served(&stand).await;
    drop(waiting);
    until("there is room again", async || stand.ask("GET", "/healthz", &headers).await.status == 200).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let stand = Stand::start(Plan::default()).await;
    for head in [
        "Content-Length: 1000000000",
        "Transfer-Encoding: chunked",
        "Content-Length: 5\r\nExpect: 100-continue",
    ] {
        let mut connection = stand.connect().await;
        let request =
            format!("POST /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n{head}\r\n\r\n");
        connection.send(request.as_bytes()).await;
        assert_eq!(connection.read(false).await.map(|reply| reply.status), Some(200), "{head}");
        assert!(connection.closed().await, "{head}");
    }
    others_are_served(&stand).await;
}

#[tokio::test]
async fn a_stranger_does_not_keep_an_http2_connection() {
    let stand = Stand::start(Plan::default()).await;
    for token in [None, Some("wrong")] {
        let mut raw = Raw::open(&stand).await;
        raw.0.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head("/healthz", token))).await;
        assert_eq!(raw.farewell().await, Some(0), "{token:?}");
    }
    // Those whom it could not ask about, and those it knows, may stay.
    for token in ["later", "joe"] {
        let mut raw = Raw::open(&stand).await;
        for stream in [1, 3, 5] {
            raw.0
                .send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("/healthz", Some(token))))
                .await;
            let answered = raw.next(HEADERS).await.expect("an answer");
            assert_eq!(answered.1, stream, "{token}");
        }
    }
}

#[tokio::test]
async fn a_client_that_is_sent_away_and_does_not_go_is_cut_off() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(200),
        request_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let mut raw = Raw::open(&stand).await;
    // It never acknowledges the ping behind which the server would end the connection.
    let cut = async {
        for stream in (1..).step_by(2) {
            let request = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("/healthz", None));
            if raw.0.stream.write_all(&request).await.is_err() || raw.0.stream.flush().await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, cut).await.is_ok(), "the connection should break");
    others_are_served(&stand).await;
}

#[tokio::test]
async fn streams_above_the_limit_are_refused() {
    let stand =
        Stand::start(Plan { limits: Limits { streams: 2, ..Limits::default() }, ..Plan::default() }).await;
    let mut raw = Raw::open(&stand).await;
    for stream in [1, 3, 5] {
        raw.0.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &head(WAIT, Some("joe")))).await;
    }
    let (_, stream, payload) = raw.next(RST_STREAM).await.expect("a refusal");
    assert_eq!((stream, payload.as_slice()), (5, [0, 0, 0, 7].as_slice()), "REFUSED_STREAM");
    assert_eq!(*stand.groups.waiting.borrow(), 2);
    others_are_served(&stand).await;
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_end_the_connection() {
    let stand = Stand::start(Plan::default()).await;
    let mut raw = Raw::open(&stand).await;
    let block = head(WAIT, Some("joe"));
    let mut bytes = Vec::new();
    for stream in (1..4000).step_by(2) {
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &block));
        bytes.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    let _ = raw.0.stream.write_all(&bytes).await;
    assert_eq!(raw.farewell().await, Some(ENHANCE_YOUR_CALM));
    until("no request is left", async || stand.measures("apiserver_pending_requests 1").await).await;
}

#[tokio::test]
async fn heads_without_end_end_the_connection() {
    let stand = Stand::start(Plan::default()).await;
    for block in [head("/healthz", None), Vec::new()] {
        let mut raw = Raw::open(&stand).await;
        raw.0.send(&frame(HEADERS, END_STREAM, 1, &head("/healthz", None))).await;
        let more = frame(CONTINUATION, 0, 1, &block);
        let flooded = raw.flood(&more.repeat(1000), 2000).await;
        assert_eq!(flooded, Flooded::Closed, "{} bytes each", more.len());
    }
    others_are_served(&stand).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_in_http2_too() {
    let stand = Stand::start(Plan {
        limits: Limits { header_bytes: 16_384, ..Limits::default() },
        ..Plan::default()
    })
    .await;
    let mut raw = Raw::open(&stand).await;
    // One header of the dynamic table, repeated by its index: few bytes become many.
    let mut block = head("/healthz", Some("admin"));
    block.extend([0x40, 1, b'x', 0x7f, 0xe1, 0x0e]);
    block.extend([b'v'; 2000]);
    block.extend([0xbe; 1000]);
    raw.0.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await;
    let answered = raw.next(HEADERS).await;
    // The status 431 from no table, or the end of the connection.
    let refused = answered
        .is_none_or(|(_, _, block)| block.windows(3).any(|three| three == b"431") || block.len() < 12);
    assert!(refused);
    assert!(stand.tokens.peers.lock().unwrap().is_empty(), "it never became a request");
    others_are_served(&stand).await;
}

/// Each of these wants an answer; a client that reads none gets the server to stop reading, not to keep them all.
#[tokio::test]
async fn pings_and_settings_without_end_are_not_kept() {
    let stand = Stand::start(Plan::default()).await;
    for one in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])] {
        let mut raw = Raw::open(&stand).await;
        // Far more answers than the buffers between the two hold.
        let flooded = raw.flood(&one.repeat(20_000), 100).await;
        assert_ne!(flooded, Flooded::Taken);
        others_are_served(&stand).await;
    }
}

#[tokio::test]
async fn many_idle_connections_hinder_nobody() {
    let stand = Stand::start(Plan::default()).await;
    let mut held: Vec<TcpStream> = Vec::new();
    for _ in 0..400 {
        held.push(dial_from("127.0.0.3", stand.address).await.unwrap());
    }
    others_are_served(&stand).await;
}
