//! What messages suggest: known names for unknown ones, and commands.

/// Minimum similarity for a suggestion, from 0 to 1: `tow` suggests `two`, `zebra` suggests nothing.
const LIKENESS: f64 = 0.6;

/// The known name that is most similar to `wrong`, ignoring case.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&wrong, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// A word of a command, quoted for a shell if needed.
pub fn quoted_for_shell(word: &str) -> String {
    let is_plain = word.chars().all(|c| c.is_alphanumeric() || "/._-+:@%=".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_most_similar_name() {
        let known = ["migrations", "name", "two"];
        assert_eq!(did_you_mean("Migratons", known), Some("migrations"));
        assert_eq!(did_you_mean("tow", known), Some("two"));
        assert_eq!(did_you_mean("zebra", known), None);
    }

    #[test]
    fn a_word_is_quoted_if_a_shell_would_split_it() {
        for (word, expected) in [
            ("shop", "shop"),
            ("../a/my-shop_2.0", "../a/my-shop_2.0"),
            ("my shop", "'my shop'"),
            ("it's; $x", r"'it'\''s; $x'"),
        ] {
            assert_eq!(quoted_for_shell(word), expected);
        }
    }
}
