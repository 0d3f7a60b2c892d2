//! Three processes share a table while one after the other is killed, including the leader, and replaced.
//!
//! `RUNNER_TEST_ROWS=N` makes them share a table of N rows, with more kills; `scripts/kill-matrix` reports on a
//! million.

use std::fs::File;
use std::time::Instant;

use runner_tests::{EngineProject, Running, for_each_server, report, until};
use serde_json::json;

use super::shop::{chunks, gate, is_done_once, items, number};

/// How many processes share the table.
const PROCESSES: usize = 3;

/// How much work there is, and how many times it is interrupted.
struct Size {
    rows: u64,
    chunk_rows: u64,
    kills: u64,
    /// Delays each batch: a small table would be done before the others start.
    slow: u64,
}

impl Size {
    fn asked() -> Self {
        let rows = std::env::var("RUNNER_TEST_ROWS").ok().map(|text| text.parse().expect("a number of rows"));
        match rows {
            Some(rows) => Self { rows, chunk_rows: (rows / 500).max(1), kills: 9, slow: 0 },
            None => Self { rows: 6_000, chunk_rows: 100, kills: 2, slow: 4_000_000 },
        }
    }

    fn settings(&self) -> String {
        let Self { chunk_rows, slow, .. } = self;
        format!("[transform]\nchunk_rows = {chunk_rows}\n[parameters]\nlog = \"log\"\nslow = {slow}")
    }
}

/// One of the processes, with its messages.
struct Member {
    run: Running,
    said: String,
}

impl Member {
    fn start(project: &EngineProject, number: u64) -> Self {
        let said = format!("run-{number}.log");
        let line = "apply --share --jobs 1 --lock-timeout 5m --table-lock-timeout none";
        let mut command = project.command(line.split(' '));
        Self { run: Running::start(command.stderr(File::create(project.file(&said)).unwrap())), said }
    }
}

/// Which of them processed the latest chunk as the leader; `None` if that one is dead.
fn leader(project: &EngineProject, crew: &[Member]) -> Option<usize> {
    let latest = format!(
        "SELECT held_by FROM {} WHERE role = 'leader' ORDER BY step DESC, number DESC LIMIT 1",
        chunks(project)
    );
    let latest = project.value(&latest);
    crew.iter().position(|member| latest.ends_with(&format!(", process {}", member.run.id())))
}

for_each_server! {
    fn one_after_the_other(engine) {
        let size = Size::asked();
        let project = items(engine, size.rows, &size.settings());
        let table = chunks(&project);
        // 48 chunks can be done, of which the kills need 40, and each process finds one to claim.
        let gate = (size.slow > 0).then(|| gate(&project, 8 * size.rows..10 * size.rows));
        let began = Instant::now();
        let mut crew = vec![Member::start(&project, 0)];
        until("the first begins", || number(&project, &format!("SELECT count(*) FROM {table}")) > 1);
        crew.extend((1..PROCESSES as u64).map(|at| Member::start(&project, at)));
        let owners = format!("SELECT count(DISTINCT owner) FROM {table}");
        until("the others begin", || number(&project, &owners) >= PROCESSES as u64);
        // The table is transformed, and then copied.
        let all = 2 * size.rows.div_ceil(size.chunk_rows);
        let done = format!("SELECT count(*) FROM {table} WHERE state = 'done'");
        for kill in 1..=size.kills {
            // Early enough for the last one, too: the strike itself takes a while.
            until("it goes on", || number(&project, &done) >= all * kill / (size.kills + 4));
            until("somebody leads", || leader(&project, &crew).is_some());
            // Alternates between a helper and the leader.
            let at = (leader(&project, &crew).unwrap() + kill as usize % 2) % PROCESSES;
            crew[at].run.signal("KILL");
            assert!(!crew[at].run.wait().unwrap().success(), "it ended before it was killed");
            crew[at] = Member::start(&project, PROCESSES as u64 - 1 + kill);
        }
        drop(gate);
        let mut said = String::new();
        for member in &mut crew {
            let ended = member.run.wait().unwrap();
            said.push_str(&std::fs::read_to_string(project.file(&member.said)).unwrap());
            assert_eq!(ended.code(), Some(0), "{said}");
        }
        let took = began.elapsed();
        assert!(said.contains("shared a transform: "), "{said}");
        is_done_once(&project, size.rows, &said);
        has_chunks_without_gaps(&project, &size);
        let chunks = number(&project, &done);
        let again = number(&project, &format!("SELECT count(*) FROM {table} WHERE attempts > 1"));
        report::tell(json!({
            "test": "three processes", "engine": format!("{engine:?}"), "version": project.version(), "rows": size.rows,
            "chunks": chunks, "kills": size.kills, "leaders": size.kills / 2, "taken_over": again, "seconds": took.as_secs_f64(),
        }));
    }
}

/// In both transforms, each row is in exactly one completed chunk, and the history counts none twice.
#[track_caller]
fn has_chunks_without_gaps(project: &EngineProject, size: &Size) {
    let table = chunks(project);
    assert_eq!(number(project, &format!("SELECT count(*) FROM {table} WHERE state <> 'done'")), 0);
    let steps = project.rows(&format!(
        "SELECT count(*) - max(number), sum(rows_read), sum(rows_written) FROM {table} GROUP BY step ORDER BY step"
    ));
    assert_eq!(steps, vec![format!("0|{0}|{0}", size.rows); 2]);
    let gaps = format!(
        "SELECT count(*) FROM {table} AS one JOIN {table} AS next ON next.step = one.step AND next.number = one.number + 1 \
         WHERE next.from_key <> one.to_key"
    );
    assert_eq!(number(project, &gaps), 0);
    let history =
        format!("SELECT rows_read, rows_written FROM {} WHERE revision = '0002'", project.engine().history_table());
    assert_eq!(project.value(&history), format!("{0}|{0}", 2 * size.rows));
}
