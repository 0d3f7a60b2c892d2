//! `${NAME}` in the URLs of the settings file, so that passwords can stay out of it.

use std::path::Path;

use crate::database::DatabaseUrl;
use crate::error::{Error, Result};
use crate::project::env::Variables;
use crate::project::origin::{Origin, Sourced};
use crate::project::toml_reader::Section;

/// A list of URLs in a section, as written.
pub(super) fn urls(section: &Section<'_, '_>, key: &str) -> Vec<Sourced<String>> {
    let origin = section.entries().find(|(name, _)| *name == key).map(|(key, value)| section.origin(key, value));
    let origin = origin.unwrap_or(Origin::Default);
    section.strings(key).into_iter().map(|value| Sourced { value, origin: origin.clone() }).collect()
}

/// Parses a URL of the settings file; a relative path starts at `root`.
pub(super) fn url(text: &Sourced<String>, variables: &Variables, root: &Path) -> Result<DatabaseUrl> {
    let parsed = DatabaseUrl::parse(&interpolate(text, variables)?, root);
    parsed.map_err(|error| error.at("setting", text.origin.to_string()))
}

/// Replaces every `${NAME}` by the variable; `$${` is a literal `${`.
pub(super) fn interpolate(text: &Sourced<String>, variables: &Variables) -> Result<String> {
    let mut rest = text.value.as_str();
    let mut result = String::new();
    while let Some(at) = rest.find("${") {
        result.push_str(&rest[..at]);
        if result.ends_with('$') {
            result.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        let problem = |what: String| Error::usage(what).at("setting", text.origin.to_string());
        let Some(end) = rest[at..].find('}').map(|end| at + end) else {
            return Err(problem("`${` has no closing `}`".to_owned()).hint("write `$${` for a literal `${`"));
        };
        let name = &rest[at + 2..end];
        match variables.get(name) {
            Some(value) => result.push_str(value),
            None => {
                return Err(problem(format!("the variable `{name}` is not set"))
                    .hint(format!("set `{name}` in the environment or in `.env`")));
            }
        }
        rest = &rest[end + 1..];
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn variables_are_replaced() {
        let process = [("PASSWORD".to_owned(), "a$b".to_owned())].into();
        let variables = Variables::load(process, Path::new("/nowhere")).expect("no file");
        let with = |text: &str| interpolate(&Sourced::default(text.to_owned()), &variables);
        assert_eq!(with("postgres://me:${PASSWORD}@host/$db").expect("set"), "postgres://me:a$b@host/$db");
        assert_eq!(with("$${PASSWORD}").expect("escaped"), "${PASSWORD}");
        assert_eq!(with("${NONE}").expect_err("not set").message, "the variable `NONE` is not set");
        assert_eq!(with("a${PASSWORD").expect_err("open").message, "`${` has no closing `}`");
    }
}
