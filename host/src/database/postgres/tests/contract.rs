//! The contract, run on a server.

use async_trait::async_trait;

use super::*;
use crate::database::contract::{Factory, contract};

struct Fresh(TestDatabase);

#[async_trait]
impl Factory for Fresh {
    async fn open(&self) -> Box<dyn Database> {
        super::open(&self.0).await
    }
}

contract!(Fresh(fresh()));
