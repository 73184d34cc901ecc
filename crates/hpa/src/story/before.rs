//! What a story tells before its first turn: versions, gates, flags, the objects and what they were.
//!
//! Not what may change later; those lines are in `teller`.
//!
//! **Invariant:** each of these lines comes at most once.

use plimsoll_model::selector::Selector;

use super::LIMITS;
use super::Place;
use super::advice::unknown;
use super::expect::{self, About, Expectation};
use super::hpa;
use super::lines::Line;
use super::metric::Source;
use super::teller::{Teller, selector_text};
use super::words::{self, Read, Word, error};
use crate::inputs::{Hpa, OtherHpa};
use crate::profile::Profile;
use crate::status::Condition;
use crate::time::{Span, Time};

/// First words before the first turn.
pub(super) const BEFORE: [&str; 13] = [
    "kubernetes",
    "gate",
    "flag",
    "hpa",
    "other",
    "template",
    "pods",
    "pod",
    "replicas",
    "status",
    "selector",
    "no",
    "at",
];

/// `kubernetes 1.37`, the first line.
pub(super) fn version(line: &Line<'_>) -> Read<Profile> {
    line.alone()?;
    let mut words = line.words.clone();
    if !words.accept("kubernetes") {
        let text =
            format!("a story begins with the version it is about, 'kubernetes 1.37', not '{}'", words.peek());
        return error(words.place(), text);
    }
    let word = words.word("a version such as 1.37")?;
    words.end()?;
    Profile::of_version(word.text).or_else(|refused| error(word.place, refused.to_string()))
}

impl Teller {
    /// A line before the first turn.
    pub(super) fn before(&mut self, line: &Line<'_>) -> Read<()> {
        let mut words = line.words.clone();
        let place = words.place();
        match (words.peek(), words.peek_second()) {
            ("kubernetes", _) => return error(place, "the version is told twice, first on the first line"),
            ("gate", _) => {
                words.expect("gate")?;
                let name = words.word("a feature gate")?;
                let on = words.choose("on or off", &["on", "off"])? == 0;
                self.once(format!("the gate {}", name.text), place)?;
                let set = self.profile.set_gate(name.text, on);
                set.or_else(|refused| error(name.place, refused.to_string()))?;
            }
            ("flag", _) => {
                words.expect("flag")?;
                let word = words.word("a flag of kube-controller-manager")?;
                let name = self.flag(word)?;
                self.once(format!("the flag {name}"), place)?;
            }
            ("hpa", "status") if words.whole() == "hpa status" => {
                self.once("the status of the hpa", place)?;
                return self.status(line);
            }
            ("hpa", _) => {
                self.once("the hpa", place)?;
                words.expect("hpa")?;
                let (header, spec) = hpa::block(line, words)?;
                self.sources = Source::all(&spec);
                self.answers = vec![None; self.sources.len()];
                let target = spec.scale_target_ref.name.clone();
                let hpa::Header { namespace, name, generation } = header;
                let generation = generation.unwrap_or(1);
                self.hpa = Some(Hpa { namespace, name, generation, spec, ..Hpa::default() });
                let text = format!("app={target}");
                let selector = Selector::parse(&text).ok();
                self.pods.label_for(selector.as_ref());
                self.selector = (text, selector);
                return Ok(());
            }
            ("other", _) => {
                words.expect("other")?;
                words.expect("hpa")?;
                let (name, _) = words.name("the name of the other HPA")?;
                words.expect("selects")?;
                self.once(format!("the hpa {name}"), place)?;
                let selector = if words.accept("nothing") { None } else { selector_text(&mut words)?.1 };
                if self.others.len() == LIMITS.entries {
                    return error(place, format!("there are at most {} other HPAs", LIMITS.entries));
                }
                self.others.push(OtherHpa { name, selector });
            }
            ("replicas", _) => {
                words.expect("replicas")?;
                self.once("the number of replicas", place)?;
                self.hpa_at(place)?;
                self.step.spec_replicas = Some(words.replicas()?);
            }
            _ => return self.world(line, &BEFORE),
        }
        words.end()?;
        line.alone()
    }

    /// `--horizontal-pod-autoscaler-…=…`, as in the controller's manifest. Gives its name.
    fn flag<'t>(&mut self, word: Word<'t>) -> Read<&'t str> {
        const NAMES: [&str; 4] = [
            "--horizontal-pod-autoscaler-tolerance",
            "--horizontal-pod-autoscaler-downscale-stabilization",
            "--horizontal-pod-autoscaler-cpu-initialization-period",
            "--horizontal-pod-autoscaler-initial-readiness-delay",
        ];
        let (name, value) = word.text.split_once('=').unwrap_or((word.text, ""));
        let Some(flag) = NAMES.iter().position(|known| *known == name) else {
            return error(word.place, unknown(name, "a flag that changes a decision", &NAMES));
        };
        if value.is_empty() {
            return error(word.place, format!("this flag needs a value: write {name}=VALUE"));
        }
        let column = word.place.column + name.chars().count() as u32 + 1;
        let value = Word { text: value, place: Place { column, ..word.place } };
        let settings = &mut self.profile.settings;
        match flag {
            0 => match value.text.parse::<f64>() {
                Ok(tolerance) if tolerance >= 0.0 && tolerance.is_finite() => settings.tolerance = tolerance,
                _ => {
                    let text = format!("a tolerance such as 0.1 is due here, not '{}'", value.text);
                    return error(value.place, text);
                }
            },
            1 => settings.downscale_stabilization = words::duration(value, "a duration")?,
            2 => settings.cpu_initialization = words::duration(value, "a duration")?,
            _ => settings.initial_readiness_delay = words::duration(value, "a duration")?,
        }
        Ok(name)
    }

    /// `hpa status`: what earlier turns have written.
    fn status(&mut self, line: &Line<'_>) -> Read<()> {
        let profile = self.profile;
        let hpa = self.hpa_at(line.words.place())?;
        if line.under.is_empty() {
            let text = "indent what the status says under it, such as 'current replicas 3'";
            return error(line.words.place(), text);
        }
        let (status, mut seen) = (&mut hpa.status, Vec::new());
        for line in &line.under {
            line.alone()?;
            let mut words = line.words.clone();
            let place = words.place();
            let known = ["current", "desired", "observed", "last", "condition"];
            let due =
                "current replicas, desired replicas, an observed generation, a last scale or a condition";
            let mut about = known[words.choose(due, &known)?];
            match about {
                "current" => {
                    words.expect("replicas")?;
                    status.current_replicas = words.replicas()?;
                }
                "desired" => {
                    words.expect("replicas")?;
                    status.desired_replicas = words.replicas()?;
                }
                "observed" => {
                    words.expect("generation")?;
                    status.observed_generation = Some(words.integer("a generation", 0, i64::MAX)?);
                }
                "last" => {
                    words.expect("scale")?;
                    status.last_scale_time = Some(Time(0) - words.ago()?);
                }
                _ => {
                    if let Expectation::Condition { kind, status: holds, reason, message } =
                        expect::condition(
                            &mut words,
                            About { profile: &profile, sources: &[], carried: true },
                        )?
                    {
                        about = kind;
                        let since = if words.accept("since") { words.ago()? } else { Span(0) };
                        status.conditions.push(Condition {
                            kind: kind.into(),
                            status: holds,
                            reason: reason.into(),
                            message: message.unwrap_or_default().into(),
                            last_transition_time: Some(Time(0) - since),
                        });
                    }
                }
            }
            words.end()?;
            if seen.contains(&about) {
                return error(place, format!("{about} is told twice"));
            }
            seen.push(about);
        }
        Ok(())
    }
}
