//! The session of a run: its connection, the lock that it holds, and its transaction, which depend on one another. A session is replaced
//! with its lock, and never within a transaction; what ends a transaction proves that the lock is still held.

use sqlx::AssertSqlSafe;

use crate::assertion::OUT_OF_RANGE;
use crate::commit::{Outcome, Unit, text_of_changes};
use crate::error::{Result, from_sqlx, lost};
use crate::host_sql::{HostExecutor as _, LITERALS};
use crate::link::Link;
use crate::link::galera::Attempts;
use crate::link::work::note_loss;
use crate::lock::{Lock, Lost, gone};
use crate::transaction::{NO_SAVEPOINT, Over, Transaction};
use crate::types::parameters;
use runner_database::{Claims, Committed, DatabaseError, Part, Role, ToolChange, UnitOfWork};
use runner_sql::Isolation;

/// The session of a run, or that of a component's own login.
pub(crate) struct RunSession {
    /// The connection.
    pub link: Link,
    /// The lock; a component's own session has none.
    pub lock: Lock,
    /// The transaction.
    pub transaction: Transaction,
}

/// How much of a packet is left for what surrounds the changes.
const PACKET_MARGIN: usize = 64 << 10;

impl RunSession {
    /// A session without a lock and a transaction.
    pub fn of(link: Link) -> Self {
        Self { link, lock: Lock::default(), transaction: Transaction::default() }
    }

    /// Whether this is the session of a component's own login.
    pub fn is_gated(&self) -> bool {
        self.link.endpoint().is_of_login()
    }

    /// Whether a statement is whole by itself, as what the engine sends outside of a transaction is.
    pub fn is_whole(&self) -> bool {
        !self.transaction.is_open() && self.link.role() == Role::Host
    }

    /// Replaces the session if that is due and would not lose a transaction.
    pub async fn renew_if_due(&mut self) -> Result<()> {
        if self.link.is_over() && self.is_gated() {
            // Another session takes its place, with a ticket of its own.
            return Err(lost("the session of the component has ended"));
        }
        match self.link.is_over() && !self.transaction.is_open() {
            true => self.lock.renew(&mut self.link, Lost::Refused).await,
            false => Ok(()),
        }
    }

    /// Whether the session can still be used; fails if the run has lost its lease meanwhile. That of a component is not opened again.
    pub async fn is_alive(&mut self) -> Result<bool> {
        if self.is_gated() {
            return Err(lost("the session of the component is lost"));
        }
        let is_alive = !self.link.is_over() && self.link.work.one("SELECT 1").await.is_ok();
        if is_alive {
            self.lock.prove_lease(&mut self.link).await?;
        }
        Ok(is_alive)
    }

    /// Opens another connection in the place of one that is lost.
    pub async fn reconnect(&mut self) -> Result<()> {
        self.transaction.close();
        self.lock.renew(&mut self.link, Lost::TakenAgain).await
    }

    /// Fails unless a transaction that writes can be opened.
    pub async fn check_begin(&mut self) -> Result<()> {
        self.transaction.check_none()?;
        self.link.check_writable()?;
        self.renew_if_due().await
    }

    /// Begins a transaction.
    pub async fn begin(&mut self, isolation: Option<Isolation>) -> Result<()> {
        self.check_begin().await?;
        let prologue =
            [self.link.leftovers.take_cleaning(), &self.lock.proof(), &self.lock.proof_of_lease(self.link.facts())]
                .concat();
        let begun = self.transaction.begin(&mut self.link, &prologue, isolation).await;
        match begun {
            Err(error) => Err(self.lock.explain(&mut self.link, error).await),
            Ok(()) => Ok(()),
        }
    }

    /// Begins the transaction of a part of a transform. `is_watched`: something may reach the tool's tables, which takes a consistent view
    /// of them.
    ///
    /// A chunk locks the rows that it reads. If its transaction also locked the gaps between them, as it does by default, it would wait for
    /// the worker of the next chunk. But a statement-based binary log requires exactly that.
    pub async fn begin_part(&mut self, is_watched: bool) -> Result<Claims> {
        let isolation = (!self.link.server().logs_statements && !is_watched).then_some(Isolation::ReadCommitted);
        self.begin(isolation).await?;
        Ok(self.claims(isolation))
    }

    /// Begins a transaction of a component, in its own session. That of a chunk can claim the next one, as in [`Self::begin_part`]: the
    /// frontier is read and moved through the gate, and the key at which the next chunk ends is one that the component may read.
    pub async fn begin_gated(&mut self, part: Option<Part>, isolation: Option<Isolation>) -> Result<Claims> {
        self.transaction.check_none()?;
        self.link.watch.check_stop()?;
        let is_chunk = matches!(part, Some(Part::Chunk | Part::LockedChunk))
            && isolation.is_none()
            && !self.link.server().logs_statements;
        let of_chunk = is_chunk.then_some(Isolation::ReadCommitted);
        self.transaction.begin(&mut self.link, "", of_chunk.or(isolation)).await?;
        Ok(self.claims(of_chunk))
    }

    /// Whether a chunk's transaction that sees what others have committed meanwhile claims the next one: only where it need not
    /// wait for another worker's claim, since it holds its own chunk.
    fn claims(&self, isolation: Option<Isolation>) -> Claims {
        match isolation.is_some() && self.link.facts().skips_locked {
            true => Claims::Within,
            false => Claims::Apart,
        }
    }

    /// Makes changes to the tool's own tables in a transaction of their own.
    pub async fn commit_changes(&mut self, changes: &[ToolChange]) -> Committed {
        let mut attempts = Attempts::default();
        loop {
            match self.try_changes(changes).await.unwrap_or_else(Committed::failed) {
                Committed::No(error) | Committed::Unanswered(error) if attempts.again(&error).await => {}
                committed => return committed,
            }
        }
    }

    async fn try_changes(&mut self, changes: &[ToolChange]) -> Result<Committed> {
        self.check_begin().await?;
        let Some(text) = self.text_of(changes)? else {
            self.begin(None).await?;
            let committed = self.commit(UnitOfWork::Step(changes)).await;
            if let Ok(Committed::No(_)) | Err(_) = &committed {
                // The error of the change matters more than that of the rollback.
                let _ = self.transaction.rollback(&mut self.link).await;
            }
            return committed;
        };
        let prologue = [self.link.leftovers.take_cleaning(), &self.lock.proof()].concat();
        let unit = Unit::whole(prologue).and(&text).and(&self.lock.fence(self.link.facts())?);
        Ok(self.send(unit).await.into())
    }

    /// Commits the open transaction, with changes to the tool's own tables. The proof of the transaction and the fence are in the message
    /// of the commit, so that nothing waits for a process that is stopped in between.
    pub async fn commit(&mut self, work: UnitOfWork<'_>) -> Result<Committed> {
        let changes = work.changes();
        let dropped = if work.ends_migration() { self.link.end_migration() } else { String::new() };
        let text = match self.text_of(changes)? {
            Some(text) => text,
            // What would be made outside of the transaction would stay.
            None if !self.transaction.is_ours(&mut self.link).await? => {
                return Ok(Committed::No(DatabaseError::ended_by_migration()));
            }
            None => {
                self.make_singly(changes).await?;
                String::new()
            }
        };
        let unit = Unit::ending(self.transaction.savepoint(&self.link)?);
        let fence = self.lock.fence(self.link.facts())?;
        Ok(self.end(unit.and(&dropped).and(&text).and(&self.lock.proof()).and(&fence)).await)
    }

    /// Ends the transaction of a component's own session. `proof_of_lock`: a statement that fails unless the run still holds its lock.
    pub async fn commit_gated(&mut self, proof_of_lock: &str) -> Result<Committed> {
        let unit = Unit::ending(self.transaction.savepoint(&self.link)?).and(proof_of_lock).plain();
        Ok(match self.end(unit).await {
            Committed::No(error) if error.is_unexpected_rows() => Committed::No(gone()),
            committed => committed,
        })
    }

    /// Ends the open transaction by a unit.
    async fn end(&mut self, unit: Unit) -> Committed {
        match self.send(unit).await {
            Outcome::NotCommitted(error) if error.code == NO_SAVEPOINT => {
                self.transaction.note_over(Over::Unknown);
                Committed::No(DatabaseError::ended_by_migration())
            }
            // The caller rolls back what the text did before it failed.
            Outcome::NotCommitted(error) => Committed::No(error),
            outcome => {
                self.transaction.close();
                outcome.into()
            }
        }
    }

    /// Sends a unit of the host, and says why it was not committed.
    async fn send(&mut self, unit: Unit) -> Outcome {
        let is_node = self.is_node();
        match unit.commit(&mut self.link.work, is_node, Some(&self.link.watch)).await {
            Outcome::NotCommitted(error) => {
                let error = self.lock.explain(&mut self.link, error).await;
                Outcome::NotCommitted(match error.code == OUT_OF_RANGE {
                    true => DatabaseError::unexpected_rows(),
                    false => error,
                })
            }
            outcome => outcome,
        }
    }

    fn is_node(&self) -> bool {
        self.link.server().node.is_some()
    }

    /// The changes as one text, each followed by `; `; none where a packet does not hold it.
    fn text_of(&self, changes: &[ToolChange]) -> Result<Option<String>> {
        let text = text_of_changes(changes, self.link.facts())?;
        Ok(self.fits(&text).then_some(text))
    }

    fn fits(&self, text: &str) -> bool {
        text.len() + PACKET_MARGIN <= self.link.server().max_allowed_packet
    }

    /// Makes changes one by one in the open transaction; their values go as bytes, which takes half the room.
    async fn make_singly(&mut self, changes: &[ToolChange]) -> Result<()> {
        self.link.settle().await?;
        for change in changes {
            let text = change.spelled(self.link.facts(), &LITERALS)?;
            let rows = if self.fits(&text) {
                self.link.work.run(text).await?
            } else {
                let (text, values) = change.statement(self.link.facts())?;
                let query = sqlx::query_with(AssertSqlSafe(text), parameters::arguments(&values, None)?);
                let done = query.persistent(false).execute(self.link.work.of_guests()?).await.map_err(from_sqlx);
                note_loss(self.link.watch.meter(), &done);
                done?.rows_affected()
            };
            change.check(rows)?;
        }
        Ok(())
    }

    /// Drops temporary tables of a migration as far as their names are known. Outside a transaction, a new session replaces the old one
    /// before the next statement; inside one, after the transaction.
    pub async fn drop_temporary(&mut self) -> Result<()> {
        if self.is_gated() {
            return Ok(()); // Its login has none, and the session ends with the component.
        }
        let drop = self.link.end_migration();
        if self.transaction.is_open() && !drop.is_empty() {
            self.link.work.run(drop.trim_end_matches("; ")).await?;
        }
        self.link.work.forget();
        Ok(())
    }
}
