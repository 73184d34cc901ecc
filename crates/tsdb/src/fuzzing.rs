//! What the fuzz targets call, because blocks and parts of snapshots are not public.
//!
//! Built with `--cfg fuzzing` only.
//!
//! **Invariant:** a violated promise panics; an error is a fine answer.

use std::collections::BTreeMap;

use plimsoll_model::labels::Labels;
use plimsoll_model::series::{SeriesSource, TimeRange};

use crate::block::{Encoder, MAX_ROWS, decode};
use crate::{Options, Store, StoreView, snapshot};

/// Decodes `data` after its first byte, which is the number of rows.
pub fn block(data: &[u8]) {
    let Some((rows, bytes)) = data.split_first() else { return };
    let mut values = vec![0.0; usize::from(*rows) % (MAX_ROWS + 1)];
    if decode(bytes, 0, bytes.len(), &mut values).is_err() {
        return;
    }
    let mut encoded = Vec::new();
    Encoder::default().encode(&values, &mut encoded);
    let mut again = vec![0.0; values.len()];
    decode(&encoded, 0, encoded.len(), &mut again).expect("what was encoded decodes");
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&again), bits(&values));
}

/// Loads a snapshot. An even first byte: the rest is the contents of its one part. An odd one: the rest
/// changes the snapshot of a store with something of everything, three bytes a change (a place and the byte to stand there).
pub fn snapshot(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else { return };
    let bytes = if how % 2 == 0 {
        snapshot::around(rest)
    } else {
        let mut part = snapshot::part(&sample());
        for change in rest.chunks_exact(3) {
            let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % part.len();
            part[at] = change[2];
        }
        snapshot::around(&part)
    };
    let Ok((store, _)) = Store::load(Options::default(), &mut &*bytes) else { return };
    let seen = all(&store.view());
    let mut saved = Vec::new();
    store.save(&mut saved).expect("memory can be written to");
    let (again, _) = Store::load(Options::default(), &mut &*saved).expect("what was saved loads");
    assert_eq!(all(&again.view()), seen);
    let mut writer = store.writer("a").expect("the key is short");
    if let Ok(mut scrape) = writer.begin(1 << 40) {
        if let Ok(series) = scrape.series([("__name__", "new")].into_iter()) {
            // Refusing is fine: the series may be there with a later sample.
            let _ = scrape.set(series, 1.0);
        }
        scrape.commit();
    }
    store.maintain(1 << 40);
    all(&store.view());
}

type Seen = BTreeMap<Labels, (Vec<i64>, Vec<u64>, Vec<String>)>;

/// All samples, floats as bits.
fn all(view: &StoreView) -> Seen {
    let range = TimeRange { start: i64::MIN, end: i64::MAX };
    let ids = view.select(&[], range);
    let mut seen = Seen::new();
    view.read(&ids, range, &mut |index, columns| {
        assert!(columns.timestamps.is_sorted_by(|a, b| a < b), "times ascend");
        assert_eq!(columns.timestamps.len(), columns.values.len());
        if !columns.timestamps.is_empty() {
            seen.insert(
                view.labels(ids[index]),
                (
                    columns.timestamps.to_vec(),
                    columns.values.iter().map(|value| value.to_bits()).collect(),
                    columns.histograms.iter().map(|histogram| format!("{histogram:?}")).collect(),
                ),
            );
        }
        true
    });
    seen
}

/// A store of one target with sealed runs, gaps, own times, late samples and a histogram.
fn sample() -> Store {
    let options = Options { hot_rows: 2, sealed_rows: 4, ..Options::default() };
    let store = Store::new(options).expect("the options are in range");
    let mut writer = store.writer("a").expect("the key is short");
    for at in 0..12i64 {
        let mut scrape = writer.begin(at * 1000).expect("the time ascends");
        for pod in ["0", "1", "2"] {
            let series =
                scrape.series([("__name__", "m"), ("pod", pod)].into_iter()).expect("labels are in order");
            match (pod, at % 3) {
                ("1", 0) => continue,
                ("2", _) => scrape.set_at(series, at * 1000 - 500, 0.25 * at as f64),
                _ => scrape.set(series, at as f64),
            }
            .expect("the sample is in order");
        }
        let series = scrape.series([("__name__", "h")].into_iter()).expect("labels are in order");
        let histogram = plimsoll_model::histogram::Histogram { count: at as f64, ..Default::default() };
        scrape.set_histogram(series, histogram.into()).expect("the sample is in order");
        scrape.commit();
    }
    store
}
