//! Waiting, heeding and stopping, on a database of SQLite's.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::orders::{EVERYTHING, Order};
use super::*;
use crate::database::{ConnectOptions, DatabaseUrl, TransactionOptions, connect};
use crate::engine::history::{self, History};
use crate::error::ErrorKind;

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

fn migration(mode: RunMode) -> Migration {
    Migration { revision: "2".to_owned(), direction: Direction::Up, mode }
}

fn control(throttle: Throttle, heard: &Arc<Heard>, stop: &StopSignal) -> RunControl {
    let about = About { run_id: "run".to_owned(), owner: "ann".to_owned() };
    RunControl::new(about, throttle, heard.clone(), stop.clone())
}

fn order(scope: &str) -> Order<'_> {
    Order { scope, by: "ann@db1", why: Some("month end") }
}

/// Makes the last look old.
fn age(control: &RunControl) {
    control.state().looked = Instant::now().checked_sub(Duration::from_secs(60));
}

fn chunk(rows: u64, took: Duration) -> Chunk {
    Chunk { rows_read: rows, rows_written: rows, took }
}

#[tokio::test]
async fn a_cancel_counts_for_runs_that_were_there() {
    let mut database = database().await;
    for scope in [EVERYTHING, "2", "3"] {
        orders::cancel(&mut database.host(), order(scope)).await.expect("cancelled");
    }
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let control = control(Throttle::default(), &heard, &stop);
    // What was said before it began is not for it, nor what is said about another.
    control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    orders::cancel(&mut database.host(), order("3")).await.expect("cancelled");
    age(&control);
    control.before_chunk(&mut *database).await.expect("not for it");
    orders::cancel(&mut database.host(), order("2")).await.expect("cancelled");
    // At most once a second somebody looks.
    control.before_chunk(&mut *database).await.expect("nobody looked");
    age(&control);
    let error = control.before_chunk(&mut *database).await.expect_err("cancelled");
    assert_eq!(error.kind, ErrorKind::Terminated);
    assert_eq!(error.causes, ["by ann@db1: month end"]);
    assert_eq!(stop.reason(), Some(StopReason::Cancelled));
    // Told once, however often it goes through here.
    assert_eq!(control.explain(error).causes.len(), 1);
}

#[tokio::test]
async fn a_pause_holds_until_it_is_over_or_the_run_is_to_stop() {
    let mut database = database().await;
    orders::pause(&mut database.host(), order(EVERYTHING)).await.expect("paused");
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
    orders::resume(&mut database.host(), EVERYTHING).await.expect("resumed");
    let control = self::control(Throttle::default(), &heard, &StopSignal::default());
    control.begin(&mut *database, migration(RunMode::Atomic)).await.expect("nothing holds it");
    assert!(heard.0.lock().expect("heard").is_empty());
}

#[tokio::test]
async fn what_is_one_transaction_waits_for_nothing() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let throttle = Throttle { batch_delay: Some(Duration::from_secs(3600)), ..Throttle::default() };
    let control = control(throttle, &heard, &stop);
    control.begin(&mut *database, migration(RunMode::Atomic)).await.expect("begun");
    orders::pause(&mut database.host(), order(EVERYTHING)).await.expect("paused");
    database.begin(TransactionOptions::default()).await.expect("a transaction");
    control.transform("t", 0, 0, None).expect("the file's settings are passed over");
    assert!(matches!(&heard.0.lock().expect("heard")[0], Event::Log { level: Level::Warning, .. }));
    control.chunk_done(chunk(10, Duration::ZERO));
    age(&control);
    assert!(!control.may_wait());
    control.before_chunk(&mut *database).await.expect("it goes on");
    assert_eq!(control.chunk_rows(100), 100);
}

#[tokio::test]
async fn bounds_on_rows_hold_the_next_chunk() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let throttle = Throttle { max_rows_per_second: Some(100), ..Throttle::default() };
    let control = control(throttle.clone(), &heard, &stop);
    control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    control.transform("t", 0, 0, Some(Total::counted(1_000))).expect("begun");
    assert_eq!((control.chunk_rows(10), control.chunk_rows(16_384)), (10, 100));
    // Ten rows in a tenth of a second are as many as may be.
    let now = Instant::now();
    control.state().chunk_done(&throttle, chunk(10, Duration::from_millis(100)), now);
    assert_eq!(control.state().hold(&throttle, now), None);
    // A hundred more at once are a second too many; two workers share the second.
    control.state().chunk_done(&throttle, chunk(50, Duration::ZERO), now);
    control.state().chunk_done(&throttle, chunk(50, Duration::ZERO), now);
    let hold = control.state().hold(&throttle, now).expect("too many");
    assert_eq!((hold.name(), control.state().nap(&hold, now)), ("max-rows-per-second", Duration::from_secs(1)));
    assert_eq!(control.state().hold(&throttle, now + Duration::from_secs(1)), None);
    // What was waited is not saved up.
    let later = now + Duration::from_secs(3600);
    control.state().chunk_done(&throttle, chunk(100, Duration::ZERO), later);
    let hold = control.state().hold(&throttle, later).expect("too many");
    assert_eq!(control.state().nap(&hold, later), Duration::from_secs(1));
}

#[tokio::test]
async fn others_see_how_far_a_run_is() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let control = control(Throttle::default(), &heard, &stop);
    control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    control.transform("t", 5, 1, Some(Total { rows: 50, is_estimate: true })).expect("begun");
    control.chunk_done(chunk(10, Duration::ZERO));
    control.retried("a deadlock");
    // Short runs write nothing.
    control.before_chunk(&mut *database).await.expect("it goes on");
    assert!(store::read(&mut database.host()).await.expect("rows").is_empty());
    age(&control);
    control.before_chunk(&mut *database).await.expect("it goes on");
    let rows = store::read(&mut database.host()).await.expect("rows");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.rows_done, row.chunks, row.retries), (15, 2, 1));
    assert_eq!((row.total, row.transform.as_deref()), (Some(Total { rows: 50, is_estimate: true }), Some("t")));
    assert!(row.now >= row.beat_at && row.beat_at >= row.began_at);
    // In memory nobody has a lock, so that a run that says nothing more is lost.
    let overview = look::look_at_runs(&mut database.host(), &History::default()).await.expect("seen");
    assert_eq!(overview.runs.len(), 0, "what left nothing half done is of no interest");
    control.end(&mut *database, None).await.expect("ended");
    assert!(store::read(&mut database.host()).await.expect("rows").is_empty());
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
        assert!(store::read(&mut database.host()).await.expect("rows").is_empty(), "{mode:?} left nothing half done");
    }
    control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    control.transform("t", 0, 0, None).expect("begun");
    control.chunk_done(chunk(10, Duration::ZERO));
    control.end(&mut *database, Some(&error)).await.expect("ended");
    let rows = store::read(&mut database.host()).await.expect("rows");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row.held, Some((store::ENDED.to_owned(), "it broke".to_owned())));
    assert_eq!((row.owner.as_str(), row.rows_done, row.chunks), ("ann", 10, 1));
}

#[tokio::test]
async fn who_shares_tells_of_its_own_part() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    let control = control(Throttle::default(), &heard, &stop);
    control.begin_sharing(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
    control.transform("t", 500, 50, Some(Total::counted(1_000))).expect("begun");
    control.chunk_done(chunk(10, Duration::ZERO));
    control.saw(700);
    age(&control);
    control.before_chunk(&mut *database).await.expect("it goes on");
    let rows = store::read(&mut database.host()).await.expect("rows");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.shares, row.rows_done, row.chunks, row.total), (true, 10, 1, None));
    assert_eq!(row.is_connected, None, "a session that works may end before its run does");
}

#[tokio::test]
async fn another_run_clears_what_is_dead() {
    let mut database = database().await;
    let (heard, stop) = (Arc::new(Heard::default()), StopSignal::default());
    for run_id in ["first", "second"] {
        let about = About { run_id: run_id.to_owned(), owner: "ann".to_owned() };
        let control = RunControl::new(about, Throttle::default(), heard.clone(), stop.clone());
        control.begin(&mut *database, migration(RunMode::Stepwise)).await.expect("begun");
        age(&control);
        control.before_chunk(&mut *database).await.expect("it goes on");
        control.end(&mut *database, Some(&Error::failed("it broke"))).await.expect("ended");
    }
    let rows = store::read(&mut database.host()).await.expect("rows");
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.run_id.as_str(), row.held.clone()), ("second", Some(("ended".to_owned(), "it broke".to_owned()))));
}
