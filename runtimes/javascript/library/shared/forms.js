// URLs and their queries, over the parser in Rust.

const PARTS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
const well = (value) => `${value}`.toWellFormed();

// A part of a query, decoded: bytes that are not UTF-8 become U+FFFD.
function decoded(text) {
  text = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(text);
  } catch {
    const bytes = [];
    for (const [piece, code] of text.matchAll(/%([0-9a-f]{2})|[^%]+|%/gi)) {
      bytes.push(...(code ? [parseInt(code, 16)] : new TextEncoder().encode(piece)));
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(bytes));
  }
}

const encoded = (text) => encodeURIComponent(text).replace(/%20|[!'()~]/g, (found) => (found === "%20" ? "+"
  : `%${found.charCodeAt().toString(16).toUpperCase()}`));

export class URLSearchParams {
  #pairs = [];
  #url = null;
  constructor(init = "") {
    if (init !== null && (typeof init === "object" || typeof init === "function")) {
      const pairs = typeof init[Symbol.iterator] === "function" ? [...init] : Reflect.ownKeys(init)
        .filter((key) => Object.getOwnPropertyDescriptor(init, key).enumerable).map((key) => [key, init[key]]);
      for (const pair of pairs) {
        const [name, value, ...more] = typeof pair === "object" && pair !== null ? pair : [];
        if ([...pair].length !== 2 || more.length) throw new TypeError("each pair of a query has a name and a value");
        this.#pairs.push([well(name), well(value)]);
      }
    } else {
      this.#read(well(init).replace(/^\?/, ""));
    }
  }
  #read(text) {
    this.#pairs = text.split("&").filter(Boolean).map((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [decoded(pair), ""] : [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))];
    });
  }
  // The parameters of a URL change with it, and it with them.
  static of(url, search, changed) {
    const made = new URLSearchParams(search);
    made.#url = changed;
    return [made, (text) => made.#read(text.replace(/^\?/, ""))];
  }
  #changed() { this.#url?.(this.toString()); }
  get size() { return this.#pairs.length; }
  append(name, value) {
    this.#pairs.push([well(name), well(value)]);
    this.#changed();
  }
  delete(name, value = undefined) {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== well(name) || (value !== undefined && pair[1] !== well(value)));
    this.#changed();
  }
  get(name) { return this.#pairs.find((pair) => pair[0] === well(name))?.[1] ?? null; }
  getAll(name) { return this.#pairs.filter((pair) => pair[0] === well(name)).map((pair) => pair[1]); }
  has(name, value = undefined) {
    return this.#pairs.some((pair) => pair[0] === well(name) && (value === undefined || pair[1] === well(value)));
  }
  set(name, value) {
    const at = this.#pairs.findIndex((pair) => pair[0] === well(name));
    if (at < 0) return this.append(name, value);
    this.#pairs[at][1] = well(value);
    this.#pairs = this.#pairs.filter((pair, i) => i <= at || pair[0] !== well(name));
    this.#changed();
  }
  sort() {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#changed();
  }
  forEach(each, self = undefined) { for (const [name, value] of this) each.call(self, value, name, this); }
  *entries() { for (let i = 0; i < this.#pairs.length; i++) yield [...this.#pairs[i]]; }
  *keys() { for (const [name] of this.entries()) yield name; }
  *values() { for (const [, value] of this.entries()) yield value; }
  toString() { return this.#pairs.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join("&"); }
}
Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, { value: URLSearchParams.prototype.entries, writable: true, configurable: true });
Object.defineProperty(URLSearchParams.prototype, Symbol.toStringTag, { value: "URLSearchParams", configurable: true });

export const urlClass = (native) => {
  class URL {
    #parts;
    #params = null;
    #refresh = null;
    constructor(url, base = undefined) {
      const lines = native.url(well(url), base === undefined ? undefined : well(base));
      if (lines === undefined) throw Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input: well(url) });
      this.#parts = lines.split("\n");
    }
    static canParse(url, base = undefined) { return native.url(well(url), base === undefined ? undefined : well(base)) !== undefined; }
    static parse(url, base = undefined) { return URL.canParse(url, base) ? new URL(url, base) : null; }
    static part(url, at) { return url.#parts[at]; }
    static change(url, name, value) {
      const lines = name === "href" ? native.url(well(value)) : native.urlWith(url.#parts[0], name, well(value));
      if (lines === undefined) throw Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input: well(value) });
      url.#parts = lines.split("\n");
      if (name === "href" || name === "search") url.#refresh?.(url.#parts[9]);
    }
    get searchParams() {
      if (!this.#params) {
        [this.#params, this.#refresh] = URLSearchParams.of(this, this.#parts[9], (query) => {
          this.#parts = native.urlWith(this.#parts[0], "search", query).split("\n");
        });
      }
      return this.#params;
    }
    toString() { return this.#parts[0]; }
    toJSON() { return this.#parts[0]; }
  }
  const { part, change } = URL;
  delete URL.part;
  delete URL.change;
  PARTS.forEach((name, at) => Object.defineProperty(URL.prototype, name, {
    get() { return part(this, at); },
    ...(name === "origin" ? {} : { set(value) { change(this, name, value); } }),
    enumerable: true, configurable: true,
  }));
  Object.defineProperty(URL.prototype, Symbol.toStringTag, { value: "URL", configurable: true });
  return URL;
};
