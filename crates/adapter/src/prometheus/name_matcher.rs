//! A selector whose matcher on the metric name is a regular expression that can only match one name.
//!
//! Managed servers refuse regular expressions on the name; such a selector means the same with an
//! equality. This is no selector parser: it reads just enough to leave quoted text alone.
//!
//! **Invariant:** the rewritten selector matches the same series, and differs nowhere else.

/// `selector` with `__name__=~"^literal$"` (or `"literal"`, since matchers are anchored anyway)
/// turned into `__name__="literal"`; `None` when it has no such matcher.
pub(super) fn with_exact_name(selector: &str) -> Option<String> {
    let mut rest = selector;
    loop {
        let at = rest.find(['"', '\'', '`', '_'])?;
        let start = selector.len() - rest.len() + at;
        let tail = &rest[at..];
        if let Some(matcher) = tail.strip_prefix("__name__").filter(|_| starts_word(selector, start)) {
            let matcher = matcher.trim_start();
            if let Some(quoted) = matcher.strip_prefix("=~").map(str::trim_start) {
                let (content, after) = quoted_text(quoted)?;
                let content = content.strip_prefix('^').unwrap_or(content);
                let name = content.strip_suffix('$').unwrap_or(content);
                if is_metric_name(name) {
                    return Some(format!("{}__name__=\"{name}\"{after}", &selector[..start]));
                }
                return None;
            }
            rest = matcher;
        } else if let Some(after) = tail.strip_prefix('_') {
            rest = after;
        } else {
            rest = quoted_text(tail)?.1;
        }
    }
}

fn starts_word(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || matches!(before, '_' | ':'))
}

/// The raw text between the quotes that `text` starts with, and what follows them.
fn quoted_text(text: &str) -> Option<(&str, &str)> {
    let quote = *text.as_bytes().first().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote != b'`' => at += 1,
            byte if byte == quote => return Some((&text[1..at], &text[at + 1..])),
            _ => {}
        }
        at += 1;
    }
    None
}

fn is_metric_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_in_a_regular_expression_becomes_an_equality() {
        for (selector, exact) in [
            (r#"{__name__=~"^http_requests_total$"}"#, r#"{__name__="http_requests_total"}"#),
            (r#"{a="b", __name__ =~ '^m$' ,c!=""}"#, r#"{a="b", __name__="m" ,c!=""}"#),
            ("{__name__=~`m`}", r#"{__name__="m"}"#),
            (
                r#"{a="\"__name__=~\"^x$\"", __name__=~"^y:z$"}"#,
                r#"{a="\"__name__=~\"^x$\"", __name__="y:z"}"#,
            ),
            (r#"{__name__!="q",__name__=~"^m$"}"#, r#"{__name__!="q",__name__="m"}"#),
        ] {
            assert_eq!(with_exact_name(selector).as_deref(), Some(exact), "{selector}");
        }
    }

    #[test]
    fn a_selector_without_a_literal_name_is_left_alone() {
        for selector in [
            "m",
            "",
            r#"{__name__="m"}"#,
            r#"{__name__=~"^container_.*"}"#,
            r#"{__name__=~"^a|b$"}"#,
            r#"{__name__=~"^a\\.b$"}"#,
            r#"{__name__!~"^m$"}"#,
            r#"{x__name__=~"^m$"}"#,
            r#"{a="__name__=~'^m$'"}"#,
            r#"{__name__=~"^m$"#,
            r#"{__name__=~""}"#,
        ] {
            assert_eq!(with_exact_name(selector), None, "{selector}");
        }
    }
}
