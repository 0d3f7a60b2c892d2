//! The output of `runner repair`: what is known of a partial revision, and the possible actions.

use super::show::line;
use crate::styled::{BAD, DIM, GOOD, HINT, ODD, PLAIN, STRONG, Text, one_line};
use crate::units;
use runner_engine::Direction;
use runner_engine::history::Repair;
use runner_engine::journal::{Known, Unknown};
use runner_engine::repair::{RepairAction, Survey};

/// What is known, and what each action would do.
pub fn survey(survey: &Survey) -> Text {
    let record = &survey.record;
    let (one, many) = survey.units();
    let what = if survey.direction == Direction::Up { "upgrade" } else { "downgrade" };
    let mut text = Text::new().add(STRONG, record.id()).plain(": ").add(ODD, format!("its {what} is partial")).end();
    line(&mut text, "done", &record.committed.after(record.steps_done, one, many));
    if survey.direction == Direction::Down && !record.was_whole() {
        let upgrade = units::counted(record.steps, one, many);
        line(&mut text, "upgrade", &format!("stopped after {upgrade}"));
    }
    if let Some(head) = &survey.head {
        line(&mut text, "last run", &format!("{} by {}", head.worker.run_id, head.worker.by));
    }
    for (at, effect) in survey.effects.iter().enumerate() {
        line(&mut text, if at == 0 { "took effect" } else { "" }, &runner_sql::excerpt(effect));
    }
    for repair in &survey.repairs {
        let why = one_line(&repair.why);
        line(&mut text, "repaired", &format!("{}: {} by {}: {why}", repair.at, repair.shown(), repair.by));
    }
    if let Some(damage) = &survey.damage {
        let cause = damage.causes.first().map_or(String::new(), |cause| format!(": {cause}"));
        text.push_line(BAD, format!("  {}{cause}", damage.message));
    }
    match &survey.unknown {
        Some(unknown) => of_unknown(&mut text, survey, unknown),
        None if survey.damage.is_some() => {
            text.push_end();
            let verb = survey.verb();
            text.push_line(
                PLAIN,
                format!("`runner {verb}` continues once runner's own tables are restored from a backup"),
            );
        }
        None => {
            text.push_end();
            text.push_line(
                PLAIN,
                format!("no {one} has an unknown outcome: `runner {}` continues where it stopped", survey.verb()),
            );
        }
    }
    text.push_end();
    text.push_line(PLAIN, "actions, each with `--why TEXT`:");
    for (action, does) in survey.choices() {
        text.push(HINT, format!("  runner repair {} {:<18}", record.revision, action.to_string()));
        text.push_line(PLAIN, does);
    }
    text
}

fn of_unknown(text: &mut Text, survey: &Survey, unknown: &Unknown) {
    text.push_end();
    text.push(
        ODD,
        format!("the outcome of {} is unknown: it was started and not recorded as finished", survey.name_of(unknown)),
    );
    text.push_line(DIM, " (also the case while a run is active)");
    line(text, "kind", &unknown.kind);
    line(text, "started", &unknown.began_at);
    line(text, "digest", &format!("{} (of kind, statement and parameters)", unknown.digest));
    line(text, "statement", "");
    text.push_block(PLAIN, "    ", &unknown.statement);
    line(text, "known", &known(unknown.known, survey.verb()));
    for (at, found) in survey.found.iter().enumerate() {
        line(text, if at == 0 { "found" } else { "" }, found);
    }
    if survey.found.is_empty() {
        line(text, "found", "no object that the statement names");
    }
}

/// What is known of a step.
pub fn known(known: Known, verb: &str) -> String {
    match known {
        Known::TookEffect => {
            format!("the schema shows that it took effect: `runner {verb}` continues after it")
        }
        Known::NoEffect => format!("the schema shows that it did not take effect: `runner {verb}` runs it"),
        Known::Repeatable => format!("it can be repeated safely: `runner {verb}` runs it again"),
        Known::Halved => "the schema shows that part of it took effect".to_owned(),
        Known::Nothing => {
            "the database does not show whether it took effect: check what it was meant to change".to_owned()
        }
    }
}

/// What was recorded, and what comes next.
pub fn repaired(survey: &Survey, action: RepairAction, repair: &Repair) -> Text {
    let id = survey.record.id();
    let next = match action {
        RepairAction::Retry | RepairAction::MarkDone { .. } | RepairAction::Skip => {
            format!("`runner {}` continues it", survey.verb())
        }
        RepairAction::AsApplied => format!("`{id}` is applied"),
        RepairAction::AsNotApplied => format!("`{id}` is not applied"),
    };
    Text::new().add(GOOD, "recorded").plain(format!(" for `{id}`: {}; {next}", repair.shown())).end()
}
