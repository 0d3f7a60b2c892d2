//! The tables that packages claim: those that they ask to create, alter or drop.

use std::collections::BTreeMap;

use super::format::Manifest;
use runner_database::grants::{Grant, Tables, Verb, begins};

/// Two packages that claim the same tables.
pub struct Conflict {
    /// Their names.
    pub packages: [String; 2],
    /// The tables, as the second one asks for them.
    pub tables: String,
}

/// Every pair of packages that claim the same tables.
pub fn conflicts(manifests: &BTreeMap<String, Manifest>) -> Vec<Conflict> {
    let claims: Vec<(&String, Vec<Grant>)> =
        manifests.iter().map(|(name, manifest)| (name, claims(manifest))).collect();
    let mut found = Vec::new();
    for (at, (other, theirs)) in claims.iter().enumerate() {
        for (name, ours) in &claims[at + 1..] {
            let both = ours.iter().find(|ours| theirs.iter().any(|theirs| overlap(&ours.tables, &theirs.tables)));
            found.extend(both.map(|grant| {
                let tables = grant.to_string();
                let tables = tables.split_once(' ').map_or("", |(_, tables)| tables).to_owned();
                Conflict { packages: [(*other).clone(), (*name).clone()], tables }
            }));
        }
    }
    found
}

fn claims(manifest: &Manifest) -> Vec<Grant> {
    asked(manifest).filter(|grant| matches!(grant.verb, Verb::Create | Verb::Alter | Verb::Drop)).collect()
}

/// What a package asks for of tables.
fn asked(manifest: &Manifest) -> impl Iterator<Item = Grant> {
    let lines = manifest.migrations.iter().flat_map(|migration| &migration.allow);
    lines.filter_map(|line| line.parse().ok())
}

/// The tables that a package asks for: those that it creates, and all.
pub fn created_and_used(manifest: &Manifest) -> [Vec<Tables>; 2] {
    let used: Vec<Grant> = asked(manifest).collect();
    let created = used.iter().filter(|grant| grant.verb == Verb::Create).map(|grant| grant.tables.clone()).collect();
    [created, used.into_iter().map(|grant| grant.tables).collect()]
}

/// Whether a table can be meant by both. Names are compared without case, as the laxest database does.
fn overlap(one: &Tables, other: &Tables) -> bool {
    let same_schema = match (&one.schema, &other.schema) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        // The schema in which a component works may be the one that the other names.
        _ => true,
    };
    same_schema
        && match (one.is_prefix, other.is_prefix) {
            (false, false) => one.name.eq_ignore_ascii_case(&other.name),
            (true, false) => begins(&other.name, &one.name),
            (false, true) => begins(&one.name, &other.name),
            (true, true) => begins(&other.name, &one.name) || begins(&one.name, &other.name),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_overlap_with_their_prefixes() {
        let tables = |text: &str| format!("create {text}").parse::<Grant>().expect(text).tables;
        for (one, other, expected) in [
            ("outbox", "OUTBOX", true),
            ("outbox", "outbox_events", false),
            ("outbox_*", "outbox_events", true),
            ("outbox_*", "out*", true),
            ("*", "anything", true),
            ("a.outbox", "b.outbox", false),
            ("a.outbox", "outbox", true),
        ] {
            assert_eq!(overlap(&tables(one), &tables(other)), expected, "{one} and {other}");
            assert_eq!(overlap(&tables(other), &tables(one)), expected, "{other} and {one}");
        }
    }
}
