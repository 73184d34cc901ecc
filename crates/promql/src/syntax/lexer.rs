//! Text into tokens, one at a time.
//!
//! Not a tokeniser ahead of the parser: an error of the text behind the parser's place is not seen before the parser
//! comes to it. Follows the state functions of Prometheus' `lex.go`, because the place and the words of an error depend
//! on the state they arise in.
//!
//! **Invariant:** every byte is looked at once; tokens never overlap.

use plimsoll_model::quote::{quote, quote_char};

use super::number::{Scanned, scan_duration, scan_number};
use super::token::{BinaryOp, Keyword, Kind, Token, keyword};
use super::{ParseError, Span};

pub struct Lexer<'a> {
    pub query: &'a str,
    position: usize,
    parens: usize,
    in_braces: bool,
    brackets: Brackets,
    /// A duration was read in some brackets before; that is never forgotten.
    had_duration: bool,
}

/// Where in `[range:step]` the lexer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brackets {
    Outside,
    /// Before the first number since the opening bracket or the colon.
    Duration {
        colon: bool,
    },
    /// Behind a number, where any token is read and only names are not.
    AfterNumber {
        colon: bool,
    },
}

type Lexed = Result<Kind, ParseError>;

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

impl<'a> Lexer<'a> {
    pub fn new(query: &'a str) -> Self {
        Self {
            query,
            position: 0,
            parens: 0,
            in_braces: false,
            brackets: Brackets::Outside,
            had_duration: false,
        }
    }

    fn rest(&self) -> &'a str {
        &self.query[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error<T>(&self, start: usize, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::new(self.query, Span { start, end: self.query.len() }, message.into()))
    }

    /// An error that upstream finds once the character is already a token: its place is behind it.
    fn late_error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        self.error(self.position, message)
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(is_blank);
            self.position += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') || matches!(self.brackets, Brackets::Duration { .. }) {
                return;
            }
            self.position += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
        }
    }

    /// The next token. Behind the end it is always [`Kind::End`].
    pub fn next(&mut self) -> Result<Token, ParseError> {
        self.skip_blank();
        let start = self.position;
        let Some(first) = self.peek() else { return self.end() };
        self.position += first.len_utf8();
        let kind = if self.in_braces {
            self.inside_braces(start, first)
        } else if let Brackets::Duration { colon } = self.brackets {
            self.inside_brackets(start, first, colon)
        } else {
            self.statement(start, first)
        }?;
        Ok(Token { kind, span: Span { start, end: self.position } })
    }

    fn end(&self) -> Result<Token, ParseError> {
        let start = self.position;
        if self.in_braces {
            return self.error(start, "unexpected end of input inside braces");
        }
        if matches!(self.brackets, Brackets::Duration { .. }) {
            return self.error(start, "unexpected end of input in duration expression");
        }
        if self.parens > 0 {
            return self.error(start, "unclosed left parenthesis");
        }
        if self.brackets != Brackets::Outside {
            return self.error(start, "unclosed left bracket");
        }
        Ok(Token { kind: Kind::End, span: Span { start, end: start } })
    }

    fn more(&mut self, more: usize, kind: Kind) -> Lexed {
        self.position += more;
        Ok(kind)
    }

    fn arithmetic(character: char) -> Option<Kind> {
        Some(Kind::Binary(match character {
            '*' => BinaryOp::Mul,
            '/' => BinaryOp::Div,
            '%' => BinaryOp::Mod,
            '+' => BinaryOp::Add,
            '-' => BinaryOp::Sub,
            '^' => BinaryOp::Pow,
            _ => return None,
        }))
    }

    fn close_paren(&mut self) -> Lexed {
        match self.parens.checked_sub(1) {
            Some(left) => {
                self.parens = left;
                Ok(Kind::RightParen)
            }
            None => self.late_error("unexpected right parenthesis ')'"),
        }
    }

    fn statement(&mut self, start: usize, first: char) -> Lexed {
        let second = self.peek();
        if let Some(kind) = Self::arithmetic(first) {
            return Ok(kind);
        }
        match first {
            ',' => Ok(Kind::Comma),
            '=' if second == Some('=') => self.more(1, Kind::Binary(BinaryOp::Eq)),
            '=' if second == Some('~') => self.error(start, "unexpected character after '=': '~'"),
            '=' => Ok(Kind::Equal),
            '!' if second == Some('=') => self.more(1, Kind::Binary(BinaryOp::Ne)),
            '!' => self.error(start, format!("unexpected character after '!': {}", show(second))),
            '<' if second == Some('=') => self.more(1, Kind::Binary(BinaryOp::Le)),
            '<' if second == Some('/') => self.more(1, Kind::Binary(BinaryOp::TrimUpper)),
            '<' => Ok(Kind::Binary(BinaryOp::Lt)),
            '>' if second == Some('=') => self.more(1, Kind::Binary(BinaryOp::Ge)),
            '>' if second == Some('/') => self.more(1, Kind::Binary(BinaryOp::TrimLower)),
            '>' => Ok(Kind::Binary(BinaryOp::Gt)),
            '0'..='9' => self.number(start),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number(start),
            '"' | '\'' => self.string(start, first),
            '`' => self.raw_string(start),
            'a'..='z' | 'A'..='Z' | '_' | ':' => self.word(start, first),
            '(' => {
                self.parens += 1;
                Ok(Kind::LeftParen)
            }
            ')' => self.close_paren(),
            '{' => {
                self.in_braces = true;
                Ok(Kind::LeftBrace)
            }
            '[' if self.brackets != Brackets::Outside => self.error(start, "unexpected left bracket '['"),
            '[' => {
                self.brackets = Brackets::Duration { colon: false };
                Ok(Kind::LeftBracket)
            }
            ']' if self.brackets == Brackets::Outside => self.error(start, "unexpected right bracket ']'"),
            ']' => {
                self.brackets = Brackets::Outside;
                Ok(Kind::RightBracket)
            }
            '@' => Ok(Kind::At),
            other => self.error(start, format!("unexpected character: {}", show(Some(other)))),
        }
    }

    fn inside_braces(&mut self, start: usize, first: char) -> Lexed {
        match (first, self.peek()) {
            (',', _) => Ok(Kind::Comma),
            ('"' | '\'', _) => self.string(start, first),
            ('`', _) => self.raw_string(start),
            ('=', Some('~')) => self.more(1, Kind::EqualRegex),
            ('=', _) => Ok(Kind::Equal),
            ('!', Some('~')) => self.more(1, Kind::NotRegex),
            ('!', Some('=')) => self.more(1, Kind::Binary(BinaryOp::Ne)),
            ('!', other) => {
                self.error(start, format!("unexpected character after '!' inside braces: {}", show(other)))
            }
            ('}', _) => {
                self.in_braces = false;
                Ok(Kind::RightBrace)
            }
            ('{', _) => self.error(start, "unexpected left brace '{'"),
            ('a'..='z' | 'A'..='Z' | '_', _) => {
                self.take_while(is_word);
                Ok(Kind::Identifier)
            }
            (other, _) => {
                self.error(start, format!("unexpected character inside braces: {}", show(Some(other))))
            }
        }
    }

    fn inside_brackets(&mut self, start: usize, first: char, colon: bool) -> Lexed {
        if let Some(kind) = Self::arithmetic(first) {
            return Ok(kind);
        }
        match first {
            ']' => {
                self.brackets = Brackets::Outside;
                Ok(Kind::RightBracket)
            }
            ':' if !self.had_duration => {
                self.late_error("unexpected colon before duration in duration expression")
            }
            ':' if colon => self.late_error("unexpected repeated colon in duration expression"),
            ':' => {
                self.brackets = Brackets::Duration { colon: true };
                Ok(Kind::Colon)
            }
            '(' => {
                self.parens += 1;
                Ok(Kind::LeftParen)
            }
            ')' => self.close_paren(),
            ',' => Ok(Kind::Comma),
            '0'..='9' => self.number(start),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => self.number(start),
            other => match self.duration_word(start, other) {
                Some(kind) => Ok(kind),
                None => self.error(
                    start,
                    format!("unexpected character in duration expression: {}", show(Some(other))),
                ),
            },
        }
    }

    /// `step`, `range`, `max_of` or `min_of`.
    fn duration_word(&mut self, start: usize, first: char) -> Option<Kind> {
        if !matches!(first.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        self.take_while(|c| c.is_ascii_alphabetic() || c == '_');
        match keyword(&self.query[start..self.position]) {
            Some(kind @ Kind::Keyword(Keyword::Step | Keyword::Range | Keyword::MaxOf | Keyword::MinOf)) => {
                Some(kind)
            }
            _ => None,
        }
    }

    fn take_while(&mut self, test: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.position += rest.find(|c| !test(c)).unwrap_or(rest.len());
    }

    fn word(&mut self, start: usize, first: char) -> Lexed {
        if let Brackets::AfterNumber { colon } = self.brackets {
            if first == ':' {
                if colon {
                    return self.error(start, "unexpected colon ':'");
                }
                self.brackets = Brackets::AfterNumber { colon: true };
                return Ok(Kind::Colon);
            }
            return match self.duration_word(start, first) {
                Some(kind) => Ok(kind),
                None => {
                    self.error(start, format!("unexpected character: {}, expected ':'", show(Some(first))))
                }
            };
        }
        self.take_while(|c| is_word(c) || c == ':');
        let word = &self.query[start..self.position];
        Ok(match keyword(word) {
            // As metric names these are older than as keywords, so only `fill (` is the keyword.
            Some(Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.rest().trim_start_matches(is_blank).starts_with('(') =>
            {
                Kind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        })
    }

    fn string(&mut self, start: usize, quote: char) -> Lexed {
        let rest = self.rest();
        let mut characters = rest.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => {
                    if let Err(message) = escape(&mut characters, quote) {
                        return self.error(start, message);
                    }
                }
                '\u{fffd}' => return self.error(start, "invalid UTF-8 rune"),
                '\n' => break,
                c if c == quote => {
                    self.position = self.query.len() - characters.as_str().len();
                    return Ok(Kind::String);
                }
                _ => {}
            }
        }
        self.error(start, "unterminated quoted string")
    }

    fn raw_string(&mut self, start: usize) -> Lexed {
        match self.rest().find(['`', '\u{fffd}']) {
            Some(end) if self.rest()[end..].starts_with('`') => {
                self.position += end + 1;
                Ok(Kind::String)
            }
            Some(_) => self.error(start, "invalid UTF-8 rune"),
            None => self.error(start, "unterminated raw string"),
        }
    }

    fn number(&mut self, start: usize) -> Lexed {
        if let Brackets::Duration { colon } = self.brackets {
            self.had_duration = true;
            self.brackets = Brackets::AfterNumber { colon };
        }
        let text = &self.query[start..];
        let (length, kind) = match scan_number(text) {
            Scanned { length, complete: true } => (length, Kind::Number),
            Scanned { length, .. } => match scan_duration(text, length) {
                Scanned { length, complete: true } => (length, Kind::Duration),
                Scanned { length, .. } => {
                    let shown = quote(&self.query.as_bytes()[start..start + length]);
                    return self.error(start, format!("bad number or duration syntax: {shown}"));
                }
            },
        };
        self.position = start + length;
        Ok(kind)
    }
}

/// The part of an escape sequence behind the backslash.
fn escape(characters: &mut std::str::Chars<'_>, quote: char) -> Result<(), String> {
    const CUT: &str = "escape sequence not terminated";
    let first = characters.next().ok_or(CUT)?;
    let (digits, radix, most) = match first {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
        c if c == quote => return Ok(()),
        '0'..='7' => (3, 8, 255),
        'x' => (2, 16, 255),
        'u' => (4, 16, 0x0010_ffff),
        'U' => (8, 16, 0x0010_ffff),
        c => return Err(format!("unknown escape sequence {}", code_point(c))),
    };
    let mut value: u32 = 0;
    let mut current = if radix == 8 { Some(first) } else { characters.next() };
    for left in (0..digits).rev() {
        let character = current.ok_or(CUT)?;
        let Some(digit) = character.to_digit(radix) else {
            return Err(format!("illegal character {} in escape sequence", code_point(character)));
        };
        value = value.wrapping_mul(radix).wrapping_add(digit);
        if left > 0 {
            current = characters.next();
        }
    }
    if value > most || (0xd800..0xe000).contains(&value) {
        return Err("escape sequence is an invalid Unicode code point".to_owned());
    }
    Ok(())
}

/// Go's `%#U`.
fn code_point(character: char) -> String {
    if plimsoll_model::quote::is_printable(character) {
        format!("U+{:04X} '{character}'", character as u32)
    } else {
        format!("U+{:04X}", character as u32)
    }
}

/// Go's `%q` of a character; the end of the text is no character.
fn show(character: Option<char>) -> String {
    quote_char(character.unwrap_or('\u{fffd}'), false)
}
