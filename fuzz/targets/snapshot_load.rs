//! Any bytes behind the right checksums are a store or an error; a store reads, takes a scrape, and is the same after
//! being saved and loaded once more.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| plimsoll_tsdb::fuzzing::snapshot(data));
