//! A revision that broke off: what is known of it, and what can be said of it.

use super::{BAD, DIM, GOOD, HINT, ODD, PLAIN, STRONG, Text};
use crate::engine::Direction;
use crate::engine::history::Repair;
use crate::engine::journal::{Known, Unknown};
use crate::engine::repair::{Action, Survey};
use crate::report::units;

/// What is known, and what each action would do.
pub fn survey(survey: &Survey) -> Text {
    let record = &survey.record;
    let (one, many) = survey.units();
    let what = if survey.direction == Direction::Up { "upgrade" } else { "downgrade" };
    let done = units::counted(record.steps_done, one, many);
    let mut text = Text::new().add(STRONG, record.id()).plain(": ").add(ODD, format!("its {what} is partial")).end();
    line(
        &mut text,
        "done",
        &match record.committed.chunks {
            0 => done,
            chunks => format!(
                "{done}, and {} of a transform under way ({})",
                units::counted(chunks, "chunk", "chunks"),
                units::counted(record.committed.rows_written, "row", "rows")
            ),
        },
    );
    if survey.direction == Direction::Down && !record.was_whole() {
        let upgrade = units::counted(record.steps, one, many);
        line(&mut text, "upgrade", &format!("had broken off behind {upgrade}"));
    }
    if let Some(head) = &survey.head {
        line(&mut text, "last run", &format!("{} by {}", head.worker.run_id, head.worker.by));
    }
    for (at, effect) in survey.effects.iter().enumerate() {
        line(&mut text, if at == 0 { "took effect" } else { "" }, &crate::sql::excerpt(effect));
    }
    for repair in &survey.repairs {
        line(&mut text, "repaired", &format!("{}: {} by {}: {}", repair.at, repair.shown(), repair.by, repair.why));
    }
    if let Some(damage) = &survey.damage {
        let cause = damage.causes.first().map_or(String::new(), |cause| format!(": {cause}"));
        text.push(BAD, format!("  {}{cause}", damage.message));
        text.push_end();
    }
    match &survey.unknown {
        Some(unknown) => of_unknown(&mut text, survey, unknown),
        None if survey.damage.is_some() => {
            text.push_end();
            let verb = survey.verb();
            text.push(PLAIN, format!("`runner {verb}` goes on once runner's own tables are restored from a backup"));
            text.push_end();
        }
        None => {
            text.push_end();
            text.push(PLAIN, format!("no {one} is unknown: `runner {}` goes on where it broke off", survey.verb()));
            text.push_end();
        }
    }
    text.push_end();
    text.push(PLAIN, "what you can say, with `--why TEXT`:");
    text.push_end();
    for (action, does) in survey.choices() {
        text.push(HINT, format!("  runner repair {} {:<18}", record.revision, action.to_string()));
        text.push(PLAIN, does);
        text.push_end();
    }
    text
}

fn of_unknown(text: &mut Text, survey: &Survey, unknown: &Unknown) {
    let (one, _) = survey.units();
    text.push_end();
    text.push(ODD, format!("{one} {} was begun, and its end was not noted", unknown.step));
    text.push(DIM, " (a run that is active looks so, too)");
    text.push_end();
    line(text, "kind", &unknown.kind);
    line(text, "began", &unknown.began_at);
    line(text, "digest", &format!("{} (of kind, statement and parameters)", unknown.digest));
    line(text, "statement", "");
    text.push_block(PLAIN, "    ", &unknown.statement);
    line(text, "known", &known(unknown.known, survey.verb()));
    for (at, found) in survey.found.iter().enumerate() {
        line(text, if at == 0 { "there is" } else { "" }, found);
    }
    if survey.found.is_empty() {
        line(text, "there is", "nothing under a name that is in the statement");
    }
}

/// What is known of a step, in words.
pub fn known(known: Known, verb: &str) -> String {
    match known {
        Known::TookEffect => {
            format!("the schema shows that it took effect: `runner {verb}` goes on behind it by itself")
        }
        Known::NoEffect => format!("the schema shows that it did not take effect: `runner {verb}` runs it by itself"),
        Known::Repeatable => format!("it does the same a second time: `runner {verb}` runs it again by itself"),
        Known::Halved => "the schema shows that a part of it took effect".to_owned(),
        Known::Nothing => "the database does not tell whether it took effect: look at what it was to change".to_owned(),
    }
}

/// What was recorded, and what comes next.
pub fn repaired(survey: &Survey, action: Action, repair: &Repair) -> Text {
    let id = survey.record.id();
    let next = match action {
        Action::Retry | Action::MarkDone { .. } | Action::Skip => format!("`runner {}` goes on with it", survey.verb()),
        Action::AsApplied => format!("`{id}` is applied"),
        Action::AsNotApplied => format!("`{id}` is not applied"),
    };
    Text::new().add(GOOD, "recorded").plain(format!(" for `{id}`: {}; {next}", repair.shown())).end()
}

fn line(text: &mut Text, label: &str, value: &str) {
    let label = if label.is_empty() { String::new() } else { format!("{label}:") };
    text.push(DIM, format!("  {label:<14}"));
    text.push(PLAIN, value);
    text.push_end();
}
