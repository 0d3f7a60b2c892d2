//! Reads every SQL text of the tool, and finds names that the server would look up on the search path.
//!
//! `search_path` says which texts may have such names: those about the tool's tables, which run with a path of their own. The
//! suite `servers` proves on a server that no name is left: there, every function and operator of PostgreSQL has a double.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Words that look like functions and are syntax.
const SYNTAX: [&str; 13] = [
    "all", "any", "array", "cast", "coalesce", "exists", "extract", "filter", "greatest", "least", "operator", "row",
    "values",
];

/// Names of types that are syntax, so that the server looks them up in `pg_catalog` alone.
const TYPES: [&str; 5] = ["bigint", "boolean", "integer", "smallint", "double"];

/// The words with which our statements begin.
const FIRST: [&str; 11] = [
    "SELECT ",
    "WITH ",
    "EXISTS ",
    "INSERT ",
    "UPDATE ",
    "DELETE ",
    "COPY ",
    "LOCK ",
    "DECLARE ",
    "BEGIN",
    "SAVEPOINT ",
];

#[test]
fn every_name_in_the_tools_statements_is_qualified() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut texts = 0;
    let mut problems = Vec::new();
    for file in files(&host) {
        let name = file.strip_prefix(&host).expect("below it").to_string_lossy().replace('\\', "/");
        let is_test = name.contains("tests") && !name.contains("/migration_tests/") || name.starts_with("contract/");
        // An attack is not the tool's statement, nor is what prepares the ground for it.
        let is_attack = name.starts_with("corpus/") || name.starts_with("attack/src/");
        if is_test || is_attack || ["mysql/", "sqlite/", "sql/"].iter().any(|other| name.starts_with(other)) {
            continue;
        }
        let source = fs::read_to_string(&file).expect("a source");
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        // The functions of the gate have a search path of their own, which is proven before each use.
        let is_body = |text: &String| name == "postgres/src/gate/functions.rs" && text.starts_with('\n');
        for text in literals(source).into_iter().filter(|text| !is_body(text)) {
            let is_ours = name.starts_with("postgres/") && FIRST.iter().any(|word| text.trim_start().starts_with(word));
            if is_ours || text.contains("pg_catalog.") {
                texts += 1;
                problems.extend(check(&text).into_iter().map(|problem| format!("{name}: {problem}\n    {text}")));
            }
        }
    }
    assert!(texts > 60, "only {texts} texts were found");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn unqualified_names_are_found() {
    for text in [
        "SELECT concat_ws(',', a) FROM pg_catalog.pg_class",
        "SELECT pg_catalog.lower(a) || 'x' FROM pg_catalog.pg_class",
        "SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = 1",
        "SELECT 1 FROM pg_catalog.pg_class c WHERE c.relkind IN ('r')",
        "SELECT 1 FROM pg_catalog.pg_class c WHERE c.relname LIKE 'a'",
        "SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid BETWEEN $1 AND $2",
        "SELECT 1 FROM pg_catalog.pg_class c WHERE c.relname IS DISTINCT FROM 'a'",
        "SELECT nullif(a, '') FROM pg_catalog.pg_class c",
        "SELECT CASE a WHEN 1 THEN 2 END FROM pg_catalog.pg_class c",
        "SELECT a::text FROM pg_catalog.pg_class c",
        "SELECT CAST(a AS text) FROM pg_catalog.pg_class c",
        "SELECT 1 FROM pg_class c",
        "SELECT 1 FROM pg_catalog.pg_class JOIN pg_index ON true",
        "SELECT 1 FROM pg_catalog.pg_class JOIN pg_catalog.pg_index USING (oid)",
        "SELECT a COLLATE \"C\" FROM pg_catalog.pg_class",
    ] {
        assert_eq!(check(text).len(), 1, "{text}: {:?}", check(text));
    }
    for text in [
        "SELECT count FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY[1, 2]::pg_catalog.oid[])",
        "WITH tool AS (SELECT 1) SELECT pg_catalog.count(*) FROM tool t WHERE t.a IS NULL",
        "BEGIN; SET LOCAL search_path = pg_catalog, pg_temp; SELECT coalesce(extract(epoch FROM x)::bigint, '=') FROM a.b",
        "SELECT t.* FROM ONLY {schema}.{table} t WHERE {} ORDER BY \"a = b\"",
    ] {
        assert_eq!(check(text), Vec::<String>::new(), "{text}");
    }
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The texts of a Rust source: what is between quotes, outside comments, as the program has it.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let here = &rest[at..];
        if here.starts_with("//") {
            rest = here.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(raw) = here.strip_prefix('"').filter(|_| rest[..at].ends_with("r#")) {
            let (text, after) = raw.split_once("\"#").unwrap_or((raw, ""));
            found.push(text.to_owned());
            rest = after;
        } else if let Some(quoted) = here.strip_prefix('"') {
            let (text, after) = literal(quoted);
            found.push(text);
            rest = after;
        } else if let Some(escaped) = here.strip_prefix("'\\") {
            rest = escaped.split_once('\'').map_or("", |(_, after)| after);
        } else if let Some(after) = here.strip_prefix("'\"'") {
            rest = after;
        } else {
            rest = &here[1..];
        }
    }
    found
}

/// A text up to its closing quote, and what follows.
fn literal(source: &str) -> (String, &str) {
    let mut text = String::new();
    let mut characters = source.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, &source[at + 1..]),
            '\\' => match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => text.push('\n'),
                Some('\n') => {
                    let after = characters.as_str().trim_start();
                    characters = source[source.len() - after.len()..].char_indices();
                    let (more, rest) = literal(characters.as_str());
                    return (text + &more, rest);
                }
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    (text, "")
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A name or keyword, with the qualifiers before it.
    Word(String),
    /// A quoted name.
    Quoted,
    /// What the program puts in.
    Placeholder,
    Symbols(String),
    Text,
}

/// What is wrong with a text.
fn check(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for statement in text.split("; ") {
        let first = statement.trim_start().split(' ').next().unwrap_or_default();
        if matches!(first, "SET" | "FETCH" | "CLOSE" | "RELEASE" | "ROLLBACK" | "LOCK" | "DECLARE" | "BEGIN" | "COPY") {
            continue;
        }
        problems.extend(check_statement(&tokens(statement), &defined(statement)));
    }
    problems
}

/// The names that a WITH defines: `name AS (` and `name (column) AS (`, or `AS MATERIALIZED (`.
fn defined(text: &str) -> BTreeSet<String> {
    let of = |(at, _): (usize, &str)| {
        let before = text[..at].trim_end();
        let before = match before.strip_suffix(')') {
            Some(columns) => columns.rfind('(').map_or(columns, |open| columns[..open].trim_end()),
            None => before,
        };
        before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default().to_lowercase()
    };
    text.match_indices(" AS (").chain(text.match_indices(" AS MATERIALIZED (")).map(of).collect()
}

fn check_statement(tokens: &[Token], defined: &BTreeSet<String>) -> Vec<String> {
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => word.to_ascii_lowercase(),
        _ => String::new(),
    };
    let symbols = |at: usize| match tokens.get(at) {
        Some(Token::Symbols(symbols)) => symbols.as_str(),
        _ => "",
    };
    let mut problems = Vec::new();
    for at in 0..tokens.len() {
        let this = word(at);
        match &tokens[at] {
            Token::Symbols(text) => {
                let operator: String = text.chars().filter(|c| "=<>+-*/|~!@#%^&".contains(*c)).collect();
                let before = word(at.wrapping_sub(1));
                let is_all = before.ends_with('.') || before == "select" || before == "unlisten";
                let is_star = operator == "*" && (text.contains("(*") || is_all);
                if !operator.is_empty() && !is_star {
                    problems.push(format!("the operator `{operator}` is not qualified"));
                }
                if text.ends_with("::")
                    && !is_own_type(&word(at + 1))
                    && tokens.get(at + 1) != Some(&Token::Placeholder)
                {
                    problems.push(format!("the type `{}` is not qualified", word(at + 1)));
                }
            }
            Token::Word(_) => {
                let is_call = symbols(at + 1).starts_with('(');
                if is_call
                    && !["pg_catalog.", "runner_gate."].iter().any(|own| this.starts_with(own))
                    && !SYNTAX.contains(&this.as_str())
                    && this != "nullif"
                {
                    problems.push(format!("the function `{this}` is not qualified"));
                }
                let is_set = |name: &str| word(at + 1) == name;
                match this.as_str() {
                    "like" | "ilike" | "between" | "nullif" => problems.push(format!("`{this}` looks an operator up")),
                    "in" if symbols(at + 1).trim_start().starts_with('(') => {
                        problems.push("`in` looks an operator up".to_owned());
                    }
                    "distinct" if is_set("from") => problems.push("`distinct from` looks an operator up".to_owned()),
                    "using" if symbols(at + 1).trim_start().starts_with('(') => {
                        problems.push("`using` looks an operator up".to_owned());
                    }
                    "case" if !is_set("when") => problems.push("`case` with a value looks an operator up".to_owned()),
                    "collate" if matches!(tokens.get(at + 1), Some(Token::Quoted)) => {
                        problems.push("the collation is not qualified".to_owned());
                    }
                    "as" if symbols(at + 2).starts_with(')')
                        && is_in_cast(tokens, at)
                        && !is_own_type(&word(at + 1)) =>
                    {
                        problems.push(format!("the type `{}` is not qualified", word(at + 1)));
                    }
                    "from" | "join" | "into" | "only" if word(at.saturating_sub(1)) != "epoch" => {
                        let table = word(at + 1);
                        let is_name = !table.is_empty() && !["lateral", "only", "select"].contains(&table.as_str());
                        let is_call = symbols(at + 2).starts_with('(');
                        if is_name && !is_call && !table.contains('.') && !defined.contains(&table) {
                            problems.push(format!("the table `{table}` is not qualified"));
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    problems
}

fn is_own_type(name: &str) -> bool {
    name.starts_with("pg_catalog.") || TYPES.contains(&name)
}

/// Whether the word is that of a `CAST (… AS …)`.
fn is_in_cast(tokens: &[Token], at: usize) -> bool {
    tokens[..at]
        .iter()
        .rev()
        .take(12)
        .any(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("cast")))
}

/// Splits a statement. Spaces belong to the symbols around them, so that `f(` and `AS (` differ.
fn tokens(text: &str) -> Vec<Token> {
    let text = text.replace("OPERATOR({", "OPERATOR(pg_catalog.{").replace("~tables~", "{}");
    let mut found: Vec<Token> = Vec::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.' || c == '$';
        let length = if let Some(after) = rest.strip_prefix("OPERATOR(pg_catalog.") {
            "OPERATOR(pg_catalog.".len() + after.find(')').unwrap_or(0) + 1
        } else if first == '\'' {
            let end = rest[1..].find('\'').map_or(rest.len(), |end| end + 2);
            found.push(Token::Text);
            end
        } else if first == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |end| end + 2);
            match found.last_mut() {
                // `pg_catalog."char"`
                Some(Token::Word(word)) if word.ends_with('.') => word.push_str("quoted"),
                _ => found.push(Token::Quoted),
            }
            end
        } else if first == '{' {
            found.push(Token::Placeholder);
            rest.find('}').map_or(rest.len(), |end| end + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if is_name(first) && first != '.' {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            let is_number = word.starts_with(|c: char| c.is_ascii_digit() || c == '$');
            found.push(if is_number { Token::Text } else { Token::Word(word.to_owned()) });
            end
        } else {
            let end = rest
                .char_indices()
                .find(|(at, c)| {
                    let begins = is_name(*c) && *c != '.' || ['\'', '"', '{'].contains(c);
                    begins || *at > 0 && (rest[*at..].starts_with("/*") || rest[*at..].starts_with("OPERATOR("))
                })
                .map_or(rest.len(), |(at, _)| at);
            if !rest[..end].trim().is_empty() {
                found.push(Token::Symbols(rest[..end].to_owned()));
            }
            end.max(1)
        };
        rest = &rest[length..];
    }
    found
}
