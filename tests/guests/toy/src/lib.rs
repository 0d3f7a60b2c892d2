//! A runtime of scripts in a toy language: each line is a word and its text. It shows what the host does for runtimes, without
//! an interpreter that takes seconds to compile.
//!
//! ```text
//! summary tidy the names
//! up CREATE TABLE t (a)      a statement of the upgrade; `down` of the downgrade
//! include more.txt           the lines of a companion file, which are statements of the upgrade
//! transform t                writes the column `name` in capitals
//! fail the reason            ends `upgrade`; `loop` and `fill` never end
//! break                      ends `transform`
//! stepwise                   the mode
//! ```

use runner_guest::bindings::migration::runner::migration::process;
use runner_guest::prelude::*;

struct Toy;

/// The words and texts of the script, with the numbers of their lines.
fn lines() -> Result<Vec<(usize, String, String)>> {
    let text = context::asset::read_to_string(":script")?;
    let word = |(line, text): (usize, &str)| {
        let (word, text) = text.split_once(' ').unwrap_or((text, ""));
        (line + 1, word.to_owned(), text.to_owned())
    };
    Ok(text.lines().enumerate().map(word).collect())
}

fn of(wanted: &str) -> Result<Vec<String>> {
    Ok(lines()?.into_iter().filter(|(_, word, _)| word == wanted).map(|(_, _, text)| text).collect())
}

/// An error of a line, as interpreters tell it: a headline, and where it is.
fn traced(line: usize, message: &str) -> Error {
    let name = context::asset::read_to_string(":name").unwrap_or_default();
    Error::new(format!("ToyError: {message}")).with_detail(format!("at {name}:{line}\n    fail {message}"))
}

fn description() -> Result<Description> {
    for (line, word, _) in lines()? {
        let words = ["", "summary", "up", "down", "include", "transform", "fail", "loop", "fill", "stepwise", "break"];
        if !words.contains(&&*word) {
            return Err(traced(line, &format!("unknown word {word}")));
        }
    }
    let summary = of("summary")?.concat();
    let description = Description::new(summary);
    Ok(if of("stepwise")?.is_empty() { description } else { description.stepwise() })
}

impl Migration for Toy {
    fn describe() -> Description {
        description().unwrap_or_else(|error| {
            // As an interpreter does: a panic would name a place in it.
            process::abort(&format!("{}\n{}", error.message(), error.detail().unwrap_or_default()));
            std::process::abort();
        })
    }

    fn upgrade() -> Result<()> {
        let mut kept: Vec<Vec<u8>> = Vec::new();
        for (line, word, text) in lines()? {
            match word.as_str() {
                "up" => drop(sql::execute(&text, params![])?),
                "include" => {
                    for statement in context::asset::read_to_string(&text)?.lines() {
                        sql::execute(statement, params![])?;
                    }
                }
                "transform" => {
                    let source = TableSource::new(&*text).columns(["name"]);
                    batches::transform("capitals", &source, &TableTarget::update(&*text))?;
                }
                "fail" => return Err(traced(line, &text)),
                "loop" => loop {
                    std::hint::black_box(line);
                },
                "fill" => loop {
                    kept.push(std::hint::black_box(vec![1; 1 << 20]));
                },
                _ => {}
            }
        }
        Ok(())
    }

    fn downgrade() -> Result<()> {
        of("down")?.iter().try_for_each(|statement| sql::execute(statement, params![]).map(drop))
    }
}

impl Transformer for Toy {
    fn transform(_: &str, mut rows: Batch) -> Result<Batch> {
        ensure!(of("break")?.is_empty(), "ToyError: broken");
        rows.text_mut("name")?.make_ascii_uppercase();
        Ok(rows)
    }
}

runner_guest::export!(Toy, transformer);
