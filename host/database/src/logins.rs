//! Logins of their own for components under grants, on databases that have users: what one should be, what it is, and the
//! statements that lead from the one to the other.
//!
//! This is data. [`ComponentLogins::sync`](super::ComponentLogins::sync) fills it in; [`Facts::separate_logins`](super::Facts)
//! says whether a database has such logins.
//!
//! # Why logins
//!
//! What SQLite's authorizer does for a component under grants, a server does for users. `runner grants sync` makes a
//! login for each component with exactly the rights of its lines, named after database and revision with a digest of
//! both, since users belong to the whole server. It compares what the catalogues say with what the settings require,
//! runs the difference, and compares again. Rights are brought in line once more when the component runs, since an
//! earlier migration of the run may have made the table. The password is random for each run; where the login of
//! `runner` may not set it, the operator names a variable. A statement of a component never falls back to the host's
//! session.
//!
//! Statements are not kept out by lists of names where a right keeps them out. Lists remain for what no right decides:
//! first words, for an error that says what to do instead; what MariaDB's grammar accepts after `EXPLAIN`; user locks;
//! comments that the server runs.
//!
//! Not covered: confinement on MySQL and MariaDB is to tables and columns, and not atomicity. On PostgreSQL, advisory
//! locks, `NOTIFY` and settings are a component's until its session ends. A view that is not `security_invoker` reads
//! with its owner's rights. `runner test` makes no logins.

pub mod names;
pub mod refusals;
pub mod rights;
pub mod sessions;
pub mod side_effects;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Grants;
pub use super::secret::Secret;
use runner_base::backoff::Backoff;

/// A component that should have a login.
#[derive(Clone, Debug)]
pub struct DesiredLogin {
    /// The component's name: `REVISION_name`.
    pub id: String,
    /// What it is granted, with its revision.
    pub grants: Arc<Grants>,
    /// Whether migrations before it are pending, which may create what it is granted.
    pub is_early: bool,
}

/// What to do about the logins of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginTask {
    /// To check them only.
    Look,
    /// To write the statements that would bring them in line.
    Script,
    /// To bring them in line: make, change and remove.
    Sync,
}

/// What is asked about the logins of a project.
#[derive(Clone, Debug)]
pub struct LoginRequest {
    /// What to do.
    pub task: LoginTask,
    /// The components that should have one.
    pub wanted: Vec<DesiredLogin>,
    /// Which logins that are not wanted are to be removed.
    pub remove: Removal,
}

/// Which logins that are not wanted are removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Every one of this database.
    Others,
    /// None.
    Nothing,
    /// That of the component of this revision.
    Of(String),
}

/// What was found, and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginReport {
    /// The logins, those that are wanted first.
    pub logins: Vec<LoginState>,
    /// The statements that bring them in line; after [`LoginTask::Sync`] those that were run.
    pub statements: Vec<String>,
    /// What concerns others than components, or what a login cannot prevent.
    pub notes: Vec<String>,
    /// Tables, columns and functions that grants name and that do not exist.
    pub unknown: Vec<String>,
    /// What components could do past their grants because everybody can. It concerns others too, so only the operator can end it.
    pub reached: Vec<Reached>,
}

/// A right of everybody that no grant lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    /// What it is, in words: `every role has SELECT on TABLE "public"."customers"`.
    pub what: String,
    /// The statement that ends it.
    pub remedy: String,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` ends that", self.what, self.remedy)
    }
}

/// One login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginState {
    /// Its name on the server.
    pub login: String,
    /// The component's revision.
    pub revision: String,
    /// The component, if the settings have grants for it.
    pub component: Option<String>,
    /// Whether it exists.
    pub exists: bool,
    /// What it has been granted in the database, as the database says it.
    pub rights: Vec<String>,
    /// What it is not and should be, or has and should not, in words. Empty if it is in line.
    pub differences: Vec<String>,
}

/// How often a login is tried: processes that share a run set passwords of the same login at the same time. Those of a test do
/// little else, and the busier the machine is, the longer it takes from setting a password to using it.
pub const ATTEMPTS: u32 = if cfg!(debug_assertions) { 12 } else { 8 };

/// The pauses between such attempts.
pub const PAUSES: Backoff =
    Backoff::new(Duration::from_millis(20), Duration::from_millis(if cfg!(debug_assertions) { 5120 } else { 640 }));

/// The passwords that this process has set for logins, shared by all its connections: each one that is set makes those before it
/// useless.
#[derive(Clone, Debug, Default)]
pub struct Passwords {
    known: Arc<Mutex<BTreeMap<String, (Secret, Instant)>>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Passwords {
    /// Waits until no other connection of this process logs in, so that none makes the password of another useless.
    pub async fn turn(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.turn.clone().lock_owned().await
    }

    /// Returns the password of a login, if it was set within this time.
    pub fn recent(&self, login: &str, within: Duration) -> Option<Secret> {
        let passwords = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        passwords.get(login).filter(|(_, set)| set.elapsed() < within).map(|(password, _)| password.clone())
    }

    /// Keeps a password that was set.
    pub fn keep(&self, login: &str, password: Secret) {
        let mut passwords = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        passwords.insert(login.to_owned(), (password, Instant::now()));
    }

    /// Forgets a password that the server no longer accepts.
    pub fn forget(&self, login: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(login);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shared_until_it_is_old_and_never_shown() {
        let passwords = Passwords::default();
        let same = passwords.clone();
        passwords.keep("a", Secret::new("hidden"));
        assert_eq!(same.recent("a", Duration::from_secs(60)), Some(Secret::new("hidden")));
        assert_eq!(same.recent("a", Duration::ZERO), None);
        assert_eq!(same.recent("b", Duration::from_secs(60)), None);
        assert!(!format!("{passwords:?}").contains("hidden"));
        same.forget("a");
        assert_eq!(passwords.recent("a", Duration::from_secs(60)), None);
    }
}
