//! Any bytes are a block of samples or an error, and what was decoded is encoded and decoded to the same bits.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| plimsoll_tsdb::fuzzing::block(data));
