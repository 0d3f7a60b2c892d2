//! The digest of a directory that components are built from and that does not belong to a migration.
//!
//! Nothing is known of it: whose it is, which of its files are read, and whether it is what the author meant to name.
//! So it never leads anywhere else, it has bounds, and what cannot be read in it is not the end of the matter.

use std::collections::BTreeMap;
use std::io;

use cap_std::fs::{Dir, DirEntry};

use super::sources::{DEPTH, MANIFEST, is_written_anywhere, text_digest};
use crate::digest::{component_digest, sha256_of_reader};
use crate::files::{open_regular, read_regular};
use crate::problem::{Problem, shown};

/// The most files and directories in it.
const MOST_ENTRIES: usize = 10_000;

/// The most bytes in it, and in a file that is named by itself.
pub(super) const MOST_BYTES: u64 = 256 << 20;

/// What cargo resolves, and writes where it is missing.
const LOCK: &str = "Cargo.lock";

/// The digest of a directory, which `top` is the name of. Files above `limit` bytes are not in memory as a whole.
pub(super) fn directory_digest(dir: &Dir, top: &str, limit: u64) -> Result<String, Problem> {
    bounded_digest(dir, limit, (MOST_ENTRIES, MOST_BYTES)).map_err(|too_much| {
        let most = match too_much {
            TooMuch::Entries => "10,000 files and directories",
            TooMuch::Bytes => "256 MiB",
        };
        Problem::new(format!("`{}/` has more than {most}", shown(top))).hint(
            "name less: in `sources` of `migration.toml` the files themselves or smaller directories; of a crate with a build script, \
             all files count, so keep there what it needs",
        )
    })
}

/// What there is more of than the bounds allow.
#[derive(Debug, PartialEq, Eq)]
enum TooMuch {
    Entries,
    Bytes,
}

fn bounded_digest(dir: &Dir, limit: u64, (entries, bytes): (usize, u64)) -> Result<String, TooMuch> {
    let mut walk = Walk { limit, entries, bytes, found: BTreeMap::new() };
    walk.read(dir, "", DEPTH)?;
    Ok(component_digest("shared", &walk.found))
}

struct Walk {
    /// The largest file that is read as text.
    limit: u64,
    /// How many entries may still come.
    entries: usize,
    /// How many bytes.
    bytes: u64,
    /// The digests of files, and what else there is, by path.
    found: BTreeMap<String, String>,
}

impl Walk {
    /// Reads a directory; `below` is its path in the top one, with a slash at its end.
    fn read(&mut self, dir: &Dir, below: &str, depth: usize) -> Result<(), TooMuch> {
        let entries = match dir.entries() {
            Ok(entries) => entries,
            Err(error) => {
                self.add(below.to_owned(), &failure(&error));
                return Ok(());
            }
        };
        let is_crate = dir.is_file(MANIFEST);
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.add(below.to_owned(), &failure(&error));
                    continue;
                }
            };
            // A file with another name cannot be part of a Rust package.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') || (is_crate && name == LOCK) {
                continue;
            }
            self.entries = self.entries.checked_sub(1).ok_or(TooMuch::Entries)?;
            self.read_entry(&entry, (dir, &name), (below, depth))?;
        }
        Ok(())
    }

    fn read_entry(
        &mut self,
        entry: &DirEntry,
        (dir, name): (&Dir, &str),
        (below, depth): (&str, usize),
    ) -> Result<(), TooMuch> {
        let path = format!("{below}{name}");
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => {
                self.add(path, &failure(&error));
                return Ok(());
            }
        };
        // Where a link leads does not matter if a build made it.
        if (kind.is_dir() || kind.is_symlink()) && is_written_anywhere(name) {
            return Ok(());
        }
        if kind.is_symlink() {
            // It may lead anywhere, and what it leads to within the directory counts by itself.
            let target = dir.read_link_contents(name);
            let target = target.map(|target| format!("-> {}", target.display()));
            self.add(path, &target.unwrap_or_else(|error| failure(&error)));
        } else if kind.is_dir() && depth > 0 {
            match entry.open_dir() {
                Ok(inner) => self.read(&inner, &format!("{path}/"), depth - 1)?,
                Err(error) => self.add(path, &failure(&error)),
            }
        } else if kind.is_file() {
            match self.file(dir, name) {
                Ok(Some(digest)) => drop(self.found.insert(path, digest)),
                Ok(None) => return Err(TooMuch::Bytes),
                Err(error) => self.add(path, &failure(&error)),
            }
        }
        Ok(())
    }

    /// Adds what is not a readable file.
    fn add(&mut self, path: String, what: &str) {
        self.found.insert(path, text_digest(what.as_bytes()));
    }

    /// The digest of a file; `None` if there are too many bytes.
    fn file(&mut self, dir: &Dir, name: &str) -> io::Result<Option<String>> {
        let (digest, size) = match read_regular(dir, name, self.limit.min(self.bytes))? {
            Some(bytes) => (text_digest(&bytes), bytes.len() as u64),
            None => match sha256_of_reader(open_regular(dir, name)?, self.bytes)? {
                Some(read) => read,
                None => return Ok(None),
            },
        };
        self.bytes = self.bytes.saturating_sub(size);
        Ok(Some(digest))
    }
}

/// What represents something that cannot be read: the same wherever it cannot be.
fn failure(error: &io::Error) -> String {
    format!("error: {}", error.kind())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use cap_std::ambient_authority;

    use super::*;
    use crate::test_project::TestProject;

    fn digest(path: &Path, bounds: (usize, u64)) -> Result<String, TooMuch> {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).expect("a directory");
        bounded_digest(&dir, 10, bounds)
    }

    #[test]
    fn what_builds_write_does_not_count() {
        let project = TestProject::new(&[("rules/Cargo.toml", ""), ("rules/src/lib.rs", "a"), ("Cargo.lock", "data")]);
        let digest = || digest(project.path(), (100, 1000)).expect("a digest");
        let before = digest();
        for path in [
            "target/debug/x",
            "rules/target/x",
            "rules/Cargo.lock",
            ".git/x",
            "rules/.git/x",
            "rules/.hidden",
            "rules/src/node_modules/x",
        ] {
            project.write(path, "written");
            assert_eq!(digest(), before, "{path}");
        }
        for path in ["Cargo.lock", "rules/build/mod.rs", "rules/empty/x", "a file of more than ten bytes"] {
            let before = digest();
            project.write(path, "another, which is as long");
            assert_ne!(digest(), before, "{path}");
        }
        let before = digest();
        project.write("a file of more than ten bytes", "another, which is so long");
        assert_ne!(digest(), before);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_counts_by_where_it_leads_and_what_cannot_be_read_by_its_error() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let project = TestProject::new(&[("LICENSE", "a"), ("crate/lib.rs", "a"), ("crate/secret/x", "a")]);
        let inside = project.path().join("crate");
        let digest = || digest(&inside, (100, 1000)).expect("a digest");
        let mut before = digest();
        for (to, name) in [("../LICENSE", "LICENSE"), ("/etc", "etc"), (".", "here"), ("nowhere", "broken")] {
            symlink(to, inside.join(name)).expect("a link");
            let now = digest();
            assert_ne!(now, before, "{name}");
            before = now;
        }
        project.write("LICENSE", "b");
        assert_eq!(digest(), before, "it is not part of the directory");
        symlink("/", inside.join("target")).expect("a link");
        assert_eq!(digest(), before);
        for (path, mode) in [("lib.rs", 0o000), ("secret", 0o000)] {
            std::fs::set_permissions(inside.join(path), std::fs::Permissions::from_mode(mode)).expect("set");
            // Root reads everything.
            let now = digest();
            let is_readable = std::fs::File::open(inside.join(path)).is_ok();
            assert_eq!(now == before, is_readable, "{path}");
            before = now;
        }
        std::fs::set_permissions(inside.join("secret"), std::fs::Permissions::from_mode(0o700)).expect("set");
    }

    #[test]
    fn a_directory_has_bounds() {
        let project = TestProject::new(&[("a/x", "12345678"), ("b", "1234567890123"), ("target/y", "123456789")]);
        let top = project.path();
        let bounds = |entries, bytes| digest(top, (entries, bytes));
        let all = bounds(100, 100).expect("a digest");
        let entries = std::fs::read_dir(top).expect("listed").count() + 1;
        assert_eq!(bounds(entries, 100), Ok(all));
        assert_eq!(bounds(entries - 3, 100), Err(TooMuch::Entries));
        assert_eq!(bounds(100, 20), Err(TooMuch::Bytes));
    }
}
