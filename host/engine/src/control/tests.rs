//! Waiting, obeying requests and stopping, on SQLite.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::requests::{ControlRequest, EVERYTHING};
use super::*;
use crate::history::{self, History};
use runner_base::error::ErrorKind;
use runner_database::{ConnectOptions, DatabaseUrl, TransactionOptions};
use runner_drivers::connect;

#[derive(Default)]
struct Heard(Mutex<Vec<Event>>);

impl EventSink for Heard {
    fn emit(&self, event: &Event) {
        self.0.lock().expect("heard").push(event.clone());
    }
}

async fn database() -> Box<dyn Database> {
    let url = DatabaseUrl::parse("sqlite::memory:", Path::new("/")).expect("a URL");
    let mut database = connect(&url, &ConnectOptions::creating()).await.expect("a database");
    history::ensure(&mut database.host()).await.expect("the tables");
    database
}

fn migration(mode: RunMode) -> RunningMigration {
    RunningMigration { revision: "2".to_owned(), direction: Direction::Up, mode, resumed: None }
}

fn control(throttle: Throttle, heard: &Arc<Heard>, stop: &StopSignal) -> RunControl {
    let about = RunInfo { run_id: "run".to_owned(), owner: "ann".to_owned() };
    RunControl::new(about, throttle, heard.clone(), stop.clone())
}

fn request(scope: &str) -> ControlRequest<'_> {
    ControlRequest { scope, by: "ann@db1", why: Some("month end") }
}

/// Makes the last poll stale.
fn age(control: &RunControl) {
    control.state().looked = Instant::now().checked_sub(Duration::from_secs(60));
}

/// Makes the last poll a recent one, however long this process is suspended: its age is zero for an hour.
fn has_just_looked(control: &RunControl) {
    control.state().looked = Some(Instant::now() + Duration::from_secs(3600));
}

fn chunk(rows: u64) -> CommittedChunk {
    CommittedChunk { rows_read: rows, rows_written: rows }
}

#[tokio::test]
async fn a_cancel_applies_to_active_runs_only() {
    let mut database = database().await;
    for scope in [EVERYTHING, "2", "3"] {
        requests::cancel(&mut database.host(), request(scope)).await.expect("cancelled");
    }
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let control = control(Throttle::default(), &heard, &stop);
    // Cancels from before it began do not apply to it, nor do those of other revisions.
    control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    requests::cancel(&mut database.host(), request("3")).await.expect("cancelled");
    age(&control);
    control.before_chunk(&mut *database).await.expect("not for it");
    requests::cancel(&mut database.host(), request("2")).await.expect("cancelled");
    // The control polls at most once a second.
    has_just_looked(&control);
    control.before_chunk(&mut *database).await.expect("no look yet");
    age(&control);
    let error = control.before_chunk(&mut *database).await.expect_err("cancelled");
    assert_eq!(error.kind, ErrorKind::Terminated);
    assert_eq!(error.causes, ["by ann@db1: month end"]);
    assert_eq!(stop.reason(), Some(StopReason::Cancelled));
    // Reported once, however often the error passes through here.
    assert_eq!(control.explain(error).causes.len(), 1);
}

/// A rollback runs under the spelling of the history, and the operator's request has that of the project.
#[test]
fn a_request_reaches_a_run_that_spells_the_revision_otherwise() {
    let by = || Some(("ann".to_owned(), None));
    let scope = |cancels| requests::ScopeState { scope: "0001".to_owned(), pause: None, cancels, cancelled: by() };
    let began = || {
        let mut state = ControlState::default();
        state.start(&[scope(1)]);
        state
    };
    let mut state = began();
    state.begin(RunningMigration { revision: "1".to_owned(), ..migration(RunMode::Stepwise) });
    assert_eq!(state.apply_requests(Some(vec![scope(1)])).0, None);
    assert_eq!(state.apply_requests(Some(vec![scope(2)])).0, by());
    let mut state = began();
    state.planned = vec!["2".to_owned(), "1".to_owned()];
    assert_eq!(state.apply_requests(Some(vec![scope(2)])).0, by());
    state.planned.pop();
    assert_eq!(state.apply_requests(Some(vec![scope(2)])).0, None);
}

#[tokio::test]
async fn a_pause_holds_until_it_is_over_or_the_run_is_to_stop() {
    let mut database = database().await;
    requests::pause(&mut database.host(), request(EVERYTHING)).await.expect("paused");
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let control = control(Throttle::default(), &heard, &stop);
    let (error, ()) = tokio::join!(control.begin(&mut *database, migration(RunMode::Atomic)), async {
        while heard.0.lock().expect("heard").is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.raise(StopReason::Interrupt);
    });
    assert_eq!(error.expect_err("stopped").kind, ErrorKind::Interrupted);
    let events = std::mem::take(&mut *heard.0.lock().expect("heard"));
    assert!(
        matches!(&events[..], [Event::Held { reason: "paused", text, is_pause: true, .. }] if text.contains("(month end)")),
        "{events:?}"
    );
    requests::resume(&mut database.host(), EVERYTHING).await.expect("resumed");
    let control = self::control(Throttle::default(), &heard, &StopSignal::default());
    control.begin(&mut *database, migration(RunMode::Atomic)).await.expect("nothing holds it");
    assert!(heard.0.lock().expect("heard").is_empty());
}

#[tokio::test]
async fn an_atomic_migration_never_waits() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let throttle = Throttle { batch_delay: Some(Duration::from_secs(3600)), ..Throttle::default() };
    let control = control(throttle, &heard, &stop);
    control.begin(&mut *database, migration(RunMode::Atomic)).await.expect("begun");
    requests::pause(&mut database.host(), request(EVERYTHING)).await.expect("paused");
    database.host().begin(TransactionOptions::default()).await.expect("a transaction");
    control.transform("t", 0, 0, None).expect("the file's settings are ignored");
    assert!(matches!(&heard.0.lock().expect("heard")[0], Event::Log { level: LogLevel::Warning, .. }));
    control.chunk_done(chunk(10));
    age(&control);
    assert!(!control.may_wait());
    control.before_chunk(&mut *database).await.expect("it continues");
    assert_eq!(control.chunk_rows(100, 1), 100);
}

#[tokio::test]
async fn a_limit_on_rows_delays_the_next_chunk() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let throttle = Throttle { max_rows_per_second: Some(100), ..Throttle::default() };
    let control = control(throttle.clone(), &heard, &stop);
    control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    control.transform("t", 0, 0, Some(Total::counted(1_000))).expect("begun");
    assert_eq!((control.chunk_rows(3, 1), control.chunk_rows(16_384, 1), control.chunk_rows(16_384, 5)), (3, 5, 1));
    control.chunk_rows(16_384, 1);
    let now = Instant::now();
    control.state().chunk_done(&throttle, chunk(5), now);
    let hold = control.state().hold(&throttle, now).expect("a pause");
    assert_eq!(hold.name(), "max-rows-per-second");
    let nap = control.state().recheck_after(&hold, now);
    assert!(nap >= Duration::from_millis(50), "{nap:?}");
    assert_eq!(control.state().hold(&throttle, now + nap), None);
}

#[tokio::test]
async fn observers_see_the_progress_of_a_run() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let control = control(Throttle::default(), &heard, &stop);
    control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    control.transform("t", 5, 1, Some(Total { rows: 50, is_estimate: true })).expect("begun");
    control.chunk_done(chunk(10));
    control.retried("a deadlock");
    // Short runs write no row.
    has_just_looked(&control);
    control.before_chunk(&mut *database).await.expect("it continues");
    assert!(store::read(&mut database.host()).await.expect("rows").is_empty());
    age(&control);
    control.before_chunk(&mut *database).await.expect("it continues");
    let rows = store::read(&mut database.host()).await.expect("rows");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.rows_done, row.chunks, row.retries), (15, 2, 1));
    assert_eq!((row.total, row.transform.as_deref()), (Some(Total { rows: 50, is_estimate: true }), Some("t")));
    assert!(row.now >= row.beat_at && row.beat_at >= row.began_at);
    // An in-memory database has no lock, so a run that is not partial is lost.
    let overview = overview::read_runs(&mut database.host(), &History::default()).await.expect("seen");
    assert_eq!(overview.runs.len(), 0, "what left nothing partly done is not shown");
    control.end(&mut *database, None).await.expect("ended");
    assert!(store::read(&mut database.host()).await.expect("rows").is_empty());
}

/// Its first row is written a second after it began at the earliest, and on SQLite only between two chunks.
#[tokio::test]
async fn the_time_of_a_killed_run_counts_from_its_start() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let killed = control(Throttle::default(), &heard, &stop);
    killed.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    killed.state().began = Instant::now().checked_sub(Duration::from_secs(60));
    age(&killed);
    killed.before_chunk(&mut *database).await.expect("it continues");
    let rows = store::read(&mut database.host()).await.expect("rows");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let seen = row.beat_at - row.began_at;
    assert!(seen >= 60_000, "{seen} ms");
    // What is written later leaves the start as it is.
    age(&killed);
    killed.before_chunk(&mut *database).await.expect("it continues");
    assert_eq!(store::read(&mut database.host()).await.expect("rows")[0].began_at, row.began_at);
    // What history has of an attempt that failed does not count again when the next one is killed.
    killed.counted(&mut database.host()).await;
    age(&killed);
    killed.before_chunk(&mut *database).await.expect("it continues");
    let rows = store::read(&mut database.host()).await.expect("rows");
    assert!(rows[0].began_at >= row.began_at + 60_000, "{rows:?}");
    assert!(killed.state().began.is_some_and(|began| began.elapsed() < Duration::from_secs(60)));
}

#[tokio::test]
async fn a_run_says_why_it_ended_however_short_it_was() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let control = control(Throttle::default(), &heard, &stop);
    let error = Error::failed("it broke");
    for (mode, error) in [(RunMode::Atomic, Some(&error)), (RunMode::Stepwise, None)] {
        control.begin(&mut *database, migration(mode)).await.expect("begun");
        control.end(&mut *database, error).await.expect("ended");
        assert!(store::read(&mut database.host()).await.expect("rows").is_empty(), "{mode:?} left nothing partly done");
    }
    control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    control.transform("t", 0, 0, None).expect("begun");
    control.chunk_done(chunk(10));
    control.end(&mut *database, Some(&error)).await.expect("ended");
    let rows = store::read(&mut database.host()).await.expect("rows");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row.held, Some((store::ENDED.to_owned(), "it broke".to_owned())));
    assert_eq!((row.owner.as_str(), row.rows_done, row.chunks), ("ann", 10, 1));
}

#[tokio::test]
async fn a_sharing_run_reports_its_own_part() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let control = control(Throttle::default(), &heard, &stop);
    control.begin_sharing(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    control.transform("t", 500, 50, Some(Total::counted(1_000))).expect("begun");
    control.chunk_done(chunk(10));
    control.set_rows_done(700);
    age(&control);
    control.before_chunk(&mut *database).await.expect("it continues");
    let rows = store::read(&mut database.host()).await.expect("rows");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.shares, row.rows_done, row.chunks, row.total), (true, 10, 1, None));
    assert_eq!(row.is_connected, None, "a session that works may end before its run does");
}

#[tokio::test]
async fn another_run_deletes_the_rows_of_dead_runs() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    for run_id in ["first", "second"] {
        let about = RunInfo { run_id: run_id.to_owned(), owner: "ann".to_owned() };
        let control = RunControl::new(about, Throttle::default(), heard.clone(), stop.clone());
        control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
        age(&control);
        control.before_chunk(&mut *database).await.expect("it continues");
        control.end(&mut *database, Some(&Error::failed("it broke"))).await.expect("ended");
    }
    let rows = store::read(&mut database.host()).await.expect("rows");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.run_id.as_str(), row.held.clone()), ("second", Some(("ended".to_owned(), "it broke".to_owned()))));
}

/// The row of an earlier leader holds how that run ended, and the run that leads now has written none of its own yet.
#[tokio::test]
async fn a_run_that_takes_the_lead_deletes_the_rows_of_earlier_leaders() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let run = |run_id: &str| {
        let about = RunInfo { run_id: run_id.to_owned(), owner: "ann".to_owned() };
        RunControl::new(about, Throttle::default(), heard.clone(), stop.clone())
    };
    let known = async |database: &mut dyn Database| {
        let rows = store::read(&mut database.host()).await.expect("rows");
        rows.into_iter().map(|row| row.run_id).collect::<Vec<_>>()
    };
    let first = run("first");
    first.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    first.transform("t", 0, 0, None).expect("begun");
    first.chunk_done(chunk(10));
    first.end(&mut *database, Some(&Error::failed("it broke"))).await.expect("ended");
    // A run that shares does not lead.
    let helper = run("helper");
    helper.begin_sharing(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    age(&helper);
    helper.before_chunk(&mut *database).await.expect("it continues");
    assert_eq!(known(&mut *database).await, ["first", "helper"]);

    run("second").begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    assert_eq!(known(&mut *database).await, ["helper"]);
}
