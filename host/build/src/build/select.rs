//! Selects migrations by revision or name.

use runner_base::error::{Error, Result};
use runner_base::suggest::did_you_mean;
use runner_project::discovery::Found;
use runner_project::problem::{list, shown};
use runner_project::read_id;
use runner_project::revision::RevisionKey;

/// The given migrations, or all if none are given.
pub(super) fn select<'a>(found: &'a [Found], names: &[String]) -> Result<Vec<&'a Found>> {
    if names.is_empty() {
        return Ok(found.iter().collect());
    }
    let mut chosen: Vec<&Found> = names.iter().map(|name| one(found, name)).collect::<Result<_>>()?;
    chosen.sort_by_key(|found| found.key());
    chosen.dedup_by_key(|found| found.key());
    Ok(chosen)
}

/// The migration with this revision or name, or a unique prefix of either.
fn one<'a>(found: &'a [Found], name: &str) -> Result<&'a Found> {
    let name = name.trim_end_matches('/');
    let key = RevisionKey::of(name);
    // `2026_01_05_x`, as the file is called, for `20260105_x`.
    let read = read_id(name);
    let exact = |it: &&Found| {
        (key.is_some() && key == Some(it.key()))
            || it.name == name
            || it.id() == name
            || read.as_ref() == Some(&it.id())
    };
    if let Some(found) = found.iter().find(exact) {
        return Ok(found);
    }
    let begins = |it: &&Found| it.id().starts_with(name) || it.name.starts_with(name);
    let matching: Vec<&Found> = found.iter().filter(begins).collect();
    match matching.as_slice() {
        [one] => Ok(one),
        [] => {
            let error = Error::usage(format!("no such migration: `{}`", shown(name)));
            let names = found.iter().flat_map(|it| [it.name.as_str(), it.revision.as_str()]);
            Err(match did_you_mean(name, names) {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint("`runner status` lists all migrations"),
            })
        }
        several => {
            let ids: Vec<String> = several.iter().map(|found| found.id()).collect();
            Err(Error::usage(format!("`{}` matches several migrations", shown(name)))
                .hint(format!("use a longer prefix: {}", list(ids.iter().map(String::as_str)))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_project::discovery::FoundFiles;

    #[test]
    fn migrations_are_found_by_an_unambiguous_name() {
        let found = ["20260101_create_users", "20260102_create_orders", "0007_fill"].map(|id| {
            let (revision, name) = id.split_once('_').expect("two parts");
            let files = FoundFiles::Component { wasm: None, directory: None };
            Found::new(revision.to_owned(), name.to_owned(), files)
        });
        let of = |name: &str| match select(&found, &[name.to_owned()]) {
            Ok(chosen) => chosen[0].id(),
            Err(error) => error.message,
        };
        for name in ["20260101", "create_users", "20260101_create_users/", "2026_01_01_create_users", "create_u"] {
            assert_eq!(of(name), "20260101_create_users", "{name}");
        }
        for name in ["7", "0007", "f"] {
            assert_eq!(of(name), "0007_fill", "{name}");
        }
        assert_eq!(of("create"), "`create` matches several migrations");
        assert_eq!(of("creaet_users"), "no such migration: `creaet_users`");
        assert_eq!(select(&found, &[]).expect("all").len(), 3);
    }
}
