//! How two schemas differ. Nothing here knows kinds of objects.

use std::collections::{BTreeMap, BTreeSet};

use runner_base::dialect::Dialect;

use crate::model::{Object, ObjectId, Property, Schema, line};

/// An object that is not the same in two schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The object.
    pub id: ObjectId,
    /// How it differs.
    pub change: Change,
}

/// How an object differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the second schema has it.
    Added,
    /// Only the first one has it.
    Removed,
    /// Both have it, with other properties.
    Altered(Vec<Altered>),
}

/// A property that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Altered {
    /// Its name.
    pub property: String,
    /// What it is in the first schema.
    pub from: Option<Property>,
    /// What it is in the second schema.
    pub to: Option<Property>,
}

impl Altered {
    /// The property in one line, as each of the two has it.
    pub fn lines(&self) -> (Option<String>, Option<String>) {
        let line = |value: &Option<Property>| value.as_ref().map(|value| line(&self.property, value));
        (line(&self.from), line(&self.to))
    }
}

impl Schema {
    /// The differences that another schema has from this one, in the order of the objects. The parts of an object that only one of
    /// them has are not listed by themselves.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let [objects, of_other] = [self, other].map(Folded::of);
        let ids: BTreeSet<&ObjectId> = objects.0.keys().chain(of_other.0.keys()).collect();
        let mut found = Vec::new();
        for folded in ids {
            let (before, now) = (objects.0.get(folded), of_other.0.get(folded));
            let Some((id, _)) = before.or(now).copied() else { continue };
            let change = match (before, now) {
                (None, Some((_, object))) if objects.has_parent(object) => Change::Added,
                (Some((_, object)), None) if of_other.has_parent(object) => Change::Removed,
                // A part of something else, such as a column of a table that a view has replaced.
                (Some((_, before)), Some((_, now))) if !(of_other.has_parent(before) && objects.has_parent(now)) => {
                    continue;
                }
                (Some((_, before)), Some((_, now))) if before != now => match altered(before, now) {
                    found if found.is_empty() => continue,
                    found => Change::Altered(found),
                },
                _ => continue,
            };
            found.push(Difference { id: id.clone(), change });
        }
        found
    }
}

/// The objects by what the server takes for the same name: SQLite ignores the case of ASCII letters.
struct Folded<'a>(BTreeMap<ObjectId, (&'a ObjectId, &'a Object)>, Dialect);

impl<'a> Folded<'a> {
    fn of(schema: &'a Schema) -> Self {
        let fold = |id| folded_id(id, schema.dialect);
        Self(schema.objects.iter().map(|(id, object)| (fold(id), (id, object))).collect(), schema.dialect)
    }

    /// Whether the parent of an object of the other schema is here, if it has one.
    fn has_parent(&self, object: &Object) -> bool {
        object.parent.as_ref().is_none_or(|parent| self.0.contains_key(&folded_id(parent, self.1)))
    }
}

fn folded_id(id: &ObjectId, dialect: Dialect) -> ObjectId {
    ObjectId { kind: id.kind, path: id.path.iter().map(|name| folded(name, dialect)).collect() }
}

/// A name such that two are equal if the server takes them for the same.
pub fn folded(name: &str, dialect: Dialect) -> String {
    if dialect == Dialect::Sqlite { name.to_ascii_lowercase() } else { name.to_owned() }
}

/// The position is not compared: a column that was dropped and added again is the last one.
fn altered(before: &Object, now: &Object) -> Vec<Altered> {
    let names: BTreeSet<&String> = before.properties.keys().chain(now.properties.keys()).collect();
    let each = names.into_iter().map(|name| Altered {
        property: name.clone(),
        from: before.properties.get(name).cloned(),
        to: now.properties.get(name).cloned(),
    });
    each.filter(|it| it.from != it.to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, columns};

    type Made<'a> = (ObjectId, Option<ObjectId>, &'a [(&'a str, Property)]);

    fn schema(objects: &[Made<'_>]) -> Schema {
        let mut schema = Schema::empty(Dialect::Postgres);
        for (id, parent, properties) in objects {
            let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            schema.objects.insert(id.clone(), Object { parent: parent.clone(), properties, ..Object::default() });
        }
        schema
    }

    #[test]
    fn parts_of_what_only_one_has_are_not_listed() {
        let table = |name| ObjectId::new(Kind::Table, ["public", name]);
        let column = |table, name| ObjectId::new(Kind::Column, ["public", table, name]);
        let text = |text: &str| Property::Text(text.to_owned());
        let before = schema(&[
            (table("a"), None, &[]),
            (column("a", "x"), Some(table("a")), &[("type", text("integer"))]),
            (column("a", "y"), Some(table("a")), &[("type", text("text"))]),
            (table("b"), None, &[]),
            (column("b", "x"), Some(table("b")), &[("type", text("text"))]),
        ]);
        let now = schema(&[
            (table("a"), None, &[("unlogged", Property::Flag)]),
            (column("a", "x"), Some(table("a")), &[("type", text("bigint")), ("not null", Property::Flag)]),
            (table("c"), None, &[]),
            (column("c", "x"), Some(table("c")), &[("type", text("text"))]),
        ]);
        let found = before.differences(&now);
        let labels: Vec<String> = found.iter().map(|it| it.id.label(Some("public"))).collect();
        assert_eq!(labels, ["table a", "table b", "table c", "column a.x", "column a.y"]);
        assert!(matches!(&found[3].change, Change::Altered(properties) if properties.len() == 2), "{found:?}");
        let Change::Altered(properties) = &found[0].change else { panic!("{found:?}") };
        assert_eq!(properties[0].lines(), (None, Some("unlogged".to_owned())));
        assert_eq!(
            [&found[1].change, &found[2].change, &found[4].change],
            [&Change::Removed, &Change::Added, &Change::Removed]
        );
        assert_eq!(before.differences(&before), []);
        assert_eq!(now.differences(&before).len(), 5);
    }

    #[test]
    fn names_that_differ_by_case_are_the_same_on_sqlite() {
        let table = |name| ObjectId::new(Kind::Table, [name]);
        let column = |table, name| ObjectId::new(Kind::Column, [table, name]);
        let make = |dialect, name: &'static str, of: &'static str| {
            let made = [(table(name), None, &[][..]), (column(name, of), Some(table(name)), &[][..])];
            Schema { dialect, ..schema(&made) }
        };
        for (dialect, count) in [(Dialect::Sqlite, 0), (Dialect::Postgres, 2)] {
            let [one, other] = [make(dialect, "users", "id"), make(dialect, "Users", "ID")];
            assert_eq!(one.differences(&other).len(), count, "{dialect}");
        }
    }

    #[test]
    fn columns_are_in_their_order() {
        let table = ObjectId::new(Kind::Table, ["t"]);
        let mut schema = schema(&[(table.clone(), None, &[])]);
        for (position, name) in [(3, "a"), (1, "z")] {
            let object = Object { parent: Some(table.clone()), position: Some(position), ..Object::default() };
            schema.objects.insert(ObjectId::new(Kind::Column, ["t", name]), object);
        }
        assert_eq!(columns(schema.parts().get(&table)), ["z", "a"]);
    }
}
