//! Names that an operator gives the tables of a component: what it calls `outbox` is `acme_outbox` in this database.
//!
//! A rule is written as a grant writes tables: `outbox` is `acme_outbox`, `outbox*` is `acme_outbox*` for all names that begin like
//! this, and `outbox*` is `acme.*` in another schema. Names in statements of the component's own are text, and stay what they are.
//!
//! Names are replaced where a guest's call is converted, before it is checked, compared with grants, written as SQL or
//! added to a digest: everything after that has the names of the database, and the guest cannot find out. What a
//! package asks for is renamed when its manifest is read. The lockfile keeps the rules, and another rule in the
//! settings is a mismatch: tables that exist do not move. The history has them too, since a rollback still runs where
//! the project has changed, and would drop the operator's own `outbox`.
//!
//! Rejected: a parameter that the package reads, of which every author would have to think; a prefix as the only form,
//! no help for a package that works on tables of the operator; renaming within statements, since a parser that finds
//! names is wrong sometimes; `search_path`.

use std::collections::BTreeMap;
use std::fmt;

use super::grants::{Grant, Tables, begins};
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
                return Err(malformed(format!("`{from}` cannot be renamed to `{to}`"))
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

    /// Puts `prefix` before the names of the tables that a component creates, and of all whose names begin like theirs; others among
    /// those that it uses are not its own, and keep their names. `prefix` ends with a point if it is a schema. There are no rules for
    /// tables that are named with a schema.
    pub fn with_prefix(prefix: &str, created: &[Tables], used: &[Tables]) -> Result<Self, DatabaseError> {
        let before: Tables =
            format!("{prefix}*").parse().ok().filter(|it: &Tables| !prefix.is_empty() && it.is_prefix).ok_or_else(
                || {
                    malformed(format!("`{prefix}` is not what the name of a table can begin with"))
                        .hint("use letters, digits and `_`, as in `acme_`, or a schema with a point, as in `acme.`")
                },
            )?;
        let mut names: Vec<&Tables> = created.iter().filter(|it| it.schema.is_none()).collect();
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
        let is_own = |tables: &Tables| created.iter().any(|own| is_part(tables, own) || is_part(own, tables));
        let would_change = |tables: &Tables| covered.iter().any(|start| begins(&tables.name, start));
        for other in used.iter().filter(|it| it.schema.is_none() && would_change(it) && !is_own(it)) {
            rules.insert(other.to_string(), other.to_string());
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

    /// Returns the grants that a component means by one. They are several if rules are for some of its tables: with `dead` for
    /// `outbox_dead`, one for `outbox_*` is for `dead` too.
    pub fn grant(&self, grant: &Grant) -> Vec<Grant> {
        let all = self.tables(&grant.tables).unwrap_or_else(|| grant.tables.clone());
        let mut meant = vec![all];
        for (_, to) in self.rules.iter().filter(|(from, _)| is_part(from, &grant.tables)) {
            if !meant.iter().any(|there| is_part(to, there)) {
                meant.push(to.clone());
            }
        }
        meant.into_iter().map(|tables| Grant { tables, ..grant.clone() }).collect()
    }

    /// What tables are called, if a rule is for all of them.
    fn tables(&self, named: &Tables) -> Option<Tables> {
        let (from, to) = self.rules.iter().find(|(from, _)| is_part(named, from))?;
        let rest = if from.is_prefix { &named.name[from.name.len()..] } else { "" };
        Some(Tables { schema: to.schema.clone(), name: format!("{}{rest}", to.name), is_prefix: named.is_prefix })
    }
}

/// Whether all of these tables are among the others.
fn is_part(of: &Tables, all: &Tables) -> bool {
    let same_schema = match (&of.schema, &all.schema) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one.is_none() && other.is_none(),
    };
    same_schema
        && match all.is_prefix {
            true => begins(&of.name, &all.name),
            false => !of.is_prefix && of.name.eq_ignore_ascii_case(&all.name),
        }
}

impl fmt::Display for Renames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines().iter().map(|(from, to)| format!("`{from}` is `{to}`")).collect();
        f.write_str(&lines.join(", "))
    }
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
            ("read outbox_*", "read b.outbox_*"),
            ("read outbox*", "read b.outbox*, read mail"),
            ("read out*", "read a_out*, read mail, read b.outbox*"),
            ("read o*(id)", "read o*(id), read mail(id), read b.outbox*(id), read a_out*(id)"),
            ("read *", "read *, read b.outbox*"),
            ("read old.*", "read old.*, read t"),
            ("update customers(email)", "update customers(email)"),
            ("insert outer(id)", "insert a_outer(id)"),
        ] {
            let meant = renames.grant(&grant.parse().expect(grant));
            assert_eq!(meant.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), expected);
        }
    }

    #[test]
    fn a_prefix_is_for_tables_that_begin_like_them() {
        let tables: Vec<Tables> =
            ["outbox_dead", "outbox", "Log", "crm.t"].iter().map(|name| name.parse().expect(name)).collect();
        let lines = |prefix: &str| Renames::with_prefix(prefix, &tables, &tables).map(|renames| renames.lines());
        let expected = |of: &[(&str, &str)]| Ok(of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect());
        assert_eq!(lines("acme_"), expected(&[("outbox*", "acme_outbox*"), ("Log*", "acme_Log*")]));
        assert_eq!(lines("acme."), expected(&[("outbox*", "acme.outbox*"), ("Log*", "acme.Log*")]));
        for prefix in ["", "a b", "a;", ".", "a.b.c", "x*", "\""] {
            assert!(lines(prefix).is_err(), "{prefix}: {:?}", lines(prefix));
        }
    }

    #[test]
    fn a_prefix_leaves_tables_of_others_alone() {
        let tables = |names: &[&str]| -> Vec<Tables> { names.iter().map(|name| name.parse().expect(name)).collect() };
        let created = tables(&["user", "outbox", "outbox_dead"]);
        let used = tables(&["user", "users", "user_roles*", "outbox*", "outbox_*", "customers", "crm.users"]);
        let renames = Renames::with_prefix("acme_", &created, &used).expect("rules");
        let lines: Vec<String> = renames.lines().iter().map(|(from, to)| format!("{from}={to}")).collect();
        let expected = ["outbox*=acme_outbox*", "user*=acme_user*", "user_roles*=user_roles*", "users=users"];
        assert_eq!(lines, expected);
        for (grant, expected) in [("read users", "read users"), ("read user", "read acme_user")] {
            let meant = renames.grant(&grant.parse().expect(grant));
            assert_eq!(meant.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
        }
        // A table with a schema gets no rule.
        assert!(Renames::with_prefix("acme_", &tables(&["crm.t"]), &[]).expect("no rules").is_empty());
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        for (lines, why) in [
            (&[("a*", "b")][..], "`a*` cannot be renamed to `b`"),
            (&[("a", "b*")], "`a` cannot be renamed to `b*`"),
            (&[("a", "c"), ("b", "c")], "`a` and `b` would both be `c`"),
            (&[("a", "")], "is not a valid table name"),
            (&[("a(b)", "c")], "is not a valid table name"),
        ] {
            let error = Renames::parse(lines.iter().copied()).expect_err(why);
            assert!(error.message.contains(why), "{error}");
        }
    }
}
