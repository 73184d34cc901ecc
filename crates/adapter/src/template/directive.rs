//! `printf`: a format string read directive by directive, after Go's `fmt`.
//!
//! Not how values print; see `format.rs`.
//!
//! **Invariant:** what is wrong with a format shows in the output, as in Go (`%!d(MISSING)`); it is never an error.

use super::datum::Datum;
use super::format::{Flags, Printed, Printer, TooLong};

/// Widths and precisions beyond this are no numbers to Go.
const MAX_NUMBER: i64 = 1_000_000;

/// Go's `fmt.Sprintf`.
pub(super) fn printf(format: &[u8], arguments: &[Datum<'_>], limit: usize) -> Result<Vec<u8>, TooLong> {
    let mut out = Vec::with_capacity(format.len() + 16);
    let mut directives = Directives { format, at: 0, arguments, next: 0, reordered: false, sound: true };
    let mut printer = Printer { out: &mut out, limit, flags: Flags::default() };
    directives.run(&mut printer)?;
    Ok(out)
}

/// A walk through a format string.
struct Directives<'f, 'a> {
    format: &'f [u8],
    at: usize,
    arguments: &'f [Datum<'a>],
    /// Index of the argument that the next verb takes.
    next: usize,
    /// An explicit index was used somewhere, so unused arguments are no mistake.
    reordered: bool,
    /// The explicit indexes of the current directive are in range.
    sound: bool,
}

impl Directives<'_, '_> {
    fn byte(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn run(&mut self, printer: &mut Printer<'_>) -> Printed {
        while self.at < self.format.len() {
            let plain = self.format[self.at..].iter().position(|&byte| byte == b'%');
            let end = plain.map_or(self.format.len(), |length| self.at + length);
            printer.push(&self.format[self.at..end])?;
            self.at = end + 1;
            if plain.is_some() {
                self.directive(printer)?;
            }
        }
        if !self.reordered && self.next < self.arguments.len() {
            printer.flags = Flags::default();
            printer.push(b"%!(EXTRA ")?;
            for (at, argument) in self.arguments[self.next..].iter().enumerate() {
                if at > 0 {
                    printer.push(b", ")?;
                }
                printer.typed(argument)?;
            }
            printer.push(b")")?;
        }
        Ok(())
    }

    fn directive(&mut self, printer: &mut Printer<'_>) -> Printed {
        let flags = &mut printer.flags;
        *flags = Flags::default();
        self.sound = true;
        while let Some(byte) = self.byte() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        let mut indexed = self.explicit_index();
        if self.byte() == Some(b'*') {
            self.at += 1;
            match self.number_argument() {
                Some(width) => {
                    printer.flags.minus |= width < 0;
                    printer.flags.width = usize::try_from(width.abs()).ok();
                }
                None => printer.push(b"%!(BADWIDTH)")?,
            }
            indexed = false;
        } else {
            printer.flags.width = self.number();
            if indexed && printer.flags.width.is_some() {
                self.sound = false;
            }
        }
        // A point that ends the format is taken for the verb.
        if self.byte() == Some(b'.') && self.at + 1 < self.format.len() {
            self.at += 1;
            if indexed {
                self.sound = false;
            }
            indexed = self.explicit_index();
            if self.byte() == Some(b'*') {
                self.at += 1;
                printer.flags.precision =
                    self.number_argument().and_then(|number| usize::try_from(number).ok());
                if printer.flags.precision.is_none() {
                    printer.push(b"%!(BADPREC)")?;
                }
                indexed = false;
            } else {
                printer.flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !indexed {
            self.explicit_index();
        }
        let Some(verb) = self.verb() else { return printer.push(b"%!(NOVERB)") };
        match self.arguments.get(self.next) {
            _ if verb == '%' => printer.push(b"%"),
            _ if !self.sound => printer.complain(verb, "(BADINDEX)"),
            None => printer.complain(verb, "(MISSING)"),
            Some(argument) => {
                self.next += 1;
                if verb == 'v' {
                    let flags = &mut printer.flags;
                    flags.sharp_v = std::mem::take(&mut flags.sharp);
                    flags.plus_v = std::mem::take(&mut flags.plus);
                }
                printer.argument(argument, verb)
            }
        }
    }

    /// The verb: one character, U+FFFD for a byte that is none.
    fn verb(&mut self) -> Option<char> {
        let rest = self.format.get(self.at..).filter(|rest| !rest.is_empty())?;
        let window = &rest[..rest.len().min(4)];
        let first = window.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
        self.at += first.map_or(1, char::len_utf8);
        Some(first.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// A decimal number, if one stands here that is not too large.
    fn number(&mut self) -> Option<usize> {
        let digits =
            self.format[self.at.min(self.format.len())..].iter().take_while(|byte| byte.is_ascii_digit());
        let mut value = 0_i64;
        let mut count = 0;
        for digit in digits {
            if value > MAX_NUMBER {
                // As Go does: the number ends here without a value.
                self.at += count;
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
            count += 1;
        }
        self.at += count;
        if count == 0 { None } else { usize::try_from(value).ok() }
    }

    /// A width or precision taken from the arguments.
    fn number_argument(&mut self) -> Option<i64> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        match argument {
            Datum::Int(value) if (-MAX_NUMBER..=MAX_NUMBER).contains(value) => Some(*value),
            Datum::Byte(value) => Some((*value).into()),
            _ => None,
        }
    }

    /// `[3]`: which argument comes next.
    fn explicit_index(&mut self) -> bool {
        if self.byte() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let Some(length) = self.format[self.at..].iter().position(|&byte| byte == b']') else {
            self.sound = false;
            self.at += 1;
            return false;
        };
        let digits = &self.format[self.at + 1..self.at + length];
        let index = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse::<usize>().ok())
            .and_then(|index| index.checked_sub(1))
            .filter(|&index| index < self.arguments.len());
        self.at += length + 1;
        match index {
            Some(index) => {
                self.next = index;
                true
            }
            None => {
                self.sound = false;
                false
            }
        }
    }
}
