// `Intl`, of FormatJS' parts and CLDR's data: each locale is read when it is first used.

import { DateTimeFormat } from "@formatjs/intl-datetimeformat";
import ListFormat from "@formatjs/intl-listformat";
import { NumberFormat } from "@formatjs/intl-numberformat";
import { PluralRules } from "@formatjs/intl-pluralrules";
import RelativeTimeFormat from "@formatjs/intl-relativetimeformat";
import { named, offsetAt, sameZone, zoneNames } from "./intl/zones.mjs";

export { readTemporal } from "@formatjs/intl-datetimeformat";

const DEFAULT = "en-US";

// The locale whose data each locale has; null, if it is known and its data are not here.
const KNOWN = { __proto__: null, ...JSON.parse(native.libraryData("locales")) };
const AVAILABLE = Object.keys(KNOWN).filter((locale) => KNOWN[locale]);

// Most locales are known in this very form. What makes others canonical is a library of its own, since its tables are large.
function getCanonicalLocales(locales) {
  if (typeof locales === "string" && locales in KNOWN) return [locales];
  if (Array.isArray(locales) && locales.length < 2 && (locales[0] ?? DEFAULT) in KNOWN) return [...locales];
  return native.library("locale").getCanonicalLocales(locales);
}

// The locale that we have data for, as lookup by CLDR has it: what is unknown loses its last part.
function available(locale) {
  const tag = locale.replace(/-[a-wy-z0-9](-[a-z0-9]{2,8})+.*$/i, "");
  for (let known = tag; known; known = known.includes("-") ? known.slice(0, known.lastIndexOf("-")) : "") {
    if (known in KNOWN) return KNOWN[known] && known + locale.slice(tag.length);
  }
  return null;
}

const resolved = new Map();

// The list of one locale for FormatJS: the first one that is asked for, or the default.
function resolve(locales) {
  if (typeof locales === "string" && resolved.has(locales)) return resolved.get(locales);
  const [locale = DEFAULT] = getCanonicalLocales(locales);
  const known = available(locale);
  if (!known) {
    throw new RangeError(`no data for the locale "${locale}" are built in: there are ${AVAILABLE.filter((tag) => KNOWN[tag] === tag).join(", ")}, and their default regions`);
  }
  if (typeof locales === "string") resolved.set(locales, [known]);
  return [known];
}

// Properties whose value is made when it is first read.
function lazily(object, name, make) {
  const become = (value) => Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: true });
  Object.defineProperty(object, name, {
    get() {
      const value = make();
      become(value);
      return value;
    },
    configurable: true,
    enumerable: true,
  });
}

const json = (name) => JSON.parse(native.libraryData(name));
const DATA = {
  plural: (locale) => (0, eval)(native.libraryData(`plural-${locale}`)),
  date: (locale) => ({ ...json(`date-${locale}`), intervalFormats: { intervalFormatFallback: "{0} – {1}" }, timeZoneName: {} }),
};

// CLDR knows some zones by their former names only.
function ofAllZones(known) {
  const other = new Map(Object.keys(known).map((zone) => [sameZone(zone), known[zone]]));
  return Object.fromEntries(zoneNames.map((zone) => [zone, known[zone] ?? other.get(sameZone(zone))]).concat([["UTC", known.UTC]]));
}

// The data of all locales, as FormatJS makes them of what it is given.
function tableOf(Base, part) {
  const read = DATA[part] ?? ((locale) => json(`${part}-${locale}`)), made = new Map();
  const make = (locale) => {
    const { localeData, availableLocales } = Base;
    Base.localeData = {};
    Base.availableLocales = new Set();
    Base.__addLocaleData({ locale, data: read(locale) });
    const data = Base.localeData[locale];
    if (data.timeZoneName) lazily(data, "timeZoneName", () => ofAllZones(json(`zoneNames-${locale}`)));
    Object.assign(Base, { localeData, availableLocales });
    return data;
  };
  return new Proxy({}, { get(_, tag) {
    const locale = KNOWN[tag];
    if (locale && !made.has(locale)) made.set(locale, make(locale));
    return made.get(locale);
  } });
}

function classOf(name, Base, part, check = (options) => options) {
  Base.localeData = tableOf(Base, part);
  Base.availableLocales = new Set(AVAILABLE);
  Base.__defaultLocale = DEFAULT;
  const Class = { [name]: function (locales = undefined, options = undefined) {
    if (!new.target && name !== "DateTimeFormat" && name !== "NumberFormat") throw new TypeError(`Constructor Intl.${name} requires 'new'`);
    const list = resolve(locales);
    return Reflect.construct(Base, [list, check(options, list[0])], new.target ?? Class);
  } }[name];
  Object.defineProperty(Class, "prototype", { value: Base.prototype, writable: false });
  Object.defineProperty(Class.prototype, "constructor", { value: Class, writable: true, configurable: true });
  Object.defineProperty(Class, "supportedLocalesOf", { value: function supportedLocalesOf(locales) {
    return getCanonicalLocales(locales).filter(available);
  }, writable: true, configurable: true });
  return Class;
}

const CALENDARS = ["gregory", "iso8601"];
// What the locale's own calendar is, where it is another.
const OTHER_CALENDAR = /^th\b/;

function checkDate(options, locale) {
  const asked = options?.calendar ?? /-u-(?:.*-)?ca-([a-z0-9]+)/.exec(locale)?.[1]
    ?? (OTHER_CALENDAR.test(locale) ? "buddhist" : "gregory");
  if (!CALENDARS.includes(String(asked))) {
    throw new RangeError(`the calendar "${asked}" is not built in, only ${CALENDARS.join(" and ")}: pass \`calendar: "gregory"\``);
  }
  if (String(options?.timeZoneName).endsWith("Generic")) {
    throw new RangeError(`\`timeZoneName: "${options.timeZoneName}"\` is not built in: there are "short", "long", "shortOffset" and "longOffset"`);
  }
  return options;
}

Object.assign(DateTimeFormat, { tzData: {
  named: (zone) => named(zone),
  at: (zone, milliseconds) => {
    const [offset, isSummer] = zone === "UTC" ? [0, false] : offsetAt(zone, Math.floor(milliseconds / 1000));
    return [offset * 1000, isSummer];
  },
} });

const Classes = {
  DateTimeFormat: classOf("DateTimeFormat", DateTimeFormat, "date", checkDate),
  ListFormat: classOf("ListFormat", ListFormat, "list"),
  NumberFormat: classOf("NumberFormat", NumberFormat, "number"),
  PluralRules: classOf("PluralRules", PluralRules, "plural"),
  RelativeTimeFormat: classOf("RelativeTimeFormat", RelativeTimeFormat, "relative"),
};

function choice(options, name, values, otherwise) {
  const value = options[name];
  if (value === undefined) return otherwise;
  const text = String(value);
  if (!values.includes(text)) throw new RangeError(`Value ${text} out of range for Intl.Collator options property ${name}`);
  return text;
}

// Strength and whether case has a level of its own.
const SENSITIVITY = { base: [0, 0], accent: [1, 0], case: [0, 1], variant: [2, 0] };
const CASES = ["false", "upper", "lower"];
const truth = (value) => (value === undefined ? -1 : Number(Boolean(value)));

// The order of texts, of the data of ICU4X, which has all locales.
Classes.Collator = function Collator(locales = undefined, options = {}) {
  if (!new.target) return new Classes.Collator(locales, options);
  if (options === null) throw new TypeError("Cannot convert undefined or null to object");
  const [locale = DEFAULT] = getCanonicalLocales(locales), usage = choice(options, "usage", ["sort", "search"], "sort");
  const sensitivity = choice(options, "sensitivity", Object.keys(SENSITIVITY), "variant"), caseFirst = choice(options, "caseFirst", CASES);
  const extension = (key) => new RegExp(`-u-(?:.*-)?${key}(?:-([a-z0-9]{3,8}))?(?=-|$)`).exec(locale);
  const numeric = options.numeric ?? (extension("kn") ? extension("kn")[1] !== "false" : undefined);
  const order = native.collation(locale, ...SENSITIVITY[sensitivity], CASES.indexOf(caseFirst), truth(numeric),
    truth(options.ignorePunctuation));
  if (!order) throw new RangeError(`Incorrect locale information provided: ${locale}`);
  Object.defineProperty(this, "compare", { value: (a, b) => native.collate(order, `${a}`.toWellFormed(), `${b}`.toWellFormed()) });
  Object.defineProperty(this, "resolvedOptions", { value: () => ({ locale, usage, sensitivity,
    ignorePunctuation: Boolean(options.ignorePunctuation ?? /^th\b/.test(locale)), collation: extension("co")?.[1] ?? "default",
    numeric: Boolean(numeric), caseFirst: caseFirst ?? extension("kf")?.[1] ?? "false" }) });
};
Object.defineProperty(Classes.Collator.prototype, Symbol.toStringTag, { value: "Intl.Collator", configurable: true });
Classes.Collator.supportedLocalesOf = (locales) => getCanonicalLocales(locales);

// Most ranges would be others than the standard's.
for (const method of ["formatRange", "formatRangeToParts"]) delete DateTimeFormat.prototype[method];

export const Intl = Object.create(Object.prototype, { [Symbol.toStringTag]: { value: "Intl", configurable: true } });
Object.defineProperty(Intl, "Locale", { get: () => native.library("locale").Locale, configurable: true });
for (const [name, value] of Object.entries({ ...Classes, getCanonicalLocales, supportedValuesOf(key) {
  return String(key) === "timeZone" ? [...zoneNames] : String(key) === "calendar" ? [...CALENDARS]
    : native.library("locale").supportedValuesOf(key);
} })) Object.defineProperty(Intl, name, { value, writable: true, configurable: true });

// Formatters by what was asked for: a program makes the same ones for each row.
const formatters = new Map();

function formatter(Class, locales, options) {
  const key = options === undefined && (locales === undefined || typeof locales === "string") ? `${Class.name} ${locales}`
    : `${Class.name} ${JSON.stringify([locales, options])}`;
  let found = formatters.get(key);
  if (!found) {
    if (formatters.size > 100) formatters.clear();
    formatters.set(key, found = new Class(locales, options));
  }
  return found;
}

const DATES = ["weekday", "year", "month", "day"], TIMES = ["dayPeriod", "hour", "minute", "second", "fractionalSecondDigits"];
const DEFAULTS = {
  any: { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" },
  date: { year: "numeric", month: "numeric", day: "numeric" },
  time: { hour: "numeric", minute: "numeric", second: "numeric" },
};

// What `toLocaleString` and its like give. `kind`: which fields there must be: any, date or time.
export function dateString(date, kind, locales, options) {
  if (options === null) throw new TypeError("Cannot convert undefined or null to object");
  const asked = { ...options }, fields = [...kind === "time" ? [] : DATES, ...kind === "date" ? [] : TIMES];
  const other = kind === "date" ? "timeStyle" : kind === "time" ? "dateStyle" : "none";
  if (asked[other] !== undefined) throw new TypeError(`Invalid option : ${other}`);
  const isWhole = asked.dateStyle === undefined && asked.timeStyle === undefined && fields.every((field) => asked[field] === undefined);
  return formatter(Classes.DateTimeFormat, locales, isWhole ? { ...asked, ...DEFAULTS[kind] } : asked).format(date);
}

export function numberString(number, locales, options) {
  return formatter(Classes.NumberFormat, locales, options).format(number);
}

export function compare(a, b, locales, options) {
  return formatter(Classes.Collator, locales, options).compare(a, b);
}
