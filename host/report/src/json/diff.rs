//! The output of `runner diff`.

use std::collections::BTreeMap;

use super::SCHEMA;
use runner_schema::{Altered, Change, Difference, Object, ObjectId, Parts, Property, Schema};

document! {
    /// How two schemas differ.
    pub struct DiffJson(before: (&Schema, &str), after: (&Schema, &str), differences: &[Difference]) with {
        let (parts_before, parts_after) = (before.0.parts(), after.0.parts());
    } {
        schema: u32 = SCHEMA,
        command: &'static str = "diff",
        /// The schema before, in words.
        from: String = before.1.to_owned(),
        /// The schema after, in words.
        to: String = after.1.to_owned(),
        differences: Vec<DifferenceJson> =
            differences.iter().map(|it| DifferenceJson::new(it, (before.0, &parts_before), (after.0, &parts_after))).collect(),
        /// How many objects each side has of kinds that are not compared, such as `cast`.
        not_compared: NotComparedJson = NotComparedJson::new(before.0, after.0),
    }

    struct DifferenceJson(difference: &Difference, before: Side<'_>, after: Side<'_>) {
        /// Such as `table`, `column` or `index`.
        kind: &'static str = difference.id.kind.name(),
        /// The names below which the object is unique: on PostgreSQL the schema first, then the table of a column.
        path: Vec<String> = difference.id.path.clone(),
        /// `added`, `removed` or `altered`.
        change: &'static str = match difference.change {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Altered(_) => "altered",
        },
        /// What differs of an object that both sides have.
        properties: Vec<AlteredJson> = match &difference.change {
            Change::Altered(properties) => properties.iter().map(AlteredJson::new).collect(),
            Change::Added | Change::Removed => Vec::new(),
        },
        /// An object that one side has, and behind it its parts.
        objects: Vec<ObjectJson> = match difference.change {
            Change::Added => objects(after, &difference.id),
            Change::Removed => objects(before, &difference.id),
            Change::Altered(_) => Vec::new(),
        },
    }

    struct AlteredJson(altered: &Altered) {
        name: String = altered.property.clone(),
        /// `null` where there is none.
        from: Option<ValueJson> = altered.from.as_ref().map(ValueJson::of),
        /// `null` where there is none.
        to: Option<ValueJson> = altered.to.as_ref().map(ValueJson::of),
    }

    struct ObjectJson(id: &ObjectId, object: &Object) {
        kind: &'static str = id.kind.name(),
        path: Vec<String> = id.path.clone(),
        properties: BTreeMap<String, ValueJson> =
            object.properties.iter().map(|(name, value)| (name.clone(), ValueJson::of(value))).collect(),
    }

    struct NotComparedJson(before: &Schema, after: &Schema) {
        from: BTreeMap<String, i64> = before.unread.clone(),
        to: BTreeMap<String, i64> = after.unread.clone(),
    }
}

/// The value of a property: `true`, a number, a text or a list of texts.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum ValueJson {
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<String>),
}

impl ValueJson {
    fn of(value: &Property) -> Self {
        match value {
            Property::Flag => Self::Flag(true),
            Property::Number(number) => Self::Number(*number),
            Property::Text(text) | Property::Expression(text) => Self::Text(text.clone()),
            Property::List(items) => Self::List(items.clone()),
        }
    }
}

/// A schema, and the parts of its objects.
type Side<'a> = (&'a Schema, &'a BTreeMap<&'a ObjectId, Parts<'a>>);

fn objects((schema, parts): Side<'_>, id: &ObjectId) -> Vec<ObjectJson> {
    let parts = parts.get(id).into_iter().flatten().copied();
    let own = schema.objects.get_key_value(id);
    own.into_iter().chain(parts).map(|(id, object)| ObjectJson::new(id, object)).collect()
}
