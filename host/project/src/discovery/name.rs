//! Parses the names of files and directories of migrations: runner's own, and those of the tools that people come from.

mod split;

use std::borrow::Cow;

use crate::problem::Problem;
use crate::revision::RevisionKey;
use crate::script_language::ScriptLanguage;
use runner_base::dialect::Dialect;
use runner_base::visible::is_unprintable;
pub use split::read_id;
pub use split::spelled;
use split::{Split, split};

/// The role of a file or directory within its migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// SQL: the upgrade.
    Up,
    /// SQL: the downgrade.
    Down,
    /// SQL: the upgrade, and the downgrade if it has sections.
    Whole,
    /// A component.
    Component,
    /// A script.
    Script(ScriptLanguage),
    /// A directory of source code and assets.
    Source,
    /// A directory with nothing but SQL, of which no file says its direction: it may belong to a script or a component.
    Queries,
    /// A file that says how the SQL next to it is run.
    Metadata,
}

/// A parsed name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub revision: String,
    /// The revision, to compare it.
    pub key: RevisionKey,
    /// Empty if there is only a revision.
    pub name: String,
    pub role: Role,
    /// The dialect that a SQL file is for; `None` for all that have no file of their own.
    pub dialect: Option<Dialect>,
    /// The name of a SQL file says that each of its statements commits by itself.
    pub autocommit: bool,
}

/// The end of the name of a SQL file, before `.sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SqlName {
    pub role: Role,
    pub dialect: Option<Dialect>,
    /// popx's `.autocommit`.
    pub autocommit: bool,
}

/// What other tools keep next to the migrations: files that describe the directory, programs that run them, and Drizzle's snapshots.
const METADATA: [&str; 7] =
    ["migration_lock.toml", "atlas.sum", "mod.rs", "meta", "migrate.ts", "migrate.js", "index.ts"];

/// Databases that runner does not support, for which a migration may have files of its own.
const OTHER_DATABASES: [&str; 7] = ["cockroach", "cockroachdb", "mssql", "sqlserver", "oracle", "db2", "h2"];

/// Names that are ignored: hidden files, documentation, a Rust workspace, and what other tools keep there.
pub(super) fn is_ignored(name: &str) -> bool {
    let bytes = name.as_bytes();
    let begins = |word: &str| bytes.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word.as_bytes()));
    let is_prose = bytes.last_chunk().is_some_and(|end: &[u8; 3]| end.eq_ignore_ascii_case(b".md"));
    // `embed.go` is not a migration; `00002_fill.go` is one.
    let is_glue = name.ends_with(".go") && !name.starts_with(|c: char| c.is_ascii_digit());
    name.starts_with('.')
        || begins("README")
        || begins("LICENSE")
        || is_prose
        || ["Cargo.toml", "Cargo.lock", "target"].contains(&name)
        || METADATA.contains(&name)
        || is_glue
}

/// A file for a database that runner does not support, such as `1_a.oracle.up.sql`: the name that it has without the database, and
/// the database.
pub(super) fn for_other_database(name: &str) -> Option<(Name, &str)> {
    let (rest, database) = without_other_database(name)?;
    Some((parse_file(&rest).ok()?, database))
}

/// The name of a file of SQL without a database that runner does not support, and that database.
pub(super) fn without_other_database(name: &str) -> Option<(String, &str)> {
    let stem = name.strip_suffix(".sql")?;
    let at = stem.split('.').skip(1).position(|part| OTHER_DATABASES.contains(&part))? + 1;
    let mut parts: Vec<&str> = stem.split('.').collect();
    let database = parts.remove(at);
    Some((format!("{}.sql", parts.join(".")), database))
}

/// The problem of a file for another database without one for any that runner knows: perhaps the word is a part of its name. With
/// popx, which knows CockroachDB, migrations for that alone are usual.
pub(super) fn without_known_database(file: &str, database: &str) -> Option<Problem> {
    if database.starts_with("cockroach") {
        return None;
    }
    let renamed = file.replacen(&format!(".{database}"), &format!("_{database}"), 1);
    Some(
        no_database(database)
            .hint(format!("move it elsewhere if it is for that database, or rename it, for example to `{renamed}`")),
    )
}

fn no_database(word: &str) -> Problem {
    Problem::new(format!("is for `{word}`, which is no database that runner knows"))
}

/// What the end of the name of a SQL file says, and the rest: `1_a` of `1_a.up.postgres.sql`. `None` if it does not end in `.sql`.
pub(super) fn sql_name(name: &str) -> Option<(&str, SqlName)> {
    let mut stem = name.strip_suffix(".sql")?;
    // `1_a.down..sql` is a slip that golang-migrate takes for a downgrade, so it must not become an upgrade here.
    stem = stem.strip_suffix('.').filter(|stem| ends_in_direction(stem)).unwrap_or(stem);
    let mut found = SqlName { role: Role::Whole, dialect: None, autocommit: false };
    while let Some((rest, word)) = stem.rsplit_once('.') {
        match (word, direction(word), dialect(word)) {
            (_, Some(role), _) if found.role == Role::Whole => found.role = role,
            ("autocommit", ..) if !found.autocommit => found.autocommit = true,
            (.., Some(dialect)) if found.dialect.is_none() => found.dialect = Some(dialect),
            _ => break,
        }
        stem = rest;
    }
    // `1_a..up.sql`: its downgrade may be spelled `1_a.down.sql`.
    if found.role != Role::Whole {
        stem = stem.trim_end_matches('.');
    }
    Some((stem, found))
}

/// The direction that a part of the name of a file says. After a dot, `rollback` and `revert` are never the end of a name.
fn direction(word: &str) -> Option<Role> {
    match word {
        "up" => Some(Role::Up),
        "down" | "rollback" | "revert" => Some(Role::Down),
        _ => None,
    }
}

fn ends_in_direction(stem: &str) -> bool {
    stem.rsplit_once('.').is_some_and(|(_, word)| direction(word).is_some())
}

/// As [`sql_name`], of a file in a directory of its own: `up.sql`, `migration.sql`, `down.postgres.sql`. `None` for other files.
pub(super) fn sql_name_in_directory(name: &str) -> Option<SqlName> {
    let (stem, found) = sql_name(name)?;
    match (stem, found.role) {
        ("up", Role::Whole) => Some(SqlName { role: Role::Up, ..found }),
        ("down", Role::Whole) => Some(SqlName { role: Role::Down, ..found }),
        ("migration", _) => Some(found),
        _ => None,
    }
}

/// The dialect that a part of the name of a file says.
pub(crate) fn dialect(word: &str) -> Option<Dialect> {
    match word {
        "postgresql" | "pg" => Some(Dialect::Postgres),
        "sqlite3" => Some(Dialect::Sqlite),
        word => word.parse().ok(),
    }
}

/// Parses the name of a file.
pub(super) fn parse_file(name: &str) -> Result<Name, Problem> {
    // As nearly all names are.
    let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let lower = if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) };
    if let Some(stem) = lower.strip_suffix(".wasm") {
        return match name.strip_suffix(".wasm") {
            Some(stem) => {
                let of = SqlName { role: Role::Component, dialect: None, autocommit: false };
                parse_stem(stem, of, |way_out| format!("{way_out}.wasm"))
            }
            None => Err(upper_case(name, stem.len())),
        };
    }
    if let Some((expected, of)) = sql_name(&lower) {
        let found = if is_lower { Some((expected, of)) } else { sql_name(name) };
        return match found.filter(|(stem, _)| stem.len() == expected.len()) {
            Some((stem, of)) => match foreign(stem).or_else(|| unknown_database(stem)) {
                Some(problem) => Err(problem),
                None => parse_stem(stem, of, |way_out| format!("{way_out}{}", &name[stem.len()..])),
            },
            None => Err(upper_case(name, expected.len())),
        };
    }
    if let Some((stem, language)) = ScriptLanguage::of_file(&lower) {
        return script(name, stem.len(), language);
    }
    if name.ends_with('~') || lower.ends_with(".bak") || lower.ends_with(".orig") || lower.ends_with(".swp") {
        return Err(Problem::new("is a backup copy").hint("delete it or move it out of the directory"));
    }
    if lower.ends_with(".sql.conf") {
        let hint = "write the directive `-- runner:no-transaction` if the file says so, and delete it";
        return Err(Problem::new("is a script configuration of Flyway").hint(hint));
    }
    if let Some(end) = [".mjs", ".cjs", ".mts", ".cts"].into_iter().find(|end| lower.ends_with(end)) {
        let stem = &name[..name.len() - end.len()];
        let hint = format!("rename it to `{stem}.{}`: a script is a module", &end[2..]);
        return Err(Problem::new("is not a migration").hint(hint));
    }
    let is_code = [".go", ".rs", ".rb", ".php", ".java", ".kt", ".fizz"];
    if is_code.iter().any(|end| lower.ends_with(end))
        && lower.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
    {
        let hint = "write it in SQL, as a script, or as a component: `runner new NAME --lang rust`";
        return Err(Problem::new("is a migration in a language that runner does not run").hint(hint));
    }
    Err(Problem::new("is not a migration").hint(
        "migrations end in `.up.sql`, `.down.sql`, `.sql`, `.js`, `.ts`, `.py` or `.wasm`; move other files elsewhere",
    ))
}

/// Parses the name of a script. One without a revision is a module of others, perhaps.
fn script(name: &str, stem: usize, language: ScriptLanguage) -> Result<Name, Problem> {
    let Some(stem) = name.strip_suffix(language.end()) else { return Err(upper_case(name, stem)) };
    if stem.ends_with(".d") && language == ScriptLanguage::Typescript {
        return Err(Problem::new("declares types and is not a migration").hint("move it out of the directory"));
    }
    let of = SqlName { role: Role::Script(language), dialect: None, autocommit: false };
    let parsed = parse_stem(stem, of, |way_out| format!("{way_out}{}", language.end()));
    if parsed.is_err() && !stem.starts_with(|c: char| c.is_ascii_digit()) {
        let hint = "the name of a migration begins with its revision; a module that a script imports belongs in the \
                    directory with the script's name";
        return Err(Problem::new("is not a migration").hint(hint));
    }
    parsed
}

fn upper_case(name: &str, stem: usize) -> Problem {
    let (stem, suffix) = name.split_at(stem);
    Problem::new("has an upper-case extension").hint(format!("rename it to `{stem}{}`", suffix.to_ascii_lowercase()))
}

/// The problem of a file that another tool treats in a way of its own.
fn foreign(stem: &str) -> Option<Problem> {
    let numbered = |letter: &str| {
        stem.strip_prefix(letter)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains("__"))
    };
    if stem.starts_with("R__") {
        let problem = Problem::new("is a repeatable migration of Flyway, which runner does not support");
        return Some(problem.hint("put each version of it into a migration of its own"));
    }
    if is_callback(stem) {
        let problem = Problem::new("is a callback of Flyway, which runner does not support");
        let hint = "it is no migration, as it would run once: move it elsewhere, and run it with the database's own client \
                    before or after `runner apply`";
        return Some(problem.hint(hint));
    }
    if numbered("B") {
        let problem = Problem::new("is a baseline migration of Flyway, which runner does not support");
        return Some(
            problem.hint("make it the first migration, with `V` for `B`, and remove the ones that it replaces"),
        );
    }
    // Postgrator: `001.do.create.sql`, or `001_create.do.sql`.
    if !stem.contains('.') {
        return None;
    }
    let mut parts: Vec<&str> = stem.split('.').collect();
    let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
    let at = parts.iter().position(|part| is(part, "do") || is(part, "undo"))?;
    let direction = if is(parts.remove(at), "do") { "up" } else { "down" };
    let problem = Problem::new("says its direction by `do` or `undo`");
    Some(problem.hint(format!("rename it to `{}.{direction}.sql`", parts.join("_"))))
}

/// Whether a file is one that Flyway finds in directories below, too: `V1__a.sql`, `U1__a.sql`.
pub(super) fn is_versioned(file: &str) -> bool {
    file.ends_with(".sql") && file.starts_with(['V', 'U']) && file.contains("__") && parse_file(file).is_ok()
}

/// Whether Flyway runs a file on each event of that name: `afterMigrate`, `beforeEachMigrate__a`.
fn is_callback(stem: &str) -> bool {
    let event = stem.split_once("__").map_or(stem, |(event, _)| event);
    let is_name = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase());
    let is_event = |prefix: &str| event.strip_prefix(prefix).is_some_and(is_name);
    event == "createSchema" || is_event("before") || is_event("after")
}

/// The problem of a file such as `1_a.down.tidb.sql`, which must not become an upgrade for all databases.
fn unknown_database(stem: &str) -> Option<Problem> {
    let (before, word) = stem.rsplit_once('.')?;
    if !ends_in_direction(before) {
        return None;
    }
    let problem = no_database(word);
    Some(problem.hint("write `.sqlite`, `.postgres`, `.mysql` or `.mariadb`; move files for other databases elsewhere"))
}

/// ASCII characters that only names of migrations in SQL may have, in addition to letters, digits, `_`, `-` and `.`.
const OF_OTHER_TOOLS: &str = " !#$%&'()+,;@[]^~";

/// Words with a meaning as a target. `runner new` gives no migration such a name, which `--target NAME` could not reach; those of other
/// tools are reached by their revisions.
pub const TARGET_WORDS: [&str; 6] = ["latest", "head", "heads", "next", "current", "base"];

/// Why a name could not be given as a target, if so. A name that only begins with such a word is fine.
pub fn mistaken_for_target(name: &str) -> Option<String> {
    if let Some(word) = TARGET_WORDS.iter().find(|word| word.eq_ignore_ascii_case(name)) {
        return Some(format!("`{word}` is reserved as a target"));
    }
    name.starts_with(['+', '-']).then(|| "a leading `+` or `-` is reserved for relative targets".to_owned())
}

/// Parses the name of a directory.
pub(super) fn parse_directory(name: &str) -> Result<Name, Problem> {
    if dialect(name).is_some() || OTHER_DATABASES.contains(&name) {
        return Err(Problem::new("is a directory named after a database, not a migration").hint(
            "set `migrations` in `[project]` or `[databases.NAME]` of `runner.toml` to the directory of your database",
        ));
    }
    parse_stem(name, SqlName { role: Role::Source, dialect: None, autocommit: false }, str::to_owned)
}

fn parse_stem(stem: &str, of: SqlName, whole: impl Fn(&str) -> String) -> Result<Name, Problem> {
    let SqlName { role, dialect, autocommit } = of;
    let example = || {
        format!(
            "use a name such as `{}`: digits, `_`, then letters, digits, `_`, `-` or `.`",
            whole("20260105093000_create_users")
        )
    };
    let Split { revision, name, undoes, .. } = split(stem).map_err(|problem| match problem.hint {
        Some(_) => problem,
        None => problem.hint(example()),
    })?;
    let Some(key) = RevisionKey::of(&revision) else {
        return Err(Problem::new("does not start with a revision of 1 to 20 digits").hint(example()));
    };
    // Other tools' names may have other characters, but that of a component is also one of a package.
    let is_of_sql = !matches!(role, Role::Component | Role::Script(_));
    let allowed = |c: char| match c {
        '_' | '-' | '.' => true,
        c if c.is_ascii_alphanumeric() => true,
        c if c.is_ascii() => is_of_sql && OF_OTHER_TOOLS.contains(c),
        c => is_of_sql && !c.is_whitespace() && !is_unprintable(c),
    };
    if let Some(wrong) = name.chars().find(|c| !allowed(*c)) {
        let message = format!("contains `{}`", wrong.escape_debug());
        return Err(Problem::new(message).hint(example()));
    }
    let role = if undoes && role == Role::Whole { Role::Down } else { role };
    Ok(Name { revision, key, name: name.to_owned(), role, dialect, autocommit })
}

#[cfg(test)]
mod tests;
