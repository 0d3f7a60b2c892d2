//! Which database a command looked at.

use super::{DIM, Text};
use crate::project::origin::Sourced;
use runner_database::DatabaseUrl;

/// The URL without its password, and where it comes from.
pub fn database(url: &Sourced<DatabaseUrl>) -> Text {
    Text::new().add(DIM, format!("database: {} ({})", url.value, url.origin)).end()
}
