//! From a request to the PromQL that answers it.
//!
//! Matches prometheus-adapter's `pkg/naming/metrics_query.go`: the order and the text of matchers are kept byte for
//! byte, because recording proxies and dashboards match on them. Three things are mended, none of which changes a
//! query that a Prometheus accepts: a comma that would lead an empty matcher list is dropped, label names that are
//! no plain identifiers are quoted, and so are series names.
//!
//! **Invariant:** values and names that come from a request, and names of series, reach the query only as quoted
//! strings, unless they consist of characters that mean nothing to PromQL.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use plimsoll_model::selector::{Operator, Selector};

use crate::template::{ExecutionError, Template, Value, quote};

/// What a query is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The Prometheus series.
    pub series: &'a str,
    /// Requirements on the series' labels.
    pub selector: &'a Selector,
    /// The namespace label and its value.
    pub namespace: Option<(&'a str, &'a str)>,
    /// The label of the described objects and their names.
    pub objects: Option<(&'a str, Names<'a>)>,
    /// The labels that `GroupBy` names.
    pub group_by: &'a [Box<str>],
}

/// The names of the described objects.
#[derive(Debug, Clone, Copy)]
pub enum Names<'a> {
    /// As the cluster lists them.
    Listed(&'a [&'a str]),
    /// As a path spells one; percent-decoding may have left bytes that are no UTF-8.
    Requested(&'a [u8]),
}

impl Names<'_> {
    fn joined(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Listed([one]) => one.as_bytes().into(),
            Self::Listed(several) => several.join("|").into_bytes().into(),
            Self::Requested(one) => (*one).into(),
        }
    }

    fn are_several(&self) -> bool {
        matches!(self, Self::Listed(several) if several.len() != 1)
    }
}

/// A rendered query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The text to send.
    pub text: String,
    /// Whether the text selects the namespace itself.
    pub selects_namespace: bool,
    /// What to send instead when the server refuses `text`: names quoted as Prometheus 3 wants them.
    pub quoted: Option<String>,
}

/// Why there is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// `>` and `<` have no PromQL counterpart.
    #[error("the selector on `{key}` uses `{operator}`, which cannot be expressed as a PromQL matcher")]
    Operator { key: String, operator: &'static str },
    /// The template failed.
    #[error("metricsQuery: {}", .0.message)]
    Template(ExecutionError),
    /// No label stands for the objects asked for.
    #[error("no label is mapped to {0}")]
    Unmapped(&'static str),
    /// The template gave nothing.
    #[error("metricsQuery gives an empty query")]
    Empty,
    /// `<<.LabelValuesByName>>` stands in the query as it is, so that this value could become a part of it.
    #[error(
        "the value {} of {label} is no name of Kubernetes, and metricsQuery puts it into the query unquoted, by \
         <<.LabelValuesByName>>: use <<.LabelMatchers>>",
        quote(value.as_bytes())
    )]
    UnsafeValue { label: String, value: String },
    /// `<<.Series>>` stands where a name cannot be quoted, so that this one could become a part of the query `text`.
    #[error(
        "the series name {} has to be quoted, and metricsQuery leaves no place for that: write \
         <<.Series>>{{<<.LabelMatchers>>}}",
        quote(series.as_bytes())
    )]
    UnsafeSeries { series: String, text: String },
}

impl From<ExecutionError> for QueryError {
    fn from(error: ExecutionError) -> Self {
        Self::Template(error)
    }
}

/// Renders `template` for `subject`.
///
/// # Errors
/// See [`QueryError`].
pub fn render(template: &Template, subject: &Subject<'_>) -> Result<Query, QueryError> {
    // A bare name with an operator character in it is silently arithmetic, one with braces may be any query at all:
    // such a name is never sent bare.
    if !subject.series.chars().all(means_nothing) {
        let text = with_name_quoted(template, subject)?;
        return Ok(Query { selects_namespace: selects_namespace(&text, subject), text, quoted: None });
    }
    let text = render_as(template, subject, Style::Bare)?;
    if text.is_empty() {
        return Err(QueryError::Empty);
    }
    check_values(template, subject, Style::Bare, &text)?;
    let odd_selector =
        subject.selector.requirements.iter().any(|requirement| !is_identifier(&requirement.key));
    let quoted = if !is_metric_name(subject.series) {
        with_name_quoted(template, subject).ok()
    } else if odd_selector {
        Some(render_as(template, subject, Style::Quoted)?)
    } else {
        None
    };
    let quoted = quoted.filter(|quoted| *quoted != text);
    Ok(Query { selects_namespace: selects_namespace(&text, subject), text, quoted })
}

/// Stands for the name of a series. Strings of a query are quoted, so that no value can hold it as it is.
const PLACEHOLDER: &str = "\0series\0";

/// Renders `template` with the series' name as a string: in braces, or where the template has quotes around it.
fn with_name_quoted(template: &Template, subject: &Subject<'_>) -> Result<String, QueryError> {
    let series = subject.series;
    let bare = render_as(template, subject, Style::Quoted)?;
    if bare.is_empty() {
        return Err(QueryError::Empty);
    }
    check_values(template, subject, Style::Quoted, &bare)?;
    let text = render_as(template, &Subject { series: PLACEHOLDER, ..*subject }, Style::Quoted)?;
    let string = format!("\"{PLACEHOLDER}\"");
    let text = with_series_in_braces(&text, PLACEHOLDER, &string);
    let name = quote(series.as_bytes());
    let quoted = text.replace(&string, &name);
    // A template that looks at the name would give something else for the placeholder.
    let escaped = name.len() > series.len() + 2;
    if quoted.contains(PLACEHOLDER) || !escaped && quoted != with_series_in_braces(&bare, series, &name) {
        return Err(QueryError::UnsafeSeries { series: series.to_owned(), text: bare });
    }
    Ok(quoted)
}

/// Characters that PromQL reads as part of a name, or not at all: with them alone, a bare name is a name or a mistake.
fn means_nothing(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | ':' | '.') || !character.is_ascii()
}

/// Refuses `text` if a value that could end a string, or widen a regular expression, is in it by
/// `<<.LabelValuesByName>>`, which gives values as they are.
fn check_values(
    template: &Template,
    subject: &Subject<'_>,
    style: Style,
    text: &str,
) -> Result<(), QueryError> {
    let labels = unsafe_labels(subject);
    let Some(label) = labels.iter().flatten().next().copied() else { return Ok(()) };
    let mut others = data(subject, style)?;
    let mut value = String::new();
    for (_, given) in others.values.iter_mut().filter(|(name, _)| labels.contains(&Some(*name))) {
        let given = std::mem::replace(given, "x".to_owned());
        if value.is_empty() {
            value = given;
        }
    }
    let empty = others.empty;
    let other = template.render(&others.into_value()).map(|other| mended(other, empty));
    if other.is_ok_and(|other| other == text) {
        return Ok(());
    }
    Err(QueryError::UnsafeValue { label: label.to_owned(), value })
}

/// The labels of values that are no names of Kubernetes. Those of selectors have been checked when they were parsed.
fn unsafe_labels<'a>(subject: &Subject<'a>) -> [Option<&'a str>; 2] {
    let namespace = subject.namespace.filter(|(_, namespace)| !is_plain_name(namespace.as_bytes()));
    let objects = subject.objects.filter(|(_, names)| match names {
        Names::Listed(names) => !names.iter().all(|name| is_plain_name(name.as_bytes())),
        Names::Requested(name) => !is_plain_name(name),
    });
    [namespace.map(|(label, _)| label), objects.map(|(label, _)| label)]
}

/// Whether `name` is one that Kubernetes could give to an object, and PromQL could not take for anything else.
fn is_plain_name(name: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    ends(name.first()) && ends(name.last()) && name.iter().all(plain) && !has_dots(name)
}

/// Two dots in a row are in no name of Kubernetes, and match any two characters.
fn has_dots(name: &[u8]) -> bool {
    name.windows(2).any(|pair| pair == b"..")
}

fn selects_namespace(text: &str, subject: &Subject<'_>) -> bool {
    subject.namespace.is_some_and(|(label, namespace)| {
        let mut matcher = String::new();
        push_matcher(&mut matcher, &label_name(label), "=", namespace.as_bytes());
        text.contains(&matcher)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As upstream writes them.
    Bare,
    /// Selector keys quoted where they are no identifiers.
    Quoted,
}

fn render_as(template: &Template, subject: &Subject<'_>, style: Style) -> Result<String, QueryError> {
    let data = data(subject, style)?;
    let empty = data.empty;
    let text = template.render(&data.into_value())?;
    Ok(mended(text, empty))
}

/// The bytes of `template` that gave byte `at` of `text`, which is what it gives for `subject`.
pub(super) fn source_of(template: &Template, subject: &Subject<'_>, text: &str, at: usize) -> Range<usize> {
    let rendered =
        data(subject, Style::Bare).and_then(|data| Ok(template.render_with_origin(&data.into_value())?));
    let Ok((raw, origin)) = rendered else { return 0..0 };
    // Mending changes one stretch in the middle: before it bytes count from the start, behind it from the end.
    let same = |a: &mut dyn Iterator<Item = (u8, u8)>| a.take_while(|(raw, text)| raw == text).count();
    let head = same(&mut raw.bytes().zip(text.bytes()));
    let tail = same(&mut raw.bytes().rev().zip(text.bytes().rev()));
    let from_end = text.len() - at.min(text.len());
    let at = match () {
        () if at <= head => at,
        () if from_end <= tail => raw.len() - from_end,
        () => head,
    };
    origin.of(at)
}

/// What a template is rendered with.
struct Data<'a> {
    series: &'a str,
    matchers: String,
    values: Vec<(&'a str, String)>,
    grouped: Vec<String>,
    /// There are no matchers.
    empty: bool,
}

impl<'a> Data<'a> {
    fn into_value(self) -> Value<'a> {
        Value::record([
            ("Series", Value::from(self.series)),
            ("LabelMatchers", Value::from(self.matchers)),
            ("LabelValuesByName", Value::map(self.values)),
            ("GroupBy", Value::from(self.grouped.join(","))),
            ("GroupBySlice", Value::strings(self.grouped)),
        ])
    }
}

fn data<'a>(subject: &Subject<'a>, style: Style) -> Result<Data<'a>, QueryError> {
    let mut matchers = String::new();
    let mut values: Vec<(&str, String)> = Vec::new();
    for requirement in &subject.selector.requirements {
        let (comparison, value): (&str, Cow<'_, str>) = match requirement.operator {
            Operator::Equals | Operator::DoubleEquals => ("=", first(&requirement.values)),
            Operator::NotEquals => ("!=", first(&requirement.values)),
            Operator::In => ("=~", requirement.values.join("|").into()),
            Operator::NotIn => ("!~", requirement.values.join("|").into()),
            Operator::Exists => ("!=", "".into()),
            Operator::DoesNotExist => ("=", "".into()),
            Operator::GreaterThan => return Err(unsupported(&requirement.key, ">")),
            Operator::LessThan => return Err(unsupported(&requirement.key, "<")),
        };
        let key = match style {
            Style::Bare => Cow::Borrowed(requirement.key.as_str()),
            Style::Quoted => label_name(&requirement.key),
        };
        push_matcher(&mut matchers, &key, comparison, value.as_bytes());
        values.push((&requirement.key, value.into_owned()));
    }
    if let Some((label, namespace)) = subject.namespace {
        push_matcher(&mut matchers, &label_name(label), "=", namespace.as_bytes());
        values.push((label, namespace.to_owned()));
    }
    if let Some((label, objects)) = subject.objects {
        let joined = objects.joined();
        let comparison = if objects.are_several() { "=~" } else { "=" };
        push_matcher(&mut matchers, &label_name(label), comparison, &joined);
        values.push((label, String::from_utf8_lossy(&joined).into_owned()));
    }
    let empty = matchers.is_empty();
    let grouped: Vec<String> = subject.group_by.iter().map(|label| label_name(label).into_owned()).collect();
    Ok(Data { series: subject.series, matchers, values, grouped, empty })
}

fn mended(text: String, empty: bool) -> String {
    if empty && let Cow::Owned(mended) = without_leading_commas(&text) {
        return mended;
    }
    text
}

fn first(values: &[String]) -> Cow<'_, str> {
    values.first().map(String::as_str).unwrap_or_default().into()
}

fn unsupported(key: &str, operator: &'static str) -> QueryError {
    QueryError::Operator { key: key.to_owned(), operator }
}

fn push_matcher(matchers: &mut String, label: &str, comparison: &str, value: &[u8]) {
    if !matchers.is_empty() {
        matchers.push(',');
    }
    // Writing to a String cannot fail.
    let _ = write!(matchers, "{label}{comparison}{}", quote(value));
}

/// A label name as PromQL takes it: bare when it is an identifier, else quoted (Prometheus 3). The empty name of a
/// `containerLabel` that is not configured stays empty, as a trailing comma in `by (…)` is legal.
fn label_name(label: &str) -> Cow<'_, str> {
    if label.is_empty() || is_identifier(label) { label.into() } else { quote(label.as_bytes()).into() }
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether `name` may stand bare before `{`; the empty name stands for a selector without one.
pub fn is_metric_name(name: &str) -> bool {
    name.is_empty()
        || (!name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'))
}

/// Drops each comma that directly follows an opening brace; strings are left alone.
fn without_leading_commas(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut copied = 0;
    let mut quoted: Option<u8> = None;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (quoted, bytes[at]) {
            (Some(mark), byte) if byte == mark => quoted = None,
            (Some(mark), b'\\') if mark != b'`' => at += 1,
            (Some(_), _) => {}
            (None, mark @ (b'"' | b'\'' | b'`')) => quoted = Some(mark),
            (None, b'{') => {
                let next = bytes[at + 1..].iter().position(|byte| !byte.is_ascii_whitespace());
                if let Some(offset) = next
                    && bytes[at + 1 + offset] == b','
                {
                    kept.push_str(&text[copied..=at]);
                    copied = at + offset + 2;
                    at = copied - 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return text.into();
    }
    kept.push_str(&text[copied..]);
    kept.into()
}

/// Moves the bare name `series` in front of `{` into the braces, as the string `name`.
fn with_series_in_braces(text: &str, series: &str, name: &str) -> String {
    let bare = format!("{series}{{");
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = rest.find(&bare) {
        let (before, after) = (&rest[..at], &rest[at + bare.len()..]);
        out.push_str(before);
        out.push('{');
        out.push_str(name);
        if !after.trim_start().starts_with('}') {
            out.push(',');
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
