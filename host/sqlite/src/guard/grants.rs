//! What the authorizer answers for a component with grants: no, unless a grant says yes.
//!
//! The order of SQLite's questions matters in one place. A statement that creates, alters or drops something asks whether
//! it may write to the catalogue before it says what it is about, and later writes there with statements of its own. So
//! writes to the catalogue are decided when the object is named; a direct one is refused by SQLite itself, which never lets
//! `sqlite_schema` be written without `writable_schema`.
//!
//! SQLite does not ask about four things, which the text of a statement shows: tables of which a query only compares
//! columns by `USING` or `NATURAL`, rows that `REPLACE` deletes, tables that a foreign key refers to, whose rows it
//! restricts, and columns that a new column is computed from or checked against. So a query whose text contains the
//! first is refused, and a statement with one of the others needs grants for it. Views that already exist are not
//! covered: what they compare in this way is not asked for. Nor can SQLite's own reads of the catalogue be
//! distinguished from those of a SELECT in a definition: so such a statement may not name it.
//!
//! INSERT names no columns, so a grant for some columns suffices for writers, whose columns the host knows, and no
//! statement of the component's own. The new name of a table is not passed, so renaming is refused. Triggers, temporary
//! objects and virtual tables are refused as well: they act later, hide tables, or keep rows in further tables. A view
//! of the operator's that joins by `USING` reveals which of its rows match.

use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::ffi;

use super::denial::Denial;
use super::pure_functions;
use crate::error::text_of;
use crate::raw::{AuthRequest, Connection, Failure, PULL_PREFIX};
use crate::text::{after, has, something_else};
use runner_database::facts::is_tool_table;
use runner_database::grants::{Grants, Need, Touched, Verb};
use runner_database::{Dialect, TableName};
use runner_sql::{Tokens, names_after};

/// The catalogue, under all of its names.
const CATALOGUE: &[&str] = &["sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"];

/// How the names of SQLite's own tables and functions begin.
const INTERNAL: &str = "sqlite_";

/// How the names of the tables with statistics begin.
const STATISTICS: &str = "sqlite_stat";

/// The grants of a component, and what the present statement has been allowed to define.
#[derive(Default)]
pub(super) struct Granted {
    grants: Option<Arc<Grants>>,
    /// The tables and views that the present statement creates, alters or drops.
    defined: Vec<String>,
    /// The columns into which the host inserts on the component's behalf; empty: they are not known.
    inserted: Vec<String>,
    /// Whether the present statement may compare columns without SQLite's asking for them.
    joins_by_name: bool,
    /// Whether the present statement may delete the rows with which a new one conflicts.
    replaces: bool,
    /// The tables that say so themselves, for every write to them.
    replacing: Vec<String>,
    /// The tables that foreign keys in the present statement refer to.
    referenced: Vec<String>,
    /// Whether the present statement may compute a column from others, or check it against them.
    computes: bool,
    /// Whether the present statement may name one of SQLite's own tables.
    names_internal: bool,
    /// The present statement is a change of the schema that the host has checked and written: it names the columns that it may.
    is_typed: bool,
}

impl Granted {
    /// `replacing`: see [`replacing`].
    pub(super) fn set(&mut self, grants: Option<Arc<Grants>>, replacing: Vec<String>) {
        self.replacing = replacing;
        // Tables are passed without their database, of which a component with grants has one.
        self.grants = grants.map(|grants| Arc::new(grants.within("main")));
        self.begin();
    }

    /// Forgets what an earlier statement was allowed to define.
    pub(super) fn begin(&mut self) {
        self.defined.clear();
    }

    /// Inspects the text of a statement that is about to be authorized.
    pub(super) fn expect(&mut self, statement: &str) {
        self.begin();
        let has_grants = self.grants.is_some();
        self.joins_by_name = has_grants && ["USING", "NATURAL"].iter().any(|word| has(statement, word));
        self.replaces = has_grants && replaces(statement);
        self.referenced = match has_grants {
            true => names_after(&Tokens::new(statement, Dialect::Sqlite), "REFERENCES"),
            false => Vec::new(),
        };
        let is_raw = has_grants && !self.is_typed;
        self.computes = is_raw && ["AS", "CHECK"].iter().any(|word| has(statement, word));
        self.names_internal = is_raw && statement.to_ascii_lowercase().contains(INTERNAL);
    }

    /// Says whether statements are changes of the schema that the host has checked and written.
    pub(super) fn set_typed(&mut self, is_typed: bool) {
        self.is_typed = is_typed;
    }

    /// Sets the columns of the inserts that the host prepares.
    pub(super) fn set_inserted(&mut self, columns: Vec<String>) {
        self.inserted = columns;
    }

    pub(super) fn grants(&self) -> Option<&Arc<Grants>> {
        self.grants.as_ref()
    }

    /// Why something is refused, if it is.
    pub(super) fn refuse(&mut self, request: &AuthRequest<'_>) -> Option<Denial> {
        let grants = Arc::clone(self.grants.as_ref()?);
        let first = request.first.unwrap_or_default();
        let second = request.second.unwrap_or_default();
        let through = request.accessor;
        let needs = |verb: Verb, table: &str, columns: Touched| {
            let need = Need::Table { verb, table: TableName::new(table), columns };
            // The tool's own tables cannot be granted, whatever a prefix covers.
            let allowed = !is_tool_table(table) && grants.allow(&need, Dialect::Sqlite);
            (!allowed).then(|| Denial::from(need.denied(through)))
        };
        let defining = !self.defined.is_empty();
        let deletes = |table: &str| {
            let replaces = self.replaces || self.replacing.iter().any(|it| it.eq_ignore_ascii_case(table));
            replaces.then(|| needs(Verb::Delete, table, Touched::EveryColumn)).flatten()
        };
        match request.action {
            ffi::SQLITE_SELECT if self.joins_by_name => Some(Denial::new(
                "a component with grants may not join tables with USING or NATURAL, which SQLite does not report",
                "compare the columns with ON; a text that only contains the word can be passed as a parameter",
            )),
            ffi::SQLITE_SELECT | ffi::SQLITE_RECURSIVE => None,
            // What SQLite itself reads there, no view reads, and the text does not name.
            ffi::SQLITE_READ if is_internal(first) => {
                (!defining || through.is_some() || self.names_internal).then(|| catalogue(first))
            }
            ffi::SQLITE_READ if pure_functions::is_table(first) => None,
            // Indexes over expressions, and the check of a new constraint.
            ffi::SQLITE_READ if self.defines(first) || (defining && first == "pragma_quick_check") => None,
            ffi::SQLITE_READ => {
                let columns = match second {
                    "" => Touched::Table,
                    column if column.eq_ignore_ascii_case("rowid") => Touched::Column("rowid".to_owned()),
                    column => Touched::Column(column.to_owned()),
                };
                needs(Verb::Read, first, columns)
            }
            ffi::SQLITE_INSERT | ffi::SQLITE_DELETE if is_one_of(CATALOGUE, first) => None,
            ffi::SQLITE_INSERT | ffi::SQLITE_UPDATE | ffi::SQLITE_DELETE if is_internal(first) => {
                (!defining).then(|| if is_statistics(first) { statistics() } else { catalogue(first) })
            }
            ffi::SQLITE_INSERT if through.is_none() && !self.inserted.is_empty() => {
                let mut columns = self.inserted.iter();
                columns
                    .find_map(|column| needs(Verb::Insert, first, Touched::Column(column.clone())))
                    .or_else(|| deletes(first))
            }
            ffi::SQLITE_INSERT => needs(Verb::Insert, first, Touched::EveryColumn).or_else(|| deletes(first)),
            ffi::SQLITE_UPDATE => {
                needs(Verb::Update, first, Touched::Column(second.to_owned())).or_else(|| deletes(first))
            }
            ffi::SQLITE_DELETE if self.defines(first) => None,
            ffi::SQLITE_DELETE => needs(Verb::Delete, first, Touched::EveryColumn),
            // What a view compares is not asked when it is used either.
            ffi::SQLITE_CREATE_VIEW if self.joins_by_name => Some(Denial::new(
                format!("a component with grants may not create the view `{first}` with USING or NATURAL"),
                "compare the columns with ON",
            )),
            // `CREATE TABLE temp.t` is not reported as one of a temporary table.
            ffi::SQLITE_CREATE_TABLE | ffi::SQLITE_CREATE_VIEW
                if request.database.is_some_and(|database| database.eq_ignore_ascii_case("temp")) =>
            {
                Some(never(ffi::SQLITE_CREATE_TEMP_TABLE, first))
            }
            // The statement itself is named only later.
            ffi::SQLITE_CREATE_TABLE if is_statistics(first) => Some(statistics()),
            // The first table with AUTOINCREMENT needs it.
            ffi::SQLITE_CREATE_TABLE if defining && first == "sqlite_sequence" => None,
            ffi::SQLITE_CREATE_TABLE | ffi::SQLITE_CREATE_VIEW => needs(Verb::Create, first, Touched::Table)
                // From the next statement on, an insert into such a table deletes from it.
                .or_else(|| deletes(first))
                .or_else(|| self.refers(first, needs))
                .or_else(|| self.define(first)),
            ffi::SQLITE_DROP_TABLE | ffi::SQLITE_DROP_VIEW => {
                needs(Verb::Drop, first, Touched::Table).or_else(|| self.define(first))
            }
            // The name of the database comes first here.
            ffi::SQLITE_ALTER_TABLE => needs(Verb::Alter, second, Touched::Table)
                .or_else(|| self.refers(second, needs))
                .or_else(|| self.computes.then(|| needs(Verb::Read, second, Touched::EveryColumn)).flatten())
                .or_else(|| self.define(second)),
            // Those of a table that the statement itself creates or drops.
            ffi::SQLITE_CREATE_INDEX | ffi::SQLITE_DROP_INDEX | ffi::SQLITE_DROP_TRIGGER if self.defines(second) => {
                None
            }
            ffi::SQLITE_CREATE_INDEX | ffi::SQLITE_DROP_INDEX => {
                needs(Verb::Alter, second, Touched::Table).or_else(|| self.define(second))
            }
            ffi::SQLITE_REINDEX if defining => None,
            ffi::SQLITE_ANALYZE => Some(statistics()),
            ffi::SQLITE_FUNCTION => self.function(&grants, second, through),
            ffi::SQLITE_PRAGMA if defining && first == "quick_check" => None,
            ffi::SQLITE_PRAGMA => pragma(&grants, first, request.second),
            _ => Some(never(request.action, first)),
        }
    }

    fn defines(&self, table: &str) -> bool {
        self.defined.iter().any(|defined| defined.eq_ignore_ascii_case(table))
    }

    /// Notes that the present statement may define a table.
    fn define(&mut self, table: &str) -> Option<Denial> {
        self.defined.push(table.to_owned());
        None
    }

    /// What lacks for the foreign keys of a table, as for those of a change of the schema: the other table must be one that the
    /// component could create, or one that it may alter and read.
    fn refers(&self, table: &str, needs: impl Fn(Verb, &str, Touched) -> Option<Denial>) -> Option<Denial> {
        let others = self.referenced.iter().filter(|other| !other.eq_ignore_ascii_case(table));
        let is_lacking = |other: &String| {
            needs(Verb::Create, other, Touched::Table)?;
            needs(Verb::Alter, other, Touched::Table).or_else(|| needs(Verb::Read, other, Touched::Table))
        };
        others.into_iter().find_map(is_lacking)
    }

    fn function(&self, grants: &Grants, name: &str, through: Option<&str>) -> Option<Denial> {
        if !self.defined.is_empty() && name.starts_with(INTERNAL) {
            // Another column could take the place of one that it may read. The names are not passed.
            let is_by_column = |table: &String| {
                let table = TableName::new(&**table);
                grants.tables.iter().any(|it| !it.columns.is_empty() && it.tables.contains(&table, Dialect::Sqlite))
            };
            if !self.is_typed
                && name.eq_ignore_ascii_case("sqlite_rename_column")
                && self.defined.iter().any(is_by_column)
            {
                return Some(Denial::new(
                    "a component with grants for single columns of a table may not rename one by a statement",
                    "rename it by the `schema` interface, or in a migration in SQL",
                ));
            }
            // Functions of ALTER TABLE, which only SQLite itself can call. The new name of a table is not passed.
            return name.eq_ignore_ascii_case("sqlite_rename_table").then(|| {
                Denial::new(
                    "a component with grants may not rename a table",
                    "create a table of the new name, and copy the rows",
                )
            });
        }
        let ours = name.starts_with(PULL_PREFIX);
        let need = Need::Function(name.to_ascii_lowercase());
        let allowed = ours || pure_functions::is_function(name) || grants.allow(&need, Dialect::Sqlite);
        (!allowed).then(|| Denial::from(need.denied(through)))
    }
}

/// Whether the text of a statement, or of a table, says `REPLACE`; `replace(…)` is a function.
fn replaces(text: &str) -> bool {
    after(text, "REPLACE").any(|rest| something_else(rest).is_none_or(|at| rest.get(at) != Some(&b'(')))
}

/// The tables whose constraints say `ON CONFLICT REPLACE`.
pub(crate) fn replacing(connection: &Connection) -> Result<Vec<String>, Failure> {
    let tables = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' AND sql LIKE '%REPLACE%'";
    let tables = connection.fetch_all(tables, &[], |row| Ok((text_of(row, 0)?, text_of(row, 1)?)))?;
    Ok(tables.into_iter().filter(|(_, sql)| replaces(sql)).map(|(name, _)| name).collect())
}

/// Pragmas that describe one table may be used for a table with grants; of the others, only the one that a transaction may
/// need.
fn pragma(grants: &Grants, name: &str, value: Option<&str>) -> Option<Denial> {
    const OF_ONE_TABLE: &[&str] = &["table_info", "table_xinfo", "index_list", "foreign_key_list"];
    let known = value.is_some_and(|table| grants.mention(&TableName::new(table), Dialect::Sqlite));
    if is_one_of(&["defer_foreign_keys"], name) || (known && is_one_of(OF_ONE_TABLE, name)) {
        return None;
    }
    Some(Denial::new(
        format!("a component with grants may not use PRAGMA {name}"),
        "it may use table_xinfo, index_list and foreign_key_list for the tables that it has grants for",
    ))
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// Whether a table is SQLite's own.
fn is_internal(table: &str) -> bool {
    table.get(..INTERNAL.len()).is_some_and(|start| start.eq_ignore_ascii_case(INTERNAL))
}

/// Whether a table is one that `ANALYZE` fills, in part with cells of tables.
fn is_statistics(table: &str) -> bool {
    table.get(..STATISTICS.len()).is_some_and(|start| start.eq_ignore_ascii_case(STATISTICS))
}

fn statistics() -> Denial {
    Denial::new(
        "a component with grants may not update the statistics of tables",
        "a migration in SQL may: put `ANALYZE` into one",
    )
}

fn catalogue(table: &str) -> Denial {
    Denial::new(
        format!("a component with grants may not access `{table}`, which describes all tables"),
        "PRAGMA table_xinfo describes a table that it has grants for",
    )
}

fn never(action: c_int, name: &str) -> Denial {
    let what = match action {
        ffi::SQLITE_CREATE_TRIGGER | ffi::SQLITE_DROP_TRIGGER => {
            format!("create or drop the trigger `{name}`, which acts when others write")
        }
        ffi::SQLITE_CREATE_TEMP_TABLE
        | ffi::SQLITE_CREATE_TEMP_VIEW
        | ffi::SQLITE_CREATE_TEMP_INDEX
        | ffi::SQLITE_CREATE_TEMP_TRIGGER
        | ffi::SQLITE_DROP_TEMP_TABLE
        | ffi::SQLITE_DROP_TEMP_VIEW
        | ffi::SQLITE_DROP_TEMP_INDEX
        | ffi::SQLITE_DROP_TEMP_TRIGGER => format!("use the temporary object `{name}`, which could hide a table"),
        ffi::SQLITE_CREATE_VTABLE | ffi::SQLITE_DROP_VTABLE => format!("create or drop the virtual table `{name}`"),
        ffi::SQLITE_REINDEX => format!("rebuild the index `{name}`"),
        _ => "do this".to_owned(),
    };
    Denial::new(
        format!("a component with grants may not {what}"),
        "a migration in SQL may: put this statement into one",
    )
}
