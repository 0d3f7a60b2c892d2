//! What a build makes, and asks for.

use std::collections::BTreeMap;
use std::path::Path;

use crate::lockfile::ComponentDescription;
use crate::migration::Kind;
use crate::script::LoadedScript;
use runner_base::error::Result;

/// Reads the description of a migration, in the sandbox.
pub type Describe<'a> = dyn Fn(Described<'_>) -> Result<ComponentDescription> + 'a;

/// What describes itself.
#[derive(Clone, Copy)]
pub enum Described<'a> {
    /// A component.
    Component {
        /// Its bytes.
        bytes: &'a [u8],
        /// The digests of its assets, by path.
        assets: &'a BTreeMap<String, String>,
        /// The directory of its assets, absolute; it exists only if there are any.
        assets_directory: &'a Path,
    },
    /// A script.
    Script(&'a LoadedScript),
}

/// An artifact of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltArtifact {
    /// Its revision.
    pub revision: String,
    /// The name after the revision.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Whether it was compiled.
    pub compiled: bool,
    /// Whether it was not compiled, although its source code changed or everything was to be, because it is or may be applied.
    pub kept: bool,
    /// What changed outside of its directory, if that is why it was compiled, or kept because it may be applied.
    pub changed_path: Option<String>,
    /// How its line in the lockfile changed.
    pub change: Change,
    /// Its size: that of the `.wasm` file, of both SQL files, or of the script.
    pub size: u64,
}

runner_base::named! {
    /// How a line of the lockfile changed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Change {
        /// It is new.
        Added = "added",
        /// It is the same.
        Unchanged = "unchanged",
        /// It is different: databases where the old artifact is applied will report a mismatch.
        Changed = "changed",
        /// It was removed, as its files no longer exist.
        Removed = "removed",
    }
}
