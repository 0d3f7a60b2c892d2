//! How a session writes and reads dates, times, intervals and numbers as text.
//!
//! For the host and for components this is fixed. A migration in SQL means what the client of its operator would make of it, so it has
//! the settings of the database, of the role and of the URL. Of two of them, the driver sends values of its own with the connection, after
//! which the server no longer says what it would have used: those are looked up.

use super::settings::Own;
use super::speech::literal;
use crate::database::Role;

/// Of whom a transaction has the formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Formats {
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

/// Those that the driver sends.
const SENT: [(&str, &str); 2] = [("timezone", "UTC"), ("datestyle", "ISO, MDY")];

impl Formats {
    /// Those of a role; `None` for the host, which does not depend on them.
    pub(super) fn of(rights: Role) -> Option<Self> {
        match rights {
            Role::Host => None,
            Role::SqlScript => Some(Self::OfClient),
            Role::Component => Some(Self::Fixed),
        }
    }

    /// The text that sets them for the open transaction, except for those that a script has set itself. Other statements can directly
    /// follow it.
    pub(super) fn set(self, own: &Own) -> String {
        let open = FIXED.into_iter().filter(|(name, _)| !own.has(name));
        match self {
            Self::Fixed => open.map(|(name, value)| format!("SET LOCAL {name} = {value}; ")).collect(),
            Self::OfClient => open
                .map(|(name, _)| match SENT.iter().find(|(sent, _)| *sent == name) {
                    Some((_, default)) => {
                        let value = of_client(name, own.in_url(name), default);
                        format!("SELECT pg_catalog.set_config('{name}', {value}, true); ")
                    }
                    None => format!("SET LOCAL {name} TO DEFAULT; "),
                })
                .collect(),
        }
    }
}

/// The text that gives the session what the driver has sent other values for, until [`reset`]. Other statements can directly follow it.
pub(super) fn for_session(own: &Own) -> String {
    let open = SENT.into_iter().filter(|(name, _)| !own.has(name));
    let set = |(name, default): (&str, &str)| {
        format!("SELECT pg_catalog.set_config('{name}', {}, false); ", of_client(name, own.in_url(name), default))
    };
    open.map(set).collect()
}

/// The text that undoes [`for_session`].
pub(super) fn reset(own: &Own) -> String {
    SENT.into_iter().filter(|(name, _)| !own.has(name)).map(|(name, _)| format!("RESET {name}; ")).collect()
}

/// The expression of the value that a client without one of its own has: that of the URL, else those of the role and of the database in
/// the order in which the server takes them.
fn of_client(name: &str, in_url: Option<&str>, default: &str) -> String {
    if let Some(value) = in_url {
        return literal(value);
    }
    let from = name.len() + 2;
    format!(
        "COALESCE((SELECT pg_catalog.substr(s.setting, {from}) FROM pg_catalog.pg_db_role_setting r \
         CROSS JOIN LATERAL pg_catalog.unnest(r.setconfig) AS s (setting) \
         WHERE pg_catalog.starts_with(pg_catalog.lower(s.setting), '{name}=') \
         AND (r.setdatabase OPERATOR(pg_catalog.=) 0 OR r.setdatabase OPERATOR(pg_catalog.=) \
         (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())) \
         AND (r.setrole OPERATOR(pg_catalog.=) 0 OR r.setrole OPERATOR(pg_catalog.=) \
         (SELECT o.oid FROM pg_catalog.pg_roles o WHERE o.rolname OPERATOR(pg_catalog.=) SESSION_USER)) \
         ORDER BY r.setrole OPERATOR(pg_catalog.<>) 0 DESC, r.setdatabase OPERATOR(pg_catalog.<>) 0 DESC LIMIT 1), '{default}')"
    )
}

/// The settings in the options of a URL, or in `PGOPTIONS`: `-c NAME=VALUE` and `--NAME=VALUE`, where a backslash takes the next
/// character as it is. The last of a name counts, so it comes first.
pub(super) fn parse_options(options: &str) -> Vec<(String, String)> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(c) = characters.next() {
        let word = words.last_mut().expect("it is not empty");
        match c {
            '\\' => word.extend(characters.next()),
            c if c.is_ascii_whitespace() => words.push(String::new()),
            c => word.push(c),
        }
    }
    let mut found = Vec::new();
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-c") {
            Some("") => words.next(),
            Some(setting) => Some(setting.to_owned()),
            None => word.strip_prefix("--").map(str::to_owned),
        };
        let setting = setting.unwrap_or_default();
        if let Some((name, value)) = setting.split_once('=') {
            found.push((name.trim().replace('-', "_").to_ascii_lowercase(), value.to_owned()));
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_the_server_does() {
        let options = "-c TimeZone=Asia/Tokyo -cgeqo=off --DateStyle=SQL,\\ DMY  -c timezone=UTC -v";
        let expected = [("timezone", "UTC"), ("datestyle", "SQL, DMY"), ("geqo", "off"), ("timezone", "Asia/Tokyo")];
        assert_eq!(parse_options(options), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(parse_options(""), []);
    }
}
