//! The statements that read a table page by page, for any dialect.

use std::borrow::Cow;

use crate::{Dialect, TableName, repeated_key_name};
use runner_data::Value;

/// What all statements of one reader share.
pub(super) struct PageSql {
    pub dialect: Dialect,
    pub table: TableName,
    /// The key's columns.
    pub key: Vec<String>,
    /// Their declared types; of a domain, its base type.
    pub types: Vec<String>,
    /// Whether the caller has each of them converted. The next page must begin after the key as it is stored.
    pub converted: Vec<bool>,
    pub filter: Option<String>,
    /// The values of the filter's placeholders.
    pub parameters: Vec<Value>,
    pub descending: bool,
}

/// A statement and the values of its placeholders.
pub(super) struct Query {
    pub text: String,
    pub parameters: Vec<Value>,
}

/// A range of rows: after a key, not above the bound, and up to a key in reading order.
#[derive(Clone, Copy, Default)]
pub(super) struct Range<'a> {
    pub after: Option<&'a [Value]>,
    pub bound: Option<&'a [Value]>,
    pub to: Option<&'a [Value]>,
}

/// A comparison of two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Above,
    Below,
    UpTo,
    DownTo,
}

impl Comparison {
    fn operator(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Above => ">",
            Self::Below => "<",
            Self::UpTo => "<=",
            Self::DownTo => ">=",
        }
    }

    /// Like [`Comparison::operator`], without equality.
    fn strict(self) -> &'static str {
        match self {
            Self::UpTo => "<",
            Self::DownTo => ">",
            other => other.operator(),
        }
    }
}

impl PageSql {
    /// Selects the rows of a range in key order.
    pub fn page(&self, select: &str, range: Range<'_>, rows: usize) -> Query {
        let mut query = self.within(select, range);
        query.text.push_str(&format!(" LIMIT {rows}"));
        query
    }

    /// Counts the rows of a range.
    pub fn count_in(&self, range: Range<'_>) -> Query {
        self.between(self.all(), range)
    }

    /// Selects the key of the row with this number in a range, counted from 1.
    pub fn nth(&self, range: Range<'_>, row: usize) -> Query {
        let limit = format!(" LIMIT 1 OFFSET {}", row.saturating_sub(1));
        let along = self.along_the_key(&self.key_list(), &self.key, range, &limit);
        along.unwrap_or_else(|| {
            let Query { text, parameters } = self.within(&self.key_list(), range);
            Query { text: text + &limit, parameters }
        })
    }

    /// Selects the first rows of a range in key order. `columns`: those that `select` and the key need.
    pub fn first(&self, select: &str, columns: &[String], range: Range<'_>, rows: usize) -> Query {
        let along = self.along_the_key(select, columns, range, &format!(" LIMIT {rows}"));
        along.unwrap_or_else(|| self.within(select, range))
    }

    /// Selects the first rows of a range on PostgreSQL, if one of its two ends is that of the whole table. Of a table that was never
    /// analysed, as after a restore, the server takes a range with two ends for half a percent, and would sort all of the rest for each
    /// page. With one end where the rows are ordered and limited, it follows the index of the key.
    fn along_the_key(&self, select: &str, columns: &[String], range: Range<'_>, limit: &str) -> Option<Query> {
        let Range { after: Some(_), bound: Some(bound), to: None } = range else { return None };
        if self.dialect != Dialect::Postgres || self.descending {
            return None;
        }
        let columns: Vec<String> = columns.iter().map(|name| self.dialect.quote(name)).collect();
        let mut query = self.within(&columns.join(", "), Range { bound: None, ..range });
        query.text = format!("SELECT {select} FROM ({}{limit}) AS runner_first WHERE true", query.text);
        self.compare(&mut query, Comparison::UpTo, bound);
        query.text.push_str(&self.order(false));
        Some(query)
    }

    /// Selects the rows of a range in key order.
    pub fn within(&self, select: &str, range: Range<'_>) -> Query {
        let mut query = self.between(select, range);
        query.text.push_str(&self.order(self.descending));
        query
    }

    /// Selects the rows of a range in key order and locks all of them, on PostgreSQL. `columns`: those that `select` and the key need.
    ///
    /// The server locks a row after it has sorted it, and takes what another session made of it meanwhile, so a row whose key has changed
    /// would be out of order, and the next page would begin after it. So the locked rows are sorted, and not limited before.
    pub fn locked(&self, select: &str, columns: &[String], range: Range<'_>) -> Query {
        let columns: Vec<String> = columns.iter().map(|name| self.dialect.quote(name)).collect();
        let mut query = self.between(&columns.join(", "), range);
        let order = self.order(self.descending);
        query.text = format!("SELECT {select} FROM ({} FOR NO KEY UPDATE) AS runner_locked{order}", query.text);
        query
    }

    /// Locks the rows of a range as [`PageSql::locked`] does, and counts them.
    pub fn lock(&self, range: Range<'_>) -> Query {
        let mut query = self.between("1", range);
        query.text = format!("SELECT {} FROM ({} FOR NO KEY UPDATE) AS runner_locked", self.all(), query.text);
        query
    }

    fn between(&self, select: &str, range: Range<'_>) -> Query {
        let (after, to) = match self.descending {
            true => (Comparison::Below, Comparison::DownTo),
            false => (Comparison::Above, Comparison::UpTo),
        };
        let mut query = self.start(select);
        for (comparison, key) in [(after, range.after), (Comparison::UpTo, range.bound), (to, range.to)] {
            if let Some(key) = key {
                self.compare(&mut query, comparison, key);
            }
        }
        query
    }

    /// Selects the key of the row at this offset in a range, counted from 0.
    pub fn key_at(&self, range: Range<'_>, offset: u64) -> Query {
        let mut query = self.page(&self.key_list(), range, 1);
        query.text.push_str(&format!(" OFFSET {offset}"));
        query
    }

    /// Selects the greatest key.
    pub fn greatest(&self) -> Query {
        let mut query = self.start(&self.key_list());
        query.text.push_str(&self.order(true));
        query.text.push_str(" LIMIT 1");
        query
    }

    /// Counts all rows.
    pub fn count(&self) -> Query {
        self.start(self.all())
    }

    /// The number of rows, by the server's own function.
    fn all(&self) -> &'static str {
        if self.dialect == Dialect::Postgres { "pg_catalog.count(*)" } else { "count(*)" }
    }

    /// Selects a row whose column `name` is NULL.
    pub fn null_in(&self, name: &str) -> Query {
        let mut query = self.start("1");
        let name = self.dialect.quote(name);
        query.text.push_str(if self.filter.is_some() { " AND " } else { " WHERE " });
        query.text.push_str(&format!("{name} IS NULL LIMIT 1"));
        query
    }

    /// Selects up to two rows with the same key.
    pub fn with_key(&self, key: &[Value]) -> Query {
        let mut query = self.start("1");
        self.compare(&mut query, Comparison::Equal, key);
        query.text.push_str(" LIMIT 2");
        query
    }

    /// Tests the filter without the parentheses that the other statements put around it, which finds one that would close
    /// them.
    pub fn probe(&self, filter: &str) -> Query {
        let table = self.table.quoted(self.dialect);
        let text = format!("SELECT 1 FROM {table} WHERE {filter}\n LIMIT 0");
        Query { text, parameters: self.parameters.clone() }
    }

    /// Lists the key's columns, each in the form in which a page is continued after it.
    pub fn key_list(&self) -> String {
        let column = |(at, name): (usize, &String)| self.key_column(at).unwrap_or_else(|| self.dialect.quote(name));
        self.key.iter().enumerate().map(column).collect::<Vec<_>>().join(", ")
    }

    /// Selects a column of the key in the form in which a page is continued after it, if that is not the column itself. Under its own
    /// name, the rows would be ordered by that form.
    pub fn key_column(&self, at: usize) -> Option<String> {
        let column = self.dialect.quote(self.key.get(at)?);
        let form = match self.text_type(at) {
            Some(_) => format!("{column}::pg_catalog.text"),
            None if self.converted.get(at) == Some(&true) => self.dialect.as_stored(&column, self.types.get(at)?),
            None => return None,
        };
        Some(format!("{form} AS {}", self.dialect.quote(&repeated_key_name(at))))
    }

    /// Returns the type of a column of the key that passes through text.
    fn text_type(&self, at: usize) -> Option<&'static str> {
        self.dialect.type_of_text_key(self.types.get(at)?)
    }

    /// Begins a statement with SELECT, FROM and the filter, whose placeholders come first. The line break ends a comment in
    /// the filter.
    fn start(&self, select: &str) -> Query {
        let mut text = format!("SELECT {select} FROM {}", self.table.quoted(self.dialect));
        if let Some(filter) = &self.filter {
            text.push_str(&format!(" WHERE ({filter}\n)"));
        }
        Query { text, parameters: self.parameters.clone() }
    }

    /// Adds a comparison of the whole key. Its placeholders follow the existing ones, in the order of the text.
    fn compare(&self, query: &mut Query, comparison: Comparison, key: &[Value]) {
        let ours = query.parameters.len() > self.parameters.len();
        query.text.push_str(if ours || self.filter.is_some() { " AND " } else { " WHERE " });
        let names: Vec<String> = self.key.iter().map(|name| self.dialect.quote(name)).collect();
        if key.len() == 1 || self.dialect.seeks_by_rows() {
            let places: Vec<String> = key.iter().enumerate().map(|(at, value)| self.place(query, at, value)).collect();
            let (names, places) = (names.join(", "), places.join(", "));
            let operator = self.operator(comparison.operator(), key.len());
            query.text.push_str(&match key.len() {
                1 => format!("{names} {operator} {places}"),
                _ => format!("({names}) {operator} ({places})"),
            });
            return;
        }
        let terms: Vec<String> = match comparison {
            Comparison::Equal => vec![self.term(query, &names, key, "=")],
            // `(a, b) > (1, 2)` is `a > 1 OR a = 1 AND b > 2`: ranges of an index.
            other => (1..=key.len())
                .map(|length| {
                    let operator = if length == key.len() { other.operator() } else { other.strict() };
                    self.term(query, &names, &key[..length], operator)
                })
                .collect(),
        };
        query.text.push_str(&format!("({})", terms.join(" OR ")));
    }

    /// Returns the operator for the first columns of the key, which the dialect may have to qualify.
    fn operator(&self, operator: &'static str, columns: usize) -> Cow<'static, str> {
        let mut spelled = self.types.iter().take(columns).map(|declared| self.dialect.comparison(operator, declared));
        let first = spelled.next().unwrap_or(Cow::Borrowed(operator));
        // A comparison of rows has one operator for all columns.
        if spelled.all(|other| other == first) { first } else { Cow::Borrowed(operator) }
    }

    /// Compares the first columns of the key with the values: all are equal except the last, which uses the operator.
    fn term(&self, query: &mut Query, names: &[String], key: &[Value], operator: &str) -> String {
        let last = key.len() - 1;
        let parts = names.iter().zip(key).enumerate().map(|(at, (name, value))| {
            format!("{name} {} {}", if at == last { operator } else { "=" }, self.place(query, at, value))
        });
        parts.collect::<Vec<_>>().join(" AND ")
    }

    /// Adds a value of a column of the key to the query and returns its placeholder.
    fn place(&self, query: &mut Query, at: usize, value: &Value) -> String {
        query.parameters.push(value.clone());
        let place = self.dialect.placeholder(query.parameters.len());
        match self.text_type(at) {
            Some(key_type) => format!("({place}::pg_catalog.text)::{key_type}"),
            None => place,
        }
    }

    fn order(&self, descending: bool) -> String {
        let direction = if descending { " DESC" } else { "" };
        let key: Vec<String> = self.key.iter().map(|name| format!("{}{direction}", self.dialect.quote(name))).collect();
        format!(" ORDER BY {}", key.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(dialect: Dialect, key: &[&str]) -> PageSql {
        PageSql {
            dialect,
            table: TableName::new("t"),
            key: key.iter().map(|name| (*name).to_owned()).collect(),
            types: vec!["integer".to_owned(); key.len()],
            converted: vec![false; key.len()],
            filter: None,
            parameters: Vec::new(),
            descending: false,
        }
    }

    fn numbers(values: &[i64]) -> Vec<Value> {
        values.iter().copied().map(Value::Int64).collect()
    }

    #[test]
    fn a_page_is_sought_as_the_index_of_the_dialect_is_used() {
        for (dialect, text, parameters) in [
            (
                Dialect::Postgres,
                "SELECT * FROM \"t\" WHERE (\"a\", \"b\") OPERATOR(pg_catalog.>) ($1, $2) \
                 AND (\"a\", \"b\") OPERATOR(pg_catalog.<=) ($3, $4) ORDER BY \"a\", \"b\" LIMIT 9",
                numbers(&[1, 2, 7, 8]),
            ),
            (
                Dialect::Sqlite,
                r#"SELECT * FROM "t" WHERE ("a", "b") > (?1, ?2) AND ("a", "b") <= (?3, ?4) ORDER BY "a", "b" LIMIT 9"#,
                numbers(&[1, 2, 7, 8]),
            ),
            (
                Dialect::Mysql,
                "SELECT * FROM `t` WHERE (`a` > ? OR `a` = ? AND `b` > ?) AND (`a` < ? OR `a` = ? AND `b` <= ?) \
                 ORDER BY `a`, `b` LIMIT 9",
                numbers(&[1, 1, 2, 7, 7, 8]),
            ),
        ] {
            let (after, bound) = (numbers(&[1, 2]), numbers(&[7, 8]));
            let range = Range { after: Some(&after), bound: Some(&bound), to: None };
            let page = sql(dialect, &["a", "b"]).page("*", range, 9);
            assert_eq!((page.text.as_str(), page.parameters), (text, parameters));
        }
        let backwards = PageSql { descending: true, ..sql(Dialect::Mariadb, &["a", "b", "c"]) };
        let after = numbers(&[1, 2, 3]);
        assert_eq!(
            backwards.page("*", Range { after: Some(&after), ..Range::default() }, 9).text,
            "SELECT * FROM `t` WHERE (`a` < ? OR `a` = ? AND `b` < ? OR `a` = ? AND `b` = ? AND `c` < ?) \
             ORDER BY `a` DESC, `b` DESC, `c` DESC LIMIT 9"
        );
    }

    #[test]
    fn postgresql_follows_the_index_of_a_table_that_was_never_analysed() {
        let (after, bound) = (numbers(&[1]), numbers(&[7]));
        let range = Range { after: Some(&after), bound: Some(&bound), to: None };
        let columns = ["b".to_owned(), "a".to_owned()];
        let plain = sql(Dialect::Postgres, &["a"]);
        assert_eq!(
            plain.first("\"b\", \"a\"", &columns, range, 9).text,
            "SELECT \"b\", \"a\" FROM (SELECT \"b\", \"a\" FROM \"t\" WHERE \"a\" OPERATOR(pg_catalog.>) $1 ORDER BY \"a\" \
             LIMIT 9) AS runner_first WHERE true AND \"a\" OPERATOR(pg_catalog.<=) $2 ORDER BY \"a\""
        );
        assert_eq!(
            plain.nth(range, 9).text,
            "SELECT \"a\" FROM (SELECT \"a\" FROM \"t\" WHERE \"a\" OPERATOR(pg_catalog.>) $1 ORDER BY \"a\" \
             LIMIT 1 OFFSET 8) AS runner_first WHERE true AND \"a\" OPERATOR(pg_catalog.<=) $2 ORDER BY \"a\""
        );
        let elsewhere = sql(Dialect::Sqlite, &["a"]).first("\"b\"", &columns, range, 9).text;
        assert_eq!(elsewhere, "SELECT \"b\" FROM \"t\" WHERE \"a\" > ?1 AND \"a\" <= ?2 ORDER BY \"a\"");
    }

    #[test]
    fn a_chunk_is_cut_in_the_order_of_reading() {
        let (after, to) = (numbers(&[1]), numbers(&[7]));
        let range = Range { after: Some(&after), bound: None, to: Some(&to) };
        assert_eq!(
            sql(Dialect::Postgres, &["a"]).nth(range, 9).text,
            "SELECT \"a\" FROM \"t\" WHERE \"a\" OPERATOR(pg_catalog.>) $1 AND \"a\" OPERATOR(pg_catalog.<=) $2 \
             ORDER BY \"a\" LIMIT 1 OFFSET 8"
        );
        let backwards = PageSql { descending: true, ..sql(Dialect::Mariadb, &["a", "b"]) };
        let (after, bound, to) = (numbers(&[7, 7]), numbers(&[9, 9]), numbers(&[1, 1]));
        let page = backwards.page("*", Range { after: Some(&after), bound: Some(&bound), to: Some(&to) }, 9);
        assert_eq!(
            page.text,
            "SELECT * FROM `t` WHERE (`a` < ? OR `a` = ? AND `b` < ?) AND (`a` < ? OR `a` = ? AND `b` <= ?) \
             AND (`a` > ? OR `a` = ? AND `b` >= ?) ORDER BY `a` DESC, `b` DESC LIMIT 9"
        );
    }

    #[test]
    fn locked_rows_are_sorted_after_they_are_locked() {
        let (after, to) = (numbers(&[1]), numbers(&[7]));
        let range = Range { after: Some(&after), bound: None, to: Some(&to) };
        let filtered = PageSql { filter: Some("x > 1 -- here".to_owned()), ..sql(Dialect::Postgres, &["a"]) };
        let columns = ["b".to_owned(), "a".to_owned()];
        assert_eq!(
            filtered.locked("\"b\", \"a\"", &columns, range).text,
            "SELECT \"b\", \"a\" FROM (SELECT \"b\", \"a\" FROM \"t\" WHERE (x > 1 -- here\n) \
             AND \"a\" OPERATOR(pg_catalog.>) $1 AND \"a\" OPERATOR(pg_catalog.<=) $2 FOR NO KEY UPDATE) AS runner_locked \
             ORDER BY \"a\""
        );
        assert_eq!(
            filtered.lock(range).text,
            "SELECT pg_catalog.count(*) FROM (SELECT 1 FROM \"t\" WHERE (x > 1 -- here\n) \
             AND \"a\" OPERATOR(pg_catalog.>) $1 AND \"a\" OPERATOR(pg_catalog.<=) $2 FOR NO KEY UPDATE) AS runner_locked"
        );
    }

    /// An output column of the name of the key would be what the rows are ordered by.
    #[test]
    fn keys_with_values_that_no_batch_has_pass_through_text() {
        let types = ["text", "date", "numeric(9,2)", "timestamp(3) with time zone", "date[]"];
        let key = ["a", "b", "c", "d", "e"];
        let of = |dialect| PageSql { types: types.map(str::to_owned).to_vec(), ..sql(dialect, &key) };
        let greatest = of(Dialect::Postgres).greatest().text;
        assert_eq!(
            greatest,
            "SELECT \"a\", \"b\"::pg_catalog.text AS \"runner_key_1\", \"c\"::pg_catalog.text AS \"runner_key_2\", \
             \"d\"::pg_catalog.text AS \"runner_key_3\", \"e\" FROM \"t\" \
             ORDER BY \"a\" DESC, \"b\" DESC, \"c\" DESC, \"d\" DESC, \"e\" DESC LIMIT 1"
        );
        let same = of(Dialect::Postgres).with_key(&key.map(Value::from)).text;
        assert!(
            same.contains(
                "($1, ($2::pg_catalog.text)::pg_catalog.date, ($3::pg_catalog.text)::pg_catalog.numeric, \
                 ($4::pg_catalog.text)::pg_catalog.timestamptz, $5)"
            ),
            "{same}"
        );
        assert!(!of(Dialect::Mysql).greatest().text.contains("text"));
    }

    /// Where a chunk ends is compared with the last row of a page, so both have the same form.
    #[test]
    fn keys_that_are_converted_for_the_caller_come_as_they_are_stored_too() {
        for (dialect, declared, form) in [
            (Dialect::Mysql, "tinyint(1)", "`a` + 0"),
            (Dialect::Mariadb, "datetime(3)", "CAST(`a` AS CHAR)"),
            (Dialect::Mysql, "varchar(9)", "`a`"),
            (Dialect::Sqlite, "TEXT", "+\"a\""),
            (Dialect::Sqlite, "DECIMAL(9,2)", "\"a\""),
            (Dialect::Postgres, "integer", "\"a\""),
            (Dialect::Postgres, "date", "\"a\"::pg_catalog.text"),
        ] {
            let sql = PageSql { types: vec![declared.to_owned()], converted: vec![true], ..sql(dialect, &["a"]) };
            let form = format!("{form} AS {}", dialect.quote("runner_key_0"));
            assert_eq!((sql.key_column(0), sql.key_list()), (Some(form.clone()), form), "{dialect} {declared}");
        }
    }

    #[test]
    fn the_placeholders_of_a_filter_come_first() {
        for (dialect, filter, text) in [
            (
                Dialect::Postgres,
                "x > $1 OR y = $1",
                "WHERE (x > $1 OR y = $1\n) AND \"a\" OPERATOR(pg_catalog.>) $2 ORDER BY \"a\" LIMIT 9",
            ),
            (Dialect::Sqlite, "x > ?", "WHERE (x > ?\n) AND \"a\" > ?2 ORDER BY \"a\" LIMIT 9"),
            (Dialect::Mariadb, "x > ?", "WHERE (x > ?\n) AND `a` > ? ORDER BY `a` LIMIT 9"),
        ] {
            let filtered = PageSql {
                filter: Some(filter.to_owned()),
                parameters: vec![Value::Text("f".to_owned())],
                ..sql(dialect, &["a"])
            };
            let after = numbers(&[1]);
            let page = filtered.page("*", Range { after: Some(&after), ..Range::default() }, 9);
            assert!(page.text.ends_with(text), "{}", page.text);
            assert_eq!(page.parameters, [Value::Text("f".to_owned()), Value::Int64(1)]);
            let same = filtered.with_key(&numbers(&[1]));
            assert!(same.text.contains("AND ") && same.parameters.len() == 2);
        }
    }

    #[test]
    fn the_same_key_is_sought_column_by_column_where_rows_are_not() {
        let key = numbers(&[1, 2]);
        assert_eq!(
            sql(Dialect::Mysql, &["a", "b"]).with_key(&key).text,
            "SELECT 1 FROM `t` WHERE (`a` = ? AND `b` = ?) LIMIT 2"
        );
    }
}
