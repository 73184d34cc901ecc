//! The `plimsoll` program: reads the command line, runs the command, says what went wrong.
//!
//! **Invariant:** the one TLS provider of the process is installed here, before anything else.

use std::process::ExitCode;

use plimsoll::arguments::{self, Invocation};
use plimsoll::reload::LoadError;
use plimsoll::{Printed, check, logging, promql, serve};

// The default allocator keeps what discovery of many series needed once; this one gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Where the system gives huge pages to everybody, each new corner of the heap would cost two megabytes. A kernel
    // that does not know the call gives more memory than is needed, nothing worse.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail("another TLS provider is installed already", 70);
    }
    match arguments::read(std::env::args_os()) {
        Ok(Invocation::Print(text)) => {
            write(&mut std::io::stdout(), &text);
            ExitCode::SUCCESS
        }
        Ok(Invocation::Check(settings)) => print(&check::run(&settings, now(), &mut std::io::stdin())),
        Ok(Invocation::Promql(settings)) => print(&promql::run(&settings, now(), &mut std::io::stdin())),
        Ok(Invocation::Serve { settings, warnings }) => {
            logging::start(&settings.logging);
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            match serve::run(*settings) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    let fix = error.downcast_ref::<LoadError>().and_then(LoadError::fix);
                    let fix = fix.map(|fix| format!("\n  fix: {fix}")).unwrap_or_default();
                    fail(&format!("{error:#}{fix}"), 1)
                }
            }
        }
        Err(error) => fail(&error.to_string(), error.exit_code),
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn print(printed: &Printed) -> ExitCode {
    write(&mut std::io::stderr(), &printed.err);
    write(&mut std::io::stdout(), &printed.out);
    ExitCode::from(printed.code)
}

fn fail(message: &str, code: u8) -> ExitCode {
    write(&mut std::io::stderr(), &format!("error: {}\n", message.trim_end()));
    ExitCode::from(code)
}

/// Prints; a closed pipe is the reader's choice and no failure of ours.
fn write(to: &mut impl std::io::Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
