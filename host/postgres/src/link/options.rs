//! The parameters of a URL. sqlx reads most of what libpq reads, and only logs unknown parameters.

use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::error::{Result, configuration};
use runner_database::DatabaseUrl;
use runner_database::lease::{LOCK, LOCK_LEASE};
use runner_database::url::{plain_host, redact};

/// How many seconds to wait for a connection.
const CONNECT_TIMEOUT: &str = "connect_timeout";

/// The parameters that sqlx knows, and those that state what holds anyway; `options[…]` denotes any setting of the server.
const KNOWN: [&str; 24] = [
    "application_name",
    "channel_binding",
    CONNECT_TIMEOUT,
    "dbname",
    "host",
    "hostaddr",
    LOCK,
    LOCK_LEASE,
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "target_session_attrs",
    "user",
    "options[…]",
];

/// Reads the URL; what it leaves out comes from `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE`
/// and similar variables, and from the password file.
pub(crate) fn read(url: &DatabaseUrl, application: &str) -> Result<PgConnectOptions> {
    let unreadable = |cause: &str| {
        // The cause may quote part of the URL.
        configuration(format!("the database URL `{url}` cannot be read: {}", redact(cause)))
            .hint("a URL looks like `postgres://user:password@host:5432/database`; write `%40` for `@` in a password")
    };
    if has_several_hosts(url.secret()) {
        return Err(configuration("the database URL names several hosts".to_owned())
            .hint("name the one that takes writes, or a name that leads to it"));
    }
    let parsed = url.server().map_err(|error| unreadable(&error.to_string()))?;
    for (name, value) in parsed.query_pairs() {
        answer(&name, &value)?;
    }
    if let Some((unknown, _)) = parsed.query_pairs().find(|(name, _)| !is_known(name)) {
        return Err(
            configuration(format!("`{unknown}` is not a parameter of a PostgreSQL URL")).hint(known_hint(&unknown))
        );
    }
    let options = PgConnectOptions::from_url(parsed).map_err(|error| match error {
        sqlx::Error::Configuration(cause) => unreadable(&cause.to_string()),
        other => unreadable(&other.to_string()),
    })?;
    let host = plain_host(options.get_host()).to_owned();
    Ok(of_session(options.host(&host), application))
}

/// Adds the options that all connections of a run share.
pub(crate) fn of_session(options: PgConnectOptions, application: &str) -> PgConnectOptions {
    // Notices of the server would go to a log that is not read; statements would go there with their values.
    let options = options
        .disable_statement_logging()
        // The shortest exact text is the server's default since version 12; poolers refuse the parameter at startup.
        .extra_float_digits(None);
    match options.get_application_name() {
        Some(_) => options,
        None => options.application_name(application),
    }
}

/// How long to wait for a connection, if the URL says so.
pub(crate) fn connect_timeout(url: &DatabaseUrl) -> Option<Duration> {
    url.parameter(&[CONNECT_TIMEOUT])?.parse().ok().map(Duration::from_secs)
}

/// Refuses parameters of libpq and of other tools that cannot be heeded.
fn answer(name: &str, value: &str) -> Result<()> {
    let refuse =
        |why: &str, hint: &str| Err(configuration(format!("`{name}={value}` in the database URL {why}")).hint(hint));
    match (name, value) {
        ("channel_binding", "require") => refuse(
            "is not possible: the driver does not bind channels",
            "remove it; `sslmode=verify-full` with `sslrootcert` proves the server by its certificate",
        ),
        ("channel_binding", value) if !["disable", "prefer"].contains(&value) => {
            refuse("is not a value of it", "use `disable` or `prefer`")
        }
        // A run that writes is refused by a server that takes no changes.
        ("target_session_attrs", value) if !["any", "read-write", "primary"].contains(&value) => refuse(
            "asks for a server that takes no changes",
            "remove it, or use `read-write`: migrations need the server that takes writes",
        ),
        (CONNECT_TIMEOUT, value) if value.parse::<u32>().is_ok_and(|seconds| seconds > 0) => Ok(()),
        (CONNECT_TIMEOUT, _) => refuse("is no time", "write a number of seconds above 0, such as `connect_timeout=10`"),
        ("schema", _) => {
            let path = "replace it by `options=-c%20search_path%3DNAME`: it is a parameter of Prisma";
            refuse("is not a parameter of PostgreSQL", path)
        }
        ("pgbouncer" | "connection_limit" | "pool_timeout" | "statement_cache_size", _) => {
            refuse("is about the pool of Prisma", "remove it; give the address of the server rather than of a pooler")
        }
        _ => Ok(()),
    }
}

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || name.starts_with("options[") && name.ends_with(']')
}

fn known_hint(unknown: &str) -> String {
    let distance = |known: &&str| strsim::damerau_levenshtein(known, unknown);
    // The names with a dash are sqlx's own; libpq's are more widely known.
    let near = KNOWN.into_iter().filter(|known| !known.starts_with("ssl-")).min_by_key(distance);
    match near.filter(|known| distance(known) <= 3) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let mut known: Vec<&str> = KNOWN.into_iter().filter(|name| !name.starts_with("ssl-")).collect();
            known.sort_unstable();
            format!("it takes `{}`", known.join("`, `"))
        }
    }
}

fn has_several_hosts(url: &str) -> bool {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    authority.rsplit('@').next().is_some_and(|hosts| hosts.contains(','))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use runner_database::DatabaseErrorKind;

    fn parse(url: &str) -> Result<PgConnectOptions> {
        read(&DatabaseUrl::parse(url, Path::new("/")).expect("a URL"), "runner")
    }

    #[test]
    fn parameters_of_libpq_are_accepted() {
        let options =
            parse("postgres://me:p%40ss@db.example:5433/app?sslmode=require&application_name=x").expect("options");
        assert_eq!((options.get_host(), options.get_port()), ("db.example", 5433));
        assert_eq!((options.get_username(), options.get_database()), ("me", Some("app")));
        assert_eq!(options.get_application_name(), Some("x"));
        let options = parse("postgresql:///app?host=/run/pg&user=you&password=x&port=5434").expect("options");
        assert_eq!(options.get_socket().and_then(|path| path.to_str()), Some("/run/pg"));
        assert_eq!((options.get_username(), options.get_port()), ("you", 5434));
        assert_eq!(options.get_application_name(), Some("runner"));
        let options = parse("postgresql://me:p%40s+s&@/app?host=/run/pg&port=5434").expect("options");
        assert_eq!(options.get_socket().and_then(|path| path.to_str()), Some("/run/pg"));
        assert_eq!((options.get_username(), options.get_database(), options.get_port()), ("me", Some("app"), 5434));
        let options = parse("postgres://me@[2001:db8::1]:5433/app").expect("options");
        assert_eq!((options.get_host(), options.get_port()), ("2001:db8::1", 5433));
        let options = parse("postgres:///app?options=-c%20search_path%3Da&options%5Bgeqo%5D=off").expect("options");
        assert_eq!(options.get_options(), Some("-c search_path=a -c geqo=off"));
    }

    #[test]
    fn unknown_parameters_are_refused() {
        for (url, part) in [
            ("postgres://h/d?ssl_mode=require", "did you mean `sslmode`"),
            ("postgres://h/d?nonsense=any", "it takes `application_name`"),
            ("postgres://h/d?channel_binding=require", "`sslmode=verify-full`"),
            ("postgres://h/d?target_session_attrs=standby", "`read-write`"),
            ("postgres://h/d?schema=app", "search_path"),
            ("postgres://h/d?pgbouncer=true", "remove it"),
            ("postgres://h/d?connection_limit=5", "remove it"),
            ("postgres://h/d?connect_timeout=10s", "a number of seconds"),
            ("postgres://h/d?connect_timeout=0", "above 0"),
        ] {
            let error = parse(url).expect_err(url);
            assert_eq!(error.kind, DatabaseErrorKind::Configuration);
            assert!(error.hint.as_deref().is_some_and(|hint| hint.contains(part)), "{error:?}");
        }
        for url in [
            "postgres://h/d?channel_binding=prefer&target_session_attrs=read-write",
            "postgres://h/d?channel_binding=disable",
            "postgres://h/d?connect_timeout=3",
        ] {
            assert!(parse(url).is_ok(), "{url}");
        }
        let url = DatabaseUrl::parse("postgres://h/d?connect_timeout=3", Path::new("/")).expect("a URL");
        assert_eq!(connect_timeout(&url), Some(Duration::from_secs(3)));
        let several = parse("postgres://me:secret@a:1,b:2/d").expect_err("two hosts");
        assert_eq!(several.message, "the database URL names several hosts");
        for url in ["postgres://me:secret@h:notaport/d", "postgres://me:secret@h/d?sslmode=maybe"] {
            let error = parse(url).expect_err(url);
            assert_eq!(error.kind, DatabaseErrorKind::Configuration);
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
