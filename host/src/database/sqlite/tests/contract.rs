//! The contract, run on a file.

use async_trait::async_trait;

use super::*;
use crate::database::contract::{Factory, contract};

struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: folder() }
    }
}

#[async_trait]
impl Factory for File {
    async fn open(&self) -> Box<dyn Database> {
        open_at(self.folder.path()).await
    }
}

contract!(File::new());
