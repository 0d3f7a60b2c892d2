//! Reads what `SHOW GRANTS` of MariaDB and MySQL prints, the only place where they show every kind of right.

use std::collections::BTreeSet;

use runner_base::dialect::Dialect;

/// What the lines of a user say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownGrants {
    /// The rights, as `GRANT` spells them, one for each column: ``SELECT (`id`) ON `app`.`customers` ``.
    pub rights: BTreeSet<String>,
    /// The roles, as the server spells them.
    pub roles: Vec<String>,
    /// What everybody has rights on, as `GRANT` spells it after `ON`.
    pub open: BTreeSet<String>,
}

impl ShownGrants {
    /// Reads the lines.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut shown = Self::default();
        for line in lines {
            shown.add(line);
        }
        shown
    }

    /// The privileges on the whole server, such as `FILE`, `ALL PRIVILEGES` and `GRANT OPTION`.
    pub fn on_server(&self) -> impl Iterator<Item = &str> {
        self.rights.iter().filter_map(|right| right.strip_suffix(" ON *.*"))
    }

    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("GRANT ") else { return };
        let Some(to) = find(rest, " TO ") else {
            // What cannot be read is a right that no component needs.
            self.rights.insert(line.to_owned());
            return;
        };
        let (what, tail) = (&rest[..to], &rest[to..]);
        let Some(on) = find(what, " ON ") else {
            self.roles.push(what.to_owned());
            return;
        };
        let (privileges, object) = (&what[..on], &what[on + " ON ".len()..]);
        if tail.trim_end() == " TO PUBLIC" {
            if privileges != "USAGE" {
                self.open.insert(object.to_owned());
            }
            return;
        }
        for privilege in split(privileges) {
            self.rights.extend(each(privilege.trim()).into_iter().map(|each| format!("{each} ON {object}")));
        }
        if tail.contains(" WITH ") && tail.contains("GRANT OPTION") {
            self.rights.insert(format!("GRANT OPTION ON {object}"));
        }
    }
}

/// A privilege, once for each of its columns.
fn each(privilege: &str) -> Vec<String> {
    if privilege == "USAGE" {
        return Vec::new();
    }
    let Some((name, columns)) = privilege.split_once(" (") else { return vec![privilege.to_owned()] };
    let columns = columns.strip_suffix(')').unwrap_or(columns);
    split(columns).into_iter().map(|column| format!("{name} ({})", quoted(column.trim()))).collect()
}

/// A name in backticks; old servers leave them out.
fn quoted(name: &str) -> String {
    if name.starts_with('`') { name.to_owned() } else { Dialect::Mysql.quote(name) }
}

/// Where a text is outside quotes and parentheses.
fn find(text: &str, wanted: &str) -> Option<usize> {
    outside(text).find(|at| text[*at..].starts_with(wanted))
}

/// The parts of a list.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for at in outside(text).filter(|at| text[*at..].starts_with(',')) {
        parts.push(&text[start..at]);
        start = at + 1;
    }
    parts.push(&text[start..]);
    parts
}

/// The places of a text that are outside quotes and parentheses.
fn outside(text: &str) -> impl Iterator<Item = usize> + '_ {
    let (mut quote, mut depth) = (None, 0_usize);
    text.char_indices().filter_map(move |(at, c)| {
        match (quote, c) {
            (Some(open), _) => {
                // A doubled quote closes and opens again.
                if c == open {
                    quote = None;
                }
                return None;
            }
            (None, '`' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => return Some(at),
            (None, _) => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_rights() {
        let shown = ShownGrants::of([
            "GRANT USAGE ON *.* TO `g`@`%` IDENTIFIED BY PASSWORD '*6BB' WITH MAX_USER_CONNECTIONS 64",
            "GRANT SELECT (`name`, `a TO b`, `c``, ON d`), INSERT, UPDATE (id) ON `app`.`odd ON TO` TO `g`@`%`",
            "GRANT EXECUTE ON PROCEDURE `app`.`gate` TO `g`@`%`",
            "GRANT USAGE ON `other`.* TO `g`@`%` WITH GRANT OPTION",
            "GRANT CREATE TEMPORARY TABLES, DELETE HISTORY ON `app`.* TO `g`@`%`",
            "GRANT `boss` TO `g`@`%`",
            "SET DEFAULT ROLE `boss` FOR `g`@`%`",
            "GRANT PROXY ON ''@'%' TO 'g'@'%' WITH GRANT OPTION",
        ]);
        let rights: Vec<&str> = shown.rights.iter().map(String::as_str).collect();
        assert_eq!(
            rights,
            [
                "CREATE TEMPORARY TABLES ON `app`.*",
                "DELETE HISTORY ON `app`.*",
                "EXECUTE ON PROCEDURE `app`.`gate`",
                "GRANT OPTION ON ''@'%'",
                "GRANT OPTION ON `other`.*",
                "INSERT ON `app`.`odd ON TO`",
                "PROXY ON ''@'%'",
                "SELECT (`a TO b`) ON `app`.`odd ON TO`",
                "SELECT (`c``, ON d`) ON `app`.`odd ON TO`",
                "SELECT (`name`) ON `app`.`odd ON TO`",
                "UPDATE (`id`) ON `app`.`odd ON TO`",
            ]
        );
        assert_eq!(shown.roles, ["`boss`"]);
        assert_eq!(shown.on_server().count(), 0);
    }

    #[test]
    fn rights_on_the_server_are_found_in_lines_of_roles_too() {
        let shown = ShownGrants::of([
            "GRANT `boss` TO `app`@`%`",
            "GRANT USAGE ON *.* TO `app`@`%`",
            "GRANT ALL PRIVILEGES ON `app`.* TO `app`@`%`",
            "GRANT FILE, SUPER ON *.* TO `boss` WITH GRANT OPTION",
        ]);
        assert_eq!(shown.on_server().collect::<Vec<_>>(), ["FILE", "GRANT OPTION", "SUPER"]);
    }

    #[test]
    fn what_cannot_be_read_is_a_right() {
        assert_eq!(ShownGrants::of(["GRANT something new"]).rights.len(), 1);
    }
}
