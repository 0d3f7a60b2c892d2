//! `password_file` and `password_env`.

use super::*;

const RAW: &str = "a:b@c/d#e?f%41 ä";

/// Loads settings in a project whose file `pw` has these bytes; `PW` is the raw password, and `NONE` is empty.
fn with_file(toml: &str, bytes: &[u8]) -> Result<Settings> {
    let project = TestProject::new(&[("runner.toml", toml)]);
    std::fs::write(project.path().join("pw"), bytes).expect("written");
    let mut request = project.request(&[]);
    request.env.insert("PW".to_owned(), RAW.to_owned());
    request.env.insert("NONE".to_owned(), String::new());
    for (flag, field) in [("[environments.e", &mut request.environment), ("[databases.d", &mut request.database)] {
        *field = toml.contains(flag).then(|| flag[flag.len() - 1..].to_owned());
    }
    Settings::load(&request)
}

#[test]
fn a_password_is_read_as_it_is_and_never_shown() {
    let raw = RAW.as_bytes();
    for line in ["password_file = 'pw'", "password_env = 'PW'"] {
        for table in ["database", "environments.e", "databases.d"] {
            let toml = format!("[{table}]\nurl = 'postgres://me@host/shop?application_name=x'\n{line}\n");
            let toml = if table == "databases.d" { format!("{toml}migrations = 'm'\n") } else { toml };
            for end in ["", "\n", "\r\n"] {
                let settings = with_file(&toml, &[raw, end.as_bytes()].concat()).expect(&toml);
                let url = &settings.database_url.value;
                assert_eq!(url.password().as_deref(), Some(RAW), "{toml}");
                assert_eq!(url.parameter(&["application_name"]).as_deref(), Some("x"));
                assert_eq!(url.to_string(), "postgres://me:***@host/shop?application_name=x");
                assert!(settings.secrets().contains(&RAW.to_owned()), "{:?}", settings.secrets());
            }
        }
    }
    let settings =
        with_file("[database]\nurl = 'mysql://me@host/d'\npassword_file = 'pw'", b"two\n\n").expect("one is cut");
    assert_eq!(settings.database_url.value.password().as_deref(), Some("two\n"));
}

#[test]
fn what_gives_no_password_is_refused_with_its_line() {
    let of = |url: &str, lines: &str, bytes: &[u8]| {
        shown(&with_file(&format!("[database]\nurl = '{url}'\n{lines}\n"), bytes).expect_err(lines))
    };
    let server = "postgres://me@host/shop";
    for (url, lines, bytes, said) in [
        (server, "password_file = 'pw'\npassword_env = 'PW'", "x", "has both `password_file` and `password_env`"),
        ("postgres://me:secret@host/d", "password_env = 'PW'", "x", "has a password of its own"),
        ("postgres://me@host/d?password=secret", "password_env = 'PW'", "x", "has a password of its own"),
        ("sqlite://a.db", "password_env = 'PW'", "x", "`password_env` is not possible on SQLite"),
        (server, "password_file = 'other'", "x", "cannot read the password file `other`: it does not exist"),
        (server, "password_file = 'pw'", "", "the password file `pw` is empty"),
        (server, "password_file = 'pw'", "\n", "the password file `pw` is empty"),
        (server, "password_env = 'MISSING'", "x", "the variable `MISSING` is not set"),
        (server, "password_env = 'NONE'", "x", "the variable `NONE`"),
        ("postgres:///d", "password_env = 'PW'", "x", "names no host"),
    ] {
        let told = of(url, lines, bytes.as_bytes());
        assert!(told.contains(said) && (told.contains("line 3") || told.contains("runner.toml:4")), "{lines}: {told}");
        assert!(!told.contains("secret") && !told.contains("a:b"), "{told}");
    }
    assert!(of(server, "password_file = 'pw'", b"\xff\xfe").contains("it is not valid UTF-8"));
    let alone = mistake("[database]\npassword_env = 'PW'\n");
    assert!(alone.contains("`[database]` has a `password_env` and no `url`"), "{alone}");
}
