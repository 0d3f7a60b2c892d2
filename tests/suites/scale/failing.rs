//! Chunks that fail.

use std::fs::File;

use runner_tests::{Engine, Running, for_each_engine, for_each_server, until};

use super::shop::{chunks, is_done_once, items, number};

for_each_engine! {
    /// Completed work is kept, the message names the rows, and the next run continues with that chunk.
    fn a_chunk_that_always_fails(engine) {
        let settings = "[transform]\nchunk_rows = 20\n[parameters]\nlog = \"log\"\nstumble = -7";
        let project = items(engine, 400, settings);
        project.execute("UPDATE items SET n = -7 WHERE id = 2010");
        let output = project.runner("apply --jobs 3");
        output.exits(6).says(&["no way past -7", "rows id = 2010 to id = 2200", "transform", "hint:", "runner apply"]);
        let done = || number(&project, &format!("SELECT count(*) FROM {} WHERE state = 'done'", chunks(&project)));
        let first = done();
        // A worker that has claimed a chunk before the tenth may find that another one has failed.
        assert!((8..20).contains(&first), "{first}");
        project.runner("status --exit-code").exits(6).prints(&["partial"]);
        project.runner("apply --jobs 3").exits(6).says(&["no way past -7", "id = 2010"]);
        if engine != Engine::Sqlite {
            let why = format!("SELECT last_error FROM {} WHERE state = 'claimed' AND number = 11", chunks(&project));
            assert_eq!(project.value(&why), "no way past -7");
        }
        project.execute("UPDATE items SET n = 201 WHERE id = 2010");
        project.runner("apply --jobs 3").succeeds();
        is_done_once(&project, 400, &output.to_string());
    }

    /// The very first chunk: nothing took effect, and nothing is left.
    fn a_first_chunk_that_fails_leaves_nothing(engine) {
        let project = items(engine, 30, "[transform]\nchunk_rows = 50\n[parameters]\nstumble = 3");
        project.runner("apply --jobs 2").exits(1).says(&["no way past 3", "left no changes"]);
        assert_eq!(number(&project, &format!("SELECT count(*) FROM {}", chunks(&project))), 0);
        assert_eq!(project.history(), ["0001"]);
    }

    /// An error that the migration handles is an answer, and the transform's records are removed.
    fn a_handled_error(engine) {
        let settings = "[transform]\nchunk_rows = 20\n[parameters]\nlog = \"log\"\nhandle = true";
        let project = items(engine, 100, settings);
        project.runner("apply --jobs 3").succeeds().says(&["refused: true"]);
        is_done_once(&project, 100, "");
    }
}

for_each_server! {
    /// A long transaction of an application outlasts several attempts.
    fn a_locked_row_is_waited_for(engine) {
        let settings = "[transform]\nchunk_rows = 20\n[database]\ntable_lock_timeout = \"1s\"\nretries = 1000\n\
                        [parameters]\nlog = \"log\"";
        let project = items(engine, 200, settings);
        let mut holder = project.server_database().client().session();
        holder.run("BEGIN; UPDATE items SET app = app + 1 WHERE id = 1010");
        let log = project.file("run.log");
        let mut command = project.command(["apply", "--jobs", "2", "--verbose"]);
        let mut run = Running::start(command.stderr(File::create(&log).unwrap()));
        let said = || std::fs::read_to_string(&log).unwrap();
        until("it has waited several times", || said().matches("retrying chunk 6,").count() >= 3);
        holder.run("COMMIT");
        assert_eq!(run.wait().unwrap().code(), Some(0), "{}", said());
        is_done_once(&project, 200, "");
        assert_eq!(project.value("SELECT app FROM items WHERE id = 1010"), "1");
    }

    /// Retries are counted, and the message names the rows that stayed locked.
    fn a_row_that_stays_locked(engine) {
        let settings = "[transform]\nchunk_rows = 20\n[database]\ntable_lock_timeout = \"1s\"\n[parameters]\nlog = \"log\"";
        let project = items(engine, 200, settings);
        let mut holder = project.server_database().client().session();
        holder.run("BEGIN; UPDATE items SET app = app + 1 WHERE id = 1010");
        // With a second worker, the claim of a chunk could be what waits too long.
        let output = project.runner("apply --jobs 1 --retries 1");
        output.exits(6).says(&["chunk: 6, after id = 1000, up to id = 1200", "after 1 retry", "hint:"]);
        holder.run("COMMIT");
        project.runner("apply --jobs 2").succeeds();
        is_done_once(&project, 200, "");
    }
}
