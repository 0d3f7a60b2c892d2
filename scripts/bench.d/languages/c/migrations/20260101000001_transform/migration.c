/* The benchmark's transform in C: names in upper case, balances increased by ten percent. */
#include "runner_guest.h"

void migration_describe(rg_description *into)
{
    rg_summary(into, "write names in capitals and raise balances");
    into->irreversible = true;
}

bool migration_upgrade(rg_error *error)
{
    static const char *const columns[] = {"id", "name", "bal"};
    return rg_transform("raise", "t", columns, RG_COUNT(columns), NULL, error);
}

bool migration_downgrade(rg_error *error)
{
    return rg_fail(error, "there is no way back");
}

bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    rg_column *names = rg_column_of(batch, "name", error);
    rg_column *balances = names ? rg_column_of(batch, "bal", error) : NULL;
    double *balance = balances ? rg_float64s(balances, error) : NULL;
    rg_texts texts;
    if (!balance || !rg_texts_of(names, &texts, error))
        return false;
    for (size_t i = 0; i < texts.size; i++)
        if (texts.data[i] >= 'a' && texts.data[i] <= 'z')
            texts.data[i] -= 'a' - 'A';
    for (uint32_t row = 0; row < batch->row_count; row++)
        balance[row] *= 1.1;
    return true;
}
