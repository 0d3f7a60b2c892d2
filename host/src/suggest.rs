//! Guesses which known name a wrong one was meant to be.

/// How alike two names must be for a guess, from 0 to 1: `tow` is `two`, and `zebra` is nothing at all.
const LIKENESS: f64 = 0.6;

/// The known name that `wrong` was probably meant to be; capitals do not matter.
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
    fn the_most_alike_is_guessed_and_nothing_far() {
        let known = ["migrations", "name", "two"];
        assert_eq!(did_you_mean("Migratons", known), Some("migrations"));
        assert_eq!(did_you_mean("tow", known), Some("two"));
        assert_eq!(did_you_mean("zebra", known), None);
    }
}
