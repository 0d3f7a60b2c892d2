//! What a database is in its cluster of Citus: see `citus`.

use sqlx::PgConnection;

use crate::commit::Unit;
use crate::error::{Result, configuration};
use crate::host_sql::text_of;
use runner_database::DatabaseError;
use runner_database::facts::Citus;

/// The oldest version that was thought of. It knows `citus_is_coordinator`, and keeps the catalogue on all servers.
const OLDEST: (u32, u32) = (11, 2);

/// An expression for the version of the extension in the database; empty without it.
pub(crate) const VERSION: &str = "coalesce((SELECT e.extversion FROM pg_catalog.pg_extension e \
    WHERE e.extname OPERATOR(pg_catalog.=) 'citus'), '')";

/// What the database is in its cluster. A database that has the extension and belongs to no cluster yet is in group 0,
/// too, but says that it is not a coordinator: so does each new one, until its first table is distributed or its first
/// worker added.
const LOOK: &str = "SELECT pg_catalog.citus_is_coordinator(), \
        coalesce((SELECT l.groupid FROM pg_catalog.pg_dist_local_group l LIMIT 1), 0), \
        (SELECT pg_catalog.concat(n.nodename, ':', n.nodeport) FROM pg_catalog.pg_dist_node n \
            WHERE n.groupid OPERATOR(pg_catalog.=) 0 LIMIT 1), \
        (SELECT pg_catalog.count(*) FROM pg_catalog.pg_dist_node n WHERE n.groupid OPERATOR(pg_catalog.<>) 0), \
        (SELECT pg_catalog.min(c.relname::pg_catalog.text) FROM pg_catalog.pg_dist_partition p \
            JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) p.logicalrelid::pg_catalog.oid \
            JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace \
            WHERE s.nspname OPERATOR(pg_catalog.=) '{place}' \
                AND c.relname OPERATOR(pg_catalog.~) '^runner_')";

/// Whether the schema of the tool's tables is a distributed one, so that whatever is created in it is distributed too.
const SCHEMA: &str = ", EXISTS (SELECT FROM pg_catalog.pg_dist_schema d \
    JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) d.schemaid::pg_catalog.oid \
    WHERE s.nspname OPERATOR(pg_catalog.=) '{place}')";

/// The first version with distributed schemas.
const SCHEMAS: (u32, u32) = (12, 0);

/// Asks a database with this version of the extension what it is; fails where runner does not work.
pub(crate) async fn detect(connection: &mut PgConnection, version: &str, place: &str) -> Result<Citus> {
    check_version(version)?;
    let schema = if number(version) >= SCHEMAS { SCHEMA } else { "" };
    let text = format!("BEGIN; SET LOCAL statement_timeout = 0; {LOOK}{schema}; ").replace("{place}", place);
    let found = Unit::new(text).send(connection).await?;
    let cell = |column: usize| found.last().and_then(|row| text_of(row, column)).filter(|text| !text.is_empty());
    if let Some(group) = cell(1).filter(|group| group != "0") {
        return Err(is_worker(&group, cell(2).as_deref()));
    }
    if let Some(table) = cell(4) {
        return Err(is_distributed(place, &table));
    }
    if cell(5).as_deref() == Some("t") {
        return Err(configuration(format!("the schema `{place}` is distributed: Citus would manage the history"))
            .hint(format!("make it an ordinary schema: `SELECT citus_schema_undistribute('{place}')`")));
    }
    Ok(Citus {
        version: version.to_owned(),
        is_coordinator: cell(0).as_deref() == Some("t"),
        workers: cell(3).and_then(|count| count.parse().ok()).unwrap_or_default(),
    })
}

/// The number in a version such as `13.2-1`.
fn number(version: &str) -> (u32, u32) {
    let mut parts = version.split(['.', '-']).map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Fails if the version is too old.
fn check_version(version: &str) -> Result<()> {
    if number(version) >= OLDEST {
        return Ok(());
    }
    let (major, minor) = OLDEST;
    Err(configuration(format!(
        "the database has the extension Citus {version}, and runner needs Citus {major}.{minor} or later"
    ))
    .hint("upgrade Citus on all servers of the cluster, then `ALTER EXTENSION citus UPDATE`"))
}

fn is_worker(group: &str, coordinator: Option<&str>) -> DatabaseError {
    let error = configuration(format!(
        "the server is a worker of a Citus cluster (group {group}): the history and the lock are on the coordinator"
    ));
    error.hint(match coordinator {
        Some(coordinator) => format!("give the URL of the coordinator, which the cluster knows as `{coordinator}`"),
        None => "give the URL of the coordinator".to_owned(),
    })
}

/// What protects the tool's tables checks the locks and the counts of this server only.
fn is_distributed(place: &str, table: &str) -> DatabaseError {
    configuration(format!("`{place}.{table}`, a table of runner's own, is managed by Citus"))
        .detail("the history has to be in ordinary tables of the coordinator")
        .hint(format!(
            "Citus cannot move them back, since they have identity columns: drop the tables `runner_…` in the schema `{place}`, then record what is \
             applied with `runner stamp`"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_below_the_floor_are_refused() {
        for (version, is_enough) in
            [("11.1-1", false), ("10.2-5", false), ("x", false), ("11.2-1", true), ("11.10-1", true), ("13.2-1", true)]
        {
            let checked = check_version(version);
            assert_eq!(checked.is_ok(), is_enough, "{version}: {checked:?}");
        }
    }
}
