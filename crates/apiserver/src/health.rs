//! The probes `/healthz`, `/livez` and `/readyz`, in upstream's text format.
//!
//! A check is a closure over the state it reports on; it is asked at each probe and must answer from memory.
//! Formats follow apiserver `server/healthz/healthz.go`.
//!
//! **Invariant:** a probe never shows why a check failed: it is open to everyone. The path of the single check,
//! which needs permission, does.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use plimsoll_model::quote::quote;

use crate::query;
use crate::route::Answer;

/// The outcome of a check. Texts never hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    /// Healthy, with something an operator may want to see in `?verbose`.
    Noted(String),
    /// Not healthy, and why.
    Failed(String),
}

/// The three probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Healthz,
    Livez,
    Readyz,
}

impl Probe {
    /// All probes in the order of their paths.
    pub const ALL: [Self; 3] = [Self::Healthz, Self::Livez, Self::Readyz];

    /// The name, which is the path without its slash.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthz => "healthz",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
        }
    }
}

type Ask = Arc<dyn Fn() -> Outcome + Send + Sync>;

#[derive(Clone)]
struct Check {
    name: &'static str,
    probes: &'static [Probe],
    ask: Ask,
}

/// The checks of a process.
#[derive(Clone)]
pub struct Health {
    checks: Vec<Check>,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// With the one check that always passes, `ping`.
    pub fn new() -> Self {
        Self { checks: Vec::new() }.check("ping", &Probe::ALL, || Outcome::Ok)
    }

    /// Adds a check. `name` is a path segment in words of the domain, such as `metrics-discovered`.
    #[must_use]
    pub fn check(
        mut self,
        name: &'static str,
        probes: &'static [Probe],
        ask: impl Fn() -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.checks.push(Check { name, probes, ask: Arc::new(ask) });
        self
    }

    /// All paths that [`answer`](Self::answer) knows, sorted.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for probe in Probe::ALL {
            paths.push(format!("/{}", probe.name()));
            paths.extend(self.of(probe).map(|check| format!("/{}/{}", probe.name(), check.name)));
        }
        paths.sort();
        paths
    }

    fn of(&self, probe: Probe) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(move |check| check.probes.contains(&probe))
    }

    /// Answers `/readyz`, `/readyz/<check>` and so on; `None` for any other path.
    pub fn answer(&self, path: &str, raw_query: &str) -> Option<Answer> {
        let path = path.strip_prefix('/')?;
        let (root, single) = match path.split_once('/') {
            Some((root, check)) => (root, Some(check)),
            None => (path, None),
        };
        let probe = Probe::ALL.into_iter().find(|probe| probe.name() == root)?;
        match single {
            None => Some(self.all(probe, raw_query)),
            Some(name) => self.of(probe).find(|check| check.name == name).map(|check| match (check.ask)() {
                Outcome::Failed(reason) => {
                    text(StatusCode::INTERNAL_SERVER_ERROR, format!("internal server error: {reason}\n"))
                }
                Outcome::Ok | Outcome::Noted(_) => text(StatusCode::OK, "ok"),
            }),
        }
    }

    fn all(&self, probe: Probe, raw_query: &str) -> Answer {
        let mut excluded: Vec<String> = query::pairs(raw_query)
            .filter(|(key, _)| key == "exclude")
            .map(|(_, v)| v.into_owned())
            .collect();
        excluded.sort();
        excluded.dedup();
        let mut lines = String::new();
        let mut failed = String::new();
        for check in self.of(probe) {
            let name = check.name;
            if let Some(position) = excluded.iter().position(|other| other == name) {
                excluded.remove(position);
                let _ = writeln!(lines, "[+]{name} excluded: ok");
                continue;
            }
            let _ = match (check.ask)() {
                Outcome::Ok => writeln!(lines, "[+]{name} ok"),
                Outcome::Noted(note) => writeln!(lines, "[+]{name} ok: {note}"),
                Outcome::Failed(reason) => {
                    let _ = write!(failed, "{}{name}: {reason}", if failed.is_empty() { "" } else { "; " });
                    writeln!(lines, "[-]{name} failed: reason withheld")
                }
            };
        }
        if !excluded.is_empty() {
            let names: Vec<String> = excluded.iter().map(|name| quote(name.as_bytes())).collect();
            let names = names.join(", ");
            let _ = writeln!(lines, "warn: some health checks cannot be excluded: no matches for {names}");
        }
        let name = probe.name();
        if !failed.is_empty() {
            tracing::debug!(probe = name, %failed, "probe failed");
            return text(StatusCode::INTERNAL_SERVER_ERROR, format!("{lines}{name} check failed\n"));
        }
        if query::first(raw_query, "verbose").is_none() {
            return text(StatusCode::OK, "ok");
        }
        text(StatusCode::OK, format!("{lines}{name} check passed\n"))
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    Answer { status, content_type: "text/plain; charset=utf-8", body: body.into(), warnings: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(health: &Health, target: &str) -> (u16, String) {
        let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        let answer = health.answer(path, raw_query).expect("a probe");
        (answer.status.as_u16(), String::from_utf8(answer.body.to_vec()).unwrap())
    }

    fn example() -> Health {
        Health::new()
            .check("prometheus-reachable", &[Probe::Readyz], || Outcome::Noted("no answer for 30s".into()))
            .check("metrics-discovered", &[Probe::Readyz], || Outcome::Failed("no list yet".into()))
    }

    #[test]
    fn a_healthy_probe_says_ok_and_lists_its_checks_when_verbose() {
        let health = Health::new().check("informer-sync", &[Probe::Readyz], || Outcome::Ok);
        assert_eq!(ask(&health, "/readyz"), (200, "ok".into()));
        let verbose = "[+]ping ok\n[+]informer-sync ok\nreadyz check passed\n";
        assert_eq!(ask(&health, "/readyz?verbose"), (200, verbose.into()));
        assert_eq!(ask(&health, "/livez?verbose=1"), (200, "[+]ping ok\nlivez check passed\n".into()));
    }

    #[test]
    fn a_failing_probe_withholds_the_reason_and_the_single_check_gives_it() {
        let expected = "[+]ping ok\n[+]prometheus-reachable ok: no answer for 30s\n\
                        [-]metrics-discovered failed: reason withheld\nreadyz check failed\n";
        assert_eq!(ask(&example(), "/readyz"), (500, expected.into()));
        let single = (500, "internal server error: no list yet\n".into());
        assert_eq!(ask(&example(), "/readyz/metrics-discovered"), single);
        assert_eq!(ask(&example(), "/livez"), (200, "ok".into()));
    }

    #[test]
    fn checks_can_be_excluded_and_unknown_names_are_pointed_out() {
        assert_eq!(ask(&example(), "/readyz?exclude=metrics-discovered"), (200, "ok".into()));
        let (status, body) = ask(&example(), "/readyz?verbose&exclude=metrics-discovered&exclude=nope");
        assert_eq!(status, 200);
        assert!(body.contains("[+]metrics-discovered excluded: ok\n"), "{body}");
        assert!(body.contains("cannot be excluded: no matches for \"nope\"\n"), "{body}");
    }

    #[test]
    fn only_known_checks_have_a_path() {
        assert!(example().answer("/livez/metrics-discovered", "").is_none());
        assert!(example().answer("/readyz/", "").is_none());
        assert!(example().paths().contains(&"/readyz/metrics-discovered".to_owned()));
    }
}
