const util = require("util/util.js");
const { isDeepStrictEqual } = require("assert/build/internal/util/comparisons.js");

module.exports = {
  ...util,
  isDeepStrictEqual,
  TextEncoder: globalThis.TextEncoder,
  TextDecoder: globalThis.TextDecoder,
  stripVTControlCharacters: (text) => String(text).replace(/\u001b\[[0-9;]*[A-Za-z]/g, ""),
  toUSVString: (text) => String(text).toWellFormed(),
};
