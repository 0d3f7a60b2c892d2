//! `kill -9` of the real process at random times, including the runs that recover.

use std::process::Stdio;
use std::time::{Duration, Instant};

use runner_tests::random::Random;
use runner_tests::{Engine, EngineProject, Running, for_each_engine, is_long};

use super::reference::{Expected, Way, heal, project};
use super::tally::{Left, Tally, in_lanes, lanes, left};

/// Rows of the table, in chunks of eight: a run takes long enough to be killed halfway.
const ROWS: u64 = 160;

/// How many times to kill.
fn kills() -> u64 {
    let said = std::env::var("RUNNER_TEST_KILLS").ok().map(|text| text.parse().expect("a number of kills"));
    said.unwrap_or(if is_long() { 1_000 } else { 30 })
}

/// Starts a run and kills it after a while; returns false if it had ended before.
fn strike(project: &EngineProject, way: Way, wait: Duration) -> bool {
    let mut child = Running::start(project.command(way.line().split(' ')).stderr(Stdio::null()));
    std::thread::sleep(wait);
    // A process that has exited cannot be killed; it is waited for in either case.
    child.kill().unwrap();
    let status = child.wait().unwrap();
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

fn at_random(engine: Engine) {
    let expected = Expected::learn(engine, ROWS);
    let tally = in_lanes(|lane| at_random_in(engine, &expected, lane));
    assert!(tally.left(Left::Part) > kills() / 8, "{} kills left a part", tally.left(Left::Part));
    tally.tell();
}

fn at_random_in(engine: Engine, expected: &Expected, lane: usize) -> Tally {
    let project = project(engine, ROWS);
    let mut tally = Tally::new("kill -9 at random", &project);
    let mut random = Random::new((engine as u64 + 20) * lanes() as u64 + lane as u64);
    let wanted = kills().div_ceil(lanes() as u64);
    let mut misses = 0;
    // The machine may have been busier when the time of a run was learned, or less busy.
    let mut longest = expected.took.map(|took| took.as_micros() as u64 * 11 / 10);
    let began = Instant::now();
    while tally.total() < wanted {
        for (way, name) in [(Way::Up, "up"), (Way::Down, "down")] {
            // A run that resumes after a kill may be killed as well, up to three times in a row.
            let row = 1 + random.below(3);
            for _ in 0..row {
                let longest = &mut longest[way as usize];
                let wait = Duration::from_micros(random.below((*longest).max(16)));
                // Balanced where four of five strikes hit, at any moment of a run.
                if strike(&project, way, wait) {
                    tally.kill(name, left(&project, way));
                    *longest += *longest / 16;
                } else {
                    misses += 1;
                    *longest -= *longest / 4;
                }
            }
            let told = format!("{} kills, {misses} misses, on the way {name}", tally.total());
            let healed = heal(&project, way, &told);
            // On a machine that has become slower, no kill would come late enough.
            longest[way as usize] = longest[way as usize].max(healed.as_micros() as u64);
            tally.heal(healed);
            expected.check(&project, way, &told);
        }
        assert!(misses < 20 * wanted + 100, "the runs end before they can be killed");
    }
    heal(&project, Way::Up, "in the end");
    expected.check_whole(&project, Way::Up, "in the end");
    // The kills left no lock, and nothing half done.
    project.runner("status --exit-code").succeeds();
    println!("{:?}: {misses} runs had ended before; {:.0} s", engine, began.elapsed().as_secs_f64());
    tally
}

for_each_engine! {
    fn killed_at_random(engine) {
        at_random(engine);
    }
}
