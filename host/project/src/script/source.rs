//! The text of a script, and the files next to it.

use std::collections::BTreeMap;

use super::packages::VENDORED;
use crate::discovery::{FoundEntry, TESTS, WalkRules, walk_files};
use crate::files::{ProjectDirectory, unreadable};
use crate::problem::{Problem, shown};

/// The largest companion file that is read: the largest value that the limit `asset_bytes` can have.
pub(super) const LARGEST: u64 = 4 << 30;

/// What in a script's directory is not read at run time, at any depth: what Python and npm write.
const WRITTEN: [&str; 2] = ["__pycache__", "node_modules"];

/// The text of a script: without a byte order mark, and with LF line ends.
pub fn decode(file: &str, bytes: &[u8]) -> Result<String, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Problem::new(format!("`{}` is not UTF-8", shown(file)))
            .at("file", format!("{file}:{line}"))
            .hint("save the file as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((tool, hint)) = other_tool(text) {
        return Err(
            Problem::new(format!("`{}` is a migration of {tool}, which runner does not run", shown(file))).hint(hint)
        );
    }
    Ok(text.replace("\r\n", "\n"))
}

/// The tool that a script is a migration of, by what all of its migrations begin with, and how it becomes SQL.
fn other_tool(text: &str) -> Option<(&'static str, &'static str)> {
    const DUMP: &str =
        "it prints no SQL: begin with a dump of the schema, such as `pg_dump --schema-only`, and `runner baseline`";
    let has = |wanted: &str| text.lines().any(|line| line.trim_start().starts_with(wanted));
    match () {
        () if has("from alembic import ") => Some(("Alembic", "`alembic upgrade FROM:TO --sql` prints it as SQL")),
        () if has("from django.db import ") => {
            Some(("Django", "`python manage.py sqlmigrate APP NAME` prints it as SQL"))
        }
        () if text.contains("queryInterface") => Some(("Sequelize", DUMP)),
        () if text.contains("implements MigrationInterface") => Some(("TypeORM", DUMP)),
        () if has("exports.up") || text.contains("Knex") && has("export ") => Some(("Knex", DUMP)),
        () => None,
    }
}

/// Whether a file of a script's directory is one of its companions. Hidden files are not, but for those inside of packages, which read
/// them; of these, only what the Finder writes is none.
pub fn is_companion(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let is_in_package = first == VENDORED && path.matches('/').count() > 1;
    let is_left_out = |part: &str| {
        let is_hidden = if is_in_package { part == ".DS_Store" } else { part.starts_with('.') };
        is_hidden || WRITTEN.contains(&part)
    };
    first != TESTS && !path.split('/').any(is_left_out)
}

/// The companion files of a script: path, with `/`, to sha256.
pub fn companions_within(
    project: &ProjectDirectory,
    directory: &FoundEntry,
    limit: u64,
) -> Result<BTreeMap<String, String>, Problem> {
    let name = &directory.file_name;
    let here = project.open_directory(name, directory.link).map_err(|error| unreadable(name, &error))?;
    let mut files = BTreeMap::new();
    walk_files(&here, name, WalkRules { limit, skip: &|path: &str| !is_companion(path) }, &mut files)?;
    // The host's own assets begin with it.
    match files.keys().find(|path| path.starts_with(':')) {
        Some(path) => Err(Problem::new(format!("`{name}/{path}` begins with `:`")).hint("rename it")),
        None => Ok(files),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_no_mark_and_one_kind_of_line_ends() {
        assert_eq!(decode("1_a.js", "\u{feff}a\r\nb\rc\n".as_bytes()).expect("text"), "a\nb\rc\n");
        let problem = decode("1_a.js", b"a\n\xff").expect_err("not UTF-8");
        assert_eq!((problem.message.as_str(), problem.places[0].1.as_str()), ("`1_a.js` is not UTF-8", "1_a.js:2"));
    }

    #[test]
    fn migrations_of_other_tools_are_known_by_name() {
        for (text, tool) in [
            ("\"\"\"users\"\"\"\nfrom alembic import op\n", "Alembic"),
            ("from django.db import migrations, models\n", "Django"),
            ("exports.up = function(knex) {};", "Knex"),
            ("import type { Knex } from 'knex';\nexport async function up(knex: Knex) {}", "Knex"),
            ("module.exports = { up: (queryInterface) => {} };", "Sequelize"),
            ("export class A implements MigrationInterface {}", "TypeORM"),
        ] {
            let problem = decode("1_a", text.as_bytes()).expect_err(tool);
            assert_eq!(problem.message, format!("`1_a` is a migration of {tool}, which runner does not run"));
        }
        assert!(decode("1_a.js", b"export function upgrade() {}").is_ok());
    }

    #[test]
    fn test_data_and_hidden_files_are_no_companions() {
        for (path, expected) in [
            ("lib.js", true),
            ("data/zones.csv", true),
            ("data/tests/a.js", true),
            ("tests", false),
            ("tests/fixture.csv", false),
            (".cache/x", false),
            ("lib/.x", false),
            ("lib/__pycache__", false),
            ("node_modules", false),
            ("vendor/slugify.js", true),
            ("vendor/.from", false),
            ("vendor/tldextract/.tld_set_snapshot", true),
            ("vendor/tldextract/.DS_Store", false),
        ] {
            assert_eq!(is_companion(path), expected, "{path}");
        }
    }
}
