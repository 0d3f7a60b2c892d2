//! Names and versions of packages, and of their migrations.

use std::fmt;

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
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// Parses a version; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        match numbers(text)?.as_slice() {
            [major, minor, patch] => Some(Self { major: *major, minor: *minor, patch: *patch }),
            _ => None,
        }
    }

    /// The range of versions that are compatible with it.
    pub fn compatible(self) -> VersionRange {
        let Self { major, minor, patch } = self;
        let text = match (major, minor) {
            (0, 0) => format!("0.0.{patch}"),
            (0, minor) => format!("0.{minor}"),
            (major, _) => major.to_string(),
        };
        VersionRange::parse(&text).unwrap_or(VersionRange { text, first: self, after: None })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Versions that are compatible with one, as cargo understands it: `1.2` is 1.2.0 and everything before 2.0.0, `0.3` everything
/// before 0.4.0, and `=1.2.3` that version alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
    first: Version,
    /// The first version after it; `None` if that is beyond all numbers.
    after: Option<Version>,
}

impl VersionRange {
    /// Parses a range; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(exact) = text.strip_prefix('=') {
            let first = Version::parse(exact)?;
            let after = first.patch.checked_add(1).map(|patch| Version { patch, ..first });
            return Some(Self { text: text.to_owned(), first, after });
        }
        let parts = numbers(text)?;
        let at = |index: usize| parts.get(index).copied().unwrap_or(0);
        let first = Version { major: at(0), minor: at(1), patch: at(2) };
        let (major, minor, patch) = match (first, parts.len()) {
            (Version { major: 0, minor: 0, patch }, 3) => (Some(0), Some(0), patch.checked_add(1)),
            (Version { major: 0, minor, .. }, 2 | 3) => (Some(0), minor.checked_add(1), Some(0)),
            (Version { major, .. }, _) => (major.checked_add(1), Some(0), Some(0)),
        };
        let after = match (major, minor, patch) {
            (Some(major), Some(minor), Some(patch)) => Some(Version { major, minor, patch }),
            _ => None,
        };
        Some(Self { text: text.to_owned(), first, after })
    }

    /// Whether a version is one of them.
    pub fn contains(&self, version: Version) -> bool {
        version >= self.first && self.after.is_none_or(|after| version < after)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One to three numbers with dots between them, without leading zeros: a version has one spelling.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let number = |part: &str| {
        let is_plain = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        if is_plain { part.parse().ok() } else { None }
    };
    let numbers: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    (numbers.len() <= 3).then_some(numbers)
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
        for text in
            ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "1.2.3-rc", "-1.0.0", "1.2.4294967296", "1..2", "+1.0.0"]
        {
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
            ("4294967295", &["4294967295.0.0"], &["1.0.0"]),
        ] {
            let parsed = VersionRange::parse(range).expect(range);
            assert_eq!(parsed.to_string(), range);
            let contains = |text: &&&str| parsed.contains(Version::parse(text).expect(text));
            assert!(inside.iter().all(|text| contains(&text)), "{range}");
            assert!(!outside.iter().any(|text| contains(&text)), "{range}");
        }
        for text in ["", "^1", "=1", "1.x", "*", "1.2.3.4", ">=1"] {
            assert_eq!(VersionRange::parse(text), None, "{text}");
        }
        for (version, range) in [("1.2.3", "1"), ("0.3.1", "0.3"), ("0.0.4", "0.0.4")] {
            assert_eq!(Version::parse(version).expect(version).compatible().to_string(), range);
        }
    }
}
