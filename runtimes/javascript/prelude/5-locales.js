// What depends on locales. There is no `Intl` here: each method does what Node.js does by default, which is "en-US" in UTC, and
// refuses everything else, since it would have to ignore it.

// A language, script, region and variants; extensions, and private use.
const LOCALE = /^([a-z]{2,3}|[a-z]{5,8})(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z\d]{5,8}|\d[a-z\d]{3}))*(-[a-wy-z\d](-[a-z\d]{2,8})+)*(-x(-[a-z\d]{1,8})+)?$/i;

// The locale that is asked for: of a list, the first one. `undefined`, if none is.
function localeOf(locales) {
  const list = typeof locales === "string" ? [locales] : locales ?? [];
  if (!Array.isArray(list) || locales === null) throw wrong(locales, "a locale such as \"en-US\", or an array of them");
  for (const locale of list) {
    if (typeof locale !== "string" || !LOCALE.test(locale)) throw new RangeError(`${shown(locale)} is not a locale such as "en-US"`);
  }
  return list[0];
}

// Throws if it is asked for anything but the default. `allowed`: the values of options that are the default's own.
function onlyDefault(method, locales, options, advice, allowed = {}) {
  const refuse = (asked) => {
    const known = `the default of "en-US"${allowed.timeZone ? " in UTC" : ""}`;
    throw new RangeError(`${method} knows no ${asked}: there is no \`Intl\` here, only ${known}; ${advice}`);
  };
  const locale = localeOf(locales);
  if (locale !== undefined && !/^en(-us)?$/i.test(locale)) refuse(`locale ${shown(locale)}`);
  if (options === undefined) return;
  if (options === null || typeof options !== "object") throw wrong(options, `an object of options, for ${method}`);
  for (const key in options) {
    if (options[key] !== undefined && options[key] !== allowed[key]) refuse(`option \`${key}: ${shown(options[key])}\``);
  }
}

// Years before the first count backwards, without a sign.
function usDate(date) {
  const year = date.getUTCFullYear();
  return `${date.getUTCMonth() + 1}/${date.getUTCDate()}/${year > 0 ? year : 1 - year}`;
}

function usTime(date) {
  const hour = date.getUTCHours();
  const parts = [hour % 12 || 12, digits(date.getUTCMinutes(), 2), digits(date.getUTCSeconds(), 2)];
  return `${parts.join(":")} ${hour < 12 ? "AM" : "PM"}`;
}

const grouped = (text) => text.replace(/\B(?=(\d{3})+$)/g, ",");

// At most three digits behind the point, rounded half away from zero from the shortest digits that say which number it is.
function usNumber(number) {
  if (Number.isNaN(number)) return "NaN";
  const sign = number < 0 || Object.is(number, -0) ? "-" : "", size = Math.abs(number);
  if (size === Infinity) return `${sign}∞`;
  const [, before, behind = "", exponent = 0] = /^(\d+)(?:\.(\d+))?(?:e(.*))?$/.exec(String(size));
  const all = BigInt(before + behind), scale = Number(exponent) - behind.length + 3;
  const thousandths = scale >= 0 ? all * 10n ** BigInt(scale) : (2n * all / 10n ** BigInt(-scale) + 1n) / 2n;
  const text = digits(thousandths, 4), fraction = text.slice(-3).replace(/0+$/, "");
  return `${sign}${grouped(text.slice(0, -3))}${fraction && "."}${fraction}`;
}

// The order of ASCII in the root collation, in which both cases of a letter have one place. Other control characters do not count.
const ORDER = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";
const PLACES = Uint8Array.from({ length: 128 }, (_, code) => ORDER.indexOf(String.fromCharCode(code).toLowerCase()) + 1);

const BEYOND_ASCII = /[^\0-\x7f]/;

// Case decides only where nothing else does, and the lower case comes first.
function collated(a, b) {
  let i = 0, j = 0, byCase = 0;
  for (;;) {
    const x = a.charCodeAt(i), y = b.charCodeAt(j);
    if (x === y && i < a.length) {
      i++, j++;
      continue;
    }
    if (PLACES[x] === 0 || PLACES[y] === 0) {
      if (PLACES[x] === 0) i++;
      if (PLACES[y] === 0) j++;
      continue;
    }
    if (i === a.length || j === b.length) break;
    i++, j++;
    if (PLACES[x] !== PLACES[y]) return PLACES[x] < PLACES[y] ? -1 : 1;
    byCase ||= x > y ? -1 : 1;
  }
  return i < a.length ? 1 : j < b.length ? -1 : byCase;
}

const DATES = "write it out with toISOString(), getUTCFullYear() and the like";
const NUMBERS = "write it out with String(x) or toFixed(2)";
const TEXTS = "compare with `<`, which is by code units, or map both texts to ASCII first";

function dateMethod(name, format) {
  const method = `Date.prototype.${name}`;
  return {
    [name](locales = undefined, options = undefined) {
      onlyDefault(method, locales, options, DATES, { timeZone: "UTC" });
      return Number.isNaN(Date.prototype.getTime.call(this)) ? "Invalid Date" : format(this);
    },
  };
}

function caseMethod(name, plain, special) {
  return {
    [name](locales = undefined) {
      const locale = localeOf(locales);
      if (locale !== undefined && special.test(locale.split("-")[0])) {
        throw new RangeError(`String.prototype.${name} knows no locale ${shown(locale)}: there is no \`Intl\` here; use ${plain.name}(), `
          + "and replace the letters that this language changes in another way");
      }
      return plain.call(this);
    },
  };
}

// The elements refuse by themselves what they do not know.
function joined(elements, locales, options) {
  return elements.map((each) => (each === undefined || each === null ? "" : String(each.toLocaleString(locales, options)))).join(",");
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype), { values: typedValues } = typedArray, { toSpliced: copied } = Array.prototype;
const { valueOf: numberOf } = Number.prototype, { valueOf: bigintOf } = BigInt.prototype;
const { toLowerCase, toUpperCase, concat } = String.prototype;

if (!native.isFake) {
  methods(Date.prototype, {
    ...dateMethod("toLocaleString", (date) => `${usDate(date)}, ${usTime(date)}`),
    ...dateMethod("toLocaleDateString", usDate),
    ...dateMethod("toLocaleTimeString", usTime),
  });
  methods(Number.prototype, {
    toLocaleString(locales = undefined, options = undefined) {
      onlyDefault("Number.prototype.toLocaleString", locales, options, NUMBERS);
      return usNumber(numberOf.call(this));
    },
  });
  methods(BigInt.prototype, {
    toLocaleString(locales = undefined, options = undefined) {
      onlyDefault("BigInt.prototype.toLocaleString", locales, options, NUMBERS);
      return grouped(String(bigintOf.call(this)));
    },
  });
  methods(Array.prototype, {
    toLocaleString(locales = undefined, options = undefined) { return joined(copied.call(this, 0, 0), locales, options); },
  });
  methods(typedArray, {
    toLocaleString(locales = undefined, options = undefined) { return joined([...typedValues.call(this)], locales, options); },
  });
  methods(String.prototype, {
    ...caseMethod("toLocaleLowerCase", toLowerCase, /^(tr|tur|aze?|azj|lt|lit)$/i),
    ...caseMethod("toLocaleUpperCase", toUpperCase, /^(tr|tur|aze?|azj|lt|lit|el|ell|gre)$/i),
    localeCompare(that, locales = undefined, options = undefined) {
      const a = concat.call(this), b = `${that}`;
      if (locales !== undefined || options !== undefined) onlyDefault("String.prototype.localeCompare", locales, options, TEXTS);
      if (a === b) return 0;
      if (BEYOND_ASCII.test(a) || BEYOND_ASCII.test(b)) {
        const text = shown(BEYOND_ASCII.test(a) ? a : b);
        throw new RangeError(`String.prototype.localeCompare knows only the order of ASCII, not of ${text}: there is no \`Intl\` here; ${TEXTS}`);
      }
      return collated(a, b);
    },
  });
}

// The module's own values have one form in all locales.
for (const type of CLASSES.filter(Boolean)) {
  methods(type.prototype, {
    toLocaleString(locales = undefined, options = undefined) {
      if (locales === undefined && options === undefined) return this.toString();
      throw new RangeError(`${type.name}.prototype.toLocaleString knows no locales: use toString()`);
    },
  });
}
