//! `on_existing`: whether a first run applies migrations to a database that is not empty.

use super::named::flag_or_variable;
use super::{LoadRequest, choose::Choice, file::SettingsFile};
use crate::env::{self, Variables};
use crate::origin::Sourced;
use crate::toml_reader::Section;
use runner_base::error::{Error, Result};

/// The key.
pub(super) const ON_EXISTING: &str = "on_existing";

/// What a first run does with a database that has tables and no history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExisting {
    /// It refuses the database, and says what it has.
    #[default]
    Refuse,
    /// It applies the migrations to the database as it is.
    Apply,
}

fn parse(text: &str) -> Option<OnExisting> {
    match text {
        "refuse" => Some(OnExisting::Refuse),
        "apply" => Some(OnExisting::Apply),
        _ => None,
    }
}

fn wrong(text: &str) -> String {
    format!("`{ON_EXISTING}` must be `refuse` or `apply`, not `{}`", crate::problem::shown(text))
}

/// Reads the key; problems are recorded in the document.
pub(super) fn read(section: &Section<'_, '_>) -> Option<OnExisting> {
    let text = section.string(ON_EXISTING)?;
    let value = parse(&text.value);
    if value.is_none() {
        section.wrong(
            ON_EXISTING,
            wrong(&text.value),
            "`apply` applies the migrations to a database that another tool has migrated",
        );
    }
    value
}

/// The flag, the variable, or the settings.
pub(super) fn choose(
    request: &LoadRequest,
    variables: &Variables,
    content: &SettingsFile,
    choice: &Choice<'_>,
) -> Result<OnExisting> {
    let Some(Sourced { value, origin }) =
        flag_or_variable(request.on_existing.as_ref(), "--on-existing", variables, env::ON_EXISTING)
    else {
        return Ok(choice.on_existing(content).unwrap_or_default());
    };
    parse(&value)
        .ok_or_else(|| Error::usage(wrong(&value)).at("setting", origin.to_string()).hint("the default is `refuse`"))
}
