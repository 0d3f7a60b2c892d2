//! Suggests known names for unknown ones.

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
}
