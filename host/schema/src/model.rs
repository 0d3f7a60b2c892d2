//! The model: objects without a shape of their own for each kind, so that what compares, orders and shows them knows no kinds.

use std::collections::BTreeMap;
use std::fmt;

use runner_base::dialect::Dialect;

runner_base::named! {
    /// What an object is. The order is that of lists.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Kind {
        /// A property of the database itself, such as its character set.
        Setting = "setting",
        /// A schema: a namespace in a database of PostgreSQL.
        Schema = "schema",
        /// An extension of PostgreSQL. What it has brought is no object.
        Extension = "extension",
        /// A collation.
        Collation = "collation",
        /// An enum, a domain, a range or a composite type.
        Type = "type",
        /// A sequence.
        Sequence = "sequence",
        /// A function or an aggregate.
        Function = "function",
        /// A procedure.
        Procedure = "procedure",
        /// A table, partitioned or virtual ones and partitions included.
        Table = "table",
        /// A table whose rows are elsewhere.
        ForeignTable = "foreign table",
        /// A view.
        View = "view",
        /// A view that keeps its rows.
        MaterializedView = "materialized view",
        /// A column of a table or a view, or an attribute of a composite type.
        Column = "column",
        /// A primary, unique, foreign, check or exclusion constraint, of a table or a domain.
        Constraint = "constraint",
        /// An index that belongs to no constraint.
        Index = "index",
        /// Extended statistics.
        Statistics = "statistics",
        /// A rule.
        Rule = "rule",
        /// A trigger on a table or a view.
        Trigger = "trigger",
        /// A policy of row-level security.
        Policy = "policy",
        /// A scheduled event.
        Event = "event",
        /// A trigger on statements of the schema.
        EventTrigger = "event trigger",
        /// Privileges that new objects get.
        DefaultPrivileges = "default privileges",
    }
}

/// What an object is called. Names are as the server has them, not folded and without quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// What it is.
    pub kind: Kind,
    /// Its name below those that it is unique in: the schema on PostgreSQL; then the table, of a column for example. The last name of
    /// a function has the types of its arguments.
    pub path: Vec<String>,
}

impl ObjectId {
    /// An object of this kind and path.
    pub fn new<const N: usize>(kind: Kind, path: [&str; N]) -> Self {
        Self { kind, path: path.map(str::to_owned).to_vec() }
    }

    /// How people name it, such as `column users.email`; without the schema in which unqualified names are looked up.
    pub fn label(&self, own_schema: Option<&str>) -> String {
        format!("{} {}", self.kind.name(), self.name(own_schema))
    }

    /// The same without its kind.
    pub fn name(&self, own_schema: Option<&str>) -> String {
        let path = match (&self.path[..], own_schema) {
            ([schema, rest @ ..], Some(own)) if schema == own && !rest.is_empty() => rest,
            (path, _) => path,
        };
        path.join(".")
    }
}

/// A property of an object. What is usual is left out, so that an object has no property twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Property {
    /// It is so.
    Flag,
    /// A number.
    Number(i64),
    /// A text, such as a type as the server writes it.
    Text(String),
    /// Texts whose order matters.
    List(Vec<String>),
    /// SQL as the server writes it, which may write the same in two ways.
    Expression(String),
}

/// Its value; nothing for a flag.
impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => Ok(()),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) | Self::Expression(text) => f.write_str(text),
            Self::List(items) => write!(f, "({})", items.join(", ")),
        }
    }
}

/// An object of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// What it is a part of, and ends with: the table of a column, an index or a trigger.
    pub parent: Option<ObjectId>,
    /// Where it is among the columns of its table, counted from 1. Columns that were dropped may leave gaps.
    pub position: Option<i64>,
    /// What is known of it, by names that are words: `type`, `not null`, `default`.
    pub properties: BTreeMap<String, Property>,
}

impl Object {
    /// The object in one line.
    pub fn line(&self) -> String {
        self.properties.iter().map(|(name, value)| line(name, value)).collect::<Vec<_>>().join(", ")
    }
}

/// A property in one line.
pub(crate) fn line(name: &str, value: &Property) -> String {
    match value {
        Property::Flag => name.to_owned(),
        value => format!("{name} {value}"),
    }
}

/// The schema of a database at one point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The family of the server.
    pub dialect: Dialect,
    /// The schema in which unqualified names are looked up, where a database has several.
    pub own_schema: Option<String>,
    /// All objects, parents and their parts side by side.
    pub objects: BTreeMap<ObjectId, Object>,
    /// How many objects there are of each kind that is not read, such as `cast`.
    pub unread: BTreeMap<String, i64>,
}

impl Schema {
    /// A schema without objects.
    pub fn empty(dialect: Dialect) -> Self {
        Self { dialect, own_schema: None, objects: BTreeMap::new(), unread: BTreeMap::new() }
    }

    /// The character set and the collation of the database, on MySQL and MariaDB.
    pub fn charset(&self) -> Option<[&str; 2]> {
        let object = self.objects.get(&ObjectId::new(Kind::Setting, ["character set"]))?;
        let text = |name: &str| match object.properties.get(name)? {
            Property::Text(text) => Some(text.as_str()),
            _ => None,
        };
        Some([text("name")?, text("collation")?])
    }

    /// How people name one of its objects.
    pub fn label(&self, id: &ObjectId) -> String {
        id.label(self.own_schema.as_deref())
    }

    /// How people name one of its objects, without its kind.
    pub fn name(&self, id: &ObjectId) -> String {
        id.name(self.own_schema.as_deref())
    }

    /// The parts of each object that has any: columns in their order, then the others.
    pub fn parts(&self) -> BTreeMap<&ObjectId, Parts<'_>> {
        let mut all: BTreeMap<&ObjectId, Parts<'_>> = BTreeMap::new();
        for (id, object) in &self.objects {
            if let Some(parent) = &object.parent {
                all.entry(parent).or_default().push((id, object));
            }
        }
        for parts in all.values_mut() {
            parts.sort_by_key(|(id, object)| (id.kind, object.position));
        }
        all
    }
}

/// The parts of an object.
pub type Parts<'a> = Vec<(&'a ObjectId, &'a Object)>;

/// The names of the columns among the parts of an object.
pub fn columns<'a>(parts: Option<&Parts<'a>>) -> Vec<&'a str> {
    let columns = parts.into_iter().flatten().filter(|(id, _)| id.kind == Kind::Column);
    columns.filter_map(|(id, _)| id.path.last().map(String::as_str)).collect()
}
