//! From series names to the names under which the API serves them.
//!
//! Matches prometheus-adapter's `pkg/naming/metric_namer.go`: unanchored RE2 filters on the series name, and a name
//! that is only the expansion of `as`, never a substitution in place.
//!
//! **Invariant:** `name.matches` filters too: a series it does not match has no API name.

use plimsoll_model::regexp::GoRegexp;

use crate::config;

/// The `seriesFilters` and `name` sections of a rule.
#[derive(Debug)]
pub struct Naming {
    filters: Vec<Filter>,
    matches: Option<GoRegexp>,
    template: String,
}

#[derive(Debug)]
struct Filter {
    pattern: GoRegexp,
    keep: bool,
}

/// Why series cannot be named.
#[derive(Debug, thiserror::Error)]
pub enum NamingError {
    /// A filter has neither `is` nor `isNot`, or both.
    #[error("seriesFilters[{index}] needs exactly one of `is` and `isNot`")]
    FilterKind { index: usize },
    /// A filter does not compile.
    #[error("seriesFilters[{index}] is no regular expression: {reason}")]
    FilterPattern { index: usize, reason: String },
    /// `name.matches` does not compile.
    #[error("name.matches is no regular expression: {reason}")]
    NamePattern { reason: String },
    /// Several capture groups and no word on which to use.
    #[error(
        "name.matches {pattern:?} has {groups} capture groups, so `as` must say which make the name, for example \
         as: \"${{1}}_${{2}}\""
    )]
    AsMissing { pattern: String, groups: usize },
}

impl Naming {
    /// Compiles the two sections.
    ///
    /// # Errors
    /// Every mistake, filters first.
    pub fn compile(
        filters: &[config::SeriesFilter],
        name: &config::NameMapping,
    ) -> Result<Self, Vec<NamingError>> {
        let mut errors = Vec::new();
        let mut compiled = Vec::with_capacity(filters.len());
        for (index, filter) in filters.iter().enumerate() {
            let (pattern, keep) = match (filter.is.as_str(), filter.is_not.as_str()) {
                ("", "") => {
                    errors.push(NamingError::FilterKind { index });
                    continue;
                }
                (pattern, "") => (pattern, true),
                ("", pattern) => (pattern, false),
                _ => {
                    errors.push(NamingError::FilterKind { index });
                    continue;
                }
            };
            match GoRegexp::new(pattern) {
                Ok(pattern) => compiled.push(Filter { pattern, keep }),
                Err(error) => errors.push(NamingError::FilterPattern { index, reason: error.to_string() }),
            }
        }
        match Self::name(name) {
            Ok((matches, template)) if errors.is_empty() => Ok(Self { filters: compiled, matches, template }),
            Ok(_) => Err(errors),
            Err(error) => {
                errors.push(error);
                Err(errors)
            }
        }
    }

    /// `name`: what series must match, and the expansion that gives their API name.
    fn name(name: &config::NameMapping) -> Result<(Option<GoRegexp>, String), NamingError> {
        let matches = match name.matches.as_str() {
            "" => None,
            pattern => Some(
                GoRegexp::new(pattern)
                    .map_err(|error| NamingError::NamePattern { reason: error.to_string() })?,
            ),
        };
        let template = match (name.replacement.as_str(), &matches) {
            ("", None) => "$0".to_owned(),
            ("", Some(regexp)) => match regexp.groups() {
                0 => "$0".to_owned(),
                1 => "$1".to_owned(),
                groups => return Err(NamingError::AsMissing { pattern: name.matches.to_string(), groups }),
            },
            (template, _) => template.to_owned(),
        };
        Ok((matches, template))
    }

    /// The API name of `series`, or `None` when a filter leaves it out.
    pub fn api_name(&self, series: &str) -> Option<String> {
        if !self.filters.iter().all(|filter| filter.pattern.is_match(series) == filter.keep) {
            return None;
        }
        match &self.matches {
            Some(regexp) => regexp.captures(series).map(|captures| regexp.expand(&self.template, &captures)),
            None if self.template == "$0" => Some(series.to_owned()),
            None => {
                // `.*` is the default; it has no groups, so `as` can refer to the whole name only.
                let whole = GoRegexp::new(".*").ok()?;
                whole.captures(series).map(|captures| whole.expand(&self.template, &captures))
            }
        }
    }
}
