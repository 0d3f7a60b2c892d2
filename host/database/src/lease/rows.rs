//! The rows of a lease, and the statements about them, which are the same on every server.

use std::time::Duration;

use async_trait::async_trait;

use crate::{DatabaseError, LockHolder, ToolChange};
use runner_base::random::bits;
use runner_data::Value;

/// Proves in a transaction that the row still has the token: changes it. A lock on the row would do on one server; a cluster whose
/// nodes find conflicts by comparing what transactions have written needs a change. The heartbeat is another row, since this one has
/// to stay as it was when a long transaction began.
const FENCE: &str = "UPDATE @.runner_lease SET proofs = proofs + 1 WHERE scope = ?1 AND token = ?2";

const LOOK: &str = "SELECT l.token, b.token, b.beats, l.length_ms, b.until_us, b.until_us - ?1, l.holder \
    FROM @.runner_lease l JOIN @.runner_heartbeat b ON b.scope = l.scope WHERE l.scope = ?2";

/// Tokens are never used again, even if the rows were deleted: the first is the time.
const FIRST: &str = "INSERT INTO @.runner_lease (scope, token, holder, length_ms, proofs) SELECT ?1, ?2, '', 0, 0 \
    FROM (SELECT 1 AS one) o WHERE NOT EXISTS (SELECT 1 FROM @.runner_lease l WHERE l.scope = ?3)";
const FIRST_BEAT: &str = "INSERT INTO @.runner_heartbeat (scope, token, beats, until_us) SELECT ?1, 0, 0, 0 \
    FROM (SELECT 1 AS one) o WHERE NOT EXISTS (SELECT 1 FROM @.runner_heartbeat b WHERE b.scope = ?2)";

/// The heartbeat comes first in every transaction that changes both rows.
const TAKE_BEAT: &str = "UPDATE @.runner_heartbeat SET token = ?1, beats = 0, until_us = ?2 + ?3 \
    WHERE scope = ?4 AND token = ?5 AND beats = ?6";
const TAKE: &str = "UPDATE @.runner_lease SET token = ?1, holder = ?2, length_ms = ?3 WHERE scope = ?4 AND token = ?5";

/// One that arrives after the release does not undo it.
const BEAT: &str = "UPDATE @.runner_heartbeat SET beats = beats + 1, until_us = ?1 + ?2 \
    WHERE scope = ?3 AND token = ?4 AND until_us <> 0";

const RELEASE_BEAT: &str =
    "UPDATE @.runner_heartbeat SET beats = beats + 1, until_us = 0 WHERE scope = ?1 AND token = ?2";
const RELEASE: &str = "UPDATE @.runner_lease SET holder = '' WHERE scope = ?1 AND token = ?2";

/// What a lease's rows hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The token in the row that holders prove.
    pub token: i64,
    /// The token in the row that they renew: the same, unless something else has changed one of them.
    pub beat_token: i64,
    /// How many times it was renewed.
    pub beats: i64,
    /// The record of the holder.
    pub holder: String,
    /// How long the holder says that it stays valid without being renewed.
    pub length: Duration,
    /// Microseconds until it expires on the database's clock; negative if it has.
    pub left: i64,
    /// It was released, or never held.
    pub is_free: bool,
}

impl Seen {
    /// The statement that reads the rows. `now`: the database's clock.
    pub fn question(scope: &str, now: &str) -> ToolChange {
        ToolChange::of_any_rows(LOOK, [Value::Null, text(scope)]).with_expression(1, now.to_owned())
    }

    /// The answer; `None` if it is none.
    pub fn read(cells: &[Option<String>]) -> Option<Self> {
        let number = |at: usize| cells.get(at)?.as_deref()?.parse::<i64>().ok();
        let until = number(4)?;
        Some(Self {
            token: number(0)?,
            beat_token: number(1)?,
            beats: number(2)?,
            length: Duration::from_millis(u64::try_from(number(3)?).unwrap_or_default()),
            left: number(5)?,
            is_free: until == 0,
            holder: cells.get(6)?.clone().unwrap_or_default(),
        })
    }

    /// A token for the run that takes it from this holder: a greater one. The increment is random, since a failover may
    /// undo the latest takeover, and two runs that take the lease from the same holder must not have the same token.
    pub fn next_token(&self) -> i64 {
        let more = i64::try_from(bits() >> 44).unwrap_or_default();
        self.token.max(self.beat_token).saturating_add(1 + more)
    }

    /// The holder, unless the lease is free or has expired. Where the clock of a node of a cluster says that it has, it may be wrong:
    /// then only the name is known, and not that the run lives.
    pub fn live_holder(&self, is_one_clock: bool) -> Option<LockHolder> {
        let holder = || LockHolder::parse(&self.holder);
        match self.left > 0 {
            _ if self.is_free => None,
            true => Some(holder()),
            false if is_one_clock => None,
            false => Some(LockHolder::without_record(holder().name)),
        }
    }
}

/// The rows of the lease of one database, through a connection that does nothing else.
#[async_trait]
pub trait LeaseRows: Send {
    /// The name of the database.
    fn scope(&self) -> &str;

    /// The expression for the time on the database's clock, in microseconds since 1970.
    fn now(&self) -> &'static str;

    /// Returns who holds the server's own lock, which runs take whose URL does not ask for a lease.
    async fn native_holder(&mut self) -> Result<Option<String>, DatabaseError>;

    /// Reads the rows; `None` if they, or their tables, do not exist.
    async fn read(&mut self) -> Result<Option<Seen>, DatabaseError>;

    /// Creates the tables. Another process may do so at the same time.
    async fn make_tables(&mut self) -> Result<(), DatabaseError>;

    /// Makes changes in one transaction. Returns false, and makes none, if one of them found no row, or found it made already.
    async fn change(&mut self, changes: &[ToolChange]) -> Result<bool, DatabaseError>;

    /// Ends what an earlier holder still has open on this server, as far as the user may: its transaction could block the takeover,
    /// and what it sends outside of transactions is not fenced.
    async fn evict(&mut self, holder: &LockHolder);
}

impl dyn LeaseRows + '_ {
    /// Creates what is missing.
    pub async fn create(&mut self) -> Result<(), DatabaseError> {
        self.make_tables().await?;
        let (scope, now) = (self.scope().to_owned(), self.now().to_owned());
        let lease = ToolChange::of_any_rows(FIRST, [text(&scope), Value::Null, text(&scope)]).with_expression(2, now);
        let beat = ToolChange::of_any_rows(FIRST_BEAT, [text(&scope), text(&scope)]);
        self.change(&[beat, lease]).await.map(drop)
    }

    /// Takes the lease if it is still as seen, with this token and the record of its new holder. Returns whether it did.
    pub async fn take(
        &mut self,
        seen: &Seen,
        token: i64,
        record: &str,
        length: Duration,
    ) -> Result<bool, DatabaseError> {
        let (scope, next) = (self.scope(), Value::Int64(token));
        let old = |number| Value::Int64(number);
        let beat =
            [next.clone(), Value::Null, microseconds(length), text(scope), old(seen.beat_token), old(seen.beats)];
        let length = Value::Int64(i64::try_from(length.as_millis()).unwrap_or(i64::MAX));
        let lease = [next, text(record), length, text(scope), old(seen.token)];
        let changes = [
            ToolChange::of_one_row(TAKE_BEAT, beat).with_expression(2, self.now().to_owned()),
            ToolChange::of_one_row(TAKE, lease),
        ];
        self.change(&changes).await
    }

    /// Renews it; returns false if another run has taken it.
    pub async fn renew(&mut self, token: i64, length: Duration) -> Result<bool, DatabaseError> {
        let beat = renew(self.scope(), token, length, self.now());
        self.change(&[beat]).await
    }

    /// Releases it, if it still has this token.
    pub async fn release(&mut self, token: i64) -> Result<(), DatabaseError> {
        let values = [text(self.scope()), Value::Int64(token)];
        let changes = [RELEASE_BEAT, RELEASE].map(|release| ToolChange::of_any_rows(release, values.clone()));
        self.change(&changes).await.map(drop)
    }
}

/// The change that proves the token in a transaction.
pub fn fence(scope: &str, token: i64) -> ToolChange {
    ToolChange::of_one_row(FENCE, [text(scope), Value::Int64(token)])
}

/// The change that renews the lease with this token.
pub fn renew(scope: &str, token: i64, length: Duration, now: &str) -> ToolChange {
    let values = [Value::Null, microseconds(length), text(scope), Value::Int64(token)];
    ToolChange::of_one_row(BEAT, values).with_expression(1, now.to_owned())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn microseconds(length: Duration) -> Value {
    Value::Int64(i64::try_from(length.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let cells = ["7", "8", "2", "30000", "1000000", "-5", "r: me"].map(|cell| Some(cell.to_owned()));
        let seen = Seen::read(&cells).expect("an answer");
        assert_eq!((seen.left, seen.is_free), (-5, false));
        let tokens = [seen.next_token(), seen.next_token(), seen.next_token()];
        assert!(tokens.iter().all(|token| *token > 8) && tokens != [tokens[0]; 3], "{tokens:?}");
        assert_eq!((seen.length, &*seen.holder, seen.live_holder(true)), (Duration::from_secs(30), "r: me", None));
        assert!(seen.live_holder(false).is_some());
        assert_eq!(Seen { left: 1, ..seen.clone() }.live_holder(true).expect("a holder").name, "me");
        assert_eq!(Seen::read(&cells[..6]), None);
        assert_eq!(Seen::read(&[]), None);
    }
}
