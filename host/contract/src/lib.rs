//! Tests of what every implementation of [`Database`] must do; [`contract!`] generates them for a [`Factory`]. The SQL
//! is common to all dialects; what has no common form is chosen by dialect ([`endless`]).
//!
//! It may import `runner-database` and what is below it.

#![allow(missing_docs, reason = "the names of tests say what they test")]

pub mod bulk;
pub mod lease;
pub mod lock;
pub mod logins;
pub mod place;
pub mod rights;
pub mod roles;
pub mod statements;
pub mod transactions;

use async_trait::async_trait;

use runner_data::{Batch, Column, ColumnType, ColumnValues, Value, VarValues};
use runner_database::unguarded::Unguarded as _;
pub use runner_database::*;

/// How long a test waits for what must come soon, however busy the machine is. What would end by itself ends later.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// A factory of connections to one fresh database.
#[async_trait]
pub trait Factory: Send + Sync {
    /// Opens another connection to the database.
    async fn open(&self) -> Box<dyn Database>;
}

/// Generates the tests of the whole contract for the factory that the expression creates.
#[macro_export]
macro_rules! contract {
    ($factory:expr) => {
        $crate::contract!(@ $factory, statements: [
            counts_changed_rows, runs_statements_up_to_the_first_that_fails, binds_every_kind_of_value,
            accepts_one_statement_per_call, classifies_errors, bounds_results, stops_soon_after_the_signal,
            answers_several_queries, keeps_defaults
        ]);
        $crate::contract!(@ $factory, transactions: [
            commits_and_rolls_back, knows_whether_it_is_open, survives_a_failed_statement, closes_cursors_and_writers,
            shows_that_others_wait_for_its_rows
        ]);
        $crate::contract!(@ $factory, rights: [
            refuse_transaction_control, protect_the_tools_tables, do_not_restrict_the_host
        ]);
        $crate::contract!(@ $factory, roles: [are_returned, last_while_a_guard_is_held]);
        $crate::contract!(@ $factory, bulk: [
            reads_in_batches, reads_pages, refuses_large_cells, refuses_wide_rows, writes_in_all_modes, refuses_malformed_batches, names_the_row_of_an_error,
            refuses_what_matches_no_row, finds_texts_by_numbers
        ]);
        $crate::contract!(lock of $factory);
    };
    (logins of $factory:expr) => {
        $crate::contract!(@ $factory, logins: [are_opened_at_the_same_moment]);
    };
    (lease of $factory:expr) => {
        $crate::contract!(lock of $factory);
        $crate::contract!(@ $factory, lease: [
            fences_every_transaction, fences_records_and_single_statements, is_renewed, passes_on_when_it_expires,
            excludes_runs_with_the_other_lock, is_protected
        ]);
    };
    (place of $factory:expr) => {
        $crate::contract!(@ $factory, rights: [
            refuse_transaction_control, protect_the_tools_tables, do_not_restrict_the_host
        ]);
        $crate::contract!(lock of $factory);
        $crate::contract!(@ $factory, place: [has_a_lock_of_its_own, protects_the_others]);
    };
    (lock of $factory:expr) => {
        $crate::contract!(@ $factory, lock: [
            excludes_other_runs, names_its_holder, ends_with_its_owner, stops_waiting_at_the_signal
        ]);
    };
    (@ $factory:expr, $module:ident: [$($test:ident),*]) => {
        mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    $crate::$module::$test(&$factory).await;
                }
            )*
        }
    };
}

/// Returns a statement that never ends.
pub fn endless(dialect: Dialect) -> &'static str {
    match dialect {
        // The server would otherwise end the recursion at `max_recursive_iterations` or `cte_max_recursion_depth`.
        Dialect::Mysql | Dialect::Mariadb => {
            "SELECT COUNT(SHA2(CONCAT(a.COLUMN_NAME, b.COLUMN_NAME, c.COLUMN_NAME), 512)) \
            FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c"
        }
        _ => "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    }
}

/// Returns a text column.
pub fn texts(name: &str, entries: &[&str]) -> Column {
    let mut values = VarValues::default();
    for entry in entries {
        values.data.extend_from_slice(entry.as_bytes());
        values.offsets.push(values.data.len() as u32);
    }
    column(name, ColumnValues::Text(values))
}

/// Returns an integer column.
pub fn integers(name: &str, entries: &[i64]) -> Column {
    column(name, ColumnValues::Int64(entries.to_vec()))
}

/// Returns a column without NULLs.
pub fn column(name: &str, values: ColumnValues) -> Column {
    Column { name: name.to_owned(), nulls: Vec::new(), values }
}

/// Returns a batch of columns of the same length.
pub fn batch(row_count: usize, columns: Vec<Column>) -> Batch {
    let batch = Batch { row_count, columns };
    batch.validate().expect("a valid batch");
    batch
}

/// Returns the rows of a query.
pub async fn rows(database: &mut dyn Database, statement: &str) -> Vec<Vec<Value>> {
    database.query(statement, &[], QueryLimits::NONE).await.expect(statement).rows
}

/// Runs a statement that must succeed.
pub async fn run(database: &mut dyn Database, statement: &str) -> u64 {
    database.execute(statement, &[]).await.expect(statement)
}

/// Returns a source that covers a whole table.
pub fn source(table: &str) -> TableSource {
    TableSource::all_of(TableName::new(table))
}

/// Writes one batch with its own writer.
pub async fn write(
    database: &mut dyn Database,
    table: &str,
    mode: WriteMode,
    key: &[&str],
    rows: &Batch,
) -> Result<u64, DatabaseError> {
    let target =
        TableTarget { table: TableName::new(table), mode, key: key.iter().map(|name| (*name).to_owned()).collect() };
    let writer = database.open_writer(&target).await?;
    database.write(writer, rows, WriteHint::default()).await?;
    database.finish_writer(writer).await
}

/// Returns a request for a page of the table `t` with everything that the SELECT returns.
pub fn page(select: &str, key: &[&str]) -> PageRequest {
    PageRequest {
        table: TableName::new("t"),
        key: key.iter().map(|name| (*name).to_owned()).collect(),
        select: select.to_owned(),
        parameters: Vec::new(),
        types: Vec::new(),
        locks_rows: false,
        limits: BatchLimits::default(),
    }
}

/// Reads all rows of a SELECT as batches of at most `limits`.
pub async fn read(
    database: &mut dyn Database,
    statement: &str,
    types: &[Option<ColumnType>],
    limits: BatchLimits,
) -> Result<Vec<Batch>, DatabaseError> {
    let request = CursorRequest { statement: statement.to_owned(), types: types.to_vec(), ..CursorRequest::default() };
    let cursor = database.open_cursor(&request).await?;
    let mut batches = Vec::new();
    while let Some(batch) = database.fetch(cursor, limits).await? {
        batch.validate().expect("a valid batch");
        batches.push(batch);
    }
    Ok(batches)
}
