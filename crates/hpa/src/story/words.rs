//! The words of a line, each with its place.
//!
//! Not what they mean.
//!
//! **Invariant:** places are counted in characters of the text as it was given, comments and indentation included.

use plimsoll_model::quantity::Quantity;

use super::advice::unknown;
use super::{Place, StoryError};
use crate::time::Span;

pub(super) type Read<T> = Result<T, StoryError>;

/// Characters that stand for themselves wherever they are.
pub(super) const MARKS: [char; 6] = [',', '"', '{', '}', '(', ')'];
/// Longest name that is taken, in bytes; that of Kubernetes' object names.
const LONGEST_NAME: usize = 253;
/// Longest duration that is taken: ten years.
const LONGEST: Span = Span::seconds(10 * 365 * 86_400);

/// The words of one line, read from left to right.
#[derive(Debug, Clone)]
pub(super) struct Words<'t> {
    line: u32,
    /// The line up to its comment.
    text: &'t str,
    at: usize,
}

/// A word and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'t> {
    pub text: &'t str,
    pub place: Place,
}

pub(super) fn error<T>(place: Place, message: impl Into<String>) -> Read<T> {
    Err(StoryError { place, message: message.into() })
}

impl<'t> Words<'t> {
    /// The words of a line from a byte on.
    pub(super) fn new(line: u32, text: &'t str, at: usize) -> Self {
        Self { line, text, at }
    }

    /// Start and end of the next token; both are the end of the line when there is none.
    fn token(&self) -> (usize, usize) {
        let rest = &self.text[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else { return (start, start) };
        if MARKS.contains(&first) {
            return (start, start + 1);
        }
        let length = rest.find(|c: char| c.is_whitespace() || MARKS.contains(&c)).unwrap_or(rest.len());
        // A colon inside of a word belongs to it.
        let length = if length > 1 && rest[..length].ends_with(':') { length - 1 } else { length };
        (start, start + length)
    }

    fn place_of(&self, at: usize) -> Place {
        Place { line: self.line, column: self.text[..at].chars().count() as u32 + 1 }
    }

    /// Where the next token begins.
    pub(super) fn place(&self) -> Place {
        self.place_of(self.token().0)
    }

    /// The next token, empty at the end of the line.
    pub(super) fn peek(&self) -> &'t str {
        let (start, end) = self.token();
        &self.text[start..end]
    }

    /// The token after the next.
    pub(super) fn peek_second(&self) -> &'t str {
        let mut next = self.clone();
        next.at = self.token().1;
        next.peek()
    }

    /// The whole line.
    pub(super) fn whole(&self) -> &'t str {
        self.text.trim_start()
    }

    /// What is left of the line.
    pub(super) fn rest(&mut self) -> Word<'t> {
        let (start, _) = self.token();
        let place = self.place_of(start);
        self.at = self.text.len();
        Word { text: &self.text[start..], place }
    }

    /// Goes over the next token if it is `text`.
    pub(super) fn accept(&mut self, text: &str) -> bool {
        let (start, end) = self.token();
        let found = &self.text[start..end] == text;
        if found {
            self.at = end;
        }
        found
    }

    /// Goes over a word that must come here.
    pub(super) fn expect(&mut self, text: &str) -> Read<()> {
        if self.accept(text) {
            return Ok(());
        }
        error(self.place(), format!("'{text}' is due here, {}", self.found()))
    }

    /// What stands here, for a message.
    fn found(&self) -> String {
        match self.peek() {
            "" => "not the end of the line".to_owned(),
            found => format!("not '{found}'"),
        }
    }

    /// A word, which `due` describes.
    pub(super) fn word(&mut self, due: &str) -> Read<Word<'t>> {
        let (start, end) = self.token();
        let text = &self.text[start..end];
        if text.is_empty()
            || text == ":"
            || (text.len() == 1 && MARKS.iter().any(|mark| text.starts_with(*mark)))
        {
            return error(self.place(), format!("{due} is due here, {}", self.found()));
        }
        self.at = end;
        Ok(Word { text, place: self.place_of(start) })
    }

    /// One of several words.
    pub(super) fn choose(&mut self, due: &str, options: &[&str]) -> Read<usize> {
        let word = self.word(due)?;
        match options.iter().position(|option| *option == word.text) {
            Some(at) => Ok(at),
            None => error(word.place, unknown(word.text, due, options)),
        }
    }

    /// A name: a word, or a text in quotes where it holds other characters.
    pub(super) fn name(&mut self, due: &str) -> Read<(String, Place)> {
        let place = self.place();
        let name = match self.peek() {
            "\"" => self.quoted(due)?,
            _ => self.word(due)?.text.to_owned(),
        };
        if name.len() > LONGEST_NAME {
            return error(place, format!("{due} has at most {LONGEST_NAME} bytes, this has {}", name.len()));
        }
        Ok((name, place))
    }

    /// A text in quotes, with `\"`, `\\`, `\n` and `\t`.
    pub(super) fn quoted(&mut self, due: &str) -> Read<String> {
        let place = self.place();
        if !self.accept("\"") {
            return error(place, format!("{due} in quotes is due here, {}", self.found()));
        }
        let mut text = String::new();
        let mut chars = self.text[self.at..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += offset + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    _ => {
                        let place = self.place_of(self.at + offset);
                        return error(place, "after a backslash come \", \\, n or t");
                    }
                },
                _ => text.push(c),
            }
        }
        error(place, "this text is not closed: end it with \"")
    }

    /// An integer within bounds.
    pub(super) fn integer(&mut self, due: &str, least: i64, most: i64) -> Read<i64> {
        let word = self.word(due)?;
        integer(word, due, least, most)
    }

    /// A number of pods.
    pub(super) fn replicas(&mut self) -> Read<i32> {
        let number = self.integer("a number of replicas", i64::from(i32::MIN), i64::from(i32::MAX))?;
        Ok(number as i32)
    }

    /// A quantity.
    pub(super) fn quantity(&mut self, due: &str) -> Read<Quantity> {
        let word = self.word(due)?;
        quantity(word, due)
    }

    /// A duration that is not negative.
    pub(super) fn duration(&mut self, due: &str) -> Read<Span> {
        let word = self.word(due)?;
        duration(word, due)
    }

    /// A duration of whole seconds.
    pub(super) fn seconds(&mut self, due: &str) -> Read<i32> {
        let word = self.word(due)?;
        let span = duration(word, due)?;
        match i32::try_from(span.as_seconds()) {
            Ok(seconds) if span == Span::seconds(i64::from(seconds)) => Ok(seconds),
            _ => error(word.place, format!("{due} is of whole seconds, '{}' is not", word.text)),
        }
    }

    /// `20s ago`; or `20s ahead`, by a clock that is ahead of the controller's, which is negative.
    pub(super) fn ago(&mut self) -> Read<Span> {
        let span = self.duration("how long ago, such as 20s,")?;
        let ahead = self.choose("ago or ahead", &["ago", "ahead"])? == 1;
        Ok(if ahead { Span(-span.0) } else { span })
    }

    /// Nothing more may stand here.
    pub(super) fn end(&self) -> Read<()> {
        match self.peek() {
            "" => Ok(()),
            found => error(self.place(), format!("the line should end here, before '{found}'")),
        }
    }
}

pub(super) fn integer(word: Word<'_>, due: &str, least: i64, most: i64) -> Read<i64> {
    match word.text.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(_) => error(word.place, format!("{due} lies between {least} and {most}, {} does not", word.text)),
        Err(_) => error(word.place, format!("{due} is due here, not '{}'", word.text)),
    }
}

pub(super) fn quantity(word: Word<'_>, due: &str) -> Read<Quantity> {
    Quantity::parse(word.text).or_else(|refused| error(word.place, format!("{due} is due here: {refused}")))
}

pub(super) fn duration(word: Word<'_>, due: &str) -> Read<Span> {
    match plimsoll_model::duration::parse_go(word.text) {
        Ok(nanos) if (0..=LONGEST.0).contains(&nanos) => Ok(Span(nanos)),
        Ok(_) => error(word.place, format!("{due} lies between 0s and ten years, '{}' does not", word.text)),
        Err(_) => error(word.place, format!("{due} is due here, not '{}': write 15s or 1m30s", word.text)),
    }
}
