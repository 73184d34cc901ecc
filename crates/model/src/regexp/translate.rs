//! Go's regular expression grammar read and written anew in the `regex` crate's, after Go's
//! `regexp/syntax/parse.go` with the flags of `regexp.Compile`.
//!
//! Not an optimiser: each element is written with its flags spelled out, so that nothing depends on how the crate
//! scopes them.
//!
//! **Invariant:** what is written uses no flag, escape or class whose meaning differs between the two.

use super::element::{class_text, range_into};
use super::{MAX_NESTING, Problem, RegexpError, shorten};

/// A pattern in the crate's syntax.
pub(super) struct Translated {
    pub pattern: String,
    /// Names of the capture groups, from group 1 on.
    pub names: Vec<Option<Box<str>>>,
}

const MAX_REPEAT: u32 = 1000;

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    /// `i`.
    fold_case: bool,
    /// `m`.
    multi_line: bool,
    /// `s`.
    dot_newline: bool,
    /// `U`.
    ungreedy: bool,
}

/// A repeat count; `None` is one that is too large to hold.
type Count = Option<u32>;

/// Something that a repetition can follow.
struct Atom {
    text: String,
    /// The largest product of repeat counts inside.
    repeats: u32,
}

/// An open group, or the whole pattern.
struct Frame {
    opening: &'static str,
    /// Finished alternatives, each followed by its bar.
    before: String,
    repeats: u32,
    atoms: Vec<Atom>,
    /// Flags to return to after the group.
    flags: Flags,
}

pub(super) struct Translator<'p> {
    pub pattern: &'p str,
    pub at: usize,
    flags: Flags,
    frames: Vec<Frame>,
    names: Vec<Option<Box<str>>>,
}

pub(super) type Translation<T> = Result<T, RegexpError>;

/// `dot_newline` is the flag `s` from the start.
pub(super) fn translate(pattern: &str, dot_newline: bool) -> Translation<Translated> {
    let flags = Flags { dot_newline, ..Flags::default() };
    let whole = Frame { opening: "", before: String::new(), repeats: 1, atoms: Vec::new(), flags };
    let mut translator = Translator { pattern, at: 0, flags, frames: vec![whole], names: Vec::new() };
    translator.run()?;
    let mut frames = translator.frames;
    match (frames.pop(), frames.is_empty()) {
        (Some(whole), true) => Ok(Translated { pattern: whole.finish().text, names: translator.names }),
        _ => Err(RegexpError { problem: Problem::MissingParenthesis, part: shorten(pattern), hint: None }),
    }
}

impl Frame {
    fn finish(self) -> Atom {
        let mut text = self.opening.to_owned();
        text.push_str(&self.before);
        let mut repeats = self.repeats;
        for atom in &self.atoms {
            text.push_str(&atom.text);
            repeats = repeats.max(atom.repeats);
        }
        text.push_str(if self.opening.is_empty() { "" } else { ")" });
        Atom { text, repeats }
    }
}

impl<'p> Translator<'p> {
    pub fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    pub fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    /// An error about the pattern from `start` up to here.
    pub fn error<T>(&self, problem: Problem, start: usize, hint: Option<&'static str>) -> Translation<T> {
        Err(RegexpError { problem, part: shorten(&self.pattern[start..self.at]), hint })
    }

    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            // Never the case: closing the outermost frame is refused.
            let flags = self.flags;
            self.frames.push(Frame {
                opening: "",
                before: String::new(),
                repeats: 1,
                atoms: Vec::new(),
                flags,
            });
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn push(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.frame().atoms.push(Atom { text, repeats: 1 });
    }

    /// Pushes the members of a class, given in brackets syntax.
    pub fn push_class(&mut self, negated: bool, members: &str) {
        let text = class_text(negated, members);
        self.push(if self.flags.fold_case { format!("(?i:{text})") } else { text });
    }

    fn literal(&mut self, code: u32) {
        let mut text = String::new();
        range_into(&mut text, code, code);
        match char::from_u32(code) {
            None => self.push_class(false, ""),
            Some(_) if self.flags.fold_case => self.push(format!("(?i:{text})")),
            Some(_) => self.push(text),
        }
    }

    fn run(&mut self) -> Translation<()> {
        let mut repeated: Option<usize> = None;
        while let Some(character) = self.peek() {
            let start = self.at;
            let last_repeat = repeated.take();
            match character {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.at += 1;
                    let frame = self.frame();
                    for atom in std::mem::take(&mut frame.atoms) {
                        frame.before.push_str(&atom.text);
                        frame.repeats = frame.repeats.max(atom.repeats);
                    }
                    frame.before.push('|');
                }
                '^' => {
                    self.at += 1;
                    self.push(if self.flags.multi_line { "(?m:^)" } else { r"\A" });
                }
                '$' => {
                    self.at += 1;
                    self.push(if self.flags.multi_line { "(?m:$)" } else { r"\z" });
                }
                '.' => {
                    self.at += 1;
                    self.push(if self.flags.dot_newline { "(?s:.)" } else { r"[^\n]" });
                }
                '[' => self.bracket()?,
                '*' | '+' | '?' => {
                    self.at += 1;
                    let bounds = match character {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    self.repeat(start, last_repeat, character.to_string(), bounds, false)?;
                    repeated = Some(start);
                }
                '{' => match self.counts() {
                    Some((min, max)) => {
                        let valid = |count: Count| count.is_some_and(|count| count <= MAX_REPEAT);
                        let sound = valid(min) && max.is_none_or(|max| valid(max) && max >= min);
                        if !sound {
                            return self.error(Problem::RepeatCount, start, Some("counts go up to 1000"));
                        }
                        let (min, max) = (min.unwrap_or(0), max.flatten());
                        let text = self.pattern[start..self.at].to_owned();
                        self.repeat(start, last_repeat, text, (min, max), true)?;
                        repeated = Some(start);
                    }
                    None => {
                        self.at += 1;
                        self.literal('{'.into());
                    }
                },
                '\\' => self.backslash()?,
                _ => {
                    self.at += character.len_utf8();
                    self.literal(character.into());
                }
            }
        }
        Ok(())
    }

    /// `{2}`, `{2,}` or `{2,5}`, consumed when it is one: the least count and, unless there is no upper bound, the
    /// largest. A number too large to matter is `None`.
    fn counts(&mut self) -> Option<(Count, Option<Count>)> {
        let start = self.at;
        let mut read = || {
            self.at += 1;
            let min = self.count()?;
            let max = if !self.eat(",") {
                Some(min)
            } else if self.rest().starts_with('}') {
                None
            } else {
                Some(self.count()?)
            };
            self.eat("}").then_some((min, max))
        };
        let counts = read();
        if counts.is_none() {
            self.at = start;
        }
        counts
    }

    fn count(&mut self) -> Option<Count> {
        let rest = self.rest();
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = &rest[..length];
        if digits.is_empty() || (length > 1 && digits.starts_with('0')) {
            return None;
        }
        self.at += length;
        Some(digits.parse().ok().filter(|&count| count < 100_000_000))
    }

    /// Applies the repetition `operator`, which starts at `start` and has been consumed, to what is before it.
    fn repeat(
        &mut self,
        start: usize,
        last_repeat: Option<usize>,
        operator: String,
        (min, max): (u32, Option<u32>),
        counted: bool,
    ) -> Translation<()> {
        let lazy = self.eat("?");
        if let Some(last_repeat) = last_repeat {
            let possessive = operator == "+" && !lazy;
            let hint = if possessive {
                "RE2 has no possessive quantifiers; leave the second + out"
            } else {
                "put the inner repetition in a group (?:…)"
            };
            return self.error(Problem::NestedRepetition, last_repeat, Some(hint));
        }
        let lazy = lazy != self.flags.ungreedy;
        let Some(atom) = self.frame().atoms.pop() else {
            return self.error(
                Problem::MissingArgument,
                start,
                Some("write \\ before it to mean the character itself"),
            );
        };
        let repeats = match max.unwrap_or(min) {
            _ if !counted => atom.repeats,
            0 if max == Some(0) => 1,
            0 => atom.repeats,
            count => atom.repeats.saturating_mul(count),
        };
        if counted && (min >= 2 || max.is_some_and(|max| max >= 2)) && repeats > MAX_REPEAT {
            let hint = "counts multiply with those inside and together go up to 1000";
            return self.error(Problem::RepeatCount, start, Some(hint));
        }
        let text = format!("(?:{}){operator}{}", atom.text, if lazy { "?" } else { "" });
        self.frame().atoms.push(Atom { text, repeats });
        Ok(())
    }

    fn enter(&mut self, opening: &'static str, flags: Flags) -> Translation<()> {
        if self.frames.len() > MAX_NESTING {
            let hint = Some("groups nest up to 100 levels");
            return Err(RegexpError { problem: Problem::TooDeep, part: shorten(self.pattern), hint });
        }
        let before = std::mem::replace(&mut self.flags, flags);
        self.frames.push(Frame {
            opening,
            before: String::new(),
            repeats: 1,
            atoms: Vec::new(),
            flags: before,
        });
        Ok(())
    }

    fn close(&mut self) -> Translation<()> {
        self.at += 1;
        match self.frames.pop() {
            Some(frame) if !self.frames.is_empty() => {
                self.flags = frame.flags;
                let atom = frame.finish();
                self.frame().atoms.push(atom);
                Ok(())
            }
            _ => {
                let (problem, hint) =
                    (Problem::UnexpectedParenthesis, Some("write \\) to mean the character itself"));
                Err(RegexpError { problem, part: shorten(self.pattern), hint })
            }
        }
    }

    fn open(&mut self) -> Translation<()> {
        let start = self.at;
        if !self.eat("(?") {
            self.at += 1;
            self.names.push(None);
            return self.enter("(", self.flags);
        }
        let rest = self.rest();
        let name_length = match (rest.strip_prefix("P<"), rest.strip_prefix('<')) {
            (Some(name), _) if !name.is_empty() => Some(2),
            (_, Some(name)) if !name.is_empty() => Some(1),
            _ => None,
        };
        if let Some(prefix) = name_length {
            let behind = rest.starts_with("<=") || rest.starts_with("<!");
            let hint = if behind {
                "RE2 has no lookbehind; match the text around it, or add a second filter"
            } else {
                "a name is letters, digits and _, as in (?P<name>…)"
            };
            let Some(end) = rest.find('>') else {
                self.at = self.pattern.len();
                return self.error(Problem::NamedCapture, start, Some(hint));
            };
            self.at += end + 1;
            let name = &rest[prefix..end];
            let sound =
                !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
            if !sound {
                return self.error(Problem::NamedCapture, start, Some(hint));
            }
            self.names.push(Some(name.into()));
            return self.enter("(", self.flags);
        }
        self.perl_flags(start)
    }

    /// `(?i)`, `(?i:` or `(?:`, behind its question mark.
    fn perl_flags(&mut self, start: usize) -> Translation<()> {
        let mut flags = self.flags;
        let (mut value, mut seen) = (true, false);
        while let Some(character) = self.next() {
            match character {
                'i' => flags.fold_case = value,
                'm' => flags.multi_line = value,
                's' => flags.dot_newline = value,
                'U' => flags.ungreedy = value,
                '-' if value => {
                    value = false;
                    seen = false;
                    continue;
                }
                ':' | ')' if value || seen => {
                    if character == ':' {
                        return self.enter("(?:", flags);
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            seen = true;
        }
        let hint = match &self.pattern[start..self.at] {
            "(?=" | "(?!" => Some("RE2 has no lookahead; exclude with a second condition, !~ or isNot"),
            "(?>" => Some("RE2 has no atomic groups; it never needs them, write (?:…)"),
            "(?#" => Some("RE2 has no comments"),
            "(?x" => Some("RE2 has no verbose mode; take out the white space"),
            "(?P" => Some("a named group is written (?P<name>…); RE2 has no references to one"),
            _ => Some("RE2 has the flags i, m, s and U"),
        };
        self.error(Problem::Perl, start, hint)
    }

    fn backslash(&mut self) -> Translation<()> {
        let start = self.at;
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix(r"\Q") {
            let (quoted, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            for character in quoted.chars() {
                self.literal(character.into());
            }
            self.at = self.pattern.len() - after.len();
            return Ok(());
        }
        let text = match rest.as_bytes().get(1) {
            Some(b'A') => r"\A",
            Some(b'z') => r"\z",
            Some(b'b') => r"(?-u:\b)",
            Some(b'B') => r"(?-u:\B)",
            Some(b'C') => {
                self.at += 2;
                return self.error(
                    Problem::Escape,
                    start,
                    Some("a single byte cannot be matched; write . instead"),
                );
            }
            _ => {
                match self.class_escape()? {
                    Some((negated, members)) => self.push_class(negated, &members),
                    None => {
                        let code = self.escape()?;
                        self.literal(code);
                    }
                }
                return Ok(());
            }
        };
        self.at += 2;
        self.push(text);
        Ok(())
    }
}
