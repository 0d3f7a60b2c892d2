//! The sessions of components with logins of their own on MySQL and MariaDB: how they are made, how the host writes in their transactions
//! through the [`gate`], and how the logins themselves are kept in line.

mod catalogue;
mod desired;
mod gate;
mod guest;
mod open;
mod sync;

pub(crate) use self::guest::Gate;
pub(crate) use self::open::log_in;
pub(crate) use self::sync::{check_logins, drop_logins, grant_new, sync_logins};
