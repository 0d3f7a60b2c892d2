//! Names of new migrations.

use crate::error::{Error, Result};
use crate::project::discovery::mistaken_for_target;
use crate::project::problem::shown;

/// The longest name that is sensible in a file's.
const LONGEST: usize = 100;

/// The name in snake case: `Add e-mail` and `addEMail` both become names of letters, digits and `_`.
pub(super) fn snake_case(name: &str) -> Result<String> {
    let refuse = |why: &str| {
        Err(Error::usage(format!("`{}` cannot be the name of a migration: {why}", shown(name)))
            .hint("a name has letters, digits, `_`, `-` and spaces, such as `add_email`"))
    };
    let mut snake = String::new();
    let mut before = ' ';
    for c in name.trim().chars() {
        if matches!(c, ' ' | '-' | '_' | '.') {
            snake.push('_');
        } else if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        } else {
            return refuse(&format!("it has `{}`", c.escape_debug()));
        }
        before = c;
    }
    let snake = snake.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
    match snake.len() {
        0 => refuse("nothing is left of it"),
        length if length > LONGEST => refuse(&format!("it is longer than {LONGEST} characters")),
        _ => match mistaken_for_target(&snake) {
            Some(why) => refuse(&why),
            None => Ok(snake),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snake_case_or_are_refused() {
        for (name, snake) in [
            ("add_email", "add_email"),
            ("Add  e-mail", "add_e_mail"),
            ("createUsers", "create_users"),
            ("HTTP2 users", "http2_users"),
            ("__x__", "x"),
            ("next steps", "next_steps"),
        ] {
            assert_eq!(snake_case(name).expect(name), snake);
        }
        for (name, why) in
            [("", "nothing is left of it"), ("--", "nothing"), ("../x", "it has `/`"), ("é", "it has `é`"), ("Heads", "`heads` is reserved as a target")]
        {
            let error = snake_case(name).expect_err(name);
            assert!(error.message.contains(why), "{error}");
        }
        assert!(snake_case(&"x".repeat(101)).is_err());
    }
}
