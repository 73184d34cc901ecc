//! Text cut into tokens, after Go's `text/template/parse/lex.go`, with delimiters `<<` and `>>`.
//!
//! Not a parser: it knows no nesting but that of parentheses.
//!
//! **Invariant:** the last token is [`Kind::End`] or [`Kind::Wrong`], and each token's span lies on character
//! boundaries of the text.

use plimsoll_model::quote::{is_printable, quote};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Literal text between actions, already trimmed.
    Text,
    /// `<<`.
    Left,
    /// `>>`.
    Right,
    Space,
    /// `=`.
    Assign,
    /// `:=`.
    Declare,
    Pipe,
    OpenParenthesis,
    CloseParenthesis,
    /// Any other printable ASCII character, such as a comma.
    Character,
    /// `'a'`, quotes included.
    CharacterConstant,
    Number,
    /// `"text"`, quotes included.
    String,
    /// `` `text` ``, quotes included.
    RawString,
    Bool,
    /// `.Name`, dot included.
    Field,
    /// `$` or `$name`.
    Variable,
    /// A function name.
    Identifier,
    // Key words from here on; an error message prints them in angle brackets.
    Dot,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    EndBlock,
    If,
    Range,
    Template,
    With,
    /// The end of the text.
    End,
    /// Text that is no token; [`Tokens::problem`] says why.
    Wrong,
}

/// One token and the bytes it stands on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: u32,
    pub end: u32,
}

/// All tokens of a text.
pub(super) struct Tokens {
    pub list: Vec<Token>,
    /// Why the last token is [`Kind::Wrong`], in Go's words.
    pub problem: String,
}

const LEFT: &[u8] = b"<<";
const RIGHT: &[u8] = b">>";

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    list: Vec<Token>,
}

/// Cuts `text`, which is shorter than 4 GiB, into tokens.
pub(super) fn tokens(text: &str) -> Tokens {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, depth: 0, list: Vec::new() };
    match lexer.run() {
        Ok(()) => {
            lexer.push(Kind::End, lexer.at);
            Tokens { list: lexer.list, problem: String::new() }
        }
        Err((start, problem)) => {
            lexer.at = lexer.at.max(start);
            lexer.push(Kind::Wrong, start);
            Tokens { list: lexer.list, problem }
        }
    }
}

/// Where the problem starts, and what it is.
type Problem = (usize, String);

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

impl Lexer<'_> {
    fn push(&mut self, kind: Kind, start: usize) {
        self.list.push(Token { kind, start: start as u32, end: self.at as u32 });
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// Whether an action ends here, and if so, whether with a trim marker.
    fn at_right(&self) -> Option<bool> {
        let rest = self.rest();
        if let [space, b'-', after @ ..] = rest
            && is_space(*space)
            && after.starts_with(RIGHT)
        {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn run(&mut self) -> Result<(), Problem> {
        let mut trim = false;
        loop {
            let start = self.at;
            let found = self.rest().windows(LEFT.len()).position(|window| window == LEFT);
            let mut text = &self.bytes[start..found.map_or(self.bytes.len(), |found| start + found)];
            let text_end = start + text.len();
            if trim {
                text = trim_start(text);
            }
            let text_start = text_end - text.len();
            let marked = found.is_some()
                && matches!(self.bytes[text_end + LEFT.len()..], [b'-', space, ..] if is_space(space));
            if marked {
                text = trim_end(text);
            }
            self.at = text_start + text.len();
            if !text.is_empty() {
                self.push(Kind::Text, text_start);
            }
            if found.is_none() {
                self.at = text_end;
                return Ok(());
            }
            self.at = text_end + LEFT.len();
            let comment = self.at + if marked { 2 } else { 0 };
            if self.bytes[comment..].starts_with(b"/*") {
                trim = self.comment(comment)?;
                continue;
            }
            self.push(Kind::Left, text_end);
            if marked {
                self.at += 2;
            }
            self.depth = 0;
            trim = self.action(text_end)?;
        }
    }

    /// Skips a comment; returns whether text after it is trimmed.
    fn comment(&mut self, start: usize) -> Result<bool, Problem> {
        let closed = self.bytes[start + 2..].windows(2).position(|window| window == b"*/");
        let Some(length) = closed else { return Err((start, "unclosed comment".to_owned())) };
        self.at = start + length + 4;
        let Some(trim) = self.at_right() else {
            return Err((start, "comment ends before closing delimiter".to_owned()));
        };
        self.at += RIGHT.len() + if trim { 2 } else { 0 };
        Ok(trim)
    }

    /// Reads the tokens of one action with its closing delimiter; returns whether text after it is trimmed.
    fn action(&mut self, opened: usize) -> Result<bool, Problem> {
        loop {
            let start = self.at;
            if let Some(trim) = self.at_right() {
                if self.depth > 0 {
                    return Err((start, "unclosed left paren".to_owned()));
                }
                self.at += if trim { 2 } else { 0 };
                let start = self.at;
                self.at += RIGHT.len();
                self.push(Kind::Right, start);
                return Ok(trim);
            }
            let Some(character) = self.peek() else {
                return Err((opened, "unclosed action".to_owned()));
            };
            match character {
                ' ' | '\t' | '\r' | '\n' => {
                    while self.rest().first().copied().is_some_and(is_space) && self.at_right() != Some(true)
                    {
                        self.at += 1;
                    }
                    self.push(Kind::Space, start);
                }
                '=' => self.single(Kind::Assign),
                ':' => {
                    if !self.rest().starts_with(b":=") {
                        return Err((start, "expected :=".to_owned()));
                    }
                    self.at += 2;
                    self.push(Kind::Declare, start);
                }
                '|' => self.single(Kind::Pipe),
                '(' => {
                    self.depth += 1;
                    self.single(Kind::OpenParenthesis);
                }
                ')' => {
                    if self.depth == 0 {
                        return Err((start, "unexpected right paren".to_owned()));
                    }
                    self.depth -= 1;
                    self.single(Kind::CloseParenthesis);
                }
                '"' => self.quoted(b'"', Kind::String, "unterminated quoted string")?,
                '\'' => self.quoted(b'\'', Kind::CharacterConstant, "unterminated character constant")?,
                '`' => {
                    let Some(length) = self.rest()[1..].iter().position(|&byte| byte == b'`') else {
                        return Err((start, "unterminated raw quoted string".to_owned()));
                    };
                    self.at += length + 2;
                    self.push(Kind::RawString, start);
                }
                '$' => self.name(Kind::Variable, Kind::Variable)?,
                '.' if !self.rest().get(1).is_some_and(u8::is_ascii_digit) => {
                    self.name(Kind::Dot, Kind::Field)?
                }
                '+' | '-' | '.' | '0'..='9' => self.number()?,
                _ if is_word(character) => self.word()?,
                '!'..='~' => self.single(Kind::Character),
                _ => {
                    return Err((
                        start,
                        format!("unrecognized character in action: {}", code_point(character)),
                    ));
                }
            }
        }
    }

    fn single(&mut self, kind: Kind) {
        self.at += 1;
        self.push(kind, self.at - 1);
    }

    fn quoted(&mut self, mark: u8, kind: Kind, unterminated: &str) -> Result<(), Problem> {
        let start = self.at;
        let mut escaped = false;
        for (length, &byte) in self.rest().iter().enumerate().skip(1) {
            match byte {
                b'\n' => break,
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                _ if byte == mark => {
                    self.at += length + 1;
                    self.push(kind, start);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err((start, unterminated.to_owned()))
    }

    /// `.`, `.Name`, `$` or `$name`.
    fn name(&mut self, bare: Kind, named: Kind) -> Result<(), Problem> {
        let start = self.at;
        self.at += 1;
        while let Some(character) = self.peek().filter(|&character| is_word(character)) {
            self.at += character.len_utf8();
        }
        self.terminated()?;
        self.push(if self.at == start + 1 { bare } else { named }, start);
        Ok(())
    }

    /// A name must not run into something else, as in `.Series}}`.
    fn terminated(&self) -> Result<(), Problem> {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => Ok(()),
            Some(_) if self.rest().starts_with(RIGHT) => Ok(()),
            Some(other) => Err((self.at, format!("bad character {}", code_point(other)))),
        }
    }

    fn word(&mut self) -> Result<(), Problem> {
        let start = self.at;
        while let Some(character) = self.peek().filter(|&character| is_word(character)) {
            self.at += character.len_utf8();
        }
        self.terminated()?;
        let kind = match &self.text[start..self.at] {
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::EndBlock,
            "if" => Kind::If,
            "nil" => Kind::Nil,
            "range" => Kind::Range,
            "template" => Kind::Template,
            "with" => Kind::With,
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.push(kind, start);
        Ok(())
    }

    /// A number is only scanned here; whether it is one is found when it is read.
    fn number(&mut self) -> Result<(), Problem> {
        let start = self.at;
        let mut sound = self.scan_number();
        if sound && matches!(self.rest().first(), Some(b'+' | b'-')) {
            sound = self.scan_number() && self.bytes[self.at - 1] == b'i';
        }
        if !sound {
            let found = &self.text[start..self.at];
            return Err((start, format!("bad number syntax: {}", quote(found.as_bytes()))));
        }
        self.push(Kind::Number, start);
        Ok(())
    }

    fn accept(&mut self, allowed: &[u8]) -> bool {
        let accepted = self.rest().first().is_some_and(|byte| allowed.contains(byte));
        self.at += usize::from(accepted);
        accepted
    }

    fn accept_run(&mut self, allowed: &[u8]) {
        while self.accept(allowed) {}
    }

    fn scan_number(&mut self) -> bool {
        const DECIMAL: &[u8] = b"0123456789_";
        const HEXADECIMAL: &[u8] = b"0123456789abcdefABCDEF_";
        self.accept(b"+-");
        let mut digits = DECIMAL;
        if self.accept(b"0") {
            if self.accept(b"xX") {
                digits = HEXADECIMAL;
            } else if self.accept(b"oO") {
                digits = b"01234567_";
            } else if self.accept(b"bB") {
                digits = b"01_";
            }
        }
        self.accept_run(digits);
        if self.accept(b".") {
            self.accept_run(digits);
        }
        let exponent: &[u8] = match digits {
            DECIMAL => b"eE",
            HEXADECIMAL => b"pP",
            _ => b"",
        };
        if self.accept(exponent) {
            self.accept(b"+-");
            self.accept_run(DECIMAL);
        }
        self.accept(b"i");
        match self.peek() {
            Some(character) if is_word(character) => {
                self.at += character.len_utf8();
                false
            }
            _ => true,
        }
    }
}

/// `U+007D '}'`, as Go's `%#U` prints a character.
fn code_point(character: char) -> String {
    let code = u32::from(character);
    if is_printable(character) { format!("U+{code:04X} '{character}'") } else { format!("U+{code:04X}") }
}

/// Trimming removes exactly blank, tab, carriage return and newline.
fn trim_start(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|&&byte| is_space(byte)).count()..]
}

fn trim_end(text: &[u8]) -> &[u8] {
    &text[..text.len() - text.iter().rev().take_while(|&&byte| is_space(byte)).count()]
}
