//! Small disks.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::servers::programs::is_root;
use crate::{Output, TestProject};

/// A file system in memory with a limited size.
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts one in a new directory.
    #[track_caller]
    pub fn mount(directory: &Path, bytes: u64) -> Self {
        let disk = Self::try_mount(directory, bytes);
        disk.expect(
            "mounting failed: run the tests as root, or let `sudo -n mount` work (in a container: `--privileged`)",
        )
    }

    /// As [`Disk::mount`]; `None` where mounting is not permitted.
    fn try_mount(directory: &Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir(directory).unwrap();
        let mut mount = privileged("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=1777"), "tmpfs"]).arg(directory);
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(directory.to_path_buf()))
    }

    /// Grows it.
    pub fn grow(&self, bytes: u64) {
        self.remount(&format!("size={bytes}"));
    }

    /// Makes it writable or read-only.
    pub fn set_writable(&self, is_writable: bool) {
        self.remount(if is_writable { "rw" } else { "ro" });
    }

    fn remount(&self, option: &str) {
        let status = privileged("mount").args(["-o", &format!("remount,{option}")]).arg(&self.0).status();
        assert!(status.unwrap().success(), "remount,{option}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = privileged("umount").arg("-l").arg(&self.0).status();
    }
}

/// A program that may need root's rights.
fn privileged(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

/// A disk in a directory of a project or, where mounting is not permitted, a limit on the size of files.
pub struct SmallDisk<'a> {
    project: &'a TestProject,
    disk: Option<Disk>,
    bytes: u64,
}

impl<'a> SmallDisk<'a> {
    /// A disk of this size in a new directory.
    pub fn new(project: &'a TestProject, directory: &str, bytes: u64) -> Self {
        let disk = Disk::try_mount(&project.file(directory), bytes);
        if disk.is_none() {
            println!("mounting is not permitted here: bounding the size of files instead");
        }
        Self { project, disk, bytes }
    }

    /// The disk, if it was mounted.
    pub fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// Runs the binary, with the limit if there is no disk.
    pub fn run(&self, line: &str) -> Output {
        if self.disk.is_some() {
            return self.project.runner(line);
        }
        // Blocks of 512 bytes; because the signal is ignored, the write fails with an error instead.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", self.bytes / 512);
        let mut shell = Command::new("sh");
        self.project.prepare(&mut shell);
        shell.args(["-c", &script, "sh"]).arg(self.project.binary()).args(line.split(' '));
        self.project.finish(&mut shell)
    }
}
