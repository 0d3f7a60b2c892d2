//! A kill before and after every step, and before and after the commit of every chunk, until a run completes. Only
//! the program knows how many crash points there are.

use runner_tests::{Engine, for_each_engine};

use super::reference::{Expected, Way, heal, project};
use super::tally::{Left, Tally, in_lanes, lanes, left};

/// Rows of the table, in chunks of eight.
const ROWS: u64 = 40;

fn every_moment(engine: Engine) {
    let expected = Expected::learn(engine, ROWS);
    let tally = in_lanes(|lane| every_moment_of(engine, &expected, lane));
    // About 20 steps, and four transforms of five chunks.
    assert!(tally.total() > 80, "{} kills", tally.total());
    assert!(tally.left(Left::Part) > 70, "{} kills left a part", tally.left(Left::Part));
    tally.tell();
}

/// The crash points assigned to a lane.
fn every_moment_of(engine: Engine, expected: &Expected, lane: usize) -> Tally {
    let project = project(engine, ROWS);
    let mut tally = Tally::new("every moment", &project);
    let mut open = [true, true];
    for moment in (lane + 1..).step_by(lanes()) {
        for (way, name) in [(Way::Up, "up"), (Way::Down, "down")] {
            let told = format!("killed at moment {moment} on the way {name}");
            if open[way as usize] {
                open[way as usize] = project.dies_at(way.line(), moment);
            }
            if open[way as usize] {
                tally.kill(name, left(&project, way));
                tally.heal(heal(&project, way, &told));
            } else {
                // It completed, now or before; the other direction may have crash points left.
                heal(&project, way, &told);
            }
            // Rows are always compared, the schema only sometimes.
            if (moment / lanes()).is_multiple_of(4) {
                expected.check_whole(&project, way, &told);
            } else {
                expected.check(&project, way, &told);
            }
        }
        if open == [false, false] {
            break;
        }
    }
    tally
}

for_each_engine! {
    fn killed_at_every_crash_point(engine) {
        every_moment(engine);
    }
}
