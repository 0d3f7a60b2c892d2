//! `${NAME}` in the URLs of the settings file, so that passwords can stay out of it.

use std::path::Path;

use crate::env::Variables;
use crate::origin::{Origin, Sourced};
use crate::toml_reader::Section;
use runner_base::error::{Error, Result};
use runner_database::{DatabaseError, DatabaseUrl, Unset};

/// What a command needs from the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatabaseUse {
    /// To connect to it.
    #[default]
    Connect,
    /// To know its kind: variables in its URL need not be set.
    Kind,
}

/// A list of URLs in a section, as written.
pub(super) fn urls(section: &Section<'_, '_>, key: &str) -> Vec<Sourced<String>> {
    let origin = section.entries().find(|(name, _)| *name == key).map(|(key, value)| section.origin(key, value));
    let origin = origin.unwrap_or(Origin::Default);
    section.strings(key).into_iter().map(|value| Sourced { value, origin: origin.clone() }).collect()
}

/// A text with the variables in it.
pub(super) struct Filled {
    pub text: String,
    /// A variable that is not set, and stays in the text as it is written.
    pub unset: Option<String>,
}

/// Parses a URL of the settings file; a relative path starts at `root`.
pub(super) fn url(
    text: &Sourced<String>,
    variables: &Variables,
    root: &Path,
    wanted: DatabaseUse,
) -> Result<DatabaseUrl> {
    let filled = interpolate(text, variables, wanted)?;
    match (DatabaseUrl::parse(&filled.text, root), filled.unset) {
        (Ok(url), None) => Ok(url),
        (Ok(url), Some(name)) => Ok(url.with_unset(Unset::Variable(name))),
        (Err(error), None) => Err(error.at("setting", text.origin.to_string())),
        // Not even the kind of database is known.
        (Err(_), Some(name)) => Err(not_set(&name).at("setting", text.origin.to_string())),
    }
}

/// Replaces every `${NAME}` by the variable; `$${` is a literal `${`.
pub(super) fn interpolate(text: &Sourced<String>, variables: &Variables, wanted: DatabaseUse) -> Result<Filled> {
    let mut rest = text.value.as_str();
    let mut result = String::new();
    let mut unset = None;
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
        let value = variables.get(name).map_err(|error| error.at("setting", text.origin.to_string()))?;
        match (value, wanted) {
            (Some(value), _) => result.push_str(value),
            (None, DatabaseUse::Connect) => return Err(not_set(name).at("setting", text.origin.to_string())),
            (None, DatabaseUse::Kind) => {
                result.push_str(&rest[at..=end]);
                unset.get_or_insert_with(|| name.to_owned());
            }
        }
        rest = &rest[end + 1..];
    }
    result.push_str(rest);
    Ok(Filled { text: result, unset })
}

fn not_set(name: &str) -> Error {
    Error::from(DatabaseError::unset(&Unset::Variable(name.to_owned())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use runner_database::Dialect;

    #[test]
    fn variables_are_replaced() {
        let process = [("PASSWORD".to_owned(), "a$b".to_owned())].into();
        let variables = Variables::load(process, Path::new("/nowhere")).expect("no file");
        let filled = |text: &str, wanted| interpolate(&Sourced::default(text.to_owned()), &variables, wanted);
        let with = |text: &str| filled(text, DatabaseUse::Connect).map(|filled| filled.text);
        assert_eq!(with("postgres://me:${PASSWORD}@host/$db").expect("set"), "postgres://me:a$b@host/$db");
        assert_eq!(with("$${PASSWORD}").expect("escaped"), "${PASSWORD}");
        assert_eq!(with("${NONE}").expect_err("not set").message, "the variable `NONE` is not set");
        assert_eq!(with("a${PASSWORD").expect_err("open").message, "`${` has no closing `}`");
        let kept = filled("mysql://${A}:${PASSWORD}@${B}/d", DatabaseUse::Kind).expect("a kind");
        assert_eq!((kept.text.as_str(), kept.unset.as_deref()), ("mysql://${A}:a$b@${B}/d", Some("A")));
    }

    #[test]
    fn the_kind_of_a_database_is_known_without_its_variables() {
        let variables = Variables::load([].into(), Path::new("/nowhere")).expect("no file");
        let of = |text: &str| url(&Sourced::default(text.to_owned()), &variables, Path::new("/"), DatabaseUse::Kind);
        for (text, kind, name) in [
            ("postgres://me:${PASSWORD}@host/shop", Dialect::Postgres, Some("shop")),
            ("mysql://me:${PASSWORD}@${HOST}:${PORT}/shop", Dialect::Mysql, None),
            ("mysql://me@host/${NAME}", Dialect::Mysql, None),
            ("sqlite://${DIRECTORY}/app.db", Dialect::Sqlite, None),
        ] {
            let url = of(text).expect(text);
            assert_eq!((url.dialect(), url.database_name()), (kind, name), "{text}");
            assert!(url.unset().is_some() && url.secrets().is_empty(), "{text}");
        }
        for text in ["${URL}", "postgres://host/shop?${PARAMETERS}"] {
            assert!(of(text).expect_err(text).message.ends_with("is not set"), "{text}");
        }
    }
}
