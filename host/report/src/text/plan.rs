//! The output of `runner plan`.

use crate::escape::ScriptTo;
use crate::styled::{DIM, HINT, ODD, PLAIN, STRONG, Text};
use crate::table::{Cell, Table};
use crate::units::{counted, duration};
use runner_base::dialect::Dialect;
use runner_engine::Direction;
use runner_engine::chunks::{Chunks, Pace};
use runner_engine::history::RunMode;
use runner_engine::plan::{HeldLock, Inspection, Plan, Refusal, Source, granted_lines};
use runner_project::catalog::Kind;
use runner_sql::{LockExtent, Sql, changes_session, migration_script, remaining_script};

/// A table of the planned migrations, in order.
pub fn plan(plan: &Plan, looks: &[Inspection]) -> Text {
    if plan.is_empty() {
        return Text::new();
    }
    let mut table = Table::new(&["what", "migration", "kind", "mode", "from", "summary"]);
    for (at, migration) in plan.steps.iter().enumerate() {
        let what = match (migration.direction, migration.resume_after) {
            (direction, Some(done)) => {
                let one = if migration.kind == Kind::Sql { "statement" } else { "step" };
                format!("{direction} from {one} {}", done + 1)
            }
            (direction, None) => direction.to_string(),
        };
        let style = if migration.direction == Direction::Down { ODD } else { PLAIN };
        let from = if migration.source == Source::Database { "stored copy" } else { "" };
        let mode_style = if migration.mode == RunMode::Stepwise { ODD } else { DIM };
        table.row(vec![
            Cell::left(style, what),
            Cell::left(STRONG, migration.id()),
            Cell::left(DIM, migration.kind.name()),
            Cell::left(mode_style, migration.mode.name()),
            Cell::left(ODD, from),
            Cell::left(DIM, &migration.description.summary),
        ]);
        if let Some(broken) = &migration.broken {
            table.note(format!(
                "its upgrade is incomplete: {} took effect, and the downgrade starts from there",
                broken.shown(migration.kind)
            ));
        }
        let statements = looks.get(at).and_then(|look| look.statements);
        if let Some(it) = statements.filter(|it| migration.mode == RunMode::Stepwise && it.count > 1) {
            let (transactions, rest) = (it.transactions, it.count - it.transactions);
            let what = match (transactions, rest) {
                (0, several) => format!("{several} statements"),
                (several, 0) => format!("{several} transactions"),
                (_, _) => {
                    format!(
                        "{} and {}",
                        counted(transactions, "transaction", "transactions"),
                        counted(rest, "statement", "statements")
                    )
                }
            };
            table.note(format!("its {what} commit one after the other: if one fails, the earlier ones remain"));
        }
        if let Some(look) = looks.get(at) {
            for HeldLock { table: name, rows, held } in &look.locks {
                let rows = counted(*rows, "row", "rows");
                table.note(match held {
                    LockExtent::Table => format!("holds an exclusive lock on `{name}` (about {rows}) until its end"),
                    LockExtent::Rows => {
                        format!("locks all rows of `{name}` (about {rows}) against changes until its end")
                    }
                });
            }
            for statement in &look.unrepeatable {
                table.note(format!("risk: an earlier run {}", statement.done()));
            }
        }
        if let Some(chunks) = looks.get(at).and_then(|look| look.chunks) {
            table.note(shown_chunks(chunks));
        }
        let needs = migration.description.shown_needs();
        if !needs.is_empty() {
            table.note(format!("needs: {}", needs.join(", ")));
        }
        if let Some(grants) = &migration.grants {
            let lines = granted_lines(grants);
            table.note(format!("granted: {}", if lines.is_empty() { "nothing".to_owned() } else { lines.join(", ") }));
        }
    }
    table.text()
}

/// How transforms are cut.
fn shown_chunks(Chunks { most, pace }: Chunks) -> String {
    let rows = counted(most, "row", "rows");
    let when = if pace == Pace::Considerate { " once others wait for them" } else { "" };
    let held = pace.time().map(|time| format!(", held for some {}{when}", duration(time)));
    format!("chunks of its transforms: up to {rows}{}", held.unwrap_or_default())
}

/// The SQL of the planned migrations, each after a comment, as one script: every statement ends with a semicolon, and what runs in one
/// transaction is in one.
pub fn plan_sql(plan: &Plan, sql: &[Option<Sql>], dialect: Dialect, to: ScriptTo) -> Text {
    let mut text = Text::new();
    for (step, sql) in plan.steps.iter().zip(sql) {
        if !text.is_empty() {
            text.push_end();
        }
        text.push_line(DIM, format!("-- {} {}, {}", step.direction, step.id(), step.mode.name()));
        if let Some(done) = step.resume_after {
            text.push_line(DIM, format!("-- without its first {done} statements, which have already taken effect"));
        }
        match sql {
            Some(sql) => {
                let script = match step.resume_after {
                    Some(done) => remaining_script(sql, dialect, done),
                    None => migration_script(sql, dialect, step.mode == RunMode::Atomic),
                };
                text.push_whole(PLAIN, &script, to);
                if dialect == Dialect::Postgres && changes_session(sql, dialect) {
                    text.push_end();
                    text.push(PLAIN, "DISCARD ALL;");
                }
            }
            None => {
                text.push_line(
                    DIM,
                    format!("-- a component, sha256 {}: `runner apply --dry-run -v` shows its statements", step.sha256),
                );
            }
        }
    }
    text
}

/// The warnings about downgrades that cannot run as they are, and notes.
pub fn remarks(downgrades: &[Refusal], notes: &[String]) -> Vec<Text> {
    let mut texts = Vec::new();
    if !downgrades.is_empty() {
        let count = counted(downgrades.len() as u64, "statement of a downgrade", "statements of downgrades");
        let mut text = Text::new().add(ODD, "warning").plain(format!(": {count} cannot run as written")).end();
        let mut hints: Vec<&str> = Vec::new();
        for refusal in downgrades {
            text = text.plain(format!("  {}", refusal.summary())).end();
            let new = refusal.error.hints.iter().map(|hint| &**hint);
            new.for_each(|hint| {
                if !hints.contains(&hint) {
                    hints.push(hint)
                }
            });
        }
        for hint in hints {
            text = text.add(HINT, "hint").plain(": ").plain(hint).end();
        }
        texts.push(text);
    }
    texts.extend(notes.iter().map(|note| Text::new().add(DIM, "note").plain(": ").plain(note).end()));
    texts
}
