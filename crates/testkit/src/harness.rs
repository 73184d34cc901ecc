//! The entry of a test program whose tests run inside a [`sandbox`].
//!
//! Not the tests: a program names them, and makes them once it is inside.
//!
//! **Invariant:** the same names are listed on every machine; one that cannot run them skips them, with the reason.
#![expect(clippy::print_stderr, reason = "a test program talks to a person")]

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Trial};

use crate::{
    cluster::{Programs, workspace},
    sandbox::{self, Sandbox},
};

/// Runs the tests `trials`, called `names`, in a sandbox, `at_once` side by side unless the command line says otherwise.
///
/// Must be called from the main thread, see [`sandbox::relaunch`].
pub fn run(
    names: &[&str],
    at_once: usize,
    trials: impl FnOnce(Sandbox, Programs) -> Result<Vec<Trial>>,
) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(at_once);
    match enter(&arguments, names, trials) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn enter(
    arguments: &Arguments,
    names: &[&str],
    trials: impl FnOnce(Sandbox, Programs) -> Result<Vec<Trial>>,
) -> Result<ExitCode> {
    if let Some(sandbox) = Sandbox::current()? {
        let trials = trials(sandbox, Programs::find()?)?;
        return Ok(libtest_mimic::run(arguments, trials).exit_code());
    }
    // Listing starts nothing, and the names must not depend on the machine.
    let missing = sandbox::available().and_then(|()| Programs::find().map(drop)).err();
    if arguments.list || missing.is_some() {
        let reason = missing.map(|error| format!("{error:#}")).unwrap_or_default();
        if !arguments.list {
            eprintln!("the end-to-end tests are skipped: {reason}");
        }
        let skipped = names.iter().map(|&name| {
            let reason = reason.clone();
            Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason)))
        });
        return Ok(libtest_mimic::run(arguments, skipped.collect()).exit_code());
    }
    Ok(sandbox::relaunch(&workspace().join("e2e/run"))?.code())
}
