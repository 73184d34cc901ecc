//! The store written to and read from a stream of bytes, so that a restart keeps its window.
//!
//! No files here: the caller writes to a new file, syncs it and renames it over the old one, so that a crash in the middle leaves the old one. A snapshot
//! is checked as a whole before anything of it is used: length, checksum, and every structure in it. [The crate's page](crate) gives the bytes.
//!
//! **Invariant:** any bytes at all load to a store or to an error, and memory grows only with bytes that were really read.

mod crc;
mod histogram;
mod read;
mod write;

use std::io;

use thiserror::Error;

/// The first bytes of every snapshot.
const MAGIC: [u8; 8] = *b"PLIMTSDB";
/// The last bytes before the trailer's numbers.
const END: [u8; 8] = *b"PLIMDONE";
/// The version of the format. Another one is not read: a window of an hour is sooner scraped again than converted.
const VERSION: u32 = 1;

/// What was written or read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Targets.
    pub targets: usize,
    /// Series of all targets.
    pub series: usize,
    /// Bytes of the snapshot.
    pub bytes: u64,
}

/// Why a snapshot could not be written.
#[derive(Debug, Error)]
#[error("the snapshot could not be written")]
pub struct SaveError(#[from] io::Error);

/// Why a snapshot was not loaded. Nothing of it is used.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It could not be read.
    #[error("the snapshot could not be read")]
    Io(#[from] io::Error),
    /// It does not begin as one.
    #[error("this is no snapshot of the series store")]
    NotASnapshot,
    /// Another version wrote it.
    #[error("the snapshot has format {found}, this version reads format {VERSION}; start without it")]
    Version {
        /// The format's number in the file.
        found: u32,
    },
    /// It ends early, as after a crash in the middle of writing.
    #[error("the snapshot ends early, in part {part}")]
    Truncated {
        /// The part, counted from 0.
        part: usize,
    },
    /// The bytes are not those that were written.
    #[error("part {part} of the snapshot does not have its checksum")]
    Checksum {
        /// The part, counted from 0.
        part: usize,
    },
    /// The bytes are what was written and make no sense.
    #[error("part {part} of the snapshot is not valid: {what}")]
    Invalid {
        /// The part, counted from 0.
        part: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Something follows the end.
    #[error("the snapshot goes on after its end")]
    TrailingBytes,
    /// The options for the new store cannot be used.
    #[error("the store's options cannot be used")]
    Options(#[from] crate::OptionsError),
}

/// A snapshot of one part with these contents and all the right checksums.
#[cfg(fuzzing)]
pub(crate) fn around(part: &[u8]) -> Vec<u8> {
    let sum = crc::crc32(part).to_le_bytes();
    let length = (part.len() as u64).to_le_bytes();
    let version = VERSION.to_le_bytes();
    let (last, parts) = (u64::MAX.to_le_bytes(), 1u64.to_le_bytes());
    [&MAGIC[..], &version, &length, part, &sum, &last, &END, &parts, &crc::crc32(&sum).to_le_bytes()].concat()
}

/// The contents of the first part of a store's snapshot.
#[cfg(fuzzing)]
pub(crate) fn part(store: &crate::Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    let contents = store.save(&mut bytes).expect("memory can be written to");
    let head = MAGIC.len() + 4 + 8;
    bytes[head..contents.bytes as usize - (4 + 8 + END.len() + 8 + 4)].to_vec()
}
