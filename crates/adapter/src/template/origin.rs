//! Where each part of a rendered text comes from.
//!
//! **Invariant:** parts are in the order of the output, so that the last one that begins before a byte holds it.

use std::ops::Range;

/// The way back from a rendered text to its template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// Where it begins in the output.
    output: usize,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// Text of the template, from this byte on.
    Copied(usize),
    /// What the action at these bytes gave.
    Made(Range<usize>),
}

impl Origin {
    pub(super) fn copied(&mut self, output: usize, start: usize) {
        self.parts.push(Part { output, source: Source::Copied(start) });
    }

    pub(super) fn made(&mut self, output: usize, action: Range<usize>) {
        self.parts.push(Part { output, source: Source::Made(action) });
    }

    /// The bytes of the template that gave byte `offset` of the output: one byte, or the whole of an action.
    pub fn of(&self, offset: usize) -> Range<usize> {
        let after = self.parts.partition_point(|part| part.output <= offset);
        match self.parts.get(after.saturating_sub(1)) {
            None => 0..0,
            Some(Part { output, source: Source::Copied(start) }) => {
                let at = start + offset.saturating_sub(*output);
                at..at + 1
            }
            Some(Part { source: Source::Made(action), .. }) => action.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::template::{Template, Value};

    #[test]
    fn each_byte_of_the_output_leads_back_to_what_gave_it() {
        let text = "sum(<<.Series>>{<<- if true >>a<<end>>}) by (<<.GroupBy>>)";
        let template = Template::parse("t", text).unwrap();
        let data = Value::record([("Series", Value::from("x_total")), ("GroupBy", Value::from("pod"))]);
        let (output, origin) = template.render_with_origin(&data).unwrap();
        assert_eq!(output, "sum(x_total{a}) by (pod)");
        for (part, source) in [
            ("sum", "s"),
            ("x_total", ".Series"),
            ("{", "{"),
            ("a}", "a"),
            ("})", "}"),
            ("pod", ".GroupBy"),
            (")", ")"),
        ] {
            let at = if part == ")" { output.len() - 1 } else { output.find(part).unwrap() };
            assert_eq!(&text[origin.of(at)], source, "{part}");
        }
    }
}
