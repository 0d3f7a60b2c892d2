//! Parameters that are given as text, by variables and flags.

use super::Settings;
use runner_base::error::{Error, Result};
use runner_data::Value;

impl Settings {
    /// Sets the parameters that variables name.
    pub fn use_parameter_variables(&mut self) -> Result<()> {
        for (name, text) in self.parameter_variables.clone() {
            let set = self.set_parameter(&name, &text.value);
            set.map_err(|error| error.at("setting", text.origin.to_string()))?;
        }
        Ok(())
    }

    /// Sets a parameter: to a value of the type that `runner.toml` has for it, otherwise to text.
    pub fn set_parameter(&mut self, name: &str, text: &str) -> Result<()> {
        let value = typed(self.parameters.get(name), name, text)?;
        self.parameters.insert(name.to_owned(), value);
        Ok(())
    }
}

fn typed(known: Option<&Value>, name: &str, text: &str) -> Result<Value> {
    let wrong = |expected: &str| {
        Error::usage(format!(
            "invalid value `{text}` for the parameter `{name}`: expected {expected}, as in `runner.toml`"
        ))
    };
    match known {
        Some(Value::Boolean(_)) => text.parse().map(Value::Boolean).map_err(|_| wrong("`true` or `false`")),
        Some(Value::Int64(_)) => text.parse().map(Value::Int64).map_err(|_| wrong("an integer")),
        Some(Value::Float64(_)) => text.parse().map(Value::Float64).map_err(|_| wrong("a number")),
        _ => Ok(Value::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_keeps_the_type_of_the_settings() {
        for (known, text, value) in [
            (None, "5", Value::Text("5".to_owned())),
            (Some(Value::Int64(1)), "5", Value::Int64(5)),
            (Some(Value::Boolean(true)), "false", Value::Boolean(false)),
            (Some(Value::Float64(0.5)), "2", Value::Float64(2.0)),
            (Some(Value::Text(String::new())), "2", Value::Text("2".to_owned())),
        ] {
            assert_eq!(typed(known.as_ref(), "p", text).expect("a value"), value);
        }
        assert!(typed(Some(&Value::Int64(1)), "p", "five").is_err());
    }
}
