//! Blocks: what goes in comes out, and damaged bytes are refused.
//!
//! **Invariant:** each property holds for arbitrary columns, not for chosen ones.

use proptest::prelude::*;

use super::*;
use crate::value::NAN;

fn round_trip(values: &[f64]) -> usize {
    let mut bytes = vec![0xaa; 3];
    Encoder::default().encode(values, &mut bytes);
    let end = bytes.len();
    let mut back = vec![0.0; values.len()];
    decode(&bytes, 3, end, &mut back).unwrap();
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&back), bits(values), "{values:?}");
    // The same with more bytes behind, as in a sealed buffer.
    bytes.extend([0xff; 9]);
    decode(&bytes, 3, end, &mut back).unwrap();
    assert_eq!(bits(&back), bits(values), "{values:?}");
    // And no shorter block is mistaken for it.
    for cut in 4..end {
        let _ = decode(&bytes[..cut], 3, cut, &mut back);
    }
    end - 3
}

#[test]
fn typical_series_take_few_bytes() {
    let mark = f64::from_bits;
    let counter: Vec<f64> = (0..30).map(|i| 1e6 + f64::from(i * 15)).collect();
    let bytes: Vec<f64> = (0..30).map(|i| f64::from((i * 7919) % 64) * 4096.0 + 1_073_741_824.0).collect();
    let seconds: Vec<f64> = (0..30).map(|i| f64::from(12_345 + i * 15 + i % 3) / 1000.0).collect();
    let cases: &[(&str, &[f64], usize)] = &[
        ("absent throughout", &[mark(ABSENT); 30], 0),
        ("a constant", &[1.0; 30], 2),
        ("a constant fraction", &[0.25; 30], 2),
        ("a steady counter", &counter, 8),
        ("pages of memory", &bytes, 32),
        ("seconds with three digits", &seconds, 20),
        ("an ordinary NaN throughout", &[mark(NAN); 30], 9),
        ("infinite throughout", &[f64::INFINITY; 30], 9),
        ("stale at once", &[mark(STALE)], 2),
    ];
    for (name, values, most) in cases {
        let length = round_trip(values);
        assert!(length <= *most, "{name}: {length} bytes, at most {most} expected");
    }
}

#[test]
fn edges_of_the_number_line_stay_exact() {
    let mark = f64::from_bits;
    let values = [
        0.0,
        -0.0,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        mark(NAN),
        (1u64 << 51) as f64,
        ((1u64 << 51) - 1) as f64,
        ((1u64 << 53) - 1) as f64,
        -((1i64 << 51) - 1) as f64,
        0.1 + 0.2,
        1e15,
        1e-15,
        1e-16,
    ];
    for &value in &values {
        round_trip(&[value; 5]);
        for &other in &values {
            round_trip(&[value, other, value]);
            round_trip(&[mark(ABSENT), value, mark(STALE), other, mark(HISTOGRAM)]);
        }
    }
    round_trip(&[]);
}

#[test]
fn header_values_that_no_writer_writes_are_errors() {
    let mut out = [0.0; 4];
    for bytes in [
        &[0x07][..],
        &[0x06],
        &[0x00, 0x39, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x00, 0x80, 0],
        &[0x00, 0x41, 63, 0, 0],
    ] {
        assert_eq!(decode(bytes, 0, bytes.len(), &mut out), Err(BlockError::Header), "{bytes:?}");
    }
    for bytes in [&[0x00][..], &[0x03], &[0x04, 1, 2, 3], &[0x08], &[0x00, 0x08, 0]] {
        assert_eq!(decode(bytes, 0, bytes.len(), &mut out), Err(BlockError::Short), "{bytes:?}");
    }
}

/// Numbers as targets expose them, and then any bits at all.
fn series() -> impl Strategy<Value = Vec<f64>> {
    let mark = prop_oneof![Just(ABSENT), Just(STALE), Just(HISTOGRAM)].prop_map(f64::from_bits);
    let any_bits = any::<u64>().prop_map(|bits| value::number(f64::from_bits(bits)));
    let decimal = (0i64..1 << 45, 0i32..9).prop_map(|(m, e)| m as f64 / 10f64.powi(e));
    let pages = (0i64..1 << 30).prop_map(|m| (m * 4096) as f64);
    let walk = (0i64..1 << 40, prop::collection::vec(-3i64..40, 0..MAX_ROWS), 0i32..4).prop_map(
        |(first, steps, e)| {
            let mut at = first;
            steps
                .iter()
                .map(|step| {
                    at += step;
                    at as f64 / 10f64.powi(e)
                })
                .collect::<Vec<_>>()
        },
    );
    prop_oneof![
        3 => walk,
        1 => prop::collection::vec(decimal.clone(), 0..MAX_ROWS),
        1 => prop::collection::vec(pages, 0..MAX_ROWS),
        1 => prop::collection::vec(any_bits.clone(), 0..MAX_ROWS),
        2 => prop::collection::vec(prop_oneof![4 => decimal, 2 => mark, 1 => any_bits], 0..MAX_ROWS),
    ]
}

proptest! {
    #[test]
    fn sealed_values_are_the_unsealed_ones(values in series()) {
        round_trip(&values);
    }

    #[test]
    fn any_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..200), rows in 0usize..=MAX_ROWS, cut in 0usize..200) {
        let mut out = vec![0.0; rows];
        let end = cut.min(bytes.len());
        let _ = decode(&bytes, 0, end, &mut out);
    }
}
