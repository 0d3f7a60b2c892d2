//! Runs killed at random, at every step, and between statements that commit by themselves.

use super::*;

fn kill_at_random(direction: &str, seeds: std::ops::Range<u64>) {
    let mut landed: BTreeMap<usize, u32> = BTreeMap::new();
    for seed in seeds {
        let project = shop();
        let reference = reference(seed);
        let mut random = Random::new(seed);
        let longest = if direction == "up" { reference.up } else { reference.down };
        let wait = Duration::from_micros(random.below(longest.as_micros() as u64 * 11 / 10));
        let line = if direction == "up" {
            "apply"
        } else {
            project.finish(project.command(["apply"]).args(["-D", url(seed)])).succeeds();
            "rollback --all"
        };
        let mut child = start(&project, line, seed);
        std::thread::sleep(wait);
        child.kill().unwrap();
        child.wait().unwrap();
        let moment = format!("killed after {wait:?} on the way {direction}");
        if project.file("runner.db").exists() {
            *landed.entry(version(&project, seed, &moment)).or_default() += 1;
        }
        heals(&project, seed, &moment);
    }
    println!("killed at versions {landed:?}");
}

#[test]
fn killed_at_random_during_apply() {
    kill_at_random("up", 0..rounds(9));
}

#[test]
fn killed_at_random_during_apply_with_other_seeds() {
    kill_at_random("up", 1_000_000..1_000_000 + rounds(9));
}

#[test]
fn killed_at_random_during_rollback() {
    kill_at_random("down", 2_000_000..2_000_000 + rounds(9));
}

/// Not only at random: at every step of the component, until a run completes.
#[test]
fn killed_at_every_step_during_apply() {
    for step in 1.. {
        let seed = step as u64;
        let project = shop();
        let (reached, _) = end_at_step(&project, "apply", seed, step, "KILL");
        let moment = format!("killed at step {step}");
        if !reached {
            assert!(step > 10, "the component has more steps than {step}");
            break;
        }
        let version = version(&project, seed, &moment);
        assert!(version >= 1, "{moment}: the first migration was committed before");
        heals(&project, seed, &moment);
    }
}

#[test]
fn killed_at_every_step_during_rollback() {
    for step in 1.. {
        let seed = step as u64;
        let project = shop();
        project.finish(project.command(["apply"]).args(["-D", url(seed)])).succeeds();
        let (reached, _) = end_at_step(&project, "rollback --all", seed, step, "KILL");
        if !reached {
            assert!(step > 3, "the component has more steps down than {step}");
            break;
        }
        let moment = format!("killed at step {step} down");
        assert!(version(&project, seed, &moment) <= 2);
        heals(&project, seed, &moment);
    }
}

/// Statements that commit by themselves, each of which leaves a trace.
fn stepwise() -> TestProject {
    let project = project!();
    let up: String = (1..=12)
        .map(|step| {
            format!(
                "INSERT INTO marks WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) \
                 SELECT {step}, i FROM n;\n"
            )
        })
        .collect();
    project
        .sql("1_marks", "CREATE TABLE marks (step INTEGER, i INTEGER, PRIMARY KEY (step, i));", "DROP TABLE marks;")
        .sql("2_steps", &format!("-- runner:no-transaction\n{up}"), "-- runner:irreversible");
    std::fs::remove_file(project.file("migrations/2_steps.down.sql")).unwrap();
    project.runner("apply --target 1").succeeds();
    project
}

/// If each statement commits by itself, a kill leaves a prefix of them; statements that took effect are not run
/// again.
#[test]
fn killed_between_statements_that_commit_by_themselves() {
    let undisturbed = stepwise();
    let start_time = Instant::now();
    undisturbed.runner("apply").succeeds();
    let longest = start_time.elapsed();
    let marks =
        |project: &TestProject| dump::rows(&project.database(), "SELECT step, count(*) FROM marks GROUP BY step");
    let all = marks(&undisturbed);
    assert_eq!(all.len(), 12);
    let mut partial = 0;
    for seed in 4_000_000..4_000_000 + rounds(12) {
        let project = stepwise();
        let mut child = start(&project, "apply", 0);
        std::thread::sleep(Duration::from_micros(Random::new(seed).below(longest.as_micros() as u64)));
        child.kill().unwrap();
        child.wait().unwrap();
        dump::check(&project.database());
        let done = marks(&project);
        assert_eq!(done, all[..done.len()], "seed {seed}: the statements that took effect are the first ones, whole");
        if !done.is_empty() && done.len() < 12 {
            partial += 1;
            project.runner("status").prints(&["partial"]);
        }
        project.runner("apply").succeeds();
        assert_eq!(marks(&project), all, "seed {seed}");
        project.runner("status --exit-code").succeeds();
    }
    println!("{partial} kills left a part");
}
