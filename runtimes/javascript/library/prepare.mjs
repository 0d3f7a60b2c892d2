// Run by scripts/build-runtimes in its copy of this directory, with a directory to write to: writes what intl.js reads by name, a file for
// each locale and part, and changes FormatJS where it is slow or has data of its own.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

const LANGUAGES = ["ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv",
  "nb", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh"];
// Of other regions, those whose data differ.
const REGIONS = ["de-AT", "de-CH", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-ZA", "es-AR", "es-MX", "fr-BE", "fr-CA", "fr-CH",
  "nl-BE", "pt-PT", "zh-Hant"];
// Between a long date and a time: CLDR's `atTime`, which FormatJS' data leave out. In Spanish only for the style `long`.
const AT = { bg: "{1} 'в' {0}", ca: "{1}, 'a les' {0}", et: "{1}, 'kell' {0}", hr: "{1} 'u' {0}", sk: "{1} 'o' {0}", sl: "{1} 'ob' {0}",
  ar: "{1} 'في' {0}", cs: "{1} 'v' {0}", da: "{1} 'kl.' {0}", de: "{1} 'um' {0}", el: "{1} 'στις' {0}", en: "{1} 'at' {0}", es: "{1} 'a las' {0}",
  fi: "{1} 'klo' {0}", fr: "{1} 'à' {0}", he: "{1} 'בשעה' {0}", hi: "{1} 'को' {0} 'बजे'", id: "{1} 'pukul' {0}", it: "{1} 'alle ore' {0}", nb: "{1} 'kl.' {0}",
  nl: "{1} 'om' {0}", no: "{1} 'kl.' {0}", pt: "{1} 'às' {0}", ro: "{1} 'la' {0}", ru: "{1} 'в' {0}", sv: "{1} 'kl.' {0}", th: "{1} 'เวลา' {0}",
  uk: "{1} 'о' {0}", vi: "'lúc' {0} {1}" };
// And between a short one and a time, where they have a space.
const SHORT = { da: ", ", et: ", ", fi: " 'klo' ", id: ", ", pt: ", " };
// Numbers with two digits, where the form with plain ones is another.
const TWO_DIGITS = { cs: { yyMMdd: "dd. MM. yy" }, "en-ZA": { yMMMMd: "d MMMM y" }, "fr-BE": { yyMd: "d/M/yy" }, lv: { yMMdd: "dd.MM.y" } };
// Weekdays that stand for themselves, where they are others: CLDR's `stand-alone`, which FormatJS' data leave out. From Sunday on.
const ofWord = (change) => (words) => words.map(change);
const ALONE = {
  de: { short: ofWord((word) => word.replace(".", "")) },
  "en-AU": { narrow: ofWord((word) => word[0]) },
  fi: { long: () => ["sunnuntai", "maanantai", "tiistai", "keskiviikko", "torstai", "perjantai", "lauantai"] },
  hr: { narrow: ofWord((word) => word.toLowerCase()) },
  lv: { long: ofWord((word) => word[0].toUpperCase() + word.slice(1)), short: ofWord((word) => word[0].toUpperCase() + word.slice(1)) },
  pl: { narrow: ofWord((word) => word.toUpperCase()) },
};

const [out] = process.argv.slice(2);
const formatjs = (name) => `node_modules/@formatjs/intl-${name}`;
const PARTS = { date: ["datetimeformat", "DateTimeFormat"], number: ["numberformat", "NumberFormat"], plural: ["pluralrules", "PluralRules"],
  list: ["listformat", "ListFormat"], relative: ["relativetimeformat", "RelativeTimeFormat"] };

function read(part, locale) {
  const [directory, name] = PARTS[part];
  const source = readFileSync(`${formatjs(directory)}/locale-data/${locale}.js`, "utf8").replace(/^export .*$/m, "");
  let found;
  new Function("Intl", source)({ [name]: { __addLocaleData: (data) => { found = data.data; } } });
  return found;
}

function write(name, content) {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  // As V8 does for dates, since programs compare with a plain space.
  writeFileSync(`${out}/${name}`, name.startsWith("date-") ? text.replaceAll("\u202f", " ") : text);
}

function withConnectors(data, locale) {
  const [language] = locale.split("-"), { dateTimeFormat, formats: { gregory } } = data;
  const between = dateTimeFormat.long.replace("{1}", "").replace("{0}", ""), short = SHORT[locale], at = AT[language];
  if (at) {
    dateTimeFormat.long = at;
    if (language !== "es") dateTimeFormat.full = at;
  }
  if (short) dateTimeFormat.medium = dateTimeFormat.short = `{1}${short}{0}`;
  if (locale === "zh-Hant") Object.assign(data, { hourCycle: "h12", dayPeriodRules: read("date", "zh").dayPeriodRules });
  if (language === "ja") data.hourCycle12 = "h12";
  for (const [width, change] of Object.entries(ALONE[locale] ?? ALONE[language] ?? {})) {
    data.weekdayStandalone = { ...data.weekday, ...data.weekdayStandalone, [width]: change(data.weekday[width]) };
  }
  for (const [skeleton, pattern] of Object.entries(gregory)) {
    // Forms with words would be taken for numeric ones.
    if (skeleton.includes("年") || skeleton.includes("cccc")) delete gregory[skeleton];
    // CLDR's own forms have no sign between their fields.
    if (/^[A-Za-z]+$/.test(skeleton)) continue;
    const [, date, time] = new RegExp(`^(.*[dMyEGL].*?)${between}([BabHhKk].*)$`).exec(pattern) ?? [];
    if (!date) continue;
    const isLong = /[ML]{4}/.test(date) && !(language === "es" && /[Ec]{4}/.test(date));
    const connector = isLong && at ? at : short && `{1}${short}{0}`;
    if (connector) gregory[skeleton] = connector.replace("{1}", date).replace("{0}", time);
  }
  Object.assign(gregory, TWO_DIGITS[locale]);
  return data;
}

// JavaScript, since the rules of plurals are functions.
const script = (data) => `({categories:${JSON.stringify(data.categories)},pluralRanges:${JSON.stringify(data.pluralRanges)},fn:${data.fn}})`;

// What a locale is by default, such as de-DE of de.
const [, defaults] = /const defaultContent = (\{.*?\n\});/s.exec(readFileSync(`${formatjs("datetimeformat")}/index.js`, "utf8"));
const DEFAULTS = JSON.parse(defaults);

mkdirSync(out, { recursive: true });
// The locale whose data each locale has; null: the locale is known, and its data are not here.
const known = {};
for (const file of readdirSync(`${formatjs("datetimeformat")}/locale-data`)) {
  const locale = /^(.*)\.js$/.exec(file)?.[1];
  if (!locale || !LANGUAGES.includes(locale.split("-")[0])) continue;
  const [language] = locale.split("-");
  if (LANGUAGES.includes(locale) || REGIONS.includes(locale)) known[locale] = locale;
  else known[locale] = ["date", "number"].every((part) => isDeepStrictEqual(read(part, locale), read(part, language))) ? language : null;
}
for (const [of, tags] of Object.entries(DEFAULTS)) {
  for (const tag of known[of] ? tags : []) {
    known[tag] = known[of];
    known[tag.replace(/-[A-Z][a-z]{3}(?=-)/, "")] = known[of];
  }
}
write("locales", known);

for (const locale of [...LANGUAGES, ...REGIONS]) {
  const language = locale.split("-")[0];
  for (const part of Object.keys(PARTS)) {
    const data = read(part, part === "plural" && locale !== "pt-PT" ? language : locale);
    if (part === "date") {
      const { timeZoneName, intervalFormats: _, ...rest } = withConnectors(data, locale);
      write(`zoneNames-${locale}`, timeZoneName);
      write(`date-${locale}`, rest);
    } else {
      write(`${part}-${locale}`, part === "plural" ? script(data) : data);
    }
  }
}

function change(name, changes) {
  const path = `${formatjs(name)}/index.js`;
  let source = readFileSync(path, "utf8");
  for (const [before, after] of changes) {
    if (source.split(before).length !== 2) throw new Error(`${path} has not once: ${before}`);
    source = source.replace(before, () => after);
  }
  writeFileSync(path, source);
}

// The locale is looked up by intl.js: no best fit, and its tables, are needed. There is one matcher for all.
change("localematcher", [['if (matcher === "lookup") r', "r"],
  ["\telse r = BestFitMatcher(Array.from(availableLocales), requestedLocales, getDefaultLocale);\n", ""]]);
rmSync(`${formatjs("relativetimeformat")}/node_modules`, { recursive: true, force: true });
change("datetimeformat", [
  // A zone is a function of ours, and its name is looked up by one.
  ["\tconst zoneData = tzData[timeZone];\n", "\treturn tzData.at(timeZone, t);\n"],
  [/\t\tif \(!IsValidTimeZoneName\(timeZone, \{\s+zoneNamesFromData: Object\.keys\(tzData\)[^]*?uppercaseLinks\s+\}\);\n/,
    "\t\ttimeZone = tzData.named(timeZone);\n"],
  ['if (style === "long") offsetStr', 'if (style?.startsWith("long")) offsetStr'],
  ['.replace("H", String(hours))', '.replace("H", pad(hours))'],
  ["else if (mins || hours) {", 'else if (mins || hours || style?.endsWith("Offset")) {'],
  // A zone without a time stands to the date as a time does.
  ["function BestFitFormatMatcher(options, formats) {\n", `function BestFitFormatMatcher(options, formats, data) {
	if (options.timeZoneName && !isTimeRelated(options)) {
		const { timeZoneName, ...rest } = options, format = BestFitFormatMatcher(rest, formats);
		for (const pattern of ["pattern", "pattern12"]) {
			if (format[pattern]) format[pattern] = data.dateTimeFormat.short.replace(/'/g, "").replace("{0}", "{timeZoneName}").replace("{1}", format[pattern]);
		}
		return { ...format, timeZoneName };
	}
`],
  ["\t\t\tbestFormat = BestFitFormatMatcher(opt, formats);\n", "\t\t\tbestFormat = BestFitFormatMatcher(opt, formats, dataLocaleData);\n"],
  ["selected = formatMatcher === \"basic\" ? BasicFormatMatcher(selectedOptions, formats) : BestFitFormatMatcher(selectedOptions, formats);\n\t\t}",
    "selected = BestFitFormatMatcher(selectedOptions, formats, dataLocaleData);\n\t\t}"],
  // A clock of 24 hours has no periods of the day.
  ["\t\t\t\topt.hour12 = hc === \"h11\" || hc === \"h12\";\n", `\t\t\t\topt.hour12 = hc === "h11" || hc === "h12";
				if (opt.hour !== void 0 && !opt.hour12) delete opt.dayPeriod;
`],
  // Two digits that are asked for of minutes leave the hour as it is asked for, too.
  ["\tpatternFormat.pattern = skeletonFormat.pattern;\n", `	const isAdjusted = !options.timeZoneName && (!options.weekday || options.day) && !/^h1/.test(data?.hourCycle);
	if (isAdjusted && patternFormat.hour && options.hour === "numeric" && [options.minute, options.second].includes("2-digit")) patternFormat.hour = "numeric";
	patternFormat.pattern = skeletonFormat.pattern;
`],
  // The form of a name that stands for itself is the pattern's choice.
  ["const isMonthStandalone = hasMonth && !hasOtherDateFields;", `const rawPattern = (internalSlots.format?.rawPattern ?? "").replace(/'[^']*'/g, "");
	const isMonthStandalone = hasMonth && rawPattern.includes("L"), isWeekdayStandalone = rawPattern.includes("c");`],
  ["\t\t\t\telse fv = dataLocaleData[p][f][v];\n", "\t\t\t\telse fv = ((isWeekdayStandalone && p === \"weekday\" && dataLocaleData.weekdayStandalone) || dataLocaleData[p])[f][v];\n"],
  ["\t\tif (\"pattern12\" in timeFormat) format.pattern12", "\t\tformat.rawPattern = dateFormat.rawPattern;\n\t\tif (\"pattern12\" in timeFormat) format.pattern12"],
  ["getDayPeriodName(dataLocaleData, tm, internalSlots.dayPeriod)", "internalSlots.dayPeriod || internalSlots.timeStyle ? getDayPeriodName(dataLocaleData, tm, internalSlots.dayPeriod) : tm.hour < 12 ? dataLocaleData.am : dataLocaleData.pm"],
  ["\tif (opt.dayPeriod !== void 0) internalSlots.dayPeriod = opt.dayPeriod;", "\tinternalSlots.dayPeriod = opt.dayPeriod;"],
  ["\tconst rule = rules.find((rule) => rule.at === value) ||", "\tconst rule = rules.find((rule) => rule.at === value && data.dayPeriods?.[width][rule.name]) ||"],
  ["pattern.replace(/:?m+/, \"\")", "pattern.replace(/[:.]?m+.*/, \"\")"],
  // An offset that has seconds is of a time before the zone's names.
  ["if (timeZoneData && timeZoneData[f]) {", "if (timeZoneData && timeZoneData[f] && tm.timeZoneOffset % 6e4 === 0) {"],
  ["\tconst offsetInMinutes = Math.floor(offsetInMs / 6e4);\n", "\tconst offsetInMinutes = Math.trunc(offsetInMs / 6e4), secs = Math.abs(offsetInMs / 1e3) % 60;\n\tif (secs) hourFormat = hourFormat.replace(/(.)mm/g, `$1mm$1${pad(secs)}`);\n"],
  // A form is read when it may be the best one: 700 of them take longer than all else. One with other fields scores -20 at most.
  ["return parsed ??= Object.keys(formats[calendar]).map((skeleton) => parseDateTimeSkeleton(skeleton, formats[calendar][skeleton], "
    + "calendarIntervals[skeleton] || findIntervalFormat(skeleton, calendarIntervals), calendarIntervals.intervalFormatFallback));",
  "return parsed ??= readWhenNeeded(Object.keys(formats[calendar]), (skeleton) => parseDateTimeSkeleton(skeleton, formats[calendar][skeleton]));"],
  ["\tinvariant(Array.isArray(formats), \"formats should be a list of things\");\n\tfor (const format of formats) {\n\t\tconst score = bestFit",
  `	for (const format of formats.of(options)) {
		const score = bestFitFormatMatcherScore(options, format);
		if (score > bestScore) [bestScore, bestFormat] = [score, format];
	}
	if (bestScore <= -20) for (const format of formats) {
		const score = bestFit`],
  ["function bestFitFormatMatcherScore(options, format) {\n", `const FIELDS = { G: "era", y: "year", Y: "year", u: "year", r: "year", M: "month", L: "month", d: "day", D: "day", E: "weekday", e: "weekday",
	c: "weekday", B: "dayPeriod", b: "dayPeriod", h: "hour", H: "hour", K: "hour", k: "hour", m: "minute", s: "second", z: "timeZoneName",
	Z: "timeZoneName", O: "timeZoneName", v: "timeZoneName", V: "timeZoneName", X: "timeZoneName", x: "timeZoneName" };
function readWhenNeeded(skeletons, read) {
	const made = new Map(), one = (skeleton) => made.get(skeleton) ?? made.set(skeleton, read(skeleton)).get(skeleton);
	const key = (fields) => [...new Set(fields)].sort().join();
	const keys = skeletons.map((skeleton) => key([...skeleton.replace(/'[^']*'/g, "")].map((c) => FIELDS[c]).filter(Boolean)));
	const forms = [];
	Object.defineProperty(forms, 0, { get: () => one(skeletons[0]) });
	forms[Symbol.iterator] = function* () { for (const skeleton of skeletons) yield one(skeleton); };
	forms.of = (options) => {
		const wanted = key(DATE_TIME_PROPS.filter((field) => options[field] !== undefined));
		const found = skeletons.filter((_, at) => keys[at] === wanted).map(one);
		const same = found.filter((form) => (form.month === "long") === (options.month === "long"));
		return same.length ? same : found;
	};
	return forms;
}
function bestFitFormatMatcherScore(options, format) {
`],
  // Arithmetic of decimals, for whole numbers. Milliseconds stay what they are, only Temporal has nanoseconds.
  ["function ToDateTimeFormattable(value) {\n", `function ToDateTimeFormattable(value) {
	if (typeof value === "number" || value instanceof Date) return Number(value);
`],
  ["function HandleDateTimeValue(slots, value) {\n", `function HandleDateTimeValue(slots, value) {
	if (typeof value === "number") {
		if (!(Math.abs(value) <= 864e13)) throw new RangeError("Invalid time value");
		return { format: slots, epochNanoseconds: Math.trunc(value), isPlain: false };
	}
`],
  ["\tconst milliseconds = new Decimal$1(String(epochNanoseconds)).div(1e6);\n", `	const milliseconds = typeof epochNanoseconds === "number" ? epochNanoseconds
		: Number(epochNanoseconds / 1000000n - (epochNanoseconds % 1000000n < 0n ? 1n : 0n));
`],
  ["\t\tconst year = YearFromTime(t);\n", `		const date = new Date(t), of = date.getUTCFullYear();
		if (of > 0) return { era: "AD", year: of, month: date.getUTCMonth(), day: date.getUTCDate() };
		const year = YearFromTime(t);
`],
  ["function PartitionPattern(pattern) {\n", `const partitioned = new Map();
function PartitionPattern(pattern) {
	if (!partitioned.has(pattern)) partitioned.set(pattern, PartitionedPattern(pattern));
	return partitioned.get(pattern);
}
function PartitionedPattern(pattern) {
`],
  ["getApplicableZoneData(milliseconds.floor().toNumber(), timeZone, tzData)", "getApplicableZoneData(milliseconds, timeZone, tzData)"],
  ["milliseconds.plus(timeZoneOffset).floor().toNumber()", "milliseconds + timeZoneOffset"],
  // `Temporal` is another bundle, which tells when it is there.
  ["const temporal = globalThis.Temporal;\nconst readers = temporal ? [\n",
    "const readers = [];\nexport const readTemporal = (temporal) => readers.push(...[\n"],
  ["\"toString\").value\n})) : [];\n", "\"toString\").value\n})));\n"],
  ["function createNumberFormatters(internalSlots) {\n", `function createNumberFormatters(internalSlots) {
	const padded = (size) => ({ format: (number) => String(number).padStart(size, "0") });
	if (internalSlots.numberingSystem === "latn") return { nf: padded(1), nf2: padded(2), nf3: padded(internalSlots.fractionalSecondDigits) };
`],
]);
