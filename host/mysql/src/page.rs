//! Pages of tables. A page has its own order and `LIMIT`, so it is read directly, in smaller parts until it is known
//! how many rows fill a batch. A page that locks its rows, or that is read where each statement sees what others have just committed,
//! is a single SELECT.
//!
//! First 512 rows are asked for, then as many as fill a batch at the width of the previous part: rows of 20 kB cross
//! the wire 1.1 times, not eight times. A page of one statement asks for an eighth more rows than filled the last one,
//! and is read again, longer, if that was too few.

use super::MysqlDatabase;
use super::cursor::{Cursor, CursorColumn, FIRST_PART, RowSource};
use runner_data::Batch;
use runner_database::{DatabaseError, PageRequest};

/// Ends a SELECT whose rows no other transaction may change before this one ends.
const LOCKS: &str = " FOR UPDATE";

impl MysqlDatabase {
    pub(super) async fn read_page_now(&mut self, page: &PageRequest) -> Result<Option<Batch>, DatabaseError> {
        let locks = if page.locks_rows { LOCKS } else { "" };
        let statement = format!("{}{locks}", page.statement());
        let asked = self.before(&statement).await?;
        let answer = self.read_page_rows(page, statement, locks).await;
        let answer = self.after(asked, answer).await;
        self.check_after_failure(answer).await
    }

    async fn read_page_rows(
        &mut self,
        page: &PageRequest,
        statement: String,
        locks: &'static str,
    ) -> Result<Option<Batch>, DatabaseError> {
        let columns = self.describe(&statement, &page.parameters, &page.types).await?;
        let names = (page.table.clone(), names(&columns));
        let part = self.learned.parts.get(&names).copied().unwrap_or(FIRST_PART);
        let (select, parameters) = (page.select.clone(), page.parameters.clone());
        let source = RowSource::Page { select, parameters, limit: page.limits.rows, locks };
        let mut cursor = Cursor { source, columns, part };
        let sees_the_same = self.transaction.as_ref().is_some_and(|transaction| !transaction.is_by_statement);
        let batch = if page.locks_rows || !sees_the_same {
            self.fill_at_once(&mut cursor, page).await?
        } else {
            self.fill(&mut cursor, Some(page), page.limits).await?
        };
        if batch.row_count == 0 {
            return Ok(None);
        }
        self.learned.parts.insert(names, cursor.part);
        Ok(Some(batch))
    }
}

/// The columns' names as one string.
fn names(columns: &[CursorColumn]) -> String {
    columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join("\0")
}
