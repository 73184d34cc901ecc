//! Strings quoted as Go's `strconv.Quote` does it, which is also how PromQL reads label values.
//!
//! Not a PromQL printer: it knows nothing of expressions.
//!
//! **Invariant:** the result is valid UTF-8 for every input, and Go's `strconv.Unquote` gives the input back.

use std::fmt::Write as _;

/// Whether a character is printed as it is: letters, marks, numbers, punctuation, symbols and the ASCII
/// space (Go: `unicode.IsPrint`).
pub fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    // Rust's debug form escapes exactly the characters outside those classes. Behind another character it
    // leaves combining marks alone, as Go does.
    let mut buffer = [b'a'; 5];
    let length = 1 + character.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..length]).is_ok_and(|text| text.escape_debug().nth(1) != Some('\\'))
}

/// Quotes `text` with double quotes. Printable characters stay, bytes that are no UTF-8 become `\xff`
/// (Go: `strconv.Quote`).
pub fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(&mut out, text, '"', false);
    out
}

/// Quotes `text` so that PromQL reads it again: as [`quote`], but a replacement character is written `\ufffd`.
/// Its lexer refuses that character as it is, so what Prometheus prints here it cannot read itself.
pub fn quote_promql(text: &str) -> String {
    quote(text.as_bytes()).replace(char::REPLACEMENT_CHARACTER, r"\ufffd")
}

/// Quotes `text` with double quotes and leaves only ASCII (Go: `strconv.QuoteToASCII`).
pub fn quote_ascii(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(&mut out, text, '"', true);
    out
}

/// Quotes one character with single quotes (Go: `strconv.QuoteRune`, with `ascii` `QuoteRuneToASCII`).
pub fn quote_char(character: char, ascii: bool) -> String {
    let mut out = String::with_capacity(6);
    let mut buffer = [0; 4];
    quote_into(&mut out, character.encode_utf8(&mut buffer).as_bytes(), '\'', ascii);
    out
}

/// Appends the double-quoted form of `text` to `out` (Go: `strconv.AppendQuote`).
pub fn append_quoted(out: &mut String, text: &[u8]) {
    quote_into(out, text, '"', false);
}

fn quote_into(out: &mut String, text: &[u8], mark: char, ascii: bool) {
    out.push(mark);
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                _ if character == mark => {
                    out.push('\\');
                    out.push(mark);
                }
                ' '..='~' => out.push(character),
                '\x07' => out.push_str("\\a"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x0b' => out.push_str("\\v"),
                _ if !ascii && is_printable(character) => out.push(character),
                '\0'..='\x1f' | '\x7f' => escape(out, format_args!("\\x{:02x}", u32::from(character))),
                '\u{80}'..='\u{ffff}' => escape(out, format_args!("\\u{:04x}", u32::from(character))),
                _ => escape(out, format_args!("\\U{:08x}", u32::from(character))),
            }
        }
        for byte in chunk.invalid() {
            escape(out, format_args!("\\x{byte:02x}"));
        }
    }
    out.push(mark);
}

fn escape(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        let rows: &[(&[u8], &str, &str)] = &[
            (b"", r#""""#, r#""""#),
            (b"web-1.x_y", r#""web-1.x_y""#, r#""web-1.x_y""#),
            (b"we\"b'", r#""we\"b'""#, r#""we\"b'""#),
            (b"a\\b", r#""a\\b""#, r#""a\\b""#),
            ("ü✓😀".as_bytes(), "\"ü✓😀\"", r#""\u00fc\u2713\U0001f600""#),
            (
                b"\x07\x08\x0c\n\r\t\x0b\x00\x1b\x7f",
                r#""\a\b\f\n\r\t\v\x00\x1b\x7f""#,
                r#""\a\b\f\n\r\t\v\x00\x1b\x7f""#,
            ),
            ("a\u{200b}b\u{a0}".as_bytes(), r#""a\u200bb\u00a0""#, r#""a\u200bb\u00a0""#),
            ("e\u{301}".as_bytes(), "\"e\u{301}\"", r#""e\u0301""#),
            ("\u{301}".as_bytes(), "\"\u{301}\"", r#""\u0301""#),
            (b"\xff\xc3", r#""\xff\xc3""#, r#""\xff\xc3""#),
            ("\u{e000}\u{10ffff}".as_bytes(), r#""\ue000\U0010ffff""#, r#""\ue000\U0010ffff""#),
        ];
        for (text, quoted, ascii) in rows {
            assert_eq!(quote(text), *quoted, "{text:?}");
            assert_eq!(quote_ascii(text), *ascii, "{text:?}");
        }
    }

    #[test]
    fn characters_are_quoted_with_single_quotes() {
        assert_eq!(quote_char('A', false), "'A'");
        assert_eq!(quote_char('\'', false), r"'\''");
        assert_eq!(quote_char('"', false), "'\"'");
        assert_eq!(quote_char('é', false), "'é'");
        assert_eq!(quote_char('é', true), r"'\u00e9'");
    }
}
