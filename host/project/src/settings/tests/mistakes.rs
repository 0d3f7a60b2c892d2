//! Mistakes in a settings file, and their messages.

use super::*;

#[test]
fn errors_in_the_file_have_line_numbers() {
    for (toml, message) in [
        (
            "[project]\nmigratons = 'db'\n",
            "unknown key `migratons` in `[project]`\n  file: runner.toml:2:1\n  line: migratons = 'db'\n  \
             hint: did you mean `migrations`?",
        ),
        (
            "\n[databse]\nurl = 'x'\n",
            "unknown key `databse`\n  file: runner.toml:2:2\n  line: [databse]\n  hint: did you mean `database`?",
        ),
        (
            "[build]\nzzz = 1\n",
            "unknown key `zzz` in `[build]`\n  file: runner.toml:2:1\n  line: zzz = 1\n  hint: valid keys: `toolchain`",
        ),
        (
            "[project]\nname = 3\n",
            "`project.name` must be a string, not an integer\n  file: runner.toml:2:8\n  line: name = 3",
        ),
        ("project = 3\n", "`project` must be a table, not an integer\n  file: runner.toml:1:11\n  line: project = 3"),
        (
            "[limits]\nfual = 3\n",
            "unknown limit `fual`\n  file: runner.toml:2:8\n  line: fual = 3\n  hint: did you mean `fuel`?",
        ),
        (
            "[limits]\nfuel = -3\n",
            "invalid limit `fuel`: `-3` is not a non-negative integer\n  file: runner.toml:2:8\n  line: fuel = -3\n  \
             hint: `fuel` is an integer such as `1_000_000`",
        ),
        (
            "[parameters]\nday = 2026-01-01\n",
            "`parameters.day` must be a string, a boolean, a float or a 64-bit integer, not a datetime\n  \
             file: runner.toml:2:7\n  line: day = 2026-01-01",
        ),
        (
            "[project]\nmigrations = 'a/../elsewhere'\n",
            "`project.migrations` must be a directory inside the project, not `a/../elsewhere`\n  file: runner.toml:2:14\n  \
             line: migrations = 'a/../elsewhere'\n  hint: use a relative path such as `db/migrations`, or `../migrations` in one repository",
        ),
        (
            "[databases.a]\n",
            "`runner.toml` has 2 errors\n  - runner.toml:1:1: `[databases.a]` has no `url`\n  \
             - runner.toml:1:1: `[databases.a]` has no `migrations`\n  \
             hint: add a line such as `url = \"sqlite://a.db\"`\n  \
             hint: add a line such as `migrations = \"a/migrations\"`",
        ),
        (
            "[grants.acme]\ntables = ['read *']\n",
            "unknown key `tables` in `[grants.acme]`\n  file: runner.toml:2:1\n  line: tables = ['read *']\n  \
             hint: valid keys: `allow`, `raw_sql`, `password_env` and `superuser`",
        ),
        (
            "[grants.acme]\nallow = ['read a(b)', 'delete a(b)']\n",
            "a grant to delete cannot be restricted to columns\n  file: runner.toml:2:9\n  \
             line: allow = ['read a(b)', 'delete a(b)']\n  \
             hint: only `read`, `insert` and `update` can; leave the columns out",
        ),
        (
            "[grants.acme]\nallow = ['reed a']\n",
            "the grant `reed a` begins with the unknown verb `reed`\n  file: runner.toml:2:9\n  line: allow = ['reed a']\n  \
             hint: did you mean `read`?",
        ),
        (
            "[environments.\"a b\"]\n",
            "invalid name `a b` in `[environments.NAME]`\n  file: runner.toml:1:1\n  line: [environments.\"a b\"]\n  \
             hint: use letters, digits, `_` and `-`",
        ),
    ] {
        assert_eq!(mistake(toml), message);
    }
}

#[test]
fn invalid_toml_has_line_and_column() {
    let told = mistake("[database]\nurl = sqlite\n");
    assert!(told.starts_with("`runner.toml` is not valid TOML: "), "{told}");
    assert!(told.contains("  file: runner.toml:2:7\n  line: url = sqlite\n  hint: "), "{told}");
    let told = mistake("[database]\nurl = 'postgres://me:hidden@host/db\n");
    assert!(told.contains("runner.toml:2:") && !told.contains("hidden"), "{told}");
    let told = mistake("[parameters]\npassword = hidden\n");
    assert!(told.contains("runner.toml:2:") && !told.contains("hidden"), "{told}");
}

#[test]
fn invalid_values_are_reported() {
    assert_eq!(
        mistake("[database]\nurl = 'oracle://x'\n").lines().take(2).collect::<Vec<_>>(),
        [
            "`oracle` is not a kind of database that runner knows",
            "  setting: from `database.url` in `runner.toml`, line 2"
        ]
    );
    assert_eq!(
        mistake("[database]\nurl = 'postgres://me:${NONE}@host'\n"),
        "the variable `NONE` is not set\n  setting: from `database.url` in `runner.toml`, line 2\n  \
         hint: set `NONE` in the environment or in `.env`"
    );
    let of = |change: fn(&mut LoadRequest)| shown_error(load("", change));
    assert_eq!(
        of(|request| drop(request.flags.insert("--lock-timeout", "5".to_owned()))),
        "invalid lock timeout from `--lock-timeout`: `5` is not a duration such as `500ms`, `10s`, `5m` or `1h`\n  \
         hint: use a number with a unit, such as `30s` or `10m`"
    );
    assert!(
        of(|request| drop(request.env.insert("RUNNER_LIMIT_FULE".to_owned(), "1".to_owned())))
            .starts_with("unknown limit `fule`\n  setting: from `RUNNER_LIMIT_FULE` in the environment\n")
    );
}

/// Whatever the file contains, reading it at most fails.
#[test]
fn no_text_causes_a_panic() {
    let parts = [
        "[project]\n",
        "[limits]\n",
        "fuel",
        " = ",
        "3",
        "\"é",
        "\"",
        "'",
        "\n",
        "[",
        "]",
        "{",
        "}",
        ".",
        "databases",
        "url",
        "ü",
        "1979-05-27",
        "true",
        "\\u00",
        "#",
        ",",
        "\u{feff}",
        "\0",
        "grants",
        "-",
        "nan",
        "0x",
        "migrations",
        "parameters",
    ];
    for seed in 0..20_000_usize {
        let mut number = seed;
        let mut next = || {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            number >> 33
        };
        let text: String = (0..next() % 12).map(|_| parts[next() % parts.len()]).collect();
        let _ = file::SettingsFile::parse(&text, "runner.toml");
        let _ = crate::lockfile::Lockfile::parse(&text, "runner.lock");
    }
}

/// As Windows' editors write it.
#[test]
fn a_file_in_utf16_is_named_as_such() {
    for (mark, name) in [(&[0xff, 0xfe][..], "UTF-16"), (&[][..], "UTF-16LE")] {
        let project = TestProject::new(&[]);
        let units = "[project]".encode_utf16().flat_map(u16::to_le_bytes);
        project.write("runner.toml", [mark.to_vec(), units.collect()].concat());
        let told = shown(&Settings::load(&project.request(&[])).expect_err("no UTF-8"));
        assert!(
            told.contains(&format!("`runner.toml` is {name}, not UTF-8")) && told.contains("iconv -f UTF-16"),
            "{told}"
        );
    }
}
