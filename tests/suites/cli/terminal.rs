//! What a run shows on a terminal, as a terminal renders it: bars, and what is printed above them.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use runner_tests::terminal::{Line, Regex, Terminal};
use runner_tests::text_guests::TextGuest;

use super::*;

const WIDTHS: [u16; 4] = [60, 80, 120, 200];

/// Columns that stay free at the end of a bar's line, for the `^C` of the terminal.
const FREE: usize = 5;

/// The bars of a run, each a whole line: nothing is before them or glued to them. A text that is cut ends anywhere.
const BARS: [&str; 4] = [
    // The running migration, and which of its statements.
    r"^[⠁-⣿ ] \d+[sm] (statement \d+ of \d+, )?[0-9]{1,4}_[a-z_]+$",
    // A part with a known total, and one without.
    r"^  [^ \[]+( [^ \[]+){0,3} \[[=> ]{10}\] \S+( \S+)*$",
    r"^  [^ \[]+( [^ \[]+){0,3} [0-9][^ \[]*( [^ \[]+)*$",
    // The databases of a fleet.
    r"^[⠁-⣿ ] \[[=> ]{10}\] \d+/\d+ databases( \S+)*$",
];

/// Everything that a run showed.
struct Seen {
    status: ExitStatus,
    frames: Vec<Vec<Line>>,
    columns: usize,
}

impl Seen {
    fn of(terminal: Terminal, columns: u16) -> Self {
        let (status, frames) = terminal.ends();
        Self { status, frames, columns: columns.into() }
    }

    /// Each line of each frame is one of the messages, or the whole of a bar that fits; and none of a bar is left at the end.
    /// Returns the largest number of bars at a time.
    #[track_caller]
    fn is_whole(&self, messages: &[&str]) -> usize {
        let bars = BARS.map(|bar| Regex::new(bar).unwrap());
        let messages: Vec<Regex> = messages.iter().map(|it| Regex::new(&format!("^{it}$")).unwrap()).collect();
        let mut most = 0;
        for (at, frame) in self.frames.iter().enumerate() {
            let mut of_frame = 0;
            for line in frame {
                // Ctrl-C shows where the cursor is, until that line is drawn again.
                let text = line.text.trim_end_matches("^C").trim_end();
                if text.is_empty() || messages.iter().any(|message| message.is_match(text)) {
                    assert_eq!(of_frame, 0, "{line:?} is below a bar\n{frame:#?}");
                    continue;
                }
                let is_bar = bars.iter().any(|bar| bar.is_match(text));
                assert!(
                    is_bar,
                    "{} columns: a line is neither a message nor a bar: {line:?}\n{frame:#?}",
                    self.columns
                );
                assert!(
                    line.rows == 1 && text.chars().count() <= self.columns - FREE,
                    "too wide: {line:?}\n{frame:#?}"
                );
                of_frame += 1;
            }
            assert!(of_frame == 0 || at + 1 < self.frames.len(), "left behind\n{frame:#?}");
            most = most.max(of_frame);
        }
        most
    }

    /// The end has these lines, in this order.
    #[track_caller]
    fn ends_with(&self, code: i32, lines: &[&str]) -> &Self {
        let last = self.frames.last().unwrap();
        assert_eq!(self.status.code(), Some(code), "{:?}\n{last:#?}", self.status.signal());
        let mut rest = last.iter();
        for line in lines {
            assert!(rest.any(|it| it.text.starts_with(line)), "no line `{line}` in this place\n{last:#?}");
        }
        self
    }
}

/// 600 prices, and a component that doubles them in chunks of ten.
fn paced() -> TestProject {
    let project = project!();
    let items = "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, price DOUBLE PRECISION NOT NULL);\n\
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)\n\
                 INSERT INTO items (id, price) SELECT i, i / 8.0 FROM n;";
    project.sql("0001_items", items, "DROP TABLE items;").component("0002_paced", &guests::component("paced"));
    project.settings("[limits]\nbatch_rows = 10\n");
    project
}

/// What runs say about themselves.
const COMMON: [&str; 4] =
    ["applying .*", r"applied \d+_\w+( \(.*\))?", r"applied \d+ migrations? (on|in) .*", r"info \d+: .*"];

fn shows(bars: usize) -> impl Fn(&[Line]) -> bool {
    move |lines| lines.iter().filter(|line| line.text.starts_with("  ") && line.text.contains('[')).count() >= bars
}

/// One bar, and the running migration above it.
#[test]
fn one_bar_is_whole_at_every_width() {
    for columns in WIDTHS {
        let project = paced();
        let terminal = Terminal::start(project.command(["apply", "--batch-delay", "40ms"]), columns);
        let seen = Seen::of(terminal, columns);
        assert_eq!(seen.is_whole(&COMMON), 2, "{:#?}", seen.frames);
        seen.ends_with(
            0,
            &["applying 2 migrations on ", "applied 0001_items", "info 0002: 600 rows", "applied 0002_paced"],
        );
    }
}

/// Messages above the bars, whether they fit into a line or not, and a pause.
#[test]
fn a_pause_is_printed_above_the_bar() {
    for columns in WIDTHS {
        let project = paced();
        let mut terminal = Terminal::start(project.command(["apply", "--batch-delay", "60ms"]), columns);
        terminal.until("a bar", shows(1));
        project.runner("pause").succeeds();
        terminal.shows("hint: `runner resume` ends the pause");
        terminal.until("the bar again", shows(1));
        project.runner("resume").succeeds();
        let seen = Seen::of(terminal, columns);
        let own = ["waiting 0002: .*", "hint: `runner resume` ends the pause", "resumed 0002"];
        assert_eq!(seen.is_whole(&[&COMMON[..], &own].concat()), 2, "{:#?}", seen.frames);
        seen.ends_with(0, &["waiting 0002: ", "hint: `runner resume` ends", "resumed 0002", "applied 0002_paced"]);
    }
}

#[test]
fn ctrl_c_leaves_nothing_of_a_bar() {
    for columns in WIDTHS {
        let project = paced();
        let mut terminal = Terminal::start(project.command(["apply", "--batch-delay", "60ms"]), columns);
        terminal.until("a bar", shows(1));
        terminal.types("\u{3}");
        let seen = Seen::of(terminal, columns);
        let own = [
            "failed 0002_paced",
            "error: .*",
            "  +[a-z ]+: .*",
            "hint: .*",
            "applied .*",
            "the run .*",
            "nothing was changed.*",
            r".*interrupted.*",
            r"1 of 2 .*",
            r"partial .*",
        ];
        seen.ends_with(130, &["applied 0001_items", "failed 0002_paced", "error: "]);
        assert_eq!(seen.is_whole(&[&COMMON[..], &own].concat()), 2, "{:#?}", seen.frames);
    }
}

/// A statement that only a signal ends.
const ENDLESS: &str = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n;";

#[test]
fn a_failure_is_printed_in_place_of_the_bar() {
    for columns in WIDTHS {
        let project = project!();
        // Long enough for a few frames.
        let slow = ENDLESS.replace("x + 1 FROM n)", "x + 1 FROM n WHERE x < 600000)");
        project.sql("0001_fails", &format!("{slow}\nINSERT INTO nowhere VALUES (1);"), "SELECT 1;");
        let seen = Seen::of(Terminal::start(project.command(["apply"]), columns), columns);
        seen.ends_with(1, &["applying 1 migration on ", "failed 0001_fails", "error: "]);
        let own =
            ["failed 0001_fails", "error: .*", "  +[a-z ]+: .*", "hint: .*", "nothing was changed; .*", r"\d of \d .*"];
        assert_eq!(seen.is_whole(&[&COMMON[..], &own].concat()), 1, "{:#?}", seen.frames);
    }
}

const ORDERS: &str = "orders";
const INVOICES: &str = "lines of invoices of the years before 2020…";
const FILES: &str = "files";

/// Reports three kinds of work without end, and logs a text that takes several lines.
fn counter() -> Vec<u8> {
    let import = |function: &str, parameters: &str| {
        format!(r#"(import "runner:migration/context@0.1.0" "{function}" (func ${function} (param {parameters})))"#)
    };
    let text = "a long text ".repeat(12) + "that ends";
    let progress = |total: u32, at: u32, unit: &str| {
        let length = unit.len();
        format!(
            "(call $progress (i64.load (i32.const 60000)) (i32.const {}) (i64.const 1000000) (i32.const {at}) (i32.const {length}))",
            u32::from(total > 0)
        )
    };
    TextGuest::upgrading(&format!(
        "(loop
            (i64.store (i32.const 60000) (i64.add (i64.load (i32.const 60000)) (i64.const 1)))
            {0}{1}{2}
            (if (i64.eq (i64.load (i32.const 60000)) (i64.const 3)) (then (call $log (i32.const 1) (i32.const 61300) (i32.const {3}))))
            (i32.store (i32.const 60008) (i32.const 0))
            (loop (i32.store (i32.const 60008) (i32.add (i32.load (i32.const 60008)) (i32.const 1)))
                (br_if 0 (i32.lt_u (i32.load (i32.const 60008)) (i32.const 300000))))
            (br 0))",
        progress(1, 61000, ORDERS),
        progress(1, 61100, INVOICES),
        progress(0, 61200, FILES),
        text.len()
    ))
    .with(&import("progress", "i64 i32 i64 i32 i32"))
    .with(&import("log", "i32 i32 i32"))
    .with(&format!(
        r#"(data (i32.const 61000) "{ORDERS}") (data (i32.const 61100) "{INVOICES}")
           (data (i32.const 61200) "{FILES}") (data (i32.const 61300) "{text}")"#
    ))
    .component()
}

/// Several bars at a time, two of them with totals; the operator stops them, and they do not leave at once.
#[test]
fn several_bars_are_whole_at_every_width() {
    let component = counter();
    for columns in WIDTHS {
        let project = project!();
        project.component("0001_counts", &component).settings("[limits]\nfuel = 1000000000000000\n");
        let mut terminal = Terminal::start(project.command(["apply"]), columns);
        terminal.until("all bars", |lines| {
            let has = |text: &str| lines.iter().any(|line| line.text.contains(text));
            shows(2)(lines) && has("  files ") && has("s 0001_counts")
        });
        terminal.types("\u{3}");
        let seen = Seen::of(terminal, columns);
        seen.ends_with(130, &["info 0001: a long text ", "failed 0001_counts", "error: "]);
        let own = ["failed 0001_counts", "error: .*", "  +[a-z ]+: .*", "hint: .*", "nothing was changed.*"];
        assert_eq!(seen.is_whole(&[&COMMON[..], &own].concat()), 4, "{:#?}", seen.frames);
    }
}

/// A second Ctrl-C ends the process at once.
#[test]
fn a_second_ctrl_c_leaves_nothing_of_a_bar() {
    for columns in WIDTHS {
        let project = project!();
        // SQLite does not interrupt a function.
        let function = "SELECT instr(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1');";
        project.sql("0001_endless", &format!("SELECT 1;\n{function}"), "SELECT 1;");
        let mut terminal = Terminal::start(project.command(["apply"]), columns);
        terminal.shows("statement 2 of 2, 0001_endless");
        terminal.types("\u{3}");
        terminal.shows("^C");
        // The process has seen it when the bar is drawn again; two at once could be one signal.
        terminal.until("the bar again", |lines| lines.iter().all(|line| !line.text.contains("^C")));
        terminal.types("\u{3}");
        let seen = Seen::of(terminal, columns);
        seen.ends_with(130, &["applying 1 migration on "]);
        assert_eq!(seen.is_whole(&COMMON), 1, "{:#?}", seen.frames);
    }
}

/// Several databases at a time, one of which fails.
#[test]
fn a_fleet_is_whole_at_every_width() {
    for columns in WIDTHS {
        let project = project!();
        let slow = ENDLESS.replace("x + 1 FROM n)", "x + 1 FROM n WHERE x < 300000)");
        project.sql("0001_slow", &format!("{slow}\nCREATE TABLE a (id INTEGER);"), "DROP TABLE a;");
        project.settings(
            "[tenants]\nurl = 'sqlite:tenants/{tenant}.db?mode=rwc'\nnames = ['acme', 'beta', 'gamma', 'delta']",
        );
        std::fs::create_dir(project.file("tenants")).unwrap();
        project.open("tenants/beta.db").execute_batch("CREATE TABLE a (id INTEGER)").unwrap();
        let terminal = Terminal::start(project.command(["apply", "--all", "--parallel", "2"]), columns);
        let seen = Seen::of(terminal, columns);
        let own = [
            r"applied \w+ \(.*\)",
            "error: .*",
            r"  \w+: .*",
            "hint: .*",
            "database +result +current +migrations.*",
            r"(acme|beta|gamma|delta) +(applied|failed) .*",
            r".*\d of 4 databases.*",
            r"applied .*",
            "failed .*",
        ];
        assert_eq!(seen.is_whole(&own), 1, "{:#?}", seen.frames);
        seen.ends_with(1, &["database "]);
    }
}
