//! Any sequence of turns is decided without panic, the same twice, and by the laws that upstream keeps.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| plimsoll_hpa::recorded::laws::check(data));
