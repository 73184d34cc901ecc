//! A place in a text, and the small steps from it.
//!
//! **Invariant:** a failed step does not move.

use super::{ExpositionError, Limits};

pub(super) type Read<T> = Result<T, ExpositionError>;

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    pub at: usize,
    pub limits: &'a Limits,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a [u8], limits: &'a Limits) -> Self {
        Self { text, at: 0, limits }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Takes `byte` if it is next.
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes `word` if it is next.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Takes bytes for as long as they suit.
    pub fn take_while(&mut self, suits: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| !suits(*byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Takes blanks and tabs; whether there were any.
    pub fn take_blanks(&mut self) -> bool {
        !self.take_while(|byte| matches!(byte, b' ' | b'\t')).is_empty()
    }

    /// Takes the rest of the line, without the line break.
    pub fn take_line(&mut self) -> &'a [u8] {
        self.take_while(|byte| byte != b'\n')
    }

    /// Takes the name of a metric (`colons`) or of a label; empty if none is next.
    pub fn take_name(&mut self, colons: bool) -> &'a str {
        let start = self.at;
        let suits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (colons && byte == b':');
        if self.peek().is_none_or(|byte| byte.is_ascii_digit()) {
            return "";
        }
        self.take_while(suits);
        std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default()
    }

    /// Takes a text in double quotes, if one is next, and what it stands for. `multi_line` texts may hold line breaks.
    pub fn take_quoted(&mut self, what: &str, multi_line: bool) -> Read<Option<String>> {
        let open = self.at;
        if self.peek() != Some(b'"') {
            return Ok(None);
        }
        let mut value = Vec::new();
        let mut at = open + 1;
        loop {
            match self.text.get(at) {
                Some(b'"') => break,
                Some(b'\n') if !multi_line => break,
                // An unknown escape keeps its backslash.
                Some(b'\\') => match self.text.get(at + 1) {
                    None | Some(b'\n') => break,
                    Some(escaped) => {
                        match escaped {
                            b'n' => value.push(b'\n'),
                            b'"' | b'\\' => value.push(*escaped),
                            other => value.extend([b'\\', *other]),
                        }
                        at += 2;
                    }
                },
                Some(byte) => {
                    value.push(*byte);
                    at += 1;
                }
                None => break,
            }
            if value.len() > self.limits.value_bytes {
                let limit = self.limits.value_bytes;
                return Err(self.error_at(open, format!("{what} has more than {limit} bytes"), "shorten it"));
            }
        }
        if self.text.get(at) != Some(&b'"') {
            return Err(self.error_at(
                open,
                format!("{what} begins here and is never closed"),
                "add the closing \"",
            ));
        }
        match String::from_utf8(value) {
            Ok(value) => {
                self.at = at + 1;
                Ok(Some(value))
            }
            Err(_) => {
                Err(self.error_at(open, format!("{what} is no valid UTF-8"), "encode the text as UTF-8"))
            }
        }
    }

    pub fn error(&self, message: impl Into<String>, fix: impl Into<String>) -> ExpositionError {
        self.error_at(self.at, message, fix)
    }

    pub fn error_at(&self, at: usize, message: impl Into<String>, fix: impl Into<String>) -> ExpositionError {
        ExpositionError::new(self.text, at, message, fix)
    }

    /// What is next, for messages.
    pub fn found(&self) -> String {
        match self.peek() {
            None => "the end of the text".to_owned(),
            Some(b'\n') => "the end of the line".to_owned(),
            Some(b'\r') => "a carriage return".to_owned(),
            Some(0) => "a NUL byte".to_owned(),
            Some(b'\t') => "a tab".to_owned(),
            Some(_) => {
                let rest = &self.text[self.at..self.text.len().min(self.at + 4)];
                let character = String::from_utf8_lossy(rest).chars().next().unwrap_or_default();
                if character == ' ' { "a blank".to_owned() } else { format!("`{character}`") }
            }
        }
    }

    /// Line of the text, from 1, given that of an earlier place.
    pub fn line_from(&self, earlier: usize, line: u32) -> u32 {
        let passed = self.text[earlier..self.at].iter().filter(|byte| **byte == b'\n').count();
        line.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX))
    }
}
