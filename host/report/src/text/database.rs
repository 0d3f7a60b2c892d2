//! Which database a command read.

use crate::styled::{DIM, Text};
use runner_database::DatabaseUrl;
use runner_project::origin::Sourced;

/// The URL without its password, and where it comes from.
pub fn database(url: &Sourced<DatabaseUrl>) -> Text {
    Text::new().add(DIM, format!("database: {} ({})", url.value, url.origin)).end()
}
