//! Default settings, all settings, and their precedence.

mod mistakes;
mod passwords;
mod sources;

use super::*;
use crate::test_project::{TestProject, shown, shown_error};
use runner_database::Dialect;

pub(in crate::settings) fn load(toml: &str, change: impl FnOnce(&mut LoadRequest)) -> Result<Settings> {
    let project = TestProject::new(&[("runner.toml", toml)]);
    let mut request = project.request(&[]);
    change(&mut request);
    Settings::load(&request)
}

fn mistake(toml: &str) -> String {
    shown(&load(toml, |_| ()).expect_err(toml))
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
    let timeouts = settings.timeouts;
    assert_eq!((timeouts.table_lock_timeout(Dialect::Postgres), timeouts.retries), (None, 3));
    assert_eq!(
        timeouts.statement_timeout,
        Some(Duration::from_secs(60)),
        "the variable takes precedence over the file"
    );
}

#[test]
fn timeouts_default_to_those_of_the_dialect() {
    let seconds = |count| Some(Duration::from_secs(count));
    let timeouts = load("", |_| ()).expect("settings").timeouts;
    assert_eq!((timeouts.table_lock_timeout(Dialect::Postgres), timeouts.retries), (seconds(3), 10));
    assert_eq!((timeouts.table_lock_timeout(Dialect::Mysql), timeouts.statement_timeout), (seconds(3), None));
    assert_eq!(timeouts.table_lock_timeout(Dialect::Sqlite), None);
    let named = "[database]\nretries = 1\n[databases.a]\nurl = 'sqlite:a.db'\nmigrations = 'a'\nretries = 2\n";
    let chosen = load(named, |request| request.database = Some("a".to_owned())).expect("settings");
    assert_eq!(chosen.timeouts.retries, 2);
    let flag = load(named, |request| {
        request.database = Some("a".to_owned());
        request.flags.insert("--retries", "0".to_owned());
        request.flags.insert("--table-lock-timeout", "500ms".to_owned());
    });
    let flag = flag.expect("settings").timeouts;
    assert_eq!((flag.retries, flag.table_lock_timeout(Dialect::Sqlite)), (0, Some(Duration::from_millis(500))));
    assert_eq!(
        mistake("[database]\nstatement_timeout = '0s'\n").lines().next(),
        Some("invalid `statement_timeout`: the duration must not be zero")
    );
    assert!(mistake("[database]\nretries = 2000\n").starts_with("invalid `retries`: `2000` is too large"));
    assert!(
        mistake("[database]\ntable_lock_timeout = 3\n").starts_with("`database.table_lock_timeout` must be a string")
    );
}
