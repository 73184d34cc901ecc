//! Where choices come from: a seed, or bytes that a fuzzer makes.
//!
//! Not for secrets.
//!
//! **Invariant:** the same seed or bytes give the same choices; bytes that have run out give the first choice.

/// A source of choices.
#[derive(Debug, Clone)]
pub struct Draw<'a>(Source<'a>);

#[derive(Debug, Clone)]
enum Source<'a> {
    Seed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Draw<'a> {
    /// Endless choices from a seed.
    pub fn of_seed(seed: u64) -> Self {
        Self(Source::Seed(seed))
    }

    /// Choices from bytes: one byte for up to 256 possibilities, two for up to 65,536, else eight.
    pub fn of_bytes(bytes: &'a [u8]) -> Self {
        Self(Source::Bytes(bytes))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.number(8)
    }

    fn number(&mut self, bytes: usize) -> u64 {
        match &mut self.0 {
            Source::Seed(state) => {
                // SplitMix64 (Steele, Lea and Flood, 2014).
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                mixed ^ (mixed >> 31)
            }
            Source::Bytes(left) => {
                let (taken, rest) = left.split_at(bytes.min(left.len()));
                *left = rest;
                taken.iter().fold(0, |number, &byte| (number << 8) | u64::from(byte))
            }
        }
    }

    /// A number below `bound`, 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let bytes = match bound {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 8,
        };
        self.number(bytes).checked_rem(bound).unwrap_or(0)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        least.saturating_add_unsigned(self.below(most.abs_diff(least).saturating_add(1)))
    }

    /// True in about `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        // The first choice is the rule, not the exception.
        self.below(100) >= 100 - percent.min(100)
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Numbers that sizes and values are made of: mostly small, sometimes at a limit.
    pub fn size(&mut self) -> i64 {
        match self.below(40) {
            0 => self.pick(&EDGES_32),
            1 => self.between(0, i64::from(i32::MAX)),
            2..=4 => self.between(0, 3),
            5..=9 => self.between(0, 100),
            _ => self.between(1, 20),
        }
    }

    /// Thousandths of a metric: mostly moderate, sometimes at a limit.
    pub fn milli(&mut self) -> i64 {
        match self.below(24) {
            0 => self.pick(&EDGES_64),
            1 => self.any() as i64,
            2 => self.between(-10_000, 10_000),
            3 => 0,
            4 => self.between(0, 1_000_000_000_000),
            _ => self.between(0, 100_000),
        }
    }
}

const EDGES_32: [i64; 8] = [
    i32::MAX as i64,
    i32::MAX as i64 - 1,
    1_073_741_823,
    1_073_741_824,
    1_000_000_000,
    65_536,
    1_500_000_000,
    214_748_365,
];

const EDGES_64: [i64; 14] = [
    i64::MAX,
    i64::MAX - 1,
    i64::MIN,
    i64::MIN + 1,
    -1,
    i64::MAX / 2,
    i64::MAX / 100,
    i64::MAX / 100 + 1,
    i32::MAX as i64,
    i32::MAX as i64 * 1000,
    i32::MAX as i64 * 1000 + 1,
    (1 << 53) + 1,
    1 << 62,
    -(1 << 62),
];
