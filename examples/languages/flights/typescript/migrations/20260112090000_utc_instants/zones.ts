// The interpreter has no time zones (no `Intl`), so the script brings a table of them: see `examples/languages/flights/data`.
import { assets } from "runner-guest";

/** The offsets of a time zone: `offsets[i]` holds until `changes[i]`, in seconds since 1970-01-01T00:00:00Z. */
export interface Zone {
  offsets: number[];
  changes: number[];
}

/** The years of the table. */
const first = Date.UTC(2010, 0, 1) / 1000;
const last = Date.UTC(2014, 11, 31) / 1000;

let lines: Map<string, string> | undefined;
const zones = new Map<string, Zone | null>();

/** The zone of this name; null for no name, and for one that is not known. */
export function zone(name: string | null): Zone | null {
  if (name === null) return null;
  let found = zones.get(name);
  if (found === undefined) {
    lines ??= new Map(assets.text("zones.txt").trimEnd().split("\n").map((line) => [line.split(" ", 1)[0], line]));
    found = parsed(lines.get(name));
    zones.set(name, found);
  }
  return found;
}

// NAME OFFSET, and INSTANT:OFFSET for each change.
function parsed(line: string | undefined): Zone | null {
  if (line === undefined) return null;
  const [, offset, ...changes] = line.split(" ");
  const pairs = changes.map((change) => change.split(":").map(Number));
  return { offsets: [Number(offset), ...pairs.map(([, to]) => to)], changes: pairs.map(([at]) => at) };
}

/** The offset from UTC at an instant. */
export function offsetAt({ offsets, changes }: Zone, instant: number): number {
  const later = changes.findIndex((change) => instant < change);
  return offsets[later < 0 ? changes.length : later];
}

/**
 * The instants at which the clock shows a time, which is given in the seconds that it would be in UTC: usually one, two where the
 * clock is set back, and none where it is set forward.
 */
export function instantsOf({ offsets, changes }: Zone, shown: number): number[] {
  if (shown < first || shown >= last) throw new RangeError("the table of time zones is of the years 2010 to 2014");
  const found: number[] = [];
  offsets.forEach((offset, i) => {
    const instant = shown - offset;
    if (instant >= (changes[i - 1] ?? -Infinity) && instant < (changes[i] ?? Infinity)) found.push(instant);
  });
  return found;
}

/** The instant of a time that the clock skips, by the offset from before. */
export function skipped({ offsets, changes }: Zone, shown: number): number {
  const change = changes.findIndex((at, i) => shown - offsets[i] >= at && shown - offsets[i + 1] < at);
  return shown - offsets[change];
}
