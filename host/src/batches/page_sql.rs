//! The statements of a paged reading, for any dialect.

use crate::data::Value;
use crate::database::{Dialect, TableName};

/// What all statements of one reading share.
pub(super) struct PageSql {
    pub dialect: Dialect,
    pub table: TableName,
    /// The key's columns.
    pub key: Vec<String>,
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

impl PageSql {
    /// The rows behind `after`, up to `bound`, in the order of the key.
    pub fn page(&self, select: &str, after: Option<&[Value]>, bound: Option<&[Value]>, rows: usize) -> Query {
        let mut query = self.start(select);
        if let Some(after) = after {
            self.compare(&mut query, if self.descending { "<" } else { ">" }, after);
        }
        if let Some(bound) = bound {
            self.compare(&mut query, "<=", bound);
        }
        query.text.push_str(&self.order(self.descending));
        query.text.push_str(&format!(" LIMIT {rows}"));
        query
    }

    /// The greatest key.
    pub fn greatest(&self) -> Query {
        let mut query = self.start(&self.key_list());
        query.text.push_str(&self.order(true));
        query.text.push_str(" LIMIT 1");
        query
    }

    /// How many rows there are.
    pub fn count(&self) -> Query {
        self.start("count(*)")
    }

    /// A row whose column `name` is NULL.
    pub fn null_in(&self, name: &str) -> Query {
        let mut query = self.start("1");
        let name = self.dialect.quote(name);
        query.text.push_str(if self.filter.is_some() { " AND " } else { " WHERE " });
        query.text.push_str(&format!("{name} IS NULL LIMIT 1"));
        query
    }

    /// Up to two rows with the same key.
    pub fn with_key(&self, key: &[Value]) -> Query {
        let mut query = self.start("1");
        self.compare(&mut query, "=", key);
        query.text.push_str(" LIMIT 2");
        query
    }

    /// The filter without the parentheses that all other statements put around it: one that would close them is found out.
    pub fn probe(&self, filter: &str) -> Query {
        let table = self.table.quoted(self.dialect);
        let text = format!("SELECT 1 FROM {table} WHERE {filter}\n LIMIT 0");
        Query { text, parameters: self.parameters.clone() }
    }

    /// The names of the key's columns.
    pub fn key_list(&self) -> String {
        self.key.iter().map(|name| self.dialect.quote(name)).collect::<Vec<_>>().join(", ")
    }

    /// SELECT, FROM and the filter, whose placeholders come before ours. The line break ends a comment in it.
    fn start(&self, select: &str) -> Query {
        let mut text = format!("SELECT {select} FROM {}", self.table.quoted(self.dialect));
        if let Some(filter) = &self.filter {
            text.push_str(&format!(" WHERE ({filter}\n)"));
        }
        Query { text, parameters: self.parameters.clone() }
    }

    fn compare(&self, query: &mut Query, operator: &str, key: &[Value]) {
        let first = query.parameters.len() + 1;
        let ours = query.parameters.len() > self.parameters.len();
        query.text.push_str(if ours || self.filter.is_some() { " AND " } else { " WHERE " });
        let places: Vec<String> = (first..first + key.len()).map(|number| self.dialect.placeholder(number)).collect();
        query.text.push_str(&if key.len() == 1 {
            format!("{} {operator} {}", self.key_list(), places.join(", "))
        } else {
            format!("({}) {operator} ({})", self.key_list(), places.join(", "))
        });
        query.parameters.extend_from_slice(key);
    }

    fn order(&self, descending: bool) -> String {
        let direction = if descending { " DESC" } else { "" };
        let key: Vec<String> = self.key.iter().map(|name| format!("{}{direction}", self.dialect.quote(name))).collect();
        format!(" ORDER BY {}", key.join(", "))
    }
}
