//! Opens a directory to which only this user can write, and which only this user can replace by another one.

use std::path::Path;

use cap_std::fs::Dir;

/// Opens a directory, which is created if necessary; otherwise, why it is not private.
///
/// The directory belongs to this user and is closed to all others (mode 0700). Those above it belong to this user or to
/// root, and others cannot write to them, unless the sticky bit keeps them from renaming what is not theirs: the
/// directory of another user could take its place, or another private one of this user. All of that is checked before
/// anything is created, and of the directory itself on the handle that is used from here on.
#[cfg(unix)]
pub fn open(directory: &Path) -> Result<Dir, String> {
    use std::fs::{DirBuilder, OpenOptions};
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

    let uncreated = |error: std::io::Error| format!("cannot be created ({error})");
    let absolute = std::path::absolute(directory).map_err(uncreated)?;
    let Some((above, name)) = absolute.parent().zip(absolute.file_name()) else {
        return Err("is the root of the file system".to_owned());
    };
    let user = user();
    let existing = above.ancestors().find(|above| above.exists()).unwrap_or(above);
    trust(&existing.canonicalize().map_err(uncreated)?, user)?;
    DirBuilder::new().recursive(true).mode(0o700).create(above).map_err(uncreated)?;
    let above = above.canonicalize().map_err(uncreated)?;
    trust(&above, user)?;
    let directory = above.join(name);
    match DirBuilder::new().mode(0o700).create(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(uncreated(error)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW);
    let opened = options.open(&directory).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOTDIR | libc::ELOOP) => "is not a directory".to_owned(),
        _ => format!("cannot be opened ({error})"),
    })?;
    let found = opened.metadata().map_err(|error| format!("cannot be read ({error})"))?;
    if found.uid() != user {
        return Err("belongs to another user".to_owned());
    }
    if found.mode() & 0o077 != 0 {
        return Err("is accessible to other users (`chmod 700` makes it private)".to_owned());
    }
    Ok(Dir::from_std_file(opened))
}

/// Checks a directory without links in its path, and all above it.
#[cfg(unix)]
fn trust(directory: &Path, user: u32) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    for above in directory.ancestors() {
        let found = above.symlink_metadata().map_err(|error| format!("cannot be reached ({error})"))?;
        let refused = |why: &str| Err(format!("is in `{}`, {why}", above.display()));
        if ![0, user].contains(&found.uid()) {
            return refused("which belongs to another user");
        }
        // A group with the number of its owner is that user's own, as distributions of Linux have them.
        let others = if found.gid() == found.uid() { 0o002 } else { 0o022 };
        let is_sticky = found.mode() & 0o1000 != 0;
        if found.mode() & others != 0 && !is_sticky {
            return refused("to which other users can write");
        }
    }
    Ok(())
}

/// The user whose rights this process has.
#[cfg(unix)]
fn user() -> u32 {
    // SAFETY: the call takes nothing, and cannot fail.
    unsafe { libc::geteuid() }
}

/// Opens a directory, which is created if necessary. The user's cache directory is private by default there.
#[cfg(not(unix))]
pub fn open(directory: &Path) -> Result<Dir, String> {
    std::fs::create_dir_all(directory).map_err(|error| format!("cannot be created ({error})"))?;
    let opened = Dir::open_ambient_dir(directory, cap_std::ambient_authority());
    opened.map_err(|error| format!("cannot be opened ({error})"))
}
