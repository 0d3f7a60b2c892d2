//! Fills the parameters of SQL with their values.

use std::collections::BTreeMap;

use crate::Direction;
use crate::plan::Refusal;
use crate::script::{ScriptSource, Template};
use runner_base::dialect::Dialect;
use runner_base::error::{Error, several};
use runner_base::suggest::did_you_mean;
use runner_data::Value;
use runner_data::decimal::float_text;
use runner_sql::{Sql, SqlError, fill, has_parameters, placeholders};

/// The values that parameters of SQL can have.
#[derive(Clone, Copy, Debug)]
pub struct SqlValues<'a> {
    /// Those that an upgrade was applied with: its downgrade gets the same.
    pub kept: Option<&'a BTreeMap<String, String>>,
    /// The operator's.
    pub given: &'a BTreeMap<String, Value>,
}

impl SqlValues<'_> {
    fn get(&self, name: &str) -> Result<String, Error> {
        if let Some(kept) = self.kept.and_then(|kept| kept.get(name)) {
            return Ok(kept.clone());
        }
        let text = match self.given.get(name) {
            Some(value) => as_text(value),
            None => {
                let error = Error::usage(format!("the parameter `{name}` has no value"));
                let hint = match did_you_mean(name, self.given.keys().map(String::as_str)) {
                    Some(meant) => format!("did you mean `${{{meant}}}`?"),
                    None => {
                        format!("set `{name}` in `[parameters]` of `runner.toml`, or with `--parameter {name}=VALUE`")
                    }
                };
                return Err(error.hint(hint));
            }
        };
        // SQLite would silently end the script there.
        if text.contains('\0') {
            return Err(Error::usage(format!("the value of the parameter `{name}` contains a NUL"))
                .hint("remove the NUL: SQL is text"));
        }
        Ok(text)
    }
}

/// A value, as it is written into SQL.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::Int64(value) => value.to_string(),
        // With its point: in SQL, `7 / 2` is not `7 / 2.0`.
        Value::Float64(value) => float_text(*value).unwrap_or_else(|| value.to_string()),
        // Settings have no other types.
        other => format!("{other:?}"),
    }
}

/// Whether SQL asks for parameters, in its upgrade and in its downgrade: the directive of an upgrade is for both.
pub fn asks(up: &str, down: Option<&str>, dialect: Dialect) -> (bool, bool) {
    let of_up = has_parameters(up, dialect);
    (of_up, down.is_some_and(|down| of_up || has_parameters(down, dialect)))
}

/// The names of the files in which parameters are named, for messages.
#[derive(Clone, Debug)]
pub struct Named {
    /// The migration.
    pub migration: String,
    /// The file of the upgrade.
    pub up: String,
    /// The file of the downgrade.
    pub down: String,
}

/// SQL as it runs. All parameters without a value are refused; a downgrade runs whatever those of its upgrade are.
pub fn filled(
    up: Sql,
    down: Option<Sql>,
    direction: Direction,
    (dialect, values): (Dialect, SqlValues<'_>),
    named: &Named,
) -> Result<ScriptSource, Vec<Refusal>> {
    let (in_up, in_down) = asks(&up, down.as_deref(), dialect);
    if !in_up && !in_down {
        return Ok(ScriptSource::Sql { up, down, template: None });
    }
    let mut all = BTreeMap::new();
    let mut refusals = Vec::new();
    let mut run = |text: &str, file: &str, runs: bool| {
        let refusal = |line, error| Refusal { migration: named.migration.clone(), file: file.to_owned(), line, error };
        let found = match placeholders(text, dialect) {
            Ok(found) => found,
            Err(SqlError { line, message, hint }) => {
                refusals.push(refusal(line, hint.into_iter().fold(Error::usage(message), Error::hint)));
                return Sql::default();
            }
        };
        for placeholder in found {
            match values.get(&placeholder.name) {
                Ok(value) => {
                    all.insert(placeholder.name, value);
                }
                Err(error) if runs => refusals.push(refusal(placeholder.line, error)),
                Err(_) => {}
            }
        }
        // What has no value here was refused, or does not run.
        fill(text, dialect, &all).map(Sql::from).unwrap_or_default()
    };
    let up_text = if in_up { run(&up, &named.up, direction == Direction::Up) } else { up.clone() };
    let down_text = down.as_ref().map(|sql| if in_down { run(sql, &named.down, true) } else { sql.clone() });
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let template = Some(Template { up, down, values: all });
    Ok(ScriptSource::Sql { up: up_text, down: down_text, template })
}

/// One error for all parameters without a value; `None` if there are none.
pub fn unfilled(refusals: Vec<Refusal>) -> Option<Error> {
    let errors = refusals.into_iter().map(Refusal::into_error);
    several(errors.collect(), |count| format!("parameters without a value, in {count} places"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        up: &str,
        down: &str,
        direction: Direction,
        kept: &[(&str, &str)],
    ) -> Result<(String, String, usize), String> {
        let given = [("t", Value::Text("users".into())), ("n", Value::Int64(-5)), ("b", Value::Boolean(true))]
            .map(|(name, value)| (name.to_owned(), value));
        let kept = kept.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let values = SqlValues { kept: Some(&kept), given: &given.into() };
        let named = Named { migration: "1_a".into(), up: "up".into(), down: "down".into() };
        match filled(up.into(), Some(down.into()), direction, (Dialect::Sqlite, values), &named) {
            Ok(ScriptSource::Sql { up, down, template }) => {
                Ok((up.to_string(), down.unwrap_or_default().to_string(), template.map_or(0, |it| it.values.len())))
            }
            Ok(_) => Err("a component".into()),
            Err(refusals) => Err(refusals
                .iter()
                .map(|it| format!("{}:{}", it.summary(), it.error.hints.len()))
                .collect::<Vec<_>>()
                .join("; ")),
        }
    }

    #[test]
    fn a_float_keeps_its_point() {
        for (number, text) in [(2.0, "2.0"), (-0.5, "-0.5"), (1e300, "1e300")] {
            assert_eq!(as_text(&Value::Float64(number)), text);
        }
    }

    #[test]
    fn values_are_filled_in_where_a_directive_asks() {
        use Direction::{Down, Up};
        const ASKS: &str = "-- runner:parameters\n";
        let asks = |text: &str| format!("{ASKS}{text}");
        let ok = |up: &str, down: &str, count| Ok((up.to_owned(), down.to_owned(), count));
        assert_eq!(of("${t}", "${t}", Up, &[]), ok("${t}", "${t}", 0));
        assert_eq!(of(&asks("${t} ${n} ${b}"), "${t}", Up, &[]), ok(&asks("users -5 true"), "users", 3));
        assert_eq!(of("${t}", &asks("${t}"), Up, &[]), ok("${t}", &asks("users"), 1));
        const SPACED: &str = "-- runner: parameters\n";
        assert_eq!(of(&format!("{SPACED}'${{t}}'"), "", Up, &[]), ok(&format!("{SPACED}'users'"), "", 1));
        // What a migration was applied with takes precedence.
        assert_eq!(of(&asks("${t}"), "${t} ${n}", Down, &[("t", "old")]), ok(&asks("old"), "old -5", 2));
        // A downgrade needs no value that only its upgrade named.
        assert_eq!(of(&asks("${gone}"), "${t}", Down, &[]).map(|it| it.1), Ok("users".to_owned()));
        assert_eq!(
            of(&asks("${t} ${x}\n${y} ${x}"), "${z}", Up, &[]),
            Err("up:2: the parameter `x` has no value:1; up:3: the parameter `y` has no value:1; \
                 down:1: the parameter `z` has no value:1"
                .to_owned())
        );
    }
}
