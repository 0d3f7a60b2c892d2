//! Keys of every type, split into chunks: each row once, whoever processes it.

use serde_json::Value as Json;

use runner_tests::{Engine, EngineProject, for_each_engine, for_each_server, project};

use super::shop::{chunks, component, is_done_once, items, number};

/// A table of 200 rows with this key, and a run that transforms it in chunks of 7.
fn turned(engine: Engine, columns: &str, values: &str, key: &str, more: &str) -> EngineProject {
    turned_in_chunks(7, engine, columns, values, key, more)
}

fn turned_in_chunks(
    chunk_rows: u32,
    engine: Engine,
    columns: &str,
    values: &str,
    key: &str,
    more: &str,
) -> EngineProject {
    let project = project!(engine);
    let values = values.replace("~int~", if engine == Engine::Mariadb { "SIGNED" } else { "BIGINT" });
    let named: Vec<&str> = columns.split(", ").filter_map(|column| column.split(' ').next()).collect();
    project
        .sql(
            "0001_t",
            &format!(
                "CREATE TABLE t ({columns}, n BIGINT NOT NULL, PRIMARY KEY ({key}));\n\
                 INSERT INTO t ({}, n) SELECT {values}, i FROM ({}) AS numbers;",
                named.join(", "),
                engine.numbers(200)
            ),
            "DROP TABLE t;",
        )
        .component("0002_scale", component())
        .settings(&format!("[transform]\nchunk_rows = {chunk_rows}\n[parameters]\ntable = \"t\"\n{more}"));
    let output = project.runner("apply --jobs 3");
    output.succeeds();
    // Each row had a different `n`, from 1 on.
    assert_eq!(project.value("SELECT sum(n) FROM t"), (200 * 201 / 2 + 200).to_string(), "{columns}\n{output}");
    assert_eq!(project.value("SELECT count(DISTINCT n) FROM t WHERE n BETWEEN 2 AND 201"), "200", "{output}");
    assert!(number(&project, &format!("SELECT count(*) FROM {}", chunks(&project))) >= 29, "{output}");
    project
}

for_each_engine! {
    /// Going down, the first row is the end of the first chunk, and the greatest key of all.
    fn chunks_of_one_row(engine) {
        for more in ["", "descending = true"] {
            turned_in_chunks(1, engine, "a BIGINT NOT NULL", "i * 3", "a", more);
        }
    }

    fn integers_up_and_down(engine) {
        turned(engine, "a BIGINT NOT NULL", "i * 3", "a", "");
        let project = turned(engine, "a BIGINT NOT NULL", "3 * CAST(i AS ~int~) - 300", "a", "descending = true");
        project.runner("rollback --jobs 2").succeeds();
        assert_eq!(project.value("SELECT sum(n) FROM t"), (200 * 201 / 2).to_string());
    }

    fn texts(engine) {
        let text = if engine == Engine::Mariadb { "concat('Ä''\\\\ ', i)" } else { "'Ä''\\ ' || i" };
        turned(engine, "a VARCHAR(40) NOT NULL", text, "a", "");
        turned(engine, "a VARCHAR(40) NOT NULL", text, "a", "descending = true");
    }

    fn uuids(engine) {
        let (kind, value) = match engine {
            Engine::Postgres => ("UUID", "md5(i::text)::uuid"),
            Engine::Mariadb => ("UUID", "concat(lpad(hex(i * 7919), 8, '0'), '-0000-4000-8000-', lpad(hex(i), 12, '0'))"),
            Engine::Sqlite => ("BLOB", "unhex(printf('%032x', i * 7919))"),
        };
        turned(engine, &format!("a {kind} NOT NULL"), value, "a", "");
        turned(engine, &format!("a {kind} NOT NULL"), value, "a", "descending = true");
    }

    fn decimals_and_dates(engine) {
        turned(engine, "a DECIMAL(20,3) NOT NULL", "i * 1.125", "a", "");
        let day = match engine {
            Engine::Postgres => "DATE '2020-01-01' + i::int",
            Engine::Mariadb => "DATE '2020-01-01' + INTERVAL i DAY",
            Engine::Sqlite => "date('2020-01-01', '+' || i || ' days')",
        };
        turned(engine, "a DATE NOT NULL", day, "a", "descending = true");
    }

    fn several_columns(engine) {
        let columns = "a BIGINT NOT NULL, b VARCHAR(10) NOT NULL, c BIGINT NOT NULL";
        let text = if engine == Engine::Mariadb { "concat('x', i % 5)" } else { "'x' || (i % 5)" };
        turned(engine, columns, &format!("i % 3, {text}, i"), "a, b, c", "");
        turned(engine, columns, &format!("i % 3, {text}, i"), "a, b, c", "descending = true");
        turned(engine, columns, &format!("i % 3, {text}, i"), "a, b, c", "key = \"c\"");
    }

    /// The server sorts NaN after all other numbers, and treats it as equal to itself.
    fn floats(engine) {
        let a = match engine {
            Engine::Postgres => "(CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' ELSE (i * 1.1)::text END)::float8",
            _ => "i * 1.1E0",
        };
        turned(engine, "a DOUBLE PRECISION NOT NULL", a, "a", "");
        turned(engine, "a DOUBLE PRECISION NOT NULL", a, "a", "descending = true");
    }

    /// The migration's own condition is kept.
    fn a_filter(engine) {
        let project = items(engine, 300, "[transform]\nchunk_rows = 20\n[parameters]\nfilter = \"n <= 100\"");
        project.runner("apply --jobs 3").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM items WHERE n = id / 10 + 1"), "100");
        assert_eq!(project.value("SELECT count(*) FROM items WHERE n = id / 10"), "200");
    }

    fn an_empty_table(engine) {
        let project = items(engine, 1, "[parameters]\nlog = \"log\"");
        project.execute("DELETE FROM items");
        project.runner("apply --jobs 3").succeeds().says(&["read 0, wrote 0, chunks 0"]);
    }

    fn a_table_without_a_key_is_refused(engine) {
        let project = project!(engine);
        // On SQLite there is always the row ID, but not for a view.
        let view = "CREATE TABLE base (a BIGINT, n BIGINT);\nCREATE VIEW t AS SELECT a, n FROM base;";
        let up = if engine == Engine::Sqlite { view } else { "CREATE TABLE t (a BIGINT, n BIGINT);" };
        project.sql("0001_t", up, "SELECT 1;").component("0002_scale", component()).settings("[parameters]\ntable = \"t\"");
        project.runner("apply").exits(1).says(&["no primary key", "hint:", "as the key", "left no changes"]);
    }

    /// Fewer rows if they are wide, or take long.
    fn chunks_are_bounded_by_bytes_and_time(engine) {
        if engine == Engine::Sqlite {
            // There a chunk is a batch, which itself ends by its bytes.
            return;
        }
        let wide = "[limits]\nbatch_bytes = \"20KiB\"\n[parameters]\nlog = \"log\"";
        let project = items(engine, 4_000, wide);
        project.runner("apply --jobs 1").succeeds();
        let largest = format!("SELECT max(rows_read) FROM {} WHERE step = 1 AND number = 1", chunks(&project));
        let rows = number(&project, &largest);
        assert!((100..2_000).contains(&rows), "{rows} rows of 24 bytes in a chunk");
        is_done_once(&project, 4_000, "");
        let slow = items(engine, 3_000, "[parameters]\nlog = \"log\"\nslow = 30000000");
        slow.runner("apply --jobs 1 --chunk-time 1ms").succeeds();
        let smallest = format!("SELECT min(rows_read) FROM {} WHERE step = 1 AND number < 8", chunks(&slow));
        assert!(number(&slow, &smallest) < 300, "{}", slow.value(&smallest));
        is_done_once(&slow, 3_000, "");
    }

    fn invalid_settings_are_refused(engine) {
        let project = items(engine, 1, "");
        for (line, says) in [
            ("apply --chunk-rows 0", "invalid `chunk_rows`"),
            ("apply --chunk-rows many", "invalid `chunk_rows`"),
            ("apply --chunk-time 0s", "the duration must not be zero"),
            ("apply --chunk-time soon", "invalid `chunk_time`"),
        ] {
            project.runner(line).exits(2).says(&[says, "hint:"]);
        }
        project.settings("[transform]\nchunk_row = 5");
        project.runner("apply").exits(2).says(&["chunk_row"]);
    }
}

for_each_server! {
    /// As on a server without SKIP LOCKED, where a worker that finds a chunk claimed waits for it.
    fn without_skip_locked(engine) {
        let project = items(engine, 600, "[transform]\nchunk_rows = 20\n[parameters]\nlog = \"log\"");
        let mut command = project.command(["apply", "--jobs", "4", "--format", "json"]);
        let output = project.finish(command.env("RUNNER_TEST_FACTS", "skips_locked,atomic_lists,packet_bytes"));
        output.succeeds();
        is_done_once(&project, 600, &output.stderr);
        assert!(number(&project, &format!("SELECT count(*) FROM {}", chunks(&project))) >= 30, "{output}");
    }

    fn a_plan_shows_how_they_are_cut(engine) {
        for (settings, shown, json) in [
            ("", "up to 16,384 rows, held for some 30 ms once others wait for them", [16_384.into(), 30.into(), false.into()]),
            ("chunk_rows = 200", "up to 200 rows", [200.into(), Json::Null, false.into()]),
            ("chunk_time = '20ms'", "up to 16,384 rows, held for some 20 ms", [16_384.into(), 20.into(), true.into()]),
        ] {
            let project = items(engine, 1, &format!("[transform]\n{settings}"));
            project.runner("plan").succeeds().prints(&[&format!("chunks of its transforms: {shown}\n")]);
            let plan: Json = serde_json::from_str(&project.runner("plan --format json").stdout).expect("JSON");
            let migrations = plan["migrations"].as_array().expect("a list");
            let chunks = &migrations.last().expect("a migration")["chunks"];
            assert_eq!(["rows", "time_ms", "always"].map(|key| chunks[key].clone()), json, "{chunks}");
        }
    }

    /// The result is the same for any number of workers and any chunk size.
    fn four_workers_do_what_one_does(engine) {
        let run = |line: &str| {
            let project = items(engine, 1_000, "[transform]\nchunk_rows = 33\n[parameters]\nlog = \"log\"");
            project.runner(line).succeeds().says(&["read 1000, wrote 1000"]);
            is_done_once(&project, 1_000, line);
            let state = [project.rows("SELECT * FROM items ORDER BY id"), project.rows("SELECT * FROM log ORDER BY id")];
            let chunks = project.rows(&format!(
                "SELECT step, number, rows_read, rows_written, state FROM {} ORDER BY step, number",
                chunks(&project)
            ));
            (state, chunks)
        };
        let one = run("apply --jobs 1");
        assert_eq!(run("apply --jobs 4"), one);
        assert_eq!(one.1.len(), 2 * 31);
        assert_eq!(run("apply --jobs 4 --chunk-rows 400").0, one.0);
        assert_eq!(run("apply").0, one.0);
    }
}

/// If a trigger names what could be a table of runner's, such as a column `runner_id`, the tool's tables are watched;
/// changes by other workers are not attributed to the migration.
#[test]
fn a_watched_database() {
    let project = items(Engine::Mariadb, 400, "[transform]\nchunk_rows = 20\n[parameters]\nlog = \"log\"");
    project.execute(
        "CREATE TABLE races (runner_id BIGINT); \
         CREATE TRIGGER race BEFORE INSERT ON races FOR EACH ROW SET NEW.runner_id = NEW.runner_id + 1",
    );
    project.runner("apply --jobs 3").succeeds();
    is_done_once(&project, 400, "");
}

/// What a trigger wrote to a table without transactions stays when its chunk is rolled back.
#[test]
fn what_a_chunk_leaves_is_told() {
    let project = items(Engine::Mariadb, 40, "[transform]\nchunk_rows = 20");
    project.execute(
        "CREATE TABLE written (id BIGINT) ENGINE = MyISAM; \
         CREATE TRIGGER written AFTER UPDATE ON items FOR EACH ROW INSERT INTO written VALUES (NEW.id); \
         ALTER TABLE items ADD CONSTRAINT kept CHECK (id <> 150 OR n = 15)",
    );
    let output = project.runner("apply --jobs 1");
    output.exits(6).says(&["some tables keep what was written"]).does_not_say(&["left no changes"]);
    assert_ne!(project.value("SELECT count(*) FROM written"), "0", "{output}");
}

/// SQLite has a row ID for each row.
#[test]
fn a_sqlite_table_needs_no_key() {
    let project = project!(Engine::Sqlite);
    let up = format!(
        "CREATE TABLE t (a BIGINT, n BIGINT NOT NULL);\nINSERT INTO t (a, n) SELECT i / 2, i FROM ({}) AS numbers;",
        Engine::Sqlite.numbers(50)
    );
    project
        .sql("0001_t", &up, "DROP TABLE t;")
        .component("0002_scale", component())
        .settings("[limits]\nbatch_rows = 7\n[parameters]\ntable = \"t\"\n");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT sum(n) FROM t"), (50 * 51 / 2 + 50).to_string());
    assert_eq!(project.value("SELECT count(DISTINCT n) FROM t"), "50");
}
