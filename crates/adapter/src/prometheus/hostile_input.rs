//! Whatever a server sends or a user writes is read or refused, and read alike in one piece or many.
//!
//! Properties over generated input; what correct input means is tested beside each reader.

use proptest::prelude::*;

use super::address::BaseUrl;
use super::foreign::{ECHO, describe, shortened};
use super::name_matcher::with_exact_name;
use super::number::parse_go_float;
use super::query_answer;
use super::series_answer::{SeriesAnswer, SeriesReader, Unreadable};
use super::series_shapes::ShapeLimits;

const QUERY: &str = r#"{"status":"success","warnings":["é"],"data":{"resultType":"vector","result":[{"metric":{"__name__":"m","a\u00e9":"b\\"},"value":[1700000000.123,"+Inf"]},{"metric":{},"histogram":[1,{"count":"2"}]}]}}"#;
const SERIES: &str = r#"{"status":"success","data":[{"__name__":"m","a\u00e9":"b\\"},{"ü":"","a":null}, {} ],"x":[1.5e3,true]}"#;

/// `text` with some bytes replaced, and perhaps cut short.
fn damaged(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![proptest::sample::select(&b"\"\\{}[]:,0n \xc3"[..]), any::<u8>()];
    let changes = proptest::collection::vec((0..text.len(), byte), 0..4);
    (changes, 0..=text.len()).prop_map(move |(changes, end)| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(if end % 3 == 0 { end } else { text.len() });
        bytes
    })
}

fn read_series(bytes: &[u8], piece: usize) -> Result<SeriesAnswer, Unreadable> {
    let mut reader = SeriesReader::new(ShapeLimits { shapes: 10, bytes: 10_000 });
    for chunk in bytes.chunks(piece) {
        reader.feed(chunk)?;
    }
    reader.finish()
}

proptest! {
    #[test]
    fn a_damaged_query_answer_is_read_or_described(body in damaged(QUERY)) {
        if let Err(what) = query_answer::read(&body) {
            prop_assert!(!what.is_empty() && what.chars().count() < ECHO + 100, "{}", what);
        }
    }

    #[test]
    fn a_damaged_list_of_series_is_read_alike_however_it_is_cut(body in damaged(SERIES), piece in 1..200usize) {
        prop_assert_eq!(read_series(&body, piece), read_series(&body, usize::MAX));
    }

    #[test]
    fn any_body_is_described_in_few_words(body in proptest::collection::vec(any::<u8>(), 0..500), html in any::<bool>()) {
        let description = describe(html.then_some("text/html"), &body);
        prop_assert!(!description.is_empty() && description.chars().count() < ECHO + 60);
        prop_assert!(!description.contains('\n'));
    }

    #[test]
    fn shortening_keeps_short_lines(line in "[a-zé]{1,10}( [a-zé]{1,10}){0,5}") {
        prop_assert_eq!(shortened(&line), line);
    }

    #[test]
    fn any_selector_is_left_alone_or_gets_an_exact_name(selector in r#"[{}_a-z"'`\\^$=~! ,é]{0,20}(__name__ ?=~ ?"\^?[a-z.]{1,3}\$?")?.{0,20}"#) {
        if let Some(exact) = with_exact_name(&selector) {
            prop_assert!(exact.contains("__name__=\""), "{} {}", selector, exact);
        }
    }

    #[test]
    fn any_url_is_refused_or_shown_without_user(url in "(https?://)?([a-z:%@]{0,8}@)?[a-z:0-9./%?#\\[\\]é]{0,20}") {
        if let Ok(base) = BaseUrl::parse(&url) {
            prop_assert!(!base.shown().contains("@") || url.rsplit_once('/').is_some_and(|(_, path)| path.contains('@') || path.contains("%40")));
            let _ = base.endpoint("/api/v1/query", Some("a=b"));
        }
    }

    #[test]
    fn every_float_is_read_back(bits in any::<u64>()) {
        let float = f64::from_bits(bits);
        prop_assume!(float.is_finite());
        let exponent = ((bits >> 52) & 0x7ff) as i64;
        let (lead, exponent) = if exponent == 0 { (0, -1022) } else { (1, exponent - 1023) };
        let sign = if float.is_sign_negative() { "-" } else { "" };
        let hexadecimal = format!("{sign}0x{lead}.{:013x}p{exponent}", bits & ((1 << 52) - 1));
        for text in [format!("{float:?}"), format!("{float}"), format!("{float:e}"), hexadecimal] {
            prop_assert_eq!(parse_go_float(&text).map(f64::to_bits), Some(bits), "{}", text);
        }
    }

    #[test]
    fn hexadecimal_numbers_of_any_length_are_the_nearest_floats(digits in "[0-9a-f]{1,24}", exponent in -1200..1100i32) {
        // The decimal text of a whole number is exact, and Rust's reader rounds it correctly.
        let whole = u128::from_str_radix(&digits, 16).unwrap_or(0);
        let read = parse_go_float(&format!("0x{digits}p0"));
        prop_assert_eq!(read, whole.to_string().parse().ok());
        let _ = parse_go_float(&format!("0x{digits}.{digits}p{exponent}"));
    }

    #[test]
    fn any_text_is_a_number_or_none(text in "[-+0-9a-fxXpPeE._infty]{0,12}") {
        if let Some(value) = parse_go_float(&text) {
            prop_assert!(value.is_finite() || text.to_ascii_lowercase().contains(['i', 'n']));
        }
    }
}
