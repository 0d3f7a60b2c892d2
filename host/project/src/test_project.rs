//! A project in a temporary directory, for tests.

use std::path::Path;

use runner_base::error::{Error, Result};
use runner_project::settings::{LoadRequest, Settings};

/// A project that is deleted on drop.
pub(super) struct TestProject {
    directory: tempfile::TempDir,
}

impl TestProject {
    /// A project with an empty `runner.toml` and these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let project = Self { directory: tempfile::tempdir().expect("a directory") };
        std::fs::create_dir(project.path().join("migrations")).expect("a directory");
        project.write("runner.toml", "");
        for (path, content) in files {
            project.write(path, content);
        }
        project
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        std::fs::write(path, content).expect("written");
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).expect("read")
    }

    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.path().join(path)).expect("removed");
    }

    /// A request that starts in the project with these variables.
    pub fn request(&self, env: &[(&str, &str)]) -> LoadRequest {
        LoadRequest {
            start_dir: self.path().to_path_buf(),
            env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..LoadRequest::default()
        }
    }

    pub fn settings(&self) -> Settings {
        Settings::load(&self.request(&[])).expect("settings")
    }
}

/// An error, approximately as a user sees it.
pub(super) fn shown(error: &Error) -> String {
    let mut lines = vec![error.message.clone()];
    lines.extend(error.places.iter().map(|(label, place)| format!("  {label}: {place}")));
    lines.extend(error.causes.iter().map(|cause| format!("  - {cause}")));
    lines.extend(error.hints.iter().map(|hint| format!("  hint: {hint}")));
    lines.join("\n")
}

/// The error of something that must fail, as a user sees it.
pub(super) fn shown_error<T>(result: Result<T>) -> String {
    shown(&result.err().expect("an error"))
}

/// A component that does nothing; its bytes and its summary are derived from the text.
pub(super) fn component(text: &str) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    let name = u8::try_from(text.len()).expect("short");
    bytes.extend([0, name + 1, name]);
    bytes.extend(text.as_bytes());
    bytes
}
