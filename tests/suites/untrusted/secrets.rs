//! Passwords of database URLs, in every form of a URL that people write, in every place that takes one, and in some that do not: no
//! verb prints them.

use runner_tests::random::Random;
use runner_tests::{TestProject, is_long, project};

/// Every verb that reads the settings, and some that only parse a line.
const VERBS: [&str; 37] = [
    "doctor",
    "grants list",
    "grants sync",
    "apply",
    "apply --verbose",
    "apply --dry-run",
    "plan",
    "plan --sql",
    "status",
    "status --verbose",
    "history",
    "show 1",
    "current",
    "validate",
    "verify",
    "test",
    "rollback",
    "redo",
    "pause",
    "resume",
    "cancel",
    "repair",
    "repair 1 --accept-checksum",
    "stamp 1",
    "baseline 1",
    "build",
    "new another",
    "renumber 1",
    "db create",
    "db drop --yes",
    "db reset --yes",
    "db wait --timeout 1ms",
    "init inner",
    "init inner --ci github",
    "apply --backup auto",
    "apply --max-lag 5s",
    "completions bash",
];

/// What is unusual about a password, in the middle of it.
const SIGNS: [&str; 22] = [
    "",
    "@",
    "/",
    "?",
    "#",
    ":",
    "&",
    "%",
    "+",
    "'",
    "\"",
    "`",
    "\\",
    "$",
    " ",
    "[",
    "]",
    "ü",
    "%40",
    "%2F",
    "\t",
    "\u{1b}[2J",
];

/// Two halves of a password: neither may be printed.
struct Secret {
    halves: [String; 2],
    text: String,
}

impl Secret {
    fn new(random: &mut Random) -> Self {
        let mut half = |begin: &str| {
            let letters = (0..8).map(|_| char::from(b'A' + random.below(26) as u8));
            format!("{begin}{}", letters.collect::<String>())
        };
        let halves = [half("s3cA"), half("s3cB")];
        let sign = SIGNS[random.below(SIGNS.len() as u64) as usize];
        Self { text: format!("{}{sign}{}", halves[0], halves[1]), halves }
    }

    /// As the documentation asks for it.
    fn encoded(&self) -> String {
        self.text
            .bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect()
    }
}

/// A URL that contains the password somewhere, in a form that somebody may write. Nothing listens at the port.
fn url(random: &mut Random, secret: &Secret) -> String {
    let scheme =
        ["postgres", "postgresql", "mysql", "mariadb", "POSTGRES", "MySQL", "postgresql+psycopg2", "jdbc:mysql"];
    let scheme = scheme[random.below(8) as usize];
    let slashes = ["://", "://", "://", ":/", ":", ":///", ":\\\\", ":/\t/"][random.below(8) as usize];
    let plain = random.below(3) > 0;
    let password = if plain { secret.text.clone() } else { secret.encoded() };
    let place = ["127.0.0.1:1", "127.0.0.1:1", "[::1]:1", "127.0.0.1", "", "127.0.0.1:99999"][random.below(6) as usize];
    let database = ["/db", "/db", "", "/db/more", "/a%20b"][random.below(5) as usize];
    match random.below(12) {
        0..=4 => format!("{scheme}{slashes}me:{password}@{place}{database}"),
        5 => format!("{scheme}{slashes}:{password}@{place}{database}"),
        6 => format!("{scheme}{slashes}me%3A{password}@{place}{database}"),
        7 => {
            let name = ["password", "PASSWORD", "p%61ssword", "sslpassword", "pwd", "passwd"][random.below(6) as usize];
            format!("{scheme}{slashes}me@{place}{database}?application_name=x&{name}={}", secret.encoded())
        }
        8 => format!("{scheme}{slashes}{place}{database}?user=me&password={password}"),
        9 => format!("{scheme}{slashes}me:{password}@{place}{database}?sslmode=maybe&x=y"),
        10 => format!("me:{password}@{place}{database}"),
        _ => format!("host=127.0.0.1 port=1 user=me password={}", secret.encoded()),
    }
}

/// Puts the URL in one of the places, and returns what to add to the command line and to the environment.
fn put(random: &mut Random, project: &TestProject, url: &str) -> (Vec<String>, Option<(&'static str, String)>) {
    let flag = |name: &str| (vec![name.to_owned(), url.to_owned()], None);
    // An environment variable and a literal string in TOML can hold anything but these.
    let in_toml = |key: &str| format!("{key} = {}", toml_text(url));
    let settings = |lines: &str| {
        project.settings(lines);
        (Vec::new(), None)
    };
    // Without a scheme, only what expects a URL can know that it is one.
    let places = if !url.starts_with("me:") { 15 } else { 11 };
    match random.below(places) {
        0 => flag("--database-url"),
        1 => (vec![format!("-D{url}")], None),
        2 => (Vec::new(), Some(("RUNNER_DATABASE_URL", url.to_owned()))),
        3 => (Vec::new(), Some(("DATABASE_URL", url.to_owned()))),
        4 => {
            project.write(".env", format!("DATABASE_URL='{url}'\n"));
            (Vec::new(), None)
        }
        5 => {
            project.write(".env", format!("RUNNER_DATABASE_URL={url}\n"));
            (Vec::new(), None)
        }
        6 => settings(&format!("[database]\n{}", in_toml("url"))),
        7 => settings(&format!(
            "[database]\nurl = \"sqlite:x.db\"\n[transform]\nmax_lag = \"5s\"\nreplicas = [{}]",
            toml_text(url)
        )),
        8 => settings(&format!("[test]\nurls = [{}]", toml_text(url))),
        // Mistakes: a string that does not end, an unknown key, a table in its place.
        9 => settings(&format!("[database]\nurl = \"{url}")),
        10 => settings(&format!("[database]\n{}", in_toml("uri"))),
        // Arguments that take something else.
        11 => flag("--database"),
        12 => flag("--environment"),
        13 => flag("--lock-timeout"),
        _ => (vec![url.to_owned()], None),
    }
}

fn toml_text(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { format!("\\u{:04X}", c as u32) } else { c.to_string() };
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").chars().map(escaped).collect::<String>())
}

#[test]
fn no_verb_prints_a_password() {
    let rounds = if is_long() { 20_000 } else { 600 };
    let first = std::env::var("RUNNER_TEST_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let seeds = first.map_or(0..rounds, |seed| seed..seed + 1);
    let mut printed = Vec::new();
    for seed in seeds {
        let random = &mut Random::new(seed);
        let secret = Secret::new(random);
        let url = url(random, &secret);
        let project = project!();
        project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;");
        let (arguments, variable) = put(random, &project, &url);
        let verb = VERBS[random.below(VERBS.len() as u64) as usize];
        let format: &[&str] = [&[][..], &["--format", "json"], &["--verbose"]][random.below(3) as usize];
        let words =
            verb.split(' ').map(str::to_owned).chain(arguments).chain(format.iter().map(|word| (*word).to_owned()));
        let mut command = project.command(words);
        command.envs(variable);
        let output = project.finish(&mut command);
        let code = output.exit_code();
        let context = format!("RUNNER_TEST_SEED={seed} {url:?}");
        assert!(matches!(code, Some(0..=7)), "{context}\n{output}");
        for half in &secret.halves {
            if output.stdout.contains(half) || output.stderr.contains(half) {
                printed.push(format!("{context}\n{output}"));
            }
        }
        only_dotenv_has_it(&project, &secret, &context);
    }
    assert!(printed.is_empty(), "{} outputs show a password:\n{}", printed.len(), printed.join("\n"));
}

/// Of the files that a verb wrote, only `.env` may contain the password.
fn only_dotenv_has_it(project: &TestProject, secret: &Secret, context: &str) {
    let inner = project.file("inner");
    if !inner.exists() {
        return;
    }
    let mut files = Vec::new();
    let mut left = vec![inner];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { files.push(path) }
        }
    }
    for file in files.iter().filter(|file| file.file_name().unwrap() != ".env") {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        assert!(!secret.halves.iter().any(|half| text.contains(half)), "{context}: {} has it\n{text}", file.display());
    }
}

/// The database and its driver say what they like: with real servers, a wrong password, and a wrong database.
#[cfg(unix)]
#[test]
fn no_error_of_a_server_shows_a_password() {
    use runner_tests::EngineProject;
    use runner_tests::servers::{Kind, Server};
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let server = Server::private(kind).passwords().start();
        let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
        project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;");
        let own = project.url();
        for password in ["Wr0ngPassw0rd", "Wr0ng%2FPassw0rd", "Wr0ng%40Passw0rd%3A"] {
            let url = project.server_database().url_as("nobody", password);
            let missing = format!("{url}_missing");
            for (verb, url) in ["status", "apply --verbose", "db create", "db wait --timeout 100ms"]
                .into_iter()
                .flat_map(|verb| [(verb, &url), (verb, &missing)])
            {
                let output = project.run(verb.split(' ').chain(["-D", url]));
                assert_ne!(output.exit_code(), Some(0), "{output}");
                output.does_not_say(&["Wr0ng", "Passw0rd"]);
            }
        }
        // The right one is not printed either, wherever it occurs.
        let address = own.split("://").nth(1).unwrap();
        if let Some((_, password)) = address.split_once('@').and_then(|(user, _)| user.split_once(':')) {
            let statement = format!("SELECT '{password}' FROM nowhere;");
            project.sql("2_b", &statement, "SELECT 1;");
            let secret = project.run(["apply", "--verbose"]);
            assert!(password.len() < 6 || !secret.stderr.contains(password), "{secret}");
        }
    }
}
