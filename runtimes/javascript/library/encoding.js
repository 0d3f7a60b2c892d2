// TextEncoder, and TextDecoder for the encodings of the WHATWG standard.

export class TextEncoder {
  get encoding() { return "utf-8"; }
  encode(text = "") { return native.encodeText(String(text).toWellFormed()); }
  encodeInto(text, into) {
    if (!(into instanceof Uint8Array)) throw new TypeError("encodeInto() writes to a Uint8Array");
    let read = 0, written = 0;
    for (const character of String(text).toWellFormed()) {
      const code = character.codePointAt(0), size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      if (written + size > into.length) break;
      read += character.length;
      written += size;
    }
    into.set(native.encodeText(String(text).slice(0, read).toWellFormed()));
    return { read, written };
  }
}

export class TextDecoder {
  #decoder;
  #fatal;
  #ignoreBOM;
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    this.#decoder = native.decoder(String(label), ignoreBOM, fatal);
    if (!this.#decoder) {
      const error = new RangeError(`the encoding \`${label}\` is not supported: encodings are those of the WHATWG standard, such as utf-8, `
        + "windows-1252, shift_jis, gbk, big5 and euc-kr");
      throw Object.assign(error, { code: "ERR_ENCODING_NOT_SUPPORTED" });
    }
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }
  get encoding() { return this.#decoder.encoding; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }
  decode(bytes = new Uint8Array(), { stream = false } = {}) {
    const text = native.decode(this.#decoder, bytes, stream);
    if (text !== undefined) return text;
    throw Object.assign(new TypeError(`the bytes are not valid ${this.encoding}`), { code: "ERR_ENCODING_INVALID_ENCODED_DATA" });
  }
}

for (const type of [TextEncoder, TextDecoder]) Object.defineProperty(type.prototype, Symbol.toStringTag, { value: type.name, configurable: true });
