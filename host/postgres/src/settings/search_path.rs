//! Whose names the server resolves.
//!
//! PostgreSQL looks unqualified names up on the `search_path`: those of functions, operators and types as well as those
//! of tables. A user who may create objects in a schema on it can put them in place of the server's (CVE-2018-1058),
//! and they run with the rights of the session that names them. So the two kinds of our own statements protect
//! themselves differently:
//!
//! * Statements about the tool's tables, which are shared by all dialects, run with a path of `pg_catalog` alone.
//! * All others need the path of the user, since they look up the tables of the user. They qualify everything else: functions
//!   and types as `pg_catalog.…`, operators as `OPERATOR(pg_catalog.=)`. A test reads all of them.
//!
//! Of keys of other types, the operators are those of the default operator class, whose schema is looked up. When the
//! driver describes a statement, it asks for columns and types on the user's path with names that cannot be qualified:
//! so before the first description in a transaction, and after what may have changed path or schema, the schemas on the
//! path are searched for what could take the place of those names, and the run is refused if there is any.
//!
//! Rejected: `OPERATOR()` in the texts that all dialects share; a path with `pg_catalog` first and then the user's,
//! because a better match of argument types in a later schema still wins; refusing `SET search_path` by name, which
//! `set_config` and `ALTER ROLE` evade.
//!
//! Not covered: operators of a type without a default operator class.

/// Sets the path for the rest of a transaction. Functions and operators are never looked up in `pg_temp`; tables and types are,
/// and first, unless it is named.
///
/// A script may have set a role for the statements that follow; the tool's tables belong to the user who logged in.
pub(crate) const OURS: &str = "SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL role TO DEFAULT; \
    SET LOCAL search_path = pg_catalog, pg_temp; ";

/// Notes the path of the user in a transaction, and sets ours.
pub(crate) const PIN: &str = "SELECT pg_catalog.set_config('runner.search_path', \
    pg_catalog.current_setting('search_path'), true); SET LOCAL search_path = pg_catalog, pg_temp; ";

/// Returns to the path that [`PIN`] has noted. A migration can change the note only while the path is its own anyway.
pub(crate) const UNPIN: &str = "SELECT pg_catalog.set_config('search_path', \
    pg_catalog.current_setting('runner.search_path'), true); ";
