//! Text into tokens, one at a time.
//!
//! Not a tokeniser ahead of the parser: an error of the text behind the parser's place is not seen before the parser
//! comes to it. Follows Prometheus' `lex.go`.
//!
//! **Invariant:** every byte is looked at once; tokens never overlap.

use super::token::{BinaryOp, Keyword, Kind, Token, keyword};
use super::{ParseError, Span};

pub struct Lexer<'a> {
    pub query: &'a str,
    position: usize,
    parens: usize,
    in_braces: bool,
    in_brackets: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(query: &'a str) -> Self {
        Self { query, position: 0, parens: 0, in_braces: false, in_brackets: false }
    }

    fn rest(&self) -> &'a str {
        &self.query[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error<T>(&self, start: usize, message: String) -> Result<T, ParseError> {
        Err(ParseError::new(self.query, Span { start, end: self.query.len() }, message))
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.position += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') || self.in_brackets {
                return;
            }
            self.position += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
        }
    }

    /// The next token. Behind the end it is always [`Kind::End`].
    pub fn next(&mut self) -> Result<Token, ParseError> {
        self.skip_blank();
        let start = self.position;
        let Some(first) = self.peek() else {
            return match () {
                () if self.in_braces => self.error(start, "unexpected end of input inside braces".into()),
                () if self.in_brackets => {
                    self.error(start, "unexpected end of input in duration expression".into())
                }
                () if self.parens > 0 => self.error(start, "unclosed left parenthesis".into()),
                () => Ok(Token { kind: Kind::End, span: Span { start, end: start } }),
            };
        };
        self.position += first.len_utf8();
        let second = self.peek();
        let mut kind = |kind: Kind, more: usize| {
            self.position += more;
            Ok(kind)
        };
        let kind = match first {
            ',' => kind(Kind::Comma, 0),
            '"' | '\'' => self.string(start, first),
            '`' => self.raw_string(start),
            _ if self.in_braces => self.inside_braces(start, first, second),
            '*' => kind(Kind::Binary(BinaryOp::Mul), 0),
            '/' => kind(Kind::Binary(BinaryOp::Div), 0),
            '%' => kind(Kind::Binary(BinaryOp::Mod), 0),
            '+' => kind(Kind::Binary(BinaryOp::Add), 0),
            '-' => kind(Kind::Binary(BinaryOp::Sub), 0),
            '^' => kind(Kind::Binary(BinaryOp::Pow), 0),
            '(' => {
                self.parens += 1;
                Ok(Kind::LeftParen)
            }
            ')' if self.parens == 0 => self.error(start, "unexpected right parenthesis ')'".into()),
            ')' => {
                self.parens -= 1;
                Ok(Kind::RightParen)
            }
            ']' if !self.in_brackets => self.error(start, "unexpected right bracket ']'".into()),
            ']' => {
                self.in_brackets = false;
                Ok(Kind::RightBracket)
            }
            '0'..='9' => self.number(start),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number(start),
            ':' if self.in_brackets => Ok(Kind::Colon),
            _ if self.in_brackets => self.inside_brackets(start, first),
            '[' => {
                self.in_brackets = true;
                Ok(Kind::LeftBracket)
            }
            '{' => {
                self.in_braces = true;
                Ok(Kind::LeftBrace)
            }
            '@' => kind(Kind::At, 0),
            '=' if second == Some('=') => kind(Kind::Binary(BinaryOp::Eq), 1),
            '=' if second == Some('~') => self.error(start, "unexpected character after '=': '~'".into()),
            '=' => kind(Kind::Equal, 0),
            '!' if second == Some('=') => kind(Kind::Binary(BinaryOp::Ne), 1),
            '!' => self.error(start, format!("unexpected character after '!': {}", show(second))),
            '<' if second == Some('=') => kind(Kind::Binary(BinaryOp::Le), 1),
            '<' if second == Some('/') => kind(Kind::Binary(BinaryOp::TrimUpper), 1),
            '<' => kind(Kind::Binary(BinaryOp::Lt), 0),
            '>' if second == Some('=') => kind(Kind::Binary(BinaryOp::Ge), 1),
            '>' if second == Some('/') => kind(Kind::Binary(BinaryOp::TrimLower), 1),
            '>' => kind(Kind::Binary(BinaryOp::Gt), 0),
            'a'..='z' | 'A'..='Z' | '_' | ':' => Ok(self.word(start)),
            other => self.error(start, format!("unexpected character: {}", show(Some(other)))),
        }?;
        Ok(Token { kind, span: Span { start, end: self.position } })
    }

    fn inside_braces(&mut self, start: usize, first: char, second: Option<char>) -> Result<Kind, ParseError> {
        let (kind, more) = match (first, second) {
            ('=', Some('~')) => (Kind::EqualRegex, 1),
            ('=', _) => (Kind::Equal, 0),
            ('!', Some('~')) => (Kind::NotRegex, 1),
            ('!', Some('=')) => (Kind::Binary(BinaryOp::Ne), 1),
            ('!', other) => {
                return self
                    .error(start, format!("unexpected character after '!' inside braces: {}", show(other)));
            }
            ('}', _) => {
                self.in_braces = false;
                (Kind::RightBrace, 0)
            }
            ('{', _) => return self.error(start, "unexpected left brace '{'".into()),
            ('a'..='z' | 'A'..='Z' | '_', _) => {
                self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                (Kind::Identifier, 0)
            }
            (other, _) => {
                return self
                    .error(start, format!("unexpected character inside braces: {}", show(Some(other))));
            }
        };
        self.position += more;
        Ok(kind)
    }

    fn inside_brackets(&mut self, start: usize, first: char) -> Result<Kind, ParseError> {
        if first.is_ascii_alphabetic() {
            self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
            let word = &self.query[start..self.position];
            if let Some(Kind::Keyword(
                word @ (Keyword::Step | Keyword::Range | Keyword::MaxOf | Keyword::MinOf),
            )) = keyword(word)
            {
                return Ok(Kind::Keyword(word));
            }
        }
        if first == '[' {
            return self.error(start, "unexpected left bracket '['".into());
        }
        self.error(start, format!("unexpected character in duration expression: {}", show(Some(first))))
    }

    fn take_while(&mut self, test: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.position += rest.find(|c| !test(c)).unwrap_or(rest.len());
    }

    fn word(&mut self, start: usize) -> Kind {
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        let word = &self.query[start..self.position];
        match keyword(word) {
            // As metric names these are older than as keywords, so only `fill (` is the keyword.
            Some(Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.rest().trim_start_matches([' ', '\t', '\n', '\r']).starts_with('(') =>
            {
                Kind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        }
    }

    fn string(&mut self, start: usize, quote: char) -> Result<Kind, ParseError> {
        let mut characters = self.rest().char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    None => return self.error(start, "escape sequence not terminated".into()),
                    Some((
                        _,
                        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '0'..='7' | 'x' | 'u' | 'U',
                    )) => {}
                    Some((_, c)) if c == quote => {}
                    Some((_, c)) => {
                        return self
                            .error(start, format!("unknown escape sequence U+{:04X} '{c}'", c as u32));
                    }
                },
                '\n' => break,
                c if c == quote => {
                    self.position += at + 1;
                    return Ok(Kind::String);
                }
                _ => {}
            }
        }
        self.error(start, "unterminated quoted string".into())
    }

    fn raw_string(&mut self, start: usize) -> Result<Kind, ParseError> {
        match self.rest().find('`') {
            Some(end) => {
                self.position += end + 1;
                Ok(Kind::String)
            }
            None => self.error(start, "unterminated raw string".into()),
        }
    }

    fn number(&mut self, start: usize) -> Result<Kind, ParseError> {
        self.position = start;
        let text = self.rest();
        let (length, complete) = scan_number(text);
        let follows = text[length..].chars().next();
        if complete && !follows.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
            self.position += length;
            return Ok(Kind::Number);
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (length, complete) = scan_duration(text, digits);
        self.position += length;
        if complete && !self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Ok(Kind::Duration);
        }
        let shown_end = start + length.max(1);
        let shown = plimsoll_model::quote::quote(&self.query.as_bytes()[start..shown_end]);
        self.error(start, format!("bad number or duration syntax: {shown}"))
    }
}

fn show(character: Option<char>) -> String {
    match character {
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
        Some(character) => plimsoll_model::quote::quote_char(character, false),
    }
}

/// Length of the longest number at the start, and whether it is one (Prometheus: `scanNumber`).
pub fn scan_number(text: &str) -> (usize, bool) {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let mut index = 0;
    let hexadecimal = at(0) == b'0' && matches!(at(1), b'x' | b'X');
    if hexadecimal {
        index = 2;
        if at(index) == b'_' {
            index += 1;
        }
        while at(index).is_ascii_hexdigit() || at(index) == b'_' {
            if at(index) == b'_' && !at(index + 1).is_ascii_hexdigit() {
                return (index, false);
            }
            index += 1;
        }
        return (index, index > 2);
    }
    let (mut dot, mut exponent) = (false, false);
    loop {
        match at(index) {
            b'0'..=b'9' => index += 1,
            b'.' if !dot && !exponent => {
                dot = true;
                index += 1;
                if matches!(at(index), b'_' | b'.') {
                    return (index, false);
                }
            }
            b'e' | b'E' if !exponent && index > 0 => {
                exponent = true;
                index += 1;
                if matches!(at(index), b'+' | b'-') {
                    index += 1;
                }
                if !at(index).is_ascii_digit() {
                    return (index, false);
                }
            }
            b'_' if index > 0 && at(index + 1).is_ascii_digit() => index += 1,
            b'.' | b'_' => return (index, false),
            _ => break,
        }
    }
    (index, index > 0)
}

fn scan_duration(text: &str, digits: usize) -> (usize, bool) {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let mut index = digits;
    if digits == 0 || !b"smhdwy".contains(&at(index)) {
        return (index, false);
    }
    loop {
        index += 1;
        if at(index) == b's' {
            index += 1;
        }
        if !at(index).is_ascii_digit() {
            return (index, true);
        }
        while at(index).is_ascii_digit() {
            index += 1;
        }
        if !b"smhdw".contains(&at(index)) {
            return (index, false);
        }
    }
}
