//! How transactions begin.

use super::{Session, code_free};
use crate::error::{Result, unnamed};
use crate::gate::{Call, Gate};
use crate::guard::Fingerprint;
use crate::host_sql::{literal, text_of};
use crate::settings::{Formats, in_new_settings, prologue_of, prologue_reading};
use crate::transaction::{Transaction, WHICH};
use crate::verdict::explain;
use runner_database::{
    DatabaseError, DatabaseErrorKind, Dialect, Part, Role, TableIdentity, TableName, TableSource, TableTarget,
    TransactionOptions,
};
use runner_sql::Isolation;

/// The transaction's id. Assigning one requires a transaction that may write.
const XID: &str = "pg_catalog.pg_current_xact_id()::pg_catalog.text";

impl Session {
    /// Fails if no transaction can be opened: one is open already, the connection is lost, or the run is to stop.
    pub(crate) fn check_free(&mut self) -> Result<()> {
        if self.transaction.is_some() { Err(DatabaseError::in_transaction()) } else { self.link.check_ready() }
    }

    /// Fails where no transaction that writes can be opened.
    pub(crate) async fn check_begin(&mut self) -> Result<()> {
        self.check_free()?;
        self.check_not_read_only()?;
        self.lock.check().await
    }

    /// Opens a transaction of a part of a transform, which works on these tables alone.
    pub(crate) async fn begin_part(&mut self, part: Part, work: Option<(&TableSource, &TableTarget)>) -> Result<()> {
        let version = work.and_then(|(source, target)| code_free::version(source, target));
        let version = version.filter(|version| self.runs_code.as_ref() != Some(version));
        self.begin_with(Some(part), None, version.as_deref().unwrap_or("NULL")).await?;
        if version.is_some() && self.code_free().is_none() {
            self.runs_code = version;
        }
        Ok(())
    }

    /// Opens a transaction, of a part of a transform or of what is not a migration; on the session of a component's own login, also the
    /// gate in it.
    pub(crate) async fn begin(&mut self, part: Option<Part>, isolation: Option<Isolation>) -> Result<()> {
        self.begin_with(part, isolation, "NULL").await
    }

    /// As [`Self::begin`]. `version`: see [`code_free::version`].
    async fn begin_with(&mut self, part: Option<Part>, isolation: Option<Isolation>, version: &str) -> Result<()> {
        if self.is_gated() {
            self.check_free()?;
        } else if matches!(part, Some(Part::Chunk | Part::LockedChunk)) {
            self.check_free()?;
            self.check_not_read_only()?;
            self.lock.check_lease()?;
        } else {
            self.check_begin().await?;
        }
        let also = self.lock.at_work(self.guard.place(), &format!("{XID}, {}, {version}", self.path()));
        let prologue = prologue_of(part, isolation, (&self.own, Formats::Fixed), ["", &also]);
        let begun = self.link.begin(&self.renewed(prologue)).await?;
        let begun = begun.last().and_then(|row| Some((text_of(row, 1)?, text_of(row, 3))));
        let Some((xid, version)) = begun else {
            self.link.roll_back().await;
            return Err(unnamed("transaction it began"));
        };
        self.transaction = Some(Transaction::of_part(xid, version));
        self.types.unguard();
        if self.is_gated()
            && let Err(error) = self.call(Call::Open, &[]).await
        {
            self.transaction = None;
            self.link.roll_back().await;
            return Err(error);
        }
        Ok(())
    }

    /// Sets whether the open transaction holds many migrations, and is rolled back.
    pub(crate) fn set_tried(&mut self, is_tried: bool) {
        if let Some(transaction) = &mut self.transaction {
            transaction.is_tried = is_tried;
        }
    }

    /// Opens the transaction of a migration. The lock is proven in the same message, whose last row holds the state of the tool's
    /// tables.
    pub(crate) async fn begin_migration(&mut self, options: TransactionOptions) -> Result<()> {
        self.check_free()?;
        self.check_not_read_only()?;
        self.lock.check_known()?;
        let place = self.guard.place();
        let also = self.lock.at_work(place, &format!("{XID}, {}", self.lock.condition(place)));
        let timeouts = self.own.set_timeouts(Role::SqlScript, self.link.endpoint().settings());
        let inspect = self.guard.inspect();
        let settings = prologue_of(None, options.isolation, (&self.own, Formats::OfClient), [inspect, &also]);
        let text = format!("{settings}; {timeouts}{}", place.fingerprint);
        let found = self.link.begin(&text).await.map_err(explain)?;
        self.guard.has_inspected();
        let begun = match found.as_slice() {
            [.., begun, tables] if text_of(begun, 2).as_deref() == Some("t") => text_of(begun, 1).zip(Some(tables)),
            [.., _, _] => {
                self.link.roll_back().await;
                return Err(self.lock.lost());
            }
            _ => None,
        };
        let Some((xid, tables)) = begun else {
            self.link.roll_back().await;
            return Err(unnamed("transaction it began"));
        };
        self.transaction = Some(Transaction::of_script(xid, Fingerprint::of(Some(tables))));
        self.types.unguard();
        Ok(())
    }

    /// Opens a transaction that only reads this table, if it is the table that is meant.
    pub(crate) async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<()> {
        self.check_free()?;
        let quoted = table.quoted(Dialect::Postgres);
        let number = format!("pg_catalog.to_regclass({})::pg_catalog.oid::pg_catalog.text", literal(&quoted));
        let begin = prologue_reading(&self.own, &self.path(), &quoted, &number);
        let found = self.link.begin(&self.renewed(begin)).await?;
        if found.last().and_then(|row| text_of(row, 1)).as_ref() == Some(&is.0) {
            // The transaction has no id, since it changes nothing.
            self.transaction = Some(Transaction::new(String::new()));
            return Ok(());
        }
        self.link.roll_back().await;
        Err(DatabaseError::new(DatabaseErrorKind::Other, format!("`{table}` is another table on this connection")))
    }

    /// The expression that sets the search path, where the host decides it.
    pub(super) fn path(&self) -> String {
        self.gate.as_ref().map_or_else(|| "NULL".to_owned(), Gate::set_path)
    }

    /// A text that opens a transaction; on the session of a component's own login, what that has set in an earlier one is gone.
    pub(super) fn renewed(&self, prologue: String) -> String {
        if self.is_gated() { in_new_settings(&prologue, &self.lock.name_again()) } else { prologue }
    }

    /// Whether the transaction that was begun is still open.
    pub(crate) async fn check_ours(&mut self) -> Result<()> {
        let Some(transaction) = &self.transaction else { return Err(DatabaseError::ended_by_migration()) };
        transaction.check()?;
        let xid = transaction.xid().to_owned();
        self.link.check()?;
        match self.link.value(WHICH).await? == Some(xid) {
            true => Ok(()),
            false => Err(DatabaseError::ended_by_migration()),
        }
    }
}
