//! `[packages."vendor/package"]`: what an operator pins and grants.

use std::sync::Arc;

use super::grants::read_grants;
use crate::package::{PackageName, RAW_SQL_KEEPS_NAMES, VersionRange, read_renames};
use crate::toml_reader::Section;
use runner_database::{Grants, Renames};

/// What is pinned of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageSettings {
    /// The public key that has to have signed it; `None`: none has to.
    pub key: Option<String>,
    /// The versions that the grants are for; `None`: all.
    pub version: Option<VersionRange>,
    /// What its tables are called here.
    pub renames: Arc<Renames>,
}

/// One table: what is pinned, and what is granted.
pub(super) fn read(section: &Section<'_, '_>, name: &str) -> Option<(PackageSettings, Arc<Grants>)> {
    if PackageName::parse(name).is_none() {
        let hint = "name it as in `[packages.\"vendor/package\"]`, in lower-case letters, digits and `-`";
        section.wrong("", format!("`[{}]` does not name a package", section.path()), hint);
        return None;
    }
    section.only(&["key", "version", "tables", "allow", "raw_sql", "password_env", "superuser"]);
    let key = section.text("key").map(|key| key.trim().to_owned());
    #[cfg(feature = "components")]
    if key.as_ref().is_some_and(|key| !crate::signature::is_key(key)) {
        let hint = "use the public key that minisign prints: 56 characters that begin with `RW`";
        section.wrong("key", "`key` is not a public key of minisign", hint);
    }
    let version = section.text("version").and_then(|text| {
        let range = VersionRange::parse(text);
        if range.is_none() {
            let hint = "use `1`, `1.2` or `1.2.3` for all compatible versions, or another requirement that cargo takes, such as `=1.2.3`";
            section.wrong("version", format!("`version` is not a range of versions: `{text}`"), hint);
        }
        range
    });
    let renames = Arc::new(read_renames(section));
    let grants = read_grants(section);
    if grants.raw_sql && !renames.is_empty() {
        section.wrong("tables", "`tables` and `raw_sql` cannot both be set", RAW_SQL_KEEPS_NAMES);
    }
    Some((PackageSettings { key, version, renames }, Arc::new(grants)))
}
