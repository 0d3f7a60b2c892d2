//! What the client of an operator sets: by the environment, by the options of the URL, and by the statements that take it back.

use runner_database::Dialect;
use runner_sql::Tokens;

/// Those that the driver sends.
pub(crate) const SENT: [(&str, &str); 2] = [("timezone", "UTC"), ("datestyle", "ISO, MDY")];

/// The variables by which the clients of PostgreSQL set what the driver sends.
pub(crate) fn in_environment() -> impl Iterator<Item = (String, String)> {
    // As libpq: this is what no value is, too.
    let of = |(name, variable): (&str, &str)| {
        let value = std::env::var(variable).ok().filter(|value| !value.eq_ignore_ascii_case("default"))?;
        Some((name.to_owned(), value))
    };
    [("timezone", "PGTZ"), ("datestyle", "PGDATESTYLE")].into_iter().filter_map(of)
}

/// What of [`SENT`] a statement sets back to what the session began with, which would be the values of the driver.
pub(crate) fn reset_by(statement: &str) -> Vec<&'static str> {
    let words: Vec<String> =
        Tokens::new(statement, Dialect::Postgres).identifiers().iter().map(|it| it.to_lowercase()).collect();
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|it| !matches!(*it, "session" | "local" | "to")).collect();
    let names = || SENT.map(|(name, _)| name).to_vec();
    let named = |name: &str| -> Vec<&'static str> { names().into_iter().filter(|it| *it == name).collect() };
    match words.as_slice() {
        ["reset" | "discard", "all"] => names(),
        ["reset", "time", "zone"] | ["set", "time", "zone", "default"] => named("timezone"),
        // `SET TIME ZONE LOCAL`, and not `SET TIME ZONE -7`.
        ["set", "time", "zone"] if !statement.contains(char::is_numeric) => named("timezone"),
        ["reset", name] | ["set", name, "default"] => named(name),
        _ => Vec::new(),
    }
}

/// The settings in the options of a URL, or in `PGOPTIONS`: `-c NAME=VALUE` and `--NAME=VALUE`, where a backslash takes the next
/// character as it is. The last of a name counts, so it comes first.
pub(crate) fn parse_options(options: &str) -> Vec<(String, String)> {
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
    fn what_gives_back_the_values_of_the_driver_is_known() {
        for (statement, names) in [
            ("RESET ALL", &["timezone", "datestyle"][..]),
            ("DISCARD ALL", &["timezone", "datestyle"]),
            ("RESET TIME ZONE", &["timezone"]),
            ("SET LOCAL TIME ZONE DEFAULT", &["timezone"]),
            ("SET TIME ZONE LOCAL", &["timezone"]),
            ("SET SESSION DateStyle TO DEFAULT", &["datestyle"]),
            ("SET datestyle = default", &["datestyle"]),
            ("RESET search_path", &[]),
            ("SET TIME ZONE 'Asia/Tokyo'", &[]),
            ("SET timezone = 'UTC'", &[]),
            ("SET TIME ZONE -7", &[]),
        ] {
            assert_eq!(reset_by(statement), names, "{statement}");
        }
    }

    #[test]
    fn options_are_read_as_the_server_does() {
        let options = "-c TimeZone=Asia/Tokyo -cgeqo=off --DateStyle=SQL,\\ DMY  -c timezone=UTC -v";
        let expected = [("timezone", "UTC"), ("datestyle", "SQL, DMY"), ("geqo", "off"), ("timezone", "Asia/Tokyo")];
        assert_eq!(parse_options(options), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(parse_options(""), []);
    }
}
