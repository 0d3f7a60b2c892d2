//! What an operator allows a component: nothing, except what is listed.
//!
//! This is data. A driver enforces it for a session that was given grants with
//! [`Database::set_grants`](super::Database::set_grants), also for what the host writes on the component's behalf, and in
//! the bodies of views and triggers that a statement goes through. A denial names the one grant that is missing;
//! [`Need::missing_in`] reads it from the error.
//!
//! A grant is written `VERB TABLE(COLUMN, …)`, such as `read customers(id, email)`, `insert outbox` or `create outbox_*`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::logins::Secret;
use super::{DatabaseError, DatabaseErrorKind, Dialect, TableName};
use crate::suggest::did_you_mean;

/// What a component may do with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Read its rows, also in a condition.
    Read,
    /// Insert rows.
    Insert,
    /// Change rows.
    Update,
    /// Delete rows.
    Delete,
    /// Change its definition: columns, constraints and indexes, but not its name.
    Alter,
    /// Create it, or a view of that name.
    Create,
    /// Drop it, or a view of that name.
    Drop,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Insert, Self::Update, Self::Delete, Self::Alter, Self::Create, Self::Drop];

    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Alter => "alter",
            Self::Create => "create",
            Self::Drop => "drop",
        }
    }

    /// Returns whether a grant of it can be restricted to columns.
    pub fn takes_columns(self) -> bool {
        matches!(self, Self::Read | Self::Insert | Self::Update)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The tables that a grant is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// The schema or database; `None` for the one in which a component works.
    pub schema: Option<String>,
    /// The name, or its beginning.
    pub name: String,
    /// Whether all tables are meant whose names begin with `name`.
    pub is_prefix: bool,
}

/// One line of what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What is allowed.
    pub verb: Verb,
    /// For which tables.
    pub tables: Tables,
    /// For which columns; empty means all, also those that are added later.
    pub columns: BTreeSet<String>,
}

/// What a component may do. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// What is allowed for tables.
    pub tables: Vec<Grant>,
    /// Functions that may be called besides those that only compute with their arguments.
    pub functions: BTreeSet<String>,
    /// Whether statements of the component's own are accepted, and not only readers and writers. The caller who receives
    /// their text enforces it, with [`Grants::check_raw_sql`]: a driver cannot tell them from those of the host.
    pub raw_sql: bool,
    /// The revision of the component. Where a component under grants has a login of its own, it is named by it.
    pub component: String,
    /// The password of that login, if the operator keeps it; else each run sets one.
    pub secret: Option<Secret>,
    /// The variable that holds it.
    pub password_env: Option<String>,
    /// Whether the component runs although runner's own login may do everything on the server.
    pub superuser: bool,
}

/// The columns that a statement touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The table, but none of its columns, as `count(*)` does.
    Table,
    /// One column.
    Column(String),
    /// Every column, as far as is known.
    EveryColumn,
}

/// What a statement needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Something of a table.
    Table {
        /// What is done with it.
        verb: Verb,
        /// The table.
        table: TableName,
        /// The columns.
        columns: Touched,
    },
    /// To call a function.
    Function(String),
}

impl Tables {
    /// Returns the table of this name, in the schema in which a component works.
    pub fn named(name: impl Into<String>) -> Self {
        Self { schema: None, name: name.into(), is_prefix: false }
    }

    /// Returns all tables whose names begin like this.
    pub fn with_prefix(prefix: impl Into<String>) -> Self {
        Self { is_prefix: true, ..Self::named(prefix) }
    }

    /// Returns whether a table is one of them.
    pub fn contains(&self, table: &TableName, dialect: Dialect) -> bool {
        self.contain(table, Names::of(dialect))
    }

    fn contain(&self, table: &TableName, names: Names) -> bool {
        let same_schema = match (&self.schema, &table.schema) {
            (Some(ours), Some(theirs)) => names.equal(ours, theirs),
            (None, None) => true,
            _ => false,
        };
        same_schema
            && if self.is_prefix {
                table.name.get(..self.name.len()).is_some_and(|start| names.equal(start, &self.name))
            } else {
                names.equal(&table.name, &self.name)
            }
    }
}

/// How a database compares names.
#[derive(Clone, Copy)]
enum Names {
    Exactly,
    IgnoringAsciiCase,
}

impl Names {
    fn of(dialect: Dialect) -> Self {
        // MySQL's comparison depends on the server; exactly is the stricter one.
        if dialect == Dialect::Sqlite { Self::IgnoringAsciiCase } else { Self::Exactly }
    }

    fn equal(self, left: &str, right: &str) -> bool {
        match self {
            Self::Exactly => left == right,
            Self::IgnoringAsciiCase => left.eq_ignore_ascii_case(right),
        }
    }
}

impl Grant {
    /// Creates a grant for all columns.
    pub fn new(verb: Verb, tables: Tables) -> Self {
        Self { verb, tables, columns: BTreeSet::new() }
    }

    /// Restricts a grant to columns. Fails for verbs that concern whole rows or the table, and for no columns, which would
    /// mean all.
    pub fn of_columns<C: Into<String>>(
        verb: Verb,
        tables: Tables,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<Self, DatabaseError> {
        let columns: BTreeSet<String> = columns.into_iter().map(Into::into).collect();
        if !verb.takes_columns() {
            return Err(malformed(format!("a grant to {verb} cannot be restricted to columns"))
                .hint("only `read`, `insert` and `update` can; leave the columns out"));
        }
        if columns.is_empty() {
            return Err(malformed(format!("a grant to {verb} lists no columns"))
                .hint("leave the parentheses out to grant all of them"));
        }
        Ok(Self { columns, ..Self::new(verb, tables) })
    }

    fn allows(&self, verb: Verb, table: &TableName, columns: &Touched, names: Names) -> bool {
        self.verb == verb
            && self.tables.contain(table, names)
            && (self.columns.is_empty()
                || match columns {
                    Touched::Table => true,
                    Touched::Column(column) => self.columns.iter().any(|granted| names.equal(granted, column)),
                    Touched::EveryColumn => false,
                })
    }
}

impl Grants {
    /// Returns whether something is allowed.
    pub fn allow(&self, need: &Need, dialect: Dialect) -> bool {
        match need {
            Need::Table { verb, table, columns } => {
                self.tables.iter().any(|grant| grant.allows(*verb, table, columns, Names::of(dialect)))
            }
            Need::Function(name) => self.functions.iter().any(|granted| granted.eq_ignore_ascii_case(name)),
        }
    }

    /// Returns whether a verb is granted for tables, or for some of their columns: `TABLE`, or `PREFIX*` for all of them.
    pub fn concern(&self, verb: Verb, tables: &str) -> bool {
        let Ok(declared) = format!("{verb} {tables}").parse::<Grant>() else { return false };
        let table = TableName { schema: declared.tables.schema, name: declared.tables.name };
        self.tables.iter().any(|grant| {
            grant.verb == verb
                && grant.tables.contain(&table, Names::IgnoringAsciiCase)
                && (grant.tables.is_prefix || !declared.tables.is_prefix)
        })
    }

    /// Returns whether everything that a grant allows is granted, by one line or by several.
    pub fn cover(&self, wanted: &Grant) -> bool {
        let table = TableName { schema: wanted.tables.schema.clone(), name: wanted.tables.name.clone() };
        let is_covered = |columns: &Touched| {
            self.tables.iter().any(|grant| {
                (grant.tables.is_prefix || !wanted.tables.is_prefix)
                    && grant.allows(wanted.verb, &table, columns, Names::IgnoringAsciiCase)
            })
        };
        match wanted.columns.is_empty() {
            true => is_covered(&Touched::EveryColumn),
            false => wanted.columns.iter().all(|column| is_covered(&Touched::Column(column.clone()))),
        }
    }

    /// Returns the same for the component of a revision.
    pub fn of(&self, revision: &str) -> Self {
        Self { component: revision.to_owned(), ..self.clone() }
    }

    /// Returns what is granted, line by line, as the settings have it.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let functions = self.functions.iter().map(|name| format!("function {name}"));
        self.tables.iter().map(ToString::to_string).chain(functions)
    }

    /// Returns whether anything is allowed for a table, so that its definition is no secret.
    pub fn mention(&self, table: &TableName, dialect: Dialect) -> bool {
        self.tables.iter().any(|grant| grant.tables.contain(table, Names::of(dialect)))
    }

    /// Fails unless statements of the component's own are allowed.
    pub fn check_raw_sql(&self) -> Result<(), DatabaseError> {
        if self.raw_sql {
            return Ok(());
        }
        Err(DatabaseError::new(DatabaseErrorKind::Denied, "the component has no grant to run statements of its own")
            .hint("readers and writers need none; if the component is meant to, set `raw_sql = true` under its `[grants.NAME]`"))
    }
}

impl Need {
    /// Returns the error for a statement that lacks this grant. `through`: the view or trigger that causes the access.
    pub fn denied(&self, through: Option<&str>) -> DatabaseError {
        let through = through.map(|name| format!(", which it does through `{name}`")).unwrap_or_default();
        DatabaseError::new(
            DatabaseErrorKind::Denied,
            format!("the component has no grant to {}{through}", self.words()),
        )
        .detail(format!("{MISSING}{self}"))
        .hint("grant it if the component is meant to do this")
    }

    /// Returns the grant that is missing, as the error of [`Need::denied`] states it: the text of a grant.
    pub fn missing_in(error: &DatabaseError) -> Option<&str> {
        error.detail.as_deref()?.strip_prefix(MISSING)
    }

    fn words(&self) -> String {
        match self {
            Self::Table { verb, table, columns: Touched::Column(column) } => {
                format!("{verb} column `{column}` of `{table}`")
            }
            Self::Table { verb: Verb::Insert, table, .. } => format!("insert into `{table}`"),
            Self::Table { verb: Verb::Delete, table, .. } => format!("delete from `{table}`"),
            Self::Table { verb, table, .. } => format!("{verb} `{table}`"),
            Self::Function(name) => format!("call {name}()"),
        }
    }
}

/// What the detail of a denial begins with.
const MISSING: &str = "missing grant: ";

fn malformed(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Configuration, message)
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { verb, table, columns } => {
                let tables = Tables { schema: table.schema.clone(), ..Tables::named(&*table.name) };
                let columns = match columns {
                    Touched::Column(column) => BTreeSet::from([column.clone()]),
                    Touched::Table | Touched::EveryColumn => BTreeSet::new(),
                };
                write!(f, "{}", Grant { verb: *verb, tables, columns })
            }
            Self::Function(name) => write!(f, "function {name}"),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.verb)?;
        if let Some(schema) = &self.tables.schema {
            write!(f, "{}.", written(schema))?;
        }
        if self.tables.is_prefix {
            // A prefix that needs quotes has its star behind them.
            write!(f, "{}*", if self.tables.name.is_empty() { String::new() } else { written(&self.tables.name) })?;
        } else {
            f.write_str(&written(&self.tables.name))?;
        }
        if !self.columns.is_empty() {
            let columns: Vec<String> = self.columns.iter().map(|column| written(column)).collect();
            write!(f, "({})", columns.join(", "))?;
        }
        Ok(())
    }
}

/// A name as a grant states it: in double quotes unless it is a plain word.
fn written(name: &str) -> String {
    if !name.is_empty() && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

impl FromStr for Grant {
    type Err = DatabaseError;

    fn from_str(text: &str) -> Result<Self, DatabaseError> {
        let wrong = |problem: &str| {
            malformed(format!("the grant `{text}` {problem}"))
                .hint("a grant is written as in `read customers(id, email)`, `insert outbox` or `create outbox_*`")
        };
        let text_of_verb = text.trim_start();
        let (word, rest) = text_of_verb.split_once(char::is_whitespace).ok_or_else(|| wrong("names no table"))?;
        let Some(verb) = Verb::ALL.into_iter().find(|verb| verb.name() == word) else {
            let error = malformed(format!("the grant `{text}` begins with the unknown verb `{word}`"));
            let known = Verb::ALL.map(Verb::name);
            return Err(match did_you_mean(word, known) {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint(format!("the verbs are {}", known.join(", "))),
            });
        };
        let unreadable = || wrong("has a name that cannot be read");
        let (first, mut rest) = name(rest.trim()).ok_or_else(unreadable)?;
        let mut tables = Tables::named(first);
        if let Some(after) = rest.strip_prefix('.') {
            let second;
            (second, rest) = name(after).ok_or_else(unreadable)?;
            tables = Tables { schema: Some(tables.name), ..Tables::named(second) };
        }
        if let Some(after) = rest.strip_prefix('*') {
            tables.is_prefix = true;
            rest = after;
        } else if tables.name.is_empty() {
            return Err(wrong("names no table"));
        }
        let rest = rest.trim();
        if rest.is_empty() {
            return Ok(Self::new(verb, tables));
        }
        let list = rest.strip_prefix('(').and_then(|list| list.strip_suffix(')'));
        let mut list = list.ok_or_else(|| wrong("continues with something else than a list of columns"))?.trim();
        let mut columns = Vec::new();
        while !list.is_empty() {
            let (column, after) = name(list).ok_or_else(|| wrong("has a column that cannot be read"))?;
            if column.is_empty() {
                return Err(wrong("has a column that cannot be read"));
            }
            columns.push(column);
            list = match after.trim_start() {
                "" => "",
                more => more.strip_prefix(',').ok_or_else(|| wrong("has a column that cannot be read"))?.trim_start(),
            };
        }
        Self::of_columns(verb, tables, columns)
    }
}

/// Reads a name at the start of a text, and returns the rest. An empty one stands before a star only.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|character| !is_plain(character)).unwrap_or(text.len());
        return (end > 0 || text.starts_with('*')).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return (!name.is_empty()).then_some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(lines: &[&str]) -> Grants {
        Grants { tables: lines.iter().map(|line| line.parse().expect(line)).collect(), ..Grants::default() }
    }

    fn need(verb: Verb, table: &str, columns: Touched) -> Need {
        Need::Table { verb, table: TableName::new(table), columns }
    }

    fn column(name: &str) -> Touched {
        Touched::Column(name.to_owned())
    }

    #[test]
    fn each_verb_allows_itself_alone() {
        for verb in Verb::ALL {
            let one = grants(&[&format!("{verb} t")]);
            for other in Verb::ALL {
                for columns in [Touched::Table, column("c"), Touched::EveryColumn] {
                    let needed = need(other, "t", columns);
                    assert_eq!(one.allow(&needed, Dialect::Sqlite), verb == other, "{verb}: {needed:?}");
                    assert!(!Grants::default().allow(&needed, Dialect::Sqlite), "{needed:?}");
                }
                assert!(!one.allow(&need(other, "u", Touched::Table), Dialect::Sqlite), "{verb}, {other}");
            }
        }
    }

    #[test]
    fn columns_restrict_a_grant() {
        for verb in [Verb::Read, Verb::Insert, Verb::Update] {
            let some = grants(&[&format!("{verb} t(a, b)")]);
            for (columns, allowed) in [
                (column("a"), true),
                (column("B"), true),
                (column("c"), false),
                (Touched::Table, true),
                (Touched::EveryColumn, false),
            ] {
                assert_eq!(
                    some.allow(&need(verb, "t", columns.clone()), Dialect::Sqlite),
                    allowed,
                    "{verb} {columns:?}"
                );
            }
            assert!(!some.allow(&need(verb, "t", column("B")), Dialect::Postgres), "names differ in case there");
        }
        for verb in [Verb::Delete, Verb::Alter, Verb::Create, Verb::Drop] {
            let error = format!("{verb} t(a)").parse::<Grant>().expect_err("whole rows or tables");
            assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error}");
        }
    }

    #[test]
    fn a_grant_is_covered_by_those_that_allow_all_of_it() {
        let granted = grants(&["read t(a)", "read t(b, c)", "insert outbox_*", "create u"]);
        for (wanted, covered) in [
            ("read t(a, c)", true),
            ("read t(a, d)", false),
            ("read t", false),
            ("read T(A)", true),
            ("insert outbox_events", true),
            ("insert outbox_events(a)", true),
            ("insert outbox_e*", true),
            ("insert outbox", false),
            ("insert *", false),
            ("create u", true),
            ("create u*", false),
            ("drop u", false),
            ("create s.u", false),
        ] {
            assert_eq!(granted.cover(&wanted.parse().expect(wanted)), covered, "{wanted}");
        }
    }

    #[test]
    fn a_prefix_is_a_prefix_of_the_name() {
        let prefix = grants(&["create outbox_*"]);
        for (table, allowed) in
            [("outbox_a", true), ("OUTBOX_", true), ("outbox", false), ("my_outbox_a", false), ("é", false)]
        {
            assert_eq!(prefix.allow(&need(Verb::Create, table, Touched::Table), Dialect::Sqlite), allowed, "{table}");
        }
        let all = grants(&["read *"]);
        assert!(all.allow(&need(Verb::Read, "anything", column("c")), Dialect::Sqlite));
        let elsewhere = Need::Table {
            verb: Verb::Read,
            table: TableName { schema: Some("other".to_owned()), name: "t".to_owned() },
            columns: Touched::Table,
        };
        assert!(!all.allow(&elsewhere, Dialect::Sqlite), "another schema has to be named");
        assert!(grants(&["read other.*"]).allow(&elsewhere, Dialect::Sqlite));
    }

    #[test]
    fn declarations() {
        let some = grants(&["read out*", "update t(a)", "insert *"]);
        for (verb, tables, expected) in [
            (Verb::Read, "outbox", true),
            (Verb::Read, "outbox_*", true),
            (Verb::Read, "out*", true),
            (Verb::Read, "ou*", false),
            (Verb::Read, "*", false),
            (Verb::Read, "t", false),
            (Verb::Update, "t", true),
            (Verb::Update, "t*", false),
            (Verb::Insert, "*", true),
            (Verb::Insert, "no (such", false),
        ] {
            assert_eq!(some.concern(verb, tables), expected, "{verb} {tables}");
        }
        let functions = ["random".to_owned()].into();
        let lines: Vec<String> = Grants { functions, ..some }.lines().collect();
        assert_eq!(lines, ["read out*", "update t(a)", "insert *", "function random"]);
    }

    #[test]
    fn a_grant_is_read_as_it_is_written() {
        for line in [
            "read customers",
            "read customers(email, id)",
            "update public.customers(email)",
            "insert \"odd name\"",
            "delete \"a\"\"b\".c",
            "create outbox_*",
            "drop \"out box\"*",
            "read *",
            "alter naïve$1",
        ] {
            assert_eq!(line.parse::<Grant>().expect(line).to_string(), line);
        }
        assert_eq!(" read  t ( b ,a ) ".parse::<Grant>().expect("spaces").to_string(), "read t(a, b)");
        for line in [
            "",
            "read",
            "read ",
            "reed t",
            "READ t",
            "read t()",
            "read t(",
            "read t)",
            "read t(a,,b)",
            "read t(a b)",
            "read t u",
            "read a.b.c",
            "read \"t",
            "read \"\"",
            "read t; drop u",
            "read t(a) x",
            "read .t",
            "read t(*)",
        ] {
            let error = line.parse::<Grant>().expect_err(line);
            assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{line}: {error}");
            assert!(error.hint.is_some(), "{line}: {error}");
        }
        let error = "reed t".parse::<Grant>().expect_err("a typo");
        assert_eq!(error.hint.as_deref(), Some("did you mean `read`?"));
    }

    #[test]
    fn a_denial_states_the_grant_to_add() {
        for (needed, line) in [
            (need(Verb::Read, "customers", column("email")), "read customers(email)"),
            (need(Verb::Read, "customers", Touched::Table), "read customers"),
            (need(Verb::Insert, "out box", Touched::EveryColumn), "insert \"out box\""),
            (need(Verb::Create, "t", Touched::Table), "create t"),
            (Need::Function("random".to_owned()), "function random"),
        ] {
            let error = needed.denied(Some("v"));
            assert_eq!(error.kind, DatabaseErrorKind::Denied);
            assert_eq!(Need::missing_in(&error), Some(line));
            assert!(error.message.contains("through `v`"), "{error}");
            if let Ok(grant) = line.parse::<Grant>() {
                let granted = Grants { tables: vec![grant], ..Grants::default() };
                assert!(granted.allow(&needed, Dialect::Sqlite), "{line} is enough");
            }
        }
        assert!(Grants::default().check_raw_sql().is_err());
        assert!(Grants { raw_sql: true, ..Grants::default() }.check_raw_sql().is_ok());
    }
}
