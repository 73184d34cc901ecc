//! Any series and any query on them give an answer or an error. The input is a file in the test language, so that
//! data and query change together; whether the answer is the wanted one does not matter here.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_promql::promqltest;

fuzz_target!(|script: &str| {
    promqltest::run(script);
});
