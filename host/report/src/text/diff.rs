//! The output of `runner diff`.

use runner_schema::{Change, Difference, Object, ObjectId, Parts, Property, Schema};

use crate::styled::{DIM, NEW, ODD, OLD, PLAIN, STRONG, Text, one_line};
use crate::units;

/// The differences, each with what it consists of.
pub fn differences(before: &Schema, after: &Schema, differences: &[Difference]) -> Text {
    let mut text = Text::new();
    let (parts_before, parts_after) = (before.parts(), after.parts());
    for Difference { id, change } in differences {
        match change {
            Change::Added => whole(&mut text, (after, parts_after.get(id)), id, '+'),
            Change::Removed => whole(&mut text, (before, parts_before.get(id)), id, '-'),
            Change::Altered(properties) => {
                text.push(ODD, "~ ");
                text.push_line(STRONG, after.label(id));
                for property in properties {
                    let (from, to) = property.lines();
                    for (style, mark, line) in [(OLD, "-", from), (NEW, "+", to)] {
                        if let Some(line) = line {
                            text.push_line(style, format!("    {mark} {}", one_line(&line)));
                        }
                    }
                }
            }
        }
    }
    text
}

/// An object that one side has, with its parts.
fn whole(text: &mut Text, (schema, parts): (&Schema, Option<&Parts<'_>>), id: &ObjectId, mark: char) {
    let style = if mark == '+' { NEW } else { OLD };
    let Some(object) = schema.objects.get(id) else { return };
    text.push(style, format!("{mark} "));
    text.push_line(STRONG, schema.label(id));
    let properties = |text: &mut Text, object: &Object, indent: &str| {
        if !object.properties.is_empty() {
            text.push_line(PLAIN, format!("{indent}{}", one_line(&object.line())));
        }
    };
    properties(text, object, "    ");
    for (part, object) in parts.into_iter().flatten() {
        let name = part.path.last().map_or("", String::as_str);
        // A constraint without a name is called by what it is.
        let is_its_name =
            matches!(object.properties.get("definition"), Some(Property::Expression(text)) if text == name);
        let line = if is_its_name { String::new() } else { one_line(&object.line()) };
        text.push(DIM, format!("    {} ", part.kind.name()));
        text.push(PLAIN, name);
        text.push_line(PLAIN, if line.is_empty() { String::new() } else { format!(": {line}") });
    }
}

/// What was compared with what, and what was not compared.
pub fn differences_summary(before: (&Schema, &str), after: (&Schema, &str), count: usize) -> Text {
    let mut text = Text::new();
    let sides = format!("from {} to {}", before.1, after.1);
    text.push_line(
        PLAIN,
        match count {
            0 => format!("no differences {sides}"),
            _ => format!("{} {sides}", units::counted(count as u64, "difference", "differences")),
        },
    );
    for (schema, name) in [before, after] {
        let unread: Vec<String> =
            schema.unread.iter().map(|(kind, count)| units::counted(*count as u64, kind, &plural(kind))).collect();
        if !unread.is_empty() {
            text.push_line(DIM, format!("not compared, of {name}: {}", unread.join(", ")));
        }
    }
    text
}

fn plural(kind: &str) -> String {
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}
