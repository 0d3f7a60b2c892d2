//! Paths in texts, and which of their parts is something that gets another name.

use std::ops::Range;

/// A file or directory among the migrations that gets another name.
pub(super) struct Target<'a> {
    /// Where it is, from the project.
    pub place: Vec<&'a str>,
    /// Its name.
    pub old: &'a str,
    /// Its name afterwards.
    pub new: &'a str,
}

/// The parts of a path with `/`, without those that lead nowhere.
pub(super) fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect()
}

/// Where a relative path, of a text in the directory `base`, names a place; `base` and `place` are relative to the project. Manifests
/// may have backslashes, which are doubled in most literals.
pub(super) fn named(path: &str, base: &[&str], place: &[&str]) -> Vec<Range<usize>> {
    let (mut here, mut found, mut start) = (base.to_vec(), Vec::new(), 0);
    if path.starts_with(['/', '\\']) {
        return found;
    }
    for part in path.split(['/', '\\']) {
        let range = start..start + part.len();
        start = range.end + 1;
        match part {
            "" | "." => {}
            // What is outside of the project may have any name.
            ".." if here.pop().is_none() => break,
            ".." => {}
            _ => {
                here.push(part);
                if here == place {
                    found.push(range);
                }
            }
        }
    }
    found
}

/// A piece of a text that may be a path.
#[derive(Clone, Copy)]
pub(super) struct Token<'t> {
    /// Where it begins, in bytes.
    pub start: usize,
    /// What it says.
    pub path: &'t str,
    /// Whether a quote comes before it.
    pub is_quoted: bool,
}

impl Token<'_> {
    /// Whether it leads from where it is.
    pub fn is_relative(&self) -> bool {
        ["./", "../", ".\\", "..\\"].iter().any(|start| self.path.starts_with(start))
    }
}

/// The pieces of a text between what hardly any path has.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`');
    let is_between = move |c: char| c.is_whitespace() || is_quote(c) || "=:(),[]<>;|".contains(c);
    let mut end = 0;
    text.split_inclusive(is_between).map(move |piece| {
        let start = end;
        end += piece.len();
        let path = piece.strip_suffix(is_between).unwrap_or(piece);
        Token { start, path, is_quoted: text[..start].ends_with(is_quote) }
    })
}

/// The line of a byte, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Whether the line of a byte looks like a comment, by one of these beginnings.
pub(super) fn is_comment(text: &str, at: usize, marks: &[&str]) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
    marks.iter().any(|mark| line.starts_with(mark))
}

/// A text with other names in these places, which are in order and apart from each other.
pub(super) fn replaced(text: &str, places: &[(Range<usize>, &str)]) -> String {
    let (mut after, mut done) = (String::with_capacity(text.len()), 0);
    for (range, new) in places {
        after.push_str(&text[done..range.start]);
        after.push_str(new);
        done = range.end;
    }
    after + &text[done..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_what_it_leads_to() {
        let place = ["migrations", "1_a"];
        for (base, path, expected) in [
            ("", "migrations/1_a", &[11][..]),
            ("", "./migrations//1_a/x", &[14]),
            ("migrations", "1_a/../1_a", &[0, 7]),
            ("migrations/2_b", r"..\\1_a\\x", &[4]),
            ("migrations/2_b", "1_a", &[]),
            ("", "1_a", &[]),
            ("", "migrations/1_ab", &[]),
            ("", "/migrations/1_a", &[]),
            ("", "../migrations/1_a", &[]),
        ] {
            let found = named(path, &parts(base), &place);
            assert!(found.iter().all(|range| &path[range.clone()] == "1_a"), "{path} in {base}");
            let found: Vec<usize> = found.iter().map(|range| range.start).collect();
            assert_eq!(found, expected, "{path} in {base}");
        }
    }
}
