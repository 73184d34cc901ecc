//! The real HPA controller of a real control plane and the library see the same, turn by turn, and do the same.
//!
//! A script says what happens to an HPA, its target, its pods and its metrics. The controller runs with short
//! periods against a real API server; the server's audit log tells what the controller read and wrote in each turn,
//! and the metrics APIs behind it tell what they answered. `plimsoll_hpa` gets the same inputs and must write the same.
//! Nothing else runs: no other controller, no scheduler and no kubelet change what the script says.
//!
//! **Invariant:** inputs of the library are read from what the API server and the metrics APIs really answered, never
//! from the script.
#![expect(clippy::print_stderr, reason = "a test program talks to a person")]

mod compare;
mod observed;
mod plane;
mod run;
mod script;
mod scripts;
mod wire;

use std::{process::ExitCode, sync::Arc};

use plimsoll_testkit::harness;

use crate::plane::Suite;

fn main() -> ExitCode {
    let scripts = scripts::all();
    let names: Vec<&str> = scripts.iter().map(|script| script.name).collect();
    let suite = Arc::new(Suite::default());
    let code = harness::run(&names, names.len(), |sandbox, programs| {
        Ok(scripts.iter().map(|script| suite.trial(&sandbox, &programs, script.clone())).collect())
    });
    if let Some(compared) = suite.compared() {
        eprintln!("{compared}");
    }
    code
}
