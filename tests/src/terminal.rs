//! A terminal with a command in it: what a person sees of a run, and can type.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::num::NonZero;
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

pub use regex::Regex;

/// Its lines: few, so that a run scrolls.
const ROWS: u16 = 16;

/// Lines that are kept above the screen.
const SCROLLBACK: usize = 1000;

/// After so many milliseconds without output, what the screen shows is what a person sees.
const QUIET: i32 = 30;

/// How long anything on the screen may take to happen at all. It measures nothing: a machine may be busy.
const LONG: Duration = Duration::from_secs(60);

/// A line of the screen, with what the terminal continued on the next row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its text, without spaces at the end.
    pub text: String,
    /// The number of rows it takes.
    pub rows: usize,
}

/// A terminal, and a command that runs in it.
pub struct Terminal {
    child: Child,
    master: File,
    emulator: vt100::Parser,
    is_drawn: bool,
    frames: Vec<Vec<Line>>,
}

impl Terminal {
    /// Starts a command in a terminal of so many columns.
    pub fn start(mut command: Command, columns: u16) -> Self {
        let (master, slave) = open(columns);
        let end = || slave.try_clone().unwrap();
        command.stdin(end()).stdout(end()).stderr(end()).env("TERM", "xterm-256color");
        // SAFETY: between fork and exec only system calls are made that may be made there.
        unsafe {
            command.pre_exec(|| {
                // The terminal's Ctrl-C is for the command, and not for the tests.
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let emulator = vt100::Parser::new(some(ROWS), some(columns), SCROLLBACK);
        Self { child, master, emulator, is_drawn: true, frames: Vec::new() }
    }

    /// Waits until what it shows satisfies a condition.
    ///
    /// What it shows is what remains for a moment: no frame that is half drawn.
    #[track_caller]
    pub fn until(&mut self, what: &str, is_so: impl Fn(&[Line]) -> bool) {
        let begin = Instant::now();
        loop {
            let goes_on = self.draw();
            if !self.is_drawn && goes_on {
                continue;
            }
            let lines = self.lines();
            if is_so(&lines) {
                return;
            }
            assert!(goes_on && begin.elapsed() < LONG, "it never came to this: {what}\n{lines:#?}");
        }
    }

    /// Waits until a line contains a text.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        self.until(text, |lines| lines.iter().any(|line| line.text.contains(text)));
    }

    /// Types something.
    pub fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the command to end. Returns how it ended, and everything that the screen showed on the way, the end last.
    #[track_caller]
    pub fn ends(mut self) -> (ExitStatus, Vec<Vec<Line>>) {
        let begin = Instant::now();
        while self.draw() {
            assert!(begin.elapsed() < LONG, "it never ended\n{:#?}", self.lines());
        }
        let last = self.lines();
        self.frames.push(last);
        (self.child.wait().unwrap(), std::mem::take(&mut self.frames))
    }

    /// Everything that was printed and is not erased, in order.
    fn lines(&mut self) -> Vec<Line> {
        let screen = self.emulator.screen_mut();
        let columns = screen.size().1.get();
        let mut rows = Vec::new();
        screen.set_scrollback(usize::MAX);
        for offset in (1..=screen.scrollback()).rev() {
            screen.set_scrollback(offset);
            rows.push((screen.rows(0, columns).next().unwrap(), screen.row_wrapped(0)));
        }
        screen.set_scrollback(0);
        let of_screen: Vec<_> = screen.rows(0, columns).collect();
        rows.extend(of_screen.into_iter().zip((0..).map(|row| screen.row_wrapped(row))));
        let mut lines: Vec<Line> = Vec::new();
        let mut goes_on = false;
        for (text, wraps) in rows {
            match lines.last_mut().filter(|_| goes_on) {
                Some(line) => {
                    line.text.push_str(&text);
                    line.rows += 1;
                }
                None => lines.push(Line { text, rows: 1 }),
            }
            goes_on = wraps;
        }
        for line in &mut lines {
            line.text.truncate(line.text.trim_end().len());
        }
        while lines.last().is_some_and(|line| line.text.is_empty()) {
            lines.pop();
        }
        lines
    }

    /// Draws what comes next; false if the command has ended.
    fn draw(&mut self) -> bool {
        let mut ready = libc::pollfd { fd: self.master.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: the descriptor is open, and there is one of them.
        if unsafe { libc::poll(&raw mut ready, 1, QUIET) } == 0 {
            if !std::mem::replace(&mut self.is_drawn, true) {
                let frame = self.lines();
                self.frames.push(frame);
            }
            return true;
        }
        let mut bytes = [0; 4096];
        match self.master.read(&mut bytes) {
            // On Linux, the end is an error.
            Ok(0) => false,
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(_) => false,
            Ok(length) => {
                self.emulator.process(&bytes[..length]);
                self.is_drawn = false;
                true
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only if it has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn some(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

/// Both ends of a terminal of so many columns.
fn open(columns: u16) -> (File, File) {
    let (mut master, mut slave) = (-1, -1);
    let mut size = libc::winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the results are written to integers, the size is read, and name and attributes may be null.
    let opened = unsafe {
        libc::openpty(&raw mut master, &raw mut slave, std::ptr::null_mut(), std::ptr::null_mut(), &raw mut size)
    };
    assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
    for end in [master, slave] {
        // SAFETY: the descriptor is open. Commands that other tests start must not keep the terminal open.
        unsafe { libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: both are open, and nothing else owns them.
    unsafe { (File::from_raw_fd(master), File::from_raw_fd(slave)) }
}
