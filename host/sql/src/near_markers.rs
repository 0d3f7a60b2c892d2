//! Comments in an upgrade that are, or nearly are, the marker of a downgrade of another tool. They are refused: what is below them
//! would run with the upgrade.

use std::ops::Range;

use super::SqlError;
use super::foreign_sections::{dialects, division};
use super::lex::{TokenKind, has_statement, tokens};
use runner_base::dialect::Dialect;

/// How many edits a comment may be away from a marker. Two are what a typing error makes: a letter that is missing and one too many.
const EDITS: usize = 2;

/// The most lines of a comment that is one word.
const LINES: usize = 5;

/// The longest marker has five words, and each edit can make one more.
const WORDS: usize = 7;

/// How much of a marker must be there before a comment is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It names its tool, as no prose does.
    Tool,
    /// Words that prose may have, too.
    Phrase,
    /// A single word.
    Word,
}

/// Markers of a downgrade, with those of the upgrade, in lower case.
const MARKERS: [(Kind, &str, &str); 15] = [
    (Kind::Tool, "+goose down", "+goose up"),
    (Kind::Tool, "+migrate down", "+migrate up"),
    (Kind::Tool, "+micrate down", "+micrate up"),
    (Kind::Tool, "migrate:down", "migrate:up"),
    (Kind::Tool, "migrondi:down", "migrondi:up"),
    (Kind::Tool, "rambler down", "rambler up"),
    (Kind::Tool, "//@undo", "//@do"),
    (Kind::Tool, "create above / drop below", "create above / drop below"),
    (Kind::Phrase, "down migration", "up migration"),
    (Kind::Phrase, "migration down", "migration up"),
    (Kind::Word, "down", "up"),
    (Kind::Word, "downs", "ups"),
    (Kind::Word, "!downs", "!ups"),
    (Kind::Word, "downgrade", "upgrade"),
    (Kind::Word, "rollback", "up"),
];

/// Words for the downgrade, of one or the other tool. A comment that has one of them, and otherwise only [`FILLERS`]
/// and signs, is the heading of one.
pub const DOWN_WORDS: [&str; 14] = [
    "down",
    "downs",
    "dn",
    "downgrade",
    "undo",
    "revert",
    "rollback",
    "reverse",
    "backout",
    "backward",
    "backwards",
    "unapply",
    "uninstall",
    "teardown",
];

/// What else a heading has.
const FILLERS: [&str; 13] = [
    "script",
    "scripts",
    "section",
    "migration",
    "migrations",
    "sql",
    "part",
    "the",
    "schema",
    "db",
    "name",
    "step",
    "steps",
];

/// A comment that begins like a marker.
#[derive(Clone, Copy, Debug)]
struct Likeness {
    kind: Kind,
    /// The marker of the downgrade.
    marker: &'static str,
    edits: usize,
    /// Begins with a sign that no prose has there.
    has_sign: bool,
    /// Continues like prose, or in the middle of a word: only below the marker of an upgrade it is more.
    goes_on: bool,
}

/// A comment on a line of its own, with what it is like: markers of the downgrade, and of the upgrade.
struct Comment<'a> {
    range: Range<usize>,
    line: usize,
    text: &'a str,
    down: Vec<Likeness>,
    up: Vec<Likeness>,
}

/// The problem of an upgrade in which a downgrade seems to begin. `dialect`: of the text, if its name says so.
pub fn near_marker(text: &str, dialect: Option<Dialect>) -> Option<SqlError> {
    let mut found = Vec::new();
    let mut at = 0;
    for (raw, line) in text.split_inclusive('\n').zip(1..) {
        let start = at + (raw.len() - raw.trim_start_matches(|c: char| c.is_whitespace() || c == ';').len());
        let mut shown = text[start.min(at + raw.len())..at + raw.len()].trim();
        at += raw.len();
        // A word alone in a comment of several lines.
        if shown.starts_with("/*") && !shown.contains("*/") {
            let near: usize = text[start..].split_inclusive('\n').take(LINES).map(str::len).sum();
            shown = text[start..start + near].find("*/").map_or(shown, |end| &text[start..start + end + 2]);
        }
        let Some(inner) = inner(shown) else { continue };
        let (mut down, up) = (like(&inner, |(_, down, _)| down), like(&inner, |(.., up)| up));
        let heading = heading(&inner).map(|marker| Likeness {
            kind: Kind::Word,
            marker,
            edits: 0,
            has_sign: false,
            goes_on: false,
        });
        down.extend(heading);
        if !down.is_empty() || !up.is_empty() {
            found.push(Comment { range: start..start + shown.len(), line, text: shown, down, up });
        }
    }
    // As nearly all texts are.
    if found.iter().all(|comment| comment.down.is_empty()) {
        return None;
    }
    dialects(text, dialect).into_iter().find_map(|dialect| in_dialect(text, &found, dialect))
}

fn in_dialect(text: &str, found: &[Comment<'_>], dialect: Dialect) -> Option<SqlError> {
    let mut tokens = tokens(text, dialect);
    let mut left = found.iter().peekable();
    let mut upgrades: Vec<Likeness> = Vec::new();
    let (mut has_statements, mut is_between) = (false, true);
    // In a string or another comment, no token begins where a comment of these does.
    while let (Some(next), Some(token)) = (left.peek(), tokens.next()) {
        let place = Place { has_statements, is_between, upgrades: &upgrades };
        if next.range.start == token.range.start {
            let marker = next.down.iter().find(|likeness| place.divides(likeness, next.text));
            if let Some(likeness) = marker.filter(|likeness| runs(&text[next.range.end..], likeness.marker, dialect)) {
                return Some(refusal(next, likeness));
            }
            upgrades.extend(&next.up);
        }
        while left.next_if(|next| next.range.start < token.range.end).is_some() {}
        match token.kind {
            TokenKind::Semicolon => is_between = true,
            kind if kind.is_blank() => {}
            _ => (has_statements, is_between) = (true, false),
        }
    }
    None
}

/// Whether there is something below a comment that would run. A `-- ROLLBACK` above a `COMMIT` is a statement that was commented out.
fn runs(below: &str, marker: &str, dialect: Dialect) -> bool {
    let ends = ["commit", "end"];
    let first = below.trim_start().to_ascii_lowercase();
    has_statement(below, dialect) && !(marker == "rollback" && ends.iter().any(|end| first.starts_with(end)))
}

/// What is above a comment.
struct Place<'a> {
    has_statements: bool,
    /// A statement may begin here.
    is_between: bool,
    upgrades: &'a [Likeness],
}

impl Place<'_> {
    fn divides(&self, down: &Likeness, shown: &str) -> bool {
        let upgrade = self.upgrades.iter().filter(|up| up.kind == down.kind).map(|up| up.edits).min();
        let is_below = self.has_statements || upgrade.is_some();
        let is_pair = upgrade.is_some_and(|up| up + down.edits <= EDITS);
        match down.kind {
            Kind::Tool => down.has_sign || is_pair || is_below && !down.goes_on,
            // A statement commented out has its semicolon.
            Kind::Word if !down.marker.contains("down") && shown.contains(';') => false,
            Kind::Word | Kind::Phrase if !self.is_between => false,
            Kind::Word | Kind::Phrase if is_pair => true,
            Kind::Word => down.edits == 0 && is_below,
            Kind::Phrase => down.edits <= 1 && is_below && !down.goes_on,
        }
    }
}

fn refusal(comment: &Comment<'_>, likeness: &Likeness) -> SqlError {
    let (line, shown, marker) = (comment.line, comment.text, likeness.marker);
    let other = division(line, shown);
    if likeness.edits == 0 {
        return other;
    }
    let hint = other.hint.map(|hint| match marker {
        // The others are refused, too.
        "+goose down" | "+migrate down" | "+micrate down" | "migrate:down" | "down migration" => {
            format!("write `-- {marker}`, or {hint}")
        }
        _ => hint,
    });
    SqlError { line, message: format!("`{shown}` is nearly the marker `{marker}`, which begins a downgrade"), hint }
}

/// The text of a line that is a comment and nothing else, in lower case, without what frames it.
fn inner(line: &str) -> Option<String> {
    let inner = line.strip_prefix("--").or_else(|| line.strip_prefix('#'));
    let inner = inner.or_else(|| line.strip_prefix("/*").and_then(|rest| rest.strip_suffix("*/")))?;
    let is_frame = |c: char| c.is_whitespace() || matches!(c, '-' | '=' | '#' | '*' | '[' | ']');
    let inner = inner.trim_matches(is_frame);
    // What is left of a frame with a letter in it: `-- x=== DOWN ====`.
    let is_text = |c: &char| c.is_whitespace() || !is_frame(*c);
    let inner = inner.replace(" - ", " : ");
    let inner: String = inner.chars().filter(is_text).flat_map(char::to_lowercase).collect();
    (!inner.is_empty()).then_some(inner)
}

/// The markers that a comment begins like.
fn like(comment: &str, marker: impl Fn((Kind, &'static str, &'static str)) -> &'static str) -> Vec<Likeness> {
    let words: Vec<&str> = comment.split_whitespace().collect();
    let whole: Vec<char> = words.iter().take(2 * WORDS).flat_map(|word| word.chars()).collect();
    let has_colon = words.first().is_some_and(|word| word.trim_end_matches(':').contains(':'));
    let has_sign = has_colon || comment.starts_with(['+', '/', '@']);
    let mut beginnings: Option<Vec<Beginning>> = None;
    let mut found = Vec::new();
    for known in MARKERS {
        let (kind, down, _) = known;
        let is_char = |c: &char| !c.is_whitespace();
        let length = marker(known).chars().filter(is_char).count();
        if lacks(&whole[..whole.len().min(length + EDITS)], marker(known)) > EDITS {
            continue;
        }
        let expected: String = marker(known).chars().filter(is_char).collect();
        let edits = |text: &str| strsim::damerau_levenshtein(text, &expected);
        let beginnings = beginnings.get_or_insert_with(|| self::beginnings(&words));
        let near = beginnings.iter().filter(|it| it.text.chars().count().abs_diff(length) <= EDITS).filter_map(|it| {
            let edits = edits(&it.text);
            // node-pg-migrate takes whatever comes after its marker.
            let goes_on = it.rest == Rest::Prose && !(down == "down migration" && edits == 0);
            let counts = kind != Kind::Word || matches!(it.rest, Rest::None | Rest::Note);
            (counts && edits <= EDITS).then_some(Likeness { kind, marker: down, edits, has_sign, goes_on })
        });
        found.extend(near);
        if kind != Kind::Word {
            let lengths = length - EDITS..=whole.len().min(length + EDITS);
            let near = lengths.map(|length| edits(&whole[..length].iter().collect::<String>())).min();
            let near = near.filter(|edits| *edits <= EDITS);
            found.extend(near.map(|edits| Likeness { kind, marker: down, edits, has_sign, goes_on: true }));
        }
    }
    found.sort_by_key(|likeness| likeness.edits);
    found
}

/// The word for the downgrade in a comment that is a heading: `UNDO`, `<down>`, `| Rollback script |`.
fn heading(comment: &str) -> Option<&'static str> {
    let words = comment.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut found = None;
    for word in words {
        match DOWN_WORDS.iter().find(|down| **down == word) {
            Some(down) => found = Some(*down),
            None if FILLERS.contains(&word) => {}
            // `2. Down` and `to rollback`, not `down to 3`.
            None if found.is_none() && (word == "to" || word.bytes().all(|byte| byte.is_ascii_digit())) => {}
            None => return None,
        }
    }
    found
}

/// How many letters of a marker are not among these: a quick answer, as for nearly all comments it is most.
fn lacks(letters: &[char], marker: &str) -> usize {
    let count = |c: char, of: &mut dyn Iterator<Item = char>| of.filter(|it| *it == c).count();
    let mut lacking = 0;
    for (at, c) in marker.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let so_far = count(c, &mut marker[..at].chars()) + 1;
        if count(c, &mut letters.iter().copied()) < so_far {
            lacking += 1;
        }
    }
    lacking
}

/// What comes after the words of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    None,
    /// `: drop it`, `(drop it)`.
    Note,
    /// One more word, or punctuation.
    Little,
    Prose,
}

struct Beginning {
    text: String,
    rest: Rest,
}

/// The beginnings of a comment that end where a word does, without their spaces.
fn beginnings(words: &[&str]) -> Vec<Beginning> {
    let mut found = Vec::new();
    let mut before = String::new();
    for (word, at) in words.iter().zip(1..).take(WORDS) {
        for (cut, mark) in word.char_indices().filter(|(cut, c)| *cut > 0 && ":(.,;-\u{2013}\u{2014}".contains(*c)) {
            let rest = if matches!(mark, ':' | '(') { Rest::Note } else { Rest::Little };
            found.push(Beginning { text: format!("{before}{}", &word[..cut]), rest });
        }
        before.push_str(word);
        let rest = match &words[at..] {
            [] => Rest::None,
            [next, ..] if next.starts_with([':', '(', '-', '=', '\u{2013}', '\u{2014}']) => Rest::Note,
            [_] => Rest::Little,
            _ => Rest::Prose,
        };
        found.push(Beginning { text: before.clone(), rest });
    }
    if words.len() <= WORDS {
        found.push(Beginning { text: words.concat(), rest: Rest::None });
    }
    found
}

#[cfg(test)]
mod tests;
