//! Artifacts in the database, so that any release can roll back what a newer one applied.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::packed::{ComponentBytes, Packed, pack};
use super::read::{corrupt, unreadable};
use crate::call::codec::{decode, encode};
use crate::schema::history as sql;
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::{Facts, HostSession, Large, QueryLimits, ToolChange, tool_sql};
use runner_project::catalog::Kind;
use runner_project::script::{LoadedScript, Runtime, RuntimePin};
use runner_sql::Sql;

/// The largest artifact that is read back: a guard against a damaged size, not a limit for users.
const READ_BYTES: usize = 1 << 30;

/// The size of a statement that stores an artifact, without the artifact; an upper bound.
const PACKET_HEAD: usize = 64 << 10;

/// An artifact as the database stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Both directions of a migration in SQL.
    Sql {
        /// The upgrade.
        up: Sql,
        /// The downgrade.
        down: Option<Sql>,
        /// The values that the upgrade's parameters had, and those of its downgrade then.
        values: BTreeMap<String, String>,
    },
    /// A component.
    Component {
        /// Its bytes.
        bytes: Arc<ComponentBytes>,
        /// The digests of its assets by path; the assets themselves are not stored.
        assets: BTreeMap<String, String>,
    },
    /// A script with its companion files, and the runtime, which all scripts share.
    Script(Arc<LoadedScript>),
}

/// The runtimes in the table of artifacts: what is in place of their revision. No revision is a word.
const RUNTIMES: &str = "runtime";

/// The texts of a migration in SQL, as they are stored.
#[derive(Serialize)]
struct StoredTexts<'a> {
    down: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    parameters: &'a BTreeMap<String, String>,
    up: &'a str,
}

/// What is kept with a script in addition to its files.
#[derive(Serialize, Deserialize)]
struct AboutScript {
    /// Its path.
    path: String,
    /// The runtime's name.
    runtime: String,
    /// The runtime's digest.
    runtime_sha256: String,
}

impl Stored {
    /// How the migration is written.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sql { .. } => Kind::Sql,
            Self::Component { .. } => Kind::Component,
            Self::Script(_) => Kind::Script,
        }
    }

    /// The bytes that are stored, and what is kept with them; `None` if they have no form.
    fn encode(&self) -> Option<(Cow<'_, [u8]>, String)> {
        Some(match self {
            Self::Sql { up, down, values } => {
                let texts = StoredTexts { down: down.as_deref(), parameters: values, up };
                (serde_json::to_vec(&texts).ok()?.into(), "{}".to_owned())
            }
            Self::Component { bytes, assets } => ((&***bytes).into(), json!(assets).to_string()),
            Self::Script(script) => {
                let LoadedScript { path, files, runtime: Runtime { pin, .. } } = &**script;
                let about = json!({ "path": path, "runtime": pin.name, "runtime_sha256": pin.sha256 });
                let files: BTreeMap<&str, &[u8]> = files.iter().map(|(path, bytes)| (&**path, &**bytes)).collect();
                (encode(&files).into(), about.to_string())
            }
        })
    }

    fn decode(kind: Kind, bytes: Vec<u8>, assets: &str) -> Option<Self> {
        match kind {
            Kind::Component => {
                let bytes = Arc::new(ComponentBytes::from(bytes));
                Some(Self::Component { bytes, assets: serde_json::from_str(assets).ok()? })
            }
            // It takes a runtime, too.
            Kind::Script => None,
            Kind::Sql => {
                let pair: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
                let values = match &pair["parameters"] {
                    serde_json::Value::Null => BTreeMap::new(),
                    values => serde_json::from_value(values.clone()).ok()?,
                };
                let down = pair["down"].as_str().map(Sql::from);
                Some(Self::Sql { up: pair["up"].as_str()?.into(), down, values })
            }
        }
    }
}

/// The changes that store an artifact under its revision and digest, and the runtime of a script, as far as the database does not have
/// them. One above `limit` bytes, or above what the server accepts at once, is not stored. The digest alone is not a sufficient key: that
/// of SQL does not cover the downgrade.
pub async fn artifact_changes(
    database: &mut HostSession<'_>,
    revision: &str,
    sha256: &str,
    stored: &Stored,
    limit: u64,
) -> Result<Vec<ToolChange>> {
    // A component's digest covers all of its bytes; SQL may come back with a different downgrade.
    if stored.kind() != Kind::Sql && has_artifact(database, revision, sha256).await? {
        return Ok(Vec::new());
    }
    let Some(own) = stored_artifact(database.facts(), revision, sha256, stored, limit) else { return Ok(Vec::new()) };
    if let Stored::Script(script) = stored
        && !has_artifact(database, RUNTIMES, &script.runtime.pin.sha256).await?
    {
        // A script is useless without its runtime.
        let runtime = stored_runtime(database.facts(), &script.runtime, limit);
        return Ok(runtime.map_or_else(Vec::new, |runtime| vec![runtime, own]));
    }
    Ok(vec![own])
}

async fn has_artifact(database: &mut HostSession<'_>, revision: &str, sha256: &str) -> Result<bool> {
    let key = [revision.into(), sha256.into()];
    let text = tool_sql(sql::HAS_ARTIFACT, database.facts());
    let found = database.query(&text, &key, QueryLimits::NONE).await.map_err(unreadable)?;
    Ok(!found.rows.is_empty())
}

fn stored_artifact(facts: &Facts, revision: &str, sha256: &str, stored: &Stored, limit: u64) -> Option<ToolChange> {
    // What is far too large is not even put together.
    if matches!(stored, Stored::Sql { up, .. } if up.len() as u64 > limit) {
        return None;
    }
    let (bytes, assets) = stored.encode()?;
    if bytes.len() as u64 > limit {
        return None;
    }
    let size = bytes.len() as i64;
    let packed = match stored {
        Stored::Component { bytes, .. } => bytes.packed(),
        Stored::Sql { .. } | Stored::Script(_) => pack(bytes),
    };
    change(facts, (revision, sha256, stored.kind().name()), size, packed, assets)
}

/// A runtime is stored as its file is, which is compressed far better than would be worth while here: that size counts.
fn stored_runtime(facts: &Facts, runtime: &Runtime, limit: u64) -> Option<ToolChange> {
    if runtime.file.len() as u64 > limit {
        return None;
    }
    let size = runtime.size as i64;
    let key = (RUNTIMES, &*runtime.pin.sha256, RUNTIMES);
    change(facts, key, size, ("zstd", Arc::clone(&runtime.file)), json!({ "name": runtime.pin.name }).to_string())
}

fn change(
    facts: &Facts,
    (revision, sha256, kind): (&str, &str, &str),
    size: i64,
    (compression, bytes): Packed,
    assets: String,
) -> Option<ToolChange> {
    if facts.packet_bytes.is_some_and(|packet| bytes.len() + assets.len() > packet.saturating_sub(PACKET_HEAD)) {
        return None;
    }
    let values = [revision.into(), sha256.into(), kind.into(), size.into(), compression.into(), assets.into()];
    let large = Large { table: "runner_artifact", column: "bytes", key: &["revision", "sha256"], bytes };
    Some(ToolChange::of_any_rows(facts.sql.tool.store_artifact, values).with_large(large))
}

/// Loads the artifact of a revision and digest, if the database has it.
pub async fn load_artifact(database: &mut HostSession<'_>, revision: &str, sha256: &str) -> Result<Option<Stored>> {
    let Some(row) = load(database, revision, sha256).await? else { return Ok(None) };
    match Kind::from_name(&row.kind).ok_or_else(corrupt)? {
        Kind::Script => load_script(database, row).await.map(Some),
        kind => Stored::decode(kind, row.content()?, &row.assets).map(Some).ok_or_else(corrupt),
    }
}

/// A script with the runtime that it names.
async fn load_script(database: &mut HostSession<'_>, row: Row) -> Result<Stored> {
    let about: AboutScript = serde_json::from_str(&row.assets).map_err(|_| corrupt())?;
    let files: BTreeMap<String, Vec<u8>> = decode(&row.content()?).ok_or_else(corrupt)?;
    let pin = RuntimePin { name: about.runtime, sha256: about.runtime_sha256 };
    let Some(stored) = load(database, RUNTIMES, &pin.sha256).await? else {
        return Err(Error::mismatch(format!("the database no longer has the runtime {}", pin.shown()))
            .hint("restore the migration's files in the project, from the release that has them"));
    };
    let runtime = Runtime::open(&pin, stored.bytes)?;
    let files = files.into_iter().map(|(path, bytes)| (path, bytes.into())).collect();
    Ok(Stored::Script(Arc::new(LoadedScript { path: about.path, files, runtime })))
}

/// A row of the table.
struct Row {
    kind: String,
    size: i64,
    compression: String,
    assets: String,
    bytes: Vec<u8>,
}

async fn load(database: &mut HostSession<'_>, revision: &str, sha256: &str) -> Result<Option<Row>> {
    let key = [revision.into(), sha256.into()];
    let text = tool_sql(sql::LOAD_ARTIFACT, database.facts());
    let found = database.query(&text, &key, QueryLimits::NONE).await.map_err(unreadable)?;
    let Some(row) = found.rows.into_iter().next() else { return Ok(None) };
    let Ok::<[Value; 5], _>([kind, size, compression, assets, Value::Bytes(bytes)]) = row.try_into() else {
        return Err(corrupt());
    };
    let text = |value: Value| value.as_text().map(str::to_owned).ok_or_else(corrupt);
    let size = size.as_int64().ok_or_else(corrupt)?;
    Ok(Some(Row { kind: text(kind)?, size, compression: text(compression)?, assets: text(assets)?, bytes }))
}

impl Row {
    /// The bytes as they were stored.
    fn content(&self) -> Result<Vec<u8>> {
        let Self { size, compression, bytes, .. } = self;
        let size = usize::try_from(*size).ok().filter(|size| *size <= READ_BYTES).ok_or_else(corrupt)?;
        let bytes = match compression.as_str() {
            "none" => bytes.clone(),
            "zstd" => zstd::bulk::decompress(bytes, size).map_err(|_| corrupt())?,
            _ => {
                return Err(Error::mismatch(
                    "the stored artifact uses a compression that this version does not support",
                )
                .hint("use the version of runner that applied the revision, or a later one"));
            }
        };
        if bytes.len() != size {
            return Err(corrupt());
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_comes_back_as_it_went() {
        for stored in [
            Stored::Sql { up: "CREATE TABLE t (a)".into(), down: None, values: BTreeMap::new() },
            Stored::Sql {
                up: "-- ü\n".repeat(1000).into(),
                down: Some("DROP TABLE t".into()),
                values: [("name".to_owned(), "it's \"t\"".to_owned())].into_iter().collect(),
            },
            Stored::Component {
                bytes: Arc::new(vec![0, 97, 115, 109].into()),
                assets: [("zones/a.txt".to_owned(), "00".to_owned())].into_iter().collect(),
            },
        ] {
            let (bytes, assets) = stored.encode().expect("a form");
            let size = bytes.len();
            let (compression, packed) = pack(bytes);
            assert_eq!(compression == "zstd", size > 512);
            let bytes = match compression {
                "zstd" => zstd::bulk::decompress(&packed, size).expect("ours"),
                _ => packed.to_vec(),
            };
            assert_eq!(Stored::decode(stored.kind(), bytes, &assets), Some(stored));
        }
    }
}
