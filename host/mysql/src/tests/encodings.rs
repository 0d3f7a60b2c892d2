//! Names and texts of a migration in character sets and modes that take the byte before a quote, or the quote, for something else. The
//! verdict is what the database holds afterwards.

use runner_tests::servers::Server;

use super::modes::discard;
use super::*;
use runner_database::schema_change::{DataType, DefaultValue, NewColumn, NewIndex, NewTable};
use runner_database::scratch::ScratchRequest;

/// Character sets in which a backslash can be the second byte of a character, as far as the server has them.
const CHARACTER_SETS: &str = "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS \
     WHERE CHARACTER_SET_NAME IN ('gbk', 'sjis', 'cp932', 'big5', 'gb18030') ORDER BY 1";

const MODES: [&str; 3] = ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"];

/// What would end a name or a text early, after characters whose last byte takes the next one with it.
const HOSTILE: [&str; 7] = [
    "\u{554a}`; DROP TABLE victim; -- x",
    "\u{8868}\\`); DROP TABLE victim; -- x",
    "\u{e9}\\'); DROP TABLE victim; -- x",
    "'\"`\\",
    "\u{30bd}\"\"\\\"); DROP TABLE victim; -- x",
    "a') ENGINE = MyISAM -- x",
    "a'', z VARCHAR(9) DEFAULT ''b",
];

fn column(name: &str, data_type: DataType, default: &str) -> NewColumn {
    let default = Some(DefaultValue::Literal(default.into()));
    NewColumn { name: name.to_owned(), data_type, not_null: false, default, identity: false }
}

fn table(name: &str) -> SchemaChange {
    let columns = vec![column(name, DataType::Text, name), column("v", DataType::Varchar(80), name)];
    SchemaChange::CreateTable(NewTable {
        table: TableName::new(name),
        columns,
        primary_key: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
    })
}

/// The names of the tables, columns and indexes, one a line.
async fn objects(witness: &mut dyn Database) -> Vec<String> {
    let ask = "SELECT CONCAT_WS('|', TABLE_NAME, COLUMN_NAME) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
         UNION ALL SELECT CONCAT_WS('|', TABLE_NAME, INDEX_NAME, COLUMN_NAME) FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA = DATABASE()";
    let mut found: Vec<String> =
        rows(witness, ask).await.iter().filter_map(|row| row[0].as_text().map(str::to_owned)).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_change_makes_what_was_asked_in_any_character_set() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE victim (id INT)");
    let mut witness = open(&fresh).await;
    let sets = rows(witness.as_mut(), CHARACTER_SETS).await;
    let sets: Vec<&str> = sets.iter().filter_map(|row| row[0].as_text()).collect();
    assert!(sets.len() > 3, "{sets:?}");
    for set in sets {
        for mode in MODES {
            for name in HOSTILE {
                // A migration in SQL may set these; a component is in the same session.
                let mut database = open(&fresh).await;
                let component = database.as_mut();
                component.set_role(Role::SqlScript);
                for setting in [format!("SET SESSION sql_mode = '{mode}'"), format!("SET NAMES {set}")] {
                    run(component, &setting).await;
                }
                let index = NewIndex {
                    name: format!("{name}i"),
                    table: TableName::new(name),
                    columns: vec!["v".to_owned()],
                    unique: false,
                };
                for change in [table(name), SchemaChange::CreateIndex(index)] {
                    let changed = component.component(&StopSignal::never()).change_schema(&change).await;
                    changed.unwrap_or_else(|error| panic!("{set}, {mode}: {name}: {error}"));
                }
                let mut expected = vec![
                    "victim|id".to_owned(),
                    format!("{name}|v"),
                    format!("{name}|{name}"),
                    format!("{name}|{name}i|v"),
                ];
                expected.sort();
                assert_eq!(objects(witness.as_mut()).await, expected, "{set}, {mode}");
                let quoted = Dialect::Mysql.quote(name);
                run(witness.as_mut(), &format!("INSERT INTO {quoted} VALUES ()")).await;
                let kept = rows(witness.as_mut(), &format!("SELECT * FROM {quoted}")).await;
                assert_eq!(kept, [[Value::from(name), Value::from(name)]], "{set}, {mode}");
                run(witness.as_mut(), &format!("DROP TABLE {quoted}")).await;
            }
        }
    }
}

/// A copy for a dry run is made of what the server prints of a table.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_what_was_copied_or_is_refused() {
    let server = Server::private(Kind::Mariadb).start();
    let options = ConnectOptions::default();
    let stop = StopSignal::never();
    let mut refused = 0;
    for name in HOSTILE {
        for by_hand in [false, true] {
            let fresh = server.database();
            fresh.sql("CREATE TABLE victim (id INT)");
            let mut database = open(&fresh).await;
            let database = database.as_mut();
            match by_hand {
                false => database.component(&stop).change_schema(&table(name)).await.expect("made"),
                true => {
                    let (quoted, literal) = (Dialect::Mysql.quote(name), hex::encode(name));
                    let text = format!("CREATE TABLE {quoted} (v LONGTEXT DEFAULT (_utf8mb4 X'{literal}'))");
                    // MariaDB cannot read some of what it keeps itself.
                    if database.execute(&text, &[]).await.is_err() {
                        continue;
                    }
                }
            }
            database.set_role(Role::Host);
            let before = objects(database).await;
            let shown = rows(database, &format!("SHOW CREATE TABLE {}", Dialect::Mysql.quote(name))).await;
            let url = DatabaseUrl::parse(&fresh.url(), Path::new("/")).expect("a URL");
            let request =
                ScratchRequest { url: &url, rows: None, connect: &options, stop: &stop, progress: &|_, _, _| {} };
            match crate::scratch::make(database, &request).await {
                Ok(mut made) => {
                    let copied = made.database.as_mut();
                    assert_eq!(objects(copied).await, before, "{name}");
                    let again = rows(copied, &format!("SHOW CREATE TABLE {}", Dialect::Mysql.quote(name))).await;
                    assert_eq!(again, shown, "{name}");
                    discard(database, made).await;
                }
                Err(error) => {
                    refused += 1;
                    assert!(by_hand && error.kind == DatabaseErrorKind::Denied, "{name}: {error}");
                    assert!(error.message.contains("a text with its character set"), "{name}: {error}");
                }
            }
            assert_eq!(objects(database).await, before, "{name}");
        }
    }
    assert_eq!(refused > 3, !is_mysql(), "{refused}");
}
