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

/// Why reading stopped. Small, since it is part of the result of every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The text ends here.
    More,
    /// The text is not JSON, or not of the form that [`Reader::expected`] says, at [`Reader::at`].
    Bad,
}

/// A string as it stands between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawString<'a> {
    pub(super) bytes: &'a [u8],
    /// Where the bytes start in the slice that is read.
    pub(super) start: usize,
    pub(super) escaped: bool,
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
    expected: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, expected: "" }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next byte that is no white space, not consumed.
    #[inline]
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
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> Result<bool, Stop> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    /// Consumes `byte`, which must come next.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Stop> {
        if self.take(byte)? { Ok(()) } else { Err(self.bad(expected)) }
    }

    /// Notes what should have been here.
    #[cold]
    pub(super) fn bad(&mut self, expected: &'static str) -> Stop {
        self.expected = expected;
        Stop::Bad
    }

    /// What should have been where reading stopped.
    pub(super) fn expected(&self) -> &'static str {
        self.expected
    }

    /// Consumes a string.
    #[inline]
    pub(super) fn string(&mut self, expected: &'static str) -> Result<RawString<'a>, Stop> {
        self.expect(b'"', expected)?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = &self.bytes[self.at..];
            let offset = quote_or_backslash(rest).ok_or(Stop::More)?;
            self.at += offset;
            if self.bytes[self.at] == b'"' {
                let bytes = &self.bytes[start..self.at];
                self.at += 1;
                return Ok(RawString { bytes, start, escaped });
            }
            escaped = true;
            if self.at + 2 > self.bytes.len() {
                return Err(Stop::More);
            }
            self.at += 2;
        }
    }

    /// Consumes a number in the form that times have: up to 15 digits, of which up to 3 after a
    /// point. Consumes nothing if another form comes.
    #[inline]
    pub(super) fn decimal(&mut self) -> Option<f64> {
        self.peek().ok()?;
        let rest = &self.bytes[self.at..];
        let mut value = 0u64;
        let mut digits = |from: usize, most: usize| {
            let run = rest[from..].iter().take(most).take_while(|byte| byte.is_ascii_digit());
            run.map(|byte| value = value * 10 + u64::from(byte - b'0')).count()
        };
        let whole = digits(0, 16);
        let mut length = whole;
        let mut decimals = 0;
        if whole <= 15 && rest.get(whole) == Some(&b'.') {
            decimals = digits(whole + 1, 4);
            length += 1 + decimals;
            if decimals == 0 || decimals > 3 {
                return None;
            }
        }
        let ends = matches!(rest.get(length)?, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
        if whole == 0 || whole + decimals > 15 || !ends {
            return None;
        }
        self.at += length;
        // Both are whole numbers below 2^53, so their quotient is the nearest float.
        Some(value as f64 / [1.0, 10.0, 100.0, 1000.0][decimals])
    }

    /// Consumes what looks like a number.
    pub(super) fn number(&mut self, expected: &'static str) -> Result<&'a [u8], Stop> {
        if !matches!(self.peek()?, b'-' | b'0'..=b'9') {
            return Err(self.bad(expected));
        }
        let rest = &self.bytes[self.at..];
        let part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let length = rest.iter().position(|byte| !part(byte)).ok_or(Stop::More)?;
        self.at += length;
        Ok(&rest[..length])
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
                b'-' | b'0'..=b'9' => drop(self.number("a number")?),
                _ => return Err(self.bad("a value")),
            }
            if open == 0 {
                return Ok(());
            }
        }
    }
}

/// Where the first `"` or `\` is, looking at eight bytes at a time.
#[inline]
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    // The lowest top bit set is that of the first byte that is zero; those above it may deceive.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let (words, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64));
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(words.len() * 8 + found)
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
        let mut reader = Reader::new(text.as_bytes(), 0);
        assert_eq!((reader.skip_value(), reader.at()), (Err(Stop::Bad), DEPTH));
    }

    #[test]
    fn the_end_of_a_string_is_found_wherever_it_is() {
        for end in ["\"", "\\"] {
            for length in 0..40 {
                // `#` and `]` follow the wanted bytes, 0xa2 and 0xdc have their low bits.
                for filler in [b'x', b'#', b']', b'!', b'[', 0xa2, 0xdc, 0, 0xff] {
                    let mut text = vec![filler; length];
                    assert_eq!(quote_or_backslash(&text), None);
                    text.extend(end.bytes().chain([b'"', filler]));
                    assert_eq!(quote_or_backslash(&text), Some(length), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn times_are_the_nearest_floats() {
        for text in [
            "0",
            "1700000000",
            "1700000000.123",
            "1795284096.78",
            "0.1",
            "999999999999.999",
            "123456789012345",
        ] {
            let padded = format!(" {text},");
            let mut reader = Reader::new(padded.as_bytes(), 0);
            assert_eq!(reader.decimal(), text.parse().ok(), "{text}");
            assert_eq!(reader.at(), padded.len() - 1);
        }
        for text in [
            "-1,",
            "1e3,",
            "1.1234,",
            "1234567890123.456,",
            "1234567890123456,",
            "99999999999999999999,",
            "999999999999999.99999999999999999999,",
            "1.2.3,",
            ".5,",
            "1",
            "1.5",
            "x",
        ] {
            assert_eq!(Reader::new(text.as_bytes(), 0).decimal(), None, "{text}");
        }
    }

    #[test]
    fn escapes_are_resolved() {
        let mut reader = Reader::new(br#""a\u00e9\n\"" "\ud83d\ude00" "\x""#, 0);
        for text in ["aé\n\"", "😀", "\\x"] {
            assert_eq!(reader.string("").expect("a string").text(), text);
        }
    }
}
