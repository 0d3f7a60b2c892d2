//! Scripts: migrations that a runtime runs from their source.
//!
//! # What is the artifact
//!
//! A script runs in a *runtime*: a component made once from an interpreter, which implements the same contract as every
//! other. The host adds the script itself, as the asset `:script`, and the files of its directory as further assets. So
//! limits, grants, journal, dry runs and `verify` hold for scripts without a line of their own, and a new language is a
//! new runtime. The digest covers the runtime, the script with LF line ends, and its files. A runtime is shared by the
//! scripts of a project and pinned for each of them: an applied script runs in the interpreter that applied it. A line
//! is added to the lockfile by the run in which something of the script took effect; a line that was there is never
//! changed by a run.
//!
//! `TypeScript` is a runtime too, with a library linked to it that blanks types, so what a type is and what becomes of
//! it is pinned with the interpreter, and positions need no translation. For Python, `componentize-py` links the
//! interpreter and keeps its memory after the imports; numbers of a batch are passed as bytes (the interface `packed`),
//! since each number of a list became an object, nine tenths of the time. The Python runtime does not build to the same
//! bytes twice; two runs of one artifact do the same.
//!
//! Rejected: a component for each script, 1 to 20 MB in version control; the interpreter of the machine; a runtime
//! inside of the binary only, by which an update would change what an applied script means; types stripped in the host,
//! 152 packages and a parser of untrusted text outside of the sandbox; the stripped text in the history; a library in
//! JavaScript inside of the interpreter, which moves columns or needs 9 MB.

mod packages;
mod runtime;
mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::digest::{component_digest, sha256};
pub use super::discovery::RUNTIMES;
use super::files::read_regular_anywhere;
pub use super::script_language::ScriptLanguage;
pub use packages::{Installer, Packages, VENDORED, VENDORED_FROM};
use runner_base::error::{Error, Result};
#[cfg(feature = "runtimes")]
pub use runtime::embedded;
pub use runtime::{Runtime, RuntimePin, is_embedded};
pub use source::{companions_within, decode, is_companion};

/// The asset that is the script's source.
pub const SOURCE: &str = ":script";
/// The asset that is the script's path, as the user knows it.
pub const NAME: &str = ":name";
/// The asset that lists the companion files in order: a line with the size and the path of each.
pub const FILES: &str = ":files";

/// Where the files of a script are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptFiles {
    /// The path of the script below the project.
    pub path: String,
    /// Its language.
    pub language: ScriptLanguage,
    /// Its source, with LF line ends.
    pub source: Arc<str>,
    /// The digests of the source, as [`SOURCE`], and of the companion files, by their paths below their directory, with `/`.
    pub digests: BTreeMap<String, String>,
    /// The runtime.
    pub runtime: RuntimePin,
    /// Where the others are.
    pub place: ScriptPlace,
}

/// Where the companion files and the runtime of a script are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptPlace {
    /// On disk.
    Disk {
        /// The directory of the companion files, absolute; it exists only if there are any.
        companions: PathBuf,
        /// The directory of the runtimes, absolute.
        runtimes: PathBuf,
    },
    /// In the program.
    Embedded {
        /// The companion files.
        companions: Arc<BTreeMap<String, &'static [u8]>>,
        /// The runtime's file, if it exists.
        runtime: Option<&'static [u8]>,
    },
}

/// A script, with everything that it takes to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedScript {
    /// The path of the script, as messages show it.
    pub path: String,
    /// The source, as [`SOURCE`], and the companion files, by their paths.
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// What runs it.
    pub runtime: Runtime,
}

impl ScriptFiles {
    /// The digest of the artifact.
    pub fn sha256(&self) -> String {
        component_digest(&self.runtime.sha256, &self.digests)
    }

    /// The digests of the companion files, by their paths.
    pub fn companions(&self) -> impl Iterator<Item = (&String, &String)> {
        self.digests.iter().filter(|(path, _)| *path != SOURCE)
    }

    /// Reads the companion files and the runtime, and checks them against their digests.
    pub fn load(&self) -> Result<LoadedScript> {
        Ok(LoadedScript { path: self.path.clone(), files: self.read_files()?, runtime: self.read_runtime()? })
    }

    /// Reads the script and its companion files, and checks them against their digests.
    pub fn read_files(&self) -> Result<BTreeMap<String, Arc<[u8]>>> {
        let mut files = BTreeMap::new();
        for (path, digest) in &self.digests {
            let bytes: Arc<[u8]> = match &self.place {
                _ if path == SOURCE => self.source.as_bytes().into(),
                ScriptPlace::Disk { companions, .. } => {
                    let path = companions.join(path);
                    let unreadable = |error| Error::failed(format!("cannot read `{}`", path.display())).cause(error);
                    // What is too large is not what the lockfile lists either.
                    read_regular_anywhere(&path, source::LARGEST).map_err(unreadable)?.unwrap_or_default().into()
                }
                ScriptPlace::Embedded { companions, .. } => companions.get(path).copied().unwrap_or_default().into(),
            };
            if sha256(&bytes) != *digest {
                let companion = format!("{}/{path}", self.path.trim_end_matches(self.language.end()));
                return Err(Error::mismatch(format!("`{companion}` changed while runner was running"))
                    .hint("run the command again once nothing else writes to the project"));
            }
            files.insert(path.clone(), bytes);
        }
        Ok(files)
    }

    fn read_runtime(&self) -> Result<Runtime> {
        let pin = &self.runtime;
        let file = match &self.place {
            ScriptPlace::Disk { runtimes, .. } => pin.read(runtimes)?,
            ScriptPlace::Embedded { runtime, .. } => runtime.map(Into::into),
        };
        let file = file.ok_or_else(|| pin.missing().at("script", self.path.clone()))?;
        Runtime::open(pin, file).map_err(|error| error.at("script", self.path.clone()))
    }
}

impl LoadedScript {
    /// The digests of the files.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.files.iter().map(|(path, bytes)| (path.clone(), sha256(bytes))).collect()
    }

    /// The digest of the artifact.
    pub fn sha256(&self) -> String {
        component_digest(&self.runtime.pin.sha256, &self.digests())
    }
}
