//! Cases in, revisions out; no database.

use super::*;
use crate::history::{State, declared_json};
use runner_base::error::ErrorKind;
use runner_database::{Dialect, DialectSql, HistoryPlace, LockKind};
use runner_project::WrittenSql;
use runner_project::catalog::{Artifact, Migration, Mode, SqlFiles};
use runner_sql::Sql;

const SQLITE: Facts = facts(Dialect::Sqlite, true);
const MYSQL: Facts = facts(Dialect::Mysql, false);

const fn facts(dialect: Dialect, transactional_ddl: bool) -> Facts {
    Facts {
        dialect,
        sql: &DialectSql::NONE,
        version: String::new(),
        comment: None,
        lock: LockKind::File,
        transactional_ddl,
        atomic_ddl: true,
        atomic_lists: true,
        skips_locked: true,
        has_replica_status: true,
        has_uuid: true,
        separate_logins: false,
        read_only: false,
        packet_bytes: None,
        unread_modes: Vec::new(),
        increment: None,
        citus: None,
        schema: None,
        history: HistoryPlace { schema: None, prefix: None },
        file: None,
        session: 0,
    }
}

/// `2` is a migration; `2!` irreversible; `2~` stepwise; `2@` a component; `2>1` depends on 1; `2?mysql` for MySQL.
fn migration(text: &str) -> Migration {
    let (text, dialect) = text.split_once('?').map_or((text, None), |(text, name)| (text, name.parse().ok()));
    let (text, depends_on) = text.split_once('>').map_or((text, None), |(text, other)| (text, Some(other)));
    let revision = text.trim_end_matches(['!', '~', '@']);
    let kind = if text.contains('@') { Kind::Component } else { Kind::Sql };
    Migration {
        revision: revision.to_owned(),
        name: format!("m{revision}"),
        kind,
        sha256: format!("sha-of-{}", revision.trim_start_matches('0')),
        artifact: Artifact::Sql {
            texts: WrittenSql::new(Sql::default(), Some(Sql::default())),
            files: SqlFiles::default(),
        },
        description: Description {
            depends_on: depends_on.map(str::to_owned).into_iter().collect(),
            mode: if text.contains('~') { Mode::Stepwise } else { Mode::Auto },
            dialects: dialect.into_iter().collect(),
            irreversible: text.contains('!'),
            ..Description::default()
        },
        locked: true,
    }
}

/// `2` is applied; `2*` with another artifact; `2/3` its upgrade stopped after 3 statements; `2\3` its downgrade;
/// `2/3?` with a fourth whose effect is unknown.
fn record(id: usize, text: &str) -> Record {
    let unknown = text.ends_with('?');
    let text = text.trim_end_matches('?');
    let (text, state, done) = if let Some((text, done)) = text.split_once('/') {
        (text, State::PartlyApplied, done.parse().expect("a number"))
    } else if let Some((text, done)) = text.split_once('\\') {
        (text, State::PartlyRolledBack, done.parse().expect("a number"))
    } else {
        (text, State::Applied, 0)
    };
    let revision = text.trim_end_matches('*');
    let from = migration(revision);
    Record {
        id: id as i64 + 1,
        revision: from.revision.clone(),
        name: from.name.clone(),
        kind: from.kind,
        sha256: if text.ends_with('*') { "another".to_owned() } else { from.sha256.clone() },
        declared: declared_json(&from.description),
        state,
        finished_at: (state != State::PartlyApplied).then(String::new),
        run_id: "run".to_owned(),
        // What is partly done was stepwise.
        mode: if state.is_partial() { RunMode::Stepwise } else { RunMode::Atomic },
        steps_done: done,
        unknown_step: unknown.then_some(done + 1),
        ..Record::blank()
    }
}

enum Verb {
    Apply,
    Rollback,
    Redo,
    Towards,
}

struct Case {
    project: &'static str,
    history: &'static str,
    options: PlanOptions,
    facts: Facts,
}

impl Case {
    fn plan(&self, verb: &Verb, target: &str) -> Result<Plan> {
        let catalog =
            Catalog { migrations: self.project.split_whitespace().map(migration).collect(), ..Catalog::default() };
        let live: Vec<Record> =
            self.history.split_whitespace().enumerate().map(|(id, text)| record(id, text)).collect();
        let kept = live.iter().filter(|record| record.sha256 == "another");
        let stored = kept.map(|record| (record.revision.clone(), record.sha256.clone())).collect();
        let history = History { live, stored };
        let input = PlanInput { catalog: &catalog, history: &history, facts: &self.facts, options: self.options };
        let target = target.parse()?;
        match verb {
            Verb::Apply => plan_apply(&input, &target),
            Verb::Rollback => plan_rollback(&input, &target),
            Verb::Redo => plan_redo(&input),
            Verb::Towards => plan_towards(&input, &target),
        }
    }
}

fn case(project: &'static str, history: &'static str) -> Case {
    Case { project, history, options: PlanOptions::default(), facts: SQLITE }
}

fn shown(plan: &Plan) -> String {
    let each = plan.steps.iter().map(|migration| {
        let sign = if migration.direction == Direction::Up { '+' } else { '-' };
        let resumed = migration.resume_after.map_or(String::new(), |done| format!("/{done}"));
        let broken = migration.broken.map_or(String::new(), |broken| {
            format!("({}{})", broken.steps, if broken.unknown.is_some() { "?" } else { "" })
        });
        format!("{sign}{}{resumed}{broken}", migration.revision)
    });
    each.collect::<Vec<_>>().join(" ")
}

#[test]
fn apply_goes_up_to_the_target() {
    for (project, history, target, expected) in [
        ("1 2 3", "", "latest", "+1 +2 +3"),
        ("1 2 3", "1 2 3", "latest", ""),
        ("1 2 3", "1", "latest", "+2 +3"),
        ("1 2 3", "1", "next", "+2"),
        ("1 2 3", "1 2 3", "next", ""),
        ("1 2 3", "1", "current", ""),
        ("1 2 3", "", "+2", "+1 +2"),
        ("1 2 3", "1", "2", "+2"),
        ("1 2 3", "1", "m3", "+2 +3"),
        ("1 2 3", "1 2", "2", ""),
        ("1 2 3", "001", "latest", "+2 +3"),
        ("", "", "latest", ""),
        ("1 2>1", "", "latest", "+1 +2"),
        ("1 2>1_m1", "1", "latest", "+2"),
        ("1 2?sqlite", "1", "latest", "+2"),
        ("1 2~ 3", "1 2/2", "latest", "+2/2 +3"),
        ("1 2~ 3", "1 2/2", "next", "+2/2"),
        ("1 2~ 3", "1 3 2/0", "latest", "+2/0"),
        ("1@ 2@", "", "latest", "+1 +2"),
    ] {
        let plan = case(project, history).plan(&Verb::Apply, target).unwrap_or_else(|error| {
            panic!("[{project}] with [{history}] to {target}: {error}");
        });
        assert_eq!(shown(&plan), expected, "[{project}] with [{history}] to {target}");
    }
}

#[test]
fn apply_rejects_impossible_targets_and_conflicts() {
    for (project, history, target, kind, message) in [
        ("1 2 3", "1 2 3", "1", ErrorKind::Usage, "the database is already past `1_m1`: it is at `3_m3`"),
        ("1 2 3", "1", "base", ErrorKind::Usage, "`apply` only upgrades, and `base` is before the first migration"),
        ("1 2 3", "1", "-1", ErrorKind::Usage, "`apply` only upgrades, and `-1` is a downgrade"),
        ("1 2 3", "1", "+3", ErrorKind::Usage, "`+3` is more than the number of pending migrations, 2"),
        ("1 2 3", "1", "9", ErrorKind::Usage, "no revision or name begins with `9`"),
        ("1 2 3", "1 3", "latest", ErrorKind::Mismatch, "a pending migration is older than `3_m3`, which is applied"),
        ("1 2 3 4", "4", "next", ErrorKind::Mismatch, "a pending migration is older than `4_m4`, which is applied"),
        ("1 2 3 4", "4", "latest", ErrorKind::Mismatch, "3 pending migrations are older than `4_m4`, which is applied"),
        ("1 3", "1 2", "latest", ErrorKind::Mismatch, "an applied migration is missing from the project"),
        ("1 2 3", "1* 2", "latest", ErrorKind::Mismatch, "a migration was changed after it was applied"),
        ("1 2 3", "1* 2*", "latest", ErrorKind::Mismatch, "2 migrations were changed after they were applied"),
        ("1>2 2", "", "latest", ErrorKind::Usage, "it depends on `2_m2`, which comes later"),
        ("1 2>9", "", "latest", ErrorKind::Usage, "it depends on `9`, which is neither applied nor in the project"),
        ("1?mysql", "", "latest", ErrorKind::Usage, "the migration is for MySQL only, and this database is SQLite"),
        ("1 2~", "1 2/2", "current", ErrorKind::Partial, "`2_m2` is only partly done"),
        ("1 2~", "1 2\\1", "latest", ErrorKind::Partial, "`2_m2` is only partly done"),
        ("1 2~", "1 2/1?", "latest", ErrorKind::Partial, "it is unknown whether statement 2 of `2_m2` took effect"),
    ] {
        let Err(error) = case(project, history).plan(&Verb::Apply, target) else {
            panic!("[{project}] with [{history}] to {target} was not refused");
        };
        assert_eq!((error.kind, &*error.message), (kind, message), "[{project}] with [{history}] to {target}");
    }
}

#[test]
fn an_operator_may_allow_more() {
    let mut out_of_order = case("1 2 3 4", "1 3");
    out_of_order.options.allow_out_of_order = true;
    assert_eq!(shown(&out_of_order.plan(&Verb::Apply, "latest").expect("allowed")), "+2 +4");
    assert_eq!(shown(&out_of_order.plan(&Verb::Apply, "2").expect("allowed")), "+2");

    let mut missing = case("1 3", "1 2");
    missing.options.allow_missing = true;
    assert_eq!(shown(&missing.plan(&Verb::Apply, "latest").expect("allowed")), "+3");
}

#[test]
fn rollback_goes_down_to_the_target() {
    for (project, history, target, expected) in [
        ("1 2 3", "1 2 3", "-1", "-3"),
        ("1 2 3", "1 2 3", "-2", "-3 -2"),
        ("1 2 3", "1 2 3", "1", "-3 -2"),
        ("1 2 3", "1 2 3", "3", ""),
        ("1 2 3", "1 2 3", "base", "-3 -2 -1"),
        ("1 2 3", "1 2 3", "current", ""),
        ("1 2 3", "", "base", ""),
        ("1 2 3", "", "-1", ""),
        ("1 2 3", "1 3 2", "-1", "-2"),
        ("1 2 3", "1 3 2", "1", "-2 -3"),
        ("1 2 3", "1 3 2", "2", "-3"),
        ("1 2~ 3", "1 2\\1", "-1", "-2/1"),
        // An interrupted upgrade is rolled back first, however far it got; the outcome of its last statement does not matter.
        ("1 2~ 3", "1 2/1", "-1", "-2(1)"),
        ("1 2~ 3", "1 2/1?", "-1", "-2(1?)"),
        ("1 2~ 3", "1 3 2/1", "-2", "-2(1) -3"),
        ("1 2~ 3", "1 2/0", "base", "-2(0) -1"),
        ("1 2~ 3", "1 3 2\\1", "base", "-2/1 -3 -1"),
        // Missing or changed migrations are rolled back from the database's copy.
        ("1", "1 2*", "-1", "-2"),
        ("1 2", "1 2*", "-1", "-2"),
    ] {
        let plan = case(project, history).plan(&Verb::Rollback, target).unwrap_or_else(|error| {
            panic!("[{project}] with [{history}] to {target}: {error}");
        });
        assert_eq!(shown(&plan), expected, "[{project}] with [{history}] to {target}");
    }
}

#[test]
fn the_way_back_comes_from_the_project_or_else_from_the_database() {
    let down = |down: Option<&str>| Artifact::Sql {
        texts: WrittenSql::new(Sql::default(), down.map(Sql::from)),
        files: SqlFiles::default(),
    };
    for (project, history, kept, expected) in [
        (Some("DROP"), "1", true, Some(Source::Project)),
        (Some("DROP"), "1", false, Some(Source::Project)),
        (None, "1", true, Some(Source::Database)),
        (None, "1", false, None),
        // An interrupted one too.
        (Some("DROP"), "1\\1", true, Some(Source::Project)),
        (None, "1\\1", true, Some(Source::Database)),
        // It was applied without a downgrade, which was written later.
        (Some("DROP"), "1!", true, Some(Source::Project)),
        (None, "1!", true, None),
        (Some("DROP"), "1-", true, Some(Source::Project)),
        (None, "1-", true, None),
    ] {
        let mut live = record(0, history.trim_end_matches(['!', '-']));
        let (irreversible, no_downgrade) = (history.ends_with('!'), history.ends_with('-'));
        live.declared = declared_json(&Description { irreversible, no_downgrade, ..Description::default() });
        let stored = kept.then(|| (live.revision.clone(), live.sha256.clone())).into_iter().collect();
        let history = History { live: vec![live], stored };
        let catalog =
            Catalog { migrations: vec![Migration { artifact: down(project), ..migration("1") }], ..Catalog::default() };
        let input = PlanInput { catalog: &catalog, history: &history, facts: &SQLITE, options: PlanOptions::default() };
        let plan = plan_rollback(&input, &Target::Base);
        assert_eq!(
            plan.ok().map(|plan| plan.steps[0].source),
            expected,
            "{project:?} {kept} {:?}",
            history.live[0].state
        );
    }
}

#[test]
fn what_is_half_done_is_not_where_the_database_is() {
    for (history, current, newest) in [("1 2/1", Some("1"), "2"), ("1/1", None, "1"), ("1 2\\1", Some("1"), "2")] {
        let live = history.split_whitespace().enumerate().map(|(id, text)| record(id, text)).collect();
        let history = History { live, ..History::default() };
        assert_eq!(history.current().map(|record| &*record.revision), current);
        assert_eq!(history.newest().map(|record| &*record.revision), Some(newest));
    }
}

#[test]
fn rollback_refuses_what_is_not_sure() {
    for (project, history, target, kind, message) in [
        ("1 2 3", "1 2", "latest", ErrorKind::Usage, "`rollback` only downgrades, and `latest` is an upgrade"),
        ("1 2 3", "1 2", "3", ErrorKind::Usage, "`3` is not applied, so it cannot be rolled back to"),
        ("1 2 3", "1 2", "-3", ErrorKind::Usage, "3 is more than the number of applied migrations, 2"),
        ("1 2!", "1 2", "-1", ErrorKind::Usage, "the migration is declared irreversible"),
        ("1! 2", "1 2", "base", ErrorKind::Usage, "the migration is declared irreversible"),
        ("1 2~ 3", "1 2/1 3", "-1", ErrorKind::Partial, "`2_m2` is only partly done"),
        ("1 2~ 3", "1 2\\1?", "-1", ErrorKind::Partial, "it is unknown whether statement 2 of `2_m2` took effect"),
        ("1 2~ 3", "1 2\\1 3", "-1", ErrorKind::Partial, "`2_m2` is only partly done"),
        (
            "1",
            "1 2",
            "-1",
            ErrorKind::Mismatch,
            "the migration is missing from the project, and the database has no copy of what was applied",
        ),
        ("1 2 3>2", "1 3>2 2", "-1", ErrorKind::Usage, "`3_m3` depends on it and would stay applied"),
    ] {
        let Err(error) = case(project, history).plan(&Verb::Rollback, target) else {
            panic!("[{project}] with [{history}] to {target} was not refused");
        };
        assert_eq!((error.kind, &*error.message), (kind, message), "[{project}] with [{history}] to {target}");
    }
}

#[test]
fn redo_is_one_down_and_up_again() {
    for (project, history, expected) in [
        ("1 2 3", "1 2", "-2 +2"),
        ("1 2 3", "1 2*", "-2 +2"),
        ("1 2 3", "1 3 2", "-2 +2"),
        ("1~", "1\\1", "-1/1 +1"),
        ("1~", "1/1", "-1(1) +1"),
    ] {
        let plan = case(project, history).plan(&Verb::Redo, "latest").expect("a plan");
        assert_eq!(shown(&plan), expected, "[{project}] with [{history}]");
    }
    for (project, history, kind) in
        [("1", "", ErrorKind::Usage), ("1", "1 2*", ErrorKind::Mismatch), ("1 2", "1* 2", ErrorKind::Mismatch)]
    {
        let error = case(project, history).plan(&Verb::Redo, "latest").expect_err("refused");
        assert_eq!(error.kind, kind, "[{project}] with [{history}]");
    }
}

#[test]
fn a_plan_finds_its_direction() {
    for (target, expected) in
        [("latest", "+3"), ("base", "-2 -1"), ("-1", "-2"), ("1", "-2"), ("2", ""), ("m3", "+3"), ("next", "+3")]
    {
        let plan = case("1 2 3", "1 2").plan(&Verb::Towards, target).expect("a plan");
        assert_eq!(shown(&plan), expected, "{target}");
    }
}

#[test]
fn the_server_decides_what_auto_means() {
    for (facts, text, mode) in [
        (SQLITE, "1", RunMode::Atomic),
        (SQLITE, "1~", RunMode::Stepwise),
        (MYSQL, "1", RunMode::Stepwise),
        (MYSQL, "1~", RunMode::Stepwise),
        (MYSQL, "1@", RunMode::Stepwise),
        (SQLITE, "1@~", RunMode::Stepwise),
    ] {
        let plan = Case { facts, ..case(text, "") }.plan(&Verb::Apply, "latest").expect("a plan");
        assert_eq!(plan.steps[0].mode, mode, "{text}");
    }
}

#[test]
fn a_table_is_rebuilt_in_one_transaction() {
    let rebuilds = Description { needs: vec![Need::TableRebuild], ..Description::default() };
    assert!(check_mode(RunMode::Atomic, &rebuilds).is_ok());
    assert!(check_mode(RunMode::Stepwise, &Description::default()).is_ok());
    let Migration { description, .. } = migration("1");
    let one = Migration {
        description: Description { needs: rebuilds.needs, mode: Mode::Stepwise, ..description },
        ..migration("1@")
    };
    let catalog = Catalog { migrations: vec![one], ..Catalog::default() };
    let input =
        PlanInput { catalog: &catalog, history: &History::default(), facts: &SQLITE, options: PlanOptions::default() };
    let plan = plan_apply(&input, &Target::Latest).expect("a plan");
    let error = plan.check_modes().expect_err("not one transaction");
    assert_eq!((error.kind, error.places[0].1.as_str()), (ErrorKind::Usage, "1_m1"));
}

#[test]
fn a_revision_that_was_a_place_names_the_file_that_it_is() {
    let now = Migration { revision: "20240103".to_owned(), name: "c".to_owned(), ..migration("3") };
    let catalog = Catalog { migrations: vec![now], ..Catalog::default() };
    let was = Record { revision: "2024.2".to_owned(), name: "01_03_c".to_owned(), ..record(0, "3") };
    let history = History { live: vec![was], ..History::default() };
    let input = PlanInput { catalog: &catalog, history: &history, facts: &SQLITE, options: PlanOptions::default() };
    let error = plan_apply(&input, &Target::Latest).expect_err("missing");
    assert!(error.hints[0].starts_with("`2024.2_01_03_c` is `20240103_c` in the project"), "{error:?}");
}
