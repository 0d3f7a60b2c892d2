//! The files that a guest can open: those that the lockfile lists.
//!
//! A file is checked against its digest as a whole when it is first opened, and block by block when it is read: it may be
//! overwritten in between.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek as _};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use runner_database::{DatabaseError, DatabaseErrorKind};
use runner_engine::script::{AssetPlace, Assets};
use runner_project::open_regular;
use runner_project::script::{self, LoadedScript};

/// The unit in which files are checked again. Each open file keeps one, and a guest may have a thousand files open.
const BLOCK: usize = 1 << 16;

/// The assets of a component, for all of its instances.
pub struct GuestAssets {
    files: Assets,
    /// Those that were found to be what the lockfile lists.
    checked: Mutex<BTreeMap<String, Arc<Checked>>>,
}

/// A file that was found to be what the lockfile lists.
struct Checked {
    size: u64,
    /// The digest of each block; the last one may be shorter.
    blocks: Vec<[u8; 32]>,
}

/// An open asset.
pub struct Asset {
    content: Content,
    /// Its size in bytes.
    pub size: u64,
}

enum Content {
    /// Bytes that nothing else can change.
    Memory(Box<dyn Read + Send>),
    File(CheckedFile),
}

/// A file whose blocks are checked as they are read.
struct CheckedFile {
    path: String,
    file: std::fs::File,
    checked: Arc<Checked>,
    /// The current block, and how much of it was read.
    block: Vec<u8>,
    read: usize,
    /// The number of the next block.
    next: usize,
}

impl GuestAssets {
    /// Nothing is opened yet.
    pub fn new(files: Assets) -> Self {
        Self { files, checked: Mutex::default() }
    }

    /// Whether they are those of a script.
    pub fn are_of_script(&self) -> bool {
        matches!(self.files.place, AssetPlace::Script(_))
    }

    /// Checks a file that the lockfile lists, unless that was done before.
    async fn check(&self, path: &str, size: u64, file: &mut (impl Read + Send)) -> Result<Arc<Checked>, DatabaseError> {
        let known = self.checked.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(known) = known.filter(|known| known.size == size) {
            return Ok(known);
        }
        let (digest, blocks) = digests(&mut file.take(size)).await.map_err(|io| unreadable(path, &io))?;
        if self.files.digests.get(path) != Some(&digest) {
            return Err(unlisted(path));
        }
        let checked = Arc::new(Checked { size, blocks });
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), checked.clone());
        Ok(checked)
    }
}

impl Asset {
    /// Reads the next bytes, as many as there are up to a limit.
    pub fn read(&mut self, limit: usize) -> Result<Vec<u8>, DatabaseError> {
        match &mut self.content {
            Content::Memory(bytes) => {
                let mut read = Vec::with_capacity(limit);
                let failed =
                    |io| DatabaseError::new(DatabaseErrorKind::Other, format!("the asset cannot be read: {io}"));
                bytes.take(limit as u64).read_to_end(&mut read).map_err(failed)?;
                Ok(read)
            }
            Content::File(file) => file.read(limit),
        }
    }
}

impl CheckedFile {
    fn read(&mut self, limit: usize) -> Result<Vec<u8>, DatabaseError> {
        let mut read = Vec::with_capacity(limit);
        while read.len() < limit && (self.read < self.block.len() || self.next_block()?) {
            let rest = &self.block[self.read..];
            let part = &rest[..rest.len().min(limit - read.len())];
            read.extend_from_slice(part);
            self.read += part.len();
        }
        Ok(read)
    }

    /// Reads the next block; false at the end.
    fn next_block(&mut self) -> Result<bool, DatabaseError> {
        let Some(expected) = self.checked.blocks.get(self.next) else { return Ok(false) };
        self.block.clear();
        self.read = 0;
        let size = self.checked.size.saturating_sub((self.next * BLOCK) as u64).min(BLOCK as u64);
        (&self.file).take(size).read_to_end(&mut self.block).map_err(|io| unreadable(&self.path, &io))?;
        if Sha256::digest(&self.block)[..] != expected[..] {
            self.block.clear();
            return Err(unlisted(&self.path));
        }
        self.next += 1;
        Ok(true)
    }
}

/// Opens an asset, after checking its bytes.
pub async fn open(assets: Option<&GuestAssets>, path: &str, limit: u64) -> Result<Asset, DatabaseError> {
    // A guest that does nothing but open files is to notice that the run stops.
    tokio::task::yield_now().await;
    let Some(assets) = assets else {
        return Err(refused(format!("the asset `{path}` is not available: only the component's bytes were stored"))
            .hint("run this with the project's files in place"));
    };
    let missing = || refused(format!("there is no asset `{path}`"));
    let fits = |size: u64| match size > limit {
        true => Err(DatabaseError::new(
            DatabaseErrorKind::Limit,
            format!("the asset `{path}` has {size} bytes, more than the limit `asset_bytes` of {limit}"),
        )),
        false => Ok(()),
    };
    if !assets.are_of_script() && !assets.files.digests.contains_key(path) {
        return Err(missing());
    }
    match &assets.files.place {
        AssetPlace::Script(script) => {
            let missing = || refused(format!("there is no file `{path}` in the directory of the script"));
            let content = content_of(script, path).ok_or_else(missing)?;
            let size = content.len() as u64;
            Ok(Asset { content: Content::Memory(Box::new(Cursor::new(content))), size })
        }
        AssetPlace::Directory(directory) => {
            // Only below the directory, whatever links it contains: the listed path was found in the same way.
            let directory = cap_std::fs::Dir::open_ambient_dir(directory, cap_std::ambient_authority());
            let file = directory.and_then(|directory| open_regular(&directory, path)).map(cap_std::fs::File::into_std);
            let mut file = file.map_err(|io| refused(format!("the asset `{path}` cannot be opened: {io}")))?;
            let size = file.metadata().map_err(|io| unreadable(path, &io))?.len();
            fits(size)?;
            let checked = assets.check(path, size, &mut file).await?;
            file.rewind().map_err(|io| unreadable(path, &io))?;
            let file = CheckedFile { path: path.to_owned(), file, checked, block: Vec::new(), read: 0, next: 0 };
            Ok(Asset { content: Content::File(file), size })
        }
        AssetPlace::Embedded(files) => {
            let bytes = *files.get(path).ok_or_else(missing)?;
            let size = bytes.len() as u64;
            fits(size)?;
            assets.check(path, size, &mut &*bytes).await?;
            Ok(Asset { content: Content::Memory(Box::new(bytes)), size })
        }
    }
}

fn refused(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::InvalidArgument, message)
}

fn unreadable(path: &str, error: &std::io::Error) -> DatabaseError {
    refused(format!("the asset `{path}` cannot be read: {error}"))
}

fn unlisted(path: &str) -> DatabaseError {
    refused(format!("the asset `{path}` is not the one that the lockfile lists"))
}

/// A file of a script, which was checked when it was read.
fn content_of(script: &LoadedScript, path: &str) -> Option<Arc<[u8]>> {
    match path {
        script::NAME => Some(script.path.as_bytes().into()),
        script::FILES => Some(listed(script).into_bytes().into()),
        path => script.files.get(path).cloned(),
    }
}

/// The sizes and paths of a script's companion files, which have no control characters.
fn listed(script: &LoadedScript) -> String {
    let companions = script.files.iter().filter(|(path, _)| *path != script::SOURCE);
    companions.map(|(path, content)| format!("{} {path}\n", content.len())).collect()
}

/// The digest of everything that a reader yields, in hexadecimal, and that of each block. Hashing a large file takes seconds, in which
/// others have their turn.
async fn digests(reader: &mut (impl Read + Send)) -> std::io::Result<(String, Vec<[u8; 32]>)> {
    let (mut whole, mut blocks) = (Sha256::new(), Vec::new());
    let mut block = Vec::with_capacity(BLOCK);
    loop {
        block.clear();
        reader.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok((hex::encode(whole.finalize()), blocks));
        }
        whole.update(&block);
        blocks.push(Sha256::digest(&block).into());
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// A directory with one asset of some blocks and a bit.
    fn asset(size: usize) -> (tempfile::TempDir, Vec<u8>, GuestAssets) {
        let directory = tempfile::tempdir().expect("a directory");
        let bytes: Vec<u8> = (0..size).map(|at| (at / 7 + at / BLOCK) as u8).collect();
        fs::write(directory.path().join("a"), &bytes).expect("written");
        let digests = BTreeMap::from([("a".to_owned(), hex::encode(Sha256::digest(&bytes)))]);
        let place = AssetPlace::Directory(directory.path().to_owned());
        (directory, bytes, GuestAssets::new(Assets { place, digests }))
    }

    /// Overwrites some bytes of the file, which stays the same file.
    fn overwrite(directory: &Path, at: usize) {
        use std::io::{SeekFrom, Write as _};
        let mut file = fs::OpenOptions::new().write(true).open(directory.join("a")).expect("opened");
        file.seek(SeekFrom::Start(at as u64)).expect("there");
        file.write_all(b"other bytes").expect("written");
    }

    #[tokio::test]
    async fn an_asset_is_read_in_pieces_of_any_size() {
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17] {
            let (_directory, bytes, assets) = asset(size);
            for limit in [1000, BLOCK, 2 * BLOCK + 5, 10 * BLOCK] {
                let mut opened = open(Some(&assets), "a", u64::MAX).await.expect("opened");
                assert_eq!(opened.size, size as u64);
                let mut found = Vec::new();
                loop {
                    let read = opened.read(limit).expect("read");
                    // Only the last piece is shorter.
                    assert_eq!(read.len(), limit.min(size - found.len()));
                    if read.is_empty() {
                        break;
                    }
                    found.extend(read);
                }
                assert!(found == bytes, "{size} bytes, {limit} at a time");
            }
        }
    }

    #[tokio::test]
    async fn an_asset_that_is_overwritten_while_it_is_open_is_refused() {
        let (directory, bytes, assets) = asset(3 * BLOCK);
        let mut opened = open(Some(&assets), "a", u64::MAX).await.expect("opened");
        assert!(opened.read(10).expect("read") == bytes[..10]);
        overwrite(directory.path(), 2 * BLOCK + 100);
        assert!(opened.read(2 * BLOCK - 10).expect("read") == bytes[10..2 * BLOCK], "these blocks are as they were");
        for _ in 0..2 {
            let error = opened.read(10).expect_err("overwritten");
            assert!(error.message.contains("`a` is not the one that the lockfile lists"), "{error}");
        }
        // What was found to be right is not hashed again as a whole, and is checked nevertheless.
        let mut opened = open(Some(&assets), "a", u64::MAX).await.expect("opened");
        assert!(opened.read(3 * BLOCK).is_err());
        // A file of another size is another file.
        fs::write(directory.path().join("a"), &bytes[..BLOCK]).expect("written");
        assert!(opened.read(3 * BLOCK).is_err());
        let error = open(Some(&assets), "a", u64::MAX).await.err().expect("shorter");
        assert!(error.message.contains("is not the one that the lockfile lists"), "{error}");
    }

    #[tokio::test]
    async fn others_have_their_turn_while_an_asset_is_checked() {
        let (_directory, _, assets) = asset(20 * BLOCK);
        for turns in [20, 1] {
            let mut opened = std::pin::pin!(open(Some(&assets), "a", u64::MAX));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let mut waited = 0;
            while opened.as_mut().poll(&mut context).is_pending() {
                waited += 1;
            }
            assert!(waited >= turns, "{waited} turns");
        }
    }

    #[tokio::test]
    async fn only_listed_assets_below_the_limit_are_opened() {
        let (directory, _, assets) = asset(100);
        fs::write(directory.path().join("b"), "unlisted").expect("written");
        let error = open(Some(&assets), "b", u64::MAX).await.err().expect("unlisted");
        assert!(error.message.contains("there is no asset `b`"), "{error}");
        let error = open(Some(&assets), "a", 99).await.err().expect("too large");
        assert_eq!(error.kind, DatabaseErrorKind::Limit);
    }
}
