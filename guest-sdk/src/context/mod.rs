//! What a migration can know about its run, and how it reports to the operator.
//!
//! There is nothing else: no clock, no files, no network, no randomness. [`run_timestamp`] and [`seed`] replace them; they
//! are the same in every call of a run and recorded in the history.

pub mod asset;
mod log;

use crate::bindings::migration::runner::migration::context;
use crate::value::{FromValue, Timestamptz};
use crate::{Dialect, Error, ErrorKind, Result, Value};

pub use context::{Level, Parameter};
pub use log::{debug, info, log, progress, warning};

/// The kind of database.
pub fn dialect() -> Dialect {
    context::get_dialect()
}

/// The version that the database server reports, such as `3.51.1` or `15.18`.
pub fn server_version() -> String {
    context::server_version()
}

/// All parameters that the operator has set under `[parameters]` in `runner.toml`, or with `--parameter`, by name.
pub fn parameters() -> Vec<Parameter> {
    context::parameters()
}

/// The parameter with this name; ask for an `Option` if it may be missing.
///
/// ```no_run
/// use runner_guest::prelude::*;
///
/// let country: String = context::parameter("country")?;
/// let limit = context::parameter::<Option<i64>>("limit")?.unwrap_or(1_000);
/// # Ok::<(), Error>(())
/// ```
pub fn parameter<T>(name: &str) -> Result<T>
where
    T: for<'a> FromValue<'a>,
{
    read_parameter(name, &parameters())
}

fn read_parameter<T>(name: &str, parameters: &[Parameter]) -> Result<T>
where
    T: for<'a> FromValue<'a>,
{
    let found = parameters.iter().find(|parameter| parameter.name == name).map(|parameter| &parameter.value);
    T::from_value(found.unwrap_or(&Value::Null)).map_err(|mismatch| {
        Error::with_kind(
            ErrorKind::InvalidArgument,
            match found {
                Some(_) => format!("parameter `{name}` holds {}, not {}", mismatch.found, mismatch.wanted),
                None => format!("parameter `{name}` is not set"),
            },
        )
    })
}

/// The time of the run: an instant that is the same in every call of a run.
pub fn run_timestamp() -> Timestamptz {
    Timestamptz(context::run_timestamp())
}

/// The run's seed for pseudo-random numbers.
pub fn seed() -> u64 {
    context::seed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_parameter_that_is_missing_from_a_wrong_one() {
        let set = [Parameter { name: "limit".into(), value: Value::Text("many".into()) }];
        assert_eq!(read_parameter::<String>("limit", &set).unwrap(), "many");
        assert_eq!(read_parameter::<Option<i64>>("other", &set).unwrap(), None);
        assert_eq!(read_parameter::<i64>("other", &set).unwrap_err().message(), "parameter `other` is not set");
        let wrong = read_parameter::<i64>("limit", &set).unwrap_err();
        assert_eq!(wrong.message(), "parameter `limit` holds text, not an integer");
    }
}
