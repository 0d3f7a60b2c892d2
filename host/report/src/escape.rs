//! Foreign text, which must not control the terminal, hide itself, pass for our own, flood the output, or show a password.
//!
//! This is the one place where text becomes harmless. [`super::Text`] and [`super::Printer`] are the only ways to the terminal, and
//! they pass everything through it; so does the JUnit report.

use std::borrow::Cow;
use std::fmt::Write;

use runner_base::visible::is_unprintable;
use runner_database::redact::redact;

/// The longest text on one line, in bytes. Databases and components choose how long their messages are; a screen has some 10,000
/// characters, and a log of one run should not be a megabyte a line.
const LONGEST_LINE: usize = 16 << 10;

/// The longest text of several lines, in bytes.
const LONGEST_BLOCK: usize = 64 << 10;

/// The longest string in JSON, in bytes. Programs read it: long enough for any statement, and for what a reader can hold.
const LONGEST_STRING: usize = 1 << 20;

/// The fields of JSON that hold SQL of the project, which is as long as its file.
const WHOLE_FIELDS: [&str; 1] = ["sql"];

/// Room for the note about what was cut off.
const NOTE: usize = 64;

/// A text on one line: line ends, tabs, control characters, changes of direction and invisible characters are escaped (`\n`,
/// `\u{1b}`), passwords of URLs are hidden, and what is too long is cut off.
pub fn line<'t>(text: impl Into<Cow<'t, str>>) -> Cow<'t, str> {
    let text = text.into();
    // Nearly all text is of these characters alone, none of which is harmful; a URL has a `:`, and a setting a `=`.
    let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b':' | b'=');
    // Times: of these characters, no scheme of a URL is spelled.
    let is_of_time = |byte| matches!(byte, b'0'..=b'9' | b'-' | b':' | b'.' | b'T' | b'Z');
    if text.len() <= LONGEST_LINE && (text.bytes().all(is_plain) || text.bytes().all(is_of_time)) {
        return text;
    }
    bounded(&text, LONGEST_LINE, is_unprintable).into()
}

/// The lines of a text, each as [`line()`] has it except for tabs, together not longer than a screen or a few.
pub fn lines(text: &str) -> Vec<String> {
    let text =
        bounded(text, LONGEST_BLOCK, |character| is_unprintable(character) && !matches!(character, '\t' | '\n' | '\r'));
    text.lines().map(|text| without(text, |character| is_unprintable(character) && character != '\t')).collect()
}

/// Where a script is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptTo {
    /// To a terminal.
    Terminal,
    /// Into a file or to a program, which may run it: what is invisible in a literal is a part of it. It may still be a filter
    /// before a terminal, so control characters are escaped.
    Elsewhere,
}

impl ScriptTo {
    fn escapes(self, character: char) -> bool {
        let is_harmful = if self == Self::Terminal { is_unprintable(character) } else { character.is_control() };
        is_harmful && character != '\t'
    }
}

/// The lines of a script, such as the SQL of a file, which is shown whole and as it is written.
pub fn whole_lines(script: &str, to: ScriptTo) -> impl Iterator<Item = String> {
    script.lines().map(move |text| without(text, |character| to.escapes(character)))
}

/// The first character of a script that [`whole_lines`] escapes, with its line.
pub fn first_escaped(script: &str, to: ScriptTo) -> Option<(usize, char)> {
    let in_line = |(at, text): (usize, &str)| Some((at + 1, text.chars().find(|it| to.escapes(*it))?));
    script.lines().enumerate().find_map(in_line)
}

/// A text of several lines in XML, which cannot represent control characters: they become question marks.
pub fn xml(text: &str) -> String {
    let text = bounded(text, LONGEST_BLOCK, |_| false);
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\n' | '\t' => shown.push(character),
            '\u{fffe}' | '\u{ffff}' => shown.push('?'),
            character if is_unprintable(character) => shown.push('?'),
            character => shown.push(character),
        }
    }
    shown
}

/// A JSON document in which no string controls a terminal, shows the password of a URL, or is too long. JSON's own escapes mean the
/// same; between strings there are only line ends and spaces. `hide` takes secrets out of texts, but not out of the names of fields
/// and of numbers: it must stay the document that it is.
pub fn json(document: &str, hide: impl Fn(&str) -> Cow<'_, str>) -> String {
    let mut shown = String::with_capacity(document.len());
    let mut rest = document;
    let mut field = "";
    while let Some(start) = rest.find('"') {
        shown.push_str(&rest[..start]);
        let string = &rest[start..start + string_length(&rest[start..])];
        rest = &rest[start + string.len()..];
        if rest.starts_with(':') {
            push_string(&mut shown, string, false);
            field = string.trim_matches('"');
        } else {
            push_string(&mut shown, &hidden(string, &hide), WHOLE_FIELDS.contains(&field));
            field = "";
        }
    }
    shown.push_str(rest);
    shown
}

/// The length of the string with which a text begins, with its quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

/// A JSON string without secrets.
fn hidden<'s>(string: &'s str, hide: impl Fn(&str) -> Cow<'_, str>) -> Cow<'s, str> {
    // A secret may begin within an escape, which must not be taken apart.
    if let Cow::Owned(_) = hide(string)
        && let Ok(text) = serde_json::from_str::<String>(string)
        && let Ok(string) = serde_json::to_string(&hide(&text))
    {
        return Cow::Owned(string);
    }
    Cow::Borrowed(string)
}

/// Adds a JSON string.
fn push_string(shown: &mut String, string: &str, whole: bool) {
    if !whole && (string.len() > LONGEST_STRING || string.contains([':', '='])) {
        // It was written by serde_json a moment ago, so it parses.
        if let Ok(text) = serde_json::from_str::<String>(string)
            && let Ok(string) = serde_json::to_string(&bounded(&text, LONGEST_STRING, |_| false))
        {
            return push_escaped(shown, &string);
        }
    }
    push_escaped(shown, string);
}

fn push_escaped(shown: &mut String, string: &str) {
    for character in string.chars() {
        if !is_unprintable(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // A `String` takes whatever it is given.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
}

/// A text without passwords and harmful characters, not longer than `longest` bytes.
fn bounded(text: &str, longest: usize, harmful: impl Fn(char) -> bool) -> String {
    // What cannot be shown need not be read. A URL at the very end of this part is not shown either.
    let part = &text[..text.floor_char_boundary(2 * longest)];
    let redacted = redact(part);
    let mut shown = without(&redacted, harmful);
    if shown.len() > longest || part.len() < text.len() {
        shown.truncate(shown.floor_char_boundary(longest - NOTE));
        let _ = write!(shown, "… [cut off: {} bytes in all]", text.len());
    }
    shown
}

fn without(text: &str, harmful: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if harmful(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests;
