//! Where log lines go, which, and how they look.
//!
//! klog's verbosities keep their meaning: 0 to 3 is what an operator wants to see, from 4 on what the process does,
//! from 6 on each request to Prometheus, from 8 on its answers.
//!
//! **Invariant:** logs go to standard error, as upstream's do.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::arguments::{LogFormat, LoggingSettings};

/// Starts logging; a second call changes nothing.
pub fn start(settings: &LoggingSettings) {
    let filter = EnvFilter::new(directives(settings));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_target(true);
    // Only a subscriber that is installed already makes this fail, and then lines go there.
    let _ = match settings.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

fn directives(settings: &LoggingSettings) -> String {
    let own = match settings.verbosity {
        ..=3 => "info",
        4..=7 => "debug",
        8.. => "trace",
    };
    let others = if settings.verbosity >= 10 { "debug" } else { "warn" };
    let mut text = others.to_owned();
    for name in ["plimsoll", "plimsoll_adapter", "plimsoll_apiserver", "plimsoll_model"] {
        text.push_str(&format!(",{name}={own}"));
    }
    if (4..=5).contains(&settings.verbosity) {
        text.push_str(",plimsoll_adapter::prometheus=info");
    }
    text
}
