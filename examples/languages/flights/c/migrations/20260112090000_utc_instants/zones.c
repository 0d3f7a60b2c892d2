/* Time zones, from a table in the assets: see `examples/languages/flights/data`. */
#include "flights.h"

#include <stdlib.h>

/* 2010-01-01 and 2014-12-31: what the table covers. */
static const int64_t first = 1262304000, last = 1419984000;

/* The table, read once by each instance, and the zones that were looked up. */
static char *table, *table_end;
static zone *known;

static bool read_table(rg_error *error)
{
    rg_string path = rg_str("zones.txt");
    runner_migration_context_own_asset_t asset;
    if (!runner_migration_context_open_asset(&path, &asset, error))
        return false;
    size_t size = 0, capacity = (size_t)runner_migration_context_method_asset_size(runner_migration_context_borrow_asset(asset));
    char *text = malloc(capacity + 1);
    bool good = text || rg_fail(error, "out of memory");
    while (good) {
        data_migration_list_u8_t part;
        good = runner_migration_context_method_asset_read(runner_migration_context_borrow_asset(asset), 1 << 16, &part, error);
        if (!good || !part.len || part.len > capacity - size)
            break;
        memcpy(text + size, part.ptr, part.len);
        size += part.len;
        free(part.ptr);
    }
    runner_migration_context_asset_drop_own(asset);
    if (!good) {
        free(text);
        return false;
    }
    table = text;
    table_end = text + size;
    return true;
}

/* The rest of the line of a zone, behind its name; NULL if there is none. */
static const char *line_of(const uint8_t *name, size_t size, const char **end)
{
    for (const char *line = table; line < table_end; line = *end + 1) {
        *end = memchr(line, '\n', (size_t)(table_end - line));
        if (!*end)
            *end = table_end;
        if ((size_t)(*end - line) > size && line[size] == ' ' && memcmp(line, name, size) == 0)
            return line + size;
    }
    return NULL;
}

/* The number behind the next character. */
static int64_t next_number(const char **at, const char *end)
{
    int64_t value = 0, sign = 1;
    if (++*at < end && **at == '-') {
        sign = -1;
        ++*at;
    }
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
        value = value * 10 + (**at - '0');
    return sign * value;
}

/* An offset, and CHANGE:OFFSET for each change. */
static bool parse(zone *zone, const char *line, const char *end)
{
    size_t spaces = 0;
    for (const char *at = line; at < end; at++)
        spaces += *at == ' ';
    zone->offsets = calloc(spaces, sizeof *zone->offsets);
    zone->changes = calloc(spaces, sizeof *zone->changes);
    if (!zone->offsets || !zone->changes)
        return false;
    zone->offsets_count = spaces;
    zone->offsets[0] = next_number(&line, end);
    for (size_t i = 1; i < spaces; i++) {
        zone->changes[i - 1] = next_number(&line, end);
        zone->offsets[i] = next_number(&line, end);
    }
    return true;
}

bool zone_find(const uint8_t *name, size_t size, const zone **into, rg_error *error)
{
    zone *found = known;
    while (found && (found->name_size != size || memcmp(found->name, name, size) != 0))
        found = found->next;
    if (!found) {
        if (!table && !read_table(error))
            return false;
        const char *end, *line = line_of(name, size, &end);
        found = calloc(1, sizeof *found);
        if (!found || !(found->name = malloc(size + 1)) || (line && !parse(found, line, end)))
            return rg_fail(error, "out of memory");
        memcpy(found->name, name, size);
        found->name_size = size;
        found->next = known;
        known = found;
    }
    *into = found->offsets_count ? found : NULL;
    return true;
}

bool zone_covers(int64_t shown)
{
    return shown >= first && shown < last;
}

int64_t zone_offset(const zone *zone, int64_t instant)
{
    size_t i = 0;
    while (i + 1 < zone->offsets_count && instant >= zone->changes[i])
        i++;
    return zone->offsets[i];
}

size_t zone_instants(const zone *zone, int64_t shown, int64_t after, int64_t *first_found)
{
    size_t count = 0;
    for (size_t i = 0; i < zone->offsets_count; i++) {
        int64_t instant = shown - zone->offsets[i];
        bool begun = i == 0 || instant >= zone->changes[i - 1];
        bool ended = i + 1 < zone->offsets_count && instant >= zone->changes[i];
        if (begun && !ended && instant > after && count++ == 0)
            *first_found = instant;
    }
    return count;
}

int64_t zone_skipped(const zone *zone, int64_t shown)
{
    for (size_t i = 0; i + 1 < zone->offsets_count; i++)
        if (shown - zone->offsets[i] >= zone->changes[i] && shown - zone->offsets[i + 1] < zone->changes[i])
            return shown - zone->offsets[i];
    return shown - zone->offsets[0];
}
