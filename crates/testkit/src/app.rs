//! The application of the walkthrough: says hello, counts how often, and exports that.
//!
//! A program that runs pods offers it under the command name `demo-app` by answering for it in its
//! own `main` ([`run_if_asked`]), so that there is no second program to build and find. Tests also
//! set series of their own on it, and it plays cAdvisor for itself (processor time and memory).
//!
//! **Invariant:** it knows nothing of autoscaling; its numbers change only by requests.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write as _,
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The name pods call it by.
pub const COMMAND: &str = "demo-app";

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const LARGEST_BODY: usize = 64 * 1024;
/// Linux counts processor time in hundredths of a second on every architecture we run on.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: f64 = 4096.0;

/// Runs the application when this program was called `… demo-app --listen=ADDRESS:PORT`.
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != COMMAND {
        return None;
    }
    let listen = arguments.next().and_then(|argument| Some(argument.strip_prefix("--listen=")?.parse().ok()));
    let Some(Some(listen)) = listen else { return Some(ExitCode::from(2)) };
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(serve(listen)));
    Some(if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, Default)]
struct State {
    processed: u64,
    /// Gauges that tests set: the series as exposition text writes it, and its value.
    gauges: BTreeMap<String, f64>,
}

/// Serves until the process ends.
///
/// # Errors
/// When `listen` cannot be bound.
pub async fn serve(listen: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let state = Arc::new(Mutex::new(State::default()));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &state));
            // A client that goes away in the middle is no concern of a demonstration.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: &Mutex<State>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let (status, text) = match (&head.method, head.uri.path()) {
        (&Method::GET, "/") => {
            lock(state).processed += 1;
            (StatusCode::OK, "Hello, World!".to_owned())
        }
        (&Method::GET, "/metrics") => (StatusCode::OK, exposition(&lock(state))),
        (&Method::PUT, "/series") => match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => set(&mut lock(state), &String::from_utf8_lossy(&body.to_bytes())),
            Err(_) => (StatusCode::PAYLOAD_TOO_LARGE, "the body is cut off or too large".to_owned()),
        },
        _ => (StatusCode::NOT_FOUND, "try /, /metrics, or PUT /series".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(TEXT));
    Ok(response)
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes lines `name{label="value"} number`; each becomes a gauge from then on.
fn set(state: &mut State, lines: &str) -> (StatusCode, String) {
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        match line.rsplit_once(' ').and_then(|(series, value)| Some((series.trim(), value.parse().ok()?))) {
            Some((series, value)) => state.gauges.insert(series.to_owned(), value),
            None => return (StatusCode::BAD_REQUEST, format!("not `series value`: {line}")),
        };
    }
    (StatusCode::OK, String::new())
}

fn exposition(state: &State) -> String {
    let mut text = format!(
        "# HELP myapp_processed_ops_total The total number of processed events\n\
         # TYPE myapp_processed_ops_total counter\nmyapp_processed_ops_total {}\n",
        state.processed
    );
    if let Some((processor, memory)) = usage() {
        write!(
            text,
            "# TYPE container_cpu_usage_seconds_total counter\ncontainer_cpu_usage_seconds_total {processor}\n\
             # TYPE container_memory_working_set_bytes gauge\ncontainer_memory_working_set_bytes {memory}\n"
        )
        .ok();
    }
    for (series, value) in &state.gauges {
        writeln!(text, "{series} {value}").ok();
    }
    text
}

/// Processor seconds and resident bytes of this process, from `/proc` (see proc(5)).
fn usage() -> Option<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name and may hold anything; fields 14 and 15 are utime, stime.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let ticks: f64 = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    let memory = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = memory.split(' ').nth(1)?.parse().ok()?;
    Some((ticks / TICKS_PER_SECOND, pages * PAGE_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_application_exports_a_counter_of_zero() {
        assert!(exposition(&State::default()).contains("\nmyapp_processed_ops_total 0\n"));
    }

    #[test]
    fn a_series_that_was_set_is_exported_as_written() {
        let mut state = State::default();
        assert_eq!(set(&mut state, "depth{queue=\"a b\"} 5\n").0, StatusCode::OK);
        assert!(exposition(&state).ends_with("depth{queue=\"a b\"} 5\n"));
    }

    #[test]
    fn a_line_without_a_value_is_refused() {
        assert_eq!(set(&mut State::default(), "depth").0, StatusCode::BAD_REQUEST);
    }
}
