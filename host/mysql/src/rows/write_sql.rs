//! The statements of a writer.

use sqlx::mysql::MySqlArguments;

use super::packed::{Number, Packed, RowPlace};
use crate::error::Result;
use crate::schema::{MysqlColumn, MysqlTable};
use crate::types::kind::ColumnKind;
use runner_data::Batch;
use runner_database::write::Layout;
use runner_database::{DatabaseError, Dialect, WriteMode};

/// The most rows that one statement takes: the range of [`NUMBERS`].
pub(crate) const MOST_ROWS: usize = 128 * 128;

/// The numbers from 0 up to, but excluding, a parameter, in order. Two short recursions, because the servers limit
/// long ones.
const NUMBERS: &str = "WITH RECURSIVE runner_d (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM runner_d WHERE n < 127) \
    SELECT runner_h.n * 128 + runner_l.n AS n FROM runner_d AS runner_h STRAIGHT_JOIN runner_d AS runner_l \
    WHERE runner_h.n <= ? AND runner_h.n * 128 + runner_l.n < ?";

/// The statements of a writer for batches with certain columns.
pub(crate) struct WriteSql {
    pub layout: Layout,
    /// What each column of the batch holds.
    pub kinds: Vec<ColumnKind>,
    /// How each is declared.
    declared: Vec<Option<MysqlColumn>>,
}

/// A statement and its parameters.
pub(crate) struct BoundStatement {
    pub text: String,
    pub arguments: MySqlArguments,
}

fn quote(name: &str) -> String {
    Dialect::Mysql.quote(name)
}

impl WriteSql {
    /// Builds the statements for batches with the columns of this one, the first.
    pub fn new(table: &MysqlTable, mode: WriteMode, key: &[String], rows: &Batch) -> Result<Self> {
        let layout = Layout::new(&table.info, mode, key, rows)?;
        let declared_as = |name: &String| table.columns.iter().find(|column| column.name == *name).cloned();
        let declared: Vec<Option<MysqlColumn>> = layout.names.iter().map(declared_as).collect();
        let kind = |column: &Option<MysqlColumn>| column.as_ref().map_or(ColumnKind::Bytes, MysqlColumn::kind);
        let kinds: Vec<ColumnKind> = declared.iter().map(kind).collect();
        if let Some(place) =
            layout.key.iter().find(|place| matches!(kinds[**place], ColumnKind::Json | ColumnKind::Geometry(_)))
        {
            return Err(DatabaseError::invalid(format!(
                "column `{}.{}` cannot be a key: its values are not compared as a whole",
                table.info.name, layout.names[*place]
            )));
        }
        Ok(Self { layout, kinds, declared })
    }

    /// The column whose values the server assigns, if the batch has it.
    pub fn assigned(&self) -> Option<usize> {
        self.declared.iter().position(|column| column.as_ref().is_some_and(|column| column.auto_increment))
    }

    /// The columns of the type `TIMESTAMP` that take no NULL.
    pub fn whole_timestamps(&self) -> impl Iterator<Item = usize> {
        let columns = self.kinds.iter().zip(&self.declared).enumerate();
        columns.filter_map(|(place, (kind, column))| {
            let is_whole = column.as_ref().is_some_and(|column| !column.nullable);
            (is_whole && matches!(kind, ColumnKind::Timestamp(_))).then_some(place)
        })
    }

    /// A column of the key, quoted.
    pub fn quoted_key(&self, number: usize) -> String {
        self.layout.key.get(number).map(|place| self.name(*place)).unwrap_or_default()
    }

    fn name(&self, place: usize) -> String {
        quote(&self.layout.names[place])
    }

    /// A cell of the key cast to the column's own type, so that the table's index can be used.
    fn typed(&self, place: usize, cell: &str) -> String {
        match &self.kinds[place] {
            ColumnKind::Boolean => format!("CAST({cell} AS SIGNED)"),
            ColumnKind::Integer { least, .. } if *least < 0 => format!("CAST({cell} AS SIGNED)"),
            ColumnKind::Integer { .. } | ColumnKind::Year => format!("CAST({cell} AS UNSIGNED)"),
            ColumnKind::Bit(_) => format!("CAST(CONV(HEX({cell}), 16, 10) AS UNSIGNED)"),
            ColumnKind::Float(_) | ColumnKind::Double(_) => format!("({cell} + 0e0)"),
            ColumnKind::Decimal { precision, scale } => format!("CAST({cell} AS DECIMAL({precision}, {scale}))"),
            ColumnKind::Date => format!("CAST({cell} AS DATE)"),
            ColumnKind::Time(_) => format!("CAST({cell} AS TIME(6))"),
            ColumnKind::Datetime(_) | ColumnKind::Timestamp(_) => format!("CAST({cell} AS DATETIME(6))"),
            ColumnKind::Uuid => format!("CAST({cell} AS UUID)"),
            ColumnKind::Native(name) => format!("CAST({cell} AS {name})"),
            _ => match (self.collation(place), self.charset(place)) {
                (Some(collation), Some("utf8mb4")) => format!("{cell} COLLATE {collation}"),
                (Some(collation), Some(charset)) => format!("CONVERT({cell} USING {charset}) COLLATE {collation}"),
                _ => cell.to_owned(),
            },
        }
    }

    fn collation(&self, place: usize) -> Option<&str> {
        self.declared[place].as_ref()?.collation.as_deref()
    }

    fn charset(&self, place: usize) -> Option<&str> {
        self.declared[place].as_ref()?.character_set.as_deref()
    }

    /// Whether text in this column of the key may contain characters that the column's character set lacks: they
    /// would be compared as question marks.
    fn may_lack_characters(&self, place: usize) -> bool {
        self.charset(place).is_some_and(|charset| charset != "utf8mb4" && charset != "binary")
    }

    /// The keys of a batch as a table `runner_x` with the number `n` of each row, and the condition that finds their
    /// rows in `runner_t`.
    pub fn keys(&self, packed: &[Packed]) -> (String, String) {
        let mut columns = vec!["runner_s.n AS n".to_owned()];
        let mut terms = Vec::with_capacity(self.layout.key.len());
        for (number, place) in self.layout.key.iter().enumerate() {
            let cell = packed[*place].sql("runner_s.n");
            columns.push(format!("{} AS k{number}", self.typed(*place, &cell)));
            terms.push(format!("runner_t.{} = runner_x.k{number}", self.name(*place)));
            if self.may_lack_characters(*place) {
                columns.push(format!("{cell} AS r{number}"));
                terms.push(format!(
                    "CONVERT(runner_x.k{number} USING utf8mb4) = runner_x.r{number} COLLATE utf8mb4_bin"
                ));
            }
        }
        let table = format!("(SELECT {} FROM ({NUMBERS}) AS runner_s) AS runner_x", columns.join(", "));
        (table, terms.join(" AND "))
    }

    /// Adds the parameters of the first half of [`WriteSql::keys`].
    pub fn bind_keys(&self, packed: &[Packed], rows: usize, arguments: &mut MySqlArguments) -> Result<()> {
        let place = RowPlace { sql: "runner_s.n", parameters: &[] };
        for at in &self.layout.key {
            let times = if self.may_lack_characters(*at) { 2 } else { 1 };
            for _ in 0..times {
                packed[*at].bind(arguments, &place)?;
            }
        }
        bind_numbers(rows, arguments)
    }

    /// How many bytes the largest statement for this batch binds: those that find rows by their keys bind these more than once.
    pub fn bound_bytes(&self, mode: WriteMode, packed: &[Packed], by_range: bool) -> usize {
        let all: usize = packed.iter().map(Packed::byte_len).sum();
        let times = |at: usize| packed[at].byte_len() * if self.may_lack_characters(at) { 2 } else { 1 };
        let keys: usize = self.layout.key.iter().map(|at| times(*at)).sum();
        match mode {
            WriteMode::Insert => all,
            WriteMode::Upsert => all + keys,
            WriteMode::Update | WriteMode::Delete if by_range => all,
            WriteMode::Update | WriteMode::Delete => {
                all + keys - self.layout.key.iter().map(|at| packed[*at].byte_len()).sum::<usize>()
            }
        }
    }

    /// Updates the rows whose keys are in a range, each with the cells at its own position in the batch.
    pub fn update_range(&self, table: &str, packed: &[Packed], range: &KeyRange) -> Result<BoundStatement> {
        let key = self.name(self.layout.key[0]);
        let at = format!("({key} - ?)");
        let base = [Number(range.first)];
        let place = RowPlace { sql: &at, parameters: &base };
        let mut arguments = MySqlArguments::default();
        let mut set = Vec::with_capacity(self.layout.others.len());
        for other in &self.layout.others {
            set.push(format!("{} = {}", self.name(*other), packed[*other].sql(place.sql)));
            packed[*other].bind(&mut arguments, &place)?;
        }
        let condition = range.condition(&key, &mut arguments)?;
        Ok(BoundStatement { text: format!("UPDATE {table} SET {} WHERE {condition}", set.join(", ")), arguments })
    }

    /// Updates the rows that have the batch's keys.
    pub fn update_keys(&self, table: &str, packed: &[Packed], rows: usize) -> Result<BoundStatement> {
        let (keys, on) = self.keys(packed);
        let mut arguments = MySqlArguments::default();
        self.bind_keys(packed, rows, &mut arguments)?;
        let place = RowPlace { sql: "runner_x.n", parameters: &[] };
        let mut set = Vec::with_capacity(self.layout.others.len());
        for other in &self.layout.others {
            set.push(format!("runner_t.{} = {}", self.name(*other), packed[*other].sql(place.sql)));
            packed[*other].bind(&mut arguments, &place)?;
        }
        let text = format!("UPDATE {keys} STRAIGHT_JOIN {table} AS runner_t ON {on} SET {}", set.join(", "));
        Ok(BoundStatement { text, arguments })
    }

    /// Deletes the rows whose keys are in a range.
    pub fn delete_range(&self, table: &str, range: &KeyRange) -> Result<BoundStatement> {
        let mut arguments = MySqlArguments::default();
        let condition = range.condition(&self.name(self.layout.key[0]), &mut arguments)?;
        Ok(BoundStatement { text: format!("DELETE FROM {table} WHERE {condition}"), arguments })
    }

    /// Deletes the rows that have the batch's keys.
    pub fn delete_keys(&self, table: &str, packed: &[Packed], rows: usize) -> Result<BoundStatement> {
        let (keys, on) = self.keys(packed);
        let mut arguments = MySqlArguments::default();
        self.bind_keys(packed, rows, &mut arguments)?;
        let text = format!("DELETE runner_t FROM {keys} STRAIGHT_JOIN {table} AS runner_t ON {on}");
        Ok(BoundStatement { text, arguments })
    }

    /// Inserts the rows of the batch; with `absent`, those whose keys the table does not have.
    pub fn insert(&self, table: &str, packed: &[Packed], rows: usize, absent: bool) -> Result<BoundStatement> {
        let columns: Vec<String> = (0..self.layout.names.len()).map(|place| self.name(place)).collect();
        let number = if absent { "runner_x.n" } else { "runner_s.n" };
        let cells: Vec<String> = packed.iter().map(|packed| packed.sql(number)).collect();
        let place = RowPlace { sql: number, parameters: &[] };
        let mut arguments = MySqlArguments::default();
        for packed in packed {
            packed.bind(&mut arguments, &place)?;
        }
        let from = if absent {
            let (keys, on) = self.keys(packed);
            self.bind_keys(packed, rows, &mut arguments)?;
            let missing = self.name(self.layout.key[0]);
            format!("{keys} LEFT JOIN {table} AS runner_t ON {on} WHERE runner_t.{missing} IS NULL")
        } else {
            bind_numbers(rows, &mut arguments)?;
            format!("({NUMBERS}) AS runner_s")
        };
        let text = format!("INSERT INTO {table} ({}) SELECT {} FROM {from}", columns.join(", "), cells.join(", "));
        Ok(BoundStatement { text, arguments })
    }
}

fn bind_numbers(rows: usize, arguments: &mut MySqlArguments) -> Result<()> {
    Number((rows / 128) as i128).bind(arguments)?;
    Number(rows as i128).bind(arguments)
}

/// Integer keys that are close together, so that a row's position follows from its key.
pub(crate) struct KeyRange {
    /// The least key.
    pub first: i128,
    /// The greatest.
    pub last: i128,
    /// For each number of the range, `1` if the batch has it; empty if it has them all.
    pub guard: Vec<u8>,
}

impl KeyRange {
    /// The condition that a row belongs to the batch; adds its parameters.
    fn condition(&self, key: &str, arguments: &mut MySqlArguments) -> Result<String> {
        Number(self.first).bind(arguments)?;
        Number(self.last).bind(arguments)?;
        if self.guard.is_empty() {
            return Ok(format!("{key} BETWEEN ? AND ?"));
        }
        super::packed::bind_bytes(arguments, &self.guard)?;
        Number(self.first).bind(arguments)?;
        Ok(format!("{key} BETWEEN ? AND ? AND SUBSTR(?, ({key} - ?) + 1, 1) = _binary'1'"))
    }

    /// Counts the table's rows that belong to the batch.
    pub fn count(&self, table: &str, key: &str) -> Result<BoundStatement> {
        let mut arguments = MySqlArguments::default();
        let condition = self.condition(&quote(key), &mut arguments)?;
        Ok(BoundStatement { text: format!("SELECT COUNT(*) FROM {table} WHERE {condition}"), arguments })
    }

    /// The keys of the table in the range.
    pub fn list(&self, table: &str, key: &str) -> Result<BoundStatement> {
        let mut arguments = MySqlArguments::default();
        Number(self.first).bind(&mut arguments)?;
        Number(self.last).bind(&mut arguments)?;
        let key = quote(key);
        Ok(BoundStatement { text: format!("SELECT {key} FROM {table} WHERE {key} BETWEEN ? AND ?"), arguments })
    }
}
