//! A reader over JSON text that may still be incomplete.
//!
//! It does not build values and does not validate what it skips beyond strings and nesting; the
//! answers it reads are discarded for the most part.
//!
//! **Invariant:** a method that returns [`Stop::More`] can be called again from the same place
//! with more text, and then reads the same.

use std::borrow::Cow;

/// Deepest nesting that is skipped.
const DEPTH: usize = 64;

/// Why reading stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The text ends here.
    More,
    /// The text is not JSON, or not of the expected form, at this byte of the slice.
    Bad { at: usize, expected: &'static str },
}

/// A string as it stands between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawString<'a> {
    pub(super) bytes: &'a [u8],
    escaped: bool,
}

impl<'a> RawString<'a> {
    /// The text, with escapes resolved; what is no valid text becomes U+FFFD, as in Go.
    pub(super) fn text(self) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(self.bytes);
        if !self.escaped {
            return text;
        }
        // `serde_json` wants valid escapes; a string with others is kept as it stands.
        match serde_json::from_str::<String>(&format!("\"{text}\"")) {
            Ok(unescaped) => Cow::Owned(unescaped),
            Err(_) => text,
        }
    }
}

/// A position in a piece of JSON text.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next byte that is no white space, not consumed.
    pub(super) fn peek(&mut self) -> Result<u8, Stop> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(Stop::More)
    }

    /// Consumes `byte` if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> Result<bool, Stop> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    /// Consumes `byte`, which must come next.
    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Stop> {
        if self.take(byte)? { Ok(()) } else { Err(self.bad(expected)) }
    }

    pub(super) fn bad(&self, expected: &'static str) -> Stop {
        Stop::Bad { at: self.at, expected }
    }

    /// Consumes a string.
    pub(super) fn string(&mut self, expected: &'static str) -> Result<RawString<'a>, Stop> {
        self.expect(b'"', expected)?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = &self.bytes[self.at..];
            let offset = rest.iter().position(|&byte| byte == b'"' || byte == b'\\').ok_or(Stop::More)?;
            self.at += offset;
            if self.bytes[self.at] == b'"' {
                let bytes = &self.bytes[start..self.at];
                self.at += 1;
                return Ok(RawString { bytes, escaped });
            }
            escaped = true;
            if self.at + 2 > self.bytes.len() {
                return Err(Stop::More);
            }
            self.at += 2;
        }
    }

    /// Consumes a literal such as `null`.
    pub(super) fn literal(&mut self, literal: &'static str) -> Result<(), Stop> {
        self.peek()?;
        let rest = &self.bytes[self.at..];
        let compared = rest.len().min(literal.len());
        if rest[..compared] != literal.as_bytes()[..compared] {
            return Err(self.bad(literal));
        }
        if compared < literal.len() {
            return Err(Stop::More);
        }
        self.at += compared;
        Ok(())
    }

    /// Consumes any value.
    pub(super) fn skip_value(&mut self) -> Result<(), Stop> {
        let mut open = 0usize;
        loop {
            match self.peek()? {
                b'"' => drop(self.string("a string")?),
                b'{' | b'[' => {
                    open += 1;
                    if open > DEPTH {
                        return Err(self.bad("less nesting"));
                    }
                    self.at += 1;
                    continue;
                }
                b'}' | b']' if open > 0 => {
                    open -= 1;
                    self.at += 1;
                }
                b',' | b':' if open > 0 => {
                    self.at += 1;
                    continue;
                }
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                b'-' | b'0'..=b'9' => {
                    let rest = &self.bytes[self.at..];
                    let number = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                    self.at += rest.iter().position(|byte| !number(byte)).ok_or(Stop::More)?;
                }
                _ => return Err(self.bad("a value")),
            }
            if open == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_skipped_whole() {
        for value in [
            "null",
            "true",
            "false",
            "-1.5e+3",
            "\"a\\\"b\\\\\"",
            "{}",
            "[]",
            r#"{"a":[1,{"b":"]}"}],"c":null}"#,
            "[[[]]]",
        ] {
            let text = format!(" {value} ,");
            let mut reader = Reader::new(text.as_bytes(), 0);
            assert_eq!(reader.skip_value(), Ok(()), "{value}");
            assert_eq!(reader.at(), value.len() + 1, "{value}");
            for end in 0..=value.len() {
                let mut reader = Reader::new(&text.as_bytes()[..end], 0);
                assert_eq!(reader.skip_value(), Err(Stop::More), "{value} cut at {end}");
            }
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let text = "[".repeat(10_000);
        assert!(matches!(Reader::new(text.as_bytes(), 0).skip_value(), Err(Stop::Bad { at: DEPTH, .. })));
    }

    #[test]
    fn escapes_are_resolved() {
        let mut reader = Reader::new(br#""a\u00e9\n\"" "\ud83d\ude00" "\x""#, 0);
        for text in ["aé\n\"", "😀", "\\x"] {
            assert_eq!(reader.string("").expect("a string").text(), text);
        }
    }
}
