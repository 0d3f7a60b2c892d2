//! What a migration declares to need.

use std::fmt;

use crate::limits::Limits;
use runner_database::grants::Grant;
use runner_database::{Grants, Renames};

/// How a need of statements of its own is written.
pub const RAW_SQL: &str = "raw_sql";

const TABLE_REBUILD: &str = "table-rebuild";
const FUNCTION: &str = "function ";
const LIMIT: &str = "limit ";

/// What a migration declares to need. As text, it is a line of `allow`, `raw_sql`, `limit NAME = VALUE` or `table-rebuild`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// SQLite: foreign keys are not enforced while it runs.
    TableRebuild,
    /// Something of a table.
    Table(Grant),
    /// Statements of its own.
    RawSql,
    /// A function.
    Function(String),
    /// A limit that is not lower than this.
    Limit {
        /// Its name in the settings.
        name: &'static str,
        /// The least value.
        least: u64,
    },
}

impl Need {
    /// The most bytes of one as text, with the columns of a wide table.
    pub const LONGEST: usize = 4_096;

    /// Reads a need as it is written.
    pub fn parse(text: &str) -> Option<Self> {
        if text == TABLE_REBUILD {
            return Some(Self::TableRebuild);
        }
        if text == RAW_SQL {
            return Some(Self::RawSql);
        }
        if let Some(name) = text.strip_prefix(FUNCTION) {
            return (!name.trim().is_empty()).then(|| Self::Function(name.trim().to_owned()));
        }
        if let Some(limit) = text.strip_prefix(LIMIT) {
            let (written, value) = limit.split_once(" = ")?;
            let name = Limits::NAMES.into_iter().find(|name| *name == written)?;
            let mut limits = Limits::default();
            limits.set(name, value).ok()?;
            return Some(Self::Limit { name, least: limits.amount(name)? });
        }
        text.parse().ok().map(Self::Table)
    }

    /// Returns the grants of lines that are needs.
    pub fn grants(lines: &[String]) -> Grants {
        let mut grants = Grants::default();
        for need in lines.iter().filter_map(|line| Self::parse(line)) {
            match need {
                Self::TableRebuild | Self::Limit { .. } => {}
                Self::Table(grant) => grants.tables.push(grant),
                Self::RawSql => grants.raw_sql = true,
                Self::Function(name) => drop(grants.functions.insert(name)),
            }
        }
        grants
    }

    /// Returns whether grants give it. Those that are not grants need none.
    pub fn is_granted(&self, grants: &Grants) -> bool {
        match self {
            // A mode of the transaction, which touches no table by itself.
            Self::TableRebuild | Self::Limit { .. } => true,
            Self::Table(wanted) => grants.cover(wanted),
            Self::RawSql => grants.raw_sql,
            Self::Function(name) => grants.functions.iter().any(|granted| granted.eq_ignore_ascii_case(name)),
        }
    }

    /// Returns the same need of a component that works in this schema: see [`Grants::within`].
    pub fn within(&self, schema: &str) -> Self {
        match self {
            Self::Table(grant) => Self::Table(grant.within(schema)),
            other => other.clone(),
        }
    }

    /// Returns the same need of a component whose tables have these names. See [`Renames::grant`] for why it may be several.
    pub fn renamed(&self, renames: &Renames) -> Vec<Self> {
        match self {
            Self::Table(grant) => renames.grant(grant).into_iter().map(Self::Table).collect(),
            other => vec![other.clone()],
        }
    }

    /// Returns whether the limits are high enough for it.
    pub fn is_within(&self, limits: &Limits) -> bool {
        match self {
            Self::Limit { name, least } => limits.amount(name).is_none_or(|limit| limit >= *least),
            _ => true,
        }
    }

    /// Returns the line of the settings that sets a limit high enough; `None` for other needs.
    pub fn limit_to_paste(&self) -> Option<String> {
        match self {
            Self::Limit { name, least } => Some(format!("{name} = \"{}\"", Limits::shown(name, *least))),
            _ => None,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TableRebuild => f.write_str(TABLE_REBUILD),
            Self::Table(grant) => grant.fmt(f),
            Self::RawSql => f.write_str(RAW_SQL),
            Self::Function(name) => write!(f, "{FUNCTION}{name}"),
            Self::Limit { name, least } => write!(f, "{LIMIT}{name} = {}", Limits::shown(name, *least)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::Description;

    fn need(line: &str) -> Need {
        Need::parse(line).unwrap_or_else(|| panic!("{line}"))
    }

    #[test]
    fn needs_are_read_as_they_are_written() {
        for line in [
            "table-rebuild",
            "raw_sql",
            "function random",
            "read customers(email, id)",
            "delete \"odd name\"*",
            "limit guest_memory = 1GiB",
            "limit guest_memory = 1000001B",
            "limit fuel = 7",
        ] {
            assert_eq!(need(line).to_string(), line);
        }
        for line in [
            "",
            "schema-changes",
            "write customers",
            "delete customers(id)",
            "function ",
            "limit guest_memory",
            "limit guest_memory = 1",
            "limit guest_memry = 1GiB",
            "limit wall_time = 1h",
        ] {
            assert_eq!(Need::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_need_is_met_by_a_grant_that_is_as_wide() {
        let lines = ["read a(id, Name)", "read out*", "insert b", "create *"];
        let grants = Grants {
            tables: lines.iter().map(|line| line.parse().expect(line)).collect(),
            functions: ["Random".to_owned()].into(),
            ..Grants::default()
        };
        for (line, is_met) in [
            ("read a(id)", true),
            ("read A(NAME, id)", true),
            ("read a(id, card)", false),
            ("read a", false),
            ("read outbox", true),
            ("read out*(id)", true),
            ("read o*", false),
            ("insert b", true),
            ("insert b(x)", true),
            ("insert b*", false),
            ("update b", false),
            ("create *", true),
            ("create other.b", false),
            ("function random", true),
            ("function sleep", false),
            ("raw_sql", false),
            ("table-rebuild", true),
            ("limit fuel = 7", true),
        ] {
            assert_eq!(need(line).is_granted(&grants), is_met, "{line}");
        }
        assert!(need("raw_sql").is_granted(&Grants { raw_sql: true, ..Grants::default() }));
    }

    #[test]
    fn what_a_package_asks_for_is_not_shown_again() {
        let description = Description {
            needs: ["table-rebuild", "read a(id)", "insert b", "raw_sql", "function random", "limit fuel = 7"]
                .map(need)
                .to_vec(),
            requires: ["read a", "raw_sql", "function random"].map(str::to_owned).to_vec(),
            ..Description::default()
        };
        let shown = ["read a", "raw_sql", "function random", "table-rebuild", "insert b", "limit fuel = 7"];
        assert_eq!(description.shown_needs(), shown);
        let without = Description { requires: Vec::new(), ..description };
        assert_eq!(without.shown_needs(), without.needs.iter().map(ToString::to_string).collect::<Vec<_>>());
    }

    #[test]
    fn a_limit_is_met_by_one_that_is_as_high() {
        let limits = Limits { guest_memory: 1 << 30, ..Limits::default() };
        for (line, is_met) in [
            ("limit guest_memory = 1GiB", true),
            ("limit guest_memory = 1073741825B", false),
            ("limit handles = 1000", true),
            ("limit handles = 1001", false),
            ("read a", true),
        ] {
            assert_eq!(need(line).is_within(&limits), is_met, "{line}");
        }
        assert_eq!(need("limit guest_memory = 2GiB").limit_to_paste().as_deref(), Some("guest_memory = \"2GiB\""));
        assert_eq!(need("limit fuel = 7").limit_to_paste().as_deref(), Some("fuel = \"7\""));
        assert_eq!(need("read a").limit_to_paste(), None);
    }
}
