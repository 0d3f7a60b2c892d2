//! What a guest prints: its lines, one at a time, and its last bytes.

use super::text::ERROR;

/// The bytes of a line that has not ended yet. A line that is longer than a message is several.
#[derive(Debug, Default)]
pub struct LineBuffer(Vec<u8>);

impl LineBuffer {
    /// Appends bytes, and gives away each line that ends in them. What follows is dropped once one is not wanted.
    pub fn append(&mut self, mut bytes: &[u8], mut is_wanted: impl FnMut(String) -> bool) {
        loop {
            let room = ERROR - self.0.len();
            let end = bytes.iter().take(room + 1).position(|byte| *byte == b'\n');
            if end.is_none() && bytes.len() <= room {
                self.0.extend_from_slice(bytes);
                return;
            }
            let taken = end.unwrap_or(room);
            self.0.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken + usize::from(end.is_some())..];
            let length = if end.is_some() { self.0.len() } else { whole_characters(&self.0) };
            let rest = self.0.split_off(length);
            let line = std::mem::replace(&mut self.0, rest);
            if !is_wanted(text_of(&line)) {
                self.0.clear();
                return;
            }
        }
    }

    /// Takes the line off that has not ended.
    pub fn end(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.0);
        (!line.is_empty()).then(|| text_of(&line))
    }
}

/// The length without a character that has only begun.
fn whole_characters(bytes: &[u8]) -> usize {
    let last = (bytes.len().saturating_sub(4)..bytes.len()).rev().find(|at| bytes[*at] & 0xc0 != 0x80);
    let is_cut = |at: &usize| std::str::from_utf8(&bytes[*at..]).is_err_and(|error| error.error_len().is_none());
    last.filter(is_cut).unwrap_or(bytes.len())
}

fn text_of(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

/// The last bytes of a stream, as many as a message has.
#[derive(Debug, Default)]
pub struct Tail(Vec<u8>);

impl Tail {
    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&bytes[bytes.len().saturating_sub(ERROR)..]);
        // Not for each byte.
        if self.0.len() > 2 * ERROR {
            self.0.drain(..self.0.len() - ERROR);
        }
    }

    /// The text of them, without what ends it; `None` if there is none.
    pub fn text(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.0[self.0.len().saturating_sub(ERROR)..]);
        Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())
    }

    /// Drops them.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(buffer: &mut LineBuffer, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        buffer.append(bytes, |line| {
            lines.push(line);
            true
        });
        lines
    }

    #[test]
    fn lines_end_where_they_end() {
        let mut buffer = LineBuffer::default();
        assert_eq!(appended(&mut buffer, b"one\r\n\ntwo\nthr"), ["one", "", "two"]);
        assert_eq!(appended(&mut buffer, b"ee"), [""; 0]);
        assert_eq!(appended(&mut buffer, b"\n\xff\n"), ["three", "\u{fffd}"]);
        assert_eq!((buffer.end(), appended(&mut buffer, b"four"), buffer.end()), (None, vec![], Some("four".into())));
        assert_eq!(buffer.end(), None);
    }

    #[test]
    fn long_lines_end_between_characters() {
        let mut buffer = LineBuffer::default();
        let full = "x".repeat(ERROR);
        assert_eq!(appended(&mut buffer, full.as_bytes()), [""; 0], "it may end yet");
        assert_eq!(appended(&mut buffer, b"\n"), [full.as_str()]);
        assert_eq!(appended(&mut buffer, format!("{}äöü", &full[1..]).as_bytes()), [&full[1..]]);
        assert_eq!(buffer.end().as_deref(), Some("äöü"));
        assert_eq!(appended(&mut buffer, &vec![0xff; ERROR + 1]), ["\u{fffd}".repeat(ERROR)]);
    }

    #[test]
    fn nothing_is_kept_of_what_is_not_wanted() {
        let (mut buffer, mut seen) = (LineBuffer::default(), 0);
        buffer.append(&vec![b'\n'; 1 << 20], |_| {
            seen += 1;
            seen < 3
        });
        assert_eq!((seen, buffer.end()), (3, None));
    }

    #[test]
    fn a_tail_is_the_last_of_it() {
        let mut tail = Tail::default();
        assert_eq!(tail.text(), None);
        for _ in 0..3 * ERROR {
            tail.append(b"x");
        }
        tail.append(b"the end\n");
        let text = tail.text().expect("a text");
        assert!(text.len() == ERROR - 1 && text.ends_with("xthe end"), "{}", text.len());
        tail.append(&vec![b'y'; 9 * ERROR]);
        assert_eq!(tail.text(), Some("y".repeat(ERROR)));
    }
}
