//! Text files as the editor of their author left them: the ends of their lines, and their encoding.

/// A text that was written with LF at the ends of its lines, with those and the mark at the beginning that it had before. Lines that
/// came on top end as the first one does.
pub fn with_line_ends(before: &str, after: &str) -> String {
    let mut ends = before.split_inclusive('\n').map(|line| line.ends_with("\r\n")).peekable();
    let first = ends.peek().copied().unwrap_or_default();
    let mark = if before.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    let lines = after.trim_start_matches('\u{feff}').split_inclusive('\n').map(|line| {
        match (ends.next().unwrap_or(first), line.strip_suffix('\n')) {
            (true, Some(line)) => format!("{}\r\n", line.trim_end_matches('\r')),
            _ => line.to_owned(),
        }
    });
    mark.to_owned() + &lines.collect::<String>()
}

/// The encoding of bytes that are text in units of two bytes: by its mark, or by the zeros of ASCII in it.
pub(crate) fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Some("UTF-16LE"),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Some("UTF-16BE"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_the_ends_of_its_lines() {
        for (before, after, expected) in [
            ("a\nb\n", "a\nc\n", "a\nc\n"),
            ("a\r\nb\r\n", "a\nc\nd\n", "a\r\nc\r\nd\r\n"),
            ("\u{feff}a\r\nb\n", "a\nc\n", "\u{feff}a\r\nc\n"),
            ("a\r\nb", "a\nb", "a\r\nb"),
            ("", "a\n", "a\n"),
        ] {
            assert_eq!(with_line_ends(before, after), expected, "{before:?}");
        }
    }
}
