//! Names that an operator gives the tables of a component: what it calls `outbox` is `acme_outbox` in this database.
//!
//! A rule is written as a grant writes tables: `outbox` is `acme_outbox`, `outbox*` is `acme_outbox*` for all names that begin like
//! this, and `outbox*` is `acme.*` in another schema. Names in statements of the component's own are text, and stay what they are.

use std::collections::BTreeMap;
use std::fmt;

use super::grants::{Grant, Tables};
use super::{DatabaseError, DatabaseErrorKind, TableName};

/// Rules by which tables are renamed. Empty: every table has its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames {
    rules: Vec<(Tables, Tables)>,
}

impl Renames {
    /// Reads rules as they are written: the name that the component uses, and the one in the database.
    pub fn parse<'t>(written: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, DatabaseError> {
        let mut rules: Vec<(Tables, Tables)> = Vec::new();
        for (from, to) in written {
            let (from, to): (Tables, Tables) = (from.parse()?, to.parse()?);
            if from.is_prefix != to.is_prefix {
                return Err(malformed(format!("`{from}` cannot be called `{to}`"))
                    .hint("both names end with `*`, or none of them"));
            }
            if let Some((other, _)) = rules.iter().find(|(_, there)| *there == to) {
                return Err(malformed(format!("`{other}` and `{from}` would both be `{to}`"))
                    .hint("give each of them a name of its own"));
            }
            rules.push((from, to));
        }
        // The first that fits is taken: a name before a beginning, and a longer beginning before a shorter one.
        rules.sort_by(|(a, _), (b, _)| {
            let rank = |tables: &Tables| (tables.is_prefix, std::cmp::Reverse(tables.name.len()));
            rank(a).cmp(&rank(b)).then_with(|| a.to_string().cmp(&b.to_string()))
        });
        Ok(Self { rules })
    }

    /// Puts `prefix` before the names of tables, and of all whose names begin like theirs. `prefix` ends with a point if it is a
    /// schema.
    pub fn with_prefix<'t>(prefix: &str, tables: impl IntoIterator<Item = &'t Tables>) -> Result<Self, DatabaseError> {
        let before: Tables =
            format!("{prefix}*").parse().ok().filter(|it: &Tables| !prefix.is_empty() && it.is_prefix).ok_or_else(
                || {
                    malformed(format!("`{prefix}` is not what the name of a table can begin with"))
                        .hint("use letters, digits and `_`, as in `acme_`, or a schema with a point, as in `acme.`")
                },
            )?;
        let mut names: Vec<&Tables> = tables.into_iter().filter(|it| it.schema.is_none()).collect();
        names.sort_by_key(|it| it.name.len());
        let mut rules: BTreeMap<String, String> = BTreeMap::new();
        let mut covered: Vec<&str> = Vec::new();
        for name in names {
            if covered.iter().any(|start| begins(&name.name, start)) {
                continue;
            }
            covered.push(&name.name);
            let all = |tables: &Tables| Tables { is_prefix: true, ..tables.clone() }.to_string();
            let to = Tables {
                schema: before.schema.clone(),
                name: format!("{}{}", before.name, name.name),
                is_prefix: true,
            };
            rules.insert(all(name), all(&to));
        }
        Self::parse(rules.iter().map(|(from, to)| (from.as_str(), to.as_str())))
    }

    /// Returns the same without the schemas of the new names, where one database stands for all others.
    #[must_use]
    pub fn without_schemas(&self) -> Self {
        let rule = |(from, to): &(Tables, Tables)| (from.clone(), Tables { schema: None, ..to.clone() });
        Self { rules: self.rules.iter().map(rule).collect() }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns the rules as they are written.
    pub fn lines(&self) -> BTreeMap<String, String> {
        self.rules.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect()
    }

    /// Returns the table that a component means by a name.
    pub fn table(&self, table: TableName) -> TableName {
        let named = Tables { schema: table.schema.clone(), ..Tables::named(&*table.name) };
        match self.tables(&named) {
            Some(renamed) => TableName { schema: renamed.schema, name: renamed.name },
            None => table,
        }
    }

    /// Returns the index that a component means by a name. Only rules with a `*` are for indexes too: their names are often made from
    /// that of the table, and most databases have one space of names for both.
    pub fn index(&self, index: String) -> String {
        let rule =
            self.rules.iter().find(|(from, _)| from.is_prefix && from.schema.is_none() && begins(&index, &from.name));
        match rule {
            Some((from, to)) => format!("{}{}", to.name, &index[from.name.len()..]),
            None => index,
        }
    }

    /// Returns the grant that a component means by one.
    pub fn grant(&self, grant: &Grant) -> Grant {
        let tables = self.tables(&grant.tables).unwrap_or_else(|| grant.tables.clone());
        Grant { tables, ..grant.clone() }
    }

    /// What tables are called, if a rule is for all of them.
    fn tables(&self, named: &Tables) -> Option<Tables> {
        let same_schema = |from: &Tables| match (&from.schema, &named.schema) {
            (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        let is_for = |from: &Tables| match from.is_prefix {
            true => begins(&named.name, &from.name),
            false => !named.is_prefix && named.name.eq_ignore_ascii_case(&from.name),
        };
        let (from, to) = self.rules.iter().find(|(from, _)| same_schema(from) && is_for(from))?;
        let rest = if from.is_prefix { &named.name[from.name.len()..] } else { "" };
        Some(Tables { schema: to.schema.clone(), name: format!("{}{rest}", to.name), is_prefix: named.is_prefix })
    }
}

impl fmt::Display for Renames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines().iter().map(|(from, to)| format!("`{from}` is `{to}`")).collect();
        f.write_str(&lines.join(", "))
    }
}

/// Whether a name begins like this. Case is ignored, as wherever it is not known how a database compares names.
fn begins(name: &str, start: &str) -> bool {
    name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

fn malformed(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renames(lines: &[(&str, &str)]) -> Renames {
        Renames::parse(lines.iter().copied()).expect("rules")
    }

    #[test]
    fn the_closest_rule_names_a_table() {
        let renames = renames(&[("out*", "a_out*"), ("outbox*", "b.outbox*"), ("outbox", "mail"), ("old.t", "t")]);
        for (schema, name, expected) in [
            (None, "outbox", "mail"),
            (None, "OUTBOX", "mail"),
            (None, "outbox_dead", "b.outbox_dead"),
            (None, "outer", "a_outer"),
            (None, "customers", "customers"),
            (None, "t", "t"),
            (Some("old"), "t", "t"),
            (Some("crm"), "outbox", "crm.outbox"),
        ] {
            let table = TableName { schema: schema.map(str::to_owned), name: name.to_owned() };
            assert_eq!(renames.table(table).to_string(), expected, "{name}");
        }
        for (index, expected) in
            [("outbox_by_topic", "outbox_by_topic"), ("outlook", "a_outlook"), ("by_topic", "by_topic")]
        {
            assert_eq!(renames.index(index.to_owned()), expected);
        }
        for (grant, expected) in [
            ("create outbox", "create mail"),
            ("read outbox*", "read b.outbox*"),
            ("read o*", "read o*"),
            ("update customers(email)", "update customers(email)"),
            ("insert outer(id)", "insert a_outer(id)"),
        ] {
            assert_eq!(renames.grant(&grant.parse().expect(grant)).to_string(), expected);
        }
    }

    #[test]
    fn a_prefix_is_for_tables_that_begin_like_them() {
        let tables: Vec<Tables> =
            ["outbox_dead", "outbox", "Log", "crm.t"].iter().map(|name| name.parse().expect(name)).collect();
        let lines = |prefix: &str| Renames::with_prefix(prefix, &tables).map(|renames| renames.lines());
        let expected = |of: &[(&str, &str)]| Ok(of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect());
        assert_eq!(lines("acme_"), expected(&[("outbox*", "acme_outbox*"), ("Log*", "acme_Log*")]));
        assert_eq!(lines("acme."), expected(&[("outbox*", "acme.outbox*"), ("Log*", "acme.Log*")]));
        for prefix in ["", "a b", "a;", ".", "a.b.c", "x*", "\""] {
            assert!(lines(prefix).is_err(), "{prefix}: {:?}", lines(prefix));
        }
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        for (lines, why) in [
            (&[("a*", "b")][..], "`a*` cannot be called `b`"),
            (&[("a", "b*")], "`a` cannot be called `b*`"),
            (&[("a", "c"), ("b", "c")], "`a` and `b` would both be `c`"),
            (&[("a", "")], "is no name of a table"),
            (&[("a(b)", "c")], "is no name of a table"),
        ] {
            let error = Renames::parse(lines.iter().copied()).expect_err(why);
            assert!(error.message.contains(why), "{error}");
        }
    }
}
