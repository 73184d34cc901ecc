//! A YAML document as a tree of nodes with positions. What the nodes mean is the decoder's business.
//!
//! The events come from granit-parser, which speaks YAML 1.2; what go-yaml v2 refuses beyond that is refused
//! here ([`refuse_characters`], `%YAML` versions).
//!
//! **Invariant:** the tree is no larger than the text; aliases stay references and may be recursive.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::text::{Position, Text};
use super::trace::trace;

/// Index into [`Tree::nodes`].
pub(super) type NodeId = usize;

/// One node of the document.
#[derive(Debug)]
pub(super) struct Node {
    /// First character of its content, behind tag and anchor.
    pub position: Position,
    /// Characters of the node on its first line, at least 1.
    pub width: usize,
    /// Where it stands in the text; in block style, some white space may follow it.
    bytes: Range<usize>,
    /// The tag as written, such as `!!str`.
    pub tag: Option<String>,
    pub content: Content,
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Content {
    /// `plain`: written without quotes or block indicator, so its type depends on its text.
    Scalar {
        text: Text,
        plain: bool,
    },
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
    Alias(NodeId),
}

/// The first document of a text.
#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    /// The text that was read.
    pub source: &'a str,
    nodes: Vec<Node>,
    /// `None` for a text without a document.
    pub root: Option<NodeId>,
    /// Where a further document begins.
    pub further: Option<Position>,
}

/// Why a text is no YAML, before any advice.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub position: Position,
    pub reason: String,
}

impl<'a> Tree<'a> {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// The node that `id` stands for, through aliases.
    pub fn resolve(&self, id: NodeId) -> &Node {
        let mut node = &self.nodes[id];
        // An alias never refers to an alias, so one step is enough; the loop only guards that.
        while let Content::Alias(target) = node.content {
            node = &self.nodes[target];
        }
        node
    }

    /// The node as it is written, up to the end of its first line.
    pub fn snippet(&self, id: NodeId) -> &'a str {
        let node = &self.nodes[id];
        self.source[node.bytes.clone()].lines().next().unwrap_or_default().trim_end()
    }

    /// The text of a scalar, through aliases.
    pub fn scalar(&self, id: NodeId) -> Option<&Text> {
        match &self.resolve(id).content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Keys and values of a mapping, through aliases.
    pub fn entries(&self, id: NodeId) -> &[(NodeId, NodeId)] {
        match &self.resolve(id).content {
            Content::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The value under `key` in a mapping, ignoring case when nothing matches exactly.
    pub fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        self.entry(id, key).map(|(_, value)| value)
    }

    /// Like [`Tree::get`], with the key's node.
    pub fn entry(&self, id: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        let entries = self.entries(id);
        let find = |matches: &dyn Fn(&str) -> bool| {
            entries.iter().find(|(name, _)| self.scalar(*name).is_some_and(|name| matches(name)))
        };
        find(&|name| name == key).or_else(|| find(&|name| name.eq_ignore_ascii_case(key))).copied()
    }

    /// Reads the first document of `text`.
    pub fn read(text: &'a str) -> Result<Self, SyntaxError> {
        refuse_characters(text)?;
        let options = granit_parser::options! {
            block_scalar_eof_without_line_feed: true,
            flow_nesting_limit: 64,
            block_nesting_limit: 64,
        };
        let tree = Self { source: text, ..Self::default() };
        let mut builder = Builder { tree, open: Vec::new(), anchors: HashMap::new() };
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = match event {
                Ok(event) => event,
                // What follows the first document is not read, so its mistakes do not count.
                Err(error) if builder.tree.further.is_some() => {
                    let _ = error;
                    break;
                }
                Err(error) => return Err(SyntaxError::from(error)),
            };
            if builder.accept(event, span)? {
                break;
            }
        }
        Ok(builder.tree)
    }
}

/// A collection whose end has not been seen.
struct Open {
    id: NodeId,
    /// The key that waits for its value, in a mapping.
    key: Option<NodeId>,
}

struct Builder<'a> {
    tree: Tree<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
}

impl Builder<'_> {
    /// Returns true when nothing more is of interest.
    fn accept(&mut self, event: Event<'_>, span: Span) -> Result<bool, SyntaxError> {
        match event {
            Event::DocumentStart(explicit, version) => {
                if self.tree.root.is_some() {
                    if explicit {
                        self.tree.further = Some(position(&span));
                    }
                    return Ok(true);
                }
                if let Some(version) = version.filter(|version| (version.major, version.minor) != (1, 1)) {
                    let reason = format!(
                        "the file declares YAML {}.{}, but configurations are YAML 1.1",
                        version.major, version.minor
                    );
                    return Err(SyntaxError { position: directive_position(self.tree.source), reason });
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                let source = span.slice(self.tree.source).unwrap_or_default();
                let start = position(&span);
                let runs = trace(&value, source, start, style);
                let text = Text::new(value.into_owned(), start, runs);
                let plain = style == ScalarStyle::Plain;
                self.add(Content::Scalar { text, plain }, &span, anchor, tag.as_deref());
            }
            Event::SequenceStart(_, anchor, tag) => {
                let id = self.add(Content::Sequence(Vec::new()), &span, anchor, tag.as_deref());
                self.open.push(Open { id, key: None });
            }
            Event::MappingStart(_, anchor, tag) => {
                let id = self.add(Content::Mapping(Vec::new()), &span, anchor, tag.as_deref());
                self.open.push(Open { id, key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let (Some(Open { id, .. }), Some(end)) = (self.open.pop(), span.end.byte_offset()) {
                    self.close(id, end);
                }
            }
            Event::Alias(anchor) => {
                let Some(&target) = self.anchors.get(&anchor) else {
                    let reason = "an alias refers to nothing".to_owned();
                    return Err(SyntaxError { position: position(&span), reason });
                };
                self.add(Content::Alias(target), &span, 0, None);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Extends a collection in brackets to its closing one.
    fn close(&mut self, id: NodeId, end: usize) {
        let start = self.tree.nodes[id].bytes.start;
        let source = self.tree.source.get(start..end).unwrap_or_default();
        if source.starts_with(['{', '[']) {
            let node = &mut self.tree.nodes[id];
            node.bytes.end = end;
            node.width = width_of(source);
        }
    }

    fn add(&mut self, content: Content, span: &Span, anchor: usize, tag: Option<&Tag>) -> NodeId {
        let id = self.tree.nodes.len();
        let bytes =
            span.byte_range().filter(|range| self.tree.source.get(range.clone()).is_some()).unwrap_or(0..0);
        let source = &self.tree.source[bytes.clone()];
        let width = width_of(source);
        let tag = tag.map(Tag::original);
        self.tree.nodes.push(Node { position: position(span), width, bytes, tag, content });
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        match self.open.last_mut() {
            None => self.tree.root = Some(id),
            Some(Open { id: parent, key }) => match &mut self.tree.nodes[*parent].content {
                Content::Sequence(items) => items.push(id),
                Content::Mapping(entries) => match key.take() {
                    None => *key = Some(id),
                    Some(key) => entries.push((key, id)),
                },
                Content::Scalar { .. } | Content::Alias(_) => {}
            },
        }
        id
    }
}

impl From<ScanError> for SyntaxError {
    fn from(error: ScanError) -> Self {
        let mark = error.marker();
        Self { position: at(mark.line(), mark.col()), reason: error.info() }
    }
}

/// Characters of the first line, at least 1.
fn width_of(source: &str) -> usize {
    source.lines().next().map_or(0, |line| line.trim_end().chars().count()).max(1)
}

fn position(span: &Span) -> Position {
    at(span.start.line(), span.start.col())
}

/// From a line that counts from 1 and a column that counts from 0.
fn at(line: usize, column: usize) -> Position {
    let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: narrow(line.max(1)), column: narrow(column).saturating_add(1) }
}

fn directive_position(text: &str) -> Position {
    let line = text.lines().position(|line| line.starts_with("%YAML")).unwrap_or(0);
    at(line + 1, 0)
}

/// Refuses what the reader of go-yaml v2 refuses (`readerc.go`): control characters other than tab and line
/// breaks, and a byte order mark anywhere but at the start.
fn refuse_characters(text: &str) -> Result<(), SyntaxError> {
    let (mut line, mut column) = (1, 0);
    for (index, character) in text.chars().enumerate() {
        let allowed = match character {
            '\u{feff}' => index == 0,
            '\t' | '\n' | '\r' | '\u{85}' => true,
            '\u{fffe}' | '\u{ffff}' => false,
            _ => !character.is_control(),
        };
        if !allowed {
            let code = u32::from(character);
            let reason = format!("control characters are not allowed, and this is U+{code:04X}");
            return Err(SyntaxError { position: at(line, column), reason });
        }
        if character == '\n' {
            (line, column) = (line + 1, 0);
        } else {
            column += 1;
        }
    }
    Ok(())
}
