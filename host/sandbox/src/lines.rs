//! What a guest prints, cut into lines.

use super::text::ERROR;

/// The bytes of a line that has not ended yet.
#[derive(Debug, Default)]
pub struct LineBuffer(Vec<u8>);

impl LineBuffer {
    /// Appends bytes, and takes the lines off that end in them. A line that is longer than a message is several.
    pub fn append(&mut self, bytes: &[u8]) -> Vec<String> {
        self.0.extend_from_slice(bytes);
        let mut rest = self.0.as_slice();
        let lines = std::iter::from_fn(|| next_line(&mut rest)).collect();
        self.0 = rest.to_vec();
        lines
    }

    /// Takes the line off that has not ended.
    pub fn end(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.0);
        (!line.is_empty()).then(|| text_of(&line))
    }
}

/// Takes the first line off, without its end.
fn next_line(written: &mut &[u8]) -> Option<String> {
    let end = written.iter().take(ERROR + 1).position(|byte| *byte == b'\n');
    let (line, rest) = match end {
        Some(end) => (&written[..end], &written[end + 1..]),
        None if written.len() <= ERROR => return None,
        None => {
            let begins_a_character = |at: &usize| written[*at] & 0xc0 != 0x80;
            written.split_at((ERROR - 3..=ERROR).rev().find(begins_a_character).unwrap_or(ERROR))
        }
    };
    *written = rest;
    Some(text_of(line))
}

fn text_of(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_they_end() {
        let mut buffer = LineBuffer::default();
        assert_eq!(buffer.append(b"one\r\n\ntwo\nthr"), ["one", "", "two"]);
        assert_eq!(buffer.append(b"ee"), [""; 0]);
        assert_eq!(buffer.append(b"\n\xff\n"), ["three", "\u{fffd}"]);
        assert_eq!(
            (buffer.end(), buffer.append(b"four"), buffer.end(), buffer.end()),
            (None, vec![], Some("four".into()), None)
        );
    }

    #[test]
    fn long_lines_end_between_characters() {
        let mut buffer = LineBuffer::default();
        let full = "x".repeat(ERROR);
        assert!(buffer.append(full.as_bytes()).is_empty(), "it may end yet");
        assert_eq!(buffer.append(b"\n"), [full.as_str()]);
        assert_eq!(buffer.append(format!("{}äöü", &full[1..]).as_bytes()), [&full[1..]]);
        assert_eq!(buffer.end().as_deref(), Some("äöü"));
    }
}
