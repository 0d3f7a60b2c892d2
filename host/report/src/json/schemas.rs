//! The JSON Schemas of the output, published in `docs/schemas`: made from the types, and held against the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::*;

/// Set to write the files.
const WRITE: &str = "RUNNER_WRITE_SCHEMAS";

/// All schemas, by the name of their file.
fn schemas() -> BTreeMap<&'static str, Value> {
    [
        ("build", of::<BuildJson>("`runner build`", &["build"])),
        ("build-check", of::<CheckJson>("`runner build --check`", &["build"])),
        (
            "control",
            of::<ControlJson>("`runner pause`, `runner resume`, `runner cancel`", &["pause", "resume", "cancel"]),
        ),
        ("current", of::<CurrentJson>("`runner current`", &["current"])),
        ("db", of::<DbJson>("`runner db create`, `drop`, `wait`", &["db"])),
        ("diff", of::<DiffJson>("`runner diff`", &["diff"])),
        ("doctor", of::<DoctorJson>("`runner doctor`", &["doctor"])),
        ("error", of::<ErrorDocument>("A command that failed before it had other output", &[])),
        ("event", of::<EventJson>("A line on standard error: an event of a run", &[])),
        ("fleet-plan", of::<FleetPlanJson>("`runner plan` on several databases", &["plan"])),
        (
            "fleet-run",
            of::<FleetRunJson>("`runner apply`, `runner rollback` on several databases", &["apply", "rollback"]),
        ),
        ("fleet-status", of::<FleetStatusJson>("`runner status` on several databases", &["status"])),
        ("grants", of::<GrantsJson>("`runner grants`", &["grants"])),
        ("history", of::<HistoryJson>("`runner history`", &["history"])),
        ("outdated", of::<OutdatedJson>("`runner outdated`", &["outdated"])),
        ("package", of::<PackageJson>("`runner package`", &["package"])),
        ("plan", of::<PlanJson>("`runner plan`", &["plan"])),
        ("remove", of::<RemovedJson>("`runner remove`", &["remove"])),
        ("renumber", of::<RenumberJson>("`runner renumber`", &["renumber"])),
        ("repair", of::<RepairJson>("`runner repair`", &["repair"])),
        ("repair-accept-checksum", of::<AcceptJson>("`runner repair --accept-checksum`", &["repair"])),
        ("run", of::<RunJson>("`runner apply`, `runner rollback`, `runner redo`", &["apply", "rollback", "redo"])),
        ("scaffold", of::<ScaffoldJson>("`runner init`, `runner new`", &["init", "new"])),
        ("show", of::<ShowJson>("`runner show`", &["show"])),
        ("stamp", of::<StampJson>("`runner stamp`, `runner baseline`", &["stamp", "baseline"])),
        ("status", of::<StatusJson>("`runner status`", &["status"])),
        ("test", of::<TestJson>("`runner test`", &["test"])),
        ("validate", of::<ValidateJson>("`runner validate`", &["validate"])),
        ("vendored", of::<VendoredJson>("`runner add`, `runner update`", &["add", "update"])),
        ("verify", of::<VerifyJson>("`runner verify`", &["verify"])),
    ]
    .into()
}

/// The schema of a document, in the words of its types. `commands` are the values of its field `command`.
fn of<T: JsonSchema>(title: &str, commands: &[&str]) -> Value {
    // As it is written: a field that is always there is required, although it may be null.
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema: Schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(title));
    let mut schema = schema.to_value();
    if !commands.is_empty() {
        schema["properties"]["command"] = json!({ "enum": commands });
    }
    schema["properties"]["schema"] = json!({ "const": SCHEMA });
    enumerate(&mut schema);
    schema
}

/// Makes an `enum` of each description that lists the values of a text: "`up` or `down`: which way".
fn enumerate(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let listed = object.get("description").and_then(Value::as_str).and_then(listed);
            if let Some(values) = listed.filter(|_| object.get("type") == Some(&json!("string"))) {
                object.insert("enum".to_owned(), values);
            }
            object.values_mut().for_each(enumerate);
        }
        Value::Array(values) => values.iter_mut().for_each(enumerate),
        _ => {}
    }
}

/// The values that a description lists, if it begins with nothing else.
fn listed(description: &str) -> Option<Value> {
    let list = description.split([':', '.']).next()?.replace(" or ", ", ");
    let values: Option<Vec<&str>> = list
        .split(", ")
        .map(|value| value.strip_prefix('`')?.strip_suffix('`').filter(|it| !it.contains('`')))
        .collect();
    values.filter(|values| values.len() > 1).map(|values| json!(values))
}

#[test]
fn values_are_listed_in_descriptions() {
    assert_eq!(listed("`a`, `b-c` or `d e`: which."), Some(json!(["a", "b-c", "d e"])));
    assert_eq!(listed("`a` or `b`."), Some(json!(["a", "b"])));
    for prose in
        ["Either `a` or `b`.", "`a` of the new one, if there is one.", "`None`: all runs.", "What `a` and `b` are."]
    {
        assert_eq!(listed(prose), None, "{prose}");
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas")
}

#[test]
fn the_published_schemas_are_those_of_the_output() {
    let schemas = schemas();
    let mut files: Vec<String> = Vec::new();
    for (name, schema) in &schemas {
        let text = format!("{}\n", serde_json::to_string_pretty(schema).expect("JSON"));
        let file = directory().join(format!("{name}.json"));
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(directory()).expect("a directory");
            std::fs::write(&file, &text).expect("a file");
        }
        let published = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(published, text, "docs/schemas/{name}.json is out of date; {WRITE}=1 writes it");
        files.push(format!("{name}.json"));
    }
    let mut there: Vec<String> = std::fs::read_dir(directory())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    there.sort();
    files.sort();
    assert_eq!(there, files, "docs/schemas");
}
