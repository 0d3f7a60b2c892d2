//! Runtimes: components that run scripts, each in a compressed file of the project.

use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::project::digest::{sha256, short};
use crate::project::files::read_regular_anywhere;

/// The directory of the runtimes in that of the migrations.
pub const DIRECTORY: &str = "runtimes";

/// The largest compressed file of a runtime. Those of interpreters have 0.3 to 6 MB.
const LARGEST_FILE: u64 = 64 << 20;

/// The largest runtime: what `artifact_bytes` allows by default, which bounds it again before it is compiled.
const LARGEST: u64 = 64 << 20;

/// The largest window that a file may ask for, as a power of two: more than the level 19 uses, with which runtimes are compressed.
const WINDOW_LOG: u32 = 23;

/// How many runtimes are kept: those of a project with scripts in two languages, some of them in an older runtime.
const KEPT: usize = 3;

/// The runtimes opened last, the newest first. All scripts of a language share one, and each of them asks for it.
static OPENED: Mutex<Vec<Runtime>> = Mutex::new(Vec::new());

/// Which runtime runs a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimePin {
    /// Its name: `javascript`.
    pub name: String,
    /// The digest of the component, in hexadecimal.
    pub sha256: String,
}

/// A runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Its name and digest.
    pub pin: RuntimePin,
    /// Its compressed file.
    pub file: Arc<[u8]>,
    /// The component.
    pub bytes: Arc<[u8]>,
}

impl RuntimePin {
    /// The name of its file.
    pub fn file_name(&self) -> String {
        format!("{}-{}.wasm.zst", self.name, short(&self.sha256))
    }

    /// As messages show it: `javascript (sha256 0123…)`.
    pub fn shown(&self) -> String {
        format!("{} (sha256 {})", self.name, short(&self.sha256))
    }

    /// Reads its file in the directory of the runtimes; `None` if it does not exist.
    pub fn read(&self, runtimes: &Path) -> Result<Option<Vec<u8>>> {
        let path = runtimes.join(self.file_name());
        match read_regular_anywhere(&path, LARGEST_FILE) {
            Ok(Some(file)) => Ok(Some(file)),
            Ok(None) => Err(self.corrupt("it is larger than any runtime")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::failed(format!("cannot read `{}`", path.display())).cause(error)),
        }
    }

    /// The error for a runtime that does not exist.
    pub fn missing(&self) -> Error {
        Error::mismatch(format!("the runtime {} does not exist", self.shown()))
            .cause(format!("the lockfile names it, and there is no `{DIRECTORY}/{}`", self.file_name()))
            .hint(format!("restore `{DIRECTORY}/{}` from version control", self.file_name()))
    }

    fn corrupt(&self, why: &str) -> Error {
        Error::mismatch(format!("`{DIRECTORY}/{}` is not the runtime {}: {why}", self.file_name(), self.shown()))
            .hint("restore the file from version control")
    }
}

impl Runtime {
    /// Decompresses the file of a runtime and checks its digest.
    pub fn open(pin: &RuntimePin, file: &[u8]) -> Result<Self> {
        let damaged = |error| pin.corrupt(&format!("it is damaged ({error})"));
        let runtime = Self::opened(&pin.name, file).map_err(damaged)?;
        if runtime.pin.sha256 != pin.sha256 {
            return Err(pin.corrupt(&format!("it contains one with sha256 {}", short(&runtime.pin.sha256))));
        }
        Ok(runtime)
    }

    /// The runtime of a compressed file, whatever its digest is.
    pub fn of_file(name: &str, file: &[u8]) -> Result<Self> {
        Self::opened(name, file).map_err(|error| Error::failed(format!("the runtime `{name}` is damaged")).cause(error))
    }

    /// The runtime of a compressed file, which is decompressed and hashed only if it was not among the last ones.
    fn opened(name: &str, file: &[u8]) -> io::Result<Self> {
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.iter().find(|known| known.pin.name == name && *known.file == *file) {
            return Ok(known.clone());
        }
        let bytes = decompress(file)?;
        let pin = RuntimePin { name: name.to_owned(), sha256: sha256(&bytes) };
        let runtime = Self { pin, file: file.into(), bytes: bytes.into() };
        opened.truncate(KEPT - 1);
        opened.insert(0, runtime.clone());
        Ok(runtime)
    }
}

/// Decompresses one frame. Its declared size reserves nothing: memory follows the bytes that exist.
fn decompress(file: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::stream::Decoder::with_buffer(file)?.single_frame();
    decoder.window_log_max(WINDOW_LOG)?;
    let mut bytes = Vec::new();
    decoder.by_ref().take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than any runtime"));
    }
    if !decoder.finish().is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "something follows it"));
    }
    Ok(bytes)
}

/// The compressed runtimes that are part of this program, by name. In a static, which is in it once: a constant is there for
/// each place that uses it.
#[cfg(feature = "cli")]
static EMBEDDED: [(&str, &[u8]); 3] = [
    ("javascript", include_bytes!("../../../../runtimes/javascript.wasm.zst")),
    ("python", include_bytes!("../../../../runtimes/python.wasm.zst")),
    ("typescript", include_bytes!("../../../../runtimes/typescript.wasm.zst")),
];

/// The compressed runtime of that name that is part of this program: the one for scripts that have none yet.
#[cfg(feature = "cli")]
pub fn embedded(name: &str) -> Option<&'static [u8]> {
    EMBEDDED.iter().find(|(of, _)| *of == name).map(|(_, file)| *file)
}

/// No interpreter has fewer bytes: for smaller components none is worth unpacking.
#[cfg(feature = "cli")]
const SMALLEST: usize = 1 << 20;

/// Whether these bytes are a runtime that is part of this program. Such a one is known to compile, however long it takes.
pub fn is_embedded(bytes: &[u8]) -> bool {
    #[cfg(feature = "cli")]
    return bytes.len() >= SMALLEST
        && EMBEDDED
            .iter()
            .any(|(name, file)| Runtime::of_file(name, file).is_ok_and(|runtime| *runtime.bytes == *bytes));
    #[cfg(not(feature = "cli"))]
    {
        let _ = bytes;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "cli")]
    #[test]
    fn the_runtimes_of_this_program_are_known() {
        for name in ["javascript", "python", "typescript"] {
            let runtime = Runtime::of_file(name, embedded(name).expect("it is embedded")).expect("a runtime");
            assert!(is_embedded(&runtime.bytes) && !is_embedded(&runtime.bytes[1..]), "{name}");
        }
    }

    #[test]
    fn only_the_pinned_runtime_is_opened() {
        let file = zstd::bulk::compress(&b"a runtime".repeat(100), 19).expect("compressed");
        let runtime = Runtime::of_file("javascript", &file).expect("a runtime");
        let pin = &runtime.pin;
        let again = Runtime::open(pin, &file).expect("the same");
        assert!(again == runtime && Arc::ptr_eq(&again.bytes, &runtime.bytes));
        assert_eq!(pin.file_name(), format!("javascript-{}.wasm.zst", &pin.sha256[..12]));
        let mut longer = file.clone();
        longer.push(0);
        let other = zstd::bulk::compress(b"another", 19).expect("compressed");
        for (wrong, why) in [
            (file[..file.len() - 1].to_vec(), "it is damaged"),
            (longer, "something follows it"),
            (other, "it contains one with sha256"),
            (Vec::new(), "it is damaged"),
        ] {
            let error = Runtime::open(pin, &wrong).expect_err(why);
            assert!(error.message.contains(why) && error.message.contains(&pin.shown()), "{}", error.message);
        }
    }
}
