//! Upgrade and downgrade in one file, divided by the markers of goose, sql-migrate, dbmate and node-pg-migrate.
//!
//! As in those tools, a marker is a line of its own, whatever surrounds it: the meaning of a file does not depend on
//! the dialect. Files that are divided in other ways are refused, by `foreign_section`.

use super::SqlError;
use super::foreign_sections::foreign_section;
use super::lex::has_statement;
use runner_base::dialect::Dialect;

/// What dbmate's markers begin with.
const DBMATE: &str = "migrate:";

/// The two directions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sections {
    /// The upgrade.
    pub up: Section,
    /// The downgrade.
    pub down: Option<Section>,
}

/// One direction of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its text; the lines of the other direction are empty, so that line numbers are those of the file.
    pub text: String,
    /// Each statement commits by itself.
    pub no_transaction: bool,
}

/// A marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    Up {
        no_transaction: bool,
    },
    Down {
        no_transaction: bool,
    },
    /// In both directions.
    NoTransaction,
    StatementBegin,
    StatementEnd,
    /// Not one that is understood.
    Unknown,
}

/// Divides a text at its markers; `None` if it has none. `dialect`: that of the text, if the name of its file says so.
pub fn sections(text: &str, dialect: Option<Dialect>) -> Result<Option<Sections>, SqlError> {
    let comments = || text.lines().filter(|line| comment(line).is_some());
    let has_pair = ["up", "down"].into_iter().all(|direction| comments().any(|line| is_migration(line, direction)));
    let has_sections = comments().any(|line| marker(line, has_pair).is_some());
    if let Some(error) = foreign_section(text, dialect, has_sections) {
        return Err(error);
    }
    if !has_sections {
        return Ok(None);
    }
    let mut reader = Reader::default();
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        reader.read(line, number, marker(line, has_pair))?;
    }
    reader.finish().map(Some)
}

/// Where a line belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Before,
    Up,
    Down,
}

#[derive(Default)]
struct Reader {
    part: Part,
    /// The text of both sections so far, and what precedes them.
    before: String,
    up: Section,
    down: Section,
    has_down: bool,
    no_transaction: bool,
    /// The line of a `StatementBegin` that is open.
    block: Option<usize>,
}

impl Reader {
    fn read(&mut self, line: &str, number: usize, marker: Option<Marker>) -> Result<(), SqlError> {
        let shown = line.trim();
        let wrong = |message: String, hint: &str| Err(SqlError { line: number, message, hint: Some(hint.to_owned()) });
        let keeps = match marker {
            None => true,
            Some(Marker::Unknown) => {
                let hint = "remove the option, or write the migration as `.up.sql` and `.down.sql`; for variables, see the directive \
                            `runner:parameters`";
                return wrong(format!("`{shown}` is not supported"), hint);
            }
            Some(Marker::Up { .. } | Marker::Down { .. }) if self.block.is_some() => {
                return wrong(
                    format!("`{shown}` is inside of a `StatementBegin`"),
                    "end the statement with `StatementEnd` before it",
                );
            }
            Some(Marker::Up { no_transaction }) => {
                if self.part != Part::Before {
                    return wrong(
                        format!("`{shown}` is not the first marker"),
                        "write one upgrade, and the downgrade after it",
                    );
                }
                if has_statement(&self.before, Dialect::Postgres) {
                    return wrong(format!("there is SQL before `{shown}`"), "move it below the marker");
                }
                self.part = Part::Up;
                self.up.no_transaction = no_transaction;
                true
            }
            Some(Marker::Down { no_transaction }) => {
                if self.part != Part::Up {
                    let message = format!("`{shown}` does not come after the marker of an upgrade");
                    return wrong(message, "write one upgrade, and the downgrade after it");
                }
                self.part = Part::Down;
                self.has_down = true;
                self.down.no_transaction = no_transaction;
                true
            }
            Some(Marker::NoTransaction) => {
                self.no_transaction = true;
                true
            }
            Some(Marker::StatementBegin) if self.part == Part::Before || self.block.is_some() => {
                return wrong(
                    format!("`{shown}` is misplaced"),
                    "write it below the marker of a direction, and end it with `StatementEnd`",
                );
            }
            Some(Marker::StatementBegin) => {
                self.block = Some(number);
                true
            }
            Some(Marker::StatementEnd) => {
                if self.block.take().is_none() {
                    return wrong(format!("`{shown}` ends nothing"), "write `StatementBegin` before the statement");
                }
                true
            }
        };
        // Markers stay, so that the digest covers their options; those that MySQL would not take for a comment are
        // removed.
        let keeps = keeps && (marker.is_none() || shown.starts_with("-- "));
        // Directives before the first marker are for the whole migration.
        let part = if self.part == Part::Before { Part::Up } else { self.part };
        let [up, down] = [Part::Up, Part::Down].map(|it| if keeps && part == it { line } else { "\n" });
        if self.part == Part::Before {
            self.before.push_str(line);
        }
        self.up.text.push_str(up);
        self.down.text.push_str(down);
        Ok(())
    }

    fn finish(self) -> Result<Sections, SqlError> {
        if let Some(line) = self.block {
            let hint = "write `StatementEnd` after the statement".to_owned();
            return Err(SqlError { line, message: "`StatementBegin` has no end".to_owned(), hint: Some(hint) });
        }
        if self.part == Part::Before {
            let hint = "write the marker of the upgrade above it".to_owned();
            return Err(SqlError {
                line: 1,
                message: "the file has markers, but none of an upgrade".to_owned(),
                hint: Some(hint),
            });
        }
        let section = |section: Section| Section {
            text: section.text.trim_end().to_owned() + "\n",
            no_transaction: section.no_transaction || self.no_transaction,
        };
        Ok(Sections { up: section(self.up), down: self.has_down.then(|| section(self.down)) })
    }
}

/// The text of a line comment.
fn comment(line: &str) -> Option<&str> {
    line.trim().strip_prefix("--").map(str::trim)
}

/// Whether a line is a marker of node-pg-migrate: `-- Up Migration`, `-- Up Migrations`, `-- Up Migration: what it does`.
fn is_migration(line: &str, direction: &str) -> bool {
    let Some(comment) = comment(line) else { return false };
    let mut words = comment.trim_start_matches(['-', ' ']).split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else { return false };
    let (name, has_colon) = second.split_once(':').map_or((second, false), |(name, _)| (name, true));
    let is_marker = first.eq_ignore_ascii_case(direction)
        && ["migration", "migrations"].iter().any(|word| name.eq_ignore_ascii_case(word));
    is_marker && (has_colon || words.next().is_none_or(|next| next.starts_with(':')))
}

/// The marker that a line is. `pairs`: those of node-pg-migrate count; alone they are prose.
fn marker(line: &str, pairs: bool) -> Option<Marker> {
    let comment = comment(line)?;
    let mut words = comment.split_whitespace();
    let first = words.next()?;
    let rest: Vec<&str> = words.collect();
    let is = |words: &[&str], expected: &[&str]| {
        words.len() == expected.len()
            && words.iter().zip(expected).all(|(word, other)| word.eq_ignore_ascii_case(other))
    };
    if ["+goose", "+migrate", "+micrate"].iter().any(|tool| first.eq_ignore_ascii_case(tool)) {
        let no_transaction = rest.len() > 1 && is(&rest[1..], &["notransaction"]);
        return Some(match rest.as_slice() {
            [word] | [word, _] if word.eq_ignore_ascii_case("up") && (rest.len() == 1 || no_transaction) => {
                Marker::Up { no_transaction }
            }
            [word] | [word, _] if word.eq_ignore_ascii_case("down") && (rest.len() == 1 || no_transaction) => {
                Marker::Down { no_transaction }
            }
            words if is(words, &["no", "transaction"]) => Marker::NoTransaction,
            words if is(words, &["StatementBegin"]) => Marker::StatementBegin,
            words if is(words, &["StatementEnd"]) => Marker::StatementEnd,
            _ => Marker::Unknown,
        });
    }
    if let Some((tool, direction)) = first.split_at_checked(DBMATE.len())
        && tool.eq_ignore_ascii_case(DBMATE)
    {
        return dbmate(direction, &rest);
    }
    match line {
        _ if !pairs => None,
        line if is_migration(line, "up") => Some(Marker::Up { no_transaction: false }),
        line if is_migration(line, "down") => Some(Marker::Down { no_transaction: false }),
        _ => None,
    }
}

/// dbmate's marker: a direction, directly after the tool's name or, which must not become prose, after a space, and its
/// options.
fn dbmate<'a>(direction: &'a str, mut options: &[&'a str]) -> Option<Marker> {
    let mut direction = direction;
    let is_spaced = direction.is_empty();
    if is_spaced {
        (direction, options) = options.split_first().map(|(first, rest)| (*first, rest))?;
    }
    let no_transaction = options.contains(&"transaction:false");
    let is_known = options.iter().all(|option| matches!(*option, "transaction:false" | "transaction:true"));
    match direction {
        _ if is_spaced && !is_known => None,
        word if word.eq_ignore_ascii_case("up") && is_known => Some(Marker::Up { no_transaction }),
        word if word.eq_ignore_ascii_case("down") && is_known => Some(Marker::Down { no_transaction }),
        word if word.eq_ignore_ascii_case("up") || word.eq_ignore_ascii_case("down") => Some(Marker::Unknown),
        _ => None,
    }
}

/// Whether a comment begins (`true`) or ends (`false`) a statement whose semicolons do not end it.
pub(super) fn statement_marker(comment: &str) -> Option<bool> {
    match marker(comment, false)? {
        Marker::StatementBegin => Some(true),
        Marker::StatementEnd => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Option<(String, Option<String>)>, String> {
        let told = |error: SqlError| format!("{}: {}", error.line, error.message);
        let shown = |section: Section| {
            let text = section.text.replace('\n', "|");
            if section.no_transaction { format!("!{text}") } else { text }
        };
        let sections = sections(text, None).map_err(told)?;
        Ok(sections.map(|it| (shown(it.up), it.down.map(shown))))
    }

    #[test]
    fn files_are_divided_at_their_markers() {
        for (text, up, down) in [
            ("-- +goose Up\nA;\n-- +goose Down\nB;\n", "-- +goose Up|A;|", Some("||-- +goose Down|B;|")),
            ("-- c\n\n--+goose up\nA;\n", "-- c|||A;|", None),
            (
                "-- +goose NO TRANSACTION\n-- +goose Up\nA;\n-- +goose Down\n",
                "!-- +goose NO TRANSACTION|-- +goose Up|A;|",
                Some("!|||-- +goose Down|"),
            ),
            (
                "-- +goose Up\n-- +goose StatementBegin\nA; B;\n-- +goose StatementEnd\n",
                "-- +goose Up|-- +goose StatementBegin|A; B;|-- +goose StatementEnd|",
                None,
            ),
            (
                "-- migrate:up transaction:false\nA;\n\n-- migrate:down\nB;",
                "!-- migrate:up transaction:false|A;|",
                Some("|||-- migrate:down|B;|"),
            ),
            (
                "-- migrate:up\n-- migrate:down transaction:false\nB;",
                "-- migrate:up|",
                Some("!|-- migrate:down transaction:false|B;|"),
            ),
            (
                "-- +migrate Up notransaction\nA;\n-- +migrate Down\nB",
                "!-- +migrate Up notransaction|A;|",
                Some("||-- +migrate Down|B|"),
            ),
            ("-- +GOOSE UP\nA;\n-- +GOOSE DOWN\nB;", "-- +GOOSE UP|A;|", Some("||-- +GOOSE DOWN|B;|")),
            ("-- +micrate Up\nA;\n-- +micrate Down\nB;", "-- +micrate Up|A;|", Some("||-- +micrate Down|B;|")),
            ("-- MIGRATE:UP\nA;\n-- migrate: down\nB;", "-- MIGRATE:UP|A;|", Some("||-- migrate: down|B;|")),
            ("-- Up Migration\nA;\n-- Down Migration\nB;", "-- Up Migration|A;|", Some("||-- Down Migration|B;|")),
            (
                "-- up migrations\nA;\n-- Down Migration: c\nB;",
                "-- up migrations|A;|",
                Some("||-- Down Migration: c|B;|"),
            ),
            ("-- Up Migration : c\nA;\n--- Down Migrations\nB;", "-- Up Migration : c|A;|", Some("|||B;|")),
        ] {
            let expected = (up.to_owned(), down.map(str::to_owned));
            assert_eq!(of(text), Ok(Some(expected)), "{text}");
        }
    }

    #[test]
    fn other_comments_are_prose() {
        for text in [
            "A;",
            "-- migrate:upwards\nA;",
            "-- migrate: up to version 3\nA;",
            "-- migrate:\nA;",
            "-- we use +goose here\nA;",
            "-- Down migration\nB;",
            "SELECT '+goose'",
        ] {
            assert_eq!(of(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        for (text, expected) in [
            ("A;\n-- +goose Up\nB;", "2: there is SQL before `-- +goose Up`"),
            ("-- +goose Down\nB;", "1: `-- +goose Down` does not come after the marker of an upgrade"),
            (
                "-- migrate:down\nB;\n-- migrate:up\nA;",
                "1: `-- migrate:down` does not come after the marker of an upgrade",
            ),
            ("-- +goose Up\nA;\n-- +goose Up\nB;", "3: `-- +goose Up` is not the first marker"),
            ("-- +goose Up\n-- +goose ENVSUB ON\nA;", "2: `-- +goose ENVSUB ON` is not supported"),
            ("-- +goose Up\nA;\n-- //@UNDO\nB;", "3: `-- //@UNDO` divides the file in a way that is not supported"),
            ("-- Up\nA;\n-- Down\nB;", "3: `-- Down` divides the file in a way that is not supported"),
            ("-- migrate:up lock:off\nA;", "1: `-- migrate:up lock:off` is not supported"),
            ("-- +goose Up\n-- +goose StatementBegin\nA;", "2: `StatementBegin` has no end"),
            ("-- +goose Up\n-- +goose StatementEnd\nA;", "2: `-- +goose StatementEnd` ends nothing"),
            (
                "-- +goose Up\n-- +goose StatementBegin\nA;\n-- +goose Down",
                "4: `-- +goose Down` is inside of a `StatementBegin`",
            ),
            ("-- +goose NO TRANSACTION\nA;", "1: the file has markers, but none of an upgrade"),
        ] {
            assert_eq!(of(text), Err(expected.to_owned()), "{text}");
        }
    }
}
