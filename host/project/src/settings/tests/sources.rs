//! Where a setting comes from: flags, variables, `.env`, and the parts of the file.

use super::*;

/// The sources of the URL, in their order of precedence: each in turn is left out.
#[test]
fn precedence_of_urls() {
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
        // A chosen name is kept, and only the variable that means nothing else overrides it.
        for name in ["-e", "RUNNER_ENVIRONMENT"] {
            assert_eq!(of(Some(name), skip), if skip == 0 { env.clone() } else { chosen.clone() }, "{name}");
        }
    }
    assert_eq!(of(None, 4), file("plain", "database.url", 2));
    assert_eq!(of(Some("RUNNER_ENVIRONMENT"), 4), chosen);
}

#[test]
fn named_databases_have_their_own_directory_and_url() {
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
        shown_error(with("two", Some("live"))),
        "environment `live` has no URL for the database `two`\n  \
         hint: add `url` under `[environments.live.databases.two]`"
    );
    assert_eq!(
        shown_error(with("tow", None)),
        "`runner.toml` has no database `tow`\n  setting: from `--database`\n  \
         hint: did you mean `two`? The file has `one` and `two`"
    );
    assert_eq!(
        mistake(toml),
        "`runner.toml` has several databases: no database selected\n  \
         hint: select one of `one` and `two` with `--database NAME`"
    );
}

#[test]
fn the_lock_is_that_of_the_environment_or_of_the_database() {
    let toml = "[database]\nurl = 'mysql://h/d'\nlock = 'lease'\n[environments.a]\n[environments.b]\nlock = 'node:n'\n\
                [environments.c]\nurl = 'mysql://h/e'\n[databases.o]\nurl = 'mysql://h/o'\nmigrations = 'o'\n\
                [tenants]\nurl = 'postgres://h/{tenant}'\nnames = ['t']\n";
    let of = |change: fn(&mut LoadRequest)| {
        let url = load(toml, change).expect("settings").database_url.value;
        (url.to_string(), url.lock().map(ToString::to_string))
    };
    let lease = || Some("lease".to_owned());
    assert_eq!(of(|_| ()), ("mysql://h/d".to_owned(), lease()));
    assert_eq!(of(|request| request.environment = Some("a".to_owned())), ("mysql://h/d".to_owned(), lease()));
    assert_eq!(of(|request| request.environment = Some("b".to_owned())).1, Some("node:n".to_owned()));
    assert_eq!(of(|request| request.environment = Some("c".to_owned())), ("mysql://h/e".to_owned(), lease()));
    assert_eq!(of(|request| request.database = Some("o".to_owned())).1, None, "a database of its own");
    assert_eq!(of(|request| request.database_url = Some("postgres://h/x".to_owned())).1, lease());
    let project = TestProject::new(&[("runner.toml", toml)]);
    let tenants =
        Settings::databases(&project.request(&[])).expect("tenants").tenants.expect("some").expect("no error");
    assert_eq!(tenants.tenant("t", None).expect("a tenant").url.value.lock().map(ToString::to_string), lease());
    let elsewhere = load(toml, |request| request.database_url = Some("sqlite:x".to_owned()));
    assert!(shown_error(elsewhere).starts_with(
        "`lock = \"lease\"` is not possible on SQLite, whose lock is always a file next to the database\n  \
         setting: from `database.lock` in `runner.toml`, line 3\n  hint: "
    ));
    assert!(
        load(toml, |request| {
            request.environment = Some("b".to_owned());
            request.database_url = Some("postgres://h/x?lock=lease".to_owned());
        })
        .is_ok(),
        "the URL decides"
    );
}

#[test]
fn a_missing_environment_lists_the_existing_ones() {
    let of = |toml| {
        load(toml, |request| drop(request.env.insert("RUNNER_ENVIRONMENT".to_owned(), "x".to_owned())))
            .expect_err("none")
    };
    assert_eq!(
        shown(&of("[environments.staging]\n[environments.live]\n")),
        "`runner.toml` has no environment `x`\n  setting: from `RUNNER_ENVIRONMENT` in the environment\n  \
         hint: the file has `live` and `staging`"
    );
    assert!(shown(&of("")).ends_with("hint: add a table `[environments.x]`"));
}

#[test]
fn the_variable_of_github_runners_is_ignored() {
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
fn the_file_is_found_in_parents_or_by_name() {
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
        shown_error(Settings::load(&missing)),
        "settings file `none.toml` from `--config` not found\n  \
         hint: relative paths start at the current directory; by default the nearest `runner.toml` is used"
    );
    let directory = LoadRequest { config: Some("other".into()), ..project.request(&[]) };
    assert!(shown_error(Settings::load(&directory)).starts_with("`other` from `--config` is a directory"));
    let empty = tempfile::tempdir().expect("a directory");
    let nowhere = LoadRequest { start_dir: empty.path().to_path_buf(), ..LoadRequest::default() };
    assert!(shown_error(Settings::load(&nowhere)).starts_with("could not find `runner.toml` in"));
}

#[test]
fn a_directory_named_dotenv_is_ignored() {
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
