// What works on the names of locales, with CLDR's tables of them.

export { getCanonicalLocales } from "@formatjs/intl-getcanonicallocales";
export { Locale } from "@formatjs/intl-locale";
export { supportedValuesOf } from "@formatjs/intl-supportedvaluesof";
