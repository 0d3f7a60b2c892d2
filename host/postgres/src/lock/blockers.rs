//! Names the sessions that a run waits for.

/// The sessions that block those of a run, which are named by its ID. What this role may not see is NULL.
pub(crate) const QUERY: &str = "SELECT b.pid::pg_catalog.int8, b.usename::pg_catalog.text, b.application_name::pg_catalog.text, \
    b.state::pg_catalog.text, \
    pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) b.xact_start))::pg_catalog.int8, \
    pg_catalog.left(pg_catalog.regexp_replace(b.query, '\\s+', ' ', 'g'), 120), 0 \
    FROM pg_catalog.pg_stat_activity w CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS p (pid) \
    JOIN pg_catalog.pg_stat_activity b ON b.pid OPERATOR(pg_catalog.=) p.pid \
    WHERE w.wait_event_type OPERATOR(pg_catalog.=) 'Lock' \
    AND w.application_name::pg_catalog.text OPERATOR(pg_catalog.=) pg_catalog.concat('runner:', $1::pg_catalog.text)";
