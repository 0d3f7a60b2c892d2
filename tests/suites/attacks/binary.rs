//! The same attacks through the binary: a project with a component under grants, or a migration in SQL.

use runner_attack::class::{Attacker, Attempt, GRANTS, Mode, Verb};
use runner_attack::{GUEST, Left};
use runner_tests::random::Random;
use runner_tests::text_guests::{ANSWER, RESULT, TextGuest};
use runner_tests::{Output, TestProject, project};

use super::{Place, vary};

/// How many attempts there are on each database.
const ATTEMPTS: usize = 40;

/// A project on that database.
fn prepared(place: &Place) -> TestProject {
    let mut project = project!();
    project.set_url(place.url().secret());
    project.write("migrations/0001_first.up.sql", "SELECT 1");
    project
}

/// Makes the attempt the project's next migration; `None` if a file or the component cannot make such calls.
fn migration(project: &TestProject, attempt: &Attempt, (mode, is_honest): (Mode, bool)) -> Option<()> {
    let by = attempt.class.by;
    let is_sql = |verb: &Verb| matches!(verb, Verb::Execute | Verb::Query | Verb::Read | Verb::Fail);
    if !attempt.calls.iter().all(|(verb, _)| is_sql(verb)) {
        return None;
    }
    let directory = format!("migrations/{}_{}", GUEST.0, GUEST.1);
    for file in ["up.sql", "wasm"] {
        let _ = std::fs::remove_file(project.file(&format!("{directory}.{file}")));
    }
    let mut settings = "[project]\nname = \"test\"\n".to_owned();
    if by.is_granted() {
        settings += &format!(
            "[grants.{}_{}]\nallow = {GRANTS:?}\nraw_sql = {}\nsuperuser = true\n",
            GUEST.0,
            GUEST.1,
            by == Attacker::GrantedSql
        );
    }
    project.write("runner.toml", settings);
    if by == Attacker::File {
        let texts: Vec<&str> = attempt.calls.iter().map(|(_, text)| text.as_str()).collect();
        let head = if mode == Mode::Stepwise { "-- runner:no-transaction\n" } else { "" };
        project.write(&format!("{directory}.up.sql"), format!("{head}{};\n", texts.join(";\n")));
        return Some(());
    }
    project.write(&format!("{directory}.wasm"), component(attempt, is_honest));
    Some(())
}

/// A component that makes the calls, and goes on after an error; if it is honest, it fails in the end if its last call did.
fn component(attempt: &Attempt, is_honest: bool) -> Vec<u8> {
    let (mut items, mut upgrade, mut at) = (String::new(), String::new(), 4096);
    for function in ["execute", "query"] {
        items += &format!(
            r#"(import "runner:migration/sql@0.1.0" "{function}" (func ${function} (param i32 i32 i32 i32 i32)))"#
        );
    }
    for (verb, text) in &attempt.calls {
        let function = match verb {
            Verb::Execute => "execute",
            Verb::Fail => {
                upgrade += &format!("(i32.store8 (i32.const {RESULT}) (i32.const 1)) (return (i32.const {RESULT}))");
                break;
            }
            _ => "query",
        };
        let bytes: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        items += &format!("(data (i32.const {at}) \"{bytes}\")");
        upgrade += &format!(
            "(call ${function} (i32.const {at}) (i32.const {}) (i32.const 0) (i32.const 0) (i32.const {ANSWER}))",
            text.len()
        );
        at += text.len();
    }
    if is_honest {
        upgrade += &format!("(i32.store8 (i32.const {RESULT}) (i32.load8_u (i32.const {ANSWER})))");
    }
    TextGuest::upgrading(&upgrade).with(&items).component()
}

/// Runs it as an operator would, and again if a part of it was done.
fn run(project: &TestProject, mode: Mode) -> Vec<Output> {
    let line = if mode == Mode::DryRun { "apply --dry-run" } else { "apply" };
    let apply = || project.runner(line);
    project.run(["build"]);
    let mut ran = vec![apply()];
    if ran[0].exit_code() == Some(6) {
        ran.push(apply());
    }
    ran
}

/// What the exit codes and the output claim.
fn left(ran: &[Output], mode: Mode) -> Left {
    let is_done = mode != Mode::DryRun && ran.iter().any(|output| output.exit_code() == Some(0));
    let said: Vec<String> = ran.iter().map(|output| format!("{}{}", output.stdout, output.stderr)).collect();
    let failed = ran.iter().zip(&said).filter(|(output, _)| output.exit_code() != Some(0));
    Left {
        done: is_done.then_some(GUEST).into_iter().collect(),
        some: !is_done && ran.last().is_some_and(|output| output.exit_code() == Some(6)),
        is_found: failed.into_iter().any(|(_, said)| said.contains("`runner_")),
        // The statements themselves may be in it.
        heard: Vec::new(),
    }
}

/// Tries them, each on a database that holds what it held before.
pub fn try_out(place: fn() -> Place) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut field = place();
        let mut arena = field.arena().await;
        let mut project = prepared(&field);
        let (mut tried, mut done, mut last) = (0, 0, String::new());
        for seed in 0.. {
            let (attempt, how) = vary::attempt(seed, &arena.classes(), field.url().dialect());
            if attempt.class.is_measured {
                continue;
            }
            let mode = if Random::new(seed).below(4) == 0 { Mode::DryRun } else { how.mode };
            if migration(&project, &attempt, (mode, seed % 2 == 0)).is_none() {
                continue;
            }
            let mut ran = Vec::new();
            let judged = arena.judge(&attempt, || {
                ran = run(&project, mode);
                left(&ran, mode)
            });
            let broken = judged.await.unwrap_or_else(|error| panic!("{error:#}"));
            let mut told = format!("seed {seed} {mode:?} {}\n{}\n", attempt.class.name, attempt.shown().join("\n"));
            ran.iter().for_each(|output| told += &output.to_string());
            assert!(broken.is_empty(), "{told}\n{}", broken.join("\n"));
            // A panic, a signal and a mismatch are no verdict about a migration.
            let is_verdict = |output: &Output| matches!(output.exit_code(), Some(0 | 1 | 2 | 6 | 7));
            assert!(ran.iter().all(|output| is_verdict(output) && !output.stderr.contains("panicked")), "{told}");
            tried += 1;
            last = told;
            done += usize::from(ran.iter().any(|output| output.exit_code() == Some(0)));
            if tried == ATTEMPTS {
                break;
            }
            if !arena.is_clean().await {
                let _ = arena.discard().await;
                field = place();
                arena = field.arena().await;
                project = prepared(&field);
            }
        }
        // Some are refused and some are harmless; if all were the same, the project would be wrong.
        assert!(0 < done && done < tried, "{done} of {tried} succeeded\n{last}");
        let _ = arena.discard().await;
    });
}
