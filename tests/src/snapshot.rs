//! Removes from an output what differs between runs and machines.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

static FILTERS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // Identifiers of runs, user names, digests, versions.
        (r"\b20[0-9]{12}_", "[REVISION]_"),
        (r"\b20[0-9]{6}T[0-9]{6}Z-[0-9a-f]{8}\b", "[RUN]"),
        (r#""applied_by": "[^"]*""#, r#""applied_by": "[WHO]""#),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[UUID]"),
        (r"\b[0-9a-f]{64}\b", "[SHA256]"),
        (r"\b[0-9a-f]{32}\b", "[DIGEST]"),
        (r"sha256 [0-9a-f]{12}\b", "sha256 [SHORT]"),
        (r"\b3\.[0-9]{2}\.[0-9]+\b", "[SQLITE]"),
        // Times and durations.
        (r"\b20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9])?(\.[0-9]+)?( ?UTC|Z)?", "[MOMENT]"),
        (r"(< )?\b[0-9]+(\.[0-9]+)? ?(ns|µs|ms|s|min|h)\b( [0-9]+ ?(ms|s|min)\b)*", "[TIME]"),
        (r#""(duration_ms|seed|run_timestamp)": ?[0-9.]+"#, r#""$1": [N]"#),
        (r"\bpid [0-9]+", "pid [PID]"),
        (r"\b[0-9,]+ rows/s", "[RATE]"),
        // Columns are as wide as their content was.
        (r"(\S) {2,}", "$1  "),
    ]
    .map(|(pattern, replacement)| (Regex::new(pattern).expect("a pattern"), replacement))
    .into()
});

/// The text without the parts that vary.
pub fn normalise(text: &str, root: &Path) -> String {
    let mut text = text.replace(&root.display().to_string(), "[PROJECT]");
    for (pattern, replacement) in FILTERS.iter() {
        text = pattern.replace_all(&text, *replacement).into_owned();
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_parts_are_removed() {
        let root = Path::new("/tmp/runner-test-x");
        for (text, expected) in [
            ("/tmp/runner-test-x/runner.db", "[PROJECT]/runner.db"),
            ("took 1.25 s", "took [TIME]"),
            ("took 12ms  ", "took [TIME]"),
            ("took  < 1 ms    3", "took  [TIME]  3"),
            ("\"duration_ms\": 1.5,", "\"duration_ms\": [N],"),
            ("at 2026-11-20T07:15:00Z", "at [MOMENT]"),
            ("20260105093000_create", "[REVISION]_create"),
            ("20260105093000", "20260105093000"),
            (&"a".repeat(64), "[SHA256]"),
        ] {
            assert_eq!(normalise(text, root), expected);
        }
    }
}
