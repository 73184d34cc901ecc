//! A small file that is read again after it changed.
//!
//! Kubernetes swaps mounted secrets by renaming a link, so the path is followed anew each time and
//! its modification time and length are compared; nothing watches the file system.
//!
//! **Invariant:** no file is read beyond [`LARGEST`] bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::SystemTime;

use super::settings::{BuildError, FileRole};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

type Stamp = (Option<SystemTime>, u64);

/// A file and the state in which it was last read.
#[derive(Debug)]
pub(super) struct WatchedFile {
    pub(super) role: FileRole,
    pub(super) path: PathBuf,
    stamp: Option<Stamp>,
}

impl WatchedFile {
    pub(super) fn new(role: FileRole, path: PathBuf) -> Self {
        Self { role, path, stamp: None }
    }

    /// Reads the file.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, BuildError> {
        let result = self.try_read();
        result.map_err(|source| BuildError::File { role: self.role, path: self.path.clone(), source })
    }

    /// Whether the file differs from when it was last read. A file that is gone does not: the
    /// moment between its removal and its replacement passes.
    pub(super) fn changed(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|metadata| Some(stamp(&metadata)) != self.stamp)
    }

    fn try_read(&mut self) -> io::Result<Vec<u8>> {
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        if metadata.len() > LARGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {LARGEST} bytes")));
        }
        let mut content = Vec::new();
        file.take(LARGEST).read_to_end(&mut content)?;
        self.stamp = Some(stamp(&metadata));
        Ok(content)
    }
}

fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    (metadata.modified().ok(), metadata.len())
}
