/* Everything that differs from run to run in an ordinary program: the tests compare the transcripts of runs. */
#include "runner_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void migration_describe(rg_description *into)
{
    rg_summary(into, "what chance, the clock and order decide");
}

static bool keep(const char *text, rg_error *error)
{
    rg_value value = rg_text(text);
    return rg_execute("INSERT INTO things (x) VALUES (?)", &value, 1, NULL, error);
}

bool migration_upgrade(rg_error *error)
{
    char text[256];
    struct timespec now, since;
    unsigned char bytes[8];
    if (!rg_execute("CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT)", NULL, 0, NULL, error))
        return false;
    if (clock_gettime(CLOCK_REALTIME, &now) || clock_gettime(CLOCK_MONOTONIC, &since) || getentropy(bytes, sizeof bytes))
        return rg_fail(error, "no clock, or no chance");
    snprintf(text, sizeof text, "%lld %ld %ld %d", (long long)time(NULL), now.tv_nsec, since.tv_nsec, rand());
    if (!keep(text, error))
        return false;
    snprintf(text, sizeof text, "%02x%02x%02x%02x %p %p %s", bytes[0], bytes[1], bytes[2], bytes[7], (void *)&now, malloc(99),
             getenv("HOME") ? "home" : "");
    if (!keep(text, error))
        return false;
    snprintf(text, sizeof text, "%llu %lld", (unsigned long long)runner_migration_context_seed(),
             (long long)runner_migration_context_run_timestamp());
    return keep(text, error) && rg_execute("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)", NULL, 0, NULL, error) &&
           rg_execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
                      "INSERT INTO chance SELECT i, 'row ' || i FROM n",
                      NULL, 0, NULL, error) &&
           rg_transform("stirred", "chance", NULL, 0, NULL, error);
}

bool migration_downgrade(rg_error *error)
{
    return rg_execute("DROP TABLE chance", NULL, 0, NULL, error) && rg_execute("DROP TABLE things", NULL, 0, NULL, error);
}

bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    rg_column *ids = rg_column_of(batch, "id", error);
    rg_column *column = ids ? rg_column_of(batch, "x", error) : NULL;
    int64_t *id = column ? rg_int64s(ids, error) : NULL;
    rg_texts_builder made;
    if (!id || !rg_texts_start(&made, batch->row_count, 0, error))
        return false;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        char text[64];
        /* A seed for each row, and not one for each instance. */
        srand((unsigned)(runner_migration_context_seed() ^ (uint64_t)id[row]));
        int size = snprintf(text, sizeof text, "%lld %d", (long long)id[row], rand());
        if (!rg_texts_push(&made, text, (size_t)size, error)) {
            rg_texts_drop(&made);
            return false;
        }
    }
    return rg_texts_finish(&made, column, error);
}
