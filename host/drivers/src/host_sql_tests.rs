//! Reads the sources of the drivers: the statements of the host go through one module of its driver (`host_sql`), and a text of its own
//! has what comes from elsewhere in it as a name or a literal, which a function made.

use std::fs;
use std::path::Path;

use runner_tests::source::{code, sources};

/// A driver whose statements go through one module.
struct Driver {
    name: &'static str,
    /// The modules that send the statements of guests, as they are or within others, or values that are bound.
    of_guests: &'static [&'static str],
    /// Calls by which a text that is not fixed reaches a server, or a connection that a guest has touched leaves its guard.
    sends: &'static [&'static str],
    /// Placeholders within quotes that are not constants: numbers, digests, and names of the tool's own.
    within_quotes: &'static [(&'static str, &'static str)],
}

const MYSQL: Driver = Driver {
    name: "mysql",
    of_guests: &[
        "host_sql.rs",
        "link/mod.rs",
        "link/work.rs",
        "rows/cursor.rs",
        "rows/cursor_tables.rs",
        "rows/write_check.rs",
        "session.rs",
        "statement.rs",
    ],
    sends: &["AssertSqlSafe", "connection.prepare(", "raw_sql", ".of_guests()", "answers_of(", "run_on("],
    within_quotes: &[
        ("gate.rs", "token_sha256"),
        ("programs.rs", ""),
        ("programs.rs", "found"),
        ("programs.rs", "tables"),
    ],
};

const POSTGRES: Driver = Driver {
    name: "postgres",
    of_guests: &[
        "rows/cursor.rs",
        "rows/page_copy.rs",
        "rows/write_job.rs",
        "host_sql.rs",
        "statement/describe.rs",
        "statement/mod.rs",
        "statement/parameters.rs",
        "statement/together.rs",
        "types/mod.rs",
    ],
    sends: &["AssertSqlSafe", "copy_out_raw", "copy_in_raw", ".prepare("],
    within_quotes: &[
        ("formats.rs", "default"),
        ("formats.rs", "name"),
        ("functions.rs", "token_sha256"),
        // On the connection that holds the lock.
        ("lock/mod.rs", "name"),
        // Our name and verifier.
        ("open.rs", ""),
        ("transaction.rs", "xid"),
        ("verdict.rs", "word"),
        ("host_sql.rs", "hex"),
        ("contents.rs", "name"),
    ],
};

impl Driver {
    /// The names and the code of its modules.
    fn modules(&self) -> Vec<(String, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(self.name).join("src");
        let mut files = Vec::new();
        sources(&root, &mut files);
        assert!(files.len() > 40, "only {} files were found", files.len());
        let read = |file: &std::path::PathBuf| {
            let name = file.strip_prefix(&root).expect("a path").to_string_lossy().into_owned();
            (name, code(&fs::read_to_string(file).expect("a source file")))
        };
        files.iter().map(read).collect()
    }
}

/// The driver of sqlx accepts a text that is not fixed only in an `AssertSqlSafe`, or for a `COPY`.
#[test]
fn nothing_is_sent_outside_of_host_sql() {
    for driver in [MYSQL, POSTGRES] {
        for (name, code) in driver.modules() {
            if driver.of_guests.contains(&name.as_str()) {
                continue;
            }
            for call in driver.sends {
                assert!(!code.contains(call), "{name} calls `{call}`: a text of the host goes through `host_sql`");
            }
        }
    }
}

/// On PostgreSQL, a name becomes a value, or part of what runs inside the server; writers speak for a guest.
#[test]
fn a_name_is_a_value_on_postgres() {
    for (name, code) in POSTGRES.modules() {
        if POSTGRES.of_guests.contains(&name.as_str()) || name.starts_with("rows/writ") {
            continue;
        }
        for line in code.lines().filter(|line| line.contains("quoted(Dialect::Postgres)")) {
            let is_value = line.contains("literal(") || line.contains("in_server(");
            assert!(is_value || line.trim_start().starts_with("let quoted"), "{name}: {line}");
        }
    }
}

/// What is between quotes in a text is not a value that came from elsewhere: that is made by a function, with its quotes.
#[test]
fn no_text_puts_quotes_around_what_comes_from_elsewhere() {
    for driver in [MYSQL, POSTGRES] {
        let mut seen = 0;
        for (file, code) in driver.modules() {
            let module = file.rsplit('/').next().unwrap_or_default();
            for text in formats(&code).iter().filter(|text| is_sql(text)) {
                seen += 1;
                for placeholder in within_quotes(text) {
                    let is_constant = placeholder.starts_with(|c: char| c.is_ascii_uppercase());
                    let is_ours =
                        [module, &file].iter().any(|name| driver.within_quotes.contains(&(name, &placeholder)));
                    assert!(is_constant || is_ours, "{}/{file}: `{{{placeholder}}}` in {text}", driver.name);
                }
            }
        }
        assert!(seen > 80, "only {seen} texts were found");
    }
}

/// Nothing about a lease asks for the time of this machine: its clock may be off by any amount.
#[test]
fn no_clock_of_this_machine_enters_a_lease() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![host.join("postgres/src/lock/lease.rs"), host.join("mysql/src/lock/lease.rs")];
    sources(&host.join("database/src/lease"), &mut files);
    assert!(files.len() > 6, "only {} files were found", files.len());
    for file in files {
        let code = code(&fs::read_to_string(&file).expect("a source file"));
        for word in ["SystemTime", "OffsetDateTime", "Utc::", "Local::", "clock::"] {
            assert!(!code.contains(word), "{}: {word}", file.display());
        }
    }
}

#[test]
fn a_placeholder_within_quotes_is_found() {
    let code = r#"format!("SELECT '{a}', {b}, `x{}`, {c}, 'it''s' = {d} \
                   AND e = '{f}'", 1); format!("no {f}")"#;
    let texts = formats(code);
    assert_eq!(texts.iter().map(|text| is_sql(text)).collect::<Vec<_>>(), [true, false]);
    assert_eq!(within_quotes(&texts[0]), ["a", "", "f"]);
}

/// The texts of all calls of `format!`, as they are when the lines are joined.
fn formats(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, call) in code.match_indices("format!(") {
        let rest = code[at + call.len()..].trim_start();
        let Some(rest) = rest.strip_prefix('"') else { continue };
        let (mut text, mut chars) = (String::new(), rest.chars().peekable());
        while let Some(c) = chars.next().filter(|c| *c != '"') {
            match (c, chars.peek()) {
                ('\\', Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                ('\\', Some(_)) => text.extend(chars.next()),
                _ => text.push(c),
            }
        }
        found.push(text);
    }
    found
}

/// Whether a text is a statement, or a part of one. Others may come before it.
fn is_sql(text: &str) -> bool {
    let mut rest = text.trim_start();
    while let Some((_, behind)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        rest = behind.trim_start_matches([' ', ';', ',', '(']);
    }
    let rest = rest.trim_start_matches('(');
    let word: String = rest.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '_').collect();
    word.len() > 1 && (word == word.to_uppercase() || word == "pg_catalog")
}

/// The names of the placeholders within quotes; empty for those by position.
fn within_quotes(text: &str) -> Vec<String> {
    let (mut found, mut quote) = (Vec::new(), None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '`') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (Some(_), '{') => found.extend(text[at + 1..].split(['}', ':']).next().map(str::to_owned)),
            _ => {}
        }
    }
    found
}
