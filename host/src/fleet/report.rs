//! The report of an earlier run, to run again what it did not finish.

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// The names of the databases that a report in JSON has as failed or not run, in its order.
pub fn unfinished(path: &Path) -> Result<Vec<String>> {
    let failed = |what: &str| {
        Error::usage(format!("cannot read the report `{}`: {what}", path.display()))
            .hint("give the output of an earlier `runner apply --all --format json`")
    };
    let bytes = std::fs::read(path).map_err(|error| failed("see the cause").cause(error))?;
    let document: Value = serde_json::from_slice(&bytes).map_err(|error| failed("it is not JSON").cause(error))?;
    let databases = document.get("databases").and_then(Value::as_array);
    let databases = databases.ok_or_else(|| failed("it is not about several databases"))?;
    let names = databases.iter().map(|it| {
        let text = |key: &str| it.get(key).and_then(Value::as_str);
        let (name, result) = text("name").zip(text("result")).ok_or_else(|| failed("a database has no result"))?;
        Ok(matches!(result, "failed" | "not-run").then(|| name.to_owned()))
    });
    names.filter_map(Result::transpose).collect()
}
