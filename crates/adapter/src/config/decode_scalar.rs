//! Scalars: texts, booleans and durations, with go-yaml's ideas of null.
//!
//! **Invariant:** a scalar that does not suit its field is reported once and leaves the field as it was.

use plimsoll_model::duration::parse_prometheus;

use super::Code;
use super::advice;
use super::decode::{Decoder, Value};
use super::finding::Finding;
use super::mismatch;
use super::node::{Content, Node, NodeId};
use super::scalar::{Resolved, resolve};
use super::text::Text;

impl Decoder<'_> {
    pub fn is_null(&self, node: &Node) -> bool {
        matches!(resolve(node), Ok(Resolved::Null))
    }

    pub fn key(&mut self, id: NodeId) -> Option<String> {
        self.text(id, "a key").map(|text| text.as_str().to_owned())
    }

    /// A scalar as a text; null gives an empty one.
    pub fn text(&mut self, id: NodeId, what: &str) -> Option<Text> {
        let tree = self.tree;
        self.follow(id, |this, id| {
            let node = tree.node(id);
            let Content::Scalar { text, .. } = &node.content else {
                let finding = mismatch::not_a_text(tree, id, what);
                this.mismatch(node, finding);
                return None;
            };
            if !this.spend(text.len(), node) {
                return None;
            }
            match resolve(node) {
                Ok(Resolved::Null) => Some(text.emptied()),
                Ok(Resolved::Binary(decoded)) => Some(Text::new(decoded, text.position(), Vec::new())),
                Ok(_) => Some(text.clone()),
                Err(reason) => {
                    this.report(Finding::new(Code::BadTag, node.position, reason), node.width);
                    None
                }
            }
        })
    }

    pub fn boolean(&mut self, id: NodeId, what: &str, slot: &mut Value) {
        let tree = self.tree;
        self.follow(id, |this, id| {
            let node = tree.node(id);
            match resolve(node) {
                Ok(Resolved::Null) if is_early_null(node) => *slot = Value::Null,
                // The original makes room for the value first and then clears it.
                Ok(Resolved::Null) => *slot = Value::Boolean(false),
                Ok(Resolved::Boolean(flag)) => *slot = Value::Boolean(flag),
                Ok(_) | Err(_) => {
                    let finding = mismatch::not_a_boolean(node, what);
                    this.mismatch(node, finding);
                }
            }
            Some(())
        });
    }

    pub fn duration(&mut self, id: NodeId, what: &str, slot: &mut Value) {
        let tree = self.tree;
        self.follow(id, |this, id| {
            let node = tree.node(id);
            if is_early_null(node) {
                *slot = Value::Null;
                return Some(());
            }
            let text = this.text(id, what)?;
            match parse_prometheus(&text) {
                Ok(duration) => *slot = Value::Duration(duration),
                Err(error) => {
                    let finding = mismatch::not_a_duration(&text, what, &error);
                    this.mismatch(node, finding);
                }
            }
            Some(())
        });
    }

    /// Reports a finding about `node`, unless its line shows that the file was never rendered.
    pub fn mismatch(&mut self, node: &Node, finding: Finding) {
        if self.is_full() {
            return;
        }
        match advice::unrendered_line(self.tree.source, node.position.line) {
            Some(unrendered) => {
                let repeated = self.findings.iter().any(|finding| finding.code == unrendered.code);
                if !repeated {
                    self.report(unrendered, 1);
                }
            }
            None => self.report(finding, node.width),
        }
    }
}

/// Whether the scalar is one of the spellings of null that go-yaml handles before it looks at the type
/// (`decoder.prepare`); `Null` and `NULL` are not among them.
pub(super) fn is_early_null(node: &Node) -> bool {
    match &node.content {
        Content::Scalar { text, plain } => match node.tag.as_deref() {
            None => *plain && matches!(text.as_str(), "~" | "null" | ""),
            Some(tag) => tag == "!!null",
        },
        _ => false,
    }
}
