//! The in-memory series store: what was scraped over the last hour or so, in little memory, read at once by the query engine.
//!
//! Not a database: no files (a [snapshot](Store::save) goes to any `std::io::Write`), no tasks, no clock, no queries. The engine reads through
//! [`SeriesSource`](plimsoll_model::series::SeriesSource), which [`StoreView`] implements.
//!
//! **Invariant:** a scrape is visible whole or not at all, and readers take no lock.
//!
//! # How samples get in
//!
//! ```
//! use plimsoll_tsdb::{Options, Store};
//!
//! let store = Store::new(Options::default()).unwrap();
//! let mut writer = store.writer("pod/default/web-0").unwrap();
//! let mut scrape = writer.begin(1_700_000_000_000).unwrap();
//! let requests = scrape.series([("__name__", "requests_total"), ("pod", "web-0")].into_iter()).unwrap();
//! scrape.set(requests, 17.0).unwrap();
//! let done = scrape.commit();
//! assert_eq!((done.samples, done.new_series), (1, 1));
//! ```
//!
//! The [`SeriesRef`] is kept and used for the next scrapes; only labels that are new are looked up. A series that the scrape before had and this one has
//! not gets a staleness marker; a scrape without any sample marks all. Samples with a time of their own, native histograms and metadata have their own calls.
//!
//! # The shape of it
//!
//! ```text
//! Store ── directory: hash of a label → targets            (one, sorted runs)
//!   └── Target × n ── View (swapped whole at each commit)
//!                       ├── segments: labels → slots       (few, sorted arrays)
//!                       ├── sealed:   runs of 30 rows      (one block per slot)
//!                       ├── rows:     16 to 45 scrapes     (one f64 per slot)
//!                       └── late:     slot → samples       (rare)
//! ```
//!
//! *Per target*, because a target is what is scraped at one instant, goes stale as one and vanishes as one with its pod: one timestamp serves all its
//! samples, one pointer publishes a scrape, and what a pod leaves behind is dropped as a whole.
//!
//! *Rows first, blocks later*, because a scrape then is one pass over one array (nothing per series is touched), and the windows that
//! autoscaling asks for (one to five minutes) are read from arrays without decoding anything.
//!
//! *Slots.* A series has a number in its target, its place in each row and in each block. New series take the lowest free one. A series
//! without any sample left loses it once a quarter of its segment is in that state, so a slot is given away only when no row
//! and no block has anything in it.
//!
//! # A row
//!
//! A time and one `f64` per slot. Where there is no number stands one of three NaNs:
//!
//! | bits | meaning |
//! |---|---|
//! | `7ff0_0000_0000_0002` | staleness marker, the same bits as Prometheus |
//! | `7ff4_0000_0000_0001` | no sample |
//! | `7ff4_0000_0000_0002` | a native histogram, kept in a list beside the values |
//!
//! Samples with their own time have an `i32` of milliseconds after the row's beside them. A sample that is older than the newest
//! of its series goes to `late`, a sorted list per slot that readers merge in.
//!
//! # A sealed run
//!
//! When `hot_rows + sealed_rows` rows have gathered, the oldest `sealed_rows` are turned around: per slot one block of all its values, blocks in
//! slot order in one buffer. Expiry and eviction drop whole runs, so nothing is ever compacted. A block's place takes 2⅛ bytes: a 32-bit base
//! for 32 blocks, and a 16-bit end for each.
//!
//! # A block, byte by byte
//!
//! A slot without any sample in the run has a block of no bytes. Otherwise:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | bits 0–2: the coding; bit 3: some rows have no number; bits 4–7: the decimal exponent `e` |
//! | ⌈rows/4⌉ | only with bit 3: two bits a row, 0 number, 1 no sample, 2 stale, 3 histogram |
//! | … | the numbers, in row order, by their coding |
//!
//! | coding | bytes |
//! |---|---|
//! | 0 plain | head, `signed` smallest, then each number less the smallest |
//! | 1 differences | head, `signed` first, `signed` smallest difference, then each difference less the smallest |
//! | 2 differences of differences | head, `signed` first, `signed` first difference, `signed` smallest second difference, then each second difference less the smallest |
//! | 3 constant | `signed` number |
//! | 4 exclusive-or | 8 bytes first, then per number one byte (upper half: zero bytes at the top, lower half: at the bottom) and the bytes between of its bits ⊕ those before |
//! | 5 constant bits | 8 bytes |
//! | 6 | no numbers at all |
//!
//! *Head* is one byte: bits 0–5 the width of the packed fields (0–56), bit 6 set when a byte with a shift follows, bit 7 zero. Fields are packed least
//! significant bit first with no gaps. `signed` is a zigzag varint. In codings 0–3 a number is the integer, shifted left by
//! the shift, divided by 10<sup>e</sup>.
//!
//! Why so:
//! - *Decimal.* Programs print short decimals: 0.25 is 25 and e = 2, while its neighbours in binary share few bits. A
//!   division of integers below 2⁵¹ by an exact power of ten is correctly rounded, and the writer checks every number for the same bits, so
//!   it is exact or not used.
//! - *One width per block*: decoding is a load, a shift and an add, without a branch per sample.
//! - *Three depths of difference*: gauges, counters, counters at a steady rate; the shortest wins.
//! - *Shift*: memory comes in pages of 4096 bytes; the twelve zero bits are said once.
//! - *Exclusive-or* for the rest (averages, 17-digit ratios), by whole bytes: it is seldom, and bytes are quick.
//! - *No end and no count*: the buffer knows both.
//!
//! # The index
//!
//! A segment holds, as sorted arrays: its strings once each; the label names of its series as shared lists (few series differ in those);
//! per series its slot, its list and one 32-bit string number per value; a 32-bit hash per series, to find it by all its labels; and per label the series
//! that have it, as varints of the gap to the one before less one. 70 to 90 bytes a series.
//!
//! New series make a small segment; a segment that is less than twice as large as the one after is merged with it. So adding is
//! cheap, there are few segments to ask, and none ever changes.
//!
//! The directory says which targets may have a label: 8 bytes for each label of each target, 32 bits of hash and 32 of target. It need not be
//! exact, since the segments are, so it can lag behind what has vanished.
//!
//! Series with the same labels in several targets are one series to readers: that of the lowest target stands for all, with the samples of all,
//! at one time the first target's. Which they are is looked up once per generation; where a label that all series of a target share
//! (`instance`) tells the targets apart, that is one look at each target, else at each series of those that it does not, and later
//! one at each target that has changed.
//!
//! What a question found in many targets is kept, as runs of neighbouring slots, with its generation; and of the last 4,096 generations the
//! target that each changed. Who asks the same later has only the targets asked that changed since.
//!
//! # What readers see
//!
//! [`Store::view`] fixes a generation, which changes whenever any index does, and each target when it is first read. Each row knows the
//! generation it came with; a target that has moved on is read without newer rows. So with one generation two views
//! agree about every series, and a plan made with one is good for the other.
//!
//! A view is for one evaluation. Rows that have been sealed no longer know their generation, and slots that were given back are
//! given anew: a view that first reads a target more than `hot_rows` scrapes (16, four minutes at 15 seconds) after it was made may see scrapes
//! that are newer than the view, and under a slot whose series is gone another one. What it has read once stays as it was.
//!
//! # A snapshot, byte by byte
//!
//! ```text
//! "PLIMTSDB"  version: u32 = 1
//! per target: length: u64  contents  CRC-32 of contents: u32
//! u64::MAX    "PLIMDONE"   number of targets: u64   CRC-32 of all the CRC-32s before: u32
//! ```
//!
//! Little-endian. Contents, with `n` a varint, `s` a zigzag varint and text a length `n` with UTF-8 bytes:
//!
//! ```text
//! key: text
//! segments: n × { symbols: n × text, series: n × { slot: n, labels: n × { name symbol: n, value symbol: n } } }
//! sealed:   n × { first time: s, rows: n, milliseconds after the first: rows × n, values: column,
//!                 own times: byte 0 | 1, if 1: column, histograms: n × { slot: n, row: byte, histogram } }
//! rows:     n × { time: s, values: n × f64, own times: n × i32, histograms: n × { slot: n, histogram } }
//! late:     n × { slot: n, samples: n × { time: s, value: f64 } }
//! metadata: n × { family: text, type: text, help: text, unit: text }
//!
//! column    = block lengths: n × n, the blocks as above
//! histogram = reset hint: byte, schema: s, zero threshold, zero count, count, sum: f64 each,
//!             2 × (positive, negative) { spans: n × { offset: s, length: n }, counts: n × f64 }, bounds: n × f64
//! ```
//!
//! Hashes and postings are not in it: they are made again, so there is nothing in a file that could contradict the labels. Every index, order
//! and block is checked before the store is handed over. The length before each part lets it be read in one piece; the end says that no part is missing.

mod bits;
mod block;
mod directory;
#[cfg(fuzzing)]
pub mod fuzzing;
mod group;
mod lookup;
mod row;
mod scrape;
mod sealed;
mod segment;
mod select;
mod snapshot;
mod source;
mod store;
mod symbols;
mod target;
mod twins;
mod value;
mod view;
mod window;

pub use block::BlockError;
pub use scrape::{Committed, MAX_LABEL_BYTES, MAX_LABELS, SampleError, Scrape, SeriesError, SeriesRef};
pub use snapshot::{Contents, LoadError, SaveError};
pub use source::StoreView;
pub use store::{
    MAX_KEY_BYTES, MAX_SERIES_PER_TARGET, Maintained, Options, OptionsError, Store, WriterError,
};
pub use target::{BeginError, Writer};
pub use view::Metadata;

use plimsoll_model::histogram::Histogram;

/// Bytes of a histogram on the heap, approximately.
fn histogram_bytes(histogram: &Histogram) -> usize {
    size_of::<Histogram>()
        + (histogram.positive_spans.len() + histogram.negative_spans.len()) * 8
        + (histogram.positive.len() + histogram.negative.len()) * 8
        + histogram.custom_bounds.len() * 8
}
