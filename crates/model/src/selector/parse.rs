//! The grammar of label selectors: text in, requirements out.
//!
//! Not lenient: what `labels.Parse` refuses is refused, in its words.
//!
//! **Invariant:** reading takes time linear in the length of the text, which is bounded.

use std::collections::BTreeSet;
use std::fmt;

use super::{MAX_LENGTH, Operator, Requirement, Selector, validation};
use crate::quote::quote;

/// Why a text is no label selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Longer than [`MAX_LENGTH`].
    #[error("the selector has {length} bytes, at most {MAX_LENGTH} are read: shorten it")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Something else was due between requirements.
    #[error("found '{found}', expected: {expected}")]
    Unexpected {
        /// The text found, empty at the end.
        found: String,
        /// What could have stood there.
        expected: &'static str,
    },
    /// One requirement is malformed.
    #[error("unable to parse requirement: {0}")]
    Requirement(RequirementError),
}

/// Why one requirement of a selector is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// Something else was due.
    #[error("found '{found}', expected: {expected}")]
    Unexpected {
        /// The text found, empty at the end.
        found: String,
        /// What could have stood there.
        expected: &'static str,
    },
    /// `in` and `notin` need a list in parentheses.
    #[error("found '{found}' expected: '('")]
    NoList {
        /// The text found instead.
        found: String,
    },
    /// A key or values that Kubernetes does not allow; each entry is one sentence, never empty.
    #[error("{}", Aggregate(.0))]
    Invalid(Vec<String>),
}

struct Aggregate<'a>(&'a [String]);

impl fmt::Display for Aggregate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => f.write_str(one),
            many => write!(f, "[{}]", many.join(", ")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Closed,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    In,
    Less,
    NotEquals,
    NotIn,
    Open,
    Identifier,
    End,
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Tokens one by one, with one of look-ahead.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// The next token as the original's scanner sees it. A NUL byte ends a token and goes with it; at the start
    /// of one it ends the text.
    fn scan(&self) -> (Token, &'a str, usize) {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        while bytes.get(start).copied().is_some_and(is_space) {
            start += 1;
        }
        let Some(&first) = bytes.get(start).filter(|&&byte| byte != 0) else {
            return (Token::End, "", start);
        };
        if is_special(first) {
            let two = bytes.get(start + 1) == Some(&b'=');
            let (token, length) = match first {
                b')' => (Token::Closed, 1),
                b'(' => (Token::Open, 1),
                b',' => (Token::Comma, 1),
                b'>' => (Token::Greater, 1),
                b'<' => (Token::Less, 1),
                b'!' if two => (Token::NotEquals, 2),
                b'!' => (Token::Not, 1),
                _ if two => (Token::DoubleEquals, 2),
                _ => (Token::Equals, 1),
            };
            let end = start + length;
            return (token, &self.text[start..end], self.behind(end));
        }
        let mut end = start;
        while bytes.get(end).is_some_and(|&byte| byte != 0 && !is_special(byte) && !is_space(byte)) {
            end += 1;
        }
        let word = &self.text[start..end];
        let token = match word {
            "in" => Token::In,
            "notin" => Token::NotIn,
            _ => Token::Identifier,
        };
        (token, word, self.behind(end))
    }

    fn behind(&self, end: usize) -> usize {
        end + usize::from(self.text.as_bytes().get(end) == Some(&0))
    }

    /// Takes the next token where an operator may stand.
    fn operator(&mut self) -> (Token, &'a str) {
        let (token, text, end) = self.scan();
        self.at = end;
        (token, text)
    }

    /// Looks at the next token where `in` and `notin` are ordinary words.
    fn peek(&self) -> (Token, &'a str) {
        match self.scan() {
            (Token::In | Token::NotIn, text, _) => (Token::Identifier, text),
            (token, text, _) => (token, text),
        }
    }

    /// Takes the next token where `in` and `notin` are ordinary words.
    fn value(&mut self) -> (Token, &'a str) {
        let seen = self.peek();
        self.at = self.scan().2;
        seen
    }
}

pub(super) fn parse(text: &str) -> Result<Selector, SelectorError> {
    if text.len() > MAX_LENGTH {
        return Err(SelectorError::TooLong { length: text.len() });
    }
    let unexpected =
        |found: &str, expected| Err(SelectorError::Unexpected { found: found.to_owned(), expected });
    let mut tokens = Tokens { text, at: 0 };
    let mut requirements = Vec::new();
    loop {
        match tokens.peek() {
            (Token::Identifier | Token::Not, _) => {
                requirements.push(requirement(&mut tokens).map_err(SelectorError::Requirement)?);
                match tokens.value() {
                    (Token::End, _) => break,
                    (Token::Comma, _) => match tokens.peek() {
                        (Token::Identifier | Token::Not, _) => {}
                        (_, found) => return unexpected(found, "identifier after ','"),
                    },
                    (_, found) => return unexpected(found, "',' or 'end of string'"),
                }
            }
            (Token::End, _) => break,
            (_, found) => return unexpected(found, "!, identifier, or 'end of string'"),
        }
    }
    requirements.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(Selector { requirements })
}

fn unexpected<T>(found: &str, expected: &'static str) -> Result<T, RequirementError> {
    Err(RequirementError::Unexpected { found: found.to_owned(), expected })
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, RequirementError> {
    let (mut token, mut key) = tokens.value();
    let negated = token == Token::Not;
    if negated {
        (token, key) = tokens.value();
    }
    if token != Token::Identifier {
        return unexpected(key, "identifier");
    }
    let complaints = validation::key_complaints(key);
    if !complaints.is_empty() {
        // The original reports a key without saying where it stands; its text is kept.
        return Err(RequirementError::Invalid(vec![invalid("<nil>", key, &complaints)]));
    }
    let requirement = |operator, values| Requirement { key: key.to_owned(), operator, values };
    if negated {
        return Ok(requirement(Operator::DoesNotExist, Vec::new()));
    }
    if matches!(tokens.peek().0, Token::End | Token::Comma) {
        return Ok(requirement(Operator::Exists, Vec::new()));
    }
    let operator = match tokens.operator() {
        (Token::In, _) => Operator::In,
        (Token::NotIn, _) => Operator::NotIn,
        (Token::Equals, _) => Operator::Equals,
        (Token::DoubleEquals, _) => Operator::DoubleEquals,
        (Token::NotEquals, _) => Operator::NotEquals,
        (Token::Greater, _) => Operator::GreaterThan,
        (Token::Less, _) => Operator::LessThan,
        (_, found) => return unexpected(found, "in, notin, =, ==, !=, gt, lt"),
    };
    let values = match operator {
        Operator::In | Operator::NotIn => list(tokens)?,
        _ => vec![single(tokens)?.to_owned()],
    };
    let mut errors = Vec::new();
    if matches!(operator, Operator::GreaterThan | Operator::LessThan) {
        for (at, value) in values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err()) {
            let complaint = "for 'Gt', 'Lt' operators, the value must be an integer".to_owned();
            errors.push(invalid(&format!("values[{at}]"), value, &[complaint]));
        }
    }
    for (at, value) in values.iter().enumerate() {
        let complaints = validation::value_complaints(value);
        if !complaints.is_empty() {
            errors.push(invalid(&format!("values[{at}][{key}]"), value, &complaints));
        }
    }
    if errors.is_empty() { Ok(requirement(operator, values)) } else { Err(RequirementError::Invalid(errors)) }
}

/// One complaint in the form of `field.Invalid`.
fn invalid(path: &str, value: &str, complaints: &[String]) -> String {
    format!("{path}: Invalid value: {}: {}", quote(value.as_bytes()), complaints.join("; "))
}

/// `(a,b)`: sorted, unique; `()` and empty places between commas hold the empty value.
fn list(tokens: &mut Tokens<'_>) -> Result<Vec<String>, RequirementError> {
    let (token, found) = tokens.value();
    if token != Token::Open {
        return Err(RequirementError::NoList { found: found.to_owned() });
    }
    let mut values = BTreeSet::new();
    match tokens.peek() {
        (Token::Identifier | Token::Comma, _) => {}
        (Token::Closed, _) => {
            tokens.value();
            return Ok(vec![String::new()]);
        }
        (_, found) => return unexpected(found, "',', ')' or identifier"),
    }
    loop {
        match tokens.value() {
            (Token::Identifier, value) => {
                values.insert(value);
                match tokens.peek() {
                    (Token::Comma, _) => {}
                    (Token::Closed, _) => break,
                    (_, found) => return unexpected(found, "',' or ')'"),
                }
            }
            (Token::Comma, _) => {
                if values.is_empty() {
                    values.insert("");
                }
                match tokens.peek().0 {
                    Token::Closed => {
                        values.insert("");
                        break;
                    }
                    Token::Comma => {
                        tokens.value();
                        values.insert("");
                    }
                    _ => {}
                }
            }
            (_, found) => return unexpected(found, "',', or identifier"),
        }
    }
    tokens.value();
    Ok(values.into_iter().map(str::to_owned).collect())
}

/// The one value of a comparison; nothing before a comma or the end is the empty value.
fn single<'a>(tokens: &mut Tokens<'a>) -> Result<&'a str, RequirementError> {
    if matches!(tokens.peek().0, Token::End | Token::Comma) {
        return Ok("");
    }
    match tokens.value() {
        (Token::Identifier, value) => Ok(value),
        (_, found) => unexpected(found, "identifier"),
    }
}
