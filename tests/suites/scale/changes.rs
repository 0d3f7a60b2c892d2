//! An application keeps writing while a transform runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use runner_tests::{Engine, EngineProject, for_each_engine, for_each_server, until};

use super::shop::{chunks, is_done_once, items, number};

/// The application's writes until it is told to stop; counts the rows that it has changed.
fn writes(project: &EngineProject, stop: &AtomicBool, changed: &AtomicU64) {
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        // Not in key order, and some rows of every chunk.
        project.execute(&format!("UPDATE items SET app = app + 1 WHERE id % 370 = {}", round * 10 % 370));
        let rows = number(project, &format!("SELECT count(*) FROM items WHERE id % 370 = {}", round * 10 % 370));
        changed.fetch_add(rows, Ordering::Relaxed);
        round += 7;
        if project.engine() == Engine::Sqlite {
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
    }
}

for_each_engine! {
    /// A row is written with all its columns, so a change of another column between the read and the write would be
    /// lost.
    fn concurrent_writes_are_not_lost(engine) {
        const ROWS: u64 = 4_000;
        let settings = "[transform]\nchunk_rows = 200\n[database]\nretries = 200\n[parameters]\nlog = \"log\"\nslow = 2000000";
        let project = items(engine, ROWS, settings);
        let (stop, changed) = (AtomicBool::new(false), AtomicU64::new(0));
        let output = std::thread::scope(|scope| {
            // Each statement starts a client program of the server, so several write at a time.
            scope.spawn(|| writes(&project, &stop, &changed));
            until("the application writes", || changed.load(Ordering::Relaxed) > 0);
            let output = project.runner("apply --jobs 3 --verbose");
            stop.store(true, Ordering::Relaxed);
            output
        });
        output.succeeds();
        let changed = changed.into_inner().to_string();
        assert_eq!(project.value("SELECT sum(app) FROM items"), changed, "{output}");
        is_done_once(&project, ROWS, &output.to_string());
    }

    /// The rule stated in the guide, for a transform that has reached key 400 of 1,000.
    fn rows_inserted_deleted_and_moved(engine) {
        let settings = "[transform]\nchunk_rows = 20\n[parameters]\nlog = \"log\"";
        let mut found = None;
        for moment in 1..60 {
            let project = items(engine, 100, settings);
            let is_over = !project.dies_at("apply --jobs 1", moment);
            assert!(!is_over, "no moment with two chunks done");
            let done = format!("SELECT count(*) FROM {} WHERE step = 1 AND state = 'done'", chunks(&project));
            if number(&project, &done) == 2 {
                found = Some(project);
                break;
            }
        }
        let project = found.unwrap();
        // A claim covers a range of keys: the frontier is past it, and rows inserted into the range belong to it.
        project.execute("INSERT INTO items (id, n, app) VALUES (45, 1000, 0), (955, 2000, 0), (5000, 3000, 0)");
        project.execute("DELETE FROM items WHERE id = 800");
        project.execute("UPDATE items SET id = 915 WHERE id = 50");
        project.execute("UPDATE items SET id = 55 WHERE id = 900");
        project.execute("UPDATE items SET id = 6000 WHERE id = 890");
        project.execute("UPDATE items SET n = 4000 WHERE id = 850");
        project.runner("apply --jobs 1").succeeds();
        let n = |id: u32| project.value(&format!("SELECT n FROM items WHERE id = {id}"));
        assert_eq!(n(45), "1000", "inserted behind: not turned");
        assert_eq!(n(955), "2001", "inserted before it: turned");
        assert_eq!(n(5000), "3000", "inserted beyond the greatest key of the beginning: not turned");
        assert_eq!(n(850), "4001", "changed before it was read: turned as it is then");
        assert_eq!(n(915), "7", "the key moved ahead: turned again");
        assert_eq!(n(55), "90", "the key moved behind: not turned");
        assert_eq!(n(6000), "89", "the key moved beyond the end: not turned");
        assert_eq!(project.value("SELECT count(*) FROM items WHERE id = 800"), "0");
        let others = "SELECT count(*) FROM items WHERE n = id / 10 + 1 \
                      AND id NOT IN (45, 955, 5000, 850, 915, 55, 6000)";
        assert_eq!(project.value(others), "95");
    }
}

/// Between the reading of a chunk and its writing, another session changes a row of it each time. It gives up where the row is locked.
const OTHERS: &str = "CREATE EXTENSION dblink; CREATE SEQUENCE changed; \
    CREATE FUNCTION others() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF current_setting('application_name') = 'others' THEN RETURN NULL; END IF; \
        PERFORM dblink_exec('host=127.0.0.1 application_name=others options=''-c lock_timeout=50ms'' port=' \
            || current_setting('port') || ' dbname=' || current_database() || ' user=' || current_user, \
            'UPDATE items SET app = app + 1 WHERE id % 2000 = 1010'); \
        PERFORM nextval('changed'); RETURN NULL; \
        EXCEPTION WHEN lock_not_available THEN RETURN NULL; END $$; \
    CREATE TRIGGER others BEFORE UPDATE ON items FOR EACH STATEMENT EXECUTE FUNCTION others();";

/// However often such a chunk were tried again, it would meet the next change; with its rows locked, the others wait.
#[test]
fn a_chunk_whose_rows_change_each_time_is_done_with_its_rows_locked() {
    let project = items(Engine::Postgres, 600, "[transform]\nchunk_rows = 200\n[database]\nretries = 1");
    project.execute(OTHERS);
    let output = project.runner("apply --jobs 1 --verbose");
    output.succeeds();
    assert_eq!(output.to_string().matches("retrying chunk").count(), 1, "{output}");
    assert_eq!(project.value("SELECT last_value FROM changed"), "1", "the chunks after it begin with locks\n{output}");
    is_done_with_changes(&project, &output.to_string(), 3);
    project.execute("DROP TRIGGER others ON items");
    project.runner("verify").succeeds();
}

/// As [`OTHERS`], and a third session removes a row and inserts it again, in a transaction that ends when the chunk waits for it, if the
/// chunk is quick enough.
const MOVER: &str = "CREATE SEQUENCE moved; \
    CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF current_setting('application_name') = 'others' OR nextval('moved') > 1 THEN RETURN NULL; END IF; \
        PERFORM dblink_connect('mover', 'host=127.0.0.1 port=' \
            || current_setting('port') || ' dbname=' || current_database() || ' user=' || current_user); \
        PERFORM dblink_exec('mover', 'BEGIN'); \
        PERFORM dblink_exec('mover', 'DELETE FROM items WHERE id = 1020'); \
        PERFORM dblink_exec('mover', 'INSERT INTO items (id, n, app) VALUES (1020, 102, 1)'); \
        PERFORM dblink_send_query('mover', 'SELECT pg_sleep(1); COMMIT'); \
        RETURN NULL; END $$; \
    CREATE TRIGGER moves BEFORE UPDATE ON items FOR EACH STATEMENT EXECUTE FUNCTION moves();";

#[test]
fn a_row_that_is_removed_and_inserted_again_while_its_chunk_waits_is_transformed() {
    let project = items(Engine::Postgres, 600, "[transform]\nchunk_rows = 200\n[database]\nretries = 9");
    project.execute(OTHERS);
    project.execute(MOVER);
    let output = project.runner("apply --jobs 1 --verbose");
    output.succeeds().says(&["retrying chunk 1"]);
    is_done_with_changes(&project, &output.to_string(), 4);
}

#[track_caller]
fn is_done_with_changes(project: &EngineProject, said: &str, changes: u32) {
    assert_eq!(project.value("SELECT count(*) FROM items WHERE n <> id / 10 + 1"), "0", "{said}");
    assert_eq!(project.value("SELECT sum(app) FROM items"), changes.to_string(), "a change was lost\n{said}");
}

/// Rows of a view cannot be locked.
#[test]
fn a_chunk_of_a_view_whose_rows_change_each_time_fails_with_advice() {
    let settings =
        "[transform]\nchunk_rows = 200\n[database]\nretries = 2\n[parameters]\ntable = \"seen\"\nkey = \"id\"";
    let project = items(Engine::Postgres, 600, settings);
    project.execute("CREATE VIEW seen AS SELECT * FROM items");
    project.execute(OTHERS);
    project.runner("apply --jobs 1").exits(5).says(&["after 2 retries", "`--chunk-rows`"]);
    assert_eq!(project.value("SELECT count(*) FROM items WHERE n <> id / 10"), "0");
}

for_each_server! {
    /// The first chunk is held up by a trigger while the application waits for one of its rows. The second one is as small as it can be
    /// after that.
    fn chunks_give_way_to_those_who_wait(engine) {
        let project = items(engine, 5_000, "");
        project.execute(match engine {
            Engine::Mariadb => {
                "CREATE TRIGGER held AFTER UPDATE ON items FOR EACH ROW \
                 SET @held = IF(NEW.id = 10 AND NEW.n <> OLD.n, SLEEP(1), 0)"
            }
            _ => {
                "CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN IF NEW.id = 10 AND NEW.n <> OLD.n THEN PERFORM pg_sleep(1); END IF; RETURN NULL; END $$; \
                 CREATE TRIGGER held AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION held()"
            }
        });
        let is_over = AtomicBool::new(false);
        let output = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    project.execute("UPDATE items SET app = app WHERE id = 10");
                }
            });
            let output = project.runner("apply --jobs 1");
            is_over.store(true, Ordering::Relaxed);
            output
        });
        output.succeeds();
        let sizes = project.rows(&format!("SELECT rows_read FROM {} WHERE step = 1 ORDER BY number LIMIT 2", chunks(&project)));
        assert_eq!(sizes, ["1024", "128"], "{output}");
        assert_eq!(project.value("SELECT count(*) FROM items WHERE n = id / 10 + 1"), "5000");
    }
}
