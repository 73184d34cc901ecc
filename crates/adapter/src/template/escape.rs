//! The escaping functions `html`, `js` and `urlquery`, after Go's `text/template` and `net/url`.
//!
//! Not contextual: text is escaped the same way wherever it stands.
//!
//! **Invariant:** each function's output is at most six times its input.

use plimsoll_model::quote::is_printable;

pub(super) fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        let entity: &[u8] = match byte {
            b'"' => b"&#34;",
            b'\'' => b"&#39;",
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            0 => "\u{fffd}".as_bytes(),
            _ => &[byte],
        };
        out.extend_from_slice(entity);
    }
    out
}

pub(super) fn js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' | '\'' | '"' => out.extend([b'\\', character as u8]),
                '<' | '>' | '&' | '=' | '\0'..='\x1f' => unicode_escape(&mut out, character),
                '\x20'..='\x7f' => out.push(character as u8),
                _ if is_printable(character) => {
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => unicode_escape(&mut out, character),
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
    out
}

fn unicode_escape(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(format!("\\u{:04X}", u32::from(character)).as_bytes());
}

pub(super) fn url_query(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
        }
    }
    out
}
