//! The logins of components: how they are kept in line, and how their sessions are opened.

mod catalogue;
pub(crate) mod confined;
pub(crate) mod open;
mod password;
pub(crate) mod sync;
mod wanted;
