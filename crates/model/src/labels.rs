//! Label sets: what names a series.
//!
//! Not an index and not a builder of metric names: a set is small, sorted and immutable, and cloning it costs one
//! reference count.
//!
//! **Invariant:** names are sorted bytewise and unique, and no value is empty: an empty label is an absent label.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::quote;

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";
/// The label that holds the metric's type, where it is stored as a label.
pub const METRIC_TYPE: &str = "__type__";
/// The label that holds the metric's unit, where it is stored as a label.
pub const METRIC_UNIT: &str = "__unit__";
/// The label that holds the upper bound of a classic histogram's bucket.
pub const BUCKET_BOUND: &str = "le";

/// One name and its value. Both are shared, so that an interning store pays for each text once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// Name, any non-empty UTF-8.
    pub name: Arc<str>,
    /// Value, any non-empty UTF-8.
    pub value: Arc<str>,
}

/// A sorted set of labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[Label]>);

static EMPTY: LazyLock<Labels> = LazyLock::new(|| Labels(Arc::new([])));

impl Default for Labels {
    fn default() -> Self {
        EMPTY.clone()
    }
}

impl Labels {
    /// Sorts the labels, drops the empty ones; of two with one name the last wins.
    pub fn new(mut labels: Vec<Label>) -> Self {
        // A stable sort keeps equal names in the order given, so the last of each run is the one that wins.
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        let mut kept: Vec<Label> = Vec::with_capacity(labels.len());
        for label in labels {
            match kept.last_mut() {
                Some(last) if last.name == label.name => *last = label,
                _ => kept.push(label),
            }
        }
        kept.retain(|label| !label.value.is_empty());
        if kept.is_empty() { Self::default() } else { Self(kept.into()) }
    }

    /// The set of labels that come as a set holds them: ascending by name, each name once, no value empty. Costs one
    /// allocation and no comparison. Whoever calls it answers for the order; a debug build checks it.
    pub fn from_sorted(labels: impl Iterator<Item = Label>) -> Self {
        let labels: Arc<[Label]> = labels.collect();
        debug_assert!(labels.is_sorted_by(|a, b| a.name < b.name), "labels ascend by name");
        debug_assert!(labels.iter().all(|label| !label.value.is_empty()), "no label is empty");
        if labels.is_empty() { Self::default() } else { Self(labels) }
    }

    /// The set of these names and values.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self::new(
            pairs
                .into_iter()
                .map(|(name, value)| Label { name: name.as_ref().into(), value: value.as_ref().into() })
                .collect(),
        )
    }

    /// The value of a label; the empty text where it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |label| &label.value)
    }

    /// Whether the label is present.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The label of that name.
    pub fn find(&self, name: &str) -> Option<&Label> {
        self.0.binary_search_by(|label| (*label.name).cmp(name)).ok().map(|index| &self.0[index])
    }

    /// All labels, sorted by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Label> {
        self.0.iter()
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels for which `keep` holds.
    pub fn retain(&self, mut keep: impl FnMut(&Label) -> bool) -> Self {
        if self.0.iter().all(&mut keep) {
            return self.clone();
        }
        let mut gone = self.0.iter().enumerate().filter(|(_, label)| !keep(label)).map(|(at, _)| at);
        if let (Some(at), None) = (gone.next(), gone.next())
            && self.len() > 1
        {
            // The usual case, a name less, is written in place: the length is known.
            return Self(self.0[..at].iter().chain(&self.0[at + 1..]).cloned().collect());
        }
        let kept: Vec<Label> = self.0.iter().filter(|label| keep(label)).cloned().collect();
        if kept.is_empty() { Self::default() } else { Self(kept.into()) }
    }

    /// The set with one label set, replaced, or (with an empty value) removed.
    pub fn with(&self, name: &str, value: &str) -> Self {
        if self.get(name) == value {
            return self.clone();
        }
        let mut labels: Vec<Label> = self.0.iter().filter(|label| *label.name != *name).cloned().collect();
        if !value.is_empty() {
            let at = labels.partition_point(|label| *label.name < *name);
            labels.insert(at, Label { name: name.into(), value: value.into() });
        }
        Self(labels.into())
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = &'a Label;
    type IntoIter = std::slice::Iter<'a, Label>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    /// Label by label, name before value; of two that agree the shorter is less (Prometheus: `labels.Compare`).
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().cmp(other.0.iter())
    }
}

impl fmt::Display for Labels {
    /// `{__name__="up", job="api"}` (Prometheus: `Labels.String`). A name that is no plain identifier is quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, label) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if is_plain_name(&label.name) {
                f.write_str(&label.name)?;
            } else {
                f.write_str(&quote::quote(label.name.as_bytes()))?;
            }
            write!(f, "={}", quote::quote(label.value.as_bytes()))?;
        }
        f.write_str("}")
    }
}

/// Whether a label name needs no quotes: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_plain_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sorted_and_the_last_of_one_name_wins() {
        let labels = Labels::from_pairs([("b", "1"), ("a", "2"), ("b", "3"), ("c", "")]);
        assert_eq!(labels.to_string(), r#"{a="2", b="3"}"#);
    }

    #[test]
    fn a_label_can_be_set_replaced_and_removed() {
        let labels = Labels::from_pairs([("a", "1"), ("c", "3")]);
        assert_eq!(labels.with("b", "2").to_string(), r#"{a="1", b="2", c="3"}"#);
        assert_eq!(labels.with("a", "9").to_string(), r#"{a="9", c="3"}"#);
        assert_eq!(labels.with("a", "").to_string(), r#"{c="3"}"#);
        assert_eq!(labels.with("z", ""), labels);
    }

    #[test]
    fn a_shorter_set_comes_before_a_longer_one_that_starts_with_it() {
        let short = Labels::from_pairs([("a", "1")]);
        let long = Labels::from_pairs([("a", "1"), ("b", "1")]);
        assert!(short < long);
        assert!(long < Labels::from_pairs([("a", "2")]));
    }
}
