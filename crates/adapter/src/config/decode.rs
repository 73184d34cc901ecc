//! Walks a document along the schema and collects every mistake on the way.
//!
//! The order of effects follows go-yaml v2's `decode.go` in strict mode: keys take effect in the order they
//! are written, a merge key overlays what came before it, an explicit nested mapping overlays a merged one,
//! and a label that a merge has set already counts as repeated.
//!
//! **Invariant:** work and memory are bounded by [`BUDGET`], however aliases multiply the text.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Code;
use super::advice::{self, Found};
use super::decode_scalar::is_early_null;
use super::finding::Finding;
use super::mismatch;
use super::node::{Content, Node, NodeId, Tree};
use super::schema::{Field, Kind, RESOURCE_RULES, Record};
use super::text::{Position, Text};
use super::{Place, Section};

/// Nodes visited plus bytes of text kept, with aliases expanded. A file of the largest size without aliases
/// stays below a quarter of it.
const BUDGET: usize = 8 << 20;

/// More mistakes than this are not listed.
const MOST_FINDINGS: usize = 20;

/// A decoded value.
#[derive(Debug, Clone, Default)]
pub(super) enum Value {
    /// Absent or null.
    #[default]
    Null,
    Text(Text),
    Boolean(bool),
    Duration(Duration),
    Record(Fields),
    List(Vec<Fields>),
    Table(Table),
}

/// A decoded mapping with free keys, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub entries: Vec<(Text, Fields)>,
    /// Where each key stands.
    known: HashMap<String, Position>,
}

/// The decoded fields of a [`Record`].
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub position: Position,
    pub values: BTreeMap<&'static str, Value>,
}

/// Where the walk is, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub record: &'static Record,
    /// Key and position of the field that holds the record; `None` at the top.
    pub holder: Option<(&'a str, Position)>,
    /// The records around this one, innermost last.
    pub outer: &'a [&'static Record],
}

pub(super) struct Decoder<'a> {
    pub tree: &'a Tree<'a>,
    pub findings: Vec<Finding>,
    rule: Option<(Place, String)>,
    /// Targets of the aliases that are being followed.
    following: Vec<NodeId>,
    budget: usize,
    overflowed: bool,
}

impl<'a> Decoder<'a> {
    pub fn new(tree: &'a Tree<'a>) -> Self {
        Self {
            tree,
            findings: Vec::new(),
            rule: None,
            following: Vec::new(),
            budget: BUDGET,
            overflowed: false,
        }
    }

    /// Decodes the whole document.
    pub fn file(&mut self, root: NodeId, record: &'static Record) -> Fields {
        let mut value = Value::Null;
        let context = Context { record, holder: None, outer: &[] };
        self.record(root, context, &mut value);
        match value {
            Value::Record(fields) => fields,
            _ => Fields::default(),
        }
    }

    /// Adds a finding with the current rule and an excerpt of `width` characters.
    pub fn report(&mut self, finding: Finding, width: usize) {
        if self.is_full() {
            return;
        }
        let mut finding = finding.with_excerpt(self.tree.source, width);
        if let Some((place, query)) = &self.rule {
            finding = finding.in_rule(*place, query);
        }
        self.findings.push(finding);
        if self.findings.len() == MOST_FINDINGS {
            let position = self.findings.last().map(|last| last.position).unwrap_or_default();
            self.findings.push(
                Finding::new(Code::TooManyMistakes, position, "further mistakes are not listed")
                    .with_fix("correct those above first"),
            );
        }
    }

    /// Whether further findings are of no interest, so that nothing needs to be worked out for them.
    pub fn is_full(&self) -> bool {
        self.findings.len() >= MOST_FINDINGS || self.overflowed
    }

    pub fn spend(&mut self, amount: usize, node: &Node) -> bool {
        if self.overflowed {
            return false;
        }
        if let Some(rest) = self.budget.checked_sub(amount) {
            self.budget = rest;
            return true;
        }
        self.report(
            Finding::new(
                Code::ExcessiveAliases,
                node.position,
                "aliases expand this file beyond any sensible size",
            )
            .with_fix("write the rules out instead of nesting anchors in anchors"),
            node.width,
        );
        self.overflowed = true;
        false
    }

    /// Runs `visit` on what `id` stands for; refuses aliases that contain themselves.
    pub fn follow<T>(&mut self, id: NodeId, visit: impl FnOnce(&mut Self, NodeId) -> Option<T>) -> Option<T> {
        let tree = self.tree;
        let node = tree.node(id);
        if !self.spend(1, node) {
            return None;
        }
        let Content::Alias(target) = node.content else { return visit(self, id) };
        if self.following.contains(&target) {
            self.report(
                Finding::new(Code::RecursiveAlias, node.position, "this alias contains itself")
                    .with_fix("write the value out instead of referring to what surrounds it"),
                node.width,
            );
            return None;
        }
        self.following.push(target);
        let result = visit(self, target);
        self.following.pop();
        result
    }

    fn record(&mut self, id: NodeId, context: Context<'_>, slot: &mut Value) -> bool {
        let tree = self.tree;
        self.follow(id, |this, id| {
            let node = tree.node(id);
            match &node.content {
                Content::Mapping(entries) => {
                    if !matches!(slot, Value::Record(_)) {
                        *slot = Value::Record(Fields { position: node.position, values: BTreeMap::new() });
                    }
                    if let Value::Record(fields) = slot {
                        this.fields(entries, context, fields);
                    }
                    Some(())
                }
                Content::Scalar { .. } if this.is_null(node) => {
                    let optional = std::ptr::eq(context.record, &RESOURCE_RULES);
                    *slot = if optional && !is_early_null(node) {
                        Value::Record(Fields { position: node.position, values: BTreeMap::new() })
                    } else {
                        Value::Null
                    };
                    Some(())
                }
                _ => {
                    let finding = mismatch::not_a_mapping(tree, id, context);
                    this.mismatch(node, finding);
                    None
                }
            }
        })
        .is_some()
    }

    fn fields(&mut self, entries: &[(NodeId, NodeId)], context: Context<'_>, fields: &mut Fields) {
        let tree = self.tree;
        let mut seen: BTreeMap<&'static str, Position> = BTreeMap::new();
        for &(key_id, value_id) in entries {
            let key_node = tree.node(key_id);
            if self.is_merge(key_node) {
                self.merge(value_id, |this, id| {
                    let mut slot = Value::Record(std::mem::take(fields));
                    this.record(id, context, &mut slot);
                    if let Value::Record(merged) = slot {
                        *fields = merged;
                    }
                });
                continue;
            }
            let Some(key) = self.key(key_id) else { continue };
            let Some(field) = context.record.field(&key) else {
                if self.is_full() {
                    continue;
                }
                let found = Found { key: &key, key_node, value: value_id, entries };
                let finding = advice::unknown_field(tree, context, &found);
                self.mismatch(key_node, finding);
                continue;
            };
            if let Some(first) = seen.insert(field.key, key_node.position) {
                let finding = mismatch::repeated_field(&key, context, key_node.position, first);
                self.report(finding, key_node.width);
                continue;
            }
            let slot = fields.values.entry(field.key).or_default();
            self.value(value_id, field, key_node.position, context, slot);
        }
    }

    fn value(
        &mut self,
        id: NodeId,
        field: &'static Field,
        key: Position,
        context: Context<'_>,
        slot: &mut Value,
    ) {
        let holder = Some((field.key, key));
        let outer: Vec<&'static Record> = context.outer.iter().copied().chain([context.record]).collect();
        match field.kind {
            Kind::Text => {
                if let Some(text) = self.text(id, field.key) {
                    *slot = Value::Text(text);
                }
            }
            Kind::Boolean => self.boolean(id, field.key, slot),
            Kind::Duration => self.duration(id, field.key, slot),
            Kind::Record(record) => {
                let inner = Context { record, holder, outer: &outer };
                let outside = self.rule.clone();
                if let Some(section) = match field.key {
                    "cpu" => Some(Section::Cpu),
                    "memory" => Some(Section::Memory),
                    _ => None,
                } {
                    let place = Place { section, number: 1, position: self.tree.node(id).position };
                    self.rule = Some((place, String::new()));
                }
                self.record(id, inner, slot);
                self.rule = outside;
            }
            Kind::List(record) => self.list(id, Context { record, holder, outer: &outer }, slot),
            Kind::Table(record) => self.table(id, Context { record, holder, outer: &outer }, slot),
        }
    }

    fn list(&mut self, id: NodeId, context: Context<'_>, slot: &mut Value) {
        let tree = self.tree;
        let section = match context.holder {
            Some(("rules", _)) => Some(Section::Rules),
            Some(("externalRules", _)) => Some(Section::ExternalRules),
            _ => None,
        };
        self.follow(id, |this, id| {
            let node = tree.node(id);
            match &node.content {
                Content::Sequence(items) => {
                    let mut list = Vec::with_capacity(items.len());
                    for (index, &item) in items.iter().enumerate() {
                        let position = tree.node(item).position;
                        if let Some(section) = section {
                            let query = tree.get(item, "seriesQuery").and_then(|query| tree.scalar(query));
                            let query = query.map(|query| query.as_str().to_owned()).unwrap_or_default();
                            this.rule = Some((Place { section, number: index + 1, position }, query));
                        }
                        let mut value = Value::Null;
                        if this.record(item, context, &mut value) {
                            let mut fields = match value {
                                Value::Record(fields) => fields,
                                _ => Fields::default(),
                            };
                            fields.position = position;
                            list.push(fields);
                        }
                        if section.is_some() {
                            this.rule = None;
                        }
                    }
                    *slot = Value::List(list);
                }
                Content::Scalar { .. } if this.is_null(node) => *slot = Value::Null,
                _ => {
                    let finding = mismatch::not_a_list(tree, id, context);
                    this.mismatch(node, finding);
                }
            }
            Some(())
        });
    }

    fn table(&mut self, id: NodeId, context: Context<'_>, slot: &mut Value) {
        let tree = self.tree;
        self.follow(id, |this, id| {
            let node = tree.node(id);
            match &node.content {
                Content::Mapping(entries) => {
                    if !matches!(slot, Value::Table(_)) {
                        *slot = Value::Table(Table::default());
                    }
                    for &(key_id, value_id) in entries {
                        let key_node = tree.node(key_id);
                        if this.is_merge(key_node) {
                            this.merge(value_id, |this, id| this.table(id, context, slot));
                            continue;
                        }
                        let Some(label) = this.text(key_id, "a label") else { continue };
                        let mut value = Value::Null;
                        if let Some(finding) = advice::field_among_labels(tree, &label, value_id, context) {
                            this.mismatch(key_node, finding);
                            continue;
                        }
                        let outer: Vec<_> = context.outer.to_vec();
                        let holder = Some((label.as_str(), key_node.position));
                        if !this.record(value_id, Context { holder, outer: &outer, ..context }, &mut value) {
                            continue;
                        }
                        let fields = match value {
                            Value::Record(fields) => fields,
                            _ => Fields { position: tree.node(value_id).position, values: BTreeMap::new() },
                        };
                        let Value::Table(table) = slot else { continue };
                        if let Some(first) = table.known.get(label.as_str()) {
                            let finding =
                                mismatch::repeated_field(&label, context, key_node.position, *first);
                            this.report(finding, key_node.width);
                        } else {
                            table.known.insert(label.as_str().to_owned(), key_node.position);
                            table.entries.push((label, fields));
                        }
                    }
                }
                Content::Scalar { .. } if this.is_null(node) => *slot = Value::Null,
                _ => {
                    let finding = mismatch::not_a_mapping(tree, id, context);
                    this.mismatch(node, finding);
                }
            }
            Some(())
        });
    }

    /// Runs `overlay` on each mapping that a merge key names, in go-yaml's order: of a list, the last first.
    fn merge(&mut self, id: NodeId, mut overlay: impl FnMut(&mut Self, NodeId)) {
        let tree = self.tree;
        let is_mapping = |id: NodeId| matches!(tree.resolve(id).content, Content::Mapping(_));
        let parts = match &tree.node(id).content {
            _ if is_mapping(id) => vec![id],
            Content::Sequence(parts) if parts.iter().all(|part| is_mapping(*part)) => {
                parts.iter().rev().copied().collect()
            }
            _ => {
                let node = tree.node(id);
                let finding = Finding::new(
                    Code::BadMerge,
                    node.position,
                    "`<<` merges a mapping or a list of mappings, and this is neither",
                )
                .with_fix("name an anchor of a mapping, as in `<<: *base`, or quote the text if it is one");
                self.report(finding, node.width);
                return;
            }
        };
        for part in parts {
            overlay(self, part);
        }
    }

    fn is_merge(&self, node: &Node) -> bool {
        match &node.content {
            Content::Scalar { text, plain } => {
                *text == "<<" && (*plain && node.tag.is_none() || node.tag.as_deref() == Some("!!merge"))
            }
            _ => false,
        }
    }
}
