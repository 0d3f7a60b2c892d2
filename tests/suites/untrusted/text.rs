//! Mutated settings, lockfiles, variables, names, URLs and values: refused or read, without a panic, and what is read is written
//! back as it was.

use runner_database::DatabaseUrl;
use runner_database::redact::{redact, redact_url};
use runner_project::untrusted_input;
use runner_report::escape;

use super::*;

fn with_text(input: &[u8], try_it: impl FnOnce(&str)) {
    // Files of these kinds are refused if they are not UTF-8.
    try_it(&String::from_utf8_lossy(input));
}

#[test]
fn settings() {
    let mut texts = contents("examples", "runner.toml");
    texts.push(
        br#"[project]
name = "x"
migrations = "db/migrations"
[database]
url = "postgres://me:${PASSWORD}@h/d?sslmode=require"
foreign_keys = true
statement_timeout = "10s"
[environments.production]
url = "mysql://h/d"
protected = true
databases.other.url = "sqlite:x.db"
[environments.production.limits]
fuel = 1_000
[databases.other]
url = "sqlite://x.db"
migrations = "other"
[limits]
guest_memory = "64MiB"
wall_time = "none"
[parameters]
a = 1
b = 1.5
c = "x"
d = true
[transform]
chunk_rows = 100
max_lag = "5s"
replicas = ["postgres://h/d"]
[backup]
to = "auto"
[test]
urls = ["sqlite:scratch"]
ignore_rows = ["a.b"]
[build]
toolchain = "wasm"
[packages."acme/outbox"]
key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
version = "=1.2.3"
allow = ["create outbox_*"]
"#
        .to_vec(),
    );
    let corpus = Corpus::new(
        texts,
        &[
            "[",
            "]",
            "[[",
            "=",
            "\"\"\"",
            "'''",
            "{",
            "}",
            ".",
            "[grants]",
            "url",
            "inf",
            "nan",
            "1979-05-27T07:32:00Z",
            "\\u0000",
        ],
    );
    try_on(&corpus, "settings", |input| with_text(input, |text| ends(untrusted_input::settings(text))));
}

#[test]
fn lockfiles() {
    let mut texts = contents("examples", "runner.lock");
    texts.push(std::fs::read(repository().join("runner.lock")).unwrap());
    // It has packages, and a digest that fits.
    let packages = b"version = 1\ndigest = \"sha256:0\"\n\n[artifacts]\n\"2_acme/outbox:1\" = { kind = \"component\", \
        sha256 = \"aa\", world = \"w\" }\n\n[packages]\n\"acme/outbox\" = { version = \"1.2.0\", sha256 = \"bb\", \
        key = \"RW\", source = \"../a.wasm\" }\n";
    texts.push(packages.to_vec());
    let corpus = Corpus::new(
        texts,
        &[
            "[packages]\n",
            "[artifacts]\n",
            "version = 1\n",
            "version = 2",
            "digest = \"sha256:",
            " = { ",
            "kind = \"sql\"",
            "kind = \"component\"",
            "<<<<<<< a\n",
            "=======\n",
            ">>>>>>> b\n",
            "\"",
            "}",
            "assets = { ",
            "postgres = { up = ",
        ],
    );
    try_on(&corpus, "lockfiles", |input| {
        with_text(input, |text| {
            // A lockfile that is read is written, and read again, as the same one.
            if let Ok(written) = untrusted_input::lockfile(text) {
                assert_eq!(untrusted_input::lockfile(&written).as_deref().ok(), Some(written.as_str()), "{text:?}");
            }
        });
    });
}

/// What a registry says: manifests, challenges and references.
#[test]
fn answers_of_a_registry() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{digest}","size":2}},"layers":[{{"mediaType":"application/wasm","digest":"{digest}","size":0}}],"annotations":{{"io.github.runner-migrations.minisig":"untrusted comment: a"}}}}"#
    );
    assert!(runner_packages::try_manifest(manifest.as_bytes()).is_ok(), "the corpus is one");
    let challenge = r#"Bearer realm="https://a.example/token",service="a \"b\"",scope=x"#;
    let reference = format!("registry.example:5000/acme/outbox:1.2.0@{digest}");
    let words =
        ["\"", "\\", ",", "=", "Bearer ", "Basic", "[::1]", "@", "-1", "9999999999999999999999", "{", "null", "/../"];
    let corpus =
        Corpus::new([manifest.as_bytes().to_vec(), challenge.as_bytes().to_vec(), reference.into_bytes()], &words);
    try_on(&corpus, "answers of a registry", |input| drop(runner_packages::try_manifest(input)));
}

/// A package, cut off and with other sizes, names and numbers: refused, or read with every migration in its place.
#[test]
fn packages() {
    let manifest = r#"{"format":1,"name":"acme/outbox","version":"1.2.0","description":"An outbox","migrations":[{"revision":"1","name":"create","allow":["create outbox","read a(b, c)","function now"],"raw_sql":true}]}"#;
    let mut package = b"\0asm\x0d\0\x01\0\0".to_vec();
    let size = manifest.len() + 15;
    package.extend([(size & 0x7f) as u8 | 0x80, (size >> 7) as u8, 14]);
    package.extend(b"runner:package");
    package.extend(manifest.as_bytes());
    package.extend(b"\x04\x0b\0asm\x0d\0\x01\0\0\x01\0");
    assert!(untrusted_input::package(&package).is_ok(), "the corpus is one");
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let signature = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1556193335\tfile:test\n\
        y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==\n";
    let words = [
        "\0asm\u{d}\0\u{1}\0",
        "\u{4}",
        "\u{7f}",
        "\u{80}\u{80}",
        "\"revision\":\"1\"",
        "1.2.0",
        "{",
        "]",
        "\\u0000",
        "9999999999",
    ];
    let corpus = Corpus::new([package, signature.as_bytes().to_vec(), key.as_bytes().to_vec()], &words);
    try_on(&corpus, "packages", |input| {
        if let Ok(ends) = untrusted_input::package(input) {
            assert!(ends.iter().all(|end| *end <= input.len()), "{ends:?}");
        }
        ends(untrusted_input::signature(key, input, b"test"));
        with_text(input, |text| ends(untrusted_input::signature(text, signature.as_bytes(), b"test")));
    });
}

#[test]
fn variables() {
    let corpus = Corpus::new(
        [
            "RUNNER_DATABASE_URL=postgres://me:secret@h/d\n# c\nexport A='b c'\nB=\"$A ${A} \\n\"\nDATABASE_URL=x\n",
            "A=1",
        ],
        &["export ", "=", "'", "\"", "$", "${", "}", "#", "\\", "RUNNER_", "DATABASE_URL="],
    );
    try_on(&corpus, "variables", |input| with_text(input, |text| ends(untrusted_input::variables(text))));
}

#[test]
fn names() {
    let corpus = Corpus::new(
        [
            "0001_create_users.up.sql",
            "20260105093000_x.postgres.down.sql",
            "V1.2__x.sql",
            "U1__x.sql",
            "2026-01-06-093000_c",
            "1_a.wasm",
            "1_a.up.mysql.sql",
            "R__x.sql",
            "00000000000000000011_eleven",
        ],
        &[
            ".up",
            ".down",
            ".sql",
            ".wasm",
            "__",
            "_",
            "-",
            ".",
            "V",
            "postgres",
            "mariadb",
            "9999999999999999999999999999999999999999",
        ],
    );
    try_on(&corpus, "names", |input| with_text(input, |text| ends(untrusted_input::migration_name(text))));
}

#[test]
fn urls() {
    let corpus = Corpus::new(
        [
            "postgres://me:SECRETSECRET@host:5432/db?sslmode=require&application_name=x",
            "mysql://me:SECRETSECRET@[::1]:3306/db?ssl-mode=disabled",
            "sqlite:///var/app.db?mode=ro",
            "sqlite::memory:",
            "postgres:///db?host=/run&password=SECRETSECRET",
            "mariadb://me@h",
        ],
        &[
            "://",
            ":/",
            "@",
            ":",
            "/",
            "?",
            "&",
            "=",
            "#",
            "%40",
            "%3A",
            "%",
            "[",
            "]",
            "password=",
            "POSTGRES",
            "host",
            ",",
            "\\",
        ],
    );
    try_on(&corpus, "urls", |input| {
        with_text(input, |text| {
            // A URL that is accepted does not show its password, wherever in it that is.
            ends((redact_url(text), redact(text)));
            if let Ok(url) = DatabaseUrl::parse(text, Path::new("/"))
                && let Some(password) = url.password().filter(|password| password.contains("SECRETSECRET"))
                && text.matches("SECRETSECRET").count() == 1
            {
                assert!(!format!("{url} {url:?}").contains("SECRETSECRET"), "{text:?}: {password:?}");
            }
        });
    });
}

#[test]
fn values() {
    use runner_data::{decimal, temporal};
    use runner_project::units;
    let corpus = Corpus::new(
        [
            "2026-01-05",
            "23:59:59.999999",
            "2026-01-05 09:30:00.5+05:30",
            "-4713-01-01 BC",
            "9999999-12-31",
            "1h30m",
            "500ms",
            "64MiB",
            "1_000",
            "-12.50e10",
            "0.1",
            "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "infinity",
        ],
        &["-", ":", ".", "e", "E", "+", " ", "Z", "MiB", "none", "99999999999", "BC"],
    );
    try_on(&corpus, "values", |input| {
        let dates = (temporal::parse_date(input), temporal::parse_time(input), temporal::parse_uuid(input));
        let times = (temporal::parse_timestamp(input), temporal::parse_timestamptz(input));
        // Whatever they are: they end without a panic.
        ends((dates, times, decimal::is_decimal(input), decimal::same_number(input, b"1.50")));
        with_text(input, |text| {
            ends((units::parse_duration(text), units::parse_size(text), units::parse_count(text)));
            ends(runner_project::limits::parse_limit(text));
        });
    });
}

#[test]
fn output() {
    let corpus = Corpus::new(
        [
            "error: no table `users` [42P01]\n  caused by: postgres://me:SECRET@h/d",
            "a\tb\u{1b}[2J\u{9b}31m\u{202e}x\u{200b}y\u{7}",
            "{\"a\": \"b\"}",
            "日本 ü",
        ],
        &[
            "\u{1b}[",
            "\u{9b}",
            "\u{202e}",
            "\u{fe0f}",
            "\u{2800}",
            "\u{feff}",
            "\u{e0041}",
            "`",
            "\"",
            "\\",
            ":",
            "://",
            "@",
            "\n",
            "\r\n",
        ],
    );
    let harmless =
        |text: &str| !text.chars().any(|c| runner_base::visible::is_unprintable(c) && !matches!(c, '\t' | '\n'));
    try_on(&corpus, "output", |input| {
        with_text(input, |text| {
            let line = escape::line(text);
            assert!(!line.chars().any(runner_base::visible::is_unprintable) && line.len() <= 16 << 10, "{text:?}");
            // Where a URL ends in a text is a guess, and a second one may hide more.
            if !text.contains([':', '=']) {
                assert_eq!(escape::line(&*line), line, "{text:?}");
            }
            assert!(escape::lines(text).iter().all(|line| harmless(line)) && harmless(&escape::xml(text)), "{text:?}");
            let document = serde_json::json!({ "message": text, text: 1 }).to_string();
            let shown = escape::json(&document, |text| text.into());
            assert!(harmless(&shown), "{text:?}");
            let read: serde_json::Value = serde_json::from_str(&shown).expect("JSON stays JSON");
            if !text.contains(':') {
                assert_eq!(read["message"], text);
            }
        });
    });
}
