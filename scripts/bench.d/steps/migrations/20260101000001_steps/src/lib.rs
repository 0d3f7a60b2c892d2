//! The parameter `steps` sets the number of steps: half of them read, half of them write, each using the result of the previous one.

use runner_guest::prelude::*;

struct Steps;

impl Migration for Steps {
    fn describe() -> Description {
        Description::new("count in single steps").stepwise().irreversible()
    }

    fn upgrade() -> Result<()> {
        // Given on the command line, where everything is text.
        let said: String = context::parameter("steps")?;
        let Ok(steps) = said.parse::<u32>() else { bail!("`{said}` is not a number of steps") };
        sql::execute("INSERT INTO t (id, name, bal) VALUES (-1, 'counter', 0)", params![])?;
        for step in 0..steps / 2 {
            let found: f64 = sql::query_scalar("SELECT bal FROM t WHERE id = -1", params![])?;
            if found != f64::from(step) {
                bail!("step {step} found {found}");
            }
            sql::execute("UPDATE t SET bal = bal + 1 WHERE id = -1", params![])?;
        }
        Ok(())
    }
}

runner_guest::export!(Steps);
