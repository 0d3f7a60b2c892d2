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

// Bytes with a type. A part is text, bytes or another one.
export class Blob {
  #bytes;
  #type;
  constructor(parts = [], { type = "" } = {}) {
    const encoder = new TextEncoder();
    const all = Array.from(parts, (part) => (part instanceof Blob ? part.#bytes
      : part instanceof ArrayBuffer ? new Uint8Array(part)
      : ArrayBuffer.isView(part) ? new Uint8Array(part.buffer, part.byteOffset, part.byteLength) : encoder.encode(String(part))));
    this.#bytes = new Uint8Array(all.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of all) {
      this.#bytes.set(part, at);
      at += part.length;
    }
    this.#type = String(type).toLowerCase();
  }
  get size() { return this.#bytes.length; }
  get type() { return this.#type; }
  slice(start, end, type = "") { return new Blob([this.#bytes.slice(start, end)], { type }); }
  async bytes() { return this.#bytes.slice(); }
  async arrayBuffer() { return this.#bytes.slice().buffer; }
  async text() { return new TextDecoder().decode(this.#bytes); }
}
