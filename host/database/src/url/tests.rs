use super::*;

#[test]
fn no_message_shows_a_password() {
    for (url, shown) in [
        ("postgres://me:pa:ss@host/db", "postgres://me:***@host/db"),
        ("POSTGRES://me:p%2Fa@host/db", "postgres://me:***@host/db"),
        ("mysql://me:p@ss@host:3306/db?lock=node:a", "mysql://me:***@host:3306/db?lock=node:a"),
        ("postgres://me@host/db", "postgres://me@host/db"),
        ("postgres://me:secret@host:port/db", "postgres://me:***@host:port/db"),
        (
            "postgres:///db?user=me&password=secret&port=1&p%61ssword=x",
            "postgres:///db?user=me&password=***&port=1&p%61ssword=***",
        ),
    ] {
        let parsed = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
        assert_eq!(parsed.to_string(), shown);
        assert_eq!(format!("{parsed:?}"), shown);
    }
}

#[test]
fn where_the_password_is_unclear_the_url_is_refused() {
    for url in [
        "postgres:/me:SECRET@host/db",
        "postgres:me:SECRET@host/db",
        "MYSQL:ME:SECRET@host/db",
        "mysql:///\\me:SECRET@host",
        "postgres:/\t/me:SECRET@host/db",
        "postgres://me:SEC\nRET@host/db",
        "mysql://me:SEC/RET@host:3306/db",
        "mysql://me:1/SECRET@host:3306/db",
        "mysql://me:1?SECRET@host:3306/db",
        "mysql://me:1#SECRET@host:3306/db",
        "postgres://me:SEC@SEC/RET@host/db",
        "postgres:///me:SECRET@host/db",
        "postgres://me%3aSECRET@host/db",
        "postgres:///db?user=me&password=a&SECRET",
        "postgres:///db?user=me&SECRET@host=x",
        "me:SECRET@host/db",
        "SECRET@host/db",
        "SECRET@host:5432/db",
        "://me:SECRET@host",
        "host=h user=u password=SECRET",
        "SECRET",
        "",
    ] {
        let error = DatabaseUrl::parse(url, Path::new("/")).expect_err(url);
        assert!(!format!("{error:#}").contains("SEC") && !format!("{error:#}").contains("RET"), "{error:#}");
        assert_eq!(error.hints.len(), 1, "{error:#}");
    }
    for clear in ["postgres:///db?user=me@host&host=/run", "mysql://h/d?x=#y", "mysql://me:p@ss@h/d", "mysql://h:1/d"] {
        assert!(DatabaseUrl::parse(clear, Path::new("/")).is_ok(), "{clear}");
    }
    let error = DatabaseUrl::parse("app.db", Path::new("/")).expect_err("a file");
    assert_eq!(error.message, "`app.db` is not a database URL");
}

#[test]
fn parts_of_a_server_url_are_decoded() {
    let parse = |url: &str| DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
    for (url, password, other) in [
        (
            "mysql://me:p%40ss@host:3306/db?ssl-ca=%2Fa%20b",
            Some("p@ss"),
            "mysql://me:p%40ss@host:3306/x?ssl-ca=%2Fa%20b",
        ),
        ("mysql://me@host/db", None, "mysql://me@host/x"),
        ("mysql://me:@host", None, "mysql://me@host/x"),
        ("postgres://me:p%40s@/db?host=/run", Some("p@s"), "postgres:///x?host=/run&user=me&password=p%40s"),
        ("postgres:///db?host=/run&password=a+b", Some("a b"), "postgres:///x?host=/run&password=a+b"),
    ] {
        assert_eq!(parse(url).password().as_deref(), password, "{url}");
        assert_eq!(parse(url).with_database_name("x").secret(), other);
    }
    let url = parse("mysql://me@host/db?sslca=%2Fa%20b&ssl-mode=required#x");
    assert_eq!(url.parameter(&["ssl-ca", "sslca"]).as_deref(), Some("/a b"));
    assert_eq!(url.parameter(&["ssl-mode"]).as_deref(), Some("required"));
    assert_eq!(url.parameter(&["x"]), None);
}

#[test]
fn another_database_of_the_same_server() {
    for (url, name, other) in [
        ("postgres://me:pw@host:5432/app?sslmode=require", Some("app"), "postgres://me:pw@host:5432/x?sslmode=require"),
        ("postgres:///app?host=/run&user=me", Some("app"), "postgres:///x?host=/run&user=me"),
        ("mysql://me@host", None, "mysql://me@host/x"),
        ("mysql://me@host/", None, "mysql://me@host/x"),
        ("postgres://host?dbname=app&user=me", None, "postgres://host/x?user=me"),
    ] {
        let parsed = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
        assert_eq!(parsed.database_name(), name, "{url}");
        assert_eq!(parsed.with_database_name("x").secret(), other);
    }
    assert_eq!(DatabaseUrl::parse("sqlite:app.db", Path::new("/")).expect("a URL").database_name(), None);
}

#[test]
fn sqlite_paths_are_relative_to_the_base() {
    for (url, path) in [
        ("sqlite:app.db", Some("/base/app.db")),
        ("sqlite://app.db?mode=ro", Some("/base/app.db")),
        ("sqlite:///var/app.db", Some("/var/app.db")),
        ("sqlite:my%20app%3f.db", Some("/base/my app?.db")),
        ("sqlite:100%.db", Some("/base/100%.db")),
        ("sqlite::memory:", None),
        ("sqlite://:memory:", None),
    ] {
        let parsed = DatabaseUrl::parse(url, Path::new("/base")).expect("a URL");
        assert_eq!(parsed.sqlite_path(), path.map(PathBuf::from), "{url}");
    }
    let odd = DatabaseUrl::parse("sqlite:app.db?mode=ro&x", Path::new("/what?/50%20")).expect("a URL");
    assert_eq!(odd.sqlite_path(), Some(PathBuf::from("/what?/50%20/app.db")));
    assert_eq!(odd.sqlite_parameters().collect::<Vec<_>>(), [("mode", "ro"), ("x", "")]);
    assert!(DatabaseUrl::parse("sqlite:%ff", Path::new("/")).is_err());
    let error = DatabaseUrl::parse("sqlite:///./r.db", Path::new("/base")).expect_err("SQLAlchemy's relative path");
    assert!(error.hints[0].starts_with("write `sqlite:r.db` for a path relative to the project"), "{error:?}");
}
