//! Writers: batches into a table, by key.

use super::range;
use super::target::{Input, Made, Plan, Target};
use super::write_sql::WriteSql;
use crate::executor::Executor;
use crate::raw::CellColumn;
use crate::schema;
use crate::types::{Encoded, encode};
use runner_data::Batch;
use runner_database::write::is_a_view;
use runner_database::{DatabaseError, Role, TableName, TableTarget, WriteHint, WriteMode};

/// An open writer.
pub(super) struct Writer {
    target: Target,
    role: Role,
    /// Created for the columns of the first batch.
    plan: Option<Plan>,
    rows_written: u64,
}

impl Writer {
    pub(super) fn open(executor: &Executor, target: &TableTarget) -> Result<Self, DatabaseError> {
        executor.guard().check_stop()?;
        let table = schema::table(executor, &target.table)?;
        if table.info.is_view {
            return Err(is_a_view(&target.table, " that its triggers handle"));
        }
        let key = table.info.write_key(target)?;
        let target = Target { table, mode: target.mode, key };
        Ok(Self { target, role: executor.guard().role(), plan: None, rows_written: 0 })
    }

    /// The table that it writes to.
    pub(super) fn table(&self) -> &TableName {
        &self.target.table.info.name
    }

    /// Rows that all batches changed.
    pub(super) fn rows_written(&self) -> u64 {
        self.rows_written
    }

    /// Writes a batch, in the role that opened the writer, and returns how many rows were changed.
    pub(super) fn write(&mut self, executor: &Executor, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        let written = executor.guard().in_role(self.role, || self.write_rows(executor, rows, hint))?;
        self.rows_written += written;
        Ok(written)
    }

    fn write_rows(&mut self, executor: &Executor, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        if rows.row_count == 0 {
            return Ok(0);
        }
        let target = &self.target;
        let plan = match self.plan.take() {
            Some(plan) => plan,
            None => {
                let sql = WriteSql::new(&target.table.info, target.mode, &target.key, rows)?;
                let affinities = sql.layout.names.iter().map(|name| target.table.affinity(name)).collect();
                Plan { sql, affinities, one: None, many: None, range: None, guarded_range: None }
            }
        };
        let plan = self.plan.insert(plan);
        plan.sql.layout.check_columns(&target.table.info, rows)?;
        let mut encoded = Vec::with_capacity(rows.columns.len());
        for (column, affinity) in rows.columns.iter().zip(&plan.affinities) {
            let encoding = encode(column, *affinity);
            encoded
                .push(encoding.map_err(|unfit| target.errors(rows).cannot_hold(&column.name, unfit.what, unfit.row))?);
        }
        let columns: Vec<CellColumn<'_>> = encoded.iter().map(Encoded::as_pull).collect();
        let input = Input { rows, columns: &columns };
        let _inserting = executor.guard().inserting(&plan.sql.layout.names);
        match range::write(executor, target, plan, &input, hint)? {
            Some(written) => Ok(written),
            None => write_each(executor, target, plan, &input),
        }
    }
}

/// Runs a prepared statement for one row or a few rows at a time.
fn write_each(executor: &Executor, target: &Target, plan: &mut Plan, input: &Input<'_>) -> Result<u64, DatabaseError> {
    let Plan { sql, one, many, .. } = plan;
    let (connection, count) = (executor.connection(), input.rows.row_count);
    let parameters = sql.parameters();
    let at_once = sql.rows_at_once();
    let mut written = 0;
    let mut row = 0;
    if at_once > 1 && count >= at_once {
        let made = Made::get(many, executor, || sql.by_row(at_once))?;
        let failed = made.statement.activate(connection).with_batch(input.columns, &parameters, |runs| {
            while row + at_once <= count {
                runs.run(row, at_once)?;
                written += connection.changes();
                row += at_once;
            }
            Ok(())
        });
        // A statement that fails undoes its work. Writing the rows one by one then shows which row failed: not if the failure
        // has ended the transaction, as an interrupted write does and `ON CONFLICT ROLLBACK`, since each would commit by itself.
        if let Err(failure) = failed
            && connection.check().is_err()
        {
            return Err(executor.failed(failure, &made.text));
        }
    }
    if row == count {
        return Ok(written);
    }
    let must_exist = matches!(target.mode, WriteMode::Update | WriteMode::Delete);
    let made = Made::get(one, executor, || sql.by_row(1))?;
    let failed = made.statement.activate(connection).with_batch(input.columns, &parameters, |runs| {
        while row < count {
            runs.run(row, 1).map_err(Some)?;
            let changed = connection.changes();
            if must_exist && changed != 1 {
                return Err(None);
            }
            written += changed;
            row += 1;
        }
        Ok(())
    });
    match failed {
        Ok(()) => Ok(written),
        Err(Some(failure)) => {
            let mut error = executor.failed(failure, &made.text);
            error.detail = Some(target.errors(input.rows).row_name(row));
            Err(error)
        }
        Err(None) => Err(target.not_one(executor, sql, input, row)),
    }
}
