//! A description, for people, of an answer that does not come from a Prometheus API.
//!
//! **Invariant:** a description has at most [`ECHO`] characters of the answer, on one line.

/// Bytes of a body worth keeping for a description.
pub(super) const HEAD: usize = 4096;

/// Characters of an answer that may be repeated in a message.
pub(super) const ECHO: usize = 160;

/// Describes the beginning of a body (`head`, at most [`HEAD`] bytes) that is no Prometheus answer.
pub(super) fn describe(content_type: Option<&str>, head: &[u8]) -> String {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim();
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    if text.is_empty() {
        return "an empty body".into();
    }
    let lower = text.get(..text.floor_char_boundary(1024)).unwrap_or_default().to_ascii_lowercase();
    if lower.starts_with("<!doctype html")
        || lower.starts_with("<html")
        || content_type.starts_with("text/html")
    {
        return match html_title(text) {
            Some(title) => format!("HTML page titled \"{}\"", shortened(&title)),
            None => "an HTML page without a title".into(),
        };
    }
    if content_type.contains("openmetrics") || content_type.contains("version=0.0.4") || looks_exposed(text) {
        return "Prometheus exposition text: an exporter, not the Prometheus server".into();
    }
    if text.starts_with('<') {
        return "an XML document".into();
    }
    if text.starts_with('{')
        && let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text)
    {
        let field = |name: &str| object.get(name).and_then(|value| value.as_str()).unwrap_or_default();
        if field("kind") == "Status" && !field("message").is_empty() {
            return format!("a Kubernetes API server: \"{}\"", shortened(field("message")));
        }
        return format!("JSON without a Prometheus result: {}", shortened(text));
    }
    if text.starts_with('[') {
        return format!("a JSON list: {}", shortened(text));
    }
    if head.iter().any(|byte| *byte == 0 || (*byte < 32 && !byte.is_ascii_whitespace())) {
        return "binary data".into();
    }
    format!("text \"{}\"", shortened(text))
}

/// At most [`ECHO`] characters of `text`, with runs of white space and control characters as one space.
pub(super) fn shortened(text: &str) -> String {
    let mut short = String::new();
    let mut words = text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return short };
    let spaced = first.chars().chain(words.flat_map(|word| std::iter::once(' ').chain(word.chars())));
    for (position, letter) in spaced.enumerate() {
        if position == ECHO {
            short.push('…');
            break;
        }
        short.push(letter);
    }
    short
}

fn html_title(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower[open..].find('>')? + 1;
    let end = start + lower[start..].find("</title").unwrap_or(lower.len() - start);
    let title = text[start..end].trim();
    let title = title.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    (!title.is_empty()).then_some(title)
}

/// Whether the text starts as a scrape does: a comment, or `name{…} number`.
fn looks_exposed(text: &str) -> bool {
    if text.starts_with("# HELP ") || text.starts_with("# TYPE ") {
        return true;
    }
    let line = text.lines().next().unwrap_or_default();
    let name = line.split([' ', '{']).next().unwrap_or_default();
    let value = line.rsplit(' ').next().unwrap_or_default();
    !name.is_empty()
        && name.contains('_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
        && line.len() > name.len()
        && super::number::parse_go_float(value).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_other_servers_are_recognised() {
        for (content_type, body, description) in [
            ("", "", "an empty body"),
            ("text/html", " \n ", "an empty body"),
            (
                "",
                "<!DOCTYPE html><html><head><title>\n Sign in &amp; go </title>",
                "HTML page titled \"Sign in & go\"",
            ),
            ("text/html; charset=utf-8", "<html></html>", "an HTML page without a title"),
            (
                "text/plain; version=0.0.4",
                "up 1",
                "Prometheus exposition text: an exporter, not the Prometheus server",
            ),
            ("", "# HELP a b\n", "Prometheus exposition text: an exporter, not the Prometheus server"),
            (
                "",
                "go_gc{q=\"0\"} 1e-05\n",
                "Prometheus exposition text: an exporter, not the Prometheus server",
            ),
            ("text/xml", "<Error/>", "an XML document"),
            (
                "application/json",
                r#"{"kind":"Status","status":"Failure","message":"services \"x\" is forbidden"}"#,
                "a Kubernetes API server: \"services \"x\" is forbidden\"",
            ),
            ("", "{\"a\":1}", "JSON without a Prometheus result: {\"a\":1}"),
            ("", "[]", "a JSON list: []"),
            ("text/plain", "404 page\nnot found\n", "text \"404 page not found\""),
            ("", "\u{1}\u{2}\u{0}", "binary data"),
        ] {
            let content_type = (!content_type.is_empty()).then_some(content_type);
            assert_eq!(describe(content_type, body.as_bytes()), description, "{body:?}");
        }
    }

    #[test]
    fn a_description_repeats_little_of_the_answer() {
        let long = "é ".repeat(4000);
        for body in [long.clone(), format!("<html><title>{long}"), format!("{{\"a\":\"{long}\"}}")] {
            let description = describe(None, &body.as_bytes()[..HEAD]);
            assert!(description.chars().count() < ECHO + 60, "{description}");
        }
    }
}
