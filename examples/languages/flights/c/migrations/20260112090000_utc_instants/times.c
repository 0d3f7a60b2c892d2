/* Wall-clock times of flights, and the instants that they stand for.
 *
 * The data write a time of day as a number: 517 is 05:17, and 2400 is the midnight at the end of the day.
 *
 * A scheduled departure in the hour that is skipped in spring is taken with the offset from before the change; in the hour that
 * comes twice in autumn it is the first of the two. An arrival is the earliest instant after the departure at which the clock at
 * the destination shows it. */
#include "flights.h"

enum { DAY = 86400 };

/* The seconds since the beginning of the day of a number. */
static bool clock_of(const flight *flight, int64_t number, int64_t *seconds, rg_error *error)
{
    int64_t hour = number / 100, minute = number % 100;
    if (number < 0 || minute > 59 || (hour > 23 && number != 2400))
        return rg_fail(error, "flight %lld: %lld is no time of day: expected hours and minutes such as 517", (long long)flight->id,
                       (long long)number);
    *seconds = hour * 3600 + minute * 60;
    return true;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The seconds from 1970 to the beginning of a day in UTC. */
static bool midnight(const flight *flight, int64_t *seconds, rg_error *error)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year = flight->year.value, month = flight->month.value, day = flight->day.value;
    bool known = year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1;
    if (!known || day > lengths[month - 1] + (month == 2 && is_leap(year)))
        return rg_fail(error, "flight %lld: the calendar has no day %lld-%lld-%lld", (long long)flight->id, (long long)year,
                       (long long)month, (long long)day);
    /* The days before the year, counted from the year 1, which began 719162 days before 1970. */
    int64_t days = (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - 719162 + day - 1;
    for (int64_t earlier = 1; earlier < month; earlier++)
        days += lengths[earlier - 1] + (earlier == 2 && is_leap(year));
    *seconds = days * DAY;
    return true;
}

static bool uncovered(const flight *flight, rg_error *error)
{
    return rg_fail(error, "flight %lld: the table of time zones is of the years 2010 to 2014", (long long)flight->id);
}

/* The scheduled departure as an instant, plus the delay; NULL if a value is missing. */
static bool departure(const flight *flight, number *into, rg_error *error)
{
    int64_t clock, day, instant;
    into->known = flight->origin && flight->year.known && flight->month.known && flight->day.known && flight->scheduled.known &&
                  flight->departure.known && flight->delay.known;
    if (!into->known)
        return true;
    if (!clock_of(flight, flight->scheduled.value, &clock, error) || !midnight(flight, &day, error))
        return false;
    if (!zone_covers(day + clock) || flight->delay.value < -1000000 || flight->delay.value > 1000000)
        return uncovered(flight, error);
    if (!zone_instants(flight->origin, day + clock, INT64_MIN, &instant))
        instant = zone_skipped(flight->origin, day + clock);
    into->value = instant + flight->delay.value * 60;
    return true;
}

/* The earliest instant after the departure at which the wall clock comes to show the arrival. */
static bool arrival(const flight *flight, int64_t departed, number *into, rg_error *error)
{
    int64_t clock;
    if (!clock_of(flight, flight->arrival.value, &clock, error))
        return false;
    /* From the day before, since a clock that is set back over midnight shows the end of that day again; and for a week, since a
       change of the clocks may skip the time on one day, or a whole day, but not every day. */
    int64_t shown = departed + zone_offset(flight->destination, departed);
    if (!zone_covers(shown))
        return uncovered(flight, error);
    int64_t today = shown - shown % DAY;
    for (int day = -1; day < 8; day++) {
        int64_t at = today + day * DAY + clock % DAY;
        if (!zone_covers(at))
            return uncovered(flight, error);
        if (zone_instants(flight->destination, at, departed, &into->value))
            return true;
    }
    return rg_fail(error, "flight %lld: no clock shows %lld within a week", (long long)flight->id, (long long)flight->arrival.value);
}

bool flight_instants(const flight *flight, number *departed, number *arrived, rg_error *error)
{
    if (!departure(flight, departed, error))
        return false;
    arrived->known = departed->known && flight->destination && flight->arrival.known;
    return !arrived->known || arrival(flight, departed->value, arrived, error);
}
