//! Which functions a text calls, as far as its words show. Functions of the database's users may do anything: change rows, or read
//! other tables.

use super::lex::TokenKind;
use super::tokens::Tokens;

/// Functions of the databases that only compute, and other words that a parenthesis may follow; a space between two.
const KNOWN: &[&str] = &[
    // Words of the language, and types.
    "all and any array as between bigint binary bit by case char character check datetime decimal distinct else \
     except exists filter float from group having in int integer intersect interval is join like limit not \
     numeric offset on or order over partition returning row select set some then time timestamp timestamptz \
     union unsigned using values varbinary varchar when where window with within",
    // Values.
    "abs ascii cast ceil ceiling coalesce convert exp floor format greatest if ifnull iif isnull least ln log mod \
     nullif pow power round sign sqrt trunc truncate typeof",
    // Texts.
    "btrim char_length character_length concat concat_ws decode encode glob hex initcap instr left length locate \
     lower lpad ltrim md5 octet_length position printf quote regexp_match regexp_replace repeat replace reverse \
     right rpad rtrim sha1 sha2 sha256 sha512 split_part strpos substr substring substring_index trim unhex \
     unicode upper",
    // Times.
    "age curdate current_date current_time current_timestamp curtime date date_add date_bin date_format date_part \
     date_sub date_trunc datediff day dayofweek extract from_unixtime hour julianday localtime localtimestamp \
     make_date make_interval make_timestamp make_timestamptz minute month now quarter second str_to_date strftime \
     timestampadd timestampdiff to_char to_date to_number to_timestamp unix_timestamp unixepoch utc_timestamp \
     week year",
    // Aggregates and windows.
    "array_agg avg bool_and bool_or count dense_rank first_value group_concat json_agg json_arrayagg \
     json_group_array json_group_object json_objectagg jsonb_agg lag last_value lead max min ntile rank \
     row_number string_agg sum total",
    // JSON and arrays.
    "array_length cardinality generate_series json json_array json_array_length json_build_object json_contains \
     json_each json_extract json_length json_object json_table json_type json_unquote json_valid json_value \
     jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_object jsonb_each \
     jsonb_each_text jsonb_object_keys jsonb_typeof to_json to_jsonb unnest",
    // The server itself.
    "current_database current_schema database found_rows last_insert_id row_count to_regclass version",
];

fn is_known(word: &str) -> bool {
    KNOWN.iter().flat_map(|group| group.split(' ')).any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether a text calls nothing but functions of the database that only compute. Judging by the text: what views and triggers call is
/// not in it, and a name that is followed by a list of columns counts as a call.
pub fn calls_only_known(tokens: &Tokens<'_>) -> bool {
    let tokens = tokens.parts();
    tokens.windows(2).enumerate().all(|(at, pair)| {
        let [(kind, word), (_, after)] = pair else { return true };
        if *after != "(" || *kind == TokenKind::Sign {
            return true;
        }
        let is_qualified = at.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|(_, it)| *it == ".");
        let is_of_server = !is_qualified
            || at.checked_sub(2).and_then(|owner| tokens.get(owner)).is_some_and(|(_, it)| *it == "pg_catalog");
        *kind == TokenKind::Word && is_of_server && is_known(word)
    })
}

/// Whether a condition on the rows of a table depends on nothing but the row that it is asked about.
pub fn reads_its_row(condition: &Tokens<'_>) -> bool {
    let tokens = condition.parts();
    let reads = |word: &str| ["select", "table", "values", "with"].iter().any(|it| it.eq_ignore_ascii_case(word));
    let reads_more = tokens.iter().any(|(kind, word)| *kind == TokenKind::Word && reads(word));
    // SQLite: `a IN t`.
    let names_table = tokens.windows(2).any(|pair| match pair {
        [(TokenKind::Word, word), (_, after)] => word.eq_ignore_ascii_case("in") && *after != "(",
        _ => false,
    });
    !reads_more && !names_table && calls_only_known(condition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::dialect::Dialect;

    #[test]
    fn functions_of_users_are_found() {
        for (text, known) in [
            ("SELECT count(*), max( a ) FROM t WHERE id IN (1, 2)", true),
            ("SELECT pg_catalog.lower(name) FROM t", true),
            ("SELECT 'bill()' AS \"f()\" -- bill()", true),
            ("SELECT bill_customers()", false),
            ("SELECT nextval('s')", false),
            ("SELECT app.lower(name) FROM t", false),
            ("SELECT \"Bill\" (1)", false),
            ("SELECT setval /* why */ ('s', 1)", false),
        ] {
            assert_eq!(calls_only_known(&Tokens::new(text, Dialect::Postgres)), known, "{text}");
        }
    }

    #[test]
    fn conditions_that_read_more_than_their_row_are_found() {
        for (condition, alone) in [
            ("full_name IS NULL AND id > ?1", true),
            ("lower(email) <> email", true),
            ("state IN ('new', 'select')", true),
            ("NOT EXISTS (SELECT 1 FROM u WHERE u.id = t.id)", false),
            ("id IN done", false),
            ("is_open(id)", false),
        ] {
            assert_eq!(reads_its_row(&Tokens::new(condition, Dialect::Sqlite)), alone, "{condition}");
        }
    }
}
