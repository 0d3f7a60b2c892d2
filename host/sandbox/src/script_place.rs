//! Where a script was when a limit ended it: its interpreter says so in the memory that is left.
//!
//! The runtime of JavaScript keeps its place in a variable behind a mark (`runtimes/javascript/src/engine.c`). CPython describes for
//! debuggers how its frames are found from outside (`_Py_DebugOffsets`); what follows holds for 3.14, on 32 bits. Whatever
//! is not as expected is no place: a script can write to its memory as it likes, and this is only shown.

use wasmtime::{AsContext, WasmCoreDump};

/// What the variable of `engine.c` begins with.
const MARK: &[u8; 24] = b"runner: it stands at\0\0\0\0";
/// The most bytes of a name, a path or a place.
const TEXT: usize = 232;
/// The most frames that are looked at for one of the script's.
const FRAMES: usize = 1000;

/// The place, such as `clean, migrations/0001_names.py:12`.
pub fn place(error: &wasmtime::Error, store: impl AsContext) -> Option<String> {
    let dump = error.downcast_ref::<WasmCoreDump>()?;
    dump.memories().iter().find_map(|memory| {
        let memory = Memory(memory.data(&store));
        memory.javascript().or_else(|| memory.python())
    })
}

struct Memory<'a>(&'a [u8]);

impl Memory<'_> {
    fn javascript(&self) -> Option<String> {
        let at = self.find(MARK)? + MARK.len();
        let place = self.0.get(at..at + TEXT)?;
        let text = place.split(|byte| *byte == 0).next().filter(|text| !text.is_empty())?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn python(&self) -> Option<String> {
        let runtime = self.find(b"xdebugpy")?;
        let described = |index: usize| self.number(runtime + 8 + 8 * index);
        if described(0)? >> 16 != 0x030e {
            return None;
        }
        let interpreter = self.number(runtime + described(4)?)?;
        let thread = self.number(interpreter + described(8)?)?;
        let mut frame = self.number(thread + described(25)?)?;
        for _ in 0..FRAMES {
            // The lowest bits say who counts the reference.
            let code = self.number(frame + described(32)?)? & !3;
            // Frames between those of functions have other code, or none.
            if let Some(place) = self.place_in(code, self.number(frame + described(33)?)?, &described) {
                return Some(place);
            }
            frame = self.number(frame + described(31)?).filter(|frame| *frame != 0)?;
        }
        None
    }

    /// The place of an instruction, if the code is the script's: its files have relative paths.
    fn place_in(&self, code: usize, instruction: usize, described: &impl Fn(usize) -> Option<usize>) -> Option<String> {
        let text = |index: usize| self.text(self.number(code + described(index)?)?, described);
        let file = text(39)?;
        if file.is_empty() || file.starts_with(['/', '<']) {
            return None;
        }
        let unit = instruction.checked_sub(code + described(47)?)? / 2;
        let table = self.number(code + described(42)?)?;
        let size = self.number(table + described(74)?)?;
        let first = self.number(code + described(43)?)?;
        let line = line_of(self.0.get(table + described(75)?..)?.get(..size)?, first, unit)?;
        Some(match text(40)?.as_str() {
            module if module.starts_with('<') => format!("{file}:{line}"),
            name => format!("{name}, {file}:{line}"),
        })
    }

    /// A string in ASCII; others have another form.
    fn text(&self, at: usize, described: &impl Fn(usize) -> Option<usize>) -> Option<String> {
        let length = self.number(at + described(78)?)?.min(TEXT);
        let bytes = self.0.get(at + described(79)?..)?.get(..length)?;
        bytes.is_ascii().then(|| String::from_utf8_lossy(bytes).into_owned())
    }

    fn number(&self, at: usize) -> Option<usize> {
        let bytes = self.0.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    }

    /// Where these bytes are; the compilers put them at a multiple of eight.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let (first, rest) = bytes.split_at(8);
        let found = |at: &usize| self.0.get(at + 8..).is_some_and(|after| after.starts_with(rest));
        let mut places = self.0.chunks_exact(8).enumerate().filter(|(_, chunk)| *chunk == first).map(|(at, _)| 8 * at);
        places.find(found)
    }
}

/// The line of a code unit, from CPython's table of locations (`InternalDocs/code_objects.md`).
fn line_of(table: &[u8], first: usize, unit: usize) -> Option<usize> {
    let (mut line, mut units, mut at) = (first as i64, 0, 0);
    while let Some(head) = table.get(at).filter(|head| **head & 0x80 != 0) {
        let kind = head >> 3 & 15;
        line += match kind {
            10..=12 => i64::from(kind) - 10,
            13 | 14 => signed(table.get(at + 1..)?)?,
            _ => 0,
        };
        units += usize::from(head & 7) + 1;
        if units > unit {
            return (kind != 15).then_some(usize::try_from(line).ok()).flatten();
        }
        at += 1;
        while table.get(at).is_some_and(|byte| byte & 0x80 == 0) {
            at += 1;
        }
    }
    None
}

/// A signed number of six bits a byte, the lowest first.
fn signed(bytes: &[u8]) -> Option<i64> {
    let (mut number, mut shift) = (0_i64, 0);
    for byte in bytes.iter().take(6) {
        number |= i64::from(byte & 0x3f) << shift;
        shift += 6;
        if byte & 0x40 == 0 {
            return Some(if number & 1 == 0 { number >> 1 } else { -(number >> 1) });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_javascript_is_behind_its_mark() {
        let mut bytes = vec![0; 1024];
        bytes[16..24].copy_from_slice(b"runner: ");
        bytes[64..88].copy_from_slice(MARK);
        assert_eq!(Memory(&bytes).javascript(), None);
        bytes[88..92].copy_from_slice(b"f, x");
        assert_eq!(Memory(&bytes).javascript().as_deref(), Some("f, x"));
        assert_eq!(Memory(&bytes[..200]).javascript(), None);
    }

    #[test]
    fn memory_that_is_not_as_cpython_says_has_no_place() {
        let mut bytes = vec![0xff; 4096];
        bytes[8..16].copy_from_slice(b"xdebugpy");
        assert_eq!(Memory(&bytes).python(), None);
        bytes[16..24].copy_from_slice(&0x030e_00f0_u64.to_le_bytes());
        assert_eq!(Memory(&bytes).python(), None);
    }

    #[test]
    fn lines_are_those_of_the_table() {
        // Two units in the first line; one two lines on, with columns; a long form one line back; one without a place.
        let table = [0x80 | 1, 0, 0x80 | 12 << 3, 1, 2, 0x80 | 14 << 3, 3, 0, 1, 1, 0x80 | 15 << 3, 0x80 | 13 << 3, 2];
        let lines: Vec<_> = (0..7).map(|unit| line_of(&table, 7, unit)).collect();
        assert_eq!(lines, [Some(7), Some(7), Some(9), Some(8), None, Some(9), None]);
    }
}
