//! Reads a lockfile that is exactly as `runner build` writes it, which nearly every one is, without a parser for all of TOML.

use super::line::parse_line;
use super::{LockLine, LockedArtifact, Lockfile, SqlDigests, TextDigests, VERSION, package};
use crate::digest::sha256;
use crate::revision::RevisionKey;

/// About as many bytes as a line has at least: a revision, a name and a digest.
const SHORT_LINE: usize = 128;

/// Parses the text of a lockfile whose digest matches. `None` if anything is unusual: then the text has to be parsed as TOML, which
/// also finds the words for what is wrong.
pub(super) fn parse(text: &str) -> Option<Lockfile> {
    let (head, lines) = text.split_once("[artifacts]\n")?;
    let mut fields = head.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    if fields.next()?.strip_prefix("version = ")?.parse() != Ok(VERSION) {
        return None;
    }
    let digest = quoted(fields.next()?.strip_prefix("digest = ")?)?.strip_prefix("sha256:")?;
    if fields.next().is_some() || digest != sha256(lines.as_bytes()) {
        return None;
    }
    let (lines, packages) = lines.split_once(package::HEADING).unwrap_or((lines, ""));
    let mut lockfile = package::parse(packages)?;
    lockfile.lines.reserve(lines.len() / SHORT_LINE);
    let mut last: Option<RevisionKey> = None;
    for text in lines.lines() {
        let line = plain(text).or_else(|| parse_line(text))?;
        // Each revision has one line, in order.
        let key = RevisionKey::of(&line.revision)?;
        if last.replace(key) >= Some(key) {
            return None;
        }
        lockfile.lines.push(line);
    }
    Some(lockfile)
}

/// The line of a migration in SQL that is the same on every database.
fn plain(text: &str) -> Option<LockLine> {
    let (id, fields) = text.split_once(' ')?;
    let fields = fields.strip_prefix("= { kind = \"sql\", sha256 = ")?.strip_suffix(" }")?;
    let (up, down) = match fields.split_once(", down = ") {
        Some((up, down)) => (up, Some(quoted(down)?)),
        None => (fields, None),
    };
    // In a key, everything but these has to be quoted.
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return None;
    }
    let (revision, name) = id.split_once('_').unwrap_or((id, ""));
    let mut digests = SqlDigests::default();
    *digests.texts.entry(None) = TextDigests { up: Some(quoted(up)?.to_owned()), down: down.map(str::to_owned) };
    let artifact = LockedArtifact::Sql(digests);
    Some(LockLine { revision: revision.to_owned(), name: name.to_owned(), artifact })
}

/// What is between quotation marks, if it is letters, digits and colons alone.
fn quoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    // Without an end before the last one, so that many are checked in one step.
    let is_plain =
        inner.bytes().fold(true, |is_plain, byte| is_plain & (byte.is_ascii_alphanumeric() | (byte == b':')));
    is_plain.then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lockfile with these lines, and a digest that matches.
    fn lockfile(lines: &str) -> String {
        let digest = sha256(lines.as_bytes());
        format!("# Written by a test.\nversion = {VERSION}\ndigest = \"sha256:{digest}\"\n\n[artifacts]\n{lines}")
    }

    #[test]
    fn what_is_usual_is_read_and_everything_else_is_left_to_toml() {
        let one = "1_a = { kind = \"sql\", sha256 = \"aa\", down = \"bb\" }\n";
        let two = "\"2.1_b\" = { kind = \"component\", sha256 = \"cc\", world = \"w\", summary = \"a { \\u001B\" }\n";
        let text = lockfile(&format!("{one}{two}"));
        let read = parse(&text).expect("as it is written");
        assert_eq!(read.lines.iter().map(LockLine::id).collect::<Vec<_>>(), ["1_a", "2.1_b"]);
        assert_eq!(Some(&read.lines[0]), parse_line(one.trim()).as_ref());
        let escaped = parse(&lockfile(&one.replace("aa\"", "a\\u0061\""))).expect("one line of TOML");
        assert_eq!(escaped.lines[0], read.lines[0]);
        for unusual in [
            text.replace("aa", "ab"),
            text.replace("version = 1", "version = 2"),
            text.replace("[artifacts]", "more = 1\n[artifacts]"),
            lockfile(&format!("{two}{one}")),
            lockfile(&format!("{one}{}", one.replace("1_a", "01_a"))),
            lockfile(&format!("{one}# a comment\n")),
            lockfile(&one.replace("down", "up")),
            lockfile(&one.replace("1_a", "1_a.b")),
            lockfile(&one.replace("1_a", "a")),
        ] {
            assert_eq!(parse(&unusual), None, "{unusual}");
        }
    }
}
