//! Names in the folder of the migrations: what each says, or what is wrong with it.

use crate::project::problem::Problem;

/// What a file or folder is to its migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Up,
    Down,
    Component,
    Source,
}

/// A name that parses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub revision: String,
    pub name: String,
    pub role: Role,
}

const SUFFIXES: [(&str, Role); 3] = [(".up.sql", Role::Up), (".down.sql", Role::Down), (".wasm", Role::Component)];

/// Names that may stand among the migrations and mean nothing: hidden ones, words for readers, a Rust workspace.
pub(super) fn is_ignored(name: &str) -> bool {
    let upper = name.to_uppercase();
    name.starts_with('.')
        || upper.starts_with("README")
        || upper.starts_with("LICENSE")
        || ["Cargo.toml", "Cargo.lock", "target"].contains(&name)
}

/// Reads the name of a file.
pub(super) fn parse_file(name: &str) -> Result<Name, Problem> {
    for (suffix, role) in SUFFIXES {
        if let Some(stem) = name.strip_suffix(suffix) {
            return parse_stem(stem, role, |way_out| format!("{way_out}{suffix}"));
        }
    }
    let lower = name.to_lowercase();
    if let Some((suffix, _)) = SUFFIXES.iter().find(|(suffix, _)| lower.ends_with(suffix)) {
        let stem = &name[..name.len() - suffix.len()];
        return Err(Problem::new("ends in capital letters").hint(format!("rename it to `{stem}{suffix}`")));
    }
    if lower.ends_with(".sql") {
        let stem = &name[..name.len() - ".sql".len()];
        let stem = stem.trim_end_matches(".do").trim_end_matches(".undo");
        let message = "says neither `.up.sql` nor `.down.sql`";
        return Err(Problem::new(message).hint(format!("rename it to `{stem}.up.sql`")));
    }
    if name.ends_with('~') || lower.ends_with(".bak") || lower.ends_with(".orig") || lower.ends_with(".swp") {
        return Err(Problem::new("is a copy that some tool left").hint("delete it or move it out of the folder"));
    }
    Err(Problem::new("is no migration").hint("migrations end in `.up.sql`, `.down.sql` or `.wasm`; move others away"))
}

/// Words that mean something as a target. No migration may be named like one: `--target NAME` could not reach it.
pub const TARGET_WORDS: [&str; 6] = ["latest", "head", "heads", "next", "current", "base"];

/// Why a name could not be given as a target, if so. A name that merely begins with such a word is fine.
pub(in crate::project) fn mistaken_for_target(name: &str) -> Option<String> {
    if let Some(word) = TARGET_WORDS.iter().find(|word| word.eq_ignore_ascii_case(name)) {
        return Some(format!("`{word}` is reserved as a target"));
    }
    name.starts_with(['+', '-']).then(|| "a leading `+` or `-` is reserved for relative targets".to_owned())
}

/// Reads the name of a directory.
pub(super) fn parse_folder(name: &str) -> Result<Name, Problem> {
    parse_stem(name, Role::Source, str::to_owned)
}

fn parse_stem(stem: &str, role: Role, whole: impl Fn(&str) -> String) -> Result<Name, Problem> {
    let example = || {
        format!("a name is `{}`: digits, `_`, and letters, digits, `_` or `-`", whole("20260105093000_create_users"))
    };
    let Some((revision, name)) = stem.split_once('_') else {
        return Err(Problem::new("has no `_` between revision and name").hint(example()));
    };
    if revision.is_empty() || revision.len() > 20 || !revision.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::new("does not begin with a revision of 1 to 20 digits").hint(example()));
    }
    if name.is_empty() {
        return Err(Problem::new("has no name behind its revision").hint(example()));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if let Some(wrong) = name.chars().find(|c| !allowed(*c)) {
        let message = format!("has `{}` in its name", wrong.escape_debug());
        return Err(Problem::new(message).hint(example()));
    }
    if let Some(why) = mistaken_for_target(name) {
        return Err(Problem::new(format!("has an ambiguous name: {why}")).hint("rename the migration"));
    }
    Ok(Name { revision: revision.to_owned(), name: name.to_owned(), role })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_parse() {
        for (file, revision, name, role) in [
            ("20260105093000_create_users.up.sql", "20260105093000", "create_users", Role::Up),
            ("1_a.down.sql", "1", "a", Role::Down),
            ("2_next_steps.up.sql", "2", "next_steps", Role::Up),
            ("3_header.up.sql", "3", "header", Role::Up),
            ("00000000000000000001_a-B_9.wasm", "00000000000000000001", "a-B_9", Role::Component),
        ] {
            let expected = Name { revision: revision.to_owned(), name: name.to_owned(), role };
            assert_eq!(parse_file(file).expect(file), expected);
        }
    }

    #[test]
    fn names_that_do_not_parse_say_why_and_what_to_do() {
        for (file, message, hint) in [
            ("1_a.sql", "says neither `.up.sql` nor `.down.sql`", "rename it to `1_a.up.sql`"),
            ("1_a.UP.sql", "ends in capital letters", "rename it to `1_a.up.sql`"),
            ("1_a.WASM", "ends in capital letters", "rename it to `1_a.wasm`"),
            ("1.up.sql", "has no `_` between revision and name", "a name is `20260105093000_create_users.up.sql`"),
            ("1-a.up.sql", "has no `_` between revision and name", "a name is"),
            ("V1_a.up.sql", "does not begin with a revision of 1 to 20 digits", "a name is"),
            ("_a.up.sql", "does not begin with a revision of 1 to 20 digits", "a name is"),
            ("123456789012345678901_a.up.sql", "does not begin with a revision of 1 to 20 digits", "a name is"),
            ("1_.up.sql", "has no name behind its revision", "a name is"),
            ("1_é.up.sql", "has `é` in its name", "a name is"),
            ("1_a b.wasm", "has ` ` in its name", "a name is `20260105093000_create_users.wasm`"),
            ("1_base.up.sql", "has an ambiguous name: `base` is reserved as a target", "rename the migration"),
            ("1_Head.wasm", "has an ambiguous name: `head` is reserved as a target", "rename the migration"),
            (
                "1_-1.up.sql",
                "has an ambiguous name: a leading `+` or `-` is reserved for relative targets",
                "rename the migration",
            ),
            ("1_a.up.sql~", "is a copy that some tool left", "delete it"),
            ("notes.txt", "is no migration", "migrations end in"),
        ] {
            let problem = parse_file(file).expect_err(file);
            assert_eq!(problem.message, message, "{file}");
            assert!(problem.hint.as_ref().is_some_and(|it| it.starts_with(hint)), "{file}: {problem:?}");
        }
    }

    #[test]
    fn some_names_mean_nothing() {
        for name in [".gitkeep", "README.md", "readme", "LICENSE-MIT", "Cargo.toml", "Cargo.lock", "target"] {
            assert!(is_ignored(name), "{name}");
        }
        assert!(!is_ignored("1_readme.up.sql"));
    }
}
