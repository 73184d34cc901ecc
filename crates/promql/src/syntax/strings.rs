//! Quoted strings of a query.
//!
//! **Invariant:** what Go's `strconv.Unquote` refuses is refused.

/// The text that a quoted string stands for. Double and single quotes know Go's escapes, backquotes none.
pub fn unquote(quoted: &str) -> Option<String> {
    let quote = quoted.chars().next()?;
    let inner = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return Some(inner.replace('\r', ""));
    }
    let mut out: Vec<u8> = Vec::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            if character == quote || character == '\n' {
                return None;
            }
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escape = characters.next()?;
        let mut digits = |count: usize, radix: u32, start: u32| -> Option<u32> {
            (0..count).try_fold(start, |value, _| {
                Some(value.checked_mul(radix)? + characters.next()?.to_digit(radix)?)
            })
        };
        match escape {
            'a' => out.push(7),
            'b' => out.push(8),
            'f' => out.push(12),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(11),
            '\\' => out.push(b'\\'),
            'x' => out.push(u8::try_from(digits(2, 16, 0)?).ok()?),
            '0'..='7' => {
                let first = escape.to_digit(8)?;
                out.push(u8::try_from(digits(2, 8, first)?).ok()?);
            }
            'u' | 'U' => {
                let code = digits(if escape == 'u' { 4 } else { 8 }, 16, 0)?;
                out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other if other == quote => out.push(quote as u8),
            _ => return None,
        }
    }
    // Labels are text. Bytes that are no UTF-8 cannot match any, and are kept as the replacement character.
    Some(
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}
