//! The part of an API server's answer that is kept: names, labels, versions. The rest is skipped while decoding.
//!
//! **Invariant:** annotations and managed fields never take memory here.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::index::Identity;

/// One page of a list of `PartialObjectMetadata`.
#[derive(Debug, Deserialize)]
pub struct Page {
    #[serde(default)]
    pub metadata: PageMeta,
    #[serde(default)]
    pub items: Option<Vec<Object>>,
}

/// Where a list stands.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageMeta {
    #[serde(default)]
    pub resource_version: String,
    #[serde(default, rename = "continue")]
    pub next: String,
}

/// An object of a list or a watch.
#[derive(Debug, Clone, Deserialize)]
pub struct Object {
    metadata: Meta,
}

impl Object {
    /// The version to go on from, empty if the server gave none.
    pub fn version(&self) -> &str {
        &self.metadata.resource_version
    }

    /// What is kept.
    pub fn into_identity(self) -> Identity {
        Identity {
            namespace: self.metadata.namespace,
            name: self.metadata.name,
            labels: self.metadata.labels.0,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    labels: Pairs,
    #[serde(default)]
    resource_version: String,
}

/// A JSON object of strings as pairs; null is empty.
#[derive(Debug, Clone, Default)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }
            fn visit_unit<E>(self) -> Result<Pairs, E> {
                Ok(Pairs::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_labels_and_versions_are_read() {
        let page: Page = serde_json::from_str(
            r#"{"kind":"PartialObjectMetadataList","metadata":{"resourceVersion":"10","continue":"tok"},"items":[
            {"kind":"PartialObjectMetadata","metadata":{"name":"web-1","namespace":"default","labels":{"app":"web"},
             "annotations":{"x":"y"},"managedFields":[{"manager":"m"}],"resourceVersion":"5"}},
            {"metadata":{"name":"bare","labels":null}}]}"#,
        )
        .expect("readable");
        assert_eq!((page.metadata.resource_version.as_str(), page.metadata.next.as_str()), ("10", "tok"));
        let items = page.items.expect("items");
        assert_eq!(items[0].version(), "5");
        let kept: Vec<_> = items.into_iter().map(Object::into_identity).collect();
        assert_eq!(kept[0].labels, [("app".to_owned(), "web".to_owned())]);
        assert_eq!((kept[1].namespace.as_str(), kept[1].name.as_str()), ("", "bare"));
    }

    #[test]
    fn a_list_without_items_is_empty() {
        let page: Page =
            serde_json::from_str(r#"{"metadata":{"resourceVersion":"1"},"items":null}"#).expect("readable");
        assert!(page.items.is_none());
    }
}
