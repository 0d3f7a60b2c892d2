//! A transform with many workers on a clock of the test, which drives the real [`Claimant`]: how the frontier limits them, and what
//! is done again when they die or hang. `docs/src/guide/scale.md` quotes its numbers.
//!
//! One connection plays all workers, one event at a time. What a server would do is played too: the frontier's row is locked for
//! the time of a claim, a chunk's row for as long as its worker lives, and a row that is locked is not offered to others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::path::Path;

use super::*;
use crate::call::transform::TransformSpec;
use crate::journal::store;
use crate::{Direction, history};
use runner_data::ColumnType;
use runner_database::{
    ConnectOptions, Database, DatabaseUrl, TableName, TableSource, TableTarget, TransactionOptions, WriteMode,
};
use runner_drivers::connect;

const RUN: Run = Run { history: 1, direction: Direction::Up };

/// Rows of a chunk.
const ROWS: u64 = 16_384;

/// One millisecond of the test's clock.
const MS: i64 = 1_000;

/// What happens.
struct Scenario {
    workers: usize,
    chunks: u64,
    /// How long a claim keeps the frontier locked.
    claim: i64,
    /// How long a chunk takes.
    work: i64,
    /// Of 1,000 chunks, how many kill their worker halfway.
    deaths: u64,
    /// Of 1,000 chunks, how many hang for ten minutes; the server ends the session meanwhile.
    hangs: u64,
    /// How long the server takes to notice that a worker is gone.
    notices: i64,
    /// How long a worker takes to start again.
    restart: i64,
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    /// The time until every chunk was done.
    took: i64,
    /// The same until all chunks were cut.
    cut: i64,
    taken_over: u64,
    /// Commits that were refused, since another worker had taken the chunk over.
    refused: u64,
}

enum State {
    /// It has no chunk, and looks for an abandoned one first if it is new.
    Free { is_new: bool },
    /// It works on a chunk until the time of its event.
    Working(ClaimedChunk),
    /// It hung with a chunk, and continues as if nothing had happened.
    Hanging(ClaimedChunk),
}

struct Simulation {
    scenario: Scenario,
    database: Box<dyn Database>,
    /// The state of a linear congruential generator (Knuth's MMIX).
    random: u64,
    claimants: Vec<Claimant>,
    states: Vec<State>,
    events: BinaryHeap<Reverse<(i64, usize)>>,
    /// Until when the frontier is locked.
    frontier: i64,
    /// Chunks whose worker is gone: from when on others may take each over.
    abandoned: BTreeMap<u64, i64>,
    done: BTreeSet<u64>,
    outcome: Outcome,
}

/// Plays a scenario to its end.
async fn play(scenario: Scenario) -> Outcome {
    let mut it = Simulation::new(scenario).await;
    while let Some(Reverse((time, worker))) = it.events.pop() {
        it.step(time, worker).await;
    }
    it.end().await
}

impl Simulation {
    async fn new(scenario: Scenario) -> Self {
        let url = DatabaseUrl::parse("sqlite::memory:", Path::new("/")).expect("a URL");
        let mut database = connect(&url, &ConnectOptions::creating()).await.expect("a database");
        let mut session = database.host();
        let host = &mut session;
        history::ensure(host).await.expect("tables");
        let bound = Some(vec![Value::Int64((scenario.chunks * ROWS) as i64)]);
        let table = TableName::new("t");
        let key = vec!["id".to_owned()];
        let source = TableSource {
            table: table.clone(),
            columns: Vec::new(),
            key: key.clone(),
            filter: None,
            parameters: Vec::new(),
            descending: false,
        };
        let target = TableTarget { table, mode: WriteMode::Update, key };
        let spec = TransformSpec { name: "t".to_owned(), source, target, bound: bound.clone() };
        let position = Position { bound, last: None, types: vec![Some(ColumnType::Int64)] };
        host.change(&store::checkpoint_begun(RUN, 1, &spec, &position)).await.expect("a checkpoint");
        drop(session);
        let claimant = |worker: usize| {
            let role = if worker == 0 { ChunkRole::Leader } else { ChunkRole::Helper };
            let owner = Owner { id: format!("w{worker}"), ..Owner::new("run", "me@here", role) };
            Claimant { run: RUN, step: 1, owner, build: None }
        };
        Self {
            claimants: (0..scenario.workers).map(claimant).collect(),
            states: (0..scenario.workers).map(|_| State::Free { is_new: true }).collect(),
            events: (0..scenario.workers).map(|worker| Reverse((0, worker))).collect(),
            random: 7,
            frontier: 0,
            abandoned: BTreeMap::new(),
            done: BTreeSet::new(),
            outcome: Outcome::default(),
            database,
            scenario,
        }
    }

    /// What a worker does at its time.
    async fn step(&mut self, time: i64, worker: usize) {
        let is_over = self.done.len() as u64 == self.scenario.chunks;
        match std::mem::replace(&mut self.states[worker], State::Free { is_new: false }) {
            State::Free { .. } if is_over => {}
            // The row of the frontier is free for one at a time.
            State::Free { is_new } if time < self.frontier => {
                self.states[worker] = State::Free { is_new };
                self.events.push(Reverse((self.frontier, worker)));
            }
            State::Free { is_new } => self.claim(time, worker, is_new).await,
            State::Working(chunk) => {
                self.random =
                    self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let fate = (self.random >> 33) % 1_000;
                if fate < self.scenario.deaths {
                    self.abandon(time, &chunk);
                    self.states[worker] = State::Free { is_new: true };
                    self.events.push(Reverse((time + self.scenario.restart, worker)));
                } else if fate < self.scenario.deaths + self.scenario.hangs {
                    self.abandon(time, &chunk);
                    self.states[worker] = State::Hanging(chunk);
                    self.events.push(Reverse((time + 600_000 * MS, worker)));
                } else {
                    self.finish(time, worker, &chunk).await;
                    self.events.push(Reverse((time, worker)));
                }
            }
            State::Hanging(chunk) => {
                self.finish(time, worker, &chunk).await;
                self.events.push(Reverse((time, worker)));
            }
        }
    }

    /// The server notices that no session holds the chunk, and its lease, which began with the claim, ends.
    fn abandon(&mut self, time: i64, chunk: &ClaimedChunk) {
        let claimed = time - self.scenario.work;
        self.abandoned.insert(chunk.number, (time + self.scenario.notices).max(claimed + LEASE_MICROSECONDS));
    }

    async fn claim(&mut self, time: i64, worker: usize, is_new: bool) {
        let all_cut = self.outcome.cut > 0;
        let mut chunk = None;
        // A thousand who wait for the last chunks ask ten times a second: only where there is something to find.
        let is_left = self.abandoned.values().any(|from| *from <= time);
        if is_new || all_cut && is_left {
            self.show_leases(time).await;
            let host = &mut self.database.host();
            chunk = self.claimants[worker].take_over(host).await.expect("a look");
            if let Some(chunk) = &chunk {
                assert!(self.abandoned.remove(&chunk.number).is_some(), "chunk {} is being worked on", chunk.number);
                self.outcome.taken_over += 1;
            }
        }
        if chunk.is_none() && !all_cut {
            chunk = self.cut(time, worker).await;
        }
        let Some(chunk) = chunk else {
            // As `LOOK_AGAIN`.
            self.events.push(Reverse((time + 100 * MS, worker)));
            return;
        };
        // Its row is locked from now on.
        self.lease(&[chunk.number], i64::MAX).await;
        self.frontier = time + self.scenario.claim;
        self.states[worker] = State::Working(chunk);
        self.events.push(Reverse((self.frontier + self.scenario.work, worker)));
    }

    async fn cut(&mut self, time: i64, worker: usize) -> Option<ClaimedChunk> {
        let host = &mut self.database.host();
        let frontier = self.claimants[worker].frontier(host, FrontierLock::Wait).await.expect("a look")?;
        frontier.position.bound.as_ref()?;
        let next = (frontier.chunks + 1) * ROWS;
        let to = Some(vec![Value::Int64(next as i64)]);
        let is_last = frontier.chunks + 1 == self.scenario.chunks;
        let (chunk, changes) = self.claimants[worker].cut(frontier, (to, Some(ROWS), is_last), &Effect::default());
        for change in &changes {
            host.change(change).await.expect("a claim");
        }
        if is_last {
            self.outcome.cut = time;
        }
        Some(chunk)
    }

    async fn finish(&mut self, time: i64, worker: usize, chunk: &ClaimedChunk) {
        let host = &mut self.database.host();
        host.begin(TransactionOptions::default()).await.expect("a transaction");
        let effect = Effect { rows_read: ROWS, rows_written: ROWS };
        match host.commit_with(&[self.claimants[worker].completed(chunk, &effect)]).await {
            Ok(()) => {
                assert!(self.done.insert(chunk.number), "chunk {} took effect twice", chunk.number);
                self.abandoned.remove(&chunk.number);
                self.outcome.took = self.outcome.took.max(time);
            }
            Err(error) if error.is_unexpected_rows() => self.outcome.refused += 1,
            Err(error) => panic!("{error}"),
        }
    }

    /// Gives abandoned chunks a lease that is over, if it is on the test's clock.
    async fn show_leases(&mut self, time: i64) {
        let over: Vec<u64> =
            self.abandoned.iter().filter(|(_, from)| **from <= time).map(|(number, _)| *number).collect();
        self.lease(&over, 0).await;
    }

    async fn lease(&mut self, chunks: &[u64], until: i64) {
        let host = &mut self.database.host();
        for chunk in chunks {
            let text =
                format!("UPDATE runner_chunk SET lease_until = {until} WHERE number = {chunk} AND state = 'claimed'");
            host.execute(&text, &[]).await.expect("a lease");
        }
    }

    async fn end(mut self) -> Outcome {
        assert_eq!(self.done.len() as u64, self.scenario.chunks, "a chunk is left");
        let host = &mut self.database.host();
        let totals = self.claimants[0].totals(host).await.expect("totals");
        assert_eq!((totals.chunks, totals.rows_read), (self.scenario.chunks, self.scenario.chunks * ROWS));
        assert!(!self.claimants[0].has_claimed(host).await.expect("a look"));
        let checkpoint = store::checkpoint(host, RUN, 1).await.expect("a checkpoint");
        check(host, RUN, 1, &checkpoint, true).await.expect("consecutive, each as it was written");
        self.outcome
    }
}

fn calm(workers: usize, chunks: u64) -> Scenario {
    Scenario { workers, chunks, claim: 2 * MS, work: 200 * MS, deaths: 0, hangs: 0, notices: 0, restart: 5_000 * MS }
}

/// The frontier is one row: a claim of 2 ms lets at most 500 chunks a second begin, and chunks of 200 ms keep 101 workers busy.
/// More of them only wait.
#[tokio::test]
async fn the_frontier_limits_how_many_workers_are_of_use() {
    let chunks = 1_000;
    for workers in [10, 100, 1_000] {
        let outcome = play(calm(workers, chunks)).await;
        let by_work = chunks as i64 * 202 * MS / workers as i64;
        let by_frontier = chunks as i64 * 2 * MS;
        let least = by_work.max(by_frontier);
        // All begin at once, and the last chunk ends after the others.
        let most = least + (202 + 2 * workers.min(101) as i64) * MS;
        assert!((least..=most).contains(&outcome.took), "{workers}: {least}..={most}, {outcome:?}");
        assert_eq!((outcome.taken_over, outcome.refused), (0, 0));
    }
}

/// A thousand workers, of which one chunk in fifty costs one its life, and one in two hundred hangs until the server has ended its
/// session: every chunk takes effect once, and the end waits for the last lease.
#[tokio::test]
async fn a_thousand_workers_die_and_hang_and_each_chunk_takes_effect_once() {
    let scenario = Scenario { deaths: 20, hangs: 5, notices: 30_000 * MS, ..calm(1_000, 3_000) };
    let (least, restart) = (3_000 * 2 * MS, scenario.restart);
    let outcome = play(scenario).await;
    assert!(outcome.taken_over > 30, "{outcome:?}");
    assert!(outcome.refused > 3, "those that hung came back: {outcome:?}");
    // What dies last is noticed after 30 s; what dies when it was taken over costs as much once more.
    let rounds = 4 * (30_000 * MS + restart);
    assert!((least..least + rounds).contains(&outcome.took), "{outcome:?}");
}
