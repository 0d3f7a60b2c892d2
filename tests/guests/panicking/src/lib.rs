//! Panics in `describe`.

use runner_guest::prelude::*;

struct Panicking;

impl Migration for Panicking {
    fn describe() -> Description {
        let lines: Vec<&str> = "".lines().collect();
        Description::new(lines[0])
    }

    fn upgrade() -> Result<()> {
        Ok(())
    }
}

runner_guest::export!(Panicking);
