//! A stand-in for Citus, which no test can start: what a database with the extension says of itself, on a plain PostgreSQL.

use super::TestDatabase;

/// What a database is in a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Citus {
    /// The version of the extension.
    pub version: &'static str,
    /// The group of the server: that of a coordinator is 0.
    pub group: u32,
    /// The groups of the servers that it knows of.
    pub nodes: &'static [u32],
}

impl Citus {
    /// The coordinator of two workers.
    pub const COORDINATOR: Self = Self { version: "13.2-1", group: 0, nodes: &[0, 1, 2] };

    /// The statements of a superuser that make a database look so.
    pub fn statements(self) -> String {
        let Self { version, group, nodes } = self;
        let nodes: String = nodes
            .iter()
            .map(|group| format!("INSERT INTO pg_catalog.pg_dist_node VALUES ({group}, 'node{group}.example', 5432); "))
            .collect();
        format!(
            "SET allow_system_table_mods = on; \
             INSERT INTO pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) \
             VALUES (15999, 'citus', 10, 11, false, '{version}'); \
             CREATE TABLE pg_catalog.pg_dist_local_group (groupid int); \
             INSERT INTO pg_catalog.pg_dist_local_group VALUES ({group}); \
             CREATE TABLE pg_catalog.pg_dist_node (groupid int, nodename text, nodeport int); {nodes}\
             CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass); \
             CREATE TABLE pg_catalog.pg_dist_schema (schemaid regnamespace); \
             GRANT SELECT ON pg_catalog.pg_dist_local_group, pg_catalog.pg_dist_node, pg_catalog.pg_dist_partition, \
             pg_catalog.pg_dist_schema TO PUBLIC; \
             CREATE FUNCTION pg_catalog.citus_is_coordinator() RETURNS boolean LANGUAGE sql AS \
             'SELECT (SELECT groupid FROM pg_catalog.pg_dist_local_group) = 0 AND EXISTS (SELECT 1 FROM pg_catalog.pg_dist_node)'; \
             RESET allow_system_table_mods"
        )
    }

    /// Makes a database look so. The settings of Citus are those of the database, since there is no library that has them.
    pub fn play(self, database: &TestDatabase) {
        database.sql(&self.statements());
        for (name, value) in [("multi_shard_modify_mode", "parallel"), ("propagate_set_commands", "none")] {
            database.sql(&format!("ALTER DATABASE {} SET citus.{name} = '{value}'", database.name()));
        }
    }
}
