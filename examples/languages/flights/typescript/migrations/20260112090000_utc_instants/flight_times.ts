// Wall-clock times of flights, and the instants that they stand for, in seconds.
//
// The data write a time of day as a number: 517 is 05:17, and 2400 is the midnight at the end of the day.
//
// A scheduled departure in the hour that is skipped in spring is taken with the offset from before the change; in the hour that
// comes twice in autumn it is the first of the two. An arrival is the earliest instant after the departure at which the clock at
// the destination shows it.
import { instantsOf, offsetAt, skipped, zone } from "./zones.ts";

const DAY = 86_400;

/** What a flight's row says of its times. */
export interface Times {
  year: number | null;
  month: number | null;
  day: number | null;
  sched_dep_time: number | null;
  dep_time: number | null;
  dep_delay: number | null;
  arr_time: number | null;
  origin_zone: string | null;
  dest_zone: string | null;
}

/** The scheduled departure as an instant, plus the delay; null if a value is missing, or the zone. */
export function departure(times: Times): number | null {
  const origin = zone(times.origin_zone);
  const { year, month, day, sched_dep_time: scheduled, dep_delay: delay } = times;
  if (!origin || year === null || month === null || day === null || scheduled === null || delay === null || times.dep_time === null) {
    return null;
  }
  const shown = midnight(year, month, day) + clock(scheduled);
  return (instantsOf(origin, shown)[0] ?? skipped(origin, shown)) + delay * 60;
}

/** The earliest instant after the departure at which the wall clock comes to show the arrival. */
export function arrival(departed: number, times: Times): number | null {
  const destination = zone(times.dest_zone);
  if (!destination || times.arr_time === null) return null;
  // From the day before, since a clock that is set back over midnight shows the end of that day again; and for a week, since a
  // change of the clocks may skip the time on one day, or a whole day, but not every day.
  const today = Math.floor((departed + offsetAt(destination, departed)) / DAY);
  const time = clock(times.arr_time) % DAY;
  for (let day = today - 1; day < today + 8; day++) {
    const instant = instantsOf(destination, day * DAY + time).find((it) => it > departed);
    if (instant !== undefined) return instant;
  }
  throw new RangeError(`no clock shows ${times.arr_time} within a week`);
}

/** The seconds since the beginning of the day of a number. */
function clock(number: number): number {
  const [hour, minute] = [Math.floor(number / 100), number % 100];
  if (!((hour >= 0 && hour <= 23 && minute <= 59) || number === 2400)) {
    throw new RangeError(`${number} is no time of day: expected hours and minutes such as 517`);
  }
  return hour * 3600 + minute * 60;
}

function midnight(year: number, month: number, day: number): number {
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) {
    throw new RangeError(`the calendar has no day ${year}-${month}-${day}`);
  }
  return date.getTime() / 1000;
}
