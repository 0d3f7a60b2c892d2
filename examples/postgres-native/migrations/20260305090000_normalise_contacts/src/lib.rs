//! Arrays become rows, and the addresses in JSON documents become columns; the downgrade restores the exact arrays
//! and documents.

mod array;
mod profile;

use std::mem;

use runner_guest::batch::{Int64Builder, JsonBuilder, TextBuilder, TextColumn};
use runner_guest::prelude::*;

use profile::{Address, FIELDS};

/// The catalogue's name for the type of the arrays.
const TEXTS: &str = "text[]";

const TAGS: &str = "tags";
const ADDRESSES: &str = "addresses";
const PROFILES: &str = "profiles";

struct NormaliseContacts;

impl Migration for NormaliseContacts {
    fn describe() -> Description {
        Description::new("turn tags into rows, and addresses into columns")
            .dialects([Dialect::Postgres])
            .needs(Need::RawSql)
            .needs(Need::alter("contacts"))
            .needs(Need::read("contacts"))
            .needs(Need::update("contacts"))
            .needs(Need::insert("contact_tags"))
            .needs(Need::read("contact_tags"))
            .needs(Need::delete("contact_tags"))
    }

    fn upgrade() -> Result<()> {
        let source = TableSource::new("contacts").columns(["tenant_id", "tags"]);
        let tags = batches::transform(TAGS, &source, &TableTarget::insert("contact_tags"))?;
        let source = TableSource::new("contacts").columns(["profile"]);
        let addresses = batches::transform(ADDRESSES, &source, &TableTarget::update("contacts"))?;
        same_tags()?;
        sql::execute("ALTER TABLE contacts DROP COLUMN tags", params![])?;
        info!("{} contacts: {} tags, {} addresses", tags.rows_read, tags.rows_written, addresses.rows_written);
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("ALTER TABLE contacts ADD COLUMN tags text[] NOT NULL DEFAULT '{}'", params![])?;
        collect_tags()?;
        same_tags()?;
        sql::execute("DELETE FROM contact_tags", params![])?;
        let source = TableSource::new("contacts")
            .columns(FIELDS)
            .columns(["profile"])
            .filter("coalesce(street, postcode, city, country) IS NOT NULL", params![]);
        batches::transform(PROFILES, &source, &TableTarget::update("contacts"))?;
        Ok(())
    }
}

impl Transformer for NormaliseContacts {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        match name {
            TAGS => tags(&rows),
            ADDRESSES => addresses(&rows),
            PROFILES => profiles(&rows),
            other => bail!("there is no transform `{other}`"),
        }
    }
}

/// A row for each element of the arrays.
fn tags(rows: &Batch) -> Result<Batch> {
    let (id, tenant, arrays) = (rows.int64("id")?, rows.int64("tenant_id")?, rows.native("tags")?.texts);
    let (mut contact, mut position) = (Int64Builder::new(), Int64Builder::new());
    let (mut owner, mut tag) = (Int64Builder::new(), TextBuilder::new());
    for row in 0..rows.len() {
        let elements = array::parse(arrays.get(row).unwrap_or("{}")).with_context(|| contact_of(id.get(row)))?;
        for (element, number) in elements.into_iter().zip(1..) {
            contact.push_option(id.get(row));
            position.push(number);
            owner.push_option(tenant.get(row));
            tag.push_option(element);
        }
    }
    Batch::new([
        contact.finish("contact_id"),
        position.finish("position"),
        owner.finish("tenant_id"),
        tag.finish("tag"),
    ])
}

/// The columns of every address that columns can hold, and the documents without these addresses.
fn addresses(rows: &Batch) -> Result<Batch> {
    let (id, profiles) = (rows.int64("id")?, rows.json("profile")?);
    let (mut key, mut rest) = (Int64Builder::new(), JsonBuilder::new());
    let mut columns = FIELDS.map(|_| TextBuilder::new());
    for row in 0..rows.len() {
        let Some(document) = profiles.get(row) else { continue };
        let taken = profile::take_address(document).with_context(|| contact_of(id.get(row)))?;
        let Some((address, without)) = taken else { continue };
        key.push_option(id.get(row));
        rest.push(without);
        columns.iter_mut().zip(address).for_each(|(column, part)| column.push_option(part));
    }
    let columns = columns.into_iter().zip(FIELDS).map(|(column, name)| column.finish(name));
    Batch::new([key.finish("id"), rest.finish("profile")].into_iter().chain(columns))
}

/// The documents with the addresses from the columns, and empty columns.
fn profiles(rows: &Batch) -> Result<Batch> {
    let (id, profiles) = (rows.int64("id")?, rows.json("profile")?);
    let columns = FIELDS.iter().map(|name| rows.text(name)).collect::<Result<Vec<TextColumn<'_>>>>()?;
    let (mut key, mut whole) = (Int64Builder::new(), JsonBuilder::new());
    for row in 0..rows.len() {
        let mut address = Address::default();
        for (part, column) in address.iter_mut().zip(&columns) {
            *part = column.get(row).map(str::to_owned);
        }
        let document = profile::put_address(profiles.get(row).unwrap_or("{}"), &address);
        key.push_option(id.get(row));
        whole.push(document.with_context(|| contact_of(id.get(row)))?);
    }
    let empty = FIELDS.map(|name| TextBuilder::from_iter(vec![None::<&str>; rows.len()]).finish(name));
    Batch::new([key.finish("id"), whole.finish("profile")].into_iter().chain(empty))
}

/// Fills the arrays from the rows. The rows of an array may be in two batches, so this is not a transform: it reads
/// and writes by itself.
fn collect_tags() -> Result<()> {
    let writer = batches::writer(&TableTarget::update("contacts"))?;
    let mut open: Option<(i64, Vec<Option<String>>)> = None;
    let source = TableSource::new("contact_tags").columns(["tag"]).key(["contact_id", "position"]);
    for rows in batches::read_table(&source)? {
        let rows = rows?;
        let (contacts, texts) = (rows.int64("contact_id")?, rows.text("tag")?);
        let (mut id, mut arrays) = (Int64Builder::new(), TextBuilder::new());
        for (contact, tag) in contacts.iter().zip(texts) {
            let contact = contact.context("a tag without a contact")?;
            let (current, elements) = open.get_or_insert_with(|| (contact, Vec::new()));
            if *current != contact {
                id.push(mem::replace(current, contact));
                arrays.push(array::write(&mem::take(elements)));
            }
            elements.push(tag.map(str::to_owned));
        }
        write(&writer, id, arrays)?;
    }
    if let Some((contact, elements)) = open {
        write(
            &writer,
            Int64Builder::from_iter([Some(contact)]),
            TextBuilder::from_iter([Some(array::write(&elements))]),
        )?;
    }
    writer.finish()?;
    Ok(())
}

fn write(writer: &batches::Writer, id: Int64Builder, arrays: TextBuilder) -> Result<()> {
    if !id.is_empty() {
        writer.write(&Batch::new([id.finish("id"), arrays.finish_native("tags", TEXTS)])?)?;
    }
    Ok(())
}

/// Fails unless arrays and rows agree. This is the migration's own check: the database compares, not the code above.
fn same_tags() -> Result<()> {
    let different: i64 = sql::query_scalar(
        "SELECT count(*) FROM contacts c WHERE tags <> coalesce(\
             (SELECT array_agg(t.tag ORDER BY t.position) FROM contact_tags t WHERE t.contact_id = c.id), '{}')",
        params![],
    )?;
    ensure!(different == 0, "{different} contacts have other tags in their array than in their rows");
    Ok(())
}

fn contact_of(id: Option<i64>) -> String {
    format!("contact {}", id.unwrap_or_default())
}

runner_guest::export!(NormaliseContacts, transformer);
