//! The transactions on the session of a component's own login, in which the host writes through the gate.

use super::Session;
use crate::changes;
use crate::commit::Unit;
use crate::error::Result;
use crate::gate::Call;
use crate::guard::Fingerprint;
use crate::transaction::Transaction;
use crate::verdict::explain;
use runner_database::{Committed, DatabaseError, ToolChange};

impl Session {
    /// Proves that the open transaction is the one that was begun, and commits it. `proof`: a statement that fails unless the run
    /// still holds its lock.
    pub(crate) async fn commit_gated(&mut self, proof: &str) -> Result<Committed> {
        let Some(transaction) = self.transaction.take() else { return Err(DatabaseError::no_transaction("commit")) };
        self.link.check()?;
        let xid = transaction.xid().to_owned();
        if let Err(error) = self.seal(transaction, proof).await {
            self.link.roll_back().await;
            return Err(explain(error));
        }
        Ok(self.link.commit(&Unit::of_guest(""), Some(&xid)).await.into())
    }

    async fn seal(&mut self, mut transaction: Transaction, proof: &str) -> Result<()> {
        transaction.check()?;
        self.link.drop_prepared().await?;
        let fingerprint = self.guard.place().fingerprint.clone();
        let ours = transaction.proof();
        let turns = transaction.script_speaks();
        let look = if turns { fingerprint.as_str() } else { "" };
        let now = self.link.rows(&format!("{ours}{}{}{look}", transaction.end_of_guest(), self.anew())).await?;
        if turns {
            transaction.turn(false, Fingerprint::of(now.last()));
        }
        self.call(Call::Seal, &[]).await?;
        // Deferred triggers of the application run with the rights of the login or of their owners, before the last check.
        let text = format!("{fingerprint}; SET CONSTRAINTS ALL IMMEDIATE; {proof}{ours}{fingerprint}");
        let now = self.link.rows(&text).await?;
        transaction.check_tool_tables()?;
        Fingerprint::of(now.first()).compare(&Fingerprint::of(now.last()))?;
        self.call(Call::Finish, &[]).await.map(drop)
    }

    /// Makes changes to the tool's tables in the open transaction.
    pub(crate) async fn change_gated(&mut self, changes: &[ToolChange]) -> Result<()> {
        let text = changes::text_of(changes, self.facts())?;
        self.write_gated(&text).await.map(drop).map_err(explain)
    }

    /// Runs a text as the owner of the gate.
    pub(crate) async fn write_gated(&mut self, text: &str) -> Result<u64> {
        let scope = self.enter_for().await?;
        let written = self.call(Call::Write, &[text]).await;
        self.leave(scope, written).await
    }

    /// Calls a function of the gate.
    pub(crate) async fn call(&mut self, call: Call, texts: &[&str]) -> Result<u64> {
        let Some(gate) = &self.gate else { return Err(DatabaseError::invalid("this session has no gate")) };
        self.link.during(async |connection| gate.call(connection, call, texts).await).await
    }
}
