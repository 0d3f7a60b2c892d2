//! Parses the names of files and directories of migrations.

use crate::project::problem::Problem;

/// The role of a file or directory within its migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Up,
    Down,
    Component,
    Source,
}

/// A parsed name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub revision: String,
    pub name: String,
    pub role: Role,
}

const SUFFIXES: [(&str, Role); 3] = [(".up.sql", Role::Up), (".down.sql", Role::Down), (".wasm", Role::Component)];

/// Names that are ignored: hidden files, documentation, a Rust workspace.
pub(super) fn is_ignored(name: &str) -> bool {
    let upper = name.to_uppercase();
    name.starts_with('.')
        || upper.starts_with("README")
        || upper.starts_with("LICENSE")
        || ["Cargo.toml", "Cargo.lock", "target"].contains(&name)
}

/// Parses the name of a file.
pub(super) fn parse_file(name: &str) -> Result<Name, Problem> {
    for (suffix, role) in SUFFIXES {
        if let Some(stem) = name.strip_suffix(suffix) {
            return parse_stem(stem, role, |way_out| format!("{way_out}{suffix}"));
        }
    }
    let lower = name.to_lowercase();
    if let Some((suffix, _)) = SUFFIXES.iter().find(|(suffix, _)| lower.ends_with(suffix)) {
        let stem = &name[..name.len() - suffix.len()];
        return Err(Problem::new("has an upper-case extension").hint(format!("rename it to `{stem}{suffix}`")));
    }
    if lower.ends_with(".sql") {
        let stem = &name[..name.len() - ".sql".len()];
        let stem = stem.trim_end_matches(".do").trim_end_matches(".undo");
        let message = "ends neither in `.up.sql` nor in `.down.sql`";
        return Err(Problem::new(message).hint(format!("rename it to `{stem}.up.sql`")));
    }
    if name.ends_with('~') || lower.ends_with(".bak") || lower.ends_with(".orig") || lower.ends_with(".swp") {
        return Err(Problem::new("is a backup copy").hint("delete it or move it out of the directory"));
    }
    Err(Problem::new("is not a migration")
        .hint("migrations end in `.up.sql`, `.down.sql` or `.wasm`; move other files elsewhere"))
}

/// Words with a meaning as a target. No migration may have such a name: `--target NAME` could not reach it.
pub const TARGET_WORDS: [&str; 6] = ["latest", "head", "heads", "next", "current", "base"];

/// Why a name could not be given as a target, if so. A name that only begins with such a word is fine.
pub(in crate::project) fn mistaken_for_target(name: &str) -> Option<String> {
    if let Some(word) = TARGET_WORDS.iter().find(|word| word.eq_ignore_ascii_case(name)) {
        return Some(format!("`{word}` is reserved as a target"));
    }
    name.starts_with(['+', '-']).then(|| "a leading `+` or `-` is reserved for relative targets".to_owned())
}

/// Parses the name of a directory.
pub(super) fn parse_folder(name: &str) -> Result<Name, Problem> {
    parse_stem(name, Role::Source, str::to_owned)
}

fn parse_stem(stem: &str, role: Role, whole: impl Fn(&str) -> String) -> Result<Name, Problem> {
    let example = || {
        format!(
            "use a name such as `{}`: digits, `_`, then letters, digits, `_` or `-`",
            whole("20260105093000_create_users")
        )
    };
    let Some((revision, name)) = stem.split_once('_') else {
        return Err(Problem::new("has no `_` between revision and name").hint(example()));
    };
    if revision.is_empty() || revision.len() > 20 || !revision.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::new("does not start with a revision of 1 to 20 digits").hint(example()));
    }
    if name.is_empty() {
        return Err(Problem::new("has no name after its revision").hint(example()));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if let Some(wrong) = name.chars().find(|c| !allowed(*c)) {
        let message = format!("contains `{}`", wrong.escape_debug());
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
    fn valid_names_are_parsed() {
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
    fn invalid_names_have_a_message_and_a_hint() {
        for (file, message, hint) in [
            ("1_a.sql", "ends neither in `.up.sql` nor in `.down.sql`", "rename it to `1_a.up.sql`"),
            ("1_a.UP.sql", "has an upper-case extension", "rename it to `1_a.up.sql`"),
            ("1_a.WASM", "has an upper-case extension", "rename it to `1_a.wasm`"),
            (
                "1.up.sql",
                "has no `_` between revision and name",
                "use a name such as `20260105093000_create_users.up.sql`",
            ),
            ("1-a.up.sql", "has no `_` between revision and name", "use a name such as"),
            ("V1_a.up.sql", "does not start with a revision of 1 to 20 digits", "use a name such as"),
            ("_a.up.sql", "does not start with a revision of 1 to 20 digits", "use a name such as"),
            (
                "123456789012345678901_a.up.sql",
                "does not start with a revision of 1 to 20 digits",
                "use a name such as",
            ),
            ("1_.up.sql", "has no name after its revision", "use a name such as"),
            ("1_é.up.sql", "contains `é`", "use a name such as"),
            ("1_a b.wasm", "contains ` `", "use a name such as `20260105093000_create_users.wasm`"),
            ("1_base.up.sql", "has an ambiguous name: `base` is reserved as a target", "rename the migration"),
            ("1_Head.wasm", "has an ambiguous name: `head` is reserved as a target", "rename the migration"),
            (
                "1_-1.up.sql",
                "has an ambiguous name: a leading `+` or `-` is reserved for relative targets",
                "rename the migration",
            ),
            ("1_a.up.sql~", "is a backup copy", "delete it"),
            ("notes.txt", "is not a migration", "migrations end in"),
        ] {
            let problem = parse_file(file).expect_err(file);
            assert_eq!(problem.message, message, "{file}");
            assert!(problem.hint.as_ref().is_some_and(|it| it.starts_with(hint)), "{file}: {problem:?}");
        }
    }

    #[test]
    fn some_names_are_ignored() {
        for name in [".gitkeep", "README.md", "readme", "LICENSE-MIT", "Cargo.toml", "Cargo.lock", "target"] {
            assert!(is_ignored(name), "{name}");
        }
        assert!(!is_ignored("1_readme.up.sql"));
    }
}
