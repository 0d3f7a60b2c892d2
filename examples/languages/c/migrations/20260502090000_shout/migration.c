/* Names in capitals with two exclamation marks, and prices with tax: texts get longer, numbers change in place. */
#include "runner_guest.h"

#define TAX 1.25

static const char *const columns[] = {"name", "price"};

void migration_describe(rg_description *into)
{
    rg_summary(into, "names in capitals, and prices with tax");
}

static bool run(const char *function, rg_error *error)
{
    rg_report report;
    if (!rg_transform(function, "products", columns, RG_COUNT(columns), &report, error))
        return false;
    rg_info("%llu products", (unsigned long long)report.rows_written);
    return true;
}

bool migration_upgrade(rg_error *error)
{
    return run("shout", error);
}

bool migration_downgrade(rg_error *error)
{
    return run("whisper", error);
}

/* ASCII only: another letter stays as it is. */
static bool shout(rg_column *column, uint32_t rows, rg_error *error)
{
    rg_texts texts;
    rg_texts_builder louder;
    if (!rg_texts_of(column, &texts, error) || !rg_texts_start(&louder, rows, texts.size + 2 * (size_t)rows, error))
        return false;
    for (size_t i = 0; i < texts.size; i++)
        if (texts.data[i] >= 'a' && texts.data[i] <= 'z')
            texts.data[i] -= 'a' - 'A';
    for (uint32_t row = 0; row < rows; row++) {
        size_t size = texts.offsets[row + 1] - texts.offsets[row];
        char text[512];
        if (size + 2 > sizeof text) {
            rg_texts_drop(&louder);
            return rg_fail(error, "row %u: a name of %zu bytes", (unsigned)row, size);
        }
        memcpy(text, texts.data + texts.offsets[row], size);
        memcpy(text + size, "!!", 2);
        /* What is pushed for a NULL has no meaning. */
        if (!rg_texts_push(&louder, text, rg_is_null(column, row) ? 0 : size + 2, error)) {
            rg_texts_drop(&louder);
            return false;
        }
    }
    return rg_texts_finish(&louder, column, error);
}

static bool whisper(rg_column *column, uint32_t rows, rg_error *error)
{
    rg_texts texts;
    rg_texts_builder softer;
    if (!rg_texts_of(column, &texts, error) || !rg_texts_start(&softer, rows, texts.size, error))
        return false;
    for (size_t i = 0; i < texts.size; i++)
        if (texts.data[i] >= 'A' && texts.data[i] <= 'Z')
            texts.data[i] += 'a' - 'A';
    for (uint32_t row = 0; row < rows; row++) {
        size_t size = texts.offsets[row + 1] - texts.offsets[row];
        if (!rg_texts_push(&softer, texts.data + texts.offsets[row], size < 2 ? 0 : size - 2, error)) {
            rg_texts_drop(&softer);
            return false;
        }
    }
    return rg_texts_finish(&softer, column, error);
}

bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    bool up = strcmp(name, "shout") == 0;
    rg_column *names = rg_column_of(batch, "name", error);
    rg_column *prices = names ? rg_column_of(batch, "price", error) : NULL;
    double *price = prices ? rg_float64s(prices, error) : NULL;
    if (!price)
        return false;
    for (uint32_t row = 0; row < batch->row_count; row++)
        price[row] = up ? price[row] * TAX : price[row] / TAX;
    return up ? shout(names, batch->row_count, error) : whisper(names, batch->row_count, error);
}
