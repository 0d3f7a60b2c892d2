//! Grants as rights on the tables of a server, and how the rights of a login differ from them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::grants::{Grant, Grants, Verb};
use crate::{SchemaChange, TableName};
use runner_base::suggest::did_you_mean;

/// Rights as a server spells them after `GRANT`.
pub type Rights = BTreeSet<String>;

/// The tables and views of a server, by schema and name.
pub type Relations = BTreeMap<(String, String), Relation>;

/// What marks a right that may be passed on.
const OPTION: &str = " WITH GRANT OPTION";

/// A table or a view.
#[derive(Clone, Debug, Default)]
pub struct Relation {
    /// Its columns.
    pub columns: BTreeSet<String>,
    /// The sequences of its columns that need a right of their own.
    pub sequences: Vec<(String, String)>,
    /// It is a view that reads with the rights of its owner.
    pub reaches_past: bool,
}

/// What one line grants on one table.
#[derive(Debug)]
pub struct Granted<'a> {
    /// The privilege.
    pub privilege: &'static str,
    /// The schema and the name.
    pub table: (&'a str, &'a str),
    /// The columns; empty means all.
    pub columns: Vec<&'a str>,
    /// The table.
    pub relation: &'a Relation,
}

/// Grants, compared with the tables that exist.
#[derive(Debug, Default)]
pub struct Resolved<'a> {
    /// What is granted.
    pub granted: Vec<Granted<'a>>,
    /// What grants name that does not exist.
    pub unknown: Vec<String>,
    /// Views that read with the rights of their owners.
    pub views: Vec<String>,
}

/// Compares grants with tables. `schema`: that of names without one.
pub fn resolve<'a>(grants: &Grants, relations: &'a Relations, schema: &str) -> Resolved<'a> {
    let mut found = Resolved::default();
    let own = schema;
    // What the component itself creates later is granted then.
    let makes = |verbs: &[Verb], schema: &str, name: &str| {
        let of = |grant: &Grant| verbs.contains(&grant.verb) && grant.tables.schema.as_deref().unwrap_or(own) == schema;
        grants.tables.iter().any(|grant| of(grant) && is_meant(grant, name))
    };
    for grant in &grants.tables {
        let Some(privilege) = privilege_of(grant.verb) else { continue };
        let schema = grant.tables.schema.as_deref().unwrap_or(own);
        let meant = &grant.tables.name;
        let of_schema = || relations.iter().filter(|((of, _), _)| of == schema);
        let mut any = false;
        for ((schema, name), relation) in of_schema().filter(|((_, name), _)| is_meant(grant, name)) {
            any = true;
            let unknown = found.unknown.len();
            found.add(grant, privilege, (schema, name), relation);
            if makes(&[Verb::Create, Verb::Alter], schema, name) {
                found.unknown.truncate(unknown);
            }
        }
        if !any && !grant.tables.is_prefix && !makes(&[Verb::Create], schema, meant) {
            let like = like(meant, of_schema().map(|((_, name), _)| name.as_str()));
            found.unknown.push(format!("`{grant}`: there is no table `{schema}.{meant}`{like}"));
        }
    }
    found
}

/// The table that a change of the schema makes, or that it adds columns to, with these alone; `None` if it does neither.
pub fn relations_of(change: &SchemaChange, schema: &str) -> Option<Relations> {
    let columns: BTreeSet<String> = change.new_columns().iter().map(|column| column.name.clone()).collect();
    let TableName { schema: of, name } = change.table();
    let key = (of.as_deref().unwrap_or(schema).to_owned(), name.clone());
    (!columns.is_empty()).then(|| [(key, Relation { columns, ..Relation::default() })].into())
}

fn is_meant(grant: &Grant, name: &str) -> bool {
    if grant.tables.is_prefix { name.starts_with(&grant.tables.name) } else { name == grant.tables.name }
}

fn privilege_of(verb: Verb) -> Option<&'static str> {
    match verb {
        Verb::Read => Some("SELECT"),
        Verb::Insert => Some("INSERT"),
        Verb::Update => Some("UPDATE"),
        Verb::Delete => Some("DELETE"),
        Verb::Alter | Verb::Create | Verb::Drop => None,
    }
}

fn like<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    did_you_mean(name, names).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

impl<'a> Resolved<'a> {
    fn add(
        &mut self,
        grant: &Grant,
        privilege: &'static str,
        (schema, name): (&'a str, &'a str),
        relation: &'a Relation,
    ) {
        let mut columns = Vec::new();
        for column in &grant.columns {
            if let Some(known) = relation.columns.get(column) {
                columns.push(known.as_str());
                continue;
            }
            let like = like(column, relation.columns.iter().map(String::as_str));
            self.unknown.push(format!("`{grant}`: `{schema}.{name}` has no column `{column}`{like}"));
        }
        if relation.reaches_past {
            self.views.push(format!("{schema}.{name}"));
        }
        // Without columns it would be for all of them.
        if grant.columns.is_empty() || !columns.is_empty() {
            self.granted.push(Granted { privilege, table: (schema, name), columns, relation });
        }
    }
}

/// Returns what a login lacks, and what it has beyond what it should have.
pub fn differences(found: &Rights, wanted: &Rights) -> Vec<String> {
    let lacks = wanted.difference(found).map(|right| format!("it lacks {right}"));
    let beyond = found.difference(wanted).map(|right| format!("it has {right}"));
    lacks.chain(beyond).collect()
}

/// The statements that give a login its rights and take others away. `cascade`: what follows a `REVOKE`.
pub fn align(login: &str, found: &Rights, wanted: &Rights, cascade: &str) -> Vec<String> {
    let beyond = found.difference(wanted).map(|right| {
        let right = right.strip_suffix(OPTION).unwrap_or(right);
        format!("REVOKE {right} FROM {login}{cascade}")
    });
    // A right that may be passed on is taken away as a whole, and given again.
    let again = |right: &&String| !found.contains(*right) || found.contains(&format!("{right}{OPTION}"));
    beyond.chain(wanted.iter().filter(again).map(|right| format!("GRANT {right} TO {login}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rights: &[&str]) -> Rights {
        rights.iter().map(|right| (*right).to_owned()).collect()
    }

    #[test]
    fn rights_are_taken_before_they_are_given() {
        let found = set(&["SELECT ON t", "DELETE ON t WITH GRANT OPTION", "INSERT ON t"]);
        let wanted = set(&["SELECT (a) ON t", "DELETE ON t", "INSERT ON t"]);
        assert_eq!(
            align("x", &found, &wanted, " CASCADE"),
            [
                "REVOKE DELETE ON t FROM x CASCADE",
                "REVOKE SELECT ON t FROM x CASCADE",
                "GRANT DELETE ON t TO x",
                "GRANT SELECT (a) ON t TO x",
            ]
        );
        assert_eq!(align("x", &wanted, &wanted, ""), [""; 0]);
        assert_eq!(differences(&set(&["a", "b"]), &set(&["b", "c"])), ["it lacks c", "it has a"]);
    }

    #[test]
    fn a_line_without_a_column_that_exists_grants_nothing() {
        let columns = ["id", "Name"].map(str::to_owned).into();
        let relations = [(("app".to_owned(), "people".to_owned()), Relation { columns, ..Relation::default() })].into();
        let grants = |line: &str| Grants { tables: vec![line.parse().expect("a grant")], ..Grants::default() };
        let unknown = grants("read people(nam)");
        let found = resolve(&unknown, &relations, "app");
        assert!(found.granted.is_empty(), "{found:?}");
        assert_eq!(found.unknown.len(), 1);
        let some = grants("read people(Name, nam)");
        assert_eq!(resolve(&some, &relations, "app").granted[0].columns, ["Name"]);
        assert_eq!(resolve(&some, &relations, "other").unknown.len(), 1);
        let prefix = grants("delete peo*");
        assert_eq!(resolve(&prefix, &relations, "app").granted.len(), 1);
    }
}
