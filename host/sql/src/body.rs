//! Bodies of triggers and routines, whose semicolons do not end the statement.

use super::lex::{Token, TokenKind};
use runner_base::dialect::Dialect;

/// Tracks a statement to find the semicolon that ends it.
#[derive(Debug)]
pub(super) struct Body {
    dialect: Dialect,
    /// The first words, in upper case, while the statement consists only of words.
    leading: Vec<String>,
    only_words: bool,
    kind: BodyKind,
    /// The blocks that are open, from the outermost.
    open: Vec<Block>,
    parentheses: usize,
    last: Last,
    before_last: Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyKind {
    /// No body.
    None,
    /// SQLite: a trigger, which ends in `; END ;` and nowhere else. SQLite's own shell uses the same rule, which needs no tracking of
    /// `CASE … END`.
    Trigger,
    /// PostgreSQL: a routine, which may have a body in `BEGIN ATOMIC … END`.
    Routine,
    /// MySQL and MariaDB: a stored program, or a compound statement by itself.
    Program,
}

/// What a word opened and an `END` closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Begin,
    /// A `CASE` statement, whose branches are statements.
    Case,
    /// A `CASE` in an expression, whose branches are expressions.
    Expression,
    /// `IF` or a loop.
    Control,
}

/// The last token, as far as relevant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Start,
    Semicolon,
    /// A word after which a statement begins: `BEGIN`, `THEN`, `ELSE`, `DO`, `LOOP`, `REPEAT`; or a label's colon.
    Opener,
    /// The end of a part of the head of a program, after which its body may begin: `FOR EACH ROW`, `(a INT)`, `DETERMINISTIC`.
    Head,
    /// A word in the head after which one more token completes the part: `RETURNS INT`, `COMMENT 'text'`.
    BeforeHead,
    /// A sign before a name: `NEW.end`, `@end`.
    BeforeName,
    End,
    Other,
}

impl Body {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            leading: Vec::new(),
            only_words: true,
            kind: BodyKind::None,
            open: Vec::new(),
            parentheses: 0,
            last: Last::Start,
            before_last: Last::Start,
        }
    }

    /// Whether a semicolon here ends the statement.
    pub fn ends(&self) -> bool {
        match self.kind {
            BodyKind::Trigger => self.last == Last::End && self.before_last == Last::Semicolon,
            // The actions of a rule are in parentheses: `CREATE RULE … DO (a; b)`.
            _ => self.open.is_empty() && (self.parentheses == 0 || self.dialect != Dialect::Postgres),
        }
    }

    /// Whether it is a stored program of MySQL or MariaDB.
    pub fn is_program(&self) -> bool {
        self.kind == BodyKind::Program
    }

    /// What is missing if the text ends here without a semicolon.
    pub fn unfinished(&self) -> Option<&'static str> {
        match self.kind {
            BodyKind::Trigger if !self.ends() => Some("the trigger has no `END` after the last `;` of its body"),
            BodyKind::Routine | BodyKind::Program => self.open.last().map(|block| match block {
                Block::Begin => "the body has a `BEGIN` without an `END`",
                Block::Case | Block::Expression => "the body has a `CASE` without an `END`",
                Block::Control => "the body has an `IF` or a loop without its `END`",
            }),
            _ => None,
        }
    }

    /// Tracks the next token that is not blank.
    pub fn see(&mut self, token: &Token, text: &str) {
        let mysql = matches!(self.dialect, Dialect::Mysql | Dialect::Mariadb);
        let mut last = Last::Other;
        match token.kind {
            TokenKind::Semicolon => last = Last::Semicolon,
            // A name, even if it is spelled like a keyword.
            TokenKind::Word if mysql && self.last == Last::BeforeName => {}
            TokenKind::Word => {
                let word = text[token.range.clone()].to_ascii_uppercase();
                if word == "END" {
                    last = Last::End;
                }
                if self.only_words && self.leading.len() < 8 {
                    self.leading.push(word.clone());
                    self.kind = self.kind_of();
                }
                match self.kind {
                    BodyKind::Routine if self.parentheses == 0 => self.routine_word(&word),
                    BodyKind::Program => last = self.program_word(&word).unwrap_or(last),
                    _ => {}
                }
            }
            TokenKind::Quoted if self.last == Last::BeforeHead => last = Last::Head,
            TokenKind::Sign => {
                self.only_words = mysql && self.only_words;
                match &text[token.range.clone()] {
                    "(" => {
                        self.parentheses += 1;
                        // `CREATE DEFINER = CURRENT_USER() TRIGGER`
                        self.only_words = mysql && self.only_words && self.what().is_none();
                    }
                    ")" => {
                        self.parentheses = self.parentheses.saturating_sub(1);
                        if self.parentheses == 0 {
                            last = Last::Head;
                        }
                    }
                    ":" => last = Last::Opener,
                    "." | "@" => last = Last::BeforeName,
                    "=" if mysql && self.leading.last().is_some_and(|word| word == "DEFINER") => {
                        last = Last::BeforeName
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        self.before_last = self.last;
        self.last = last;
    }

    /// The word of MySQL and MariaDB for what is created or altered.
    fn what(&self) -> Option<&str> {
        self.leading.iter().map(String::as_str).find(|word| PROGRAMS.contains(word) || OBJECTS.contains(word))
    }

    fn kind_of(&self) -> BodyKind {
        let words: Vec<&str> = self.leading.iter().map(String::as_str).collect();
        match self.dialect {
            Dialect::Sqlite => {
                let words = match words.as_slice() {
                    ["EXPLAIN", "QUERY", "PLAN", rest @ ..] | ["EXPLAIN", rest @ ..] => rest,
                    all => all,
                };
                match words {
                    ["CREATE", "TRIGGER", ..] | ["CREATE", "TEMP" | "TEMPORARY", "TRIGGER", ..] => BodyKind::Trigger,
                    _ => BodyKind::None,
                }
            }
            Dialect::Postgres => match words.as_slice() {
                ["CREATE", "FUNCTION" | "PROCEDURE", ..]
                | ["CREATE", "OR", "REPLACE", "FUNCTION" | "PROCEDURE", ..] => BodyKind::Routine,
                _ => BodyKind::None,
            },
            Dialect::Mysql | Dialect::Mariadb => match words.as_slice() {
                ["BEGIN", "NOT", ..] => BodyKind::Program,
                ["CREATE" | "ALTER", ..] if self.what().is_some_and(|what| PROGRAMS.contains(&what)) => {
                    BodyKind::Program
                }
                _ => BodyKind::None,
            },
        }
    }

    /// Uses the same rules as psql.
    fn routine_word(&mut self, word: &str) {
        match word {
            "BEGIN" => self.open.push(Block::Begin),
            "CASE" if !self.open.is_empty() => self.open.push(Block::Case),
            "END" => {
                self.open.pop();
            }
            _ => {}
        }
    }

    /// Best effort: scripts for these databases should use `DELIMITER` around stored programs.
    fn program_word(&mut self, word: &str) -> Option<Last> {
        if self.leading.len() == 2 && self.leading[0] == "BEGIN" && self.open.is_empty() {
            // `BEGIN NOT ATOMIC`: the first word came before its kind was known.
            self.open.push(Block::Begin);
        }
        let in_head = self.open.is_empty();
        let begins = matches!(self.last, Last::Semicolon | Last::Opener) || (in_head && self.last == Last::Head);
        match word {
            // `END IF`, `END LOOP` and similar close one block with two words.
            "IF" | "CASE" | "LOOP" | "REPEAT" | "WHILE" | "FOR" if self.last == Last::End => return Some(Last::Other),
            "BEGIN" => self.open.push(Block::Begin),
            "CASE" => self.open.push(if begins { Block::Case } else { Block::Expression }),
            "IF" | "LOOP" | "REPEAT" | "WHILE" if begins => self.open.push(Block::Control),
            // After a head, it is `SELECT … IN (1) FOR UPDATE`.
            "FOR" if begins && !in_head => self.open.push(Block::Control),
            "END" => {
                self.open.pop();
            }
            // Its branches are not statements: `IF` is the function there.
            "THEN" | "ELSE" if self.open.last() == Some(&Block::Expression) => return None,
            _ => {}
        }
        match word {
            "BEGIN" | "THEN" | "ELSE" | "DO" | "LOOP" | "REPEAT" => Some(Last::Opener),
            _ if !in_head => None,
            "RETURNS" | "COMMENT" | "FOLLOWS" | "PRECEDES" => Some(Last::BeforeHead),
            "ROW" | "DETERMINISTIC" | "SQL" | "DATA" | "DEFINER" | "INVOKER" | "UNSIGNED" => Some(Last::Head),
            _ => (self.last == Last::BeforeHead).then_some(Last::Head),
        }
    }
}

const PROGRAMS: [&str; 5] = ["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"];
const OBJECTS: [&str; 9] = ["TABLE", "VIEW", "INDEX", "DATABASE", "SCHEMA", "USER", "ROLE", "SERVER", "SEQUENCE"];
