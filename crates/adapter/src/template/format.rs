//! How values print under a verb and its flags, after Go's `fmt`.
//!
//! Not a reader of format strings; see `directive.rs`. Not for addresses: `%p` of a slice or map prints zero, since an address would differ each time.
//!
//! **Invariant:** printing stops with [`TooLong`] once the output exceeds its limit.

use super::datum::Datum;
use super::value::Value;
use plimsoll_model::quote::{is_printable, quote, quote_ascii, quote_char};

use super::float;

/// The output would exceed its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

pub(super) type Printed = Result<(), TooLong>;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub plus: bool,
    pub minus: bool,
    pub sharp: bool,
    pub space: bool,
    pub zero: bool,
    /// `%+v`.
    pub plus_v: bool,
    /// `%#v`.
    pub sharp_v: bool,
    pub width: Option<usize>,
    pub precision: Option<usize>,
}

pub(super) struct Printer<'o> {
    pub out: &'o mut Vec<u8>,
    pub limit: usize,
    pub flags: Flags,
}

/// Appends `datum` as `%v` prints it.
pub(super) fn print_default(out: &mut Vec<u8>, datum: &Datum<'_>, limit: usize) -> Printed {
    Printer { out, limit, flags: Flags::default() }.argument(datum, 'v')
}

/// Go's `fmt.Sprint`: a space between two operands that are no strings.
pub(super) fn print(arguments: &[Datum<'_>], limit: usize) -> Result<Vec<u8>, TooLong> {
    let mut out = Vec::new();
    let mut string_before = true;
    for (at, argument) in arguments.iter().enumerate() {
        let string = matches!(argument, Datum::String(_));
        if at > 0 && !string && !string_before {
            out.push(b' ');
        }
        print_default(&mut out, argument, limit)?;
        string_before = string;
    }
    Ok(out)
}

/// Go's `fmt.Sprintln`: a space between all operands and a newline.
pub(super) fn println(arguments: &[Datum<'_>], limit: usize) -> Result<Vec<u8>, TooLong> {
    let mut out = Vec::new();
    for (at, argument) in arguments.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        print_default(&mut out, argument, limit)?;
    }
    out.push(b'\n');
    Ok(out)
}

impl Printer<'_> {
    pub fn push(&mut self, bytes: &[u8]) -> Printed {
        self.out.extend_from_slice(bytes);
        if self.out.len() > self.limit { Err(TooLong) } else { Ok(()) }
    }

    pub fn complain(&mut self, verb: char, complaint: &str) -> Printed {
        self.push(format!("%!{verb}{complaint}").as_bytes())
    }

    /// `int=1`, as it stands in complaints.
    pub fn typed(&mut self, argument: &Datum<'_>) -> Printed {
        if matches!(argument, Datum::Nothing) {
            return self.push(b"<nil>");
        }
        self.push(argument.type_name().as_bytes())?;
        self.push(b"=")?;
        self.argument(argument, 'v')
    }

    fn bad_verb(&mut self, argument: &Datum<'_>, verb: char) -> Printed {
        self.complain(verb, "(")?;
        self.typed(argument)?;
        self.push(b")")
    }

    fn fill(&mut self, count: usize) -> Printed {
        let byte = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        self.out.resize(self.out.len() + count, byte);
        self.push(b"")
    }

    /// Pads to the width, which counts characters.
    fn pad(&mut self, bytes: &[u8]) -> Printed {
        let length: usize =
            bytes.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum();
        let missing = self.flags.width.unwrap_or(0).saturating_sub(length);
        if missing > 0 && !self.flags.minus {
            self.fill(missing)?;
        }
        self.push(bytes)?;
        if missing > 0 && self.flags.minus { self.fill(missing) } else { Ok(()) }
    }

    fn pad_without_zeros(&mut self, bytes: &[u8]) -> Printed {
        let zero = std::mem::take(&mut self.flags.zero);
        let printed = self.pad(bytes);
        self.flags.zero = zero;
        printed
    }

    pub fn argument(&mut self, argument: &Datum<'_>, verb: char) -> Printed {
        if verb == 'T' {
            let name = if matches!(argument, Datum::Nothing) { "<nil>" } else { argument.type_name() };
            return self.string(name.as_bytes(), 's');
        }
        match argument {
            Datum::Nothing if verb == 'v' => self.pad(b"<nil>"),
            Datum::Nothing => self.complain(verb, "(<nil>)"),
            Datum::Bool(value) if matches!(verb, 't' | 'v') => self.pad(value.to_string().as_bytes()),
            Datum::Int(value) => match verb {
                'v' => self.integer(*value < 0, value.unsigned_abs(), 'd'),
                'b' | 'd' | 'o' | 'O' | 'x' | 'X' => self.integer(*value < 0, value.unsigned_abs(), verb),
                'c' | 'q' | 'U' => self.code_point(*value as u64, verb),
                _ => self.bad_verb(argument, verb),
            },
            Datum::Byte(value) => match verb {
                'v' if self.flags.sharp_v => {
                    self.flags.sharp = true;
                    let printed = self.integer(false, (*value).into(), 'x');
                    self.flags.sharp = false;
                    printed
                }
                'v' => self.integer(false, (*value).into(), 'd'),
                'b' | 'd' | 'o' | 'O' | 'x' | 'X' => self.integer(false, (*value).into(), verb),
                'c' | 'q' | 'U' => self.code_point((*value).into(), verb),
                _ => self.bad_verb(argument, verb),
            },
            Datum::Float(value) if is_float_verb(verb) => self.float(*value, verb),
            Datum::Complex(real, imaginary) if is_float_verb(verb) => {
                let plus = self.flags.plus;
                self.push(b"(")?;
                self.float(*real, verb)?;
                self.flags.plus = true;
                self.float(*imaginary, verb)?;
                self.flags.plus = plus;
                self.push(b"i)")
            }
            Datum::String(text) if matches!(verb, 's' | 'v' | 'q' | 'x' | 'X') => self.string(text, verb),
            Datum::Strings(values) => {
                let (open, separator, close): (&[u8], &[u8], &[u8]) =
                    if self.flags.sharp_v { (b"[]string{", b", ", b"}") } else { (b"[", b" ", b"]") };
                if verb == 'p' {
                    return self.pad(b"0x0");
                }
                self.push(open)?;
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        self.push(separator)?;
                    }
                    self.argument(&Datum::borrowed(value), verb)?;
                }
                self.push(close)
            }
            Datum::Map(entries) => {
                let (open, separator, close): (&[u8], &[u8], &[u8]) = if self.flags.sharp_v {
                    (b"map[string]string{", b", ", b"}")
                } else {
                    (b"map[", b" ", b"]")
                };
                if verb == 'p' {
                    return self.pad(b"0x0");
                }
                self.push(open)?;
                for (at, (key, value)) in entries.iter().enumerate() {
                    if at > 0 {
                        self.push(separator)?;
                    }
                    self.argument(&Datum::borrowed(key), verb)?;
                    self.push(b":")?;
                    self.argument(&Datum::borrowed(value), verb)?;
                }
                self.push(close)
            }
            Datum::Struct(fields) if verb != 'p' => self.record(fields, verb),
            _ => self.bad_verb(argument, verb),
        }
    }

    fn record(&mut self, fields: &[(&str, Value<'_>)], verb: char) -> Printed {
        let sharp = self.flags.sharp_v;
        self.push(if sharp { b"struct{" } else { b"{" })?;
        for (at, (name, value)) in fields.iter().enumerate() {
            if at > 0 {
                self.push(if sharp { b", " } else { b" " })?;
            }
            if sharp || self.flags.plus_v {
                self.push(name.as_bytes())?;
                self.push(b":")?;
            }
            self.argument(&Datum::from(value), verb)?;
        }
        self.push(b"}")
    }

    fn integer(&mut self, negative: bool, magnitude: u64, verb: char) -> Printed {
        let flags = self.flags;
        if flags.precision == Some(0) && magnitude == 0 {
            self.flags.zero = false;
            let printed = self.fill(flags.width.unwrap_or(0));
            self.flags.zero = flags.zero;
            return printed;
        }
        let sign = if negative {
            "-"
        } else if flags.plus {
            "+"
        } else if flags.space {
            " "
        } else {
            ""
        };
        let digits = match verb {
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            _ => magnitude.to_string(),
        };
        let least = match flags.width {
            _ if flags.precision.is_some() => flags.precision.unwrap_or(0),
            Some(width) if flags.zero && !flags.minus => width.saturating_sub(sign.len()),
            _ => 0,
        };
        let zeros = least.saturating_sub(digits.len());
        let prefix = match verb {
            'O' if flags.sharp && zeros == 0 && !digits.starts_with('0') => "0o0",
            'O' => "0o",
            'b' if flags.sharp => "0b",
            'o' if flags.sharp && zeros == 0 && !digits.starts_with('0') => "0",
            'x' if flags.sharp => "0x",
            'X' if flags.sharp => "0X",
            _ => "",
        };
        let mut text = Vec::with_capacity(sign.len() + prefix.len() + zeros + digits.len());
        text.extend_from_slice(sign.as_bytes());
        text.extend_from_slice(prefix.as_bytes());
        text.resize(text.len() + zeros, b'0');
        text.extend_from_slice(digits.as_bytes());
        self.pad_without_zeros(&text)
    }

    /// `%c`, `%q` and `%U` of an integer.
    fn code_point(&mut self, code: u64, verb: char) -> Printed {
        let known = u32::try_from(code).ok().and_then(char::from_u32);
        let character = known.unwrap_or(char::REPLACEMENT_CHARACTER);
        match verb {
            'c' => self.pad(character.encode_utf8(&mut [0; 4]).as_bytes()),
            'q' => self.pad(quote_char(character, self.flags.plus).as_bytes()),
            _ => {
                let least = self.flags.precision.unwrap_or(4).max(4);
                let digits = format!("{code:X}");
                let zeros = "0".repeat(least.saturating_sub(digits.len()));
                let mut text = format!("U+{zeros}{digits}");
                if self.flags.sharp
                    && let Some(character) = known.filter(|&character| is_printable(character))
                {
                    text.push_str(&format!(" '{character}'"));
                }
                self.pad_without_zeros(text.as_bytes())
            }
        }
    }

    fn float(&mut self, value: f64, verb: char) -> Printed {
        let flags = self.flags;
        let (kind, precision) = match verb {
            'v' => (b'g', None),
            'e' | 'E' => (verb as u8, Some(6)),
            'f' | 'F' => (b'f', Some(6)),
            _ => (verb as u8, None),
        };
        let precision = flags.precision.or(precision);
        let mut text = float::format(value, kind, precision);
        if !text.starts_with(['+', '-']) {
            text.insert(0, if flags.space && !flags.plus { ' ' } else { '+' });
        }
        if !value.is_finite() {
            let bare = value.is_nan() && !flags.space && !flags.plus || text.starts_with('+') && !flags.plus;
            return self.pad_without_zeros(&text.as_bytes()[usize::from(bare && !value.is_infinite())..]);
        }
        if flags.sharp && kind != b'b' {
            text = with_point(&text, kind, precision);
        }
        let signed = flags.plus || !text.starts_with('+');
        if !signed {
            return self.pad(&text.as_bytes()[1..]);
        }
        let missing = flags.width.unwrap_or(0).saturating_sub(text.len());
        if flags.zero && !flags.minus && missing > 0 {
            self.push(&text.as_bytes()[..1])?;
            self.fill(missing)?;
            return self.push(&text.as_bytes()[1..]);
        }
        self.pad(text.as_bytes())
    }

    fn string(&mut self, text: &[u8], verb: char) -> Printed {
        match verb {
            'x' | 'X' => return self.hexadecimal(text, verb),
            'v' if self.flags.sharp_v => {}
            's' | 'v' => return self.pad(self.truncated(text)),
            _ => {}
        }
        let text = self.truncated(text);
        if self.flags.sharp
            && let Ok(raw) = std::str::from_utf8(text)
            && raw.chars().all(|character| {
                character == '\t' || !character.is_control() && !matches!(character, '`' | '\u{feff}')
            })
        {
            return self.pad(format!("`{raw}`").as_bytes());
        }
        let quoted = if self.flags.plus { quote_ascii(text) } else { quote(text) };
        self.pad(quoted.as_bytes())
    }

    /// The first characters of `text`, as many as the precision allows.
    fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(mut left) = self.flags.precision else { return text };
        let mut end = 0;
        for chunk in text.utf8_chunks() {
            let lengths = chunk.valid().chars().map(char::len_utf8).chain(chunk.invalid().iter().map(|_| 1));
            for length in lengths {
                if left == 0 {
                    return &text[..end];
                }
                left -= 1;
                end += length;
            }
        }
        text
    }

    fn hexadecimal(&mut self, text: &[u8], verb: char) -> Printed {
        let flags = self.flags;
        let text = &text[..flags.precision.map_or(text.len(), |precision| precision.min(text.len()))];
        let prefix = if verb == 'x' { "0x" } else { "0X" };
        let mut out = String::with_capacity(text.len() * 2);
        for (at, byte) in text.iter().enumerate() {
            if flags.space && at > 0 {
                out.push(' ');
            }
            if flags.sharp && (at == 0 || flags.space) {
                out.push_str(prefix);
            }
            out.push_str(&if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") });
        }
        self.pad(out.as_bytes())
    }
}

fn is_float_verb(verb: char) -> bool {
    matches!(verb, 'v' | 'b' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'x' | 'X')
}

/// The sharp flag of floats: always a decimal point, and for `g` the zeros that are left out otherwise.
fn with_point(text: &str, kind: u8, precision: Option<usize>) -> String {
    let marks: &[char] = if matches!(kind, b'x' | b'X') { &['p', 'P'] } else { &['e', 'E'] };
    let split = text.find(marks).unwrap_or(text.len());
    let (number, exponent) = text.split_at(split);
    let mut out = number.to_owned();
    let wanted = if matches!(kind, b'g' | b'G' | b'x') { precision.unwrap_or(6) } else { 0 };
    let significant = number[1..].trim_start_matches(['0', '.']).bytes().filter(|&byte| byte != b'.').count();
    let significant = if number[1..] == *"0" { 1 } else { significant };
    if !number.contains('.') {
        out.push('.');
    }
    out.extend(std::iter::repeat_n('0', wanted.saturating_sub(significant)));
    out.push_str(exponent);
    out
}
