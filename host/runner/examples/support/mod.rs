//! What the examples share.
#![allow(clippy::disallowed_methods, reason = "an example prints by itself")]

use std::error::Error;
use std::io::Write;
use std::time::Duration;

/// The file on the command line, and the optional argument after it.
pub fn arguments(usage: &str) -> Result<(String, Option<String>), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or_else(|| format!("arguments: {usage}"))?;
    Ok((file, arguments.next()))
}

/// Prints how long it took, as JSON.
pub fn report(elapsed: Duration, rows: u64) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{{\"seconds\": {:.6}, \"rows\": {rows}}}", elapsed.as_secs_f64())?;
    Ok(())
}
