//! The binary `runner`.

use std::process::ExitCode;

/// Thousands of small pieces on several threads: glibc's allocator asks the system for each arena's growth.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "sqlite")]
    // SAFETY: this is the process's only thread so far, and nothing has called SQLite yet.
    unsafe {
        runner_sqlite::configure_process();
    }
    runner_cli::main()
}
