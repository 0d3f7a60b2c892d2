//! The strings of JSON with comments, as tools for TypeScript read it.

use std::ops::Range;

/// A string that is a value.
pub(super) struct Value {
    /// The keys that lead to it; lists have none.
    pub keys: Vec<String>,
    /// Where it is, without its quotes.
    pub range: Range<usize>,
}

/// What is open.
enum Open {
    List,
    /// The key; `None` where one has to come.
    Object(Option<String>),
}

/// All strings that are values, in their order. What is not JSON has any.
pub(super) fn strings(text: &str) -> Vec<Value> {
    let (mut found, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        match c {
            '"' => {
                let range = at + 1..at + 1 + string_length(&rest[1..]);
                at = range.end;
                match open.last_mut() {
                    Some(Open::Object(key @ None)) => *key = Some(text[range].to_owned()),
                    _ => found.push(Value { keys: keys(&open), range }),
                }
            }
            '/' if rest.starts_with("//") => at += rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => at += rest[2..].find("*/").map_or(rest.len(), |end| end + 3),
            '{' => open.push(Open::Object(None)),
            '[' => open.push(Open::List),
            '}' | ']' => drop(open.pop()),
            ',' => {
                if let Some(Open::Object(key)) = open.last_mut() {
                    *key = None;
                }
            }
            _ => {}
        }
        // At the end, nothing is left to step over.
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

/// How far it is to the quote that ends a string.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap_or(text.len())
}

fn keys(open: &[Open]) -> Vec<String> {
    let key = |open: &Open| match open {
        Open::List => None,
        Open::Object(key) => key.clone(),
    };
    open.iter().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_their_keys() {
        let text = "// \"no\"\n{ \"a\": [\"x\", { \"b\": \"y\\\"ü\", }], /* \"no\" */ \"c\": 1, \"d\": \"//z\" } \"";
        let found: Vec<_> =
            strings(text).iter().map(|it| (it.keys.join("."), text[it.range.clone()].to_owned())).collect();
        let found: Vec<_> = found.iter().map(|(keys, value)| (keys.as_str(), value.as_str())).collect();
        assert_eq!(found, [("a", "x"), ("a.b", "y\\\"ü"), ("d", "//z"), ("", "")]);
        strings("/*");
        strings("\"a\\");
    }
}
