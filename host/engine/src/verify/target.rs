//! Compares a target with what a transform wrote.

use std::collections::HashMap;

use super::cells::{is_exact, is_padded, same};
use super::spelling::{OTHER_SPELLING, key_types};
use super::{Verifier, explained};
use crate::call::canonical;
use crate::transcript::{ChunkRecord, TransformRecord};
use runner_base::error::Result;
use runner_data::digest::of_batch;
use runner_data::{Batch, Column, ColumnType, Value};
use runner_database::message::{cells_text, value_text};
use runner_database::{
    BatchLimits, DatabaseError, DatabaseErrorKind, PageRequest, TableSource, TableTarget, WriteMode,
};

/// The number of values in one query.
const AT_ONCE: usize = 240;

/// Whether the target contains what a chunk wrote.
pub(super) enum TargetMatch {
    /// It does.
    Yes,
    /// Unknown, and why.
    Unknown(String),
    /// It differs, or contains the same in another form: the difference, and the form.
    Suspected(String, String),
    /// It does not, and how it differs.
    No(String),
}

/// What a difference was found in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ComparedBy {
    /// In a digest, or in a key by which no row was found.
    Bytes,
    /// In a cell that was read.
    Cells,
}

impl Verifier {
    /// Compares the target with the result of a chunk: row by row if that could be recomputed, otherwise by digest.
    pub(super) async fn held(
        &self,
        transform: &TransformRecord,
        chunk: &ChunkRecord,
        output: Option<&Batch>,
    ) -> Result<TargetMatch> {
        if chunk.rows_out == 0 {
            return Ok(TargetMatch::Yes);
        }
        match output {
            Some(output) => match self.compare(transform, output).await {
                Ok(held) => Ok(held),
                Err(error) => self.unreadable(transform, chunk, error).await,
            },
            None if chunk.aligned && transform.target.mode == WriteMode::Update => {
                self.by_digest(transform, chunk).await
            }
            None => self.by_range(transform, chunk).await,
        }
    }

    /// The rows of an update have the keys of the chunk, so they are read in its range.
    async fn by_digest(&self, transform: &TransformRecord, chunk: &ChunkRecord) -> Result<TargetMatch> {
        let source = TableSource {
            table: transform.target.table.clone(),
            columns: chunk.columns.iter().map(|(name, read_as)| (name.clone(), Some(*read_as))).collect(),
            key: transform.target.key.clone(),
            filter: None,
            parameters: Vec::new(),
            descending: transform.source.descending,
        };
        let has_own_keys =
            transform.source.table != transform.target.table || transform.source.key != transform.target.key;
        let found = match self.read(source.clone(), transform, chunk, chunk.rows_out, &[]).await {
            Ok(Some(rows)) if of_batch(&rows) == chunk.output => return Ok(TargetMatch::Yes),
            // The range was recorded as keys of the source.
            Ok(_) if has_own_keys => return self.by_range(transform, chunk).await,
            Ok(_) => self.count(source, transform, chunk).await.map(|count| (count, None)),
            Err(error) if error.kind == DatabaseErrorKind::Conversion => match has_own_keys {
                true => return self.by_range(transform, chunk).await,
                false => self.count(source, transform, chunk).await.map(|count| (count, Some(error))),
            },
            Err(error) => Err(error),
        };
        match found {
            Ok((count, None)) if count <= chunk.rows_out => self.digest_differs(transform, chunk).await,
            Ok((count, Some(error))) if count <= chunk.rows_out => self.unreadable(transform, chunk, error).await,
            Ok(_) => {
                let table = &transform.target.table;
                Ok(TargetMatch::Unknown(format!("`{table}` has other rows between those that it wrote")))
            }
            Err(error) => explained(error).map(TargetMatch::Unknown),
        }
    }

    /// The result for rows that are no more than were written, and have another digest.
    pub(super) async fn digest_differs(&self, transform: &TransformRecord, chunk: &ChunkRecord) -> Result<TargetMatch> {
        let what = format!("`{}` differs from what was written", transform.target.table);
        if let Some((column, column_type)) = chunk.columns.iter().find(|(_, column_type)| !is_exact(*column_type)) {
            let or = format!("or stores the {column_type} of `{column}` in another form");
            return Ok(TargetMatch::Suspected(what, or));
        }
        match self.keeps_spelling(transform, key_types(transform, chunk)).await {
            Ok(false) => {}
            Ok(true) => return Ok(TargetMatch::Unknown(format!("{what}, {OTHER_SPELLING}"))),
            Err(error) => return explained(error).map(TargetMatch::Unknown),
        }
        match self.unless_kept_otherwise(transform, &chunk.columns, ComparedBy::Bytes, what).await {
            Ok(found) => Ok(found),
            Err(error) => explained(error).map(TargetMatch::Unknown),
        }
    }

    /// The result for rows that were written, and one of which cannot be read as what was written.
    pub(super) async fn unreadable(
        &self,
        transform: &TransformRecord,
        chunk: &ChunkRecord,
        error: DatabaseError,
    ) -> Result<TargetMatch> {
        if error.kind != DatabaseErrorKind::Conversion {
            return explained(error).map(TargetMatch::Unknown);
        }
        let what = format!("`{}` differs from what was written: {error}", transform.target.table);
        let found = self.unless_kept_otherwise(transform, &chunk.columns, ComparedBy::Bytes, what).await;
        let columns = self.database.lock().await.facts().sql.columns;
        match found {
            Ok(TargetMatch::No(what)) if !columns.refuses_another_type() => {
                Ok(TargetMatch::Suspected(what, "or the column stores it as another type".to_owned()))
            }
            Ok(found) => Ok(found),
            Err(error) => explained(error).map(TargetMatch::Unknown),
        }
    }

    /// The difference, unless a column may keep what was written in another form, so that it cannot be compared.
    async fn unless_kept_otherwise(
        &self,
        transform: &TransformRecord,
        columns: &[(String, ColumnType)],
        by: ComparedBy,
        what: String,
    ) -> Result<TargetMatch, DatabaseError> {
        let table = &transform.target.table;
        let (rules, declared) = {
            let mut database = self.database.lock().await;
            (database.facts().sql.columns, database.host().table(table).await?.columns)
        };
        for (name, written) in columns {
            let declared = declared.iter().find(|column| column.name == *name).map(|it| it.declared_type.as_str());
            // Cells are compared without their blanks.
            let declared = declared.filter(|declared| by == ComparedBy::Bytes || !is_padded(declared));
            if let Some(declared) = declared.filter(|it| rules.keeps_another_form(*written, &it.to_ascii_lowercase())) {
                let why = format!("`{table}` stores the {written} of `{name}` as {declared}");
                return Ok(TargetMatch::Unknown(why));
            }
        }
        Ok(TargetMatch::No(what))
    }

    /// Looks the rows up by their keys.
    async fn compare(&self, transform: &TransformRecord, output: &Batch) -> Result<TargetMatch, DatabaseError> {
        let target = &transform.target;
        let keys: Option<Vec<&Column>> = target.key.iter().map(|name| output.column(name)).collect();
        let Some(keys) = keys.filter(|keys| !keys.is_empty()) else {
            return Ok(TargetMatch::Unknown(format!("what it wrote does not include the key of `{}`", target.table)));
        };
        if let Some(key) = keys.iter().find(|key| !is_exact(key.values.column_type())) {
            return Ok(TargetMatch::Unknown(format!(
                "rows cannot be found by the {} `{}`",
                key.values.column_type(),
                key.name
            )));
        }
        let at_once = (AT_ONCE / keys.len()).max(1);
        let rows: Vec<usize> = (0..output.row_count).collect();
        for rows in rows.chunks(at_once) {
            let found = self.look_up(transform, output, &keys, rows).await?;
            for row in rows {
                let key = encode(&keys, *row);
                let place = || cells_text(keys.iter().copied(), *row);
                match (found.get(&key), target.mode) {
                    (None, WriteMode::Delete) => {}
                    (Some(_), WriteMode::Delete) => {
                        return Ok(TargetMatch::No(format!("the row {} exists, but was deleted", place())));
                    }
                    (None, _) => {
                        let written = keys.iter().map(|key| (key.name.as_str(), key.values.column_type()));
                        if self.keeps_spelling(transform, written).await? {
                            let alone = self.look_up(transform, output, &keys, &[*row]).await?;
                            let cells: Vec<_> = alone.into_values().collect();
                            if let [cells] = cells.as_slice() {
                                match difference(output, &keys, *row, cells, &target.key) {
                                    None => continue,
                                    Some((column, what)) => {
                                        let columns = [named(column)];
                                        return self
                                            .unless_kept_otherwise(transform, &columns, ComparedBy::Cells, what)
                                            .await;
                                    }
                                }
                            }
                        }
                        let what = format!("the row {} no longer exists", place());
                        let columns: Vec<_> = keys.iter().copied().map(named).collect();
                        return self.unless_kept_otherwise(transform, &columns, ComparedBy::Bytes, what).await;
                    }
                    (Some(cells), _) => {
                        if let Some((column, what)) = difference(output, &keys, *row, cells, &[]) {
                            let columns = [named(column)];
                            return self.unless_kept_otherwise(transform, &columns, ComparedBy::Cells, what).await;
                        }
                    }
                }
            }
        }
        Ok(TargetMatch::Yes)
    }

    /// A page of the target. It has no limit on bytes: the rows that were written fitted into one batch.
    pub(super) fn page(
        &self,
        target: &TableTarget,
        (select, parameters): (String, Vec<Value>),
        types: Vec<Option<ColumnType>>,
        rows: usize,
    ) -> PageRequest {
        PageRequest {
            table: target.table.clone(),
            key: target.key.clone(),
            select,
            parameters,
            types,
            locks_rows: false,
            limits: BatchLimits { rows, bytes: usize::MAX, ..self.limits },
        }
    }

    /// Returns the cells of the rows with these keys, by key.
    async fn look_up(
        &self,
        transform: &TransformRecord,
        output: &Batch,
        keys: &[&Column],
        rows: &[usize],
    ) -> Result<HashMap<Vec<u8>, Vec<Value>>, DatabaseError> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let dialect = database.facts().dialect;
        let mut parameters = Vec::new();
        let mut terms = Vec::with_capacity(rows.len());
        for row in rows {
            let mut term = Vec::with_capacity(keys.len());
            for column in keys {
                parameters.push(Value::of_cell(column, *row));
                term.push(format!("{} = {}", dialect.quote(&column.name), dialect.placeholder(parameters.len())));
            }
            terms.push(format!("({})", term.join(" AND ")));
        }
        let list = |columns: &mut dyn Iterator<Item = &str>| {
            columns.map(|name| dialect.quote(name)).collect::<Vec<_>>().join(", ")
        };
        let select = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {}",
            list(&mut output.columns.iter().map(|column| column.name.as_str())),
            transform.target.table.quoted(dialect),
            terms.join(" OR "),
            list(&mut keys.iter().map(|column| column.name.as_str())),
        );
        let types = output.columns.iter().map(|column| Some(column.values.column_type())).collect();
        let page = self.page(&transform.target, (select, parameters), types, 2 * rows.len());
        let mut found = HashMap::new();
        if let Some(batch) = database.read_page(&page).await? {
            let at: Vec<usize> = keys
                .iter()
                .filter_map(|key| output.columns.iter().position(|column| column.name == key.name))
                .collect();
            for row in 0..batch.row_count {
                let keys: Vec<&Column> = at.iter().filter_map(|at| batch.columns.get(*at)).collect();
                let cells = batch.columns.iter().map(|column| Value::of_cell(column, row)).collect();
                found.insert(encode(&keys, row), cells);
            }
        }
        Ok(found)
    }
}

/// The first column, apart from some, in which a row differs from what was written, and how.
fn difference<'a>(
    output: &'a Batch,
    keys: &[&Column],
    row: usize,
    cells: &[Value],
    apart: &[String],
) -> Option<(&'a Column, String)> {
    let compared = output.columns.iter().zip(cells).filter(|(column, _)| !apart.contains(&column.name));
    let mut compared = compared.map(|(column, cell)| (column, Value::of_cell(column, row), cell));
    let (column, written, cell) = compared.find(|(_, written, cell)| !same(written, cell))?;
    let what = format!(
        "column `{}` of the row {} contains {}, but {} was written",
        column.name,
        cells_text(keys.iter().copied(), row),
        value_text(cell),
        value_text(&written)
    );
    Some((column, what))
}

/// A column's name, and the type as which it was written.
fn named(column: &Column) -> (String, ColumnType) {
    (column.name.clone(), column.values.column_type())
}

/// Encodes a key as bytes that are equal if and only if the keys are.
fn encode(keys: &[&Column], row: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    for column in keys {
        canonical::put_value(&mut bytes, &Value::of_cell(column, row));
    }
    bytes
}
