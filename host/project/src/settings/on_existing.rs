//! `on_existing`: whether a first run applies migrations to a database that is not empty.

use super::request::Sources;
use crate::env;
use crate::origin::Sourced;
use crate::toml_reader::Section;
use runner_base::error::{Error, Result};

/// The key.
pub(super) const ON_EXISTING: &str = "on_existing";

runner_base::named! {
    /// What a first run does with a database that has tables and no history.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum OnExisting {
        /// It refuses the database, and says what it has.
        #[default]
        Refuse = "refuse",
        /// It applies the migrations to the database as it is.
        Apply = "apply",
    }
}

fn wrong(text: &str) -> String {
    format!("`{ON_EXISTING}` must be `refuse` or `apply`, not `{}`", crate::problem::shown(text))
}

/// Reads the key; problems are recorded in the document.
pub(super) fn read(section: &Section<'_, '_>) -> Option<OnExisting> {
    let text = section.string(ON_EXISTING)?;
    let value = OnExisting::from_name(&text.value);
    if value.is_none() {
        section.wrong(
            ON_EXISTING,
            wrong(&text.value),
            "`apply` applies the migrations to a database that another tool has migrated",
        );
    }
    value
}

/// The flag, the variable, or the file.
pub(super) fn choose(sources: Sources<'_>, in_file: Option<OnExisting>) -> Result<OnExisting> {
    let Some(Sourced { value, origin }) = sources.given("--on-existing", env::ON_EXISTING) else {
        return Ok(in_file.unwrap_or_default());
    };
    OnExisting::from_name(&value)
        .ok_or_else(|| Error::usage(wrong(&value)).at("setting", origin.to_string()).hint("the default is `refuse`"))
}
