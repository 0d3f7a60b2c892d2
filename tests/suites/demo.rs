//! The repository's demo project on every engine: applied, checked against an independent oracle, rolled back,
//! applied again.
#![cfg(unix)]

use std::sync::OnceLock;

use runner_tests::{Engine, EngineProject, for_each_engine, guests, oracle};

/// A copy of the demo project.
fn demo(engine: Engine) -> EngineProject {
    EngineProject::copy(env!("CARGO_BIN_EXE_runner"), engine, guests::repository())
}

/// The demo's rows on SQLite.
fn rows_on_sqlite() -> &'static [String] {
    static ROWS: OnceLock<Vec<String>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let project = demo(Engine::Sqlite);
        project.runner("apply").succeeds();
        oracle::digest(&project.url())
    })
}

for_each_engine! {
    fn every_version_matches_the_oracle(engine) {
        let project = demo(engine);
        let url = project.url();
        project.runner("validate --locked").succeeds();
        let mut versions = Vec::new();
        while project.runner("status --exit-code").exit_code() == Some(3) {
            project.runner("apply --target next").succeeds();
            oracle::flights(&url);
            versions.push(oracle::digest(&url));
        }
        assert!(versions.len() >= 4, "the demo has {} migrations", versions.len());
        assert_eq!(versions.last().unwrap(), rows_on_sqlite(), "the rows are not those of SQLite");
        let applied = project.state();
        // Every downgrade restores the previous version, cell by cell, except for the order of columns that had been
        // dropped.
        for before in versions.iter().rev().skip(1) {
            project.runner("rollback").succeeds();
            assert_eq!(oracle::digest(&url), *before, "a way back led elsewhere");
        }
        project.runner("rollback").succeeds();
        assert!(oracle::digest(&url).is_empty());
        project.runner("apply").succeeds();
        assert!(project.state() == applied, "a second way up led elsewhere");
    }

    fn its_own_tests_pass(engine) {
        let project = demo(engine);
        let output = project.run(["test", "-D", &project.url()]);
        output.succeeds().prints(&["load_flights on", "up, down, up, 2 checks", "drop_local_times on"]);
        output.says(&["4 tests on 1 database: 4 passed"]);
    }

    fn the_counts_match_the_published_data(engine) {
        let project = demo(engine);
        project.runner("apply --jobs 2").succeeds();
        for (table, rows) in [("flights", "27004"), ("airlines", "16"), ("airports", "1458"), ("planes", "3322")] {
            assert_eq!(project.value(&format!("SELECT count(*) FROM {table}")), rows, "{table}");
        }
        let applied = project.state();
        project.runner("rollback --all").succeeds();
        project.runner("apply --jobs 1").succeeds();
        assert!(project.state() == applied, "one job did something else than two");
    }
}

/// Where every schema change commits, an upgrade that failed leaves a part; its downgrade removes that part.
#[test]
fn a_partial_upgrade_is_rolled_back() {
    let project = demo(Engine::Mariadb);
    let flight = |change: &str| project.execute(&format!("UPDATE flights SET {change} WHERE id = 1000"));
    let tables = || project.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = database()");
    project.runner("apply --target 20260105100000").succeeds();
    let before = (oracle::digest(&project.url()), tables());
    let time = project.value("SELECT sched_dep_time FROM flights WHERE id = 1000");

    // The upgrade fails within its transform, while its view exists.
    flight("sched_dep_time = 2575");
    project.runner("apply").exits(6).says(&["flight 1000: 2575 is no time of day"]);
    assert_ne!(tables(), before.1);
    project.runner("rollback").succeeds();
    assert_eq!(tables(), before.1);
    flight(&format!("sched_dep_time = {time}"));
    assert_eq!(oracle::digest(&project.url()), before.0);
    project.runner("apply --target 20260112090000").succeeds();

    // The next one fails before it drops a column, when some rows of its table are kept.
    let before = (oracle::digest(&project.url()), tables());
    project.execute("CREATE VIEW flights_with_zones AS SELECT 1 AS id");
    project.runner("apply").exits(6).says(&["flights_with_zones"]);
    project.runner("rollback").succeeds();
    assert_eq!((oracle::digest(&project.url()), tables()), before);
    project.runner("apply").succeeds();
    oracle::flights(&project.url());
}
