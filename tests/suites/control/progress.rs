//! Progress of runs.

use runner_tests::{for_each_engine, for_each_server};

use super::*;

for_each_engine! {
    fn events_are_consistent_json_lines(engine) {
        let project = shop(engine);
        let output = project.runner("apply --batch-delay 40ms --format json");
        output.succeeds();
        let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let lines: Vec<serde_json::Value> = output
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
            .collect();
        assert!(lines.iter().all(|line| line["schema"] == 1 && line["event"].is_string()), "{output}");
        let transforms: Vec<_> = lines.iter().filter(|line| line["event"] == "transform").collect();
        let (first, last) = (transforms.first().unwrap(), transforms.last().unwrap());
        assert_eq!((first["rows_done"].as_u64(), first["done"].as_bool()), (Some(0), Some(false)));
        assert!(transforms.len() >= 3, "a run of more than two seconds tells more than its two ends\n{output}");
        for pair in transforms.windows(2) {
            assert!(pair[0]["rows_done"].as_u64() <= pair[1]["rows_done"].as_u64());
            assert!(pair[0]["chunks"].as_u64() <= pair[1]["chunks"].as_u64());
            let (done, chunks) = (pair[1]["rows_done"].as_u64().unwrap(), pair[1]["chunks"].as_u64().unwrap());
            assert_eq!(done, chunks * 10, "each chunk has ten rows");
        }
        let middle = &transforms[transforms.len() - 2];
        assert!(middle["rows_per_second"].as_u64() > Some(0), "{middle}");
        assert_eq!(middle["rows_total"], ROWS);
        assert!(middle["remaining_ms"].is_u64() && middle["percent"].is_f64(), "{middle}");
        assert!(transforms.iter().any(|line| line["held"]["reason"] == "batch-delay"), "{output}");
        assert_eq!((last["done"].as_bool(), last["rows_done"].as_u64()), (Some(true), Some(ROWS)));
        assert_eq!((last["rows_total"].as_u64(), last["percent"].as_f64()), (Some(ROWS), Some(100.0)));
        assert_eq!(last["total_is_estimate"], false);
        assert_eq!(document["applied"][0]["rows_written"], last["rows_done"]);
        let finished = lines.iter().find(|line| line["event"] == "migration-finished").unwrap();
        assert_eq!(finished["rows_written"], last["rows_done"]);
        // Warnings are lines too, and with `--quiet` only they remain.
        project.runner("rollback --format json --quiet").succeeds();
        assert_eq!(project.runner("apply --format json --quiet").stderr, "");
    }

    /// Most failures happen within the first second, before any progress is reported.
    fn a_run_that_fails_early_reports_why(engine) {
        let project = halfway(engine);
        let output = project.runner("apply --jobs 1");
        output.exits(6).says(&["stumbled"]);
        let [run] = &runs(&project)[..] else { panic!("{:?}", runs(&project)) };
        assert_eq!((&run["state"], &run["held"]["reason"]), (&"ended".into(), &"ended".into()), "{run}");
        assert!(run["held"]["text"].as_str().unwrap().contains("stumbled"), "{run}");
        assert!(run["owner"].as_str().unwrap().contains("`runner apply` of "), "{run}");
        assert_eq!((&run["transform"], &run["rows_done"], &run["chunks"]), (&"shout".into(), &20.into(), &2.into()));
        assert_eq!(run["shares"], false);
        let told = project.runner("status");
        told.prints(&["stopped 0002_halfway: `runner apply` of ", ", process ", "shout: 20 ", "why: ", "stumbled"]);
        told.prints(&["`runner apply` continues after the last chunk"]);
        assert!(!told.stdout.contains("lock"), "{told}");
        // A further run that fails reports its own error.
        project.runner("rollback").exits(6);
        let told = project.runner("status");
        told.prints(&["stopped 0002_halfway: `runner rollback` of ", "nowhere", "`runner rollback` continues where it stopped"]);
        project.execute("CREATE TABLE nowhere (id INTEGER)");
        project.runner("rollback").succeeds();
        assert_eq!(runs(&project).len(), 0);
    }

    /// What an earlier run reported is not attributed to one that was killed before it could report anything.
    fn a_run_that_is_killed_at_once_is_lost(engine) {
        let project = halfway(engine);
        project.runner("apply --jobs 1").exits(6);
        let first = runs(&project)[0].clone();
        // Its ID begins with the second in which it started.
        std::thread::sleep(Duration::from_millis(1_100));
        project.execute("DELETE FROM items WHERE id = 21");
        assert!(project.dies_at("apply --jobs 1", 3));
        // On a busy machine it may have reported by then, and its last report may be on its way until its session has ended.
        until_run(&project, "it is lost", |run| run["state"] == "lost");
        let first_id = first["run_id"].as_str().unwrap();
        let schema = if engine == Engine::Postgres { "runner." } else { "" };
        project.execute(&format!("DELETE FROM {schema}runner_progress WHERE run_id <> '{first_id}'"));
        let run = &runs(&project)[0];
        assert_eq!(run["state"], "lost");
        assert!(run["held"].is_null() && run["last_seen_ms_ago"].is_null(), "{run}");
        assert_ne!(run["run_id"], first["run_id"]);
        assert!(run["rows_done"].as_u64() >= Some(20), "{run}");
        let told = project.runner("status");
        told.prints(&["lost 0002_halfway: ", "killed or disconnected before it reported any progress; its lock is free; "]);
        project.runner("apply").succeeds();
    }

    fn a_killed_run_is_distinguished_from_an_active_one(engine) {
        let project = shop(engine);
        let run = Apart::start(&project, "apply --batch-delay 2s");
        let seen = until_run(&project, "rows are done", |run| run["rows_done"].as_u64() > Some(0) && run["state"] != "lost");
        assert!(seen["last_seen_ms_ago"].is_u64() && seen["owner"].as_str().unwrap().contains("`runner apply` of "));
        let (code, _) = run.ends_by("KILL");
        assert_eq!(code, None);
        let lost = until_run(&project, "it is lost", |run| run["state"] == "lost");
        // Committed work counts, not the last report.
        assert_eq!(lost["rows_done"].as_u64(), Some(doubled(&project)));
        assert_eq!(lost["chunks"].as_u64(), Some(doubled(&project) / 10));
        let told = project.runner("status");
        told.prints(&["lost 0002_paced: `runner apply` of ", "last seen ", "its lock is free", "`runner apply` continues"]);
        // What was recorded at its beginning is no figure of the whole.
        let row = told.stdout.lines().find(|line| line.starts_with("partial")).unwrap();
        assert_eq!(row.split_whitespace().count(), 4, "{told}");
        let row = status(&project)["migrations"][1].clone();
        assert_eq!((&row["duration_ms"], &row["rows_written"]), (&serde_json::Value::Null, &serde_json::Value::Null), "{row}");
        project.runner("cancel").succeeds().says(&["no run is active"]);
        // The next run continues from there and counts the work of the first.
        let output = project.runner("apply --format json");
        let begun = output.succeeds().stderr.lines().find(|line| line.contains("\"transform\"")).unwrap().to_owned();
        let begun: serde_json::Value = serde_json::from_str(&begun).unwrap();
        assert_eq!(begun["rows_done"], lost["rows_done"]);
        is_whole(&project);
        assert_eq!(runs(&project).len(), 0);
        project.runner("rollback").succeeds();
    }
}

for_each_server! {
    /// A table that the server has analysed is not counted first.
    fn totals_are_estimated_first(engine) {
        let project = shop(engine);
        project.execute(if engine == Engine::Postgres { "ANALYZE items" } else { "ANALYZE TABLE items" });
        let output = project.runner("apply --batch-delay 20ms --format json");
        let lines = output.succeeds().stderr.lines().filter(|line| line.contains("\"event\":\"transform\""));
        let lines: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["total_is_estimate"], true, "{output}");
        let guess = lines[0]["rows_total"].as_u64().unwrap();
        assert!((ROWS / 2..ROWS * 2).contains(&guess), "{guess}");
        // A small table is counted once the run takes long enough.
        assert_eq!(lines.last().unwrap()["total_is_estimate"], false);
        assert_eq!(lines.last().unwrap()["rows_total"], ROWS);
    }
}
