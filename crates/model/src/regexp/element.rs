//! Single elements of a pattern: escapes, classes and bracket expressions, read by Go's grammar.
//!
//! Not repetitions, groups or flags; see `translate.rs`.
//!
//! **Invariant:** a class written for the `regex` crate names every member itself, so that `&&`, `--` and `~~` stay
//! the plain characters they are in Go.

use std::fmt::Write as _;

use super::class;
use super::translate::{Translation, Translator};
use super::{Problem, RegexpError};

impl Translator<'_> {
    /// `\d`, `\W`, `\pL`, `\P{Greek}`: whether it is negated, and its members.
    pub fn class_escape(&mut self) -> Translation<Option<(bool, String)>> {
        let start = self.at;
        let rest = self.rest();
        let Some(letter) = rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) else {
            return Ok(None);
        };
        if let Some(members) = class::perl(letter.to_ascii_lowercase()) {
            self.at += 2;
            return Ok(Some((letter.is_ascii_uppercase(), members.to_owned())));
        }
        if !matches!(letter, 'p' | 'P') {
            return Ok(None);
        }
        self.at += 2;
        let hint =
            Some("RE2 knows general categories and scripts by their exact names, such as \\pL or \\p{Greek}");
        let name = match self.next() {
            Some('{') => match self.rest().split_once('}') {
                Some((name, _)) => {
                    self.at += name.len() + 1;
                    name
                }
                None => {
                    self.at = self.pattern.len();
                    return self.error(Problem::CharacterRange, start, hint);
                }
            },
            Some(_) => &self.pattern[start + 2..self.at],
            None => return self.error(Problem::CharacterRange, start, hint),
        };
        let (inverted, name) = match name.strip_prefix('^') {
            Some(name) => (true, name),
            None => (false, name),
        };
        match class::unicode(name) {
            Some(members) => Ok(Some(((letter == 'P') != inverted, members))),
            None => self.error(Problem::CharacterRange, start, hint),
        }
    }

    /// A backslash with what follows it: the code point it means.
    pub fn escape(&mut self) -> Translation<u32> {
        let start = self.at;
        self.at += 1;
        let Some(character) = self.next() else {
            return Err(RegexpError { problem: Problem::TrailingBackslash, part: String::new(), hint: None });
        };
        let octal = |byte: Option<&u8>| byte.copied().filter(|byte| (b'0'..=b'7').contains(byte));
        let hint = match character {
            '1'..='7' if octal(self.rest().as_bytes().first()).is_none() => Some("RE2 has no backreferences"),
            '0'..='7' => {
                let mut code = u32::from(character) - u32::from('0');
                for _ in 0..2 {
                    let Some(digit) = octal(self.rest().as_bytes().first()) else { break };
                    code = code * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                return Ok(code);
            }
            '8' | '9' => Some("RE2 has no backreferences"),
            'x' => match self.hexadecimal() {
                Some(code) => return Ok(code),
                None => Some("write \\x7F or \\x{10FFFF}"),
            },
            'a' => return Ok(7),
            'f' => return Ok(12),
            'n' => return Ok(10),
            'r' => return Ok(13),
            't' => return Ok(9),
            'v' => return Ok(11),
            _ if character.is_ascii() && !character.is_ascii_alphanumeric() => return Ok(character.into()),
            'Z' => Some("the end of the text is \\z"),
            'u' => Some("a code point is written \\x{00e9}"),
            'k' | 'g' => Some("RE2 has no backreferences"),
            _ => None,
        };
        self.error(Problem::Escape, start, hint)
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        if !self.eat("{") {
            let digits = [self.next()?, self.next()?];
            return Some(digits[0].to_digit(16)? * 16 + digits[1].to_digit(16)?);
        }
        let mut code = None;
        loop {
            let character = self.next()?;
            if character == '}' {
                return code;
            }
            let value = code.unwrap_or(0) * 16 + character.to_digit(16)?;
            code = Some(value);
            if value > u32::from(char::MAX) {
                return None;
            }
        }
    }

    /// `[…]`.
    pub fn bracket(&mut self) -> Translation<()> {
        let start = self.at;
        self.at += 1;
        let negated = self.eat("^");
        let mut members = String::new();
        let mut first = true;
        while first || !self.rest().starts_with(']') {
            first = false;
            if self.named_class(&mut members)? {
                continue;
            }
            if let Some((negated, named)) = self.class_escape()? {
                members.push_str(&class_text(negated, &named));
                continue;
            }
            let from = self.at;
            let low = self.bracket_member(start)?;
            let mut high = low;
            let rest = self.rest().as_bytes();
            if rest.first() == Some(&b'-') && rest.get(1).is_some_and(|&byte| byte != b']') {
                self.at += 1;
                high = self.bracket_member(start)?;
                if high < low {
                    return self.error(Problem::CharacterRange, from, Some("the range runs backwards"));
                }
            }
            range_into(&mut members, low, high);
        }
        self.at += 1;
        self.push_class(negated, &members);
        Ok(())
    }

    fn bracket_member(&mut self, start: usize) -> Translation<u32> {
        match self.peek() {
            Some('\\') => self.escape(),
            Some(character) => {
                self.at += character.len_utf8();
                Ok(character.into())
            }
            None => {
                self.error(Problem::MissingBracket, start, Some("write \\[ to mean the character itself"))
            }
        }
    }

    /// `[:alpha:]` or `[:^alpha:]` inside brackets.
    fn named_class(&mut self, members: &mut String) -> Translation<bool> {
        let Some((name, _)) = self.rest().strip_prefix("[:").and_then(|rest| rest.split_once(":]")) else {
            return Ok(false);
        };
        let start = self.at;
        self.at += name.len() + 4;
        let (negated, name) = match name.strip_prefix('^') {
            Some(name) => (true, name),
            None => (false, name),
        };
        match class::posix(name) {
            Some(named) => {
                members.push_str(&class_text(negated, named));
                Ok(true)
            }
            None => self.error(Problem::CharacterRange, start, Some("such a class is written [[:alpha:]]")),
        }
    }
}

/// A class of its own, in brackets, from its members.
pub(super) fn class_text(negated: bool, members: &str) -> String {
    match (negated, members.is_empty()) {
        (false, false) => format!("[{members}]"),
        (true, false) => format!("[^{members}]"),
        (false, true) => r"[^\x{0}-\x{10FFFF}]".to_owned(),
        (true, true) => r"[\x{0}-\x{10FFFF}]".to_owned(),
    }
}

/// Appends the range of code points, without surrogates, which no text holds.
pub(super) fn range_into(out: &mut String, low: u32, high: u32) {
    let low = if (0xD800..=0xDFFF).contains(&low) { 0xE000 } else { low };
    let high = if (0xD800..=0xDFFF).contains(&high) { 0xD7FF } else { high };
    if low > high {
        return;
    }
    for (at, code) in [low, high].into_iter().enumerate() {
        if at == 1 {
            if low == high {
                return;
            }
            out.push('-');
        }
        match char::from_u32(code).filter(char::is_ascii_alphanumeric) {
            Some(character) => out.push(character),
            // Writing to a String does not fail.
            None => {
                let _ = write!(out, r"\x{{{code:X}}}");
            }
        }
    }
}
