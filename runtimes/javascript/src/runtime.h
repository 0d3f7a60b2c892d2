/* The runtime of migrations in JavaScript: what its files share. ../README.md describes how they fit together. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data_migration.h"
#include "quickjs.h"

typedef data_migration_string_t String;
typedef runner_migration_types_value_t Value;
typedef runner_migration_types_error_t Error;
typedef runner_migration_types_batch_t Batch;
typedef runner_migration_types_column_values_t ColumnValues;
typedef runner_migration_types_var_values_t VarValues;

/* The contract's column types, in its order: the tags of `column-values`, and those of `value` plus one. */
enum Type {
    TYPE_BOOLEAN,
    TYPE_INT64,
    TYPE_FLOAT64,
    TYPE_TEXT,
    TYPE_BYTES,
    TYPE_DECIMAL,
    TYPE_DATE,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TIMESTAMPTZ,
    TYPE_UUID,
    TYPE_JSON,
    TYPE_NATIVE,
    TYPE_COUNT,
};

/* What the instance is doing. It decides which imports the host allows. */
enum Phase { PHASE_DESCRIBE, PHASE_MIGRATE, PHASE_TRANSFORM };

/* The only context of the instance. */
extern JSContext *js;
extern enum Phase phase;
/* Whether the interpreter has started, and the script may ask for the time. */
extern bool script_runs;
/* Functions and prototypes that prelude.js hands over. */
extern struct Prelude {
    JSValue make_batch, dump_batch, describe_error, coerce, coerce_parameter, value_type, read_description, runner_error, ran_through;
    JSValue context;
    JSValue prototypes[TYPE_COUNT];
    JSAtom type;
} prelude;

/* Memory that columns and the ArrayBuffers over them share. */
typedef struct Block {
    uint32_t references;
    size_t size;
    uint8_t *bytes;
} Block;

typedef struct Column {
    uint8_t type;
    /* Whether its rows are those of the chunk that the host has passed, which knows their keys. */
    bool of_chunk;
    uint32_t rows;
    /* Of a native column; otherwise NULL. */
    char *type_name;
    /* One byte per row; NULL if no row is NULL. */
    Block *nulls;
    /* The entries, or the bytes of all entries. */
    Block *data;
    /* rows + 1 positions, for types of variable length; otherwise NULL. */
    Block *offsets;
    /* The typed arrays over data and offsets, made when the script first asks for them. */
    JSValue data_view, offsets_view;
} Column;

/* Whether values of a column under construction may change its type: it takes the place of an untyped one. */
enum Open { OPEN_NO, OPEN_NULLS, OPEN_WHOLE };

/* A column under construction. */
typedef struct Builder {
    uint8_t type;
    /* What there is so far: nothing but NULLs, or whole numbers as well. */
    uint8_t open;
    char *type_name;
    uint32_t rows, rows_capacity;
    uint8_t *nulls;
    uint8_t *data;
    size_t size, capacity;
    uint32_t *offsets;
} Builder;

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))
#define MAX_SAFE_INTEGER 9007199254740991LL

/* column.c */
/* Bytes per row; 0 for types of variable length. */
extern const uint8_t type_width[TYPE_COUNT];
extern const char *const type_names[TYPE_COUNT];
int type_of_value(JSValueConst name, char **type_name);
Block *block_new(void *bytes, size_t size);
void column_classes(JSValue native);
JSValue column_object(Column *column);
Column *column_of(JSValueConst object);
JSValue column_cell(const Column *column, uint32_t row);
bool column_is_null(const Column *column, uint32_t row);
bool column_all_null(const Column *column);
/* NULLs whose type the database does not know come as text: other values may take their place. */
bool column_is_untyped(const Column *column);
/* The type that a value other than null has by itself; -1 and an exception on failure. */
int type_by_itself(JSValueConst value, char **type_name);
bool column_entry(const Column *column, uint32_t row, const uint8_t **bytes, size_t *size);
Column *column_like(const Column *column);
JSValue with_rows_of(const Column *column, JSValue made);
/* The typed array over the entries or the offsets. */
JSValue column_view(Column *column, bool offsets);

/* builder.c */
bool builder_start(Builder *builder, uint8_t type, const char *type_name, uint32_t rows);
bool builder_null(Builder *builder);
bool builder_value(Builder *builder, JSValueConst value);
bool builder_bytes(Builder *builder, const void *bytes, size_t size);
JSValue builder_finish(Builder *builder);
void builder_free(Builder *builder);
/* Writes a value of a type of fixed width. */
bool fixed_entry(uint8_t type, JSValueConst value, void *entry);

/* text.c */
void text_functions(JSValue native);
bool is_utf8(const uint8_t *bytes, size_t size);

/* engine.c */
/* Where the exception that nothing caught was thrown, whatever it is; undefined if that is not known. */
JSValue engine_take_stack(JSContext *context);
/* From here on, a limit that ends the instance leaves behind where the script stood. */
void engine_watch(JSRuntime *runtime);
/* Whether an object may have own properties with other names: looks at plain objects only, without a list of their names. */
bool engine_may_have_others(JSValueConst object, const JSAtom *names, uint32_t count);
/* A plain object with the properties of another one, which has ordinary ones only. It takes the values, unless it is an exception. */
JSValue engine_object_like(JSContext *context, JSValueConst other, const JSValue *values);

/* rows.c */
void row_functions(JSValue native);

/* value.c */
JSValue new_int64(int64_t number);
bool to_int64(JSValueConst value, int64_t *number);
JSValue new_typed(uint8_t type, JSValue payload, const char *type_name, size_t type_name_size);
JSValue new_uuid(uint64_t first, uint64_t last);
/* The type and the payload of an object such as a Decimal; -1 if it is none. */
int typed_payload(JSValueConst value, JSValue *payload);
bool parse_uuid(const char *text, uint64_t *first, uint64_t *last);
JSValue value_lift(const Value *value);
bool value_lower(JSValueConst value, Value *into);
bool values_lower(JSValueConst array, runner_migration_sql_list_value_t *into);
bool bytes_of(JSValueConst value, uint8_t **bytes, size_t *size);
/* A string as UTF-8; an exception if it has a lone surrogate. */
const char *utf8_of(JSValueConst value, size_t *size);
bool string_lower(JSValueConst value, String *into);
/* The same for messages: a lone surrogate becomes U+FFFD. */
void message_lower(JSValueConst value, String *into);
JSValue string_lift(const String *string);

/* batch.c */
JSValue batch_lift(Batch *batch);
/* `copy`: the lists are the caller's to free; otherwise they belong to the columns. */
bool batch_lower(JSValueConst object, Batch *batch, bool copy);
void batch_release(Batch *batch);

/* database.c, schema.c, context.c */
bool string_property(JSValueConst object, const char *name, String *into);
/* A property that may be null or undefined. */
bool optional_string_property(JSValueConst object, const char *name, data_migration_option_string_t *into);
/* Names. What was lowered before a failure is in the list. */
bool strings_lower(JSValueConst array, data_migration_list_string_t *into);
bool strings_property(JSValueConst object, const char *name, data_migration_list_string_t *into);
void database_functions(JSValue native);
void schema_functions(JSValue native);
void context_functions(JSValue native);
char *asset_content(const char *path, size_t *size);
size_t byte_order_mark(const char *content, size_t size);
void start_clock(void);
extern int64_t clock_nanoseconds;
extern bool in_batch_function;

/* module.c */
bool load_script(void);
JSValue script_function(const char *name);
JSValue settle(JSValue result);
void module_functions(JSValue native);

/* library.c */
const char *node_library(const char *name);
JSValue library(const char *name);
JSModuleDef *library_module(const char *name);
void library_functions(JSValue native);

/* natives.c */
void native_functions(JSValue native);

#ifdef TYPESCRIPT
/* ../../typescript/src/typescript.c */
/* The source with blanks for its types, in the place of the one that it takes; NULL and an exception if that cannot be. */
char *types_stripped(char *source, size_t *size, const char *name);
JSValue map_of(JSContext *context, JSValueConst this, int argc, JSValueConst *argv);
#endif

/* error.c */
JSValue throw_error(Error *error);
void error_of_exception(Error *error);
/* Prepends a place to the message of the pending exception. */
void exception_at(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Notes in which row the pending exception was thrown: its position in the chunk, or else what it holds. Takes `holds`. */
void exception_in_row(bool of_chunk, uint32_t row, JSValue holds);
/* Replaces the pending exception if a function for rows returned a promise. */
void refuse_promise(JSValueConst result);
void forget_exceptions(void);
void error_functions(JSValue native);

void define(JSValue object, const char *name, JSCFunction *function, int length);
