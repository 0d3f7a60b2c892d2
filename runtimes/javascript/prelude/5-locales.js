// What depends on locales. `Intl` is a library: the default, "en-US" in UTC without options, is here, since most scripts ask for no more.

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

const intl = () => native.library("intl");

let defaultOrder;

const isDefault = (locales, options) => options === undefined && (locales === undefined || locales === "en-US");

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

function dateMethod(name, kind, format) {
  return {
    [name](locales = undefined, options = undefined) {
      if (Number.isNaN(Date.prototype.getTime.call(this))) return "Invalid Date";
      return isDefault(locales, options) ? format(this) : intl().dateString(this, kind, locales, options);
    },
  };
}

function numberMethod(valueOf, format) {
  return {
    toLocaleString(locales = undefined, options = undefined) {
      const number = valueOf.call(this);
      return isDefault(locales, options) ? format(number) : intl().numberString(number, locales, options);
    },
  };
}

function caseMethod(name, plain, special) {
  return {
    [name](locales = undefined) {
      const locale = localeOf(locales);
      if (locale === undefined || !special.test(locale.split("-")[0])) return plain.call(this);
      return native.caseMapped(concat.call(this), locale, plain === toUpperCase);
    },
  };
}

function joined(elements, locales, options) {
  return elements.map((each) => (each === undefined || each === null ? "" : String(each.toLocaleString(locales, options)))).join(",");
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype), { values: typedValues } = typedArray, { toSpliced: copied } = Array.prototype;
const { valueOf: numberOf } = Number.prototype, { valueOf: bigintOf } = BigInt.prototype;
const { toLowerCase, toUpperCase, concat } = String.prototype;

if (!native.isFake) {
  methods(Date.prototype, {
    ...dateMethod("toLocaleString", "any", (date) => `${usDate(date)}, ${usTime(date)}`),
    ...dateMethod("toLocaleDateString", "date", usDate),
    ...dateMethod("toLocaleTimeString", "time", usTime),
  });
  methods(Number.prototype, numberMethod(numberOf, usNumber));
  methods(BigInt.prototype, numberMethod(bigintOf, (number) => grouped(String(number))));
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
      if (!isDefault(locales, options)) return intl().compare(a, b, locales, options);
      return native.collate(defaultOrder ??= native.collation("en-US", -1, -1, -1, -1, -1), a.toWellFormed(), b.toWellFormed());
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
