//! Snapshots that are cut off, changed, or of something else.

use std::io::{self, Read, Write};
use std::sync::Arc;

use plimsoll_model::histogram::{Histogram, Span};
use plimsoll_tsdb::{LoadError, Metadata, Options, Store};
use proptest::prelude::*;

use crate::reading::{everything, read, series, store};

/// A store with something of everything.
fn full() -> Store {
    let store = store(|_| ());
    for target in ["a", "b"] {
        let mut writer = store.writer(target).unwrap();
        for at in 0..12i64 {
            let mut scrape = writer.begin(at * 1000).unwrap();
            scrape.set_metadata(
                "m",
                Metadata { kind: "counter".into(), help: "Ünïts.".into(), unit: "s".into() },
            );
            for pod in 0..6 {
                let reference =
                    series(&mut scrape, &[("__name__", "m"), ("pod", &pod.to_string()), ("t", target)]);
                if pod == 3 {
                    scrape.set_at(reference, at * 1000 - 500, 1.5).unwrap();
                } else if pod != 4 || at % 3 == 0 {
                    scrape.set(reference, (at * pod) as f64).unwrap();
                }
            }
            let reference = series(&mut scrape, &[("__name__", "h"), ("t", target)]);
            let histogram = Histogram {
                count: at as f64,
                negative_spans: vec![Span { offset: -3, length: 2 }],
                negative: vec![1.0, 2.0],
                ..Histogram::default()
            };
            scrape.set_histogram(reference, Arc::new(histogram)).unwrap();
            let reference = series(&mut scrape, &[("__name__", "late"), ("t", target)]);
            scrape.set(reference, 1.0).unwrap();
            if at > 5 {
                scrape.set_at(reference, at * 1000 - 1500, 2.0).unwrap();
            }
            scrape.commit();
        }
    }
    store
}

fn saved(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    let contents = store.save(&mut bytes).unwrap();
    assert_eq!(contents.bytes, bytes.len() as u64);
    bytes
}

fn load(bytes: &[u8]) -> Result<Store, LoadError> {
    Store::load(Options::default(), &mut &*bytes).map(|(store, _)| store)
}

#[test]
fn a_snapshot_gives_back_all_that_was_seen() {
    let store = full();
    let loaded = load(&saved(&store)).unwrap();
    assert_eq!(read(&loaded.view(), &[], everything()), read(&store.view(), &[], everything()));
    assert_eq!(loaded.view().metadata(), store.view().metadata());
    assert_eq!(loaded.series(), 16);
    assert_eq!(saved(&loaded), saved(&store), "a snapshot of a loaded store is the same");
    // A series that is gone after the restart goes stale.
    loaded.writer("a").unwrap().begin(50_000).unwrap().commit();
    let all = read(&loaded.view(), &[], everything());
    assert_eq!(all.values().filter(|samples| samples.contains_key(&50_000)).count(), 6);
}

#[test]
fn a_snapshot_that_ends_early_is_an_error_wherever_it_ends() {
    let bytes = saved(&full());
    for length in 0..bytes.len() {
        assert!(
            matches!(load(&bytes[..length]), Err(LoadError::Truncated { .. })),
            "{length} of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn a_snapshot_with_one_changed_bit_is_an_error_wherever_it_changes() {
    let mut bytes = saved(&full());
    for at in 0..bytes.len() {
        bytes[at] ^= 1 << (at % 8);
        assert!(load(&bytes).is_err(), "byte {at}");
        bytes[at] ^= 1 << (at % 8);
    }
}

#[test]
fn what_is_no_snapshot_says_what_is_wrong() {
    let whole = saved(&full());
    let mut later = whole.clone();
    later[8] = 2;
    let mut longer = whole.clone();
    longer.push(0);
    for (bytes, text) in [
        (&b"#!/bin/sh\nexit"[..], "this is no snapshot of the series store"),
        (&later, "the snapshot has format 2, this version reads format 1; start without it"),
        (&longer, "the snapshot goes on after its end"),
        (&whole[..100], "the snapshot ends early, in part 0"),
    ] {
        assert_eq!(load(bytes).unwrap_err().to_string(), text);
    }
}

#[test]
fn a_length_that_lies_takes_no_memory() {
    let mut bytes = saved(&full());
    bytes[12..20].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
    assert!(matches!(load(&bytes), Err(LoadError::Truncated { part: 0 })));
}

#[test]
fn a_full_disk_or_an_unreadable_one_is_an_error() {
    struct Broken(usize);
    impl Write for Broken {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
    assert!(full().save(&mut Broken(100)).is_err());
    assert!(matches!(Store::load(Options::default(), &mut Broken(0)), Err(LoadError::Io(_))));
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 },
        )
    };
    !bytes.iter().fold(!0, step)
}

/// A snapshot of one part with these contents and all the right checksums.
fn around(part: &[u8]) -> Vec<u8> {
    let sum = crc32(part).to_le_bytes();
    [
        &b"PLIMTSDB"[..],
        &1u32.to_le_bytes(),
        &(part.len() as u64).to_le_bytes(),
        part,
        &sum,
        &u64::MAX.to_le_bytes(),
        b"PLIMDONE",
        &1u64.to_le_bytes(),
        &crc32(&sum).to_le_bytes(),
    ]
    .concat()
}

/// Loads what may be nonsense; when it loads it must also read, take a scrape and save.
fn survive(bytes: &[u8]) {
    let Ok(store) = load(bytes) else { return };
    read(&store.view(), &[], everything());
    let mut writer = store.writer("a").unwrap();
    if let Ok(mut scrape) = writer.begin(1 << 40) {
        let reference = series(&mut scrape, &[("__name__", "new")]);
        scrape.set(reference, 1.0).unwrap();
        scrape.commit();
    }
    store.maintain(1 << 40);
    let again = load(&saved(&store)).unwrap();
    assert_eq!(read(&again.view(), &[], everything()), read(&store.view(), &[], everything()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn contents_changed_under_a_right_checksum_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let whole = saved(&full());
        let length = u64::from_le_bytes(whole[12..20].try_into().unwrap()) as usize;
        let mut part = whole[20..20 + length].to_vec();
        prop_assert_eq!(around(&part).len(), part.len() + 52);
        prop_assert!(load(&around(&part)).is_ok());
        if let Some(cut) = cut {
            part.truncate(cut.index(part.len()));
        }
        for (at, byte) in changes {
            if !part.is_empty() {
                let at = at.index(part.len());
                part[at] = byte;
            }
        }
        survive(&around(&part));
    }

    #[test]
    fn any_bytes_load_or_fail(part in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&part);
        survive(&around(&part));
    }
}
