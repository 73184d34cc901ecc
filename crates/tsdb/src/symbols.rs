//! Label names and values, each held once per index segment, in order.
//!
//! Sorted, so that a symbol's number compares as its text does and a look-up is a binary search without a hash table's memory.
//!
//! **Invariant:** symbols are distinct and ascending.

use std::sync::{Arc, OnceLock};

use hashbrown::HashTable;

/// A sorted table of strings.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    text: Box<str>,
    ends: Box<[u32]>,
    /// Shared copies of the symbols that readers have asked for: label sets are made of them. Many questions are about the same series, so
    /// this is the difference between counting references and allocating.
    copies: OnceLock<Box<[OnceLock<Arc<str>>]>>,
}

impl Symbols {
    /// A table of strings that ascend.
    pub(crate) fn from_sorted<'a>(sorted: impl Iterator<Item = &'a str>) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for symbol in sorted {
            text.push_str(symbol);
            ends.push(text.len() as u32);
        }
        Self { text: text.into(), ends: ends.into(), copies: OnceLock::new() }
    }

    /// How many symbols.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a symbol.
    #[inline]
    pub(crate) fn get(&self, symbol: u32) -> &str {
        let at = symbol as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start as usize..self.ends[at] as usize]
    }

    /// A shared copy of the text of a symbol.
    pub(crate) fn shared(&self, symbol: u32) -> Arc<str> {
        let copies = self.copies.get_or_init(|| (0..self.len()).map(|_| OnceLock::new()).collect());
        Arc::clone(copies[symbol as usize].get_or_init(|| self.get(symbol).into()))
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * 4
    }
}

/// Gathers strings while series are being added; numbers follow the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    text: String,
    ends: Vec<u32>,
    table: HashTable<u32>,
}

impl Interner {
    /// The text of a symbol.
    pub(crate) fn get(&self, symbol: u32) -> &str {
        let at = symbol as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start as usize..self.ends[at] as usize]
    }

    /// How many symbols.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of text.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The symbol of `text`, which may be a new one.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        let hash = hash_text(0, text);
        let Self { text: all, ends, table } = self;
        let get = |symbol: u32| {
            let start = if symbol == 0 { 0 } else { ends[symbol as usize - 1] };
            &all[start as usize..ends[symbol as usize] as usize]
        };
        if let Some(symbol) = table.find(hash, |symbol| get(*symbol) == text) {
            return *symbol;
        }
        let symbol = ends.len() as u32;
        table.insert_unique(hash, symbol, |symbol| hash_text(0, get(*symbol)));
        all.push_str(text);
        ends.push(all.len() as u32);
        symbol
    }
}

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// A hash of text, chained by `seed`. Not secret: a table keyed with it compares the text too.
#[inline]
pub(crate) fn hash_text(seed: u64, text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = fold(seed ^ 0xa076_1d64_78bd_642f, MIX ^ bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for word in words.by_ref() {
        hash = fold(hash ^ u64::from_le_bytes(word.try_into().unwrap_or([0; 8])), MIX);
    }
    let mut last = [0u8; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    fold(hash ^ u64::from_le_bytes(last), 0xe703_7ed1_a0b4_28db)
}

/// A hash of one label.
pub(crate) fn hash_label(name: &str, value: &str) -> u64 {
    hash_text(hash_text(0, name), value)
}
