//! A server's database as lines of text, from its own dump program: everything that program knows about is compared.

use std::process::{Command, Stdio};

use super::client::Client;
use super::{Kind, programs};

/// Which tables are left out of a dump.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tables {
    OfTheTool,
    None,
}

impl Client {
    /// Everything in the database except the tool's own tables: definitions as the server prints them, rows in a
    /// fixed order. Positions of sequences are omitted, because no rollback restores them.
    pub fn dump(&self) -> Vec<String> {
        self.dump_but(Tables::OfTheTool)
    }

    /// Like [`Client::dump`], including the tool's own tables.
    pub fn dump_everything(&self) -> Vec<String> {
        self.dump_but(Tables::None)
    }

    /// What the dump program writes with these options.
    pub fn dump_text(&self, options: &[&str]) -> String {
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = Command::new(programs::find("pg_dump"));
                command.env("PGPASSWORD", &self.address.password);
                command
            }
            Kind::Mariadb => {
                let mut command = Command::new(programs::find("mariadb-dump"));
                command.arg("--no-defaults").env("MYSQL_PWD", &self.address.password);
                command
            }
        };
        command.args(options);
        self.where_to(&mut command);
        command.arg(&self.database).stdin(Stdio::null());
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn dump_but(&self, left_out: Tables) -> Vec<String> {
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = Command::new(programs::find("pg_dump"));
                command.arg("--no-owner").env("PGPASSWORD", &self.address.password);
                if left_out == Tables::OfTheTool {
                    command.arg("--exclude-schema=runner");
                }
                command
            }
            Kind::Mariadb => {
                let mut command = Command::new(programs::find("mariadb-dump"));
                command.args(["--no-defaults", "--skip-comments", "--skip-extended-insert", "--skip-lock-tables"]);
                command.args(["--single-transaction", "--skip-add-drop-table", "--routines", "--triggers"]);
                let tables = if left_out == Tables::OfTheTool { self.tool_tables() } else { Vec::new() };
                for table in tables {
                    command.arg(format!("--ignore-table={}.{table}", self.database));
                }
                command.env("MYSQL_PWD", &self.address.password);
                command
            }
        };
        self.where_to(&mut command);
        command.arg(&self.database).stdin(Stdio::null());
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}\n{said}");
        let mut lines = Vec::new();
        let mut rows = Vec::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let row = match self.kind {
                // From `COPY … FROM stdin;` to `\.`.
                Kind::Postgres => {
                    lines.last().is_some_and(|last: &String| last.ends_with(" FROM stdin;")) && line != "\\."
                }
                Kind::Mariadb => line.starts_with("INSERT INTO "),
            };
            if row {
                rows.push(line.to_owned());
                continue;
            }
            rows.sort_unstable();
            lines.append(&mut rows);
            if !is_noise(line) {
                let line = without_counter(line);
                // MySQL shows the character set where a statement has named it, which a collation implies.
                lines.push(match self.kind.is_mysql() {
                    true => line.replace(" CHARACTER SET utf8mb4 COLLATE ", " COLLATE "),
                    false => line,
                });
            }
        }
        lines
    }

    /// Restores a backup of another database into this one.
    pub fn restore(&self, file: &std::path::Path) {
        let is_older = |number: String| number.parse().is_ok_and(|number: u32| number < 170_000);
        if self.kind == Kind::Postgres && is_older(self.value("SELECT current_setting('server_version_num')")) {
            // Newer programs set what this server does not know, at the top of the script.
            let mut command = Command::new(programs::find("pg_restore"));
            let output = command.args(["--exit-on-error", "--file=-"]).arg(file).output().unwrap();
            assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
            let script = String::from_utf8(output.stdout).unwrap();
            self.sql(&script.replacen("\nSET transaction_timeout = 0;\n", "\n", 1));
            return;
        }
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = Command::new(programs::find("pg_restore"));
                command.args(["--exit-on-error", "--dbname", &self.database]).env("PGPASSWORD", &self.address.password);
                self.where_to(&mut command);
                command.arg(file).stdin(Stdio::null());
                command
            }
            Kind::Mariadb => {
                let mut command = Command::new(programs::find("mariadb"));
                command.arg("--no-defaults").env("MYSQL_PWD", &self.address.password);
                self.where_to(&mut command);
                command.arg(&self.database).stdin(std::fs::File::open(file).unwrap());
                command
            }
        };
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    }

    fn tool_tables(&self) -> Vec<String> {
        self.sql(
            "SELECT table_name FROM information_schema.tables \
             WHERE table_schema = database() AND table_name LIKE 'runner\\_%'",
        )
    }
}

/// Comments, keys that differ between dumps, and sequences' positions.
fn is_noise(line: &str) -> bool {
    line.is_empty()
        || ["--", "\\restrict", "\\unrestrict"].iter().any(|start| line.starts_with(start))
        || line.starts_with("SELECT pg_catalog.setval(")
}

/// MariaDB writes the next value of a table's counter after its definition.
fn without_counter(line: &str) -> String {
    match line.split_once(" AUTO_INCREMENT=") {
        Some((before, after)) if line.starts_with(')') => {
            format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        _ => line.to_owned(),
    }
}
