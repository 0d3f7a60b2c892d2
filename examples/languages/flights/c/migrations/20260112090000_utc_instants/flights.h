/* The parts of the migration. */
#pragma once

#include "runner_guest.h"

/* A time zone: `offsets[i]` holds until `changes[i]`, in seconds since 1970-01-01T00:00:00Z. */
typedef struct zone {
    struct zone *next;
    uint8_t *name;
    size_t name_size;
    /* There is one more offset than there are changes; none of an unknown zone. */
    size_t offsets_count;
    int64_t *offsets, *changes;
} zone;

/* The zone of this name, from the table in the assets; NULL, without an error, if it is not known. */
bool zone_find(const uint8_t *name, size_t size, const zone **into, rg_error *error);
/* The offset from UTC at an instant. */
int64_t zone_offset(const zone *zone, int64_t instant);
/* Whether the table has the year of a time. */
bool zone_covers(int64_t shown);
/* The instants at which the clock shows a time, which is given in the seconds that it would be in UTC: usually one, two where the
   clock is set back, and none where it is set forward. Gives the number of those that are later than `after`, and the first. */
size_t zone_instants(const zone *zone, int64_t shown, int64_t after, int64_t *first);
/* The instant of a time that the clock skips, by the offset from before. */
int64_t zone_skipped(const zone *zone, int64_t shown);

/* A number, or NULL. */
typedef struct number {
    bool known;
    int64_t value;
} number;

/* What a flight's row says of its times. */
typedef struct flight {
    int64_t id;
    number year, month, day, scheduled, departure, delay, arrival;
    const zone *origin, *destination;
} flight;

/* When a flight left and arrived, in seconds since 1970. */
bool flight_instants(const flight *flight, number *departed, number *arrived, rg_error *error);

/* The batch functions. */
bool turn_instants(rg_batch *batch, rg_error *error);
bool turn_issues(rg_batch *batch, rg_error *error);

/* Fails unless a transform has read every flight. */
bool check_all_flights(const rg_report *report, rg_error *error);
/* Fails, and names the first flights, unless the instants are as they have to be. */
bool check_instants(rg_error *error);
bool check_column(const char *name, bool *found, rg_error *error);
