//! What is wrong or doubtful in a configuration, shown as advice with an excerpt of the file.
//!
//! The rule compiler uses the same type, so that all messages about a file look alike.
//!
//! **Invariant:** a finding carries what it shows; rendering needs nothing but the file's name.

use std::fmt;

use super::{Code, Place, Position};

/// One mistake or doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub code: Code,
    /// Where in the file.
    pub position: Position,
    /// The rule it is about, if it is about one.
    pub place: Option<Place>,
    /// `seriesQuery` of that rule; empty when it has none.
    pub series_query: String,
    /// What is the matter, in one sentence without a full stop.
    pub message: String,
    /// What to write instead; may have several lines, may be empty.
    pub fix: String,
    /// The line of the file that the position points at.
    pub excerpt: Option<Excerpt>,
    /// What a template gave, where the mistake shows only there.
    pub rendered: Option<Rendered>,
}

/// A rendered text and the part of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The whole text.
    pub text: String,
    /// Where in it the mistake is.
    pub position: Position,
    excerpt: Option<Excerpt>,
}

/// A line of the file and the part of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    line: u32,
    text: String,
    /// Characters before the caret, from 0.
    indent: usize,
    /// Number of carets, at least 1.
    width: usize,
}

/// Longest stretch of a line that an excerpt shows, in characters.
const WIDEST: usize = 110;

impl Excerpt {
    /// The line of `source` at `position`, with `width` characters marked (at least one, at most to the end of
    /// the line). A long line is cut around the mark. `None` when the source has no such line.
    pub fn of(source: &str, position: Position, width: usize) -> Option<Self> {
        let line = source.lines().nth(usize::try_from(position.line).ok()?.checked_sub(1)?)?;
        let characters: Vec<char> = line
            .trim_start_matches('\u{feff}')
            .chars()
            .map(|character| if character.is_control() { ' ' } else { character })
            .collect();
        let indent = usize::try_from(position.column).ok()?.saturating_sub(1).min(characters.len());
        let width = width.clamp(1, characters.len().saturating_sub(indent).max(1));
        let from = if characters.len() <= WIDEST { 0 } else { indent.saturating_sub(WIDEST / 2) };
        let to = characters.len().min(from + WIDEST);
        let mut text = String::new();
        if from > 0 {
            text.push('…');
        }
        text.extend(&characters[from..to]);
        if to < characters.len() {
            text.push('…');
        }
        Some(Self {
            line: position.line,
            text: text.trim_end().to_owned(),
            indent: indent - from + usize::from(from > 0),
            width: width.min(to.saturating_sub(indent).max(1)),
        })
    }
}

impl Excerpt {
    /// The line and the carets, with `mark` in front of the line.
    fn lines(&self, mark: &str) -> String {
        let (gutter, indent, width) = (mark.len(), self.indent, self.width);
        format!(" {mark} | {}\n {:gutter$} | {:indent$}{:^>width$}", self.text, "", "", "")
    }

    /// Characters of its line number.
    fn gutter(&self) -> usize {
        self.line.to_string().len()
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, " {:1$} |\n{2}", "", self.gutter(), self.lines(&self.line.to_string()))
    }
}

impl Finding {
    /// A finding without rule and excerpt; add them with the methods below.
    pub fn new(code: Code, position: Position, message: impl Into<String>) -> Self {
        Self {
            code,
            position,
            place: None,
            series_query: String::new(),
            message: message.into(),
            fix: String::new(),
            excerpt: None,
            rendered: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Says which rule it is about.
    #[must_use]
    pub fn in_rule(mut self, place: Place, series_query: &str) -> Self {
        self.place = Some(place);
        series_query.clone_into(&mut self.series_query);
        self
    }

    /// Adds the line at the position, with `width` characters marked.
    #[must_use]
    pub fn with_excerpt(mut self, source: &str, width: usize) -> Self {
        self.excerpt = Excerpt::of(source, self.position, width);
        self
    }

    /// Adds what a template gave, with `width` characters marked at `position`.
    #[must_use]
    pub fn with_rendered(mut self, text: &str, position: Position, width: usize) -> Self {
        let excerpt = Excerpt::of(text, position, width);
        self.rendered = Some(Rendered { text: text.to_owned(), position, excerpt });
        self
    }

    /// The finding with its severity and its code, as `plimsoll check` prints it; otherwise as [`Self::render`].
    pub fn render_with_code(&self, file: &str) -> String {
        let Position { line, column } = self.position;
        let (code, severity) = (self.code, self.code.severity());
        let mut text = format!("{file}:{line}:{column}: {severity} [{code}]: {}", self.message);
        self.render_details(&mut text);
        text
    }

    /// The finding as text of several lines without a final line break; `file` names the configuration.
    pub fn render(&self, file: &str) -> String {
        let Position { line, column } = self.position;
        let mut text = format!("{file}:{line}:{column}: {}", self.message);
        self.render_details(&mut text);
        text
    }

    fn render_details(&self, text: &mut String) {
        if let Some(excerpt) = &self.excerpt {
            text.push('\n');
            text.push_str(&excerpt.to_string());
        }
        if let Some(excerpt) = self.rendered.as_ref().and_then(|rendered| rendered.excerpt.as_ref()) {
            let gutter = self.excerpt.as_ref().map_or(1, Excerpt::gutter);
            text.push('\n');
            text.push_str(&excerpt.lines(&format!("{:>gutter$}", "=")));
        }
        if let Some(place) = self.place {
            text.push_str(&format!("\n  in {place}"));
            let query = self.series_query.trim();
            if !query.is_empty() {
                text.push_str(&format!(" (seriesQuery {})", shortened(query)));
            }
        }
        for (index, line) in self.fix.lines().enumerate() {
            text.push_str(if index == 0 { "\n  fix: " } else { "\n       " });
            text.push_str(line);
        }
    }
}

/// `line 5, column 3: message`, then the same details as [`Finding::render`].
impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}: {}", self.position, self.message);
        self.render_details(&mut text);
        out.write_str(&text)
    }
}

/// A query on one line of at most 80 characters.
fn shortened(query: &str) -> String {
    let line = query.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 80 {
        return line;
    }
    line.chars().take(79).chain(['…']).collect()
}

/// Why a configuration does not load: all its mistakes, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text(None))]
pub struct ConfigError {
    /// At least one.
    pub findings: Vec<Finding>,
}

impl ConfigError {
    /// All mistakes as text, each beginning with `file:line:column:`.
    pub fn render(&self, file: &str) -> String {
        self.text(Some(file))
    }

    fn text(&self, file: Option<&str>) -> String {
        let each: Vec<String> = self
            .findings
            .iter()
            .map(|finding| file.map_or_else(|| finding.to_string(), |file| finding.render(file)))
            .collect();
        each.join("\n\n")
    }
}
