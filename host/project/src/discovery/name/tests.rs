use super::*;

#[test]
fn names_that_parse() {
    use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
    for (file, revision, name, role, dialect) in [
        ("20260105093000_create_users.up.sql", "20260105093000", "create_users", Role::Up, None),
        ("1_a.down.sql", "1", "a", Role::Down, None),
        ("2_next_steps.up.sql", "2", "next_steps", Role::Up, None),
        ("3_header.up.sql", "3", "header", Role::Up, None),
        ("00000000000000000001_a-B_9.wasm", "00000000000000000001", "a-B_9", Role::Component, None),
        ("0187.up.sql", "0187", "", Role::Up, None),
        ("0187.sql", "0187", "", Role::Whole, None),
        ("00001_create.sql", "00001", "create", Role::Whole, None),
        ("1-a.up.sql", "1", "a", Role::Up, None),
        ("1__a.sql", "1", "_a", Role::Whole, None),
        ("V2__add_users.sql", "2", "add_users", Role::Whole, None),
        ("V1_2.3__x.sql", "1.2.3", "x", Role::Whole, None),
        ("U2__add_users.sql", "2", "add_users", Role::Down, None),
        ("V1_a.up.sql", "1", "a", Role::Up, None),
        ("V0001.Initial_Schema.mysql.up.sql", "0001", "Initial_Schema", Role::Up, Some(Mysql)),
        ("1_a.up.postgres.sql", "1", "a", Role::Up, Some(Postgres)),
        ("1_a.sqlite3.down.sql", "1", "a", Role::Down, Some(Sqlite)),
        ("1_a.mariadb.sql", "1", "a", Role::Whole, Some(Mariadb)),
        ("1_a.b.sql", "1", "a.b", Role::Whole, None),
        ("1_a copy.up.sql", "1", "a copy", Role::Up, None),
        ("1_a.postgres.autocommit.up.sql", "1", "a", Role::Up, Some(Postgres)),
        ("1_a.autocommit.down.sql", "1", "a", Role::Down, None),
        ("1_a.down..sql", "1", "a", Role::Down, None),
        ("1_a..up.sql", "1", "a", Role::Up, None),
        ("2026_01_05_093000_create.sql", "20260105093000", "create", Role::Whole, None),
        ("2026_01_05_x.sql", "20260105", "x", Role::Whole, None),
        ("2026-1-5.sql", "20260105", "", Role::Whole, None),
        ("2026_01_05_2_x.sql", "20260105.2", "x", Role::Whole, None),
        ("2026_01_05_09_30_00_x.sql", "20260105093000", "x", Role::Whole, None),
        ("20260105_10_x.sql", "20260105.10", "x", Role::Whole, None),
        ("20260105_153000-x.sql", "20260105.153000", "x", Role::Whole, None),
        ("20260105_2fa.sql", "20260105", "2fa", Role::Whole, None),
        ("20260105093000_2026_report.sql", "20260105093000", "2026_report", Role::Whole, None),
        ("2026_01_x.up.sql", "2026.01", "x", Role::Up, None),
        ("202601_2_x.sql", "202601.2", "x", Role::Whole, None),
        ("2026.1.5_x.sql", "2026.1.5", "x", Role::Whole, None),
        ("1.10.0_b.sql", "1.10.0", "b", Role::Whole, None),
        ("1.0.0-rc1.sql", "1.0.0", "rc1", Role::Whole, None),
        ("1.2fa.sql", "1", "2fa", Role::Whole, None),
        ("V1.2_x.sql", "1.2", "x", Role::Whole, None),
        ("0005_2024_report.sql", "0005", "2024_report", Role::Whole, None),
        ("0005_2_columns.sql", "0005", "2_columns", Role::Whole, None),
        ("20260301100000_tidy.js", "20260301100000", "tidy", Role::Script(ScriptLanguage::Javascript), None),
        ("1_base.up.sql", "1", "base", Role::Up, None),
        ("V1__größe & (more).sql", "1", "größe & (more)", Role::Whole, None),
        ("V2__tidy.up.ts", "2", "tidy.up", Role::Script(ScriptLanguage::Typescript), None),
        ("2026-01-05-093000_x.py", "20260105093000", "x", Role::Script(ScriptLanguage::Python), None),
    ] {
        let autocommit = file.contains(".autocommit");
        let key = RevisionKey::of(revision).expect(revision);
        let (revision, name) = (revision.to_owned(), name.to_owned());
        let expected = Name { revision, key, name, role, dialect, autocommit };
        assert_eq!(parse_file(file).expect(file), expected);
    }
}

#[test]
fn names_of_directories_that_parse() {
    for (directory, revision, name) in [
        ("20260105093000_init", "20260105093000", "init"),
        ("2026-01-05-093000_create_users", "20260105093000", "create_users"),
        ("2026-01-05-093000-0001_create_users", "202601050930000001", "create_users"),
        ("00000000000000_diesel_initial_setup", "00000000000000", "diesel_initial_setup"),
        ("0_init", "0", "init"),
        ("2026-01-05_x", "20260105", "x"),
    ] {
        let parsed = parse_directory(directory).expect(directory);
        assert_eq!((&*parsed.revision, &*parsed.name, parsed.role), (revision, name, Role::Source));
    }
    assert_eq!(
        parse_directory("sqlite").expect_err("a dialect").message,
        "is a directory named after a database, not a migration"
    );
}

#[test]
fn files_in_a_directory_of_their_own_say_their_direction() {
    let of = |name| sql_name_in_directory(name).map(|it| (it.role, it.dialect));
    for (name, expected) in [
        ("up.sql", Some((Role::Up, None))),
        ("down.sql", Some((Role::Down, None))),
        ("migration.sql", Some((Role::Whole, None))),
        ("up.mysql.sql", Some((Role::Up, Some(Dialect::Mysql)))),
        ("migration.down.sql", Some((Role::Down, None))),
        ("other.sql", None),
        ("up.txt", None),
    ] {
        assert_eq!(of(name), expected, "{name}");
    }
}

#[test]
fn invalid_names_have_a_message_and_a_hint() {
    for (file, message, hint) in [
        ("1_a.UP.sql", "has an upper-case extension", "rename it to `1_a.up.sql`"),
        ("1_a.up.SQL", "has an upper-case extension", "rename it to `1_a.up.sql`"),
        ("1_a.WASM", "has an upper-case extension", "rename it to `1_a.wasm`"),
        ("a.up.sql", "has no `_` between revision and name", "use a name such as `20260105093000_create_users.up.sql`"),
        ("_a.up.sql", "does not start with a revision of 1 to 20 digits", "use a name such as"),
        ("123456789012345678901_a.up.sql", "does not start with a revision of 1 to 20 digits", "use a name such as"),
        ("1_.up.sql", "has no name after its revision", "use a name such as"),
        ("1_a*b.up.sql", "contains `*`", "use a name such as"),
        ("1_a\u{a0}b.up.sql", "contains `\\u{a0}`", "use a name such as"),
        ("1_a\u{202e}b.up.sql", "contains `\\u{202e}`", "use a name such as"),
        ("1_é.js", "contains `é`", "use a name such as"),
        ("1_a b.wasm", "contains ` `", "use a name such as `20260105093000_create_users.wasm`"),
        ("1_a.up.sql~", "is a backup copy", "delete it"),
        ("1_a.down.tidb.sql", "is for `tidb`, which is no database that runner knows", "write `.sqlite`"),
        ("1_a.up.postgre.sql", "is for `postgre`, which is no database that runner knows", "write `.sqlite`"),
        ("helpers.js", "is not a migration", "the name of a migration begins with its revision; a module"),
        ("_private.py", "is not a migration", "the name of a migration begins with its revision; a module"),
        ("1_types.d.ts", "declares types and is not a migration", "move it"),
        ("1_a.mjs", "is not a migration", "rename it to `1_a.js`"),
        ("1_a.cts", "is not a migration", "rename it to `1_a.ts`"),
        ("1_a.JS", "has an upper-case extension", "rename it to `1_a.js`"),
        ("1_a b.js", "contains ` `", "use a name such as `20260105093000_create_users.js`"),
        ("notes.txt", "is not a migration", "migrations end in"),
        ("R__views.sql", "is a repeatable migration of Flyway, which runner does not support", "put each version"),
        (
            "afterMigrate.sql",
            "is a callback of Flyway, which runner does not support",
            "it is no migration, as it would",
        ),
        ("beforeEachMigrate__a.sql", "is a callback of Flyway, which runner does not support", "it is no migration"),
        ("createSchema.sql", "is a callback of Flyway, which runner does not support", "it is no migration"),
        ("after_all.sql", "does not start with a revision of 1 to 20 digits", "use a name such as"),
        ("B5__all.sql", "is a baseline migration of Flyway, which runner does not support", "make it the first"),
        ("V5__all.sql.conf", "is a script configuration of Flyway", "write the directive"),
        ("001.do.create.sql", "says its direction by `do` or `undo`", "rename it to `001_create.up.sql`"),
        ("1_a.undo.sql", "says its direction by `do` or `undo`", "rename it to `1_a.down.sql`"),
        ("2026_02_30_x.sql", "begins with `2026-02-30`, which is not a date", "begin the name with a date"),
        ("31-12-2026_x.sql", "begins with `31-12-2026`, a date with the year last", "begin the name with the year"),
        ("31122026_x.sql", "begins with `31122026`, a date with the year last", "begin the name with the year"),
        ("12312026_x.sql", "begins with `12312026`, a date with the year last", "begin the name with the year"),
        ("00002_fill.go", "is a migration in a language that runner does not run", "write it in SQL"),
    ] {
        let problem = parse_file(file).expect_err(file);
        assert_eq!(problem.message, message, "{file}");
        assert!(problem.hint.as_ref().is_some_and(|it| it.starts_with(hint)), "{file}: {problem:?}");
    }
}

#[test]
fn some_names_are_ignored() {
    for name in [
        ".gitkeep",
        "README.md",
        "collation_notes.md",
        "readme",
        "LICENSE-MIT",
        "Cargo.toml",
        "Cargo.lock",
        "target",
        "migration_lock.toml",
        "embed.go",
        "meta",
        "migrate.ts",
    ] {
        assert!(is_ignored(name), "{name}");
    }
    for name in ["1_readme.up.sql", "00002_fill.go", "cockroach.sql"] {
        assert!(!is_ignored(name), "{name}");
    }
}
