use super::*;
use crate::database::Dialect;
use crate::project::test_project::{TestProject, told, told_by};

pub(in crate::project::settings) fn load(toml: &str, change: impl FnOnce(&mut LoadRequest)) -> Result<Settings> {
    let project = TestProject::new(&[("runner.toml", toml)]);
    let mut request = project.request(&[]);
    change(&mut request);
    Settings::load(&request)
}

fn mistake(toml: &str) -> String {
    told(&load(toml, |_| ()).expect_err(toml))
}

#[test]
fn an_empty_file_has_defaults() {
    let project = TestProject::new(&[]);
    let settings = project.settings();
    assert_eq!(settings.root, project.path());
    assert_eq!(settings.name, project.path().file_name().expect("a name").to_string_lossy());
    assert_eq!(settings.migrations, Path::new("migrations"));
    assert_eq!(settings.database_url.origin, Origin::Default);
    assert_eq!(settings.database_url.value.sqlite_path(), Some(project.path().join("runner.db")));
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.lockfile_name(), "runner.lock");
    assert_eq!(settings.lock_timeout, Sourced::default(DEFAULT_LOCK_TIMEOUT));
}

#[test]
fn everything_can_be_set() {
    let toml = r#"
        [project]
        name = "shop"
        migrations = "./db/migrations"
        sdk = "../sdk"
        [database]
        url = "sqlite://shop.db"
        table_lock_timeout = "1s"
        statement_timeout = "1h"
        retries = 3
        [environments.production]
        url = "postgres://me:${PASSWORD}@host/shop"
        table_lock_timeout = "none"
        limits = { fuel = 7 }
        parameters = { region = "eu" }
        [limits]
        guest_memory = "64MiB"
        fuel = 1_000
        wall_time = "none"
        [parameters]
        region = "us"
        count = 3
        share = 0.5
        on = true
        [build]
        toolchain = "wasm"
    "#;
    let settings = load(toml, |request| {
        request.environment = Some("production".to_owned());
        request.env.insert("PASSWORD".to_owned(), "s3cret".to_owned());
        request.limits = vec!["handles=5".to_owned()];
        request.env.insert("RUNNER_LIMIT_BATCH_ROWS".to_owned(), "100".to_owned());
        request.env.insert("RUNNER_TOOLCHAIN".to_owned(), "nightly".to_owned());
        request.env.insert("RUNNER_LOCK_TIMEOUT".to_owned(), "5s".to_owned());
        request.env.insert("RUNNER_STATEMENT_TIMEOUT".to_owned(), "1m".to_owned());
    })
    .expect("settings");
    assert_eq!((settings.name.as_str(), settings.migrations.as_path()), ("shop", Path::new("db/migrations")));
    assert_eq!(settings.sdk, Some(settings.root.join("../sdk")));
    assert_eq!(settings.database_url.value.secret(), "postgres://me:s3cret@host/shop");
    assert!(!format!("{settings:?}").contains("s3cret"));
    let limits = settings.limits;
    assert_eq!((limits.guest_memory, limits.fuel, limits.wall_time), (64 << 20, 7, None));
    assert_eq!((limits.handles, limits.batch_rows), (5, 100));
    assert_eq!(settings.limit_origins["handles"], Origin::Flag("--limit"));
    assert_eq!(
        settings.limit_origins["fuel"].to_string(),
        "from `environments.production.limits.fuel` in `runner.toml`, line 14"
    );
    assert_eq!(settings.parameters["region"], Value::Text("eu".to_owned()));
    assert_eq!(settings.parameters["count"], Value::Int64(3));
    assert_eq!(settings.parameters["share"], Value::Float64(0.5));
    assert_eq!(settings.parameters["on"], Value::Boolean(true));
    assert_eq!(settings.toolchain.map(|it| it.value), Some("nightly".to_owned()));
    assert_eq!(settings.lock_timeout.value, Duration::from_secs(5));
    let patience = settings.patience;
    assert_eq!((patience.table_lock_timeout(Dialect::Postgres), patience.retries), (None, 3));
    assert_eq!(patience.statement_timeout, Some(Duration::from_secs(60)), "the variable goes before the file");
}

#[test]
fn patience_is_that_of_the_dialect_unless_somebody_says_more() {
    let seconds = |count| Some(Duration::from_secs(count));
    let patience = load("", |_| ()).expect("settings").patience;
    assert_eq!((patience.table_lock_timeout(Dialect::Postgres), patience.retries), (seconds(3), 10));
    assert_eq!((patience.table_lock_timeout(Dialect::Mysql), patience.statement_timeout), (None, None));
    let named = "[database]\nretries = 1\n[databases.a]\nurl = 'sqlite:a.db'\nmigrations = 'a'\nretries = 2\n";
    let chosen = load(named, |request| request.database = Some("a".to_owned())).expect("settings");
    assert_eq!(chosen.patience.retries, 2);
    let flag = load(named, |request| {
        request.database = Some("a".to_owned());
        request.retries = Some("0".to_owned());
        request.table_lock_timeout = Some("500ms".to_owned());
    });
    let flag = flag.expect("settings").patience;
    assert_eq!((flag.retries, flag.table_lock_timeout(Dialect::Sqlite)), (0, Some(Duration::from_millis(500))));
    assert_eq!(
        mistake("[database]\nstatement_timeout = '0s'\n").lines().next(),
        Some("`statement_timeout` cannot be set: nothing can be done in no time")
    );
    assert!(mistake("[database]\nretries = 2000\n").starts_with("`retries` cannot be set: `2000` is too many"));
    assert!(
        mistake("[database]\ntable_lock_timeout = 3\n").starts_with("`database.table_lock_timeout` must be a string")
    );
}

/// The sources of the URL, from the one that goes first to the one that goes last: each in turn is left out.
#[test]
fn the_url_comes_from_the_first_that_says_one() {
    let project = TestProject::new(&[]);
    let of = |flag: Option<&str>, skip: usize| {
        let sources = [
            ("RUNNER_DATABASE_URL", "env", true),
            ("DATABASE_URL", "common", true),
            ("RUNNER_DATABASE_URL", "dotenv", false),
            ("DATABASE_URL", "dotenv_common", false),
        ];
        let mut request = project.request(&[]);
        let mut dotenv = String::new();
        for (name, value, in_process) in sources.into_iter().skip(skip) {
            match in_process {
                true => drop(request.env.insert(name.to_owned(), format!("sqlite:{value}"))),
                false => dotenv.push_str(&format!("{name}=sqlite:{value}\n")),
            }
        }
        project.write(".env", dotenv);
        project.write("runner.toml", "[database]\nurl = 'sqlite:plain'\n[environments.e]\nurl = 'sqlite:chosen'\n");
        match flag {
            Some("-D") => request.database_url = Some("sqlite:flag".to_owned()),
            Some("-e") => request.environment = Some("e".to_owned()),
            Some(_) => drop(request.env.insert("RUNNER_ENVIRONMENT".to_owned(), "e".to_owned())),
            None => {}
        }
        let url = Settings::load(&request).expect("settings").database_url;
        let path = url.value.sqlite_path().expect("a file");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, url.origin.to_string())
    };
    let variable = |value: &str, name: &str, place: &str| (value.to_owned(), format!("from `{name}` in {place}"));
    let file =
        |value: &str, key: &str, line: usize| (value.to_owned(), format!("from `{key}` in `runner.toml`, line {line}"));
    let env = variable("env", "RUNNER_DATABASE_URL", "the environment");
    let chosen = file("chosen", "environments.e.url", 4);
    assert_eq!(of(Some("-D"), 0), ("flag".to_owned(), "from `--database-url`".to_owned()));
    let variables = [
        env.clone(),
        variable("common", "DATABASE_URL", "the environment"),
        variable("dotenv", "RUNNER_DATABASE_URL", "`.env`"),
        variable("dotenv_common", "DATABASE_URL", "`.env`"),
    ];
    for (skip, expected) in variables.into_iter().enumerate() {
        assert_eq!(of(None, skip), expected);
        // A name that a variable chose says which URL of the file is meant, and the file goes last.
        assert_eq!(of(Some("RUNNER_ENVIRONMENT"), skip), expected);
        // A name that a flag chose stays, but for the variable that is about nothing else.
        assert_eq!(of(Some("-e"), skip), if skip == 0 { env.clone() } else { chosen.clone() });
    }
    assert_eq!(of(None, 4), file("plain", "database.url", 2));
    assert_eq!(of(Some("RUNNER_ENVIRONMENT"), 4), chosen);
}

#[test]
fn named_databases_have_their_own_folder_and_url() {
    let toml = "[databases.one]\nurl = 'sqlite:one.db'\nmigrations = 'one'\n[databases.two]\nurl = 'sqlite:two.db'\n\
                migrations = 'two'\n[environments.live.databases.one]\nurl = 'sqlite:live.db'\n";
    let with = |database: &str, environment: Option<&str>| {
        load(toml, |request| {
            request.database = Some(database.to_owned());
            request.environment = environment.map(str::to_owned);
            request.env.insert("DATABASE_URL".to_owned(), "sqlite:main.db".to_owned());
        })
    };
    let settings = with("two", None).expect("settings");
    assert_eq!(
        (settings.migrations.as_path(), settings.lockfile_name().as_str()),
        (Path::new("two"), "runner.two.lock")
    );
    assert_eq!(settings.database_url.value.sqlite_path(), Some(settings.root.join("two.db")));
    let settings = with("one", Some("live")).expect("settings");
    assert_eq!(settings.database_url.value.sqlite_path(), Some(settings.root.join("live.db")));
    assert_eq!(
        told_by(with("two", Some("live"))),
        "environment `live` has no URL for the database `two`\n  \
         hint: add `url` under `[environments.live.databases.two]`"
    );
    assert_eq!(
        told_by(with("tow", None)),
        "`runner.toml` has no database `tow`\n  setting: from `--database`\n  \
         hint: did you mean `two`? The file has `one` and `two`"
    );
    assert_eq!(
        mistake(toml),
        "`runner.toml` has several databases and none is chosen\n  \
         hint: choose one of `one` and `two` with `--database NAME`"
    );
}

#[test]
fn a_missing_environment_lists_those_there_are() {
    let of = |toml| {
        load(toml, |request| drop(request.env.insert("RUNNER_ENVIRONMENT".to_owned(), "x".to_owned())))
            .expect_err("none")
    };
    assert_eq!(
        told(&of("[environments.staging]\n[environments.live]\n")),
        "`runner.toml` has no environment `x`\n  setting: from `RUNNER_ENVIRONMENT` in the environment\n  \
         hint: the file has `live` and `staging`"
    );
    assert!(told(&of("")).ends_with("hint: add a table `[environments.x]`"));
}

#[test]
fn github_says_something_else_by_the_same_name() {
    let with = |value: &str| {
        load("", |request| {
            request.env.insert("GITHUB_ACTIONS".to_owned(), "true".to_owned());
            request.env.insert("RUNNER_ENVIRONMENT".to_owned(), value.to_owned());
        })
    };
    assert_eq!(with("github-hosted").expect("settings").environment, None);
    assert!(with("github").is_err());
}

#[test]
fn mistakes_in_the_file_are_told_with_their_line() {
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
            "unknown key `zzz` in `[build]`\n  file: runner.toml:2:1\n  line: zzz = 1\n  hint: known here: `toolchain`",
        ),
        (
            "[project]\nname = 3\n",
            "`project.name` must be a string, not an integer\n  file: runner.toml:2:8\n  line: name = 3",
        ),
        ("project = 3\n", "`project` must be a table, not an integer\n  file: runner.toml:1:11\n  line: project = 3"),
        (
            "[limits]\nfual = 3\n",
            "there is no limit `fual`\n  file: runner.toml:2:8\n  line: fual = 3\n  hint: did you mean `fuel`?",
        ),
        (
            "[limits]\nfuel = -3\n",
            "the limit `fuel` cannot be set: `-3` is not a whole number\n  file: runner.toml:2:8\n  line: fuel = -3\n  \
             hint: `fuel` takes a whole number such as `1_000_000`",
        ),
        (
            "[parameters]\nday = 2026-01-01\n",
            "`parameters.day` must be a string, a boolean, a float or an integer of 64 bits, not a datetime\n  \
             file: runner.toml:2:7\n  line: day = 2026-01-01",
        ),
        (
            "[project]\nmigrations = '../elsewhere'\n",
            "`project.migrations` must be a folder below the project, not `../elsewhere`\n  file: runner.toml:2:14\n  \
             line: migrations = '../elsewhere'\n  hint: write a relative path without `..`, such as `db/migrations`",
        ),
        (
            "[databases.a]\n",
            "`runner.toml` has 2 mistakes\n  - runner.toml:1:1: `[databases.a]` has no `url`\n  \
             - runner.toml:1:1: `[databases.a]` has no `migrations`\n  \
             hint: add a line such as `url = \"sqlite://a.db\"`\n  \
             hint: add a line such as `migrations = \"a/migrations\"`",
        ),
        (
            "[grants.'acme']\ntables = ['*']\n",
            "`[grants]` is not supported by this version of runner\n  file: runner.toml:1:2\n  line: [grants.'acme']\n  \
             hint: take the table out; without it nobody is granted anything",
        ),
        (
            "[environments.\"a b\"]\n",
            "`a b` is not a name for `[environments.NAME]`\n  file: runner.toml:1:1\n  line: [environments.\"a b\"]\n  \
             hint: a name has letters, digits, `_` and `-`",
        ),
    ] {
        assert_eq!(mistake(toml), message);
    }
}

#[test]
fn no_toml_is_told_with_line_and_column() {
    let told = mistake("[database]\nurl = sqlite\n");
    assert!(told.starts_with("`runner.toml` is not valid TOML: "), "{told}");
    assert!(told.contains("  file: runner.toml:2:7\n  line: url = sqlite\n  hint: "), "{told}");
    let told = mistake("[database]\nurl = 'postgres://me:hidden@host/db\n");
    assert!(told.contains("runner.toml:2:") && !told.contains("hidden"), "{told}");
    let told = mistake("[parameters]\npassword = hidden\n");
    assert!(told.contains("runner.toml:2:") && !told.contains("hidden"), "{told}");
}

#[test]
fn settings_that_fit_nowhere() {
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
    let of = |change: fn(&mut LoadRequest)| told_by(load("", change));
    assert_eq!(
        of(|request| request.lock_timeout = Some("5".to_owned())),
        "the wait for the lock from `--lock-timeout`: `5` is not a duration such as `500ms`, `10s`, `5m` or `1h`\n  \
         hint: write a number and its unit, such as `30s` or `10m`"
    );
    assert!(
        of(|request| drop(request.env.insert("RUNNER_LIMIT_FULE".to_owned(), "1".to_owned())))
            .starts_with("there is no limit `fule`\n  setting: from `RUNNER_LIMIT_FULE` in the environment\n")
    );
}

#[test]
fn the_file_is_found_from_below_or_by_name() {
    let project = TestProject::new(&[("other/special.toml", "[project]\nname = 'special'\n"), ("a/b/c", "")]);
    let below = LoadRequest { start_dir: project.path().join("a/b"), ..LoadRequest::default() };
    assert_eq!(Settings::load(&below).expect("settings").root, project.path());
    let named = LoadRequest { config: Some("other/special.toml".into()), ..project.request(&[]) };
    let settings = Settings::load(&named).expect("settings");
    assert_eq!((settings.name.as_str(), settings.root), ("special", project.path().join("other")));
    let variable = project.request(&[("RUNNER_CONFIG", "other/special.toml")]);
    assert_eq!(Settings::load(&variable).expect("settings").name, "special");

    let missing = LoadRequest { config: Some("none.toml".into()), ..project.request(&[]) };
    assert_eq!(
        told_by(Settings::load(&missing)),
        "there is no settings file `none.toml`, named by `--config`\n  \
         hint: a relative path means the folder one stands in; without a name, the nearest `runner.toml` is taken"
    );
    let folder = LoadRequest { config: Some("other".into()), ..project.request(&[]) };
    assert!(told_by(Settings::load(&folder)).starts_with("`other` from `--config` is a folder"));
    let empty = tempfile::tempdir().expect("a folder");
    let nowhere = LoadRequest { start_dir: empty.path().to_path_buf(), ..LoadRequest::default() };
    assert!(told_by(Settings::load(&nowhere)).starts_with("there is no `runner.toml` in"));
}

/// Whatever the file holds: an error at most.
#[test]
fn no_text_makes_it_panic() {
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
        let _ = crate::project::lockfile::Lockfile::parse(&text, "runner.lock");
    }
}

#[test]
fn a_folder_called_dotenv_is_somebody_elses() {
    let project = TestProject::new(&[(".env/bin/python", "")]);
    assert_eq!(project.settings().database_url.origin, Origin::Default);
}

#[test]
fn variables_set_parameters_and_switches_also_from_dotenv() {
    let project = TestProject::new(&[
        ("runner.toml", "[parameters]\nHome-Country = 'DE'\n"),
        (".env", "RUNNER_PARAMETER_HOME_COUNTRY=CH\nRUNNER_PARAMETER_SIZE=3\nRUNNER_QUIET=1\nRUNNER_JOBS=\n"),
    ]);
    let settings = Settings::load(&project.request(&[("RUNNER_PARAMETER_SIZE", "4")])).expect("settings");
    let said: BTreeMap<_, _> = settings.parameter_variables.into_iter().collect();
    assert_eq!(said["Home-Country"].value, "CH");
    assert_eq!(said["size"].value, "4");
    assert!(settings.switches.quiet && settings.switches.jobs.is_none());
}
