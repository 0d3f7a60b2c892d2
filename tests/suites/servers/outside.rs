//! Statements of PostgreSQL that cannot run in a transaction: what surrounds them, and what remains where they fail.

use runner_tests::{Engine, EngineProject, Running, project, until};

/// With a table and a row, whose index exists.
fn project_with_index() -> EngineProject {
    let project = project!(Engine::Postgres);
    project.execute("CREATE TABLE t (a integer); INSERT INTO t VALUES (1); CREATE INDEX t_a ON t (a)");
    project
}

fn indexes(project: &EngineProject) -> Vec<String> {
    project.rows(
        "SELECT c.relname || ' ' || i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1",
    )
}

/// Gives up on a lock at once, so that nothing is waited for.
const IMPATIENT: [&str; 3] = ["apply", "--retries", "0"];

/// The server's own timeout counts for what works concurrently; `table_lock_timeout` does not.
const SHORT: &str =
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = ''300ms''', current_database()); END $$";

#[test]
fn what_a_file_sets_holds_for_all_its_statements_and_no_longer() {
    let project = project!(Engine::Postgres);
    project.execute("CREATE TABLE seen (at text, waits text, zone text)");
    let see = |at: &str| {
        // The configuration of a server may call it `Etc/UTC`.
        let zone = "replace(current_setting('timezone'), 'Etc/', '')";
        format!("INSERT INTO seen SELECT '{at}', current_setting('lock_timeout'), {zone}")
    };
    let file = format!(
        "-- runner:no-transaction\nSET lock_timeout = '7s';\nSET timezone = 'Asia/Tokyo';\n{};\n\
         DO $$ BEGIN {}; COMMIT; END $$;\n{};",
        see("before"),
        see("outside"),
        see("after")
    );
    project.sql("0001_sets", &file, "SELECT 1;").sql("0002_later", &format!("{};", see("later")), "SELECT 1;");
    project.runner("apply").succeeds();
    let seen = project.rows("SELECT at || ' ' || waits || ' ' || zone FROM seen ORDER BY at");
    assert_eq!(seen, ["after 7s Asia/Tokyo", "before 7s Asia/Tokyo", "later 3s UTC", "outside 7s Asia/Tokyo"]);
}

/// The role of the script may have no privilege on the tool's tables.
#[test]
fn a_file_may_take_a_role() {
    let project = project_with_index();
    let role = format!("role_of_{}", project.server_database().name());
    project
        .execute(&format!("CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}; ALTER TABLE t OWNER TO {role}"));
    let file = format!("-- runner:no-transaction\nSET ROLE {role};\nCREATE INDEX CONCURRENTLY t_b ON t (a);");
    project.sql("0001_index", &file, "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(indexes(&project), ["t_a true", "t_b true"]);
    project.execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

/// Others read and write meanwhile, so that the wait does no harm, and ending it would throw the work away.
#[test]
fn what_works_concurrently_waits_for_old_transactions_and_names_them() {
    let project = project_with_index();
    let file = "CREATE INDEX CONCURRENTLY t_b ON t (a);\nREINDEX INDEX CONCURRENTLY t_a;\nDROP INDEX CONCURRENTLY t_b;";
    project.sql("0001_index", &format!("-- runner:no-transaction\n{file}"), "SELECT 1;");
    let client = project.server_database().client();
    let mut writer = client.session();
    writer.run("BEGIN; UPDATE t SET a = a");
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_secs(4));
            writer.run("COMMIT");
        });
        project.run(["apply", "--table-lock-timeout", "100ms", "--retries", "0"])
    });
    output.succeeds().says(&["waiting for process ", "user postgres", "idle in transaction, its transaction began "]);
    assert_eq!(indexes(&project), ["t_a true"]);
}

#[test]
fn an_index_that_is_half_dropped_is_no_failure_without_changes() {
    let project = project_with_index();
    project.execute(SHORT);
    project.sql("0001_drop", "-- runner:no-transaction\nDROP INDEX CONCURRENTLY t_a;", "SELECT 1;");
    let client = project.server_database().client();
    let mut reader = client.session();
    reader.run("BEGIN; SELECT count(*) FROM t");
    let output = project.run(IMPATIENT);
    output.exits(6).says(&["[55P03]", "statement 1 took effect in part; `runner apply` runs it again and continues"]);
    assert_eq!(indexes(&project), ["t_a false"]);
    reader.run("COMMIT");
    project.runner("apply").succeeds();
    assert!(indexes(&project).is_empty());
    assert_eq!(project.history(), ["0001"]);
}

/// As long as there are retries, the run goes on by itself.
#[test]
fn an_index_that_is_half_dropped_is_dropped_by_the_next_attempt() {
    let project = project_with_index();
    project.execute(SHORT);
    project.sql("0001_drop", "-- runner:no-transaction\nDROP INDEX CONCURRENTLY t_a;", "SELECT 1;");
    let client = project.server_database().client();
    let mut reader = client.session();
    reader.run("BEGIN; SELECT count(*) FROM t");
    let mut running = Running::start(&mut project.command(["apply"]));
    until("the index is half dropped", || indexes(&project) == ["t_a false"]);
    let active = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
        AND query LIKE 'DROP INDEX CONC%'";
    until("an attempt has given up", || project.value(active) == "0");
    reader.run("COMMIT");
    assert!(running.wait().unwrap().success());
    assert!(indexes(&project).is_empty());
}

#[test]
fn a_partition_that_is_half_detached_waits_for_the_operator() {
    let project = project!(Engine::Postgres);
    project.execute(SHORT);
    project.execute(
        "CREATE TABLE t (a integer) PARTITION BY RANGE (a); CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (9)",
    );
    project.sql("0001_off", "-- runner:no-transaction\nALTER TABLE t DETACH PARTITION p CONCURRENTLY;", "SELECT 1;");
    let client = project.server_database().client();
    let mut reader = client.session();
    reader.run("BEGIN; SELECT count(*) FROM t");
    project.run(IMPATIENT).exits(6).says(&[
        "[55P03]",
        "what it completed before it failed remains",
        "runner repair 0001",
    ]);
    reader.run("COMMIT");
    project.runner("apply").exits(6).says(&["it is unknown whether statement 1", "runner repair 0001"]);
    project.runner("repair 0001").prints(&["part of it took effect"]);
    project.execute("ALTER TABLE t DETACH PARTITION p FINALIZE");
    project.runner("repair 0001 --mark-done --why finalized").succeeds();
    project.runner("apply").succeeds();
    assert_eq!(project.history(), ["0001"]);
    // What could not begin has changed nothing.
    let file = "-- runner:no-transaction\nALTER TABLE t DETACH PARTITION nope CONCURRENTLY;";
    project.sql("0002_off", file, "SELECT 1;");
    project.runner("apply").exits(1).says(&["[42P01]", "left no changes"]);
}

/// What removes an unfinished index waits no longer than the statement that left it.
#[test]
fn an_unfinished_index_is_not_waited_for_without_an_end() {
    let project = project_with_index();
    project.execute(SHORT);
    let file = "-- runner:no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_b ON t (a);";
    project.sql("0001_index", file, "SELECT 1;");
    let client = project.server_database().client();
    let mut writer = client.session();
    writer.run("BEGIN; INSERT INTO t VALUES (2)");
    project.run(IMPATIENT).exits(5).says(&["[55P03]", "what the failed attempt left in the database stays"]);
    assert_eq!(indexes(&project), ["t_a true", "t_b false"]);
    // The unfinished one is not taken for a valid one.
    project.run(IMPATIENT).exits(5).says(&["[55P03]"]);
    assert_eq!(indexes(&project), ["t_a true", "t_b false"]);
    writer.run("COMMIT");
    project.runner("apply").succeeds().says(&["dropped the invalid index"]);
    assert_eq!(indexes(&project), ["t_a true", "t_b true"]);
}

/// A `REINDEX` that fails leaves copies of indexes, which take part in every write: they are not left to somebody who would have to
/// know of them.
#[test]
fn copies_of_a_failed_reindex_are_taken_away() {
    let project = project!(Engine::Postgres);
    let define = |body: &str| {
        project.execute(&format!(
            "CREATE OR REPLACE FUNCTION f (a integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN {body}; END $$"
        ));
    };
    define("RETURN a");
    // Tables whose long texts are kept in a table of their own, with an index.
    for table in ["t", "other"] {
        project.execute(&format!("CREATE TABLE {table} (a integer, b text); INSERT INTO {table} VALUES (1)"));
        project.execute(&format!("CREATE INDEX {table}_a ON {table} (f(a))"));
    }
    define("RAISE 'not now'");
    let invalid = || project.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid");
    let client = project.server_database().client();
    let fails = |table: &str| {
        client.try_sql(&format!("REINDEX TABLE CONCURRENTLY {table}")).expect_err("its function fails");
    };
    // What is no work of the migration stays as it is, and so does an index with such an ending that is of no other.
    fails("other");
    client.try_sql("CREATE INDEX CONCURRENTLY own_ccnew ON t (f(a))").expect_err("its function fails");
    let others = ["other_a true", "other_a_ccnew false", "own_ccnew false", "t_a true"];
    assert_eq!((indexes(&project), invalid().as_str()), (others.map(str::to_owned).to_vec(), "3"));
    for what in ["INDEX CONCURRENTLY t_a", "TABLE CONCURRENTLY public.t"] {
        project.sql("0001_rebuild", &format!("-- runner:no-transaction\nREINDEX {what};"), "SELECT 1;");
        project.runner("apply").exits(1).says(&[
            "[P0001]",
            "dropped the invalid index",
            "t_a_ccnew",
            "left no changes",
        ]);
        assert_eq!((indexes(&project), invalid().as_str()), (others.map(str::to_owned).to_vec(), "3"), "{what}");
    }
    // What a killed attempt left goes before the next one.
    fails("t");
    assert_eq!(invalid(), "5");
    define("RETURN a");
    project.runner("apply").succeeds().says(&["dropped the invalid index"]);
    assert_eq!((indexes(&project), invalid().as_str()), (others.map(str::to_owned).to_vec(), "3"));
}

/// What a login may not drop is named, and the statement runs. Only a superuser can drop a copy of the index of long texts.
#[test]
fn copies_that_this_login_may_not_drop_stay() {
    let project = project!(Engine::Postgres);
    let (name, owner) =
        (project.server_database().name().to_owned(), format!("plain_{}", project.server_database().name()));
    // Each partition is rebuilt by itself, from 14 on. A name that is too long for the ending is cut off.
    let is_old = project.value("SELECT current_setting('server_version_num')").as_str() < "140000";
    let (parted, partition) = if is_old {
        ("", String::new())
    } else {
        let long = "a_name_of_a_partition_that_takes_all_of_the_bytes_that_there_are";
        (" PARTITION BY RANGE (a)", format!("CREATE TABLE {long} PARTITION OF t FOR VALUES FROM (0) TO (9);"))
    };
    let define = |body: &str| {
        project.execute(&format!(
            "CREATE OR REPLACE FUNCTION f (a integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN {body}; END $$"
        ));
    };
    define("RETURN a");
    project.execute(&format!(
        "CREATE ROLE {owner} LOGIN; GRANT CREATE ON DATABASE {name} TO {owner}; GRANT ALL ON SCHEMA public TO {owner}; \
         SET ROLE {owner}; CREATE TABLE t (a integer, b text){parted}; {partition} CREATE INDEX ON t (f(a)); \
         INSERT INTO t VALUES (1)"
    ));
    define("RAISE 'not now'");
    let valid = indexes(&project);
    let url = project.server_database().url_as(&owner, "");
    project.sql("0001_rebuild", "-- runner:no-transaction\nREINDEX TABLE CONCURRENTLY t;", "SELECT 1;");
    let (dropped, stays) = (
        "dropped the invalid index \"public\".",
        "_index_ccnew\", which a failed attempt had left, stays: permission denied",
    );
    project.run(["apply", "-D", &url]).exits(1).says(&["[P0001]", dropped, stays]);
    assert_eq!(indexes(&project), valid);
    project.execute("CREATE OR REPLACE FUNCTION f (a integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT a'");
    project.run(["apply", "-D", &url]).succeeds().says(&[stays]);
    assert_eq!(indexes(&project), valid);
    project.execute(&format!("DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}"));
}

/// A session that rebuilds the same index needs its copy.
#[test]
fn copies_that_others_need_stay() {
    let project = project!(Engine::Postgres);
    project.execute("CREATE TABLE t (a integer); CREATE INDEX t_a ON t (a)");
    project.sql("0001_rebuild", "-- runner:no-transaction\nREINDEX TABLE CONCURRENTLY t;", "SELECT 1;");
    let client = project.server_database().client();
    let (mut reader, mut rebuilding) = (client.session(), client.session());
    reader.run("BEGIN; SELECT count(*) FROM t");
    rebuilding.send("REINDEX TABLE CONCURRENTLY t");
    until("the copy is there", || indexes(&project).len() == 2);
    let mut running = Running::start(&mut project.command(["apply"]));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
        AND query LIKE 'REINDEX%'";
    until("both wait", || project.value(waits) == "2");
    reader.run("COMMIT");
    assert!(running.wait().unwrap().success());
    until("the other one is done", || indexes(&project) == ["t_a true"]);
}

/// What a statement did is known to the run that saw it end, although the connection with the lock is gone.
#[test]
fn a_statement_that_took_the_lock_away_is_recorded_all_the_same() {
    let project = project!(Engine::Postgres);
    project.execute("CREATE TABLE t (a integer)");
    let file = "-- runner:no-transaction\nDO $$ BEGIN \
        INSERT INTO t SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
        AND query LIKE '/* runner lock%' AND pid <> pg_backend_pid(); COMMIT; PERFORM pg_sleep(0.3); END $$;\n\
        INSERT INTO t VALUES (2);";
    project.sql("0001_ends", file, "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(project.rows("SELECT a FROM t ORDER BY a"), ["1", "2"]);
    assert_eq!(project.history(), ["0001"]);
}

/// The text of PgBouncer, raised by a migration, is an error like any other.
#[test]
fn an_error_of_a_migration_is_not_taken_for_one_of_a_pooler() {
    let project = project!(Engine::Postgres);
    let file =
        "-- runner:no-transaction\nDO $$ BEGIN RAISE EXCEPTION 'no more connections allowed for tenant 7'; END $$;";
    project.sql("0001_says", file, "SELECT 1;");
    project.runner("apply").exits(1).says(&["[P0001]", "left no changes"]).does_not_say(&["PgBouncer"]);
    assert!(project.history().is_empty());
}
