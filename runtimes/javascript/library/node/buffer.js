const buffer = require("buffer-package");
const { Buffer } = buffer;

// What Node.js's has beyond the package.
const plain = Buffer.prototype.toString, from = Buffer.from, { isEncoding } = Buffer;
const url = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const isUrl = (encoding) => typeof encoding === "string" && encoding.toLowerCase() === "base64url";
Buffer.prototype.toString = function (encoding, ...range) {
  return isUrl(encoding) ? url(plain.call(this, "base64", ...range)) : plain.call(this, encoding, ...range);
};
Buffer.from = (value, encoding, ...more) => from(value, isUrl(encoding) ? "base64" : encoding, ...more);
Buffer.prototype.equals = function (other) { return Buffer.compare(this, other) === 0; };
Buffer.isEncoding = (encoding) => isUrl(encoding) || isEncoding(encoding);

module.exports = {
  ...buffer,
  constants: { MAX_LENGTH: buffer.kMaxLength, MAX_STRING_LENGTH: 2 ** 29 - 24 },
  get Blob() { return globalThis.Blob; },
  atob: globalThis.atob, btoa: globalThis.btoa,
  isUtf8: (bytes) => native.decode(native.decoder("utf-8", true, true), bytes, false) !== undefined,
  isAscii: (bytes) => new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength).every((byte) => byte < 128),
};
