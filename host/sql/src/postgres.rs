//! Details of PostgreSQL statements.

use std::borrow::Cow;

use super::Statement;
use super::classify::StatementClass;
use super::lex::TokenKind;
use super::tokens::{Part, Tokens};
use super::unquote::unquote;
use runner_base::dialect::Dialect;

/// An index that a statement builds without a lock on its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrentIndex {
    /// Its name, as in the catalogue.
    pub name: String,
    /// The table as written in the statement, possibly with a schema and quotes.
    pub table: String,
}

/// The index of a `CREATE INDEX CONCURRENTLY` with a name.
pub fn concurrent_index(tokens: &Tokens<'_>) -> Option<ConcurrentIndex> {
    if !begins_with(tokens, &["CREATE"]) {
        return None;
    }
    let is = |at: usize, word: &str| tokens.is_word(at, &[word]);
    let mut at = if is(1, "UNIQUE") { 2 } else { 1 };
    if !(is(at, "INDEX") && is(at + 1, "CONCURRENTLY")) {
        return None;
    }
    at += 2;
    if is(at, "IF") {
        if !(is(at + 1, "NOT") && is(at + 2, "EXISTS")) {
            return None;
        }
        at += 3;
    }
    // Without a name the server chooses one.
    if is(at, "ON") || !is(at + 1, "ON") {
        return None;
    }
    let name = fold(tokens.parts()[at].1);
    at += if is(at + 2, "ONLY") { 3 } else { 2 };
    let (table, _) = qualified(tokens.parts().get(at..)?)?;
    Some(ConcurrentIndex { name, table })
}

/// Whether a statement of PostgreSQL begins with one of these words, which hardly any does.
fn begins_with(tokens: &Tokens<'_>, words: &[&str]) -> bool {
    let first = || tokens.head().next().filter(|(kind, _)| *kind == TokenKind::Word);
    tokens.dialect() == Dialect::Postgres
        && first().is_some_and(|(_, first)| words.iter().any(|word| first.eq_ignore_ascii_case(word)))
}

/// Whether a statement lets others read and write what it changes, and waits for them: `CREATE INDEX`, `DROP INDEX`, `REINDEX` and
/// `DETACH PARTITION`, each with `CONCURRENTLY`.
pub fn works_concurrently(tokens: &Tokens<'_>) -> bool {
    begins_with(tokens, &["CREATE", "DROP", "REINDEX", "ALTER"])
        && (0..tokens.parts().len()).any(|at| tokens.is_word(at, &["CONCURRENTLY"]))
}

/// The index or the table of a `REINDEX … CONCURRENTLY`, as written: possibly with a schema and quotes. `None` for one of a whole schema
/// or database.
pub fn rebuilt_concurrently(tokens: &Tokens<'_>) -> Option<String> {
    if !begins_with(tokens, &["REINDEX"]) {
        return None;
    }
    let is = |at: usize, words: &[&str]| tokens.is_word(at, words);
    let is_sign = |at: usize, sign: &str| tokens.is_sign(at, sign);
    let (mut at, mut concurrently) = (1, false);
    if is_sign(at, "(") {
        let end = (at..tokens.parts().len()).find(|at| is_sign(*at, ")"))?;
        let is_off = |at: usize| is(at, &["FALSE", "OFF"]) || is_sign(at, "0");
        concurrently = (at..end).any(|at| is(at, &["CONCURRENTLY"]) && !is_off(at + 1));
        at = end + 1;
    }
    if !is(at, &["INDEX", "TABLE"]) {
        return None;
    }
    at += 1;
    if is(at, &["CONCURRENTLY"]) {
        (at, concurrently) = (at + 1, true);
    }
    let (name, rest) = qualified(tokens.parts().get(at..)?)?;
    let is_all = rest.iter().all(|(kind, _)| *kind == TokenKind::Semicolon);
    (concurrently && is_all).then_some(name)
}

/// A name as written, with its schema if there is one, and what follows it.
fn qualified<'a, 't>(parts: &'a [Part<'t>]) -> Option<(String, &'a [Part<'t>])> {
    let (first, mut rest) = parts.split_first()?;
    let mut name = first.1.to_owned();
    while let [(_, "."), (_, part), ..] = rest {
        name.push('.');
        name.push_str(part);
        rest = &rest[2..];
    }
    Some((name, rest))
}

/// What a statement that PostgreSQL runs in several transactions removes, as written: possibly with a schema and quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemovedConcurrently {
    /// The index of a `DROP INDEX CONCURRENTLY`.
    Index(String),
    /// The partition of an `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`.
    Partition(String),
}

/// What a statement removes in several transactions, if it does.
pub fn removed_concurrently(tokens: &Tokens<'_>) -> Option<RemovedConcurrently> {
    if !begins_with(tokens, &["DROP", "ALTER"]) {
        return None;
    }
    let index = || dropped(tokens).map(RemovedConcurrently::Index);
    index().or_else(|| detached(tokens).map(RemovedConcurrently::Partition))
}

fn dropped(tokens: &Tokens<'_>) -> Option<String> {
    let is = |at: usize, word: &str| tokens.is_word(at, &[word]);
    if !(is(0, "DROP") && is(1, "INDEX") && is(2, "CONCURRENTLY")) {
        return None;
    }
    let start = if is(3, "IF") && is(4, "EXISTS") { 5 } else { 3 };
    qualified(tokens.parts().get(start..)?).map(|(name, _)| name)
}

fn detached(tokens: &Tokens<'_>) -> Option<String> {
    let (parts, is) = (tokens.parts(), |at: usize, word: &str| tokens.is_word(at, &[word]));
    if !(is(0, "ALTER") && is(1, "TABLE")) {
        return None;
    }
    let at = (2..parts.len()).find(|at| is(*at, "DETACH") && is(at + 1, "PARTITION"))? + 2;
    let end = (at..parts.len()).find(|at| is(*at, "CONCURRENTLY"))?;
    Some(parts[at..end].iter().map(|(_, text)| *text).collect())
}

/// Whether a `DO` ends transactions itself: a statement of its block is `COMMIT` or `ROLLBACK`. The server allows that outside of
/// a transaction only. Whether a procedure does so, the text of its `CALL` does not show: next to a `COMMIT`, a block can call it.
pub fn commits_within(tokens: &Tokens<'_>) -> bool {
    begins_with(tokens, &["DO"])
        && tokens.parts().iter().filter_map(|(_, text)| body(text)).any(|body| ends_transactions(&body))
}

/// Whether a statement that begins with WITH changes rows, itself or in one of its parts: `INSERT`, `UPDATE`, `DELETE`
/// or `MERGE` is where a statement begins. Elsewhere these words are names, or part of `FOR UPDATE`.
pub fn changes_within(tokens: &Tokens<'_>) -> bool {
    let is = |at: usize, words: &[&str]| tokens.is_word(at, words);
    let is_name = |at: usize| tokens.is_name(at);
    let (mut depth, mut has_begun) = (0_usize, false);
    for (at, (kind, text)) in tokens.parts().iter().enumerate() {
        match (kind, *text) {
            (TokenKind::Sign, "(") => depth += 1,
            (TokenKind::Sign, ")") => depth = depth.saturating_sub(1),
            _ => {}
        }
        // What `SEARCH` and `CYCLE` add to the last part is between its parenthesis and the statement.
        let may_begin = match depth {
            0 => !has_begun,
            _ => at > 0 && matches!(tokens.parts()[at - 1], (TokenKind::Sign, "(" | ")")),
        };
        // The first part may have such a name.
        let goes_on = is_name(at + 1) && !is(at + 1, &["AS"]);
        if may_begin && goes_on && is(at, &["INSERT", "UPDATE", "DELETE", "MERGE"]) {
            return true;
        }
        has_begun |= depth == 0 && is(at, &["SELECT", "VALUES", "TABLE"]);
    }
    false
}

/// The schemas that a statement names as such: after `SCHEMA`, where several may follow, and where `ALTER SCHEMA` and `IMPORT
/// FOREIGN SCHEMA` name the new one. A schema without a name of its own has that of its owner.
pub fn schemas(tokens: &Tokens<'_>) -> Vec<String> {
    let is = |at: usize, words: &[&str]| tokens.is_word(at, words);
    let sign = |at: usize, sign: &str| tokens.is_sign(at, sign);
    let mut found = Vec::new();
    for at in 0..tokens.parts().len() {
        let renames = is(0, &["ALTER"]) && is(1, &["SCHEMA"]) && is(at, &["RENAME"]) && is(at + 1, &["TO"]);
        let mut name = match () {
            () if is(at, &["SCHEMA"]) => at + 1,
            () if renames => at + 2,
            () if is(0, &["IMPORT"]) && is(at, &["INTO"]) => at + 1,
            () => continue,
        };
        if is(name, &["IF"]) && (is(name + 1, &["EXISTS"]) || is(name + 2, &["EXISTS"])) {
            name += if is(name + 1, &["EXISTS"]) { 2 } else { 3 };
        }
        name += usize::from(is(name, &["AUTHORIZATION", "CONCURRENTLY"]));
        loop {
            // `U&"name"`
            name += if is(name, &["U"]) && sign(name + 1, "&") { 2 } else { 0 };
            let Some((TokenKind::Word | TokenKind::Quoted, text)) = tokens.parts().get(name) else { break };
            found.push(unquote(text).into_owned());
            if !sign(name + 1, ",") {
                break;
            }
            name += 2;
        }
    }
    found
}

/// The content of `$tag$…$tag$` or `'…'`.
fn body(text: &str) -> Option<Cow<'_, str>> {
    if text.starts_with('\'') {
        return Some(Cow::Owned(literal(text)));
    }
    let tag = text.strip_prefix('$')?.find('$')? + 2;
    text.get(tag..text.len().checked_sub(tag)?).map(Cow::Borrowed)
}

/// Whether a block in PL/pgSQL has one of the two words where a statement begins, and as all of it except for a chain.
/// Elsewhere they are names, or part of `ON COMMIT DROP`.
fn ends_transactions(body: &str) -> bool {
    const BEFORE: [&str; 4] = ["BEGIN", "THEN", "ELSE", "LOOP"];
    let tokens = Tokens::new(body, Dialect::Postgres);
    let is = |(_, text): &(TokenKind, &str), words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    tokens.parts().windows(3).any(|part| {
        let begins = part[0].0 == TokenKind::Semicolon || is(&part[0], &BEFORE);
        let ends = part[2].0 == TokenKind::Semicolon || is(&part[2], &["AND"]);
        begins && ends && part[1].0 == TokenKind::Word && is(&part[1], &["COMMIT", "ROLLBACK"])
    })
}

/// The statement, counted from 0, that uses an enum value added by an earlier one, and that value. PostgreSQL refuses this in one
/// transaction, unless the enum was created there. Only a cast to the enum shows it: the same text may be meant for anything else,
/// and then the server decides, as it does for a value that may have been there before, and once names mean something else.
pub fn late_enum_value<'a>(statements: impl Iterator<Item = Statement<'a>>) -> Option<(usize, String)> {
    let mut made: Vec<String> = Vec::new();
    let mut added: Vec<(String, String)> = Vec::new();
    for (at, statement) in statements.enumerate() {
        let tokens = statement.tokens();
        // Most add none, and are long.
        if tokens.dialect() != Dialect::Postgres || added.is_empty() && statement.class == StatementClass::Rows {
            continue;
        }
        let words: Vec<&str> = tokens.parts().iter().map(|(_, text)| *text).collect();
        let is = |at: usize, expected: &str| words.get(at).is_some_and(|word| word.eq_ignore_ascii_case(expected));
        if is(0, "SET") && words.iter().any(|word| word.eq_ignore_ascii_case("search_path")) {
            return None;
        }
        if is(1, "TYPE") && (is(0, "CREATE") || is(0, "ALTER")) {
            let name = type_name(&words[2..]);
            if is(0, "CREATE") {
                made.push(name);
                continue;
            }
            let add = words
                .windows(2)
                .position(|pair| pair[0].eq_ignore_ascii_case("ADD") && pair[1].eq_ignore_ascii_case("VALUE"));
            let may_exist = |add: &usize| is(add + 2, "IF");
            if let Some(add) = add.filter(|add| !made.contains(&name) && !may_exist(add)) {
                let value = words[add..].iter().find(|word| word.starts_with('\''));
                added.extend(value.map(|word| (literal(word), name)));
            }
            continue;
        }
        // A comment does not use the value, nor does a routine that is only created.
        if is(0, "COMMENT") || is(0, "CREATE") {
            continue;
        }
        let used = (0..words.len()).find_map(|at| {
            let target = cast(&words, at)?;
            let value = literal(words[at]);
            // `'b'::m` may name `s.m`.
            let names = |name: &str| name == target || name.rsplit('.').next() == Some(&*target);
            added.iter().any(|(other, name)| *other == value && names(name)).then_some(value)
        });
        if let Some(value) = used {
            return Some((at, value));
        }
    }
    None
}

/// The type that the text at this position is cast to: `'b'::m`, `CAST('b' AS m)`.
fn cast(words: &[&str], at: usize) -> Option<String> {
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let is_text = word(at).starts_with('\'');
    let of = |at: usize| words.get(at..).map(type_name).filter(|name| !name.is_empty());
    match (word(at + 1), word(at + 2)) {
        (":", ":") if is_text => of(at + 3),
        (next, _) if is_text && next.eq_ignore_ascii_case("AS") => of(at + 2),
        _ => None,
    }
}

/// The name at the start of these tokens, folded, with its schema.
fn type_name(tokens: &[&str]) -> String {
    let mut name = String::new();
    let mut rest = tokens.iter();
    while let Some(part) = rest.next() {
        name.push_str(&fold(part));
        if rest.as_slice().first() != Some(&".") {
            break;
        }
        name.push('.');
        rest.next();
    }
    name
}

/// The words and names of a statement as in the catalogue.
pub(super) fn folded_names(tokens: &Tokens<'_>) -> Vec<String> {
    let is_name = |kind: &TokenKind| matches!(kind, TokenKind::Word | TokenKind::Quoted);
    tokens.parts().iter().filter(|(kind, _)| is_name(kind)).map(|(_, text)| fold(text)).collect()
}

/// A name as in the catalogue: lower case unless quoted. The server leaves letters beyond ASCII alone.
fn fold(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => inside.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

fn literal(text: &str) -> String {
    text.trim_matches('\'').replace("''", "'")
}

#[cfg(test)]
mod tests;
