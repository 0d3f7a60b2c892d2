//! The contract, run on a file.

use async_trait::async_trait;

use super::*;
use crate::database::contract::{Factory, contract};

struct File {
    directory: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        Self { directory: directory() }
    }
}

#[async_trait]
impl Factory for File {
    async fn open(&self) -> Box<dyn Database> {
        open_at(self.directory.path()).await
    }
}

contract!(File::new());
