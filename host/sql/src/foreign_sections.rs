//! Files that other tools divide into upgrade and downgrade by comments that are not taken as sections. They are refused: run whole,
//! such a file would take itself back.

use super::SqlError;
use super::lex::{TokenKind, has_statement, tokens};
use runner_base::dialect::Dialect;

/// Two words that name the directions, in lower case.
const PAIRS: [(&str, &str); 4] = [("up", "down"), ("ups", "downs"), ("upgrade", "downgrade"), ("do", "undo")];

/// Tools whose markers are two words, in lower case.
const TOOLS: [&str; 8] = ["rambler", "+goose", "+migrate", "+micrate", "goose", "dbmate", "migrate", "migration"];

/// What a comment says about the direction of the lines after it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Divider {
    /// The downgrade begins, in a form that is not prose.
    Undo,
    /// The upgrade begins, in one of many forms.
    Up(String),
    /// The downgrade begins. Only after an upgrade in the same form it is more than prose.
    Down(String),
}

/// A comment on a line of its own.
struct Comment<'a> {
    /// Where it begins in the text.
    at: usize,
    /// Its line, counted from 1.
    line: usize,
    text: &'a str,
    divider: Divider,
}

/// The problem of a text that is divided. `dialect`: of the text, if its name says so; `has_sections`: it has markers
/// that are understood. Next to them `-- up` and `-- down` are prose, but `/* migrate:down */` is not.
pub(super) fn foreign_section(text: &str, dialect: Option<Dialect>, has_sections: bool) -> Option<SqlError> {
    if !["--", "#", "/*"].iter().any(|begin| text.contains(begin)) {
        return None;
    }
    let is_of_tool = |form: &str| form.contains([' ', ':']);
    let mut found = Vec::new();
    let mut at = 0;
    for (raw, line) in text.split_inclusive('\n').zip(1..) {
        let shown = raw.trim();
        let counts = |divider: &Divider| match divider {
            Divider::Undo => true,
            _ if !has_sections => true,
            Divider::Up(form) => is_of_tool(form),
            Divider::Down(form) => is_of_tool(form) && !shown.starts_with("--"),
        };
        if let Some(divider) = divider(shown).filter(counts) {
            found.push(Comment { at: at + (raw.len() - raw.trim_start().len()), line, text: shown, divider });
        }
        at += raw.len();
    }
    // As nearly all texts are.
    first(&found)?;
    let read_as = dialects(text, dialect);
    let problem = read_as.into_iter().find_map(|dialect| {
        let mut comments = Vec::new();
        let mut tokens = tokens(text, dialect);
        let mut left = found.iter().peekable();
        // In a string or another comment, no token begins where this one does.
        while let (Some(next), Some(token)) = (left.peek(), tokens.next()) {
            if next.at == token.range.start {
                comments.push(*next);
            }
            while left.next_if(|next| next.at < token.range.end).is_some() {}
        }
        // What is commented out does not run.
        let runs = |comment: &&Comment<'_>| has_statement(&text[comment.at + comment.text.len()..], dialect);
        first(comments).filter(runs).map(|comment| (comment.line, comment.text))
    });
    let (line, shown) = problem?;
    Some(division(line, shown))
}

/// The problem of a line at which a downgrade begins.
pub(super) fn division(line: usize, shown: &str) -> SqlError {
    let hint =
        "split the file at this line into `NAME.up.sql` and `NAME.down.sql`; if the line is only a comment, reword it";
    SqlError {
        line,
        message: format!("`{shown}` divides the file in a way that is not supported"),
        hint: Some(hint.to_owned()),
    }
}

/// The first comment at which a downgrade begins.
fn first<'c, 'a: 'c>(comments: impl IntoIterator<Item = &'c Comment<'a>>) -> Option<&'c Comment<'a>> {
    let mut upgrades = Vec::new();
    comments.into_iter().find(|comment| match &comment.divider {
        Divider::Undo => true,
        Divider::Up(form) => {
            upgrades.push(form);
            false
        }
        Divider::Down(form) => upgrades.contains(&form),
    })
}

/// The dialects that a text may be in. Where quotes end differs between them, so it is asked for each.
pub(super) fn dialects(text: &str, dialect: Option<Dialect>) -> Vec<Dialect> {
    if let Some(dialect) = dialect {
        return vec![dialect];
    }
    let has_delimiter = text.lines().any(|line| {
        line.trim_start().get(.."delimiter".len()).is_some_and(|word| word.eq_ignore_ascii_case("delimiter"))
    });
    let mut tokens = tokens(text, Dialect::Postgres);
    let is_dollar = |range: std::ops::Range<usize>| text[range].starts_with('$');
    // Elsewhere the body of a function would be read as statements, with comments of their own.
    if !has_delimiter && tokens.any(|token| token.kind == TokenKind::Quoted && is_dollar(token.range)) {
        return vec![Dialect::Postgres];
    }
    vec![Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite]
}

/// What a line says, if it is a comment and nothing else.
fn divider(line: &str) -> Option<Divider> {
    let is_comment =
        line.starts_with("--") || line.starts_with('#') || (line.starts_with("/*") && line.ends_with("*/"));
    if !is_comment {
        return None;
    }
    let is_frame = |c: char| c.is_whitespace() || matches!(c, '-' | '=' | '#' | '*' | '/' | '[' | ']');
    let inner = line.trim_matches(is_frame);
    let inner = inner.to_ascii_lowercase();
    // MyBatis and tern.
    if inner == "@undo" || line.contains("//@UNDO") || inner.contains("create above / drop below") {
        return Some(Divider::Undo);
    }
    let words: Vec<&str> = inner.split_whitespace().collect();
    match words.as_slice() {
        // Play takes them anywhere in a comment.
        words if words.contains(&"!ups") => Some(Divider::Up("!ups".to_owned())),
        words if words.contains(&"!downs") => Some(Divider::Down("!ups".to_owned())),
        [word] if !word.contains(':') || word.ends_with(':') => {
            let name = word.trim_start_matches(['!', '@', '+']);
            let (marks, name) = (&word[..word.len() - name.len()], name.trim_end_matches(':'));
            // Without a mark these are words as others.
            if marks.is_empty() && matches!(name, "do" | "undo") {
                return None;
            }
            of(name, |up| format!("{marks}{up}{}", &word[marks.len() + name.len()..]))
        }
        [tool, word] if TOOLS.contains(tool) => of(word, |up| format!("{tool} {up}")),
        [word, tool] if TOOLS.contains(tool) => of(word, |up| format!("{up} {tool}")),
        // dbmate has options, and Migrondi the time.
        [first, options @ ..] if options.iter().all(|option| option.contains(':')) => {
            let (tool, rest) = first.split_once(':')?;
            of(rest.split(':').next().unwrap_or_default(), |up| format!("{tool}:{up}"))
        }
        _ => None,
    }
}

/// The direction that a word says, in a form that is spelled with the word for the upgrade.
fn of(word: &str, form: impl Fn(&str) -> String) -> Option<Divider> {
    PAIRS.iter().find_map(|(up, down)| match word {
        word if word == *up => Some(Divider::Up(form(up))),
        word if word == *down => Some(Divider::Down(form(up))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(text: &str) -> Option<usize> {
        foreign_section(text, None, false).map(|error| error.line)
    }

    #[test]
    fn a_file_that_another_tool_divides_is_refused_where_the_downgrade_begins() {
        for text in [
            "A;\n-- @UNDO\nB;",
            "A;\n-- //@UNDO\nB;",
            "A;\n--//@undo\nB;",
            "A;\n-- // @UNDO\nB;",
            "A;\n---- create above / drop below ----\nB;",
        ] {
            assert_eq!(line_of(text), Some(2), "{text}");
            assert!(foreign_section(text, None, true).is_some(), "{text}");
        }
        for (up, down) in [
            ("# --- !Ups", "# --- !Downs"),
            ("# First evolution !Ups", "# !Downs"),
            ("-- !Ups", "-- !Downs"),
            ("--- !Ups", "--- !Downs"),
            ("-- Up", "-- Down"),
            ("--UP", "--DOWN"),
            ("--------\n-- Up\n--------", "--------\n-- Down\n--------"),
            ("-- rambler up", "-- rambler down"),
            ("-- ==== UP ====", "-- ==== DOWN ===="),
            (
                "-- ---------- MIGRONDI:UP:1586550686936 ----------",
                "-- ---------- MIGRONDI:DOWN:1586550686936 ----------",
            ),
            ("-- @UP", "-- @DOWN"),
            ("-- +up", "-- +down"),
            ("-- up:", "-- down:"),
            ("# +goose Up", "# +goose Down"),
            ("/* migrate:up transaction:false */", "/* migrate:down */"),
            ("/* Up */", "/* Down */"),
            ("-- migration up", "-- migration down"),
            ("# Up Migration", "# Down Migration"),
            ("-- upgrade", "-- downgrade"),
            ("-- @DO", "-- @UNDO"),
        ] {
            let text = format!("{up}\nA;\n\n{down}\nB;");
            assert!(line_of(&text).is_some_and(|line| line > 3), "{text}");
            assert_eq!(line_of(&format!("{up}\nA;")), None, "{up}");
        }
        let error = foreign_section("-- Up\nA;\n  -- Down\nB;", None, false).expect("divided");
        assert_eq!((error.line, &*error.message), (3, "`-- Down` divides the file in a way that is not supported"));
    }

    #[test]
    fn other_comments_are_prose() {
        for text in [
            "-- Up\nA;",
            "-- Down\nA;",
            "-- Down\nA;\n-- Up\nB;",
            "-- Up\nA;\n\n-- Down\n-- B;\n",
            "-- do\nA;\n-- undo\nB;",
            "-- up\nA;\n-- @down\nB;",
            "-- scale up\nA;\n-- scale down\nB;",
            "-- up and running\nA;\n-- down the road\nB;",
            "A; -- up\nB; -- down",
            "A;\n-- undo\nB;",
            "-- see @UNDO\nA;",
            "INSERT INTO t VALUES ('\n-- Up\n-- Down\n-- @UNDO\n');",
            "CREATE FUNCTION f() AS $$\n-- Up\n-- Down\n$$;",
            "/*\n-- Up\n-- Down\n*/",
            "-- Up\nSELECT '\n-- Down\n';",
        ] {
            assert_eq!(line_of(text), None, "{text}");
        }
        // Next to markers that are understood.
        for text in ["-- Up\nA;\n-- Down\nB;", "-- +goose Up\nA;\n-- +goose Down\nB;"] {
            assert_eq!(foreign_section(text, None, true), None, "{text}");
        }
        assert!(foreign_section("-- migrate:up\nA;\n/* migrate:down */\nB;", None, true).is_some());
    }

    #[test]
    fn where_a_string_ends_depends_on_the_dialect() {
        let mysql = "-- Up\nINSERT INTO t VALUES ('it\\'s');\n-- Down\nDELETE FROM t;";
        assert_eq!(line_of(mysql), Some(3));
        assert!(foreign_section(mysql, Some(Dialect::Mysql), false).is_some());
        let delimiter = "-- Up\nDELIMITER $$\nCREATE PROCEDURE p()\nA $$\nDELIMITER ;\n-- Down\nDROP PROCEDURE p;";
        assert_eq!(line_of(delimiter), Some(6));
        let body = "-- Up\nCREATE FUNCTION f() AS $$ A; $$;\n-- Down\nDROP FUNCTION f();";
        assert_eq!(line_of(body), Some(3));
    }
}
