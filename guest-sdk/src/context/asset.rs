//! Files that belong to the component: its `assets` directory.

use std::io;

use crate::Result;
use crate::bindings::migration::runner::migration::context;
use crate::error::from_host;

/// The bytes requested per call: few calls, and well below any limit of the host.
const CHUNK: u32 = 256 * 1024;

/// A file that is read sequentially.
///
/// Bytes come from the host in large pieces, so small reads are cheap and you only need a `BufReader` for its `lines`.
///
/// ```no_run
/// use std::io::{BufRead, BufReader};
/// use runner_guest::prelude::*;
///
/// for line in BufReader::new(context::asset::open("countries.csv")?).lines() {
///     let line = line?;
///     let (code, name) = line.split_once(',').context("a line without a comma")?;
///     sql::execute("INSERT INTO countries (code, name) VALUES (?, ?)", params![code, name])?;
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Asset {
    file: context::Asset,
    chunk: Vec<u8>,
    read: usize,
}

/// Opens a file by its path in the directory, with `/` as the separator. It is an error if the file is missing or does not
/// match the lockfile's digest.
pub fn open(path: impl AsRef<str>) -> Result<Asset> {
    let file = context::open_asset(path.as_ref()).map_err(from_host)?;
    Ok(Asset { file, chunk: Vec::new(), read: 0 })
}

/// All bytes of a file.
pub fn read_all(path: impl AsRef<str>) -> Result<Vec<u8>> {
    let asset = open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(asset.size())?);
    loop {
        let chunk = asset.file.read(CHUNK).map_err(from_host)?;
        if chunk.is_empty() {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// All of a file, as a string.
pub fn read_to_string(path: impl AsRef<str>) -> Result<String> {
    let path = path.as_ref();
    String::from_utf8(read_all(path)?).map_err(|_| crate::Error::new(format!("asset `{path}` is not UTF-8")))
}

impl Asset {
    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.file.size()
    }
}

impl io::Read for Asset {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.read == self.chunk.len() {
            self.chunk = self.file.read(CHUNK).map_err(|error| io::Error::other(from_host(error).to_string()))?;
            self.read = 0;
        }
        let ready = &self.chunk[self.read..];
        let count = ready.len().min(into.len());
        into[..count].copy_from_slice(&ready[..count]);
        self.read += count;
        Ok(count)
    }
}
