//! The Prometheus client against a fake server on a port of its own.

mod answers;
mod credentials;
mod fake;
mod limits;
mod recorded;
mod requests;
mod series;
mod tls;

use std::time::Duration;

use plimsoll_adapter::backend::{Backend, BackendError, QueryResult};
use plimsoll_adapter::prometheus::{Client, ClientMetrics, ClientSettings};

/// Long enough for any answer of a fake; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn client(settings: &ClientSettings) -> Client {
    let metrics = ClientMetrics::register(&mut prometheus_client::registry::Registry::default());
    Client::build(settings, &metrics).unwrap_or_else(|error| panic!("{settings:?}: {error}"))
}

fn client_of(url: &str) -> Client {
    client(&ClientSettings::new(url))
}

async fn ask(client: &Client) -> Result<QueryResult, BackendError> {
    client.query("up", 1700000000.5, PATIENCE).await
}

async fn error_of(client: &Client) -> String {
    match ask(client).await {
        Err(error) => error.to_string(),
        Ok(result) => panic!("an answer: {result:?}"),
    }
}
