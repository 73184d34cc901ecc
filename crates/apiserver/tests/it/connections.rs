//! Connections: protocols, limits, and the end.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use plimsoll_apiserver::serve::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stand::{Client, Connection, PATIENCE, Plan, Stand, until};

type Sender = http2::SendRequest<Empty<bytes::Bytes>>;

async fn http2(stand: &Stand) -> (Sender, tokio::task::JoinHandle<()>) {
    let client = Client { protocol: Some(b"h2"), ..Client::default() };
    let connection = Connection::open(stand.address, &client).await.unwrap();
    assert_eq!(connection.stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let io = TokioIo::new(connection.stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let driver = tokio::spawn(async move {
        let _ = connection.await;
    });
    (sender, driver)
}

async fn get(sender: &mut Sender, target: &str) -> (u16, String) {
    let request = http::Request::get(format!("https://localhost{target}"))
        .header("Authorization", "Bearer admin")
        .body(Empty::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let stand = Stand::start(Plan::default()).await;
    let mut connection = stand.connect().await;
    for _ in 0..100 {
        assert_eq!(connection.ask("GET", "/readyz", &[]).await.text(), "ok");
    }
}

#[tokio::test]
async fn http2_is_spoken_when_agreed_on_and_can_be_switched_off() {
    let stand = Stand::start(Plan::default()).await;
    let (mut sender, _driver) = http2(&stand).await;
    assert_eq!(get(&mut sender, "/healthz").await, (200, "ok".to_owned()));
    let stand = Stand::start(Plan { http2: false, ..Plan::default() }).await;
    let client = Client { protocol: Some(b"http/1.1"), ..Client::default() };
    assert!(Connection::open(stand.address, &client).await.is_ok());
    let client = Client { protocol: Some(b"h2"), ..Client::default() };
    assert!(Connection::open(stand.address, &client).await.is_err());
}

#[tokio::test]
async fn a_thousand_connections_that_come_and_go_leave_nothing_behind() {
    let stand = Stand::start(Plan::default()).await;
    for number in 0..1000 {
        if number % 20 == 0 {
            drop(stand.connect().await);
        } else {
            drop(TcpStream::connect(stand.address).await.unwrap());
        }
    }
    until("the connections are gone", async || stand.measures("apiserver_open_connections 1").await).await;
}

#[tokio::test]
async fn connections_above_the_limit_wait_until_another_one_ends() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let first = stand.connect().await;
    let second = stand.connect();
    tokio::pin!(second);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(early.is_err(), "the second connection should wait");
    drop(first);
    let mut second = tokio::time::timeout(PATIENCE, second).await.expect("a place for the second");
    assert_eq!(second.ask("GET", "/healthz", &[]).await.status, 200);
}

#[tokio::test]
async fn a_client_that_never_finishes_the_handshake_is_cut_off() {
    let limits = Limits { handshake_timeout: Duration::from_millis(50), ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let mut stream = TcpStream::connect(stand.address).await.unwrap();
    let mut buffer = [0; 16];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("to be cut off");
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_client_that_sends_its_head_byte_by_byte_is_cut_off() {
    let limits = Limits { header_timeout: Duration::from_millis(100), ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let mut connection = stand.connect().await;
    let drip = async {
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ".iter().cycle() {
            if connection.stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, drip).await.is_ok(), "the connection should break");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_cut_off() {
    let limits = Limits { idle_timeout: Duration::from_millis(500), ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let mut connection = stand.connect().await;
    // Together far more than the buffers between the two hold.
    for _ in 0..200 {
        connection.send(b"GET /apis/metrics.k8s.io/v1beta1/large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    }
    until("the connection is gone", async || stand.measures("apiserver_open_connections 1").await).await;
}

#[tokio::test]
async fn a_client_that_speaks_without_tls_is_told_so() {
    let stand = Stand::start(Plan::default()).await;
    let mut stream = TcpStream::connect(stand.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("an end");
    assert!(text.ends_with(b"Client sent an HTTP request to an HTTPS server.\n"), "{text:?}");
}

#[tokio::test]
async fn what_is_no_request_harms_nobody() {
    let stand = Stand::start(Plan::default()).await;
    let not_requests: &[&[u8]] = &[
        b"\r\n\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/3.0\r\n\r\n",
        b"GET healthz HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: \0\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"POST /healthz HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6",
    ];
    for bytes in not_requests {
        let mut connection = stand.connect().await;
        connection.send(bytes).await;
        tokio::io::AsyncWriteExt::shutdown(&mut connection.stream).await.unwrap();
        let reply = connection.read(false).await;
        let shown = String::from_utf8_lossy(bytes);
        assert!(reply.is_none_or(|reply| matches!(reply.status, 200 | 400..=499 | 505)), "{shown:?}");
        assert_eq!(stand.get("/healthz").await.status, 200, "after {shown:?}");
    }
}

#[tokio::test]
async fn frames_that_are_no_http2_harm_nobody() {
    let stand = Stand::start(Plan::default()).await;
    for bytes in
        [b"GET / HTTP/1.1\r\n\r\n".as_slice(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x09\0\0\0\0\0"]
    {
        let client = Client { protocol: Some(b"h2"), ..Client::default() };
        let mut connection = Connection::open(stand.address, &client).await.unwrap();
        connection.send(bytes).await;
        assert!(connection.closed().await);
        let (mut sender, _driver) = http2(&stand).await;
        assert_eq!(get(&mut sender, "/healthz").await.0, 200);
    }
}

#[tokio::test]
async fn a_user_may_be_in_hundreds_of_groups() {
    let stand = Stand::start(Plan::default()).await;
    let headers = vec![("X-Remote-Group", "a-group"); 400];
    assert_eq!(stand.ask("GET", "/healthz", &headers).await.status, 200);
    let headers = vec![("X-Remote-Group", "a-group"); 600];
    assert_eq!(stand.ask("GET", "/healthz", &headers).await.status, 431);
}

#[tokio::test]
async fn an_idle_http2_connection_is_sent_away() {
    let limits = Limits { idle_timeout: Duration::from_millis(500), ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let (mut sender, driver) = http2(&stand).await;
    assert_eq!(get(&mut sender, "/healthz").await.0, 200);
    tokio::time::timeout(PATIENCE, driver).await.expect("the connection should end").unwrap();
}

#[tokio::test]
async fn a_server_that_stops_fails_readyz_first_then_finishes_what_it_began() {
    let limits = Limits { drain_delay: Duration::from_secs(2), ..Limits::default() };
    let mut stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let (mut sender, driver) = http2(&stand).await;
    let mut old = stand.connect().await;
    let mut waiting = stand.groups.waiting.subscribe();
    let mut held = sender.clone();
    let target = "/apis/metrics.k8s.io/v1beta1/wait";
    let held = tokio::spawn(async move { get(&mut held, target).await });
    waiting.wait_for(|count| *count == 1).await.unwrap();
    stand.stop();
    until("readyz fails", async || {
        let (status, body) = get(&mut sender, "/readyz").await;
        status == 500 && body.contains("[-]shutdown failed: reason withheld\n")
    })
    .await;
    assert_eq!(get(&mut sender, "/livez").await.0, 200);
    until("no connection is accepted", async || TcpStream::connect(stand.address).await.is_err()).await;
    assert!(old.closed().await, "an idle connection should be closed");
    stand.groups.release.notify_one();
    assert_eq!(held.await.unwrap().0, 200);
    tokio::time::timeout(PATIENCE, driver).await.expect("GOAWAY should end the connection").unwrap();
    stand.ended().await;
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_ever() {
    let limits = Limits { drain: Duration::from_millis(50), ..Limits::default() };
    let mut stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let mut connection = stand.connect().await;
    connection.send(b"GET /apis/metrics.k8s.io/v1beta1/wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut waiting = stand.groups.waiting.subscribe();
    waiting.wait_for(|count| *count == 1).await.unwrap();
    stand.stop();
    stand.ended().await;
    assert!(connection.read(false).await.is_none());
}
