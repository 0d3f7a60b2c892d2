//! The logins of components: how they are kept in line, and how their sessions are opened.

mod catalogue;
mod desired;
pub(crate) mod dry_run;
pub(crate) mod open;
mod password;
pub(crate) mod sync;
