//! Variations of an attack: other spellings, settings, orders of calls, and ways to run it.

use runner::Dialect;
use runner_attack::class::{Attacker, Attempt, Class, Mode, Verb};
use runner_attack::{Ends, How};
use runner_tests::random::Random;

/// The attempt of a seed.
pub fn attempt(seed: u64, classes: &[&'static Class], dialect: Dialect) -> (Attempt, How) {
    // Neighbouring seeds have different classes, and nothing else in common.
    let mut random = Random::new(seed ^ 0x5eed_0000);
    let class = classes[(seed % classes.len() as u64) as usize];
    // What takes seconds is tried less often.
    let class = match is_slow(class) && !one_of(&mut random, 10) {
        true => {
            let quick: Vec<_> = classes.iter().copied().filter(|class| !is_slow(class)).collect();
            quick[random.below(quick.len() as u64) as usize]
        }
        false => class,
    };
    let it = pick(&mut random, class.its);
    let mut attempt = Attempt::new(class, it, &mut |count| random.below(count as u64) as usize);
    let calls = &mut attempt.calls;
    for (verb, text) in &mut *calls {
        *verb = other_way(&mut random, *verb);
        if matches!(verb, Verb::Execute | Verb::Query | Verb::Read | Verb::Filter | Verb::Transform) {
            *text = spelled(&mut random, text);
        }
    }
    // What no server hears is not written in other ways.
    if calls.iter().any(|(verb, _)| matches!(verb, Verb::Flood | Verb::Cache)) {
        let mode = pick_mode(&mut random, class);
        return (attempt, How::of(mode));
    }
    if class.by != Attacker::File && calls.len() > 1 && one_of(&mut random, 6) {
        let at = random.below(calls.len() as u64 - 1) as usize;
        calls.swap(at, at + 1);
    }
    for _ in 0..random.below(3) {
        let at = random.below(calls.len() as u64 + 1) as usize;
        // What fails ends a file, and aborts a transaction of PostgreSQL.
        if let Some(call) = noise(&mut random, class.by, dialect) {
            calls.insert(at, call);
        }
    }
    let mode = pick_mode(&mut random, class);
    let at = random.below(calls.len() as u64) as usize;
    let ends = match random.below(5) {
        0 if class.by != Attacker::File && mode != Mode::DryRun => Ends::Failing(at),
        1 if class.by != Attacker::File && mode != Mode::DryRun => Ends::Hanging(at),
        _ => Ends::Never,
    };
    let connections = if dialect.has_many_writers() && one_of(&mut random, 3) { 3 } else { 1 };
    let transforms = calls.iter().any(|(verb, _)| *verb == Verb::Transform);
    let is_shared = transforms && dialect.has_many_writers() && mode == Mode::Stepwise && one_of(&mut random, 2);
    (attempt, How { mode, ends, connections, is_shared })
}

fn pick<'a, T: ?Sized>(random: &mut Random, from: &'a [&'a T]) -> &'a T {
    from[random.below(from.len() as u64) as usize]
}

fn is_slow(class: &Class) -> bool {
    class.is_measured || class.calls.iter().any(|(verb, _)| *verb == Verb::Flood)
}

fn pick_mode(random: &mut Random, class: &Class) -> Mode {
    class.modes[random.below(class.modes.len() as u64) as usize]
}

fn one_of(random: &mut Random, count: u64) -> bool {
    random.below(count) == 0
}

/// Another call that does the same.
fn other_way(random: &mut Random, verb: Verb) -> Verb {
    match verb {
        Verb::Filter if one_of(random, 3) => Verb::Transform,
        Verb::Transform if one_of(random, 3) => Verb::Filter,
        Verb::Execute if one_of(random, 4) => Verb::Query,
        Verb::Query if one_of(random, 4) => Verb::Execute,
        Verb::Query if one_of(random, 4) => Verb::Read,
        other => other,
    }
}

/// The same statement in another spelling.
fn spelled(random: &mut Random, text: &str) -> String {
    const SPACES: [&str; 8] = ["\n", "\t ", "/**/", " /* ; ' */ ", " -- '\n", "\r\n", "\x0c", "  "];
    // What stands between dollars or in a comment is not told apart here.
    if text.is_empty() || text.contains('$') || text.contains("/*") {
        return text.to_owned();
    }
    let way = random.below(6);
    let (mut changed, mut quote) = (String::new(), None);
    for character in text.chars() {
        match quote {
            Some(end) if character == end => quote = None,
            None if matches!(character, '\'' | '"' | '`' | '[') => {
                quote = Some(if character == '[' { ']' } else { character });
            }
            _ => {}
        }
        match (quote, way, character) {
            (None, 1, ' ') => changed.push_str(SPACES[random.below(SPACES.len() as u64) as usize]),
            (None, 2, _) => changed.push(character.to_ascii_uppercase()),
            (None, 3, _) => changed.push(character.to_ascii_lowercase()),
            (None, 4, _) if one_of(random, 2) => changed.push(character.to_ascii_uppercase()),
            _ => changed.push(character),
        }
    }
    match way {
        5 => format!("/* COMMIT; */ {changed}"),
        _ => changed,
    }
}

/// A call that does no harm by itself: mostly a setting of the session.
fn noise(random: &mut Random, by: Attacker, dialect: Dialect) -> Option<(Verb, String)> {
    const POSTGRES: [(&str, &str); 16] = [
        ("client_encoding", "SQL_ASCII"),
        ("client_encoding", "SJIS"),
        ("standard_conforming_strings", "off"),
        ("backslash_quote", "on"),
        ("escape_string_warning", "off"),
        ("search_path", "public, pg_catalog"),
        ("search_path", "pg_temp"),
        ("DateStyle", "German, DMY"),
        ("TimeZone", "Pacific/Kiritimati"),
        ("bytea_output", "escape"),
        ("row_security", "off"),
        ("check_function_bodies", "off"),
        ("default_transaction_read_only", "on"),
        ("transform_null_equals", "on"),
        ("quote_all_identifiers", "on"),
        ("statement_timeout", "50"),
    ];
    const SQLITE: [&str; 6] = [
        "PRAGMA defer_foreign_keys = ON",
        "PRAGMA recursive_triggers = ON",
        "SAVEPOINT s",
        "PRAGMA case_sensitive_like = ON",
        "ROLLBACK",
        "PRAGMA writable_schema = ON",
    ];
    const MYSQL: [&str; 8] = [
        "SET NAMES gbk",
        "SET NAMES utf8mb4",
        "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
        "SET sql_mode = ''",
        "SET SESSION sql_select_limit = 1",
        "SET foreign_key_checks = 0",
        "SET time_zone = '+09:00'",
        "SET character_set_results = latin1",
    ];
    let can_say = by != Attacker::Granted;
    match (dialect, can_say) {
        (_, _) if by == Attacker::File && one_of(random, 2) => None,
        (_, false) if dialect != Dialect::Postgres => Some((Verb::Filter, "id > 3".to_owned())),
        (Dialect::Postgres, _) => {
            let (name, value) = POSTGRES[random.below(POSTGRES.len() as u64) as usize];
            let local = if one_of(random, 2) { "true" } else { "false" };
            let call = format!("set_config('{name}', '{value}', {local})");
            Some(match (by, random.below(4)) {
                (Attacker::File, _) => (Verb::Execute, format!("SELECT {call}")),
                (Attacker::Granted, _) | (_, 0) => (Verb::Filter, format!("{call} IS NOT NULL")),
                (_, 1) => (Verb::Query, "SELECT id FROM public.outbox".to_owned()),
                _ => (Verb::Query, format!("SELECT {call}")),
            })
        }
        (Dialect::Sqlite, _) => Some((Verb::Execute, pick(random, &SQLITE).to_owned())),
        _ => Some((Verb::Execute, pick(random, &MYSQL).to_owned())),
    }
}
