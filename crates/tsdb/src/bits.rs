//! Integers packed into bits and bytes: the lowest layer of the storage format.
//!
//! Bits are packed least significant first into little-endian bytes, because then one unaligned eight-byte load, one
//! shift and one mask read any field of up to [`MAX_WIDTH`] bits.
//!
//! **Invariant:** reading never goes beyond the given slice and never panics, whatever the bytes are.

/// The widest field in bits: a field starts at most seven bits into a byte, and 7 + 56 fits one 64-bit load.
pub(crate) const MAX_WIDTH: u32 = 56;

/// How many bytes `count` fields of `width` bits take.
pub(crate) fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends `fields`, each of which must fit `width` bits (at most [`MAX_WIDTH`]).
pub(crate) fn pack(fields: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    debug_assert!(width <= MAX_WIDTH);
    let (mut held, mut bits) = (0u64, 0u32);
    for field in fields {
        debug_assert!(width == 64 || field >> width == 0);
        held |= field << bits;
        bits += width;
        while bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(held as u8);
    }
}

/// Reads the field number `index` of `width` bits in `bytes`; bits beyond the end are zero.
#[inline]
pub(crate) fn unpack(bytes: &[u8], index: usize, width: u32) -> u64 {
    let bit = index * width as usize;
    let (start, shift) = (bit / 8, bit % 8);
    let word = match bytes.get(start..start + 8) {
        Some(eight) => u64::from_le_bytes(eight.try_into().unwrap_or([0; 8])),
        None => {
            let mut eight = [0u8; 8];
            let rest = bytes.get(start..).unwrap_or(&[]);
            for (to, from) in eight.iter_mut().zip(rest) {
                *to = *from;
            }
            u64::from_le_bytes(eight)
        }
    };
    (word >> shift) & ((1u64 << width) - 1)
}

/// Reads the first fields of `width` bits in `bytes`, as many as `out` takes, and makes a number of each, in order; bits
/// beyond the end are zero.
#[inline]
pub(crate) fn unpack_all(bytes: &[u8], width: u32, out: &mut [f64], mut number: impl FnMut(u64) -> f64) {
    if width == 0 {
        out.iter_mut().for_each(|value| *value = number(0));
        return;
    }
    let mask = (1u64 << width) - 1;
    let bits = width as usize;
    // Those that begin at least eight bytes before the end.
    let whole = if bytes.len() < 8 { 0 } else { ((bytes.len() - 8) * 8 + 7) / bits + 1 };
    let (whole, rest) = out.split_at_mut(whole.min(out.len()));
    let mut bit = 0;
    for value in whole.iter_mut() {
        let eight = bytes[bit / 8..bit / 8 + 8].try_into().unwrap_or([0; 8]);
        *value = number((u64::from_le_bytes(eight) >> (bit % 8)) & mask);
        bit += bits;
    }
    for (index, value) in rest.iter_mut().enumerate() {
        *value = number(unpack(bytes, whole.len() + index, width));
    }
}

/// Appends an unsigned integer, seven bits a byte, least significant first, the top bit saying that more follow.
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads what [`put_varint`] wrote and moves `at` behind it. `None` when the bytes end early or the number needs
/// more than 64 bits.
#[inline]
pub(crate) fn take_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a signed integer so that small magnitudes stay short: 0, -1, 1, -2 become 0, 1, 2, 3.
pub(crate) fn put_signed(value: i64, out: &mut Vec<u8>) {
    put_varint(((value << 1) ^ (value >> 63)) as u64, out);
}

/// Reads what [`put_signed`] wrote.
#[inline]
pub(crate) fn take_signed(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let raw = take_varint(bytes, at)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packed_fields_read_back(width in 0u32..=MAX_WIDTH, raw in prop::collection::vec(any::<u64>(), 0..70)) {
            let fields: Vec<u64> = raw.iter().map(|field| field & ((1u64 << width) - 1)).collect();
            let mut bytes = Vec::new();
            pack(fields.iter().copied(), width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_len(fields.len(), width));
            for (index, field) in fields.iter().enumerate() {
                prop_assert_eq!(unpack(&bytes, index, width), *field);
            }
            for _ in 0..2 {
                let mut all = Vec::new();
                unpack_all(&bytes, width, &mut vec![0.0; fields.len()], |field| {
                    all.push(field);
                    0.0
                });
                prop_assert_eq!(&all, &fields);
                bytes.extend([0xff; 8]);
            }
        }

        #[test]
        fn signed_integers_read_back(value in any::<i64>()) {
            let mut bytes = Vec::new();
            put_signed(value, &mut bytes);
            let mut at = 0;
            prop_assert_eq!(take_signed(&bytes, &mut at), Some(value));
            prop_assert_eq!(at, bytes.len());
        }

        #[test]
        fn any_bytes_are_a_varint_or_none(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut at = 0;
            let _ = take_varint(&bytes, &mut at);
            prop_assert!(at <= bytes.len());
        }
    }
}
