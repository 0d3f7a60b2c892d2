//! The report of an earlier run, to run again what it did not finish.

use std::path::Path;

use serde_json::Value;

use runner_base::error::{Error, Result};

/// The names of the databases that a report in JSON has as failed or not run, in its order. It has to be that of a run of the
/// command `verb`: what another has done is not what this one has left.
pub fn unfinished(path: &Path, verb: &str) -> Result<Vec<String>> {
    let flag = if verb == "rollback" { "--all-databases" } else { "--all" };
    let hint = format!("give the output of an earlier `runner {verb} {flag} --format json`");
    let failed = |what: &str| Error::usage(format!("cannot read the report `{}`: {what}", path.display())).hint(&*hint);
    let bytes = std::fs::read(path).map_err(|error| failed("see the cause").cause(error))?;
    let document: Value = serde_json::from_slice(&bytes).map_err(|error| failed("it is not JSON").cause(error))?;
    let databases = document.get("databases").and_then(Value::as_array);
    let databases = databases.ok_or_else(|| failed("it is not about several databases"))?;
    match document.get("command").and_then(Value::as_str) {
        Some(command) if command == verb => {}
        Some(command) => return Err(failed(&format!("it is that of `runner {command}`, not of `runner {verb}`"))),
        None => return Err(failed("it does not say which command it is of")),
    }
    if document.get("dry_run").and_then(Value::as_bool) != Some(false) {
        return Err(failed("it is not that of a run: a dry run has changed nothing"));
    }
    let names = databases.iter().map(|it| {
        let text = |key: &str| it.get(key).and_then(Value::as_str);
        let (name, result) = text("name").zip(text("result")).ok_or_else(|| failed("a database has no result"))?;
        Ok(matches!(result, "failed" | "not-run").then(|| name.to_owned()))
    });
    names.filter_map(Result::transpose).collect()
}
