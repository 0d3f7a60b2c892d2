//! Reads a lockfile as a merge of version control left it. `runner build` then derives every line from the files again, so
//! only what they do not tell has to survive: descriptions and the source code that artifacts were built from.

use super::read::parse_line;
use super::{LockLine, Lockfile};

/// The markers of a conflict, also in the style `diff3`, as they begin a line.
const MARKERS: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];

/// The lines of both sides, if the text shows signs of a merge: markers of a conflict, or keys that occur twice, as a union
/// of both sides has them.
pub(super) fn merged(text: &str) -> Option<Lockfile> {
    let mut is_merge = false;
    let mut in_base = false;
    let mut digests = 0;
    let mut lines: Vec<LockLine> = Vec::new();
    for line in text.lines() {
        if let Some(marker) = MARKERS.iter().find(|marker| line.starts_with(**marker)) {
            is_merge = true;
            // What was there before both sides counts for neither.
            in_base = *marker == "|||||||";
            continue;
        }
        if in_base {
            continue;
        }
        digests += usize::from(line.starts_with("digest = "));
        let Some(line) = parse_line(line) else { continue };
        match lines.iter().any(|other| other.key() == line.key()) {
            // The files decide which of them is right.
            true => is_merge = true,
            false => lines.push(line),
        }
    }
    lines.sort_by_key(LockLine::key);
    (is_merge || digests > 1).then_some(Lockfile { lines })
}
