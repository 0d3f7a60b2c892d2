//! What computes with nothing but what a statement may read, and so needs no grant.

/// Functions that only compute with their arguments, or with the rows that a statement may read.
const FUNCTIONS: &str = "
    -> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count
    cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor
    format glob group_concat hex if ifnull iif instr json json_array json_array_length json_error_position
    json_extract json_group_array json_group_object json_insert json_object json_patch json_pretty json_quote
    json_remove json_replace json_set json_type json_valid jsonb jsonb_array jsonb_extract jsonb_group_array
    jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set julianday lag
    last_value lead length like likelihood likely ln log log10 log2 lower ltrim match max min mod nth_value ntile
    nullif octet_length percent_rank pi pow power printf quote radians rank replace round row_number rtrim sign sin
    sinh soundex sqrt strftime string_agg substr substring sum tan tanh time timediff total trim trunc typeof unhex
    unicode unistr unistr_quote unixepoch unlikely upper zeroblob
";

/// Table-valued functions that only compute with their arguments.
const TABLES: &str = "json_each json_tree jsonb_each jsonb_tree";

pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.split_whitespace().any(|harmless| harmless.eq_ignore_ascii_case(name))
}

pub(super) fn is_table(name: &str) -> bool {
    TABLES.split_whitespace().any(|harmless| harmless.eq_ignore_ascii_case(name))
}
