//! Names of new migrations.

use runner_base::error::{Error, Result};
use runner_project::discovery::mistaken_for_target;
use runner_project::problem::shown;

/// Maximum length of a name.
const LONGEST: usize = 100;

/// The name in snake case: `Add e-mail` and `addEMail` both become names of letters, digits and `_`.
pub(super) fn snake_case(name: &str) -> Result<String> {
    let refuse = |why: &str| {
        Err(Error::usage(format!("invalid name `{}`: {why}", shown(name)))
            .hint("use letters, digits, `_`, `-` and spaces, such as `add_email`"))
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
            return refuse(&format!("it contains `{}`", c.escape_debug()));
        }
        before = c;
    }
    let snake = snake.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
    match snake.len() {
        0 => refuse("it has no letters or digits"),
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
        for (name, why) in [
            ("", "no letters or digits"),
            ("--", "no letters or digits"),
            ("../x", "it contains `/`"),
            ("é", "it contains `é`"),
            ("Heads", "`heads` is reserved as a target"),
        ] {
            let error = snake_case(name).expect_err(name);
            assert!(error.message.contains(why), "{error}");
        }
        assert!(snake_case(&"x".repeat(101)).is_err());
    }
}
