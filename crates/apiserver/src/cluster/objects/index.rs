//! The objects of one resource type in memory, by namespace, in the order in which the API server lists them.
//!
//! Pure: it is fed with a complete list and then with single changes, and knows neither clients nor time.
//!
//! **Invariant:** objects keep the order of the last complete list; an object that appears later stands where
//! a sorted list has it, or in name order behind a list that was not sorted.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use plimsoll_adapter::cluster::{Labels, ObjectMeta};

/// What is kept of an object that the API server sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    pub name: String,
    /// In any order.
    pub labels: Vec<(String, String)>,
}

/// Objects that share memory with the index they come from.
pub type Snapshot = Arc<Vec<Arc<ObjectMeta>>>;

/// The objects of one resource type.
#[derive(Debug, Default)]
pub struct Index {
    /// Namespaces in list order.
    namespaces: Vec<Namespace>,
    positions: HashMap<Arc<str>, usize>,
    interner: Interner,
    len: usize,
}

#[derive(Debug)]
struct Namespace {
    objects: Snapshot,
    /// Objects from here on are sorted by name; those before are in the order of an unsorted list.
    sorted_from: usize,
}

impl Index {
    /// The number of objects.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Appends an object of a complete list; call [`Index::settle`] after the last one.
    pub fn push(&mut self, object: Identity) {
        let object = self.interner.intern(object);
        let at = self.position(&object.namespace);
        Arc::make_mut(&mut self.namespaces[at].objects).push(object);
        self.len += 1;
    }

    /// Ends a complete list: remembers which namespaces were listed in name order.
    pub fn settle(&mut self) {
        for namespace in &mut self.namespaces {
            let objects = Arc::make_mut(&mut namespace.objects);
            let sorted = objects.is_sorted_by(|a, b| a.name < b.name);
            namespace.sorted_from = if sorted { 0 } else { objects.len() };
            objects.shrink_to_fit();
        }
    }

    /// Adds an object or replaces the one of the same name.
    pub fn apply(&mut self, object: Identity) {
        let object = self.interner.intern(object);
        let at = self.position(&object.namespace);
        let namespace = &mut self.namespaces[at];
        match namespace.find(&object.name) {
            Ok(at) if namespace.objects[at] == object => {}
            Ok(at) => Arc::make_mut(&mut namespace.objects)[at] = object,
            Err(at) => {
                Arc::make_mut(&mut namespace.objects).insert(at, object);
                self.len += 1;
            }
        }
        self.interner.tidy();
    }

    /// Forgets an object; one that is not there is no error.
    pub fn remove(&mut self, namespace: &str, name: &str) {
        let Some(&at) = self.positions.get(namespace) else { return };
        let namespace = &mut self.namespaces[at];
        if let Ok(at) = namespace.find(name) {
            Arc::make_mut(&mut namespace.objects).remove(at);
            if at < namespace.sorted_from {
                namespace.sorted_from -= 1;
            }
            self.len -= 1;
        }
        self.compact();
        self.interner.tidy();
    }

    /// Forgets namespaces that have become empty, once they are many.
    fn compact(&mut self) {
        if self.namespaces.len() <= 256.max(2 * self.len) {
            return;
        }
        self.namespaces.retain(|namespace| !namespace.objects.is_empty());
        let named =
            |(at, namespace): (usize, &Namespace)| Some((namespace.objects.first()?.namespace.clone(), at));
        self.positions = self.namespaces.iter().enumerate().filter_map(named).collect();
    }

    /// The objects of `namespace`.
    pub fn namespace(&self, namespace: &str) -> Snapshot {
        self.positions.get(namespace).map(|&at| self.namespaces[at].objects.clone()).unwrap_or_default()
    }

    /// The objects of every namespace, one snapshot per namespace.
    pub fn all(&self) -> Vec<Snapshot> {
        self.namespaces.iter().map(|namespace| namespace.objects.clone()).collect()
    }

    fn position(&mut self, namespace: &Arc<str>) -> usize {
        if let Some(&at) = self.positions.get(namespace) {
            return at;
        }
        self.namespaces.push(Namespace { objects: Snapshot::default(), sorted_from: 0 });
        self.positions.insert(namespace.clone(), self.namespaces.len() - 1);
        self.namespaces.len() - 1
    }
}

impl Namespace {
    /// Where the object is, or where it belongs.
    fn find(&self, name: &str) -> Result<usize, usize> {
        let (listed, sorted) = self.objects.split_at(self.sorted_from);
        if let Some(at) = listed.iter().position(|object| *object.name == *name) {
            return Ok(at);
        }
        sorted
            .binary_search_by(|object| (*object.name).cmp(name))
            .map(|at| at + self.sorted_from)
            .map_err(|at| at + self.sorted_from)
    }
}

/// Strings and label sets that several objects share, each held once.
#[derive(Debug, Default)]
struct Interner {
    strings: HashSet<Arc<str>>,
    sets: HashSet<Labels>,
    /// The number of entries at which unused ones are looked for.
    tidy_at: usize,
}

impl Interner {
    const SMALLEST: usize = 1024;

    fn intern(&mut self, object: Identity) -> Arc<ObjectMeta> {
        let namespace = self.string(&object.namespace);
        let mut labels: Vec<_> =
            object.labels.iter().map(|(key, value)| (self.string(key), self.string(value))).collect();
        labels.sort_unstable();
        let labels = match self.sets.get(labels.as_slice()) {
            Some(shared) => shared.clone(),
            None => {
                let fresh = Labels::from(labels);
                self.sets.insert(fresh.clone());
                fresh
            }
        };
        Arc::new(ObjectMeta { namespace, name: object.name.into(), labels })
    }

    fn string(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.strings.get(text) {
            return shared.clone();
        }
        let fresh = Arc::<str>::from(text);
        self.strings.insert(fresh.clone());
        fresh
    }

    /// Drops what no object uses any more, at a cost that is constant per change in the long run.
    fn tidy(&mut self) {
        if self.strings.len() + self.sets.len() < self.tidy_at.max(Self::SMALLEST) {
            return;
        }
        self.sets.retain(|set| Arc::strong_count(set) > 1);
        self.strings.retain(|string| Arc::strong_count(string) > 1);
        self.tidy_at = 2 * (self.strings.len() + self.sets.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(namespace: &str, name: &str, labels: &[(&str, &str)]) -> Identity {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Identity { namespace: namespace.to_owned(), name: name.to_owned(), labels }
    }

    fn listed(objects: &[(&str, &str)]) -> Index {
        let mut index = Index::default();
        for (namespace, name) in objects {
            index.push(object(namespace, name, &[]));
        }
        index.settle();
        index
    }

    fn names(snapshot: &Snapshot) -> Vec<&str> {
        snapshot.iter().map(|object| &*object.name).collect()
    }

    #[test]
    fn a_list_keeps_its_order() {
        let index = listed(&[("default", "web-1"), ("default", "db-0"), ("other", "a"), ("default", "api")]);
        assert_eq!(names(&index.namespace("default")), ["web-1", "db-0", "api"]);
        assert_eq!(index.len(), 4);
        let all: Vec<_> = index.all().iter().map(|s| names(s).len()).collect();
        assert_eq!(all, [3, 1]);
    }

    #[test]
    fn a_new_object_stands_where_a_sorted_list_has_it() {
        let mut index = listed(&[("d", "a"), ("d", "c")]);
        index.apply(object("d", "b", &[]));
        index.apply(object("d", "d", &[]));
        assert_eq!(names(&index.namespace("d")), ["a", "b", "c", "d"]);
    }

    #[test]
    fn new_objects_stand_in_name_order_behind_an_unsorted_list() {
        let mut index = listed(&[("d", "c"), ("d", "a")]);
        for name in ["z", "b", "y"] {
            index.apply(object("d", name, &[]));
        }
        assert_eq!(names(&index.namespace("d")), ["c", "a", "b", "y", "z"]);
        index.remove("d", "c");
        index.apply(object("d", "x", &[]));
        assert_eq!(names(&index.namespace("d")), ["a", "b", "x", "y", "z"]);
        index.remove("d", "b");
        assert_eq!(names(&index.namespace("d")), ["a", "x", "y", "z"]);
        assert_eq!(index.len(), 4);
    }

    #[test]
    fn a_changed_object_keeps_its_place_and_takes_its_new_labels() {
        let mut index = listed(&[("d", "c"), ("d", "a")]);
        index.apply(object("d", "c", &[("tier", "x"), ("app", "web")]));
        let after = index.namespace("d");
        assert_eq!(names(&after), ["c", "a"]);
        assert_eq!(after[0].label("app"), Some("web"));
        assert_eq!(after[0].label("tier"), Some("x"));
        assert_eq!(after[0].label("none"), None);
        assert_eq!(index.len(), 2);
    }

    #[test]
    fn a_snapshot_does_not_change_under_its_reader() {
        let mut index = listed(&[("d", "a")]);
        let before = index.namespace("d");
        index.apply(object("d", "b", &[]));
        index.remove("d", "a");
        assert_eq!(names(&before), ["a"]);
        assert_eq!(names(&index.namespace("d")), ["b"]);
    }

    #[test]
    fn an_unknown_namespace_is_empty_and_removing_from_it_is_nothing() {
        let mut index = listed(&[]);
        index.remove("none", "x");
        assert!(index.namespace("none").is_empty());
        assert_eq!(index.len(), 0);
    }

    #[test]
    fn equal_label_sets_share_memory_whatever_their_order() {
        let mut index = Index::default();
        index.push(object("d", "a", &[("app", "web"), ("tier", "x")]));
        index.push(object("d", "b", &[("tier", "x"), ("app", "web")]));
        index.settle();
        let all = index.namespace("d");
        assert!(Arc::ptr_eq(&all[0].labels, &all[1].labels));
    }

    #[test]
    fn namespaces_that_came_and_went_are_forgotten() {
        let mut index = listed(&[("stays", "a")]);
        for n in 0..5_000 {
            let namespace = format!("ci-{n}");
            index.apply(object(&namespace, "x", &[]));
            index.remove(&namespace, "x");
        }
        assert!(index.namespaces.len() <= 257, "{} namespaces are held", index.namespaces.len());
        index.apply(object("stays", "b", &[]));
        assert_eq!(names(&index.namespace("stays")), ["a", "b"]);
    }

    #[test]
    fn labels_that_nobody_carries_any_more_are_forgotten() {
        let mut index = listed(&[]);
        for n in 0..20_000 {
            index.apply(object("d", "only", &[("hash", &n.to_string())]));
        }
        let held = index.interner.strings.len() + index.interner.sets.len();
        assert!(held <= 2 * Interner::SMALLEST, "{held} strings and sets are held for one object");
    }
}
