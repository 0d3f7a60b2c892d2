//! The data path on a real server.

use std::path::Path;

use async_trait::async_trait;
use runner_tests::servers::{self, TestDatabase};

use super::*;
use crate::database::contract::{Factory, contract};

mod cursors;
mod types;
mod writers;

/// A fresh database on the server that the tests share.
struct Fresh(TestDatabase);

impl Fresh {
    fn new() -> Self {
        Self(servers::mariadb().database())
    }
}

#[async_trait]
impl Factory for Fresh {
    async fn open(&self) -> Box<dyn Database> {
        let url = DatabaseUrl::parse(&self.0.url(), Path::new("/")).expect("a URL");
        super::connect(&url, &ConnectOptions::default()).await.expect("a connection")
    }
}

/// A fresh database, and a connection to it.
async fn fresh() -> (Fresh, Box<dyn Database>) {
    let fresh = Fresh::new();
    let database = fresh.open().await;
    (fresh, database)
}

contract!(Fresh::new());
