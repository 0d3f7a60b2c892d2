//! The types of PostgreSQL as this crate sees them: how their binary form is read and written, and the types in which
//! they are delivered. `types.md` has the table.

pub(crate) mod column;
pub(crate) mod numeric;
pub(crate) mod read;
pub(crate) mod write;

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::error::{Result, from_sqlx};
use crate::host_sql::rows;
use crate::place::foreign::captured;
use crate::verdict::explain;
use runner_data::ColumnType;
use runner_database::{DatabaseError, DatabaseErrorKind};

/// The binary form of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    /// The text itself, in UTF-8.
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Uuid,
    /// JSON as text.
    Json,
    /// A version byte followed by JSON as text.
    Jsonb,
    /// A format that is neither read nor written here: the server converts it to and from text.
    Foreign,
}

/// A type of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerType {
    /// Its OID; for a domain, that of its base type.
    pub oid: u32,
    /// The OID of its array type; 0 if there is none.
    pub array: u32,
    /// Its name in messages and in `native` columns.
    pub name: String,
    /// Its name with schema and quotes: it denotes this type whatever the search path is, and without the length that
    /// SQL adds to the bare names `bit` and `char`.
    pub quoted: String,
    /// The schema of its comparison operators, quoted; `None` if it has none that the server sorts by.
    pub operators: Option<String>,
    pub wire: Wire,
    /// The type in which it is delivered unless another one is requested.
    pub delivered: ColumnType,
}

/// OID, OID of the array type, name, name in `pg_catalog` if that differs, binary format.
const BUILT_IN: [(u32, u32, &str, &str, Wire); 19] = [
    (16, 1000, "boolean", "bool", Wire::Bool),
    (17, 1001, "bytea", "bytea", Wire::Bytea),
    (19, 1003, "name", "name", Wire::Text),
    (20, 1016, "bigint", "int8", Wire::Int8),
    (21, 1005, "smallint", "int2", Wire::Int2),
    (23, 1007, "integer", "int4", Wire::Int4),
    (25, 1009, "text", "text", Wire::Text),
    (26, 1028, "oid", "oid", Wire::Oid),
    (114, 199, "json", "json", Wire::Json),
    (700, 1021, "real", "float4", Wire::Float4),
    (701, 1022, "double precision", "float8", Wire::Float8),
    (1042, 1014, "character", "bpchar", Wire::Text),
    (1043, 1015, "character varying", "varchar", Wire::Text),
    (1082, 1182, "date", "date", Wire::Date),
    (1083, 1183, "time without time zone", "time", Wire::Time),
    (1114, 1115, "timestamp without time zone", "timestamp", Wire::Timestamp),
    (1184, 1185, "timestamp with time zone", "timestamptz", Wire::Timestamptz),
    (1700, 1231, "numeric", "numeric", Wire::Numeric),
    (2950, 2951, "uuid", "uuid", Wire::Uuid),
];

/// The OID of `jsonb`.
const JSONB: u32 = 3802;
/// The OID of `"char"`, a single byte that need not be a character.
pub(crate) const CHAR: u32 = 18;
/// The OID of `inet`.
pub(crate) const INET: u32 = 869;
/// The OID of `name`.
pub(crate) const NAME: u32 = 19;
/// The OID of `text`.
pub(crate) const TEXT: u32 = 25;
/// The OID of `text[]`.
pub(crate) const TEXT_ARRAY: u32 = 1009;

/// Looks types up by OID; for domains, their base types. Some types have the same binary form as text: enums,
/// `unknown`, `void`, and types that share the function of `text`, such as `citext`.
const LOOK_UP: &str = "\
WITH RECURSIVE wanted (asked, oid) AS (
    SELECT t.oid, t.oid FROM pg_catalog.pg_type t WHERE t.oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
    UNION ALL
    SELECT w.asked, t.typbasetype FROM wanted w JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) w.oid
        WHERE t.typtype OPERATOR(pg_catalog.=) 'd'
)
SELECT w.asked, t.oid, t.typarray, pg_catalog.format_type(t.oid, NULL),
    pg_catalog.concat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), '.', pg_catalog.quote_ident(t.typname::pg_catalog.text)),
    t.typtype OPERATOR(pg_catalog.=) 'e' OR t.oid OPERATOR(pg_catalog.=) ANY (ARRAY[705, 2278]::pg_catalog.oid[])
        OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid OPERATOR(pg_catalog.=) t.typsend::pg_catalog.oid
            AND p.prolang OPERATOR(pg_catalog.=) 12::pg_catalog.oid AND p.prosrc OPERATOR(pg_catalog.=) 'textsend'),
    CASE WHEN t.typtype OPERATOR(pg_catalog.<>) 'b' OR t.typcategory OPERATOR(pg_catalog.=) 'A'
            OR n.nspname OPERATOR(pg_catalog.=) 'pg_catalog' THEN 'pg_catalog'
        ELSE (SELECT pg_catalog.quote_ident(s.nspname::pg_catalog.text) FROM pg_catalog.pg_opclass k
            JOIN pg_catalog.pg_amop m ON m.amopfamily OPERATOR(pg_catalog.=) k.opcfamily
                AND m.amoplefttype OPERATOR(pg_catalog.=) k.opcintype AND m.amoprighttype OPERATOR(pg_catalog.=) k.opcintype
            JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) m.amopopr
            JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) o.oprnamespace
            WHERE k.opcmethod OPERATOR(pg_catalog.=) 403::pg_catalog.oid AND k.opcdefault
                AND k.opcintype OPERATOR(pg_catalog.=) t.oid AND o.oprname OPERATOR(pg_catalog.=) '=') END
FROM wanted w
    JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) w.oid
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
WHERE t.typtype OPERATOR(pg_catalog.<>) 'd'";

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PgType {
    /// The type's OID and modifier: -1 or, for example, the length of a `varchar`.
    pub(crate) oid: u32,
    pub(crate) modifier: i32,
    /// The same for the base type of a domain; equal to the above for other types.
    pub(crate) base: u32,
    pub(crate) base_modifier: i32,
    /// `typtype` of the base: `b` base, `c` composite, `e` enum, `r` range, `m` multirange.
    pub(crate) kind: char,
    /// `typcategory` of the base: `A` array, `N` number, `S` text …
    pub(crate) category: char,
    /// The type of an array's elements; for a domain, its base type.
    pub(crate) element: Option<u32>,
    /// For an array of a domain with a modifier: the array of its base type.
    pub(crate) of_domain: Option<DomainArray>,
    /// An identity column that is `GENERATED ALWAYS`: an insert must say `OVERRIDING SYSTEM VALUE`.
    pub(crate) always_identity: bool,
}

/// An array of a domain's base type, as statements spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DomainArray {
    /// With the modifier of the domain.
    pub(crate) declared: String,
    /// Without it.
    pub(crate) plain: String,
}

/// A cell that cannot be delivered.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// What the cell holds.
    pub what: String,
    pub hint: Option<&'static str>,
}

impl Unreadable {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }
}

/// The types that a connection has seen.
#[derive(Default)]
pub(crate) struct Types {
    known: HashMap<u32, Arc<ServerType>>,
    /// Nothing on the search path of the user takes the place of the server's own in the driver's queries.
    guarded: bool,
    /// The host has worked on our search path, on which nothing can.
    trusted: bool,
    asker: Asker,
    /// How often that was forgotten.
    generation: u64,
}

/// The role that has statements described.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The host, on our search path.
    OnOurPath,
    /// The host, on the path of the user: by itself, in types that the driver knows and asks nothing about. Once it
    /// works on its own tables, this is not refused, so that a database with doubles can be inspected.
    Host,
    /// All others, and the host for a migration.
    #[default]
    Migration,
}

impl Types {
    /// Fails if something on the search path would take the place of the server's own in the driver's queries. Called before the
    /// driver describes a statement; asks once for each transaction, and again when the path or the schema may have changed.
    pub(crate) async fn guard(&mut self, connection: &mut PgConnection) -> Result<()> {
        let needs_none = match self.asker {
            Asker::OnOurPath => {
                self.trust();
                true
            }
            Asker::Host => self.trusted || self.guarded,
            Asker::Migration => self.guarded,
        };
        if !needs_none {
            rows(connection, &captured()).await.map_err(explain)?;
            self.guarded = true;
        }
        Ok(())
    }

    /// Notes that the host works on our search path in this transaction.
    pub(crate) fn trust(&mut self) {
        self.trusted = true;
    }

    /// Lets the next description ask again.
    pub(crate) fn unguard(&mut self) {
        (self.guarded, self.trusted) = (false, false);
    }

    /// Notes the role that has the next statements described.
    pub(crate) fn ask_as(&mut self, asker: Asker) {
        self.asker = asker;
    }

    /// Forgets what a change of the schema or of the session may have changed.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.guarded = false;
        self.generation += 1;
    }

    /// Changes whenever descriptions of statements are out of date.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the types with these OIDs, asking the server for those that are not known yet.
    pub(crate) async fn of(&mut self, connection: &mut PgConnection, numbers: &[u32]) -> Result<Vec<Arc<ServerType>>> {
        let mut missing: Vec<u32> = Vec::new();
        for number in numbers {
            if !self.known.contains_key(number) && !missing.contains(number) {
                match built_in(*number) {
                    Some(known) => drop(self.known.insert(*number, Arc::new(known))),
                    None => missing.push(*number),
                }
            }
        }
        if !missing.is_empty() {
            self.look_up(connection, &missing).await?;
        }
        let find = |number: &u32| {
            self.known.get(number).cloned().ok_or_else(|| {
                DatabaseError::new(
                    DatabaseErrorKind::Other,
                    format!("the server knows no type with the number {number}"),
                )
            })
        };
        numbers.iter().map(find).collect()
    }

    async fn look_up(&mut self, connection: &mut PgConnection, missing: &[u32]) -> Result<()> {
        let numbers: Vec<sqlx::postgres::types::Oid> =
            missing.iter().map(|number| sqlx::postgres::types::Oid(*number)).collect();
        let failed = |error: sqlx::Error| from_sqlx(&error, None);
        let query = sqlx::query(AssertSqlSafe(LOOK_UP)).bind(numbers);
        let found = query.fetch_all(&mut *connection).await.map_err(failed)?;
        for row in &found {
            let (asked, found) = read_type(row).map_err(failed)?;
            self.known.insert(asked, Arc::new(found));
        }
        Ok(())
    }
}

fn read_type(row: &PgRow) -> Result<(u32, ServerType), sqlx::Error> {
    use sqlx::postgres::types::Oid;
    let oid = row.try_get::<Oid, _>(1)?.0;
    let is_text: bool = row.try_get(5)?;
    let found = built_in(oid).map_or_else(
        || {
            let wire = if is_text { Wire::Text } else { Wire::Foreign };
            Ok::<_, sqlx::Error>(ServerType {
                oid,
                array: row.try_get::<Oid, _>(2)?.0,
                name: row.try_get(3)?,
                quoted: row.try_get(4)?,
                operators: row.try_get(6)?,
                wire,
                delivered: if wire == Wire::Text || oid == CHAR { ColumnType::Text } else { ColumnType::Native },
            })
        },
        Ok,
    )?;
    Ok((row.try_get::<Oid, _>(0)?.0, found))
}

/// The OIDs and names of the types whose binary form is known here.
pub(crate) fn built_in_numbers() -> impl Iterator<Item = (u32, &'static str)> {
    BUILT_IN.iter().map(|(number, _, name, ..)| (*number, *name))
}

/// Returns the type with this OID, if it is one whose binary form is known here.
pub(crate) fn built_in(number: u32) -> Option<ServerType> {
    if number == JSONB {
        return Some(make(JSONB, 3807, "jsonb", "jsonb", Wire::Jsonb));
    }
    let (oid, array, name, catalog, wire) = BUILT_IN.iter().find(|(oid, ..)| *oid == number)?;
    Some(make(*oid, *array, name, catalog, *wire))
}

fn make(oid: u32, array: u32, name: &str, catalog: &str, wire: Wire) -> ServerType {
    let quoted = format!("pg_catalog.{catalog}");
    let operators = Some("pg_catalog".to_owned());
    ServerType { oid, array, name: name.to_owned(), quoted, operators, wire, delivered: wire.delivered() }
}

impl ServerType {
    /// Returns a comparison operator for values of the type, qualified if possible: another one of that name on the
    /// search path could be any user's.
    pub(crate) fn operator(&self, name: &str) -> String {
        match &self.operators {
            Some(schema) => format!("OPERATOR({schema}.{name})"),
            None => name.to_owned(),
        }
    }
}

impl Wire {
    /// Returns the type in which a value of this format is delivered.
    pub(crate) fn delivered(self) -> ColumnType {
        match self {
            Self::Bool => ColumnType::Boolean,
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Oid => ColumnType::Int64,
            Self::Float4 | Self::Float8 => ColumnType::Float64,
            Self::Numeric => ColumnType::Decimal,
            Self::Text => ColumnType::Text,
            Self::Bytea => ColumnType::Bytes,
            Self::Date => ColumnType::Date,
            Self::Time => ColumnType::Time,
            Self::Timestamp => ColumnType::Timestamp,
            Self::Timestamptz => ColumnType::Timestamptz,
            Self::Uuid => ColumnType::Uuid,
            Self::Json | Self::Jsonb => ColumnType::Json,
            Self::Foreign => ColumnType::Native,
        }
    }
}
