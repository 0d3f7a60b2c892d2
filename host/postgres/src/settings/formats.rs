//! How a session writes and reads dates, times, intervals and numbers as text.
//!
//! For the host and for components this is fixed. A migration in SQL means what the client of its operator would make of it, so it has
//! the settings of the database, of the role and of the URL. Of two of them, the driver sends values of its own with the connection, after
//! which the server no longer says what it would have used: those are looked up.

use super::client::SENT;
use super::own::Own;
use crate::host_sql::literal;
use runner_database::Role;

/// Whose formats a transaction has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Formats {
    /// The host's, which are fixed.
    #[default]
    Fixed,
    /// Those of the operator's client.
    OfClient,
}

/// The settings, and their fixed values.
const FIXED: [(&str, &str); 6] = [
    ("timezone", "'UTC'"),
    ("datestyle", "'ISO, MDY'"),
    ("intervalstyle", "'postgres'"),
    ("bytea_output", "'hex'"),
    ("extra_float_digits", "1"),
    ("lc_monetary", "'C'"),
];

impl Formats {
    /// Those of a role; `None` for the host, which does not depend on them.
    pub(crate) fn of(rights: Role) -> Option<Self> {
        match rights {
            Role::Host => None,
            Role::SqlScript => Some(Self::OfClient),
            Role::Component => Some(Self::Fixed),
        }
    }

    /// The text that sets them for the open transaction, except for those that a script has set itself. Other statements can directly
    /// follow it.
    pub(crate) fn set(self, own: &Own) -> String {
        let open = FIXED.into_iter().filter(|(name, _)| !own.has(name));
        match self {
            Self::Fixed => open.map(|(name, value)| format!("SET LOCAL {name} = {value}; ")).collect(),
            Self::OfClient => open
                .map(|(name, _)| match SENT.iter().find(|(sent, _)| *sent == name) {
                    Some((_, default)) => give(name, own, default, Lasting::Transaction),
                    None => format!("SET LOCAL {name} TO DEFAULT; "),
                })
                .collect(),
        }
    }
}

/// The text that gives the session what the driver has sent other values for, until [`reset`]. Other statements can directly follow it.
pub(crate) fn for_session(own: &Own) -> String {
    let open = SENT.into_iter().filter(|(name, _)| !own.has(name));
    open.map(|(name, default)| give(name, own, default, Lasting::Session)).collect()
}

/// How long a setting lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasting {
    Transaction,
    Session,
}

/// The text that sets what a client without a value of its own has.
fn give(name: &str, own: &Own, default: &str, lasting: Lasting) -> String {
    let is_local = lasting == Lasting::Transaction;
    format!("SELECT pg_catalog.set_config('{name}', {}, {is_local}); ", of_client(name, own, default))
}

/// The text that undoes [`for_session`].
pub(crate) fn reset(own: &Own) -> String {
    SENT.into_iter().filter(|(name, _)| !own.has(name)).map(|(name, _)| format!("RESET {name}; ")).collect()
}

/// The expression of the value that a client without one of its own has: that of the URL or the environment, else those of the role and of the database in
/// the order in which the server takes them.
fn of_client(name: &str, own: &Own, default: &str) -> String {
    if let Some(value) = own.of_operator(name) {
        return literal(value);
    }
    let default = literal(own.configured(name).unwrap_or(default));
    let from = name.len() + 2;
    format!(
        "COALESCE((SELECT pg_catalog.substr(s.setting, {from}) FROM pg_catalog.pg_db_role_setting r \
         CROSS JOIN LATERAL pg_catalog.unnest(r.setconfig) AS s (setting) \
         WHERE pg_catalog.starts_with(pg_catalog.lower(s.setting), '{name}=') \
         AND (r.setdatabase OPERATOR(pg_catalog.=) 0 OR r.setdatabase OPERATOR(pg_catalog.=) \
         (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())) \
         AND (r.setrole OPERATOR(pg_catalog.=) 0 OR r.setrole OPERATOR(pg_catalog.=) \
         (SELECT o.oid FROM pg_catalog.pg_roles o WHERE o.rolname OPERATOR(pg_catalog.=) SESSION_USER)) \
         ORDER BY r.setrole OPERATOR(pg_catalog.<>) 0 DESC, r.setdatabase OPERATOR(pg_catalog.<>) 0 DESC LIMIT 1), {default})"
    )
}

/// The expression of what the configuration files of the server say about what the driver sends; NULL where this login
/// may not read them. It is asked with all else about the server, so the text of the query is run only where it may be.
pub(crate) fn configured() -> String {
    let names = SENT.map(|(name, _)| format!("'{name}'")).join(", ");
    let query = format!(
        "SELECT pg_catalog.lower(f.name) AS n, f.setting AS v FROM pg_catalog.pg_show_all_file_settings() f \
         WHERE f.applied AND pg_catalog.lower(f.name) OPERATOR(pg_catalog.=) ANY (ARRAY[{names}])"
    );
    format!(
        "CASE WHEN pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE') \
         THEN pg_catalog.query_to_xml({}, false, true, '')::pg_catalog.text END",
        literal(&query)
    )
}

/// The names and values in the answer to [`configured`].
pub(crate) fn read_configured(xml: &str) -> Vec<(String, String)> {
    let within = |text: &str, tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        let (value, _) = rest.split_once(&format!("</{tag}>"))?;
        Some(value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    };
    xml.split("<row").filter_map(|row| Some((within(row, "n")?, within(row, "v")?))).collect()
}

/// The text that gives the rest of a transaction the values of the operator's client again.
pub(crate) fn again(names: &[&str], own: &Own) -> String {
    let sent = SENT.into_iter().filter(|(name, _)| names.contains(name));
    sent.map(|(name, default)| give(name, own, default, Lasting::Transaction)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_read_from_its_answer() {
        let xml = "<row xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n  <n>timezone</n>\n  <v>&lt;+03&gt;-3</v>\n</row>\n\n\
            <row xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n  <n>datestyle</n>\n  <v>iso, dmy</v>\n</row>\n\n";
        let expected = [("timezone", "<+03>-3"), ("datestyle", "iso, dmy")];
        assert_eq!(read_configured(xml), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(read_configured(""), []);
    }
}
