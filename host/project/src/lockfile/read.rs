//! Reads a lockfile.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::path::Path;

use cap_std::fs::Dir;

use super::line::OddNeeds;
use super::merge::{marker, merged};
use super::{LockLine, Lockfile, VERSION, fast_path, line, package};
use crate::digest::sha256;
use crate::files::{cannot_read, is_link, read_regular};
use crate::revision::{RevisionKey, migration_id};
use crate::toml_reader::{Document, Section};
use crate::units::format_size;
use runner_base::error::{Error, ErrorKind, Result};

/// The largest lockfile that is read or replaced. A hundred thousand artifacts fit.
pub(super) const LARGEST: u64 = 64 << 20;

impl Lockfile {
    /// Reads the lockfile of a project; one that does not exist has no lines.
    pub fn read(root: &Dir, name: &str) -> Result<Self> {
        match text_of(root, name)? {
            Some(text) => Self::parse_proven(&text, name),
            None => Ok(Self::default()),
        }
    }

    /// Parses the text of a lockfile, whose digest must match.
    pub(crate) fn parse_proven(text: &str, name: &str) -> Result<Self> {
        Self::parse(text, name).and_then(|read| Self::prove(read, name))
    }

    fn prove((lockfile, proven): (Self, bool), name: &str) -> Result<Self> {
        if proven {
            return Ok(lockfile);
        }
        Err(Error::mismatch(format!("`{name}` was changed by something other than runner"))
            .at("file", name)
            .hint("after a merge, run `runner build`")
            .hint("otherwise restore the file from version control"))
    }

    /// Reads the lockfile in order to rewrite it, perhaps after a merge; also returns whether its digest matches.
    pub fn read_to_rewrite(root: &Dir, name: &str) -> Result<(Self, bool)> {
        let Some(text) = text_of(root, name)? else { return Ok((Self::default(), true)) };
        Self::parse(&text, name).or_else(|error| match merged(&text) {
            Some(merged) => Ok((merged, false)),
            None => Err(error),
        })
    }

    /// As [`Self::read_to_rewrite`], in order to write every line again that is not a package's. A need that cannot be read is left
    /// out: the migrations are asked again.
    pub fn read_to_rebuild(root: &Dir, name: &str) -> Result<(Self, bool)> {
        Self::read_to_rewrite(root, name).or_else(|error| {
            let text = text_of(root, name)?.unwrap_or_default();
            match Self::parse_with(&text, name, OddNeeds::Dropped) {
                Ok((lockfile, _)) => Ok((lockfile, false)),
                Err(_) => Err(error),
            }
        })
    }

    /// Parses a lockfile; also returns whether its digest matches. `name` is its name in messages.
    pub(crate) fn parse(text: &str, name: &str) -> Result<(Self, bool)> {
        Self::parse_with(text, name, OddNeeds::Refused)
    }

    fn parse_with(text: &str, name: &str, odd: OddNeeds) -> Result<(Self, bool)> {
        // Version control may have changed the line ends.
        let text = if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) };
        if let Some(lockfile) = fast_path::parse(&text) {
            return Ok((lockfile, true));
        }
        refuse_conflict(&text, name)?;
        let lines = text.split_once("[artifacts]\n").map_or("", |(_, lines)| lines);
        refuse_duplicates(&text, lines, name)?;
        let document = Document::new(name, &text);
        let root = document.parse().map_err(|error| as_mismatch(error, advice(&text)))?;
        let section = Section::root(&document, &root);
        let version = section.integer("version");
        if let Some(newer) = version.filter(|version| *version > VERSION) {
            return Err(Error::usage(format!(
                "`{name}` has version {newer}, but this version of runner supports {VERSION}"
            ))
            .hint("use the version of runner that wrote it, or a newer one"));
        }
        section.only(&["version", "digest", "artifacts", "packages"]);
        let digest = section.text("digest").map(str::to_owned);
        let mut lockfile = Self::default();
        if let Some(artifacts) = section.section("artifacts", "artifacts") {
            for (id, _) in artifacts.entries() {
                let path = artifacts.key(id);
                let line = artifacts.section(id, &path).and_then(|section| line::read(&section, id, odd));
                lockfile.lines.extend(line);
            }
        }
        lockfile.lines.sort_by_cached_key(LockLine::key);
        refuse_same(&lockfile.lines, &text, name)?;
        package::read(&section, &mut lockfile);
        document.finish().map_err(|error| {
            // What a build can read, it writes again.
            let builds = odd == OddNeeds::Refused && Self::parse_with(&text, name, OddNeeds::Dropped).is_ok();
            as_mismatch(error, if builds { ASK_AGAIN } else { advice(&text) })
        })?;
        if version != Some(VERSION) {
            return Err(broken(format!("`{name}` has no `version = {VERSION}`"), name, advice(&text)));
        }
        let proven = digest == Some(format!("sha256:{}", sha256(lines.as_bytes())));
        Ok((lockfile, proven))
    }
}

/// The text of the lockfile, if it exists.
fn text_of(root: &Dir, name: &str) -> Result<Option<String>> {
    match read_regular(root, name, LARGEST) {
        Ok(None) => Err(Error::denied(format!("`{name}` is larger than {}", format_size(LARGEST)))
            .at("file", name)
            .hint(DELETE_OR_RESTORE)),
        Ok(Some(bytes)) => {
            let text = String::from_utf8(bytes)
                .map_err(|_| broken(format!("`{name}` is not valid UTF-8"), name, DELETE_OR_RESTORE))?;
            Ok(Some(text))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_link(root, Path::new(name)) => Ok(None),
        Err(error) => Err(cannot_read(Path::new(name), error).at("file", name)),
    }
}

fn refuse_conflict(text: &str, name: &str) -> Result<()> {
    match text.lines().position(|line| marker(line).is_some()) {
        None => Ok(()),
        Some(at) => Err(Error::mismatch(format!("`{name}` has an unresolved merge conflict"))
            .at("file", format!("{name}:{}", at + 1))
            .hint("run `runner build`: it keeps the lines of both sides")),
    }
}

/// Refuses two lines for the same revision. TOML would refuse them too, but without explaining why.
fn refuse_duplicates(text: &str, lines: &str, name: &str) -> Result<()> {
    let first = text[..text.len() - lines.len()].lines().count() + 1;
    let mut seen = HashMap::new();
    for (at, line) in lines.lines().enumerate() {
        let id = line.split(" = ").next().unwrap_or_default().trim_matches('"');
        let Some(key) = RevisionKey::of(id.split('_').next().unwrap_or_default()) else { continue };
        if let Some(earlier) = seen.insert(key, at) {
            let [earlier, at] = [first + earlier, first + at];
            return Err(Error::mismatch(format!("lines {earlier} and {at} of `{name}` have the same revision"))
                .at("file", format!("{name}:{at}"))
                .hint("run `runner build`: it keeps the line whose file exists"));
        }
    }
    Ok(())
}

/// As [`refuse_duplicates`], for lines that are not written as runner writes them. They are in the order of their revisions.
fn refuse_same(lines: &[LockLine], text: &str, name: &str) -> Result<()> {
    let is_same = |pair: &&[LockLine]| {
        let [one, other] = pair else { return false };
        RevisionKey::of(&one.revision).is_some_and(|key| key == other.key())
    };
    let Some(pair) = lines.windows(2).find(is_same) else { return Ok(()) };
    let ids: Vec<String> = pair.iter().map(|line| format!("`{}`", migration_id(&line.revision, &line.name))).collect();
    // A build heals only what it can read as lines of its own.
    Err(broken(format!("{} in `{name}` have the same revision", ids.join(" and ")), name, advice(text)))
}

/// What to do about a file of which it is unknown whether it has packages.
const DELETE_OR_RESTORE: &str =
    "restore the file from version control or, if the project has no packages, delete it and run `runner build`";

/// What to do about a file in which only needs cannot be read.
const ASK_AGAIN: &str = "run `runner build`: it asks the migrations again what they need, and keeps the packages";

/// What to do about a file that cannot be read. What it has of packages is nowhere else.
fn advice(text: &str) -> &'static str {
    if text.contains(package::HEADING.trim()) {
        "restore the file from version control, or delete the wrong lines of the project's own migrations and run `runner build`, which \
         writes them again; those of packages are nowhere else, so do not delete the file"
    } else {
        "restore the file from version control, or delete it and run `runner build`"
    }
}

fn broken(message: String, name: &str, advice: &str) -> Error {
    Error::mismatch(message).at("file", name).hint(advice)
}

fn as_mismatch(error: Error, advice: &str) -> Error {
    Error { kind: ErrorKind::Mismatch, hints: Vec::new(), ..error }.hint(advice)
}
