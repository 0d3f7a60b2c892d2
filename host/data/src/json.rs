//! Whether a text is JSON.

/// Whether the text, which is UTF-8, is one value of JSON as RFC 8259 has it. It may be nested as deeply as it likes: what is open is
/// kept in bits, and nothing here calls itself.
pub fn is_json(text: &[u8]) -> bool {
    scan(text).is_some_and(|rest| space(rest).is_empty())
}

/// What follows the first value.
fn scan(text: &[u8]) -> Option<&[u8]> {
    let mut open = Vec::new();
    let mut rest = text;
    loop {
        rest = space(rest);
        rest = match rest {
            [b'{', inside @ ..] => match space(inside) {
                [b'}', after @ ..] => after,
                members => {
                    open.push(b'}');
                    rest = name(members)?;
                    continue;
                }
            },
            [b'[', inside @ ..] => match space(inside) {
                [b']', after @ ..] => after,
                entries => {
                    open.push(b']');
                    rest = entries;
                    continue;
                }
            },
            [b'"', inside @ ..] => string(inside)?,
            [b't', b'r', b'u', b'e', after @ ..] | [b'n', b'u', b'l', b'l', after @ ..] => after,
            [b'f', b'a', b'l', b's', b'e', after @ ..] => after,
            _ => number(rest)?,
        };
        // After a value: the next one, or the end of what it is in.
        loop {
            let Some(end) = open.last() else { return Some(rest) };
            match space(rest) {
                [b',', after @ ..] => {
                    rest = if *end == b'}' { name(space(after))? } else { after };
                    break;
                }
                [byte, after @ ..] if byte == end => {
                    open.pop();
                    rest = after;
                }
                _ => return None,
            }
        }
    }
}

fn space(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    &text[end.unwrap_or(text.len())..]
}

/// What follows the name of a member and its colon.
fn name(text: &[u8]) -> Option<&[u8]> {
    space(string(text.strip_prefix(b"\"")?)?).strip_prefix(b":")
}

/// What follows a string whose quote is read.
fn string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        rest = match &rest[at..] {
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', after @ ..] => after,
            [b'\\', b'u', a, b, c, d, after @ ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()) => after,
            _ => return None,
        };
    }
}

/// What follows a number.
fn number(text: &[u8]) -> Option<&[u8]> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return None;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = &fraction[digits(fraction)..];
        if rest.len() == fraction.len() {
            return None;
        }
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        rest = &exponent[digits(exponent)..];
        if rest.len() == exponent.len() {
            return None;
        }
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn what_is_json() {
        for text in [
            "null",
            " true ",
            "false",
            "0",
            "-0",
            "-1.5e+10",
            "1E9",
            "1e400",
            "\"\"",
            r#""\"\\\/\b\f\n\r\t\u00fF\ud800""#,
            "[]",
            "[ ]",
            "{}",
            "[1,[2],{}]",
            r#"{"a":1,"b":[{"c":"ü 🦉"}],"":null}"#,
            "\t{\n\"a\" :\r[ 1 , 2 ] }\n",
            "\"a\u{7f}\u{2028}\"",
        ] {
            assert!(is_json(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_not() {
        for text in [
            "",
            " ",
            "{bad",
            "{a:1}",
            "{'a':1}",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{\"a\"}",
            "{\"a\":}",
            "{,}",
            "[1 2]",
            "[1}",
            "{\"a\":1]",
            "]",
            "[",
            "{",
            "[1",
            "{\"a\":1",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u12\"",
            "\"\n\"",
            "\"\0\"",
            "01",
            "-",
            "-a",
            "1.",
            ".5",
            "+1",
            "1e",
            "1e+",
            "0x10",
            "NaN",
            "Infinity",
            "nul",
            "TRUE",
            "1 2",
            "null,",
            "[]]",
            "{\"a\":1}}",
            "// 1\n1",
            "\u{feff}1",
            "\u{b}1",
        ] {
            assert!(!is_json(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn as_deep_as_it_likes() {
        let deep = |depth: usize| format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth));
        assert!(is_json(deep(200_000).as_bytes()));
        assert!(!is_json(&deep(200_000).as_bytes()[1..]));
        assert!(!is_json("[".repeat(1_000_000).as_bytes()));
    }
}
