//! `runner test`

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Instant;

use super::context::Context;
use super::request::{GlobalRequest, TestRequest};
use super::test_runs::{Catalogs, TestRuns};
use super::{exit, signals};
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_database::{DatabaseUrl, StopSignal, Unset};
use runner_engine::identity::Identity;
use runner_engine::target::Candidates;
use runner_project::{Catalog, Checks, Origin, fixtures};
use runner_report::json::TestJson;
use runner_report::{Format, junit, text};
use runner_testing::dump::Ignore;
use runner_testing::migration_tests::{DatabaseReport, MigrationTest, TestRunner};

/// Tests migrations on every configured database, in parallel.
pub fn run(context: Context, global: &GlobalRequest, request: TestRequest) -> Result<u8> {
    let began = Instant::now();
    let (catalog, lines) = context.catalog_for_now(request.locked)?;
    let tests = Arc::new(fixtures::load(&context.settings, &catalog)?);
    let chosen = Arc::new(chosen(&catalog, &request.revisions)?);
    let urls = databases(&context)?;
    let mut catalogs = Catalogs::new();
    for url in &urls {
        let checks = Checks { locked: request.locked, dialect: Some(url.dialect()), ..Checks::default() };
        catalogs.insert(url.dialect(), Arc::new(Catalog::load_with(&context.settings, checks, &lines.0)?));
    }
    let context = Arc::new(context);
    let test = &context.settings.test;
    let ignore = Ignore { rows: test.ignore_rows.clone(), schema: test.ignore_schema.clone() };
    let stop = StopSignal::default();
    signals::watch(&context.printer, &stop, None)?;
    let now = Identity::now();
    let inputs = (now.run_timestamp, now.seed);
    let runs = TestRuns::new(context.clone(), global, catalogs.clone(), inputs, request.jobs, stop.clone())?;
    let runs: Arc<dyn TestRunner> = Arc::new(runs);
    let trials = urls.into_iter().map(|url| {
        let printer = context.printer.clone();
        MigrationTest {
            options: TestRuns::options(&context, url.dialect()),
            catalog: catalogs.get(&url.dialect()).cloned().unwrap_or_default(),
            url,
            tests: tests.clone(),
            chosen: chosen.clone(),
            ignore: ignore.clone(),
            crash: request.crash,
            runs: runs.clone(),
            hears: Arc::new(move |database, migration| {
                if printer.format() == Format::Text {
                    printer.data(&text::tested(database, migration));
                }
            }),
            stop: stop.clone(),
        }
    });
    let reports = side_by_side(trials.collect())?;
    if let Some(file) = &request.junit {
        write(file, &context.printer.without_secrets(&junit::document(&reports)))?;
    }
    match context.printer.format() {
        Format::Json => context.printer.json(&TestJson::new(&reports, request.crash, began.elapsed())),
        Format::Text => {
            for error in reports.iter().filter_map(|report| report.error.as_ref()) {
                context.printer.always(&runner_report::error::error(error));
            }
            context.printer.info(&text::test_summary(&reports, began.elapsed()));
        }
    }
    Ok(code(&reports))
}

/// Runs each test on its own thread, so that one that computes does not block the others.
fn side_by_side(trials: Vec<MigrationTest>) -> Result<Vec<DatabaseReport>> {
    std::thread::scope(|scope| {
        let spawn = |test: MigrationTest| {
            let thread = Builder::new().name("test".to_owned()).stack_size(runtime::STACK);
            thread.spawn_scoped(scope, move || runtime::run(async move { Ok(test.run().await) }))
        };
        let threads: Vec<_> = trials.into_iter().map(spawn).collect();
        let ended = |_| Err(Error::failed("a test thread panicked"));
        let joined = threads.into_iter().map(|thread| match thread {
            Ok(thread) => thread.join().unwrap_or_else(ended),
            Err(error) => Err(Error::failed("cannot start a thread").cause(error)),
        });
        joined.collect()
    })
}

/// The exit code of the first error, such as a signal; otherwise 1 if a test failed.
fn code(reports: &[DatabaseReport]) -> u8 {
    let ended = reports.iter().find_map(|report| report.error.as_ref()).map(exit::code);
    let failed = reports.iter().any(|report| report.error.is_none() && !report.passed());
    ended.unwrap_or(if failed { exit::code(&Error::failed("a test failed")) } else { exit::DONE })
}

/// The revisions to test: the given ones, or all.
fn chosen(catalog: &Catalog, named: &[String]) -> Result<BTreeSet<String>> {
    let all = || catalog.migrations.iter().map(|migration| (migration.revision.as_str(), migration.name.as_str()));
    if named.is_empty() {
        return Ok(all().map(|(revision, _)| revision.to_owned()).collect());
    }
    let candidates: Candidates<'_> = all().collect();
    named.iter().map(|text| candidates.resolve(text).map(str::to_owned)).collect()
}

/// Where to create scratch databases: the URL of the command line, those of `[test]`, or next to a SQLite database. Never on a
/// server that was configured for other purposes.
fn databases(context: &Context) -> Result<Vec<DatabaseUrl>> {
    let url = &context.settings.database_url;
    if matches!(url.origin, Origin::Flag(_)) {
        return Ok(vec![url.value.clone()]);
    }
    let urls: Vec<DatabaseUrl> = context.settings.test.urls.clone()?.into_iter().map(|url| url.value).collect();
    if !urls.is_empty() {
        return Ok(urls);
    }
    if !url.value.dialect().has_server() {
        if !matches!(url.value.unset(), Some(Unset::Url)) {
            url.value.check_set().map_err(|error| context.place(error.into()))?;
        }
        return Ok(vec![url.value.clone()]);
    }
    Err(context.place(
        Error::usage("no server is configured for scratch databases")
            .hint("`runner test --database-url URL` creates one on that server and drops it afterwards")
            .hint("or list servers in `runner.toml`: `[test]` with `urls = [\"postgres://…\", \"sqlite:scratch\"]`"),
    ))
}

fn write(file: &Path, document: &str) -> Result<()> {
    std::fs::write(file, document).map_err(|error| {
        Error::failed(format!("cannot write `{}`", file.display()))
            .cause(error)
            .hint("the tests completed; pass another path to `--junit`")
    })
}
