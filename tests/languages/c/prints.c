/* Prints by the C library, and ends where the tests say so. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "runner_guest.h"

void migration_describe(rg_description *into)
{
    rg_summary(into, "prints");
}

bool migration_upgrade(rg_error *error)
{
    puts("one");
    printf("tw");
    printf("o\n");
    fprintf(stderr, "wrong %c\n", 0xff);
    if (!rg_execute("CREATE TABLE printed (id INTEGER PRIMARY KEY, x TEXT)", NULL, 0, NULL, error) ||
        !rg_execute("INSERT INTO printed (id) VALUES (1)", NULL, 0, NULL, error) ||
        !rg_transform("prints", "printed", NULL, 0, NULL, error))
        return false;
    // ends here
    printf("three ä");
    return true;
}

bool migration_downgrade(rg_error *error)
{
    return rg_execute("DROP TABLE printed", NULL, 0, NULL, error);
}

bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    printf("a batch");
    return true;
}
