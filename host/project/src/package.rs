//! Names and versions of packages, and of their migrations.

use std::fmt;

use semver::{Comparator, Op, Prerelease, VersionReq};

use crate::toml_reader::Section;
use runner_database::Renames;

/// The longest part of a name. The file of a package is named after both parts and its version.
const LONGEST: usize = 64;

/// The name of a package: `vendor/package`, in lower-case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageName(String);

impl PackageName {
    /// Parses a name; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (vendor, package) = text.split_once('/')?;
        let is_part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.len() <= LONGEST
                && !part.ends_with('-')
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        (is_part(vendor) && is_part(package)).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the file of a version. No name of a package contains `_`, so no two have the same file.
    pub fn file(&self, version: Version) -> String {
        format!("{}_{version}.wasm", self.0.replace('/', "_"))
    }

    /// The version of a file that is named after this package.
    pub fn version_of_file(&self, file: &str) -> Option<Version> {
        let version = file.strip_suffix(".wasm")?.strip_prefix(&self.0.replace('/', "_"))?.strip_prefix('_')?;
        Version::parse(version)
    }

    /// The name of one of its migrations: `vendor/package:REVISION`.
    pub fn migration(&self, revision: &str) -> String {
        format!("{}:{revision}", self.0)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The package that a migration of this name is part of. The names of a project's own migrations have no `:`.
pub fn package_of(name: &str) -> Option<&str> {
    name.split_once(':').map(|(package, _)| package)
}

/// The revision within its package of a migration of this name.
pub fn package_revision(name: &str) -> Option<&str> {
    name.split_once(':').map(|(_, revision)| revision)
}

/// A version: three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

impl Version {
    /// Parses a version; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let version = semver::Version::parse(text).ok()?;
        let is_plain = version.pre.is_empty() && version.build.is_empty();
        is_plain.then_some(Self { major: version.major, minor: version.minor, patch: version.patch })
    }

    /// The range of versions that are compatible with it.
    pub fn compatible(self) -> VersionRange {
        let Self { major, minor, patch } = self;
        let (major_alone, minor_too) =
            (Some(minor).filter(|_| major == 0), Some(patch).filter(|_| major == 0 && minor == 0));
        let comparator =
            Comparator { op: Op::Caret, major, minor: major_alone, patch: minor_too, pre: Prerelease::EMPTY };
        let requirement = VersionReq { comparators: vec![comparator] };
        VersionRange { text: requirement.to_string().trim_start_matches('^').to_owned(), requirement }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A requirement for versions, as cargo understands it: `1.2` is 1.2.0 and everything before 2.0.0, `0.3` everything before 0.4.0,
/// `=1.2.3` that version alone, and `>=1.2, <1.8` what lies between the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
    requirement: VersionReq,
}

impl VersionRange {
    /// Parses a range; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let requirement = VersionReq::parse(text).ok()?;
        Some(Self { text: text.to_owned(), requirement })
    }

    /// Whether a version is one of them.
    pub fn contains(&self, version: Version) -> bool {
        let Version { major, minor, patch } = version;
        self.requirement.matches(&semver::Version::new(major, minor, patch))
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a package that runs statements of its own keeps the names of its tables.
pub const RAW_SQL_KEEPS_NAMES: &str = "statements of a package's own name its tables, and are run as they are";

/// `tables`: what a package calls a table, and what it is called here.
pub(crate) fn read_renames(section: &Section<'_, '_>) -> Renames {
    let path = section.key("tables");
    let Some(tables) = section.section("tables", &path) else { return Renames::default() };
    let lines: Vec<(&str, &str)> = tables.entries().filter_map(|(name, _)| Some((name, tables.text(name)?))).collect();
    Renames::parse(lines).unwrap_or_else(|error| {
        section.wrong("tables", error.message, &error.hint.unwrap_or_default());
        Renames::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_parts() {
        for text in ["acme/outbox", "a/b", "acme-1/out-box2"] {
            assert_eq!(PackageName::parse(text).expect(text).as_str(), text);
        }
        let long = format!("a/{}", "b".repeat(65));
        for text in [
            "acme",
            "acme/",
            "/outbox",
            "a/b/c",
            "Acme/outbox",
            "acme/out_box",
            "1/a",
            "a/-b",
            "a/b-",
            "a/b:1",
            "a/..",
            &long,
        ] {
            assert_eq!(PackageName::parse(text), None, "{text}");
        }
        let name = PackageName::parse("acme/outbox").expect("a name");
        let version = Version::parse("1.2.3").expect("a version");
        assert_eq!(name.file(version), "acme_outbox_1.2.3.wasm");
        assert_eq!(name.version_of_file("acme_outbox_1.2.3.wasm"), Some(version));
        for other in ["acme_outbox_1.2.wasm", "acme_outbox-x_1.2.3.wasm", "acme_outbox_1.2.3.wasm.minisig"] {
            assert_eq!(name.version_of_file(other), None, "{other}");
        }
        assert_eq!(package_of(&name.migration("7")), Some("acme/outbox"));
        assert_eq!(package_revision(&name.migration("7")), Some("7"));
        assert_eq!(package_of("create_users"), None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        let version = |text: &str| Version::parse(text).expect(text);
        assert!(version("1.10.0") > version("1.9.9"));
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "1.2.x",
            "1.2.3-rc",
            "-1.0.0",
            "1.2.18446744073709551616",
            "1..2",
            "+1.0.0",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_are_those_of_cargo() {
        for (range, inside, outside) in [
            ("1", &["1.0.0", "1.99.0"][..], &["0.9.9", "2.0.0"][..]),
            ("1.2", &["1.2.0", "1.3.1"], &["1.1.9", "2.0.0"]),
            ("1.2.3", &["1.2.3", "1.9.0"], &["1.2.2", "2.0.0"]),
            ("0.3", &["0.3.0", "0.3.9"], &["0.4.0", "1.0.0"]),
            ("0.0.3", &["0.0.3"], &["0.0.4", "0.0.2"]),
            ("0", &["0.0.1", "0.9.0"], &["1.0.0"]),
            ("=1.2.3", &["1.2.3"], &["1.2.4", "1.2.2"]),
            (">=1.2, <1.8", &["1.2.0", "1.7.9"], &["1.8.0", "1.1.0"]),
            ("~1.2", &["1.2.9"], &["1.3.0"]),
        ] {
            let parsed = VersionRange::parse(range).expect(range);
            assert_eq!(parsed.to_string(), range);
            let contains = |text: &&&str| parsed.contains(Version::parse(text).expect(text));
            assert!(inside.iter().all(|text| contains(&text)), "{range}");
            assert!(!outside.iter().any(|text| contains(&text)), "{range}");
        }
        for text in ["", "1.2.3.4", "latest", "1 2"] {
            assert_eq!(VersionRange::parse(text), None, "{text}");
        }
        for (version, range) in [("1.2.3", "1"), ("0.3.1", "0.3"), ("0.0.4", "0.0.4")] {
            assert_eq!(Version::parse(version).expect(version).compatible().to_string(), range);
        }
    }
}
