//! The file of a package.
//!
//! ```text
//! \0asm 0d 00 01 00             the preamble of a component
//! 00 SIZE 0e "runner:package"   a custom section: the manifest, as JSON
//! 04 SIZE COMPONENT             a nested component for each migration, in order
//! ```
//!
//! Nothing else may be in it: what a signature covers is what is read.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::migration::{Need, RAW_SQL};
use crate::package::{PackageName, Version};
use crate::revision::RevisionKey;
use runner_database::Renames;
use runner_database::grants::Grant;

/// What every component begins with.
const PREAMBLE: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// The name of the section with the manifest.
const SECTION: &str = "runner:package";

const CUSTOM: u8 = 0;
const COMPONENT: u8 = 4;

/// The format that this version reads and writes.
const FORMAT: u32 = 1;

/// The largest manifest. A thousand migrations with a few grants each fit.
const MANIFEST_BYTES: usize = 1 << 20;

/// The most migrations of a package, and the most grants that one of them asks for.
const MOST: usize = 1_000;

/// The longest line of text, such as the description.
const LINE: usize = 500;

/// What a package says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format.
    pub format: u32,
    /// The name: `vendor/package`.
    pub name: String,
    /// The version: three numbers.
    pub version: String,
    /// One line; may be empty.
    pub description: String,
    /// The migrations, in the order of their revisions.
    pub migrations: Vec<ManifestMigration>,
}

/// A migration of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestMigration {
    /// Its revision within the package.
    pub revision: String,
    /// The name after it; may be empty.
    pub name: String,
    /// The grants that it asks for, as `allow` of the settings has them.
    pub allow: Vec<String>,
    /// Whether it asks to run statements of its own.
    pub raw_sql: bool,
}

impl ManifestMigration {
    /// Replaces the names of tables by those that they have here.
    fn rename(&mut self, renames: &Renames) {
        let renamed = |line: &String| match Need::parse(line) {
            Some(need) => need.renamed(renames).iter().map(ToString::to_string).collect(),
            None => vec![line.clone()],
        };
        self.allow = self.allow.iter().flat_map(renamed).collect();
    }

    /// What it asks for, line by line, as the plan shows it.
    pub fn requires(&self) -> Vec<String> {
        let raw_sql = self.raw_sql.then(|| RAW_SQL.to_owned());
        self.allow.iter().cloned().chain(raw_sql).collect()
    }
}

/// A package that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFile {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// What it says about itself.
    pub manifest: Manifest,
    /// Where the component of each migration is in the file.
    pub components: Vec<Range<usize>>,
}

impl PackageFile {
    /// Replaces the names of tables in what it asks for by those that they have here.
    pub fn rename(&mut self, renames: &Renames) {
        self.manifest.migrations.iter_mut().for_each(|migration| migration.rename(renames));
    }

    /// Reads a package. The error completes the sentence "`x` …".
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes.strip_prefix(&PREAMBLE).ok_or_else(|| "is not a package".to_owned())?;
        let (kind, content) = section(&mut rest)?;
        let not_a_package = || "is a component, but not a package".to_owned();
        let (name_length, content) =
            Some(content).filter(|_| kind == CUSTOM).and_then(leb128).ok_or_else(not_a_package)?;
        let content = content.split_at_checked(name_length).filter(|(name, _)| *name == SECTION.as_bytes());
        let (_, text) = content.ok_or_else(not_a_package)?;
        if text.len() > MANIFEST_BYTES {
            return Err(format!("has a manifest of more than {MANIFEST_BYTES} bytes"));
        }
        let manifest: Manifest = serde_json::from_slice(text).map_err(|_| unreadable(text))?;
        let (name, version) = check(&manifest)?;
        let mut components = Vec::with_capacity(manifest.migrations.len());
        while !rest.is_empty() {
            let (kind, content) = section(&mut rest)?;
            if kind != COMPONENT || !content.starts_with(&PREAMBLE) {
                return Err("has a section that is none of a package".to_owned());
            }
            let end = bytes.len() - rest.len();
            components.push(end - content.len()..end);
        }
        if components.len() != manifest.migrations.len() {
            let (listed, there) = (manifest.migrations.len(), components.len());
            return Err(format!("lists {listed} migrations and has {there}"));
        }
        Ok(Self { name, version, manifest, components })
    }

    /// The migration with this revision, and where its component is.
    pub fn get(&self, revision: &str) -> Option<(&ManifestMigration, Range<usize>)> {
        let key = RevisionKey::of(revision)?;
        let all = self.manifest.migrations.iter().zip(&self.components);
        let mut found = all.filter(|(migration, _)| RevisionKey::of(&migration.revision) == Some(key));
        found.next().map(|(migration, range)| (migration, range.clone()))
    }
}

/// Writes a package. Equal arguments give equal bytes. The error completes the sentence "the package …".
pub fn write(
    (name, version, description): (&PackageName, Version, &str),
    migrations: &[(ManifestMigration, Vec<u8>)],
) -> Result<Vec<u8>, String> {
    let manifest = Manifest {
        format: FORMAT,
        name: name.to_string(),
        version: version.to_string(),
        description: description.to_owned(),
        migrations: migrations.iter().map(|(migration, _)| migration.clone()).collect(),
    };
    let text = serde_json::to_vec(&manifest).map_err(|error| error.to_string())?;
    let mut custom = Vec::with_capacity(text.len() + SECTION.len() + 1);
    push_leb128(&mut custom, SECTION.len());
    custom.extend(SECTION.as_bytes());
    custom.extend(&text);
    let mut bytes = PREAMBLE.to_vec();
    push_section(&mut bytes, CUSTOM, &custom);
    migrations.iter().for_each(|(_, component)| push_section(&mut bytes, COMPONENT, component));
    PackageFile::parse(&bytes).map(|_| bytes)
}

/// Why a manifest was not read.
fn unreadable(text: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    match serde_json::from_slice::<Format>(text) {
        Ok(Format { format }) if format > FORMAT => {
            format!("has the format {format}, and this version of runner reads {FORMAT}")
        }
        _ => "has a manifest that cannot be read".to_owned(),
    }
}

/// Checks everything that a manifest says; the error completes the sentence "`x` …".
fn check(manifest: &Manifest) -> Result<(PackageName, Version), String> {
    if manifest.format != FORMAT {
        return Err(format!("has the format {}, and this version of runner reads {FORMAT}", manifest.format));
    }
    let shown = |text: &str| text.chars().take(LINE).collect::<String>().escape_debug().to_string();
    let wrong = |what: &str, text: &str| format!("has the invalid {what} `{}`", shown(text));
    let name = PackageName::parse(&manifest.name).ok_or_else(|| wrong("name", &manifest.name))?;
    let version = Version::parse(&manifest.version).ok_or_else(|| wrong("version", &manifest.version))?;
    if !is_line(&manifest.description, LINE) {
        return Err(wrong("description", &manifest.description));
    }
    if manifest.migrations.is_empty() {
        return Err("has no migrations".to_owned());
    }
    if manifest.migrations.len() > MOST {
        return Err(format!("has more than {MOST} migrations"));
    }
    let mut last = None;
    for migration in &manifest.migrations {
        let key = RevisionKey::of(&migration.revision).ok_or_else(|| wrong("revision", &migration.revision))?;
        if last.replace(key) >= Some(key) {
            return Err(format!("has the revision {} after a later one", shown(&migration.revision)));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if migration.name.len() > LINE || !migration.name.chars().all(is_name) {
            return Err(wrong("name of a migration", &migration.name));
        }
        if migration.allow.len() > MOST {
            return Err(format!("asks for more than {MOST} grants"));
        }
        if migration.allow.iter().any(|line| line.len() > Need::LONGEST) {
            return Err(format!("has a grant of more than {} bytes", Need::LONGEST));
        }
        if let Some(line) = migration.allow.iter().find(|line| !is_line(line, Need::LONGEST) || !is_grant(line)) {
            return Err(wrong("grant", line));
        }
    }
    Ok((name, version))
}

fn is_line(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.chars().any(char::is_control)
}

fn is_grant(line: &str) -> bool {
    line.strip_prefix("function ").is_some_and(|name| !name.trim().is_empty()) || line.parse::<Grant>().is_ok()
}

/// The next section: its kind and its content.
fn section<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), String> {
    let cut = || "is cut off".to_owned();
    let (kind, after) = rest.split_first().ok_or_else(cut)?;
    let (size, after) = leb128(after).ok_or_else(cut)?;
    let (content, after) = after.split_at_checked(size).ok_or_else(cut)?;
    *rest = after;
    Ok((*kind, content))
}

/// An unsigned number of at most 32 bits, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return u32::try_from(number).ok().map(|number| (number as usize, &bytes[at + 1..]));
        }
    }
    None
}

fn push_section(bytes: &mut Vec<u8>, kind: u8, content: &[u8]) {
    bytes.push(kind);
    push_leb128(bytes, content.len());
    bytes.extend(content);
}

fn push_leb128(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return;
        }
        bytes.push(byte | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::component;

    fn migration(revision: &str, allow: &[&str]) -> (ManifestMigration, Vec<u8>) {
        let allow = allow.iter().map(|line| (*line).to_owned()).collect();
        let name = format!("m{revision}");
        (ManifestMigration { revision: revision.to_owned(), name, allow, raw_sql: true }, component(revision))
    }

    fn named(migrations: &[(ManifestMigration, Vec<u8>)]) -> Result<Vec<u8>, String> {
        let name = PackageName::parse("acme/outbox").expect("a name");
        write((&name, Version::parse("1.2.0").expect("a version"), "An outbox"), migrations)
    }

    /// A grant with so many bytes, as for a table with many columns.
    fn columns(bytes: usize) -> String {
        let start = "read t(a";
        format!("{start}{})", ",b".repeat(bytes).split_at(bytes - start.len() - 1).0)
    }

    #[test]
    fn a_package_is_read_as_it_was_written() {
        let wide = columns(Need::LONGEST);
        let migrations =
            [migration("1", &["create outbox", &wide]), migration("20260105", &["read t(a)", "function now"])];
        let bytes = named(&migrations).expect("a package");
        assert_eq!(named(&migrations).expect("the same"), bytes);
        let package = PackageFile::parse(&bytes).expect("a package");
        assert_eq!((package.name.as_str(), package.version.to_string().as_str()), ("acme/outbox", "1.2.0"));
        for (written, component) in &migrations {
            let (read, range) = package.get(&written.revision).expect("a migration");
            assert_eq!((read, &bytes[range]), (written, &component[..]));
        }
        assert_eq!(package.get("2"), None);
        assert_eq!(package.manifest.migrations[0].requires(), ["create outbox", &wide, "raw_sql"]);
        // Every tool that reads components reads it.
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&bytes)
            .expect("a component");
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let long = columns(Need::LONGEST + 1);
        for (migrations, what) in [
            (vec![], "has no migrations"),
            (vec![migration("2", &[]), migration("1", &[])], "has the revision 1 after a later one"),
            (vec![migration("1", &[]), migration("01", &[])], "has the revision 01 after a later one"),
            (vec![migration("x", &[])], "has the invalid revision `x`"),
            (vec![migration("1", &["raed t"])], "has the invalid grant `raed t`"),
            (vec![migration("1", &[&long])], "has a grant of more than 4096 bytes"),
        ] {
            let error = named(&migrations).expect_err(what);
            assert!(error.starts_with(what), "{error}");
        }
        let bytes = named(&[migration("1", &[])]).expect("a package");
        for end in 0..bytes.len() {
            assert!(PackageFile::parse(&bytes[..end]).is_err(), "{end} bytes of it");
        }
        let mut more = bytes.clone();
        push_section(&mut more, CUSTOM, b"\x01xhidden");
        assert_eq!(PackageFile::parse(&more).expect_err("more"), "has a section that is none of a package");
        let mut twice = bytes.clone();
        push_section(&mut twice, COMPONENT, &component("another"));
        assert_eq!(PackageFile::parse(&twice).expect_err("more"), "lists 1 migrations and has 2");
        assert_eq!(PackageFile::parse(&component("x")).expect_err("not one"), "is a component, but not a package");
        assert_eq!(PackageFile::parse(b"\0asm\x01\0\0\0").expect_err("a module"), "is not a package");
        let format = b"\"format\":1";
        let at = bytes.windows(format.len()).position(|window| window == format).expect("a format");
        let mut newer = bytes.clone();
        newer[at + format.len() - 1] = b'2';
        let error = PackageFile::parse(&newer).expect_err("a newer one");
        assert_eq!(error, "has the format 2, and this version of runner reads 1");
    }
}
