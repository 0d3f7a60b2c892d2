//! The names of the tenants: from the settings, a file or a query.

use std::collections::{BTreeMap, BTreeSet};

use runner_base::error::{Error, Result, several};
use runner_base::runtime;
use runner_data::Value;
use runner_database::{ConnectOptions, DatabaseUrl, QueryLimits};
use runner_drivers::connect;
use runner_project::origin::Sourced;
use runner_project::settings::{Tenant, TenantSource, Tenants, read_list};

/// Rows and bytes of a query for tenants.
const LIMITS: QueryLimits = QueryLimits { rows: 100_000, bytes: 16 << 20 };

/// The longest name: that of a file, and longer than any server allows for a database.
const LONGEST: usize = 255;

/// An entry of a list.
struct Entry {
    name: String,
    url: Option<Sourced<String>>,
    /// Where it is, as messages say it.
    place: String,
}

/// All tenants, in the order of their list. Each name occurs once, and so does each database.
pub(super) fn read(tenants: &Tenants) -> Result<Vec<Tenant>> {
    let entries = match &tenants.source {
        TenantSource::Names(names) => {
            let place = format!("{}.names", tenants.table);
            names.iter().map(|name| Entry { name: name.clone(), url: None, place: place.clone() }).collect()
        }
        TenantSource::File(path, shown) => in_file(&read_list(path, shown)?, shown),
        TenantSource::Query(sql, url) => queried(sql, url)?,
    };
    if entries.is_empty() {
        let list = match &tenants.source {
            TenantSource::Names(_) => format!("`{}.names`", tenants.table),
            TenantSource::File(_, shown) => format!("`{}`", shown.value),
            TenantSource::Query(sql, _) => format!("the query {}", sql.origin),
        };
        return Err(Error::usage(format!("there are no tenants: {list} is empty"))
            .hint("a list without tenants is more often a mistake than meant, so nothing was done"));
    }
    checked(tenants, entries)
}

/// The names in the settings or in a file, as they are written; none if only a query knows them.
pub(super) fn known(tenants: &Tenants) -> Vec<String> {
    match &tenants.source {
        TenantSource::Names(names) => names.clone(),
        TenantSource::File(path, shown) => {
            let text = read_list(path, shown).unwrap_or_default();
            in_file(&text, shown).into_iter().map(|entry| entry.name).collect()
        }
        TenantSource::Query(..) => Vec::new(),
    }
}

/// The tenants, or everything that is wrong with the list.
fn checked(tenants: &Tenants, entries: Vec<Entry>) -> Result<Vec<Tenant>> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    let mut databases: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::with_capacity(entries.len());
    for Entry { name, url, place } in entries {
        if let Err(problem) = check_name(&name) {
            problems.push(problem.at("list", place));
            continue;
        }
        if !names.insert(name.clone()) {
            problems.push(
                Error::usage(format!("the tenant `{name}` is listed twice"))
                    .hint("remove one of the two, or use DISTINCT in the query")
                    .at("list", place),
            );
            continue;
        }
        match tenants.tenant(&name, url.as_ref()) {
            Ok(tenant) => match databases.insert(tenant.url.value.secret().to_owned(), name.clone()) {
                Some(other) => problems.push(
                    Error::usage(format!("the tenants `{other}` and `{name}` have the same database"))
                        .hint("each tenant needs a database of its own")
                        .at("list", place),
                ),
                None => found.push(tenant),
            },
            Err(problem) => problems.push(problem.at("list", place)),
        }
    }
    let canaries = tenants.canary.iter().filter(|name| !names.contains(*name));
    problems.extend(canaries.map(|name| {
        Error::usage(format!("the canary `{name}` is not a tenant"))
            .hint("name a tenant of the list, or leave `canary` out: the first one is the canary then")
            .at("setting", format!("{}.canary", tenants.table))
    }));
    several(problems, |number| format!("the list of tenants has {number} errors")).map_or(Ok(found), Err)
}

/// A name becomes part of a path or a URL, and is shown in every message.
fn check_name(name: &str) -> Result<()> {
    let problem = if name.is_empty() {
        "a tenant has no name".to_owned()
    } else if name == "." || name == ".." || name.contains(['/', '\\']) || name.chars().any(char::is_control) {
        format!("`{}` cannot be the name of a tenant", name.escape_debug())
    } else if name.len() > LONGEST {
        format!("the name of a tenant has {} bytes, and {LONGEST} is the most", name.len())
    } else {
        return Ok(());
    };
    Err(Error::usage(problem).hint("a name has no `/`, no `\\` and no control characters, and is not `.` or `..`"))
}

/// `NAME`, or `NAME URL`, a line; after a `#`, a comment.
fn in_file(text: &str, shown: &Sourced<String>) -> Vec<Entry> {
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate().map(|(at, line)| (at, line.trim()));
    let entries = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(|(at, line)| {
        let (name, url) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let url = Some(url.trim()).filter(|url| !url.is_empty());
        let url = url.map(|url| Sourced { value: url.to_owned(), origin: shown.origin.clone() });
        Entry { name: name.to_owned(), url, place: format!("{}, line {}", shown.value, at + 1) }
    });
    entries.collect()
}

/// The first column of a query has the names, a second one the URLs.
fn queried(sql: &Sourced<String>, url: &Sourced<DatabaseUrl>) -> Result<Vec<Entry>> {
    let place = |error: Error| {
        error.at("setting", sql.origin.to_string()).at("database", format!("{} ({})", url.value, url.origin))
    };
    let rows = runtime::run(async {
        let mut database = connect(&url.value, &ConnectOptions::default()).await?;
        Ok(database.host().query(&sql.value, &[], LIMITS).await?)
    });
    let rows = rows.map_err(|error: Error| place(error).hint("the query must return the names of the tenants"))?;
    let wrong = |what: String| {
        place(Error::usage(format!("the query for tenants {what}")))
            .hint("select the name as text, such as `CAST(id AS TEXT)`, and, if you like, the URL as a second column")
    };
    if !(1..=2).contains(&rows.columns.len()) {
        return Err(wrong(format!("returns {} columns, not one or two", rows.columns.len())));
    }
    let entries = rows.rows.into_iter().enumerate().map(|(at, row)| {
        let mut cells = row.into_iter();
        let (name, own) = (cells.next(), cells.next());
        let wrong_in = |column: usize| {
            let column = rows.columns.get(column).map_or("", String::as_str);
            wrong(format!("returns no text in column `{column}` of row {}", at + 1))
        };
        let Some(Value::Text(name)) = name else { return Err(wrong_in(0)) };
        let url = match own {
            Some(Value::Text(own)) => Some(Sourced { value: own, origin: sql.origin.clone() }),
            Some(Value::Null) | None => None,
            Some(_) => return Err(wrong_in(1)),
        };
        Ok(Entry { name, url, place: format!("row {} of the query", at + 1) })
    });
    entries.collect()
}
