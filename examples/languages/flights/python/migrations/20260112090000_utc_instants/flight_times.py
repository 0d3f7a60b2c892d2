"""Wall-clock times of flights, and the instants that they stand for.

The data write a time of day as a number: 517 is 05:17, and 2400 is the midnight at the end of the day.

A scheduled departure in the hour that is skipped in spring is taken with the offset from before the change; in the hour that
comes twice in autumn it is the first of the two. That is what ``fold=0`` of Python means. An arrival is the earliest instant
after the departure at which the clock at the destination shows it.
"""

from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

UTC = timezone.utc
DAY = timedelta(days=1)


@lru_cache(maxsize=None)
def zone(name):
    """The zone of this name; None for no name, and for one that is not known."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError):
        return None


def instants(row):
    """When a flight left and arrived; None where that is not known."""
    origin, destination = zone(row["origin_zone"]), zone(row["dest_zone"])
    try:
        departed = departure(row, origin) if origin else None
        if departed is None or destination is None or row["arr_time"] is None:
            return departed, None
        return departed, next_shown(departed, row["arr_time"], destination)
    except OverflowError:
        raise ValueError("an instant lies outside of the years 1 to 9999") from None


def departure(row, origin):
    """The scheduled departure as an instant, plus the delay; None if a value is missing."""
    needed = ("year", "month", "day", "sched_dep_time", "dep_time", "dep_delay")
    if any(row[name] is None for name in needed):
        return None
    at, ends_the_day = clock(row["sched_dep_time"])
    try:
        day = date(row["year"], row["month"], row["day"])
    except (ValueError, OverflowError):
        raise ValueError(f"the calendar has no day {row['year']}-{row['month']}-{row['day']}") from None
    shown = datetime.combine(day + DAY if ends_the_day else day, at, origin)
    return shown.astimezone(UTC) + timedelta(minutes=row["dep_delay"])


def clock(number):
    """The time of day of a number, and whether it is the midnight at the end of its day."""
    hour, minute = divmod(number, 100)
    if not (0 <= hour <= 23 and minute <= 59 or number == 2400):
        raise ValueError(f"{number} is no time of day: expected hours and minutes such as 517")
    return time(hour % 24, minute), hour == 24


def next_shown(after, number, destination):
    """The earliest instant after another at which the wall clock comes to show a time."""
    at, _ = clock(number)
    # From the day before, since a clock that is set back over midnight shows the end of that day again; and for a week,
    # since a change of the clocks may skip the time on one day, or a whole day, but not every day.
    day = after.astimezone(destination).date() - DAY
    for _ in range(9):
        for fold in (0, 1):
            shown = datetime.combine(day, at, destination).replace(fold=fold)
            instant = shown.astimezone(UTC)
            # A time that is skipped does not come back.
            if instant > after and instant.astimezone(destination).replace(tzinfo=None) == shown.replace(tzinfo=None):
                return instant
        day += DAY
    raise ValueError(f"no clock shows {number} within a week")
