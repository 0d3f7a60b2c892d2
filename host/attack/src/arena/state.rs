//! What a database holds before and after an attempt.

use std::collections::BTreeSet;

use super::{BASE, GUEST, Left};

/// One line of the picture of a database: whose it is, what it is, and how it is.
pub(super) type Line = [String; 3];

/// What a database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State(pub(super) BTreeSet<Line>);

impl State {
    /// What is different in what belongs to these.
    pub(super) fn differences(&self, before: &Self, of: &[&str]) -> Vec<String> {
        let is_of = |line: &&Line| of.contains(&&*line[0]);
        let told = |sign: &str, line: &Line| format!("{sign} {}: {}", line[1], line[2]);
        let gone = before.0.difference(&self.0).filter(is_of).map(|line| told("-", line));
        gone.chain(self.0.difference(&before.0).filter(is_of).map(|line| told("+", line))).collect()
    }

    /// The rows of the history.
    pub(super) fn history(&self) -> BTreeSet<&str> {
        self.0.iter().filter(|line| line[0] == "history").map(|line| &*line[2]).collect()
    }
}

/// What the history says that is not so, or does not say.
pub(super) fn lies(after: &State, left: &Left) -> Vec<String> {
    let row = |(revision, name): (&str, &str), state: &str| format!("{revision} {name} {state}");
    let mut expected = vec![row(BASE, "applied")];
    expected.extend(left.done.iter().map(|done| row(*done, "applied")));
    let partial = row(GUEST, "partial");
    let rows = after.history();
    let missing = expected.iter().filter(|row| !rows.contains(&***row)).map(|row| format!("the history lacks `{row}`"));
    let known = |row: &&&str| expected.iter().any(|it| it == **row) || (left.some && **row == partial);
    let forged = rows.iter().filter(|row| !known(row)).map(|row| format!("the history has `{row}`"));
    missing.chain(forged).collect()
}
