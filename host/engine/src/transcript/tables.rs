//! The digests of sources, targets and parameters, which are part of the calls that a transcript contains.

use crate::call::canonical::{self, Sink, digest_of};
use runner_data::Value;
use runner_database::{TableName, TableSource, TableTarget, WriteMode};

/// Returns the digest of the parameters of a statement, or an empty text if there are none.
pub fn of_parameters(parameters: &[Value]) -> String {
    if parameters.is_empty() {
        return String::new();
    }
    digest_of(|sink| canonical::put_list(sink, parameters, canonical::put_value)).hex()
}

/// Returns the digest of a source.
pub fn of_source(source: &TableSource) -> String {
    digest_of(|sink| put_source(sink, source)).hex()
}

/// Returns the digest of a target.
pub fn of_target(target: &TableTarget) -> String {
    digest_of(|sink| put_target(sink, target)).hex()
}

/// Returns the digest of the call of a transform.
pub fn of_transform(name: &str, source: &TableSource, target: &TableTarget) -> String {
    digest_of(|sink| {
        sink.bytes(name.as_bytes());
        put_source(sink, source);
        put_target(sink, target);
    })
    .hex()
}

fn put_name(sink: &mut impl Sink, name: &TableName) {
    canonical::put_option(sink, name.schema.as_deref());
    sink.bytes(name.name.as_bytes());
}

fn put_source(sink: &mut impl Sink, source: &TableSource) {
    put_name(sink, &source.table);
    canonical::put_list(sink, &source.columns, |sink, (name, read_as)| {
        sink.bytes(name.as_bytes());
        canonical::put_type(sink, *read_as);
    });
    canonical::put_texts(sink, &source.key);
    canonical::put_option(sink, source.filter.as_deref());
    canonical::put_list(sink, &source.parameters, canonical::put_value);
    sink.byte(u8::from(source.descending));
}

fn put_target(sink: &mut impl Sink, target: &TableTarget) {
    put_name(sink, &target.table);
    sink.byte(match target.mode {
        WriteMode::Insert => 0,
        WriteMode::Update => 1,
        WriteMode::Upsert => 2,
        WriteMode::Delete => 3,
    });
    canonical::put_texts(sink, &target.key);
}
