// Time zones, of the data that the runtime of Python has as well. A zone is read when it is first used: the moments of its changes, and
// a rule in the form of POSIX for all times behind the last.

const { version, names } = JSON.parse(native.libraryData("zones"));
const spelled = new Map(Object.keys(names).map((name) => [name.toUpperCase(), name]));

export { version };
export const zoneNames = Object.keys(names);

// Zones that are the same by this.
export const sameZone = (name) => names[name];

const OFFSET = /^([+-])([01]\d|2[0-3])(?::?([0-5]\d))?$/;
const UTC = /^(?:Etc\/(?:UTC|GMT|UCT|Zulu|Universal|Greenwich|GMT[+-]?0)|GMT[+-]?0?|UCT|Zulu|Universal|Greenwich)$/i;

// A zone's name as the database spells it, or an offset in its usual form.
export function named(zone) {
  const offset = OFFSET.exec(zone);
  if (offset) return `${offset[2] === "00" && !Number(offset[3]) ? "+" : offset[1]}${offset[2]}:${offset[3] ?? "00"}`;
  const name = spelled.get(zone.toUpperCase());
  if (name === undefined) {
    throw new RangeError(`Invalid time zone specified: ${zone.slice(0, 60)}: it is not among the ${version}, which have names such as "Europe/Berlin"`);
  }
  return UTC.test(name) ? "UTC" : name;
}

const DAY = 86400;

// Seconds from the start of a year, in local time, of a rule such as `M3.5.0/2`, `J60` or `59`.
function secondsInYear(rule, year) {
  const [, day, time = "2"] = /^([^/]+)(?:\/(.+))?$/.exec(rule);
  const [hours, minutes = 0, seconds = 0] = time.split(":").map(Number);
  const of = time.startsWith("-") ? hours * 3600 - minutes * 60 - seconds : hours * 3600 + minutes * 60 + seconds;
  const start = Date.UTC(year, 0, 1) / 1000, isLeap = Date.UTC(year, 1, 29) !== Date.UTC(year, 2, 1);
  if (day[0] === "J") return (Number(day.slice(1)) - 1 + (isLeap && Number(day.slice(1)) > 59)) * DAY + of;
  if (day[0] !== "M") return Number(day) * DAY + of;
  const [month, week, weekday] = day.slice(1).split(".").map(Number);
  const first = new Date(Date.UTC(year, month - 1, 1)), days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  let date = 1 + (weekday - first.getUTCDay() + 7) % 7 + (week - 1) * 7;
  while (date > days) date -= 7;
  return first / 1000 - start + (date - 1) * DAY + of;
}

// A function of seconds since 1970 that says the offset in seconds, and whether it is summer's.
function ruleOf(text) {
  const name = "(?:<[^>]+>|[A-Za-z]+)", time = "([+-]?\\d+(?::\\d+){0,2})";
  const [, standard, hasSummer, summer, starts, ends] = new RegExp(`^${name}${time}(?:(${name})${time}?,([^,]+),([^,]+))?$`).exec(text);
  // West is positive there.
  const seconds = (offset) => offset.replace(/^[+-]/, "").split(":").reduce((sum, part, at) => sum + part * 3600 / 60 ** at, 0)
    * (offset[0] === "-" ? 1 : -1);
  const winter = [seconds(standard), false];
  if (!hasSummer) return () => winter;
  const other = [summer === undefined ? winter[0] + 3600 : seconds(summer), true];
  if (other[0] < winter[0]) [winter[1], other[1]] = [true, false];
  const years = new Map();
  return (at) => {
    const year = new Date((at + winter[0]) * 1000).getUTCFullYear();
    let changes = years.get(year);
    if (!changes) {
      const start = Date.UTC(year, 0, 1) / 1000;
      years.set(year, changes = [start + secondsInYear(starts, year) - winter[0], start + secondsInYear(ends, year) - other[0]]);
    }
    const [from, to] = changes;
    return (from < to ? at >= from && at < to : at >= from || at < to) ? other : winter;
  };
}

function load(name) {
  const [rule, types, changes] = native.libraryData(`zone-${names[name]}`).split("|");
  const offsets = types.split(" ").map((type) => type.split(",").map(Number)).map(([seconds, summer]) => [seconds, summer === 1]);
  const pairs = changes ? changes.split(" ").map((change) => change.split(",")) : [];
  let sum = 0;
  const times = Float64Array.from(pairs, ([delta]) => (sum += parseInt(delta, 36)));
  return { times, offsets: pairs.map(([, type]) => offsets[type]), first: offsets[0], later: rule ? ruleOf(rule) : null };
}

const loaded = new Map();

// The offset in seconds at so many seconds since 1970, and whether it is summer's.
export function offsetAt(name, seconds) {
  let zone = loaded.get(name);
  if (!zone) loaded.set(name, zone = load(name));
  const { times, offsets } = zone;
  let low = 0, high = times.length;
  if (high === 0 || seconds >= times[high - 1]) return zone.later ? zone.later(seconds) : high ? offsets[high - 1] : zone.first;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= seconds) low = middle + 1;
    else high = middle;
  }
  return low ? offsets[low - 1] : zone.first;
}
