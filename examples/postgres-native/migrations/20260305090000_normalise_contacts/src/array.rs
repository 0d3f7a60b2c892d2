//! PostgreSQL's text form of a `text[]`: `{vip,"new york",NULL}`.

use runner_guest::{Result, bail};

/// The elements of a one-dimensional array.
pub fn parse(text: &str) -> Result<Vec<Option<String>>> {
    let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        bail!("`{text}` is no array that counts from 1");
    };
    let mut elements = Vec::new();
    let mut rest = inner;
    while !rest.is_empty() {
        let (element, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_element(quoted).map(|(element, behind)| (Some(element), behind)),
            None => bare_element(rest),
        }
        .filter(|(_, behind)| behind.is_empty() || (behind.starts_with(',') && behind.len() > 1))
        .ok_or_else(|| runner_guest::Error::new(format!("`{text}` is no array of one dimension")))?;
        elements.push(element);
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    Ok(elements)
}

/// An array's text form. Every element is quoted, which is always valid.
pub fn write(elements: &[Option<String>]) -> String {
    let mut text = String::from("{");
    for (number, element) in elements.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        match element {
            None => text.push_str("NULL"),
            Some(element) => {
                text.push('"');
                for character in element.chars() {
                    if matches!(character, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(character);
                }
                text.push('"');
            }
        }
    }
    text.push('}');
    text
}

/// The element whose opening quote has been read, and the text after its closing quote.
fn quoted_element(text: &str) -> Option<(String, &str)> {
    let mut element = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((element, characters.as_str())),
            '\\' => element.push(characters.next()?),
            character => element.push(character),
        }
    }
}

fn bare_element(text: &str) -> Option<(Option<String>, &str)> {
    let (element, behind) = text.split_at(text.find(',').unwrap_or(text.len()));
    // An unquoted brace begins another dimension; PostgreSQL quotes the empty string.
    if element.is_empty() || element.contains(['{', '}', '"', '\\']) {
        return None;
    }
    Some(((!element.eq_ignore_ascii_case("null")).then(|| element.to_owned()), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_postgresql_writes() {
        let texts = |elements: &[Option<&str>]| elements.iter().map(|it| it.map(str::to_owned)).collect::<Vec<_>>();
        for (text, elements) in [
            ("{}", &[] as &[_]),
            ("{vip}", &[Some("vip")]),
            (r#"{"new york",vip}"#, &[Some("new york"), Some("vip")]),
            (r#"{"NULL",NULL,""," "}"#, &[Some("NULL"), None, Some(""), Some(" ")]),
            (
                r#"{"a, b","say \"hello\"","back\\slash","{braces}"}"#,
                &[Some("a, b"), Some("say \"hello\""), Some("back\\slash"), Some("{braces}")],
            ),
            ("{Zürich,東京,🏔}", &[Some("Zürich"), Some("東京"), Some("🏔")]),
        ] {
            assert_eq!(parse(text).expect(text), texts(elements));
            assert_eq!(parse(&write(&texts(elements))).expect(text), texts(elements));
        }
    }

    #[test]
    fn refuses_what_rows_cannot_hold() {
        for text in ["{{a},{b}}", "[0:0]={a}", "", "{a,}", "{,a}", "{\"a}", "{\"a\"b}", "{a}b", "{a\\}"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
