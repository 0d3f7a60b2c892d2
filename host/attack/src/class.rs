//! What a hostile migration does by its calls: data, with placeholders for what can be written in several ways.

/// A call of a migration. What its text means depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Runs the text as a statement.
    Execute,
    /// Runs the text as a query, and reads its rows.
    Query,
    /// Opens a reader over the text, and reads it to its end.
    Read,
    /// Reads the granted column of the table `people` with the text as a filter.
    Filter,
    /// Copies the granted column of `people` to `outbox`, with the text as a filter.
    Transform,
    /// Reads all columns of the table that the text names.
    Table,
    /// Creates the table `made` with the text as the default of a column.
    Create,
    /// Adds a column with the text as its default to the table `mine`.
    Add,
    /// Drops the table that the text names.
    Drop,
    /// Fails with the text as its message.
    Fail,
    /// Calls the function of the host that the text names, with so many bytes, without end.
    Flood,
    /// Does to the cache of compiled components what the text says.
    Cache,
}

/// A call and its text.
pub type Call = (Verb, &'static str);

/// The role in which a migration attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attacker {
    /// A component with [`GRANTS`].
    Granted,
    /// The same, and with raw SQL.
    GrantedSql,
    /// A component without grants.
    Component,
    /// A migration in SQL, whose calls are its statements.
    File,
    /// Another user of the machine.
    Neighbour,
}

impl Attacker {
    /// Whether it may do only what [`GRANTS`] say.
    pub fn is_granted(self) -> bool {
        matches!(self, Self::Granted | Self::GrantedSql)
    }
}

/// The lines of an attacker's grants.
pub const GRANTS: [&str; 7] =
    ["read people(id)", "insert people(id)", "read outbox", "insert outbox", "create made", "alter mine", "drop old"];

/// How a migration is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In one transaction.
    Atomic,
    /// Step by step.
    Stepwise,
    /// In one transaction that is rolled back.
    DryRun,
}

/// Attacks of the same kind.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// What it is about: a word of a name.
    pub name: &'static str,
    /// What it would reach, after "a migration".
    pub what: &'static str,
    /// Who attacks.
    pub by: Attacker,
    /// What `{it}` stands for: each is an attack of its own.
    pub its: &'static [&'static str],
    /// What another session has done to the database before.
    pub before: &'static [&'static str],
    /// The calls.
    pub calls: &'static [Call],
    /// How it can be run.
    pub modes: &'static [Mode],
    /// A harmless component under grants runs after it, in the same run if that continues, and in a run of its own.
    pub then: bool,
    /// The memory that the process takes is compared.
    pub is_measured: bool,
}

/// Every way.
pub const ALL: &[Mode] = &[Mode::Atomic, Mode::Stepwise, Mode::DryRun];

impl Class {
    /// A class with one attack, run in all ways.
    pub(super) const fn new(name: &'static str, what: &'static str, by: Attacker, calls: &'static [Call]) -> Self {
        Self { name, what, by, its: &[""], before: &[], calls, modes: ALL, then: false, is_measured: false }
    }
}

/// Words that can be written in several ways: the placeholder and what it stands for, the most usual first.
pub const WORDS: &[(&str, &[&str])] = &[
    ("{out}", OUT),
    ("{local}", &["false", "true"]),
    ("{quote}", &["on", "ON", "true", "1", "yes"]),
    ("{right}", &["SELECT", "ALL", "SELECT, UPDATE", "SELECT, INSERT, DELETE", "SELECT, DELETE"]),
    ("{percent}", &["50", "0", "1", "99", "100"]),
    ("{forged}", &["FORGED", "forged", "0001"]),
];

/// What PostgreSQL's operator could do, without a quote.
const OUT: &[&str] = &[
    "UPDATE runner.runner_history SET name = $q${forged}$q$",
    "CREATE TABLE public.stolen AS SELECT * FROM public.secret",
    "DELETE FROM public.secret",
    "GRANT ALL ON public.secret TO PUBLIC",
];

/// Character sets of PostgreSQL's clients in which the last byte of such a character and a backslash are one character.
pub const CHARACTER_SETS: &[(&str, &[&str])] = &[
    ("GBK", &["啊", "丁", "丂", "負", "貨"]),
    ("GB18030", &["啊", "丁", "财", "負", "貢"]),
    ("SJIS", &["啊", "猓", "猔", "猕"]),
    ("BIG5", &["両", "丢", "丣", "賰"]),
    ("JOHAB", &["啊", "丄", "三", "財"]),
    ("UHC", &["啊", "가", "三", "각"]),
    ("UTF8", &["啊", "\u{e9}"]),
    ("LATIN1", &["啊", "\u{a5}"]),
];

/// An attack of a class, with one of the ways to write it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its class.
    pub class: &'static Class,
    /// What was done to the database before.
    pub before: Vec<String>,
    /// The calls.
    pub calls: Vec<(Verb, String)>,
}

impl Attempt {
    /// Writes one; `choose` picks one of so many ways, each time that there are several.
    pub fn new(class: &'static Class, it: &str, choose: &mut dyn FnMut(usize) -> usize) -> Self {
        let (charset, baits) = CHARACTER_SETS[choose(CHARACTER_SETS.len())];
        let bait = baits[choose(baits.len())];
        let mut fill = |text: &str| {
            let text = text.replace("{it}", it).replace("{charset}", charset).replace("{bait}", bait);
            WORDS.iter().fold(text, |text, (placeholder, words)| match text.contains(placeholder) {
                true => text.replace(placeholder, words[choose(words.len())]),
                false => text,
            })
        };
        let before = class.before.iter().map(|text| fill(text)).collect();
        let calls = class.calls.iter().map(|(verb, text)| (*verb, fill(text))).collect();
        Self { class, before, calls }
    }

    /// The most usual spelling of one.
    pub fn usual(class: &'static Class, it: &str) -> Self {
        Self::new(class, it, &mut |_| 0)
    }

    /// The calls, as a message shows them.
    pub fn shown(&self) -> Vec<String> {
        let calls = self.calls.iter().map(|(verb, text)| format!("{verb:?} {text}"));
        self.before.iter().cloned().chain(calls).collect()
    }
}
