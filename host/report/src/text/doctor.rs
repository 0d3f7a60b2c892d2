//! The output of `runner doctor`.

use crate::granted::GrantedComponent;
use crate::styled::{DIM, GOOD, ODD, PLAIN, Text};
use crate::units;
use runner_attack::{AttackReport, Ground, NotTried};
use runner_database::Facts;
use runner_engine::isolation::{Barrier, Isolation};

/// What the server can do, and what isolates components on it. `components` are IDs with their grants.
pub fn doctor(facts: &Facts, isolation: &Isolation, components: &[GrantedComponent<'_>]) -> Text {
    let mut text = Text::new();
    let version = if facts.version.is_empty() { String::new() } else { format!(" {}", facts.version) };
    line(&mut text, "server", &format!("{}{version}", facts.dialect));
    server(&mut text, facts);
    if let Some(login) = &isolation.login {
        line(&mut text, "login", login);
    }
    line(
        &mut text,
        "isolation",
        match isolation.barrier {
            Barrier::Authorizer => "SQLite's authorizer decides about each statement of a component",
            Barrier::SeparateLogins => "each component has a login of its own, with the rights that it is granted",
            Barrier::SharedLogin => {
                "none by the server: components have this login. Their statements are checked, and the history is proven \
             unchanged before each commit"
            }
        },
    );
    // They are those of the login that components without grants have.
    for power in isolation.powers.iter().filter(|_| isolation.barrier != Barrier::SeparateLogins) {
        text.push(DIM, format!("{:<WIDTH$}", "risk"));
        text.push_line(ODD, format!("a component may {}", power.description()));
    }
    for GrantedComponent { id, granted, differences } in components {
        text.push(DIM, format!("{:<WIDTH$}", "component"));
        text.push(PLAIN, format!("{id}: "));
        match granted {
            None => text.push(PLAIN, "all tables, though not the history"),
            Some([]) => text.push(GOOD, "nothing"),
            Some(lines) => text.push(GOOD, lines.join(", ")),
        }
        text.push_end();
        for difference in *differences {
            text.push(DIM, format!("{:<WIDTH$}", "login"));
            text.push_line(ODD, difference);
        }
    }
    text
}

/// What the server can do.
fn server(text: &mut Text, facts: &Facts) {
    if let Some(comment) = &facts.comment {
        line(text, "make", comment);
    }
    if let Some(citus) = &facts.citus {
        let role = match (citus.is_coordinator, citus.workers) {
            (true, 1) => "the coordinator of 1 worker".to_owned(),
            (true, workers) => format!("the coordinator of {workers} workers"),
            (false, _) => "which belongs to no cluster yet".to_owned(),
        };
        line(text, "cluster", &format!("Citus {}, {role}", citus.version));
    }
    if facts.read_only {
        line(text, "writes", "refused: it is a replica, or read-only");
    }
    line(text, "lock", facts.lock.description());
    line(
        text,
        "changes",
        match (facts.transactional_ddl, facts.atomic_ddl) {
            (true, _) => "a rollback undoes schema changes",
            (false, true) => "each schema change commits, completely or not at all",
            (false, false) => "each schema change commits, and a crash of the server can leave part of it",
        },
    );
    let mut limits = Vec::new();
    if let Some(bytes) = facts.packet_bytes {
        limits.push(format!("statements of up to {} bytes", units::count(bytes as u64)));
    }
    if let Some(increment) = facts.increment.filter(|increment| *increment != 1) {
        limits.push(format!("numbers are assigned {increment} apart"));
    }
    if !facts.skips_locked && facts.dialect.has_server() {
        limits.push("no `SKIP LOCKED`".to_owned());
    }
    if !limits.is_empty() {
        line(text, "limits", &limits.join("; "));
    }
}

/// The width of the labels.
const WIDTH: usize = 11;

fn line(text: &mut Text, label: &str, value: &str) {
    text.push(DIM, format!("{label:<WIDTH$}"));
    text.push_line(PLAIN, value);
}

/// The outcome of `runner doctor --attack`.
pub fn attacked(report: &AttackReport) -> Text {
    let mut text = Text::new();
    for attack in &report.succeeded {
        text.push(DIM, format!("{:<WIDTH$}", "open"));
        text.push(ODD, attack.what.join(", "));
        text.push_line(PLAIN, format!(": {}", attack.statements.join("; ")));
    }
    // Where nothing was tried, there is one reason for all of them.
    let groups: &[NotTried] = match report.ground {
        Ground::Nowhere { .. } => &[],
        Ground::Scratch | Ground::Transaction { .. } => &report.not_tried,
    };
    for group in groups {
        for attack in &group.attacks {
            line(&mut text, "not tried", &format!("{}: {}", attack.join("; "), group.why));
        }
    }
    let tried = report.tried;
    let succeeded = match report.succeeded.len() {
        0 => "none would have succeeded".to_owned(),
        count => format!("{count} would have succeeded"),
    };
    let left: usize = report.not_tried.iter().map(|group| group.attacks.len()).sum();
    let not_tried = match left {
        0 => String::new(),
        1 => "; 1 was not tried".to_owned(),
        count => format!("; {count} were not tried"),
    };
    let with = match report.barrier {
        Barrier::SeparateLogins => ", with a login of the component's own",
        Barrier::Authorizer | Barrier::SharedLogin => "",
    };
    match &report.ground {
        Ground::Scratch => {
            line(&mut text, "attacks", &format!("{tried} tried on a scratch database{with}: {succeeded}{not_tried}"));
        }
        Ground::Transaction { because } => {
            line(
                &mut text,
                "attacks",
                &format!("{tried} tried in transactions that were rolled back: {succeeded}{not_tried}"),
            );
            line(&mut text, "note", because);
        }
        Ground::Nowhere { because } => line(&mut text, "attacks", &format!("none tried: {because}")),
    }
    text
}
