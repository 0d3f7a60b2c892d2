//! Errors as text.

use super::styled::{BAD, DIM, HINT, PLAIN, Text};
use runner_base::error::{Error, ErrorKind};

/// What happened, where, why, and what to do.
pub fn error(error: &Error) -> Text {
    let mut text = Text::new().add(BAD, "error").plain(": ");
    push_lines(&mut text, &error.message);
    for (label, place) in &error.places {
        text = text.plain("  ").add(DIM, format!("{label}:")).plain(" ").plain(place).end();
    }
    for cause in &error.causes {
        text = text.plain("  ").add(DIM, "caused by:").plain(" ");
        push_lines(&mut text, cause);
    }
    for hint in &error.hints {
        text = text.add(HINT, "hint").plain(": ").plain(&**hint).end();
    }
    text
}

/// Indents all lines but the first, so that none of them can pass for one of our lines.
fn push_lines(text: &mut Text, block: &str) {
    let (first, rest) = block.split_once('\n').unwrap_or((block, ""));
    text.push(PLAIN, first.trim_end());
    text.push_end();
    text.push_block(PLAIN, "    ", rest);
}

/// The name of a kind of error in JSON.
pub fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Failed => "failed",
        ErrorKind::Usage => "usage",
        ErrorKind::Mismatch => "mismatch",
        ErrorKind::LockTimeout => "lock-timeout",
        ErrorKind::Partial => "partial",
        ErrorKind::Denied => "denied",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::Terminated => "terminated",
    }
}

/// The exit code of a command that fails with a kind of error.
pub fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Failed => 1,
        ErrorKind::Usage => 2,
        ErrorKind::Mismatch => 4,
        ErrorKind::LockTimeout => 5,
        ErrorKind::Partial => 6,
        ErrorKind::Denied => 7,
        ErrorKind::Interrupted => 130,
        ErrorKind::Terminated => 143,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_message_places_causes_and_hints() {
        let shown = error(
            &Error::failed("it broke\x1b[2J")
                .at("statement", "2 of 3")
                .at("migration", "1_a")
                .cause("a\nb")
                .hint("fix it"),
        );
        let expected =
            "error: it broke\\u{1b}[2J\n  migration: 1_a\n  statement: 2 of 3\n  caused by: a\n    b\nhint: fix it\n";
        assert_eq!(shown.unstyled(), expected);
    }
}
