//! What MySQL calls latin1: Windows-1252, with its five undefined bytes as the control characters of the same number.

/// The characters of the bytes 0x80 to 0x9f.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The intended text, if this one is the UTF-8 of another text read as latin1; `None` if it is correct.
pub fn repair(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes = text.chars().map(byte).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

fn byte(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ (0..=0x7f | 0xa0..=0xff) => Some(code as u8),
        _ => HIGH.iter().position(|high| *high == character).map(|at| at as u8 + 0x80),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn double_encoded_text_is_repaired() {
        for text in ["Köln", "Ávila – “el Café”", "Party 🎉", "Ý Ÿ € \u{81}"] {
            let latin1 = |byte: u8| match byte {
                0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
                _ => char::from(byte),
            };
            let garbled: String = text.bytes().map(latin1).collect();
            assert_eq!(repair(&garbled).as_deref(), Some(text), "{garbled}");
        }
    }

    #[test]
    fn sound_text_is_left_alone() {
        for text in ["", "plain", "Köln", "SÃO PAULO", "Ávila – “el Café”", "Party 🎉", "東京", "Ã"] {
            assert_eq!(repair(text), None, "{text}");
        }
    }
}
