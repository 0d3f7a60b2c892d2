use super::*;

/// A document without secrets that are known.
fn json(document: &str) -> String {
    super::json(document, |text| Cow::Borrowed(text))
}

#[test]
fn nothing_steers_the_terminal() {
    for (text, shown) in [
        ("plain ü 日本", "plain ü 日本"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
        ("\u{9b}31m", "\\u{9b}31m"),
        ("\u{7f}\0\u{7}", "\\u{7f}\\u{0}\\u{7}"),
        ("user\u{202e}txt.exe\u{2066}", "user\\u{202e}txt.exe\\u{2066}"),
        ("one\u{2028}two", "one\\u{2028}two"),
        ("customers\u{fe00} \u{fe0f}\u{2800}", "customers\\u{fe00} \\u{fe0f}\\u{2800}"),
        ("\u{13430}\u{e000}\u{f8ff}\u{10fffd}\u{378}", "\\u{13430}\\u{e000}\\u{f8ff}\\u{10fffd}\\u{378}"),
        ("us\u{200b}er\u{feff}s\u{e0041}\u{ad}", "us\\u{200b}er\\u{feff}s\\u{e0041}\\u{ad}"),
    ] {
        assert_eq!(line(text), shown);
        assert_eq!(line(shown), shown, "escaped twice");
        assert!(!xml(text).chars().any(|c| is_unprintable(c) && !matches!(c, '\n' | '\t')), "{text:?}");
        let json = json(&serde_json::json!({ text: text }).to_string());
        assert!(!json.chars().any(is_unprintable), "{json}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON")[text], text);
    }
    assert_eq!(lines("a\n\tb\u{1b}\r\nc"), ["a", "\tb\\u{1b}", "c"]);
}

#[test]
fn a_script_is_what_its_file_is_unless_a_terminal_shows_it() {
    let script = "a\r\n\tb\u{200c}\u{ad}\u{202e}\n\u{1b}[2J\u{9b}";
    let shown = |to| whole_lines(script, to).collect::<Vec<_>>();
    let last = "\\u{1b}[2J\\u{9b}";
    assert_eq!(shown(ScriptTo::Terminal), ["a", "\tb\\u{200c}\\u{ad}\\u{202e}", last]);
    assert_eq!(shown(ScriptTo::Elsewhere), ["a", "\tb\u{200c}\u{ad}\u{202e}", last]);
    assert_eq!(first_escaped(script, ScriptTo::Terminal), Some((2, '\u{200c}')));
    assert_eq!(first_escaped(script, ScriptTo::Elsewhere), Some((3, '\u{1b}')));
    assert_eq!(first_escaped("a\r\n\tb", ScriptTo::Terminal), None);
}

#[test]
fn no_form_shows_the_password_of_a_url() {
    let text = "`postgres:/me:SECRET@h/d`, then \"mysql://me:SECRET@h\"";
    for shown in
        [line(text).into_owned(), lines(text).join(""), xml(text), json(&serde_json::json!([text]).to_string())]
    {
        assert!(!shown.contains("SECRET") && shown.contains("me:***@h"), "{shown}");
    }
    let document = json(&serde_json::json!({ "a\"b": ["x:\"", text, "y"], "n": 1 }).to_string());
    let value: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!((&value["a\"b"][0], &value["a\"b"][2]), (&"x:\"".into(), &"y".into()));
}

#[test]
fn every_text_is_bounded() {
    for piece in ["x", "\u{1b}", "日", "a:", "&"] {
        let text = piece.repeat(60_000_000 / piece.len());
        let shown = line(&text);
        assert!(shown.len() <= LONGEST_LINE && shown.ends_with(" bytes in all]"), "{piece:?}: {}", shown.len());
        assert_eq!(line(&*shown), shown, "cut twice");
        let block: usize = lines(&text).iter().map(String::len).sum();
        assert!(block <= LONGEST_BLOCK, "{piece:?}: {block}");
        assert!(xml(&text).len() <= 6 * LONGEST_BLOCK, "{piece:?}");
    }
    let text = "x\n".repeat(1 << 20);
    assert!(lines(&text).len() <= LONGEST_BLOCK);
    let document = serde_json::json!({ "message": text, "sql": text, "statement": "x" }).to_string();
    let value: serde_json::Value = serde_json::from_str(&json(&document)).expect("JSON");
    assert!(value["message"].as_str().is_some_and(|text| text.len() <= LONGEST_STRING));
    assert_eq!((value["sql"].as_str(), &value["statement"]), (Some(text.as_str()), &"x".into()));
}
