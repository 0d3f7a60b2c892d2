//! Programs that we start, with all that they start.
//!
//! A program gets its own session, so that it can be terminated together with its children, and ^C at the terminal reaches it only
//! through us. A program that prompts on the terminal fails at once; in a mere process group it would be stopped forever.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The process groups of the running programs: several databases are backed up at once.
static RUNNING: Mutex<BTreeSet<Group>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<Group>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills the running programs before this process exits. Called by the thread that receives signals, which may wait for the others, and
/// not by a signal handler.
pub fn end_at_once() {
    running().iter().for_each(|group| group.kill());
}

/// The process group of a program, whose id is the program's; 0: none. The system does not reuse the id while one of the processes
/// exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group(i32);

impl Group {
    /// The group of no program.
    pub const NONE: Self = Self(0);

    /// The group of a program that was started with [`own_session`], from now on a running one.
    pub fn of(id: Option<u32>) -> Self {
        let group = Self(id.and_then(|id| i32::try_from(id).ok()).unwrap_or_default());
        running().insert(group);
        group
    }

    /// The program is not running any more.
    pub fn forget(self) {
        running().remove(&self);
    }

    /// Whether one of its processes exists.
    pub fn is_there(self) -> bool {
        self.signal(0)
    }

    /// Asks all of its processes to end.
    #[cfg(unix)]
    pub fn terminate(self) {
        self.signal(libc::SIGTERM);
    }

    /// Ends all of its processes.
    #[cfg(unix)]
    pub fn kill(self) {
        self.signal(libc::SIGKILL);
    }

    /// Whether the signal reached a process.
    #[cfg(unix)]
    fn signal(self, signal: i32) -> bool {
        if self.0 <= 1 {
            return false;
        }
        // SAFETY: a plain system call, and the number is that of a group that we created.
        let sent = unsafe { libc::kill(-self.0, signal) };
        // Processes of other users exist, but we may not signal them.
        sent == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
    }

    /// Without process groups, only the program itself can be ended.
    #[cfg(not(unix))]
    pub fn terminate(self) {}

    /// As above.
    #[cfg(not(unix))]
    pub fn kill(self) {}

    #[cfg(not(unix))]
    fn signal(self, _signal: i32) -> bool {
        false
    }
}

/// Has a program begin a session of its own.
#[cfg(unix)]
pub fn own_session(program: &mut Command) {
    use std::os::unix::process::CommandExt;

    let leave = || match unsafe { libc::setsid() } {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    };
    // SAFETY: between fork and exec only a system call is made that may be made there.
    unsafe { program.pre_exec(leave) };
}

/// Sessions exist on Unix alone.
#[cfg(not(unix))]
pub fn own_session(_program: &mut Command) {}
