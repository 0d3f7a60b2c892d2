// Changes of the schema: every type with a default, every constraint and every call, as `tests/guests/changes` does them in Rust.
#include "runner_guest_schema.hpp"

namespace schema = runner::schema;

static rg_value value(uint8_t tag)
{
    rg_value made = {};
    made.tag = tag;
    return made;
}

static rg_value text(uint8_t tag, const char *of)
{
    rg_value made = value(tag);
    made.val.text = rg_str(of);
    return made;
}

static rg_value number(uint8_t tag, int64_t of)
{
    rg_value made = value(tag);
    made.val.int64 = of;
    return made;
}

struct changes {
    static const char *summary() { return "change the schema"; }

    static runner::result<> upgrade()
    {
        rg_value raw = value(RUNNER_MIGRATION_TYPES_VALUE_BYTES), day = value(RUNNER_MIGRATION_TYPES_VALUE_DATE);
        raw.val.bytes = {reinterpret_cast<uint8_t *>(const_cast<char *>("\0\xff'")), 3};
        day.val.date = 20000;
        rg_value uuid = value(RUNNER_MIGRATION_TYPES_VALUE_UUID);
        uuid.val.uuid = {1, 2};
        RUNNER_CHECK(schema::table("parents")
                         .column(schema::column("id", RG_INT64).identity())
                         .column(schema::column("code", rg_varchar(20)).not_null().default_value(rg_text("it's \\ \"here\"")))
                         .column(schema::column("flag", RG_BOOLEAN).not_null().default_value(rg_boolean(true)))
                         .column(schema::column("small", RG_INT32).not_null().default_value(rg_int64(-5)))
                         .column(schema::column("large", RG_INT64).not_null().default_value(rg_int64(INT64_MAX)))
                         .column(schema::column("ratio", RG_FLOAT64).not_null().default_value(rg_float64(0.1)))
                         .column(schema::column("note", RG_TEXT).not_null().default_value(rg_text("ünï\ncode")))
                         .column(schema::column("raw", RG_BYTES).not_null().default_value(raw))
                         .column(schema::column("price", rg_decimal(10, 2)).not_null()
                                     .default_value(text(RUNNER_MIGRATION_TYPES_VALUE_DECIMAL, "-12.50")))
                         .column(schema::column("day", RG_DATE).not_null().default_value(day))
                         .column(schema::column("hour", RG_TIME).not_null()
                                     .default_value(number(RUNNER_MIGRATION_TYPES_VALUE_TIME, 3600000001)))
                         .column(schema::column("at", RG_TIMESTAMP).not_null()
                                     .default_value(number(RUNNER_MIGRATION_TYPES_VALUE_TIMESTAMP, 1700000000000001)))
                         .column(schema::column("instant", RG_TIMESTAMPTZ).not_null()
                                     .default_value(number(RUNNER_MIGRATION_TYPES_VALUE_TIMESTAMPTZ, 1700000000000000)))
                         .column(schema::column("made", RG_TIMESTAMPTZ).not_null().default_current_timestamp())
                         .column(schema::column("key", RG_UUID).not_null().default_value(uuid))
                         .column(schema::column("data", RG_JSON).not_null()
                                     .default_value(text(RUNNER_MIGRATION_TYPES_VALUE_JSON, "{\"a\": [1, null]}")))
                         .column(schema::column("order", RG_TEXT))
                         .primary_key({"id"})
                         .unique({"code", "small"})
                         .create());
        RUNNER_CHECK(schema::table("child ren")
                         .column(schema::column("a", RG_INT64).not_null())
                         .column(schema::column("b", RG_INT64).not_null())
                         .column(schema::column("parent", RG_INT64))
                         .primary_key({"a", "b"})
                         .foreign_key({"parent"}, "parents", {"id"}, RG_SET_NULL)
                         .create());
        // Names are any kind of text.
        const std::string children = "children";
        const std::string_view said = "said";
        RUNNER_CHECK(schema::rename_table("child ren", children));
        RUNNER_CHECK(schema::add_column(children, schema::column("say \"hi\"", RG_TEXT)));
        RUNNER_CHECK(schema::rename_column(children, "say \"hi\"", said));
        RUNNER_CHECK(schema::add_column("children", schema::column("paid", RG_BOOLEAN).not_null().default_value(rg_boolean(false))));
        RUNNER_CHECK(schema::drop_column(children, said));
        RUNNER_CHECK(schema::index("children_paid", children).columns({"paid", std::string("b")}).create());
        RUNNER_CHECK(schema::drop_index(std::string_view(children), std::string("children_paid")));
        RUNNER_CHECK(schema::index("parents_code", "parents").columns({"code"}).unique().create());
        if (schema::drop_table("nothing"))
            return runner::fail("a table that does not exist is dropped");
        RUNNER_CHECK(runner::execute("INSERT INTO parents (id) VALUES (7)"));
        RUNNER_CHECK(runner::execute("DELETE FROM parents"));
        return {};
    }

    static runner::result<> downgrade()
    {
        RUNNER_CHECK(schema::drop_index("parents", "parents_code"));
        RUNNER_CHECK(schema::drop_table("children"));
        return schema::drop_table("parents");
    }

    static runner::result<> transform(std::string_view, runner::batch &) { return runner::fail("there are no batch functions"); }
};

RUNNER_MIGRATION(changes)
