//! How runs are kept apart, as seen by the one that holds the lock: an advisory lock, or a lease where a pooler or a proxy may end
//! idle transactions.

mod advisory;
pub(crate) mod blockers;
mod lease;
mod orphans;

use sqlx::Connection as _;

use self::advisory::{ANEW, Advisory};
pub(crate) use self::advisory::{Waiting, holder, holder_query};
use crate::error::{Result, lock_lost};
use crate::host_sql::simple;
use crate::link::Link;
use crate::place::ToolPlace;
use crate::settings::{Own, in_transaction};
use crate::verdict::Verdict;
use runner_database::lease::{self as leases, Lease, acquire, wait_for_leases};
use runner_database::{DatabaseError, Facts, LockHolder, LockRequest, StopSignal, ToolChange};

/// The lock of a run, and for which run it was taken.
#[derive(Default)]
pub(crate) struct RunLock {
    held: Option<Held>,
    /// What was asked for, and the name of the sessions that work for the run; kept until the lock is released: it may be lost meanwhile.
    run: Option<(LockRequest, String)>,
}

/// A lock that is held until it is dropped.
enum Held {
    /// The server's own.
    Advisory(Advisory),
    /// A row that is renewed.
    Lease(Lease),
}

/// The name of the connections that work for a run, of which the server keeps 63 bytes: a later run recognises by it what an earlier one has
/// left.
fn application_of(request: &LockRequest, place: &ToolPlace) -> String {
    let is_plain = |character: &char| character.is_ascii_graphic() && !matches!(character, '\'' | '\\');
    let name: String = request.run_id.chars().filter(is_plain).collect();
    format!("{}{name}", place.application)
}

fn set_application(name: &str) -> String {
    format!("SET application_name = '{name}'")
}

impl RunLock {
    /// For the session of a component, whose transactions are those of the run.
    pub(crate) fn for_component(&self) -> Self {
        Self { held: None, run: self.run.clone() }
    }

    /// Whether the lock is held, as far as is known.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Fails if the lock was taken and is known to be lost.
    pub(crate) async fn check(&mut self) -> Result<()> {
        match &mut self.held {
            Some(Held::Advisory(lock)) => lock.check().await,
            Some(Held::Lease(lease)) => lease.check(),
            None => self.check_known(),
        }
    }

    /// As [`Self::check`], for what proves in its commit that the server has the lock: only a lease may have run out.
    pub(crate) fn check_lease(&self) -> Result<()> {
        match &self.held {
            Some(Held::Lease(lease)) => lease.check(),
            _ => self.check_known(),
        }
    }

    /// As [`Self::check`], without asking the server.
    pub(crate) fn check_known(&self) -> Result<()> {
        if self.held.is_none() && self.run.is_some() { Err(lock_lost()) } else { Ok(()) }
    }

    /// The condition under which the server still has the lock on record, if it was taken.
    pub(crate) fn condition(&self, place: &ToolPlace) -> String {
        match &self.held {
            Some(Held::Advisory(lock)) => lock.is_held_by(),
            Some(Held::Lease(lease)) => lease::is_held(lease, place),
            None => "true".to_owned(),
        }
    }

    /// The error where [`Self::condition`] does not hold.
    pub(crate) fn lost(&self) -> DatabaseError {
        match &self.held {
            Some(Held::Lease(_)) => leases::lost(),
            _ => lock_lost(),
        }
    }

    /// A question that fails unless the server still has the lock on record, if it was taken. A lease has a fence instead.
    pub(crate) fn proof(&self) -> String {
        match &self.held {
            Some(Held::Advisory(lock)) => format!("{}; ", Verdict::Unlocked.unless(&lock.is_held_by(), &[])),
            _ => String::new(),
        }
    }

    /// The statements that, right before a COMMIT, keep another run from taking the lock until then, or fail if it has
    /// it; none where the lock needs none.
    pub(crate) fn fence(&self, facts: &Facts) -> Result<String> {
        self.fence_change().map_or_else(|| Ok(String::new()), |change| lease::one_row(&change, facts))
    }

    /// The same as a change.
    pub(crate) fn fence_change(&self) -> Option<ToolChange> {
        match &self.held {
            Some(Held::Lease(lease)) => Some(lease.fence()),
            _ => None,
        }
    }

    /// The statements that renew the lease, and fail if another run has taken it; `None` if the lock is no lease.
    pub(crate) fn renewal(&self, facts: &Facts) -> Option<Result<String>> {
        match &self.held {
            Some(Held::Lease(lease)) => Some(lease::renew(lease, facts)),
            _ => None,
        }
    }

    /// What a transaction asks for when it begins, in addition to `also`, if it works for a run that holds the lock.
    pub(crate) fn at_work(&self, place: &ToolPlace, also: &str) -> String {
        match self.run {
            Some(_) => format!("{also}, pg_catalog.pg_try_advisory_xact_lock_shared({})", place.work_key()),
            None => also.to_owned(),
        }
    }

    /// The name of the sessions that work for the run.
    pub(crate) fn application(&self) -> Option<&str> {
        self.run.as_ref().map(|(_, name)| name.as_str())
    }

    /// The statement that names a session after the run, if it has the lock.
    pub(crate) fn set_application(&self) -> Option<String> {
        self.application().map(set_application)
    }

    /// What has to follow a text that resets the session.
    pub(crate) fn name_again(&self) -> String {
        self.set_application().map(|set| format!("; {set}")).unwrap_or_default()
    }

    /// Takes the lock, once it is free.
    pub(crate) async fn take(
        &mut self,
        link: &mut Link,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: Waiting<'_>,
    ) -> Result<()> {
        if self.held.is_some() {
            return Ok(());
        }
        link.check()?;
        let held = match link.endpoint().lock().is_lease {
            true => Held::Lease(take_lease(link, request, stop, waiting).await?),
            false => Held::Advisory(take_advisory(link, request, stop, waiting).await?),
        };
        let application = application_of(request, link.endpoint().place());
        link.run(&set_application(&application)).await?;
        (self.held, self.run) = (Some(held), Some((request.clone(), application)));
        Ok(())
    }

    /// Takes it again on a session that is new, if the run holds one. The history shows whether another run held it meanwhile.
    pub(crate) async fn take_again(&mut self, link: &mut Link) -> Result<()> {
        let Some((request, application)) = self.run.clone() else { return Ok(()) };
        let is_held = match &mut self.held {
            Some(Held::Lease(lease)) => {
                lease.check()?;
                // The task that renews it may not have noticed yet.
                let held = link.value(&format!("SELECT {}", lease::is_held(lease, link.endpoint().place()))).await?;
                if held.as_deref() != Some("t") {
                    // What this run knows about the database is out of date.
                    return Err(leases::lost());
                }
                true
            }
            Some(Held::Advisory(lock)) => lock.check().await.is_ok(),
            None => false,
        };
        if !is_held {
            self.held = None;
            let stop = link.stop().clone();
            return self.take(link, &request, &stop, &|_| {}).await;
        }
        link.run(&set_application(&application)).await
    }

    /// Releases it. `is_free`: whether no transaction is open on the connection for the work.
    pub(crate) async fn release(&mut self, link: &mut Link, is_free: bool) -> Result<()> {
        self.run = None;
        let released = match self.held.take() {
            None => return Ok(()),
            Some(Held::Lease(lease)) => {
                lease.release().await;
                Ok(())
            }
            Some(Held::Advisory(lock)) => lock.release().await,
        };
        if link.check().is_ok() && is_free {
            // The run is over, and the lock released, whatever the session is called.
            let _ = link.run(&link.endpoint().set_application()).await;
        }
        released
    }
}

async fn take_advisory(
    link: &Link,
    request: &LockRequest,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<Advisory> {
    let connection = link.endpoint().open().await?;
    let (mut lock, has_leases) = Advisory::take(connection, link.endpoint().place(), request, stop, waiting).await?;
    if has_leases {
        let mut rows = lease::Rows::open(link.endpoint(), link.database()).await?;
        wait_for_leases(&mut rows, request, true, stop, waiting).await?;
    }
    let (connection, mark) = lock.wire();
    orphans::end(connection, link.endpoint().place(), mark, stop, waiting).await?;
    Ok(lock)
}

async fn take_lease(link: &Link, request: &LockRequest, stop: &StopSignal, waiting: Waiting<'_>) -> Result<Lease> {
    let (endpoint, database) = (link.endpoint(), link.database());
    let mut rows = lease::Rows::open(endpoint, database).await?;
    let token = acquire(&mut rows, request, endpoint.lock().length, true, stop, waiting).await?;
    let lease = match lease::hold(endpoint, database, token).await {
        Ok(lease) => lease,
        Err(error) => {
            // It is no longer renewed, and no run should have to wait for it.
            let _ = leases::release(&mut rows, token).await;
            return Err(error);
        }
    };
    simple(&mut rows.connection, &format!("BEGIN; {}", in_transaction(&Own::default()))).await?;
    orphans::end(&mut rows.connection, link.endpoint().place(), "", stop, waiting).await?;
    simple(&mut rows.connection, "ROLLBACK").await?;
    // Closed properly, it leaves no trace in the server's log; the lease is held without it.
    let _ = rows.connection.close().await;
    Ok(lease)
}

/// The holder of the lock, as far as it can be determined: of the lease, where runs have one, or else of the server's own lock. No
/// transaction may be open.
pub(crate) async fn find_holder(link: &mut Link) -> Result<Option<LockHolder>> {
    if link.endpoint().lock().is_lease {
        let (facts, database) = (link.facts().clone(), link.database().to_owned());
        let seen = link.during(async |connection| lease::read(connection, &facts, &database).await).await?;
        if let Some(found) = seen.and_then(|seen| seen.live_holder(true)) {
            return Ok(Some(found));
        }
    }
    Ok(holder(&link.rows(&format!("{ANEW}; {}", holder_query(link.endpoint().place().key))).await?))
}
