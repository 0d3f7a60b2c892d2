//! Holds JSON output against the published JSON Schemas: every output of every test.
//!
//! A validator of its own, for the keywords that those schemas use; any other keyword is an error. The validators on crates.io turn
//! on `float_roundtrip` of `serde_json`, so that the binary under test would not be the one that is released.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Map, Value};

/// Checks both streams of a run: the document on standard output, and the events on standard error. Returns the names of the
/// schemas that they fit.
///
/// # Panics
/// If one of them does not fit its schema.
pub fn check(stdout: &str, stderr: &str) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    if stdout.starts_with("{\n  \"schema\":") {
        // What was cut off by a kill is none of the schema's business.
        if let Ok(document) = serde_json::from_str(stdout) {
            names.insert(name_of(&document));
            fits(name_of(&document), &document);
        }
    }
    for line in stderr.lines().filter(|line| line.starts_with("{\"schema\":")) {
        if let Ok(event) = serde_json::from_str(line) {
            names.insert("event");
            fits("event", &event);
        }
    }
    names
}

/// The schema of a document.
fn name_of(document: &Value) -> &'static str {
    match document["command"].as_str() {
        None => "error",
        Some("apply" | "rollback") if document.get("databases").is_some() => "fleet-run",
        Some("status") if document.get("databases").is_some() => "fleet-status",
        Some("plan") if document.get("databases").is_some() => "fleet-plan",
        Some("build") if document.get("checked").is_some() => "build-check",
        Some("apply" | "rollback" | "redo") => "run",
        Some("pause" | "resume" | "cancel") => "control",
        Some("stamp" | "baseline") => "stamp",
        Some("init" | "new") => "scaffold",
        Some("add" | "update") => "vendored",
        Some("repair") if document.get("sha256_before").is_some() => "repair-accept-checksum",
        Some(command) => match schemas().keys().find(|name| *name == command) {
            Some(name) => name,
            None => panic!("docs/schemas has no schema for `{command}`"),
        },
    }
}

/// The published schemas, by name.
pub fn schemas() -> &'static BTreeMap<String, Value> {
    static SCHEMAS: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas");
        let files = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let read = |path: &Path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let files = files.map(|entry| entry.unwrap().path());
        files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
    })
}

fn fits(name: &str, value: &Value) {
    let schema = schemas().get(name).unwrap_or_else(|| panic!("docs/schemas/{name}.json does not exist"));
    if let Err(problem) = (Validator { root: schema }).check(schema, value, "$") {
        panic!("docs/schemas/{name}.json: {problem}\n{value:#}");
    }
}

struct Validator<'a> {
    root: &'a Value,
}

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(true) => return Ok(()),
            _ => return Err(format!("{at}: nothing is allowed")),
        };
        for (keyword, rule) in schema {
            self.rule(schema, keyword, rule, value, at)?;
        }
        Ok(())
    }

    fn rule(
        &self,
        schema: &Map<String, Value>,
        keyword: &str,
        rule: &Value,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        let rules = || rule.as_array().into_iter().flatten();
        let holds = match keyword {
            "$schema" | "$defs" | "title" | "description" | "format" => true,
            "$ref" => {
                let pointer = rule.as_str().and_then(|it| it.strip_prefix('#')).unwrap_or("?");
                let Some(schema) = self.root.pointer(pointer) else { return Err(format!("{rule} leads nowhere")) };
                return self.check(schema, value, at);
            }
            "type" => match rule {
                Value::String(name) => is_a(name, value),
                _ => rules().any(|name| is_a(name.as_str().unwrap_or("?"), value)),
            },
            "const" => rule == value,
            "enum" => rules().any(|it| it == value),
            "minimum" => value.as_f64().is_none_or(|number| Some(number) >= rule.as_f64()),
            "maximum" => value.as_f64().is_none_or(|number| Some(number) <= rule.as_f64()),
            "required" => {
                let Some(object) = value.as_object() else { return Ok(()) };
                match rules().filter_map(Value::as_str).find(|name| !object.contains_key(*name)) {
                    Some(name) => return Err(format!("{at}: `{name}` is missing")),
                    None => true,
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        self.check(rule, value, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let others = value.as_object().into_iter().flatten();
                for (name, value) in others.filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name))) {
                    self.check(rule, value, &format!("{at}.{name}"))?;
                }
                true
            }
            "items" => {
                for (number, value) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(rule, value, &format!("{at}[{number}]"))?;
                }
                true
            }
            "allOf" => {
                rules().try_for_each(|rule| self.check(rule, value, at))?;
                true
            }
            "anyOf" => rules().any(|rule| self.check(rule, value, at).is_ok()),
            "oneOf" => match rules().map(|rule| self.check(rule, value, at)).collect::<Vec<_>>() {
                all if all.iter().filter(|it| it.is_ok()).count() == 1 => true,
                all => return Err(format!("{at}: one of these must fit: {all:?}")),
            },
            unknown => return Err(format!("the validator of the tests does not know `{unknown}`")),
        };
        if holds { Ok(()) } else { Err(format!("{at}: {value} is not as `{keyword}` says: {rule}")) }
    }
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_found() {
        let schema = json!({
            "type": "object",
            "properties": {
                "schema": { "const": 1 },
                "name": { "type": ["string", "null"] },
                "kind": { "enum": ["a", "b"] },
                "list": { "type": "array", "items": { "$ref": "#/$defs/count" } },
                "either": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/count" }] },
            },
            "required": ["schema", "name"],
            "additionalProperties": { "type": "boolean" },
            "oneOf": [{ "properties": { "tag": { "const": true } }, "required": ["tag"] }, { "required": ["other"] }],
            "$defs": { "count": { "type": "integer", "minimum": 0 } },
        });
        let check = |value: Value| Validator { root: &schema }.check(&schema, &value, "$").is_ok();
        assert!(check(json!({ "schema": 1, "name": null, "kind": "b", "list": [0, 7], "either": 5, "tag": true })));
        for (wrong, what) in [
            (json!([]), "no object"),
            (json!({ "schema": 1, "tag": true }), "a missing field"),
            (json!({ "schema": 2, "name": null, "tag": true }), "another constant"),
            (json!({ "schema": 1, "name": 5, "tag": true }), "another type"),
            (json!({ "schema": 1, "name": null, "kind": "c", "tag": true }), "another name"),
            (json!({ "schema": 1, "name": null, "list": [0, -1], "tag": true }), "too small"),
            (json!({ "schema": 1, "name": null, "list": [0.5], "tag": true }), "no integer"),
            (json!({ "schema": 1, "name": null, "either": "x", "tag": true }), "neither"),
            (json!({ "schema": 1, "name": null, "tag": true, "new": "x" }), "an unknown field"),
            (json!({ "schema": 1, "name": null, "tag": true, "other": true }), "both of one"),
            (json!({ "schema": 1, "name": null }), "none of one"),
        ] {
            assert!(!check(wrong), "{what}");
        }
        let unknown = json!({ "pattern": "x" });
        assert!(Validator { root: &unknown }.check(&unknown, &json!("x"), "$").is_err());
    }
}
