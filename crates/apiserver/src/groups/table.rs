//! The shapes of `meta.k8s.io` in which `kubectl get` wants metrics: tables, and metadata alone.
//!
//! Follows metrics-server's `pkg/api/table.go` and apiserver's conversion of any object to its metadata.
//!
//! **Invariant:** a table of one object and of a list look alike; nothing to show is `null`, as upstream has it.

use serde::Serialize;

use super::wire::{ListMeta, ObjectMeta};
use crate::encode::KubeObject;
use crate::negotiate::{Conversion, Shape};

/// One object: its metadata, and its cells after the name.
pub(super) struct Row<'a> {
    pub metadata: ObjectMeta<'a>,
    pub cells: [String; 3],
}

/// A converted object or list.
#[derive(Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "one lives at a time, for the length of an encoding")]
pub(super) enum Converted<'a> {
    Table(Table<'a>),
    Metadata(PartialObjectMetadata<'a>),
    List(MetadataList<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Table<'a> {
    kind: &'static str,
    api_version: String,
    metadata: ListMeta,
    /// The first row brings them.
    column_definitions: Option<[Column; 4]>,
    rows: Option<Vec<TableRow<'a>>>,
}

#[derive(Serialize)]
struct Column {
    name: &'static str,
    r#type: &'static str,
    format: &'static str,
    description: &'static str,
    priority: u8,
}

#[derive(Serialize)]
struct TableRow<'a> {
    cells: [String; 4],
    object: PartialObjectMetadata<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartialObjectMetadata<'a> {
    kind: &'static str,
    api_version: String,
    metadata: ObjectMeta<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataList<'a> {
    kind: &'static str,
    api_version: String,
    metadata: ListMeta,
    items: Option<Vec<PartialObjectMetadata<'a>>>,
}

/// `rows` in the shape that the client asked for.
pub(super) fn converted(conversion: Conversion, mut rows: Vec<Row<'_>>) -> Converted<'_> {
    let api_version = format!("meta.k8s.io/{}", conversion.version);
    let partial = |metadata| PartialObjectMetadata {
        kind: "PartialObjectMetadata",
        api_version: api_version.clone(),
        metadata,
    };
    let column =
        |name, format, description| Column { name, r#type: "string", format, description, priority: 0 };
    match conversion.shape {
        Shape::Metadata if rows.len() == 1 => Converted::Metadata(partial(rows.remove(0).metadata)),
        Shape::Metadata | Shape::MetadataList => Converted::List(MetadataList {
            kind: "PartialObjectMetadataList",
            metadata: ListMeta {},
            items: (!rows.is_empty()).then(|| rows.into_iter().map(|row| partial(row.metadata)).collect()),
            api_version: api_version.clone(),
        }),
        Shape::Table => Converted::Table(Table {
            kind: "Table",
            metadata: ListMeta {},
            column_definitions: (!rows.is_empty()).then(|| {
                [
                    column("Name", "name", "Name of the resource"),
                    column("cpu", "quantity", ""),
                    column("memory", "quantity", ""),
                    column("Window", "duration", ""),
                ]
            }),
            rows: (!rows.is_empty()).then(|| {
                rows.into_iter()
                    .map(|Row { metadata, cells: [cpu, memory, window] }| TableRow {
                        cells: [metadata.name.to_owned(), cpu, memory, window],
                        object: partial(metadata),
                    })
                    .collect()
            }),
            api_version: api_version.clone(),
        }),
    }
}

impl KubeObject for Converted<'_> {
    fn kind(&self) -> &str {
        match self {
            Self::Table(table) => table.kind,
            Self::Metadata(metadata) => metadata.kind,
            Self::List(list) => list.kind,
        }
    }

    fn api_version(&self) -> &str {
        match self {
            Self::Table(table) => &table.api_version,
            Self::Metadata(metadata) => &metadata.api_version,
            Self::List(list) => &list.api_version,
        }
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        None
    }
}
