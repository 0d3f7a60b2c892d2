//! `[project] ignore`: names among the migrations that are not migrations.

/// Patterns of names: `*` is any text and `?` any character; with a `/` at its end, one is for directories only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored(Vec<String>);

impl Ignored {
    /// Reads the patterns; the error is one that cannot match a name.
    pub fn new(patterns: Vec<String>) -> Result<Self, String> {
        let is_wrong =
            |pattern: &&String| pattern.is_empty() || pattern[..pattern.len() - 1].contains('/') || *pattern == "/";
        match patterns.iter().find(is_wrong) {
            Some(pattern) => Err(pattern.clone()),
            None => Ok(Self(patterns)),
        }
    }

    /// Whether a name in the directory of the migrations is ignored.
    pub(crate) fn is_match(&self, name: &str, is_directory: impl FnOnce() -> bool) -> bool {
        let fits = |pattern: &String| fits(pattern.trim_end_matches('/'), name);
        match self.0.iter().filter(|pattern| fits(pattern)).map(|pattern| pattern.ends_with('/')).min() {
            None => false,
            Some(only_directories) => !only_directories || is_directory(),
        }
    }
}

/// Whether a name fits a pattern.
fn fits(pattern: &str, name: &str) -> bool {
    let mut rest = name.chars();
    let mut pattern = pattern.chars();
    while let Some(wanted) = pattern.next() {
        if wanted == '*' {
            let (end, from) = (pattern.as_str(), rest.as_str());
            return (from.char_indices().map(|(at, _)| at).chain([from.len()])).any(|at| fits(end, &from[at..]));
        }
        if rest.next().is_none_or(|c| wanted != '?' && wanted != c) {
            return false;
        }
    }
    rest.as_str().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("notify_*.sql", "notify_templates.sql", true),
            ("notify_*.sql", "1_notify_a.sql", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.sql", "a.sql.bak", false),
            ("ab*b*", "abxbx", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        let ignored = Ignored::new(vec!["templates/".to_owned()]).expect("patterns");
        assert!(ignored.is_match("templates", || true) && !ignored.is_match("templates", || false));
        for wrong in ["", "/", "a/b", "/a"] {
            assert_eq!(Ignored::new(vec![wrong.to_owned()]), Err(wrong.to_owned()));
        }
    }
}
