//! Runtimes: components that run scripts, each in a compressed file of the project.

use std::borrow::Cow;
#[cfg(feature = "runtimes")]
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
#[cfg(feature = "runtimes")]
use std::sync::LazyLock;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::digest::{sha256, short};
use crate::discovery::RUNTIMES;
use crate::files::{has_bytes, read_regular_anywhere};
use crate::time_zones::time_zones;
use runner_base::error::{Error, Result};

/// The largest compressed file of a runtime. Those of interpreters have 0.3 to 8 MB.
const LARGEST_FILE: u64 = 64 << 20;

/// The largest runtime: what `artifact_bytes` allows by default, which bounds it again before it is compiled.
const LARGEST: u64 = 64 << 20;

/// The largest window that a file may ask for, as a power of two: more than the level 19 uses, with which runtimes are compressed.
const WINDOW_LOG: u32 = 23;

/// How many runtimes are kept: those of a project with scripts in two languages, some of them in an older runtime.
const KEPT: usize = 3;

/// The runtimes opened last, the newest first. All scripts of a language share one, and each of them asks for it.
static OPENED: Mutex<Vec<Runtime>> = Mutex::new(Vec::new());

/// The compressed file of a runtime. That of one which is part of this program is not copied.
pub(crate) type RuntimeFile = Cow<'static, [u8]>;

/// Which runtime runs a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimePin {
    /// Its name: `javascript`.
    pub name: String,
    /// The digest of the component, in hexadecimal.
    pub sha256: String,
}

/// A runtime.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Its name and digest.
    pub pin: RuntimePin,
    /// Its compressed file.
    pub file: Arc<RuntimeFile>,
    /// The size of the component.
    pub size: usize,
    /// The component, once it was needed: most runs find it compiled in the cache.
    component: Arc<OnceLock<Vec<u8>>>,
}

impl PartialEq for Runtime {
    fn eq(&self, other: &Self) -> bool {
        self.pin == other.pin && self.file == other.file
    }
}

impl Eq for Runtime {}

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
    pub fn read(&self, runtimes: &Path) -> Result<Option<RuntimeFile>> {
        let path = runtimes.join(self.file_name());
        let read = || -> io::Result<Option<RuntimeFile>> {
            match OWN.iter().find(|own| own.name == self.name && own.sha256 == self.sha256) {
                Some(own) if has_bytes(&path, own.file)? => Ok(Some(own.file.into())),
                _ => Ok(read_regular_anywhere(&path, LARGEST_FILE)?.map(Cow::Owned)),
            }
        };
        match read() {
            Ok(Some(file)) => Ok(Some(file)),
            Ok(None) => Err(self.corrupt("it is larger than any runtime")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::failed(format!("cannot read `{}`", path.display())).cause(error)),
        }
    }

    /// The error for a runtime that does not exist.
    pub fn missing(&self) -> Error {
        Error::mismatch(format!("the runtime {} does not exist", self.shown()))
            .cause(format!("the lockfile names it, and there is no `{RUNTIMES}/{}`", self.file_name()))
            .hint(format!("restore `{RUNTIMES}/{}` from version control", self.file_name()))
    }

    fn corrupt(&self, why: &str) -> Error {
        Error::mismatch(format!("`{RUNTIMES}/{}` is not the runtime {}: {why}", self.file_name(), self.shown()))
            .hint("restore the file from version control")
    }
}

impl Runtime {
    /// Opens the file of a runtime and checks its digest.
    pub fn open(pin: &RuntimePin, file: impl Into<RuntimeFile>) -> Result<Self> {
        let damaged = |error| pin.corrupt(&format!("it is damaged ({error})"));
        let runtime = Self::opened(&pin.name, file.into()).map_err(damaged)?;
        if runtime.pin.sha256 != pin.sha256 {
            return Err(pin.corrupt(&format!("it contains one with sha256 {}", short(&runtime.pin.sha256))));
        }
        Ok(runtime)
    }

    /// The runtime of a compressed file, whatever its digest is.
    pub fn of_file(name: &str, file: impl Into<RuntimeFile>) -> Result<Self> {
        Self::opened(name, file.into())
            .map_err(|error| Error::failed(format!("the runtime `{name}` is damaged")).cause(error))
    }

    /// The edition of the time zones that it has.
    pub fn time_zones(&self) -> Result<Option<String>> {
        match OWN.iter().find(|own| own.sha256 == self.pin.sha256) {
            Some(own) => Ok(own.time_zones.clone()),
            None => Ok(time_zones(self.component()?)),
        }
    }

    /// The component.
    pub fn component(&self) -> Result<&[u8]> {
        if let Some(component) = self.component.get() {
            return Ok(component);
        }
        let component =
            decompress(&self.file).map_err(|error| self.pin.corrupt(&format!("it is damaged ({error})")))?;
        if sha256(&component) != self.pin.sha256 {
            return Err(self.pin.corrupt("it contains another one"));
        }
        Ok(self.component.get_or_init(|| component))
    }

    /// The runtime of a compressed file, which is decompressed and hashed only if it is not known: it was not among the last ones,
    /// and is not a part of this program.
    fn opened(name: &str, file: RuntimeFile) -> io::Result<Self> {
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.iter().find(|known| known.pin.name == name && is_same(&known.file, &file)) {
            return Ok(known.clone());
        }
        let pin = |sha256| RuntimePin { name: name.to_owned(), sha256 };
        let runtime = match OWN.iter().find(|own| own.name == name && is_same(own.file, &file)) {
            Some(own) => {
                Self { pin: pin(own.sha256.clone()), file: Arc::new(file), size: own.size, component: Arc::default() }
            }
            None => {
                let bytes = decompress(&file)?;
                let (pin, size) = (pin(sha256(&bytes)), bytes.len());
                Self { pin, file: Arc::new(file), size, component: Arc::new(bytes.into()) }
            }
        };
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

/// The compressed runtimes that are part of this program, by name. In a static, which is in it once: there is a
/// constant for each place that uses it.
#[cfg(feature = "runtimes")]
static EMBEDDED: [(&str, &[u8]); 3] = [
    ("javascript", include_bytes!("../../../../runtimes/javascript.wasm.zst")),
    ("python", include_bytes!("../../../../runtimes/python.wasm.zst")),
    ("typescript", include_bytes!("../../../../runtimes/typescript.wasm.zst")),
];

/// The compressed runtime of that name that is part of this program: the one for scripts that have none yet.
#[cfg(feature = "runtimes")]
pub fn embedded(name: &str) -> Option<&'static [u8]> {
    EMBEDDED.iter().find(|(of, _)| *of == name).map(|(_, file)| *file)
}

/// A runtime that is part of this program.
struct Own {
    name: String,
    file: &'static [u8],
    size: usize,
    sha256: String,
    time_zones: Option<String>,
}

/// The runtimes that are part of this program, as the script that builds them recorded them.
#[cfg(feature = "runtimes")]
static OWN: LazyLock<Vec<Own>> = LazyLock::new(|| {
    #[derive(serde::Deserialize)]
    struct Record {
        component_bytes: usize,
        component_sha256: String,
        time_zones: Option<String>,
    }
    let all: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(include_str!("../../../../runtimes/runtimes.lock")).unwrap_or_default();
    let own = |(name, value): (String, serde_json::Value)| {
        let file = embedded(&name)?;
        let Record { component_bytes: size, component_sha256: sha256, time_zones } =
            serde_json::from_value(value).ok()?;
        Some(Own { name, file, size, sha256, time_zones })
    };
    all.into_iter().filter_map(own).collect()
});

/// Without the command line there are none.
#[cfg(not(feature = "runtimes"))]
static OWN: [Own; 0] = [];

/// Whether two files are equal, which most often are one.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    std::ptr::eq(one, other) || one == other
}

/// Whether a component with this digest is a runtime that is part of this program. Such a one is known to compile, however long it
/// takes.
pub fn is_embedded(sha256: &str) -> bool {
    OWN.iter().any(|own| own.sha256 == sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "runtimes")]
    #[test]
    fn the_runtimes_of_this_program_are_known() {
        for name in ["javascript", "python", "typescript"] {
            let file = embedded(name).expect("it is embedded");
            let runtime = Runtime::of_file(name, file).expect("a runtime");
            assert!(runtime.component.get().is_none(), "{name} was decompressed to know its digest");
            // What is recorded is true.
            let component = runtime.component().expect("a component");
            assert_eq!((runtime.size, &runtime.pin.sha256), (component.len(), &sha256(component)), "{name}");
            let edition = runtime.time_zones().expect("an edition");
            assert!(edition.is_some() && edition == time_zones(component), "{name}: {edition:?}");
            assert!(is_embedded(&runtime.pin.sha256), "{name}");
            // Another file with the same name is read.
            let other = zstd::bulk::compress(name.as_bytes(), 19).expect("compressed");
            let other = Runtime::of_file(name, other).expect("a runtime");
            assert!(other.pin != runtime.pin && !is_embedded(&other.pin.sha256), "{name}");
        }
    }

    #[test]
    fn only_the_pinned_runtime_is_opened() {
        let file = zstd::bulk::compress(&b"a runtime".repeat(100), 19).expect("compressed");
        let runtime = Runtime::of_file("javascript", file.clone()).expect("a runtime");
        let pin = &runtime.pin;
        let again = Runtime::open(pin, file.clone()).expect("the same");
        assert!(again == runtime && Arc::ptr_eq(&again.component, &runtime.component));
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
            let error = Runtime::open(pin, wrong).expect_err(why);
            assert!(error.message.contains(why) && error.message.contains(&pin.shown()), "{}", error.message);
        }
    }
}
