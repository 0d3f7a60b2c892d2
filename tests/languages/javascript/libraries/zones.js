// What converts time zones: each library answers the same questions, and what Node.js answers is written here.
import { TZDate, tz, tzOffset } from "@date-fns/tz";
import { addDays, format } from "date-fns";
import { formatInTimeZone, fromZonedTime, toZonedTime } from "date-fns-tz";
import dayjs from "dayjs";
import timezone from "dayjs/plugin/timezone.js";
import utc from "dayjs/plugin/utc.js";
import { DateTime, IANAZone } from "luxon";
import moment from "moment-timezone";
import { log } from "runner-guest";

export const description = "zones by libraries";

dayjs.extend(utc);
dayjs.extend(timezone);

const failures = [];

function same(what, found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) failures.push(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
}

const SUMMER = "2020-07-01T12:00:00Z", BERLIN = "Europe/Berlin", NEW_YORK = "America/New_York";

export function upgrade() {
  same("luxon", [
    DateTime.fromISO(SUMMER).setZone(BERLIN).toISO(),
    DateTime.fromISO("2020-12-01T09:30", { zone: NEW_YORK }).toUTC().toISO(),
    // A time that there is twice, and one that there is not.
    DateTime.fromISO("2020-10-25T02:30", { zone: BERLIN }).getPossibleOffsets().map((at) => at.offset).sort(),
    DateTime.fromISO("2020-03-29T02:30", { zone: BERLIN }).toISO(),
    DateTime.fromISO(SUMMER, { zone: BERLIN, locale: "de" }).toLocaleString(DateTime.DATETIME_FULL),
    DateTime.fromISO(SUMMER, { zone: "Europe/Atlantis" }).invalidReason,
    IANAZone.isValidZone("Asia/Kathmandu"),
  ], [
    "2020-07-01T14:00:00.000+02:00", "2020-12-01T14:30:00.000Z", [120, 60], "2020-03-29T03:30:00.000+02:00",
    "1. Juli 2020 um 14:00 MESZ", "unsupported zone", true,
  ]);
  same("dayjs", [
    dayjs.utc(SUMMER).tz(BERLIN).format("YYYY-MM-DD HH:mm Z"),
    dayjs.tz("2020-12-01 09:30", NEW_YORK).toISOString(),
    dayjs.tz("2020-03-29 02:30", BERLIN).toISOString(),
    dayjs.tz.guess(),
  ], ["2020-07-01 14:00 +02:00", "2020-12-01T14:30:00.000Z", "2020-03-29T01:30:00.000Z", "UTC"]);
  same("date-fns-tz", [
    formatInTimeZone(new Date(SUMMER), "Asia/Kolkata", "yyyy-MM-dd HH:mm:ssXXX zzz"),
    fromZonedTime("2020-12-01 09:30", NEW_YORK).toISOString(),
    toZonedTime(SUMMER, NEW_YORK).getHours(),
  ], ["2020-07-01 17:30:00+05:30 GMT+5:30", "2020-12-01T14:30:00.000Z", 8]);
  same("@date-fns/tz", [
    tzOffset("Australia/Lord_Howe", new Date(SUMMER)),
    new TZDate(2020, 11, 1, 9, 30, NEW_YORK).toISOString(),
    format(addDays(new TZDate(2020, 2, 28, 12, BERLIN), 1), "yyyy-MM-dd HH:mm xxx"),
    format(SUMMER, "HH:mm", { in: tz("Asia/Tokyo") }),
  ], [630, "2020-12-01T09:30:00.000-05:00", "2020-03-29 12:00 +02:00", "21:00"]);
  same("moment-timezone", [moment.tz(SUMMER, BERLIN).format(), moment.tz("2020-10-25 02:30", BERLIN).format(), moment.tz("2020-12-01 09:30", NEW_YORK).utc().format()],
    ["2020-07-01T14:00:00+02:00", "2020-10-25T02:30:00+02:00", "2020-12-01T14:30:00Z"]);
  if (failures.length) throw new Error(failures.join("\n"));
  log.info("all as in Node.js");
}
