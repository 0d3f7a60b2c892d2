//! Sends control sequences to the terminal, and opens files that are not its own.

use runner_guest::prelude::*;

/// Clears the screen, sets the title, overwrites the line, reverses the text direction, rings the bell.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\rfake line\u{8}\u{202e}drow\u{9b}31m\nrunner: all is well\u{7f}";

pub fn escapes_in_log() -> Result<()> {
    debug!("{ESCAPES}");
    info!("{ESCAPES}");
    warning!("{ESCAPES}");
    Ok(())
}

pub fn escapes_in_error() -> Result<()> {
    Err(Error::new(ESCAPES).with_detail(ESCAPES))
}

pub fn escapes_in_progress() -> Result<()> {
    context::progress(1, Some(2), ESCAPES);
    context::progress(2, Some(2), ESCAPES);
    Ok(())
}

pub fn escapes_in_statement() -> Result<()> {
    sql::execute(format!("SELECT * FROM \"{ESCAPES}\""), params![])?;
    Ok(())
}

pub fn asset_outside() -> Result<()> {
    let paths = ["../../runner.toml", "/etc/passwd", "..", "", ".", "a/../../../runner.toml", "note.txt/../note.txt"];
    for path in paths {
        if context::asset::open(path).is_ok() {
            bail!("the asset `{path}` was opened");
        }
    }
    bail!("no asset was opened")
}
