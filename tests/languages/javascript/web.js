// The web APIs and the modules of Node.js: what they answer is what Node.js answers.
import { db } from "runner-guest";
import assert from "node:assert";
import { Buffer as Bytes } from "buffer";
import crypto, { createHash, createHmac } from "node:crypto";
import EventEmitter, { once } from "events";
import fs, { readFileSync } from "fs";
import path from "node:path";
import * as timers from "timers";
import util, { inspect } from "node:util";
import url from "node:url";
import querystring from "node:querystring";
import { StringDecoder } from "node:string_decoder";
import { Readable } from "node:stream";

// Drawn while the module is loaded, as libraries do.
const drawn = Math.random(), loaded = Date.now();

export const description = { summary: "web APIs", irreversible: true };

const same = (what, got, wanted) => { if (inspect(got, { depth: 9 }) !== inspect(wanted, { depth: 9 })) throw new Error(`${what}: ${inspect(got, { depth: 9 })} is not ${inspect(wanted, { depth: 9 })}`); };

function fails(what, f, name, ...texts) {
  try {
    f();
  } catch (error) {
    if (error.name !== name || !texts.every((text) => error.message.includes(text))) throw new Error(`${what}: ${error.name}: ${error.message}`);
    return;
  }
  throw new Error(`${what}: did not fail`);
}

const hex = (text) => Uint8Array.from(text.match(/../g) ?? [], (byte) => parseInt(byte, 16));

function encodings() {
  const texts = {
    shift_jis: ["93fa967b8cea", "日本語"], gbk: ["c4e3bac3", "你好"], big5: ["a741a66e", "你好"], "euc-kr": ["b0a1b3aa", "가나"],
    "euc-jp": ["c6fccbdc", "日本"], "windows-1252": ["80fc", "€ü"], latin1: ["e4f6fc80", "äöü€"],
    "iso-8859-2": ["b1", "ą"], "koi8-r": ["d0d2c9", "при"], "utf-16le": ["41003dd800de", "A😀"], "utf-16be": ["0041", "A"], " UTF8 ": ["c3bc", "ü"],
    macintosh: ["8a", "ä"], "windows-1251": ["cff0", "Пр"], "iso-2022-jp": ["1b2442467c1b2842", "日"],
  };
  for (const [label, [bytes, text]] of Object.entries(texts)) same(label, new TextDecoder(label).decode(hex(bytes)), text);
  same("names", ["latin1", "sjis", "gb2312", "utf8", "ascii"].map((label) => new TextDecoder(label).encoding),
    ["windows-1252", "shift_jis", "gbk", "utf-8", "windows-1252"]);
  fails("an unknown label", () => new TextDecoder("utf-7"), "RangeError", "utf-7");
  fails("fatal", () => new TextDecoder("shift_jis", { fatal: true }).decode(hex("81")), "TypeError", "not valid shift_jis");
  same("not fatal", new TextDecoder("shift_jis").decode(hex("8141ff")), "、\ufffd");
  const stream = new TextDecoder("euc-kr");
  same("stream", [stream.decode(hex("b0"), { stream: true }), stream.decode(hex("a1b3"), { stream: true }), stream.decode(hex("aa"))], ["", "가", "나"]);
  same("mark", [new TextDecoder().decode(hex("efbbbf41")), new TextDecoder("utf-8", { ignoreBOM: true }).decode(hex("efbbbf41"))], ["A", "\ufeffA"]);
  const into = new Uint8Array(4);
  same("encodeInto", [new TextEncoder().encodeInto("aü€", into), [...into]], [{ read: 2, written: 3 }, [97, 0xc3, 0xbc, 0]]);
}

function urls() {
  const parsed = new URL("../ä?q=ü#x", "HTTPS://me:p%40@EXAMPLE.com:443/a/b/c");
  same("parts", ["href", "origin", "protocol", "username", "password", "host", "port", "pathname", "search", "hash"].map((name) => parsed[name]),
    ["https://me:p%40@example.com/a/%C3%A4?q=%C3%BC#x", "https://example.com", "https:", "me", "p%40", "example.com", "", "/a/%C3%A4", "?q=%C3%BC", "#x"]);
  same("hosts", ["http://mañana.com", "http://0x7f.1/", "http://[::1]:80/", "file:///c:/x/../y"].map((text) => new URL(text).href),
    ["http://xn--maana-pta.com/", "http://127.0.0.1/", "http://[::1]/", "file:///c:/y"]);
  parsed.searchParams.append("b", "1 2&");
  parsed.port = "8080";
  parsed.hash = "";
  same("changes", [String(parsed), parsed.searchParams.get("q"), JSON.stringify({ parsed })],
    ["https://me:p%40@example.com:8080/a/%C3%A4?q=%C3%BC&b=1+2%26", "ü", '{"parsed":"https://me:p%40@example.com:8080/a/%C3%A4?q=%C3%BC&b=1+2%26"}']);
  parsed.search = "?z=1&z=2";
  same("the query follows", [parsed.searchParams.getAll("z"), parsed.searchParams.has("q")], [["1", "2"], false]);
  fails("no URL", () => new URL("/a"), "TypeError", "Invalid URL");
  same("canParse", [URL.canParse("http://a b"), URL.canParse("/x", "http://a"), URL.parse("nope")], [false, true, null]);
  const query = new URLSearchParams([["b", "2"], ["a", "ü*~ "], ["b", "1"]]);
  query.sort();
  same("a query", [query.toString(), query.size, [...new URLSearchParams("?a=%zz&b=%ff&c&=d+e")]],
    ["a=%C3%BC*%7E+&b=2&b=1", 3, [["a", "%zz"], ["b", "\ufffd"], ["c", ""], ["", "d e"]]]);
  same("node:url", [url.parse("http://a.b:80/c?d=e").pathname, url.fileURLToPath("file:///a%20b")], ["/c", "/a b"]);
  same("node:querystring", querystring.parse("a=1&a=2&b=%20"), Object.assign(Object.create(null), { a: ["1", "2"], b: " " }));
}

async function hashes() {
  const digests = {
    md5: "900150983cd24fb0d6963f7d28e17f72", sha1: "a9993e364706816aba3e25717850c26c9cd0d89d",
    sha224: "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7", sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    sha384: "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    sha512: "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  };
  for (const [name, digest] of Object.entries(digests)) {
    same(name, createHash(name).update("a").update(Bytes.from("bc")).digest("hex"), digest);
  }
  same("hmac", createHmac("sha256", "key").update("The quick brown fox jumps over the lazy dog").digest("hex"),
    "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
  const secret = crypto.createSecretKey("key");
  same("a secret", [secret.type, secret.symmetricKeySize, secret instanceof crypto.KeyObject, createHmac("md5", secret).update("a").digest("hex")],
    ["secret", 3, true, createHmac("md5", "key").update("a").digest("hex")]);
  const blob = new Blob(["aü", new Uint8Array([98]), new Blob(["c"]).slice(0, 1)], { type: "Text/Plain" });
  same("a blob", [blob.size, blob.type, await blob.text(), [...await blob.slice(-2).bytes()]], [5, "text/plain", "aübc", [98, 99]]);
  same("subtle", Bytes.from(await globalThis.crypto.subtle.digest("SHA-1", new TextEncoder().encode("abc"))).toString("hex"), digests.sha1);
  fails("an unknown hash", () => createHash("whirlpool"), "Error", "whirlpool", "sha256");
  fails("a cipher", () => crypto.createCipheriv("aes", "", ""), "TypeError", "crypto.createCipheriv");
}

function values() {
  const cyclic = { map: new Map([[1, new Set([2n])]]), date: new Date(0), bytes: new Uint8Array([1, 2]), regexp: /a/g, error: new RangeError("x") };
  cyclic.self = cyclic;
  const copy = structuredClone(cyclic);
  same("a clone", [copy.self === copy, copy !== cyclic, copy.map.get(1).has(2n), copy.date.getTime(), [...copy.bytes], String(copy.regexp), copy.error.message],
    [true, true, true, 0, [1, 2], "/a/g", "x"]);
  const [holes, error, view] = structuredClone([[1, , 3], new TypeError("t"), new DataView(new ArrayBuffer(4), 1, 2)]);
  same("clones of objects", [1 in holes, holes.length, error instanceof TypeError, view.byteLength, view.buffer.byteLength], [false, 3, true, 2, 4]);
  fails("what cannot be cloned", () => structuredClone(() => 1), "DataCloneError");
  fails("nor this", () => structuredClone(new WeakMap()), "DataCloneError");
  same("base64", [btoa("ÿa"), atob("/2E=")], ["/2E=", "ÿa"]);
  same("Buffer", [Buffer.from("ü€").toString("hex"), Buffer.from("_-8", "base64url").toString("base64"), Buffer.concat([Buffer.from([1]), Buffer.alloc(1)]).readUInt16BE(), Bytes === Buffer,
    Buffer.from("ff", "latin1").equals(new Uint8Array([102, 102]))], ["c3bce282ac", "/+8=", 256, true, true]);
  same("globals", [self === globalThis, process.env.NODE_ENV, process.versions.node, typeof performance.now(), typeof setTimeout], [true, "production", undefined, "number", "function"]);
  for (const name of ["setTimeout", "setInterval", "fetch", "XMLHttpRequest", "WebSocket", "Worker"]) {
    fails(name, () => globalThis[name](() => 1), "TypeError", `\`${name}\` is not available in a migration`);
  }
  fails("fs", () => readFileSync("x"), "TypeError", "`fs.readFileSync`", "`assets`");
  fails("fs, as a whole", () => fs.promises.readFile("x"), "TypeError", "`fs.promises.readFile`");
  fails("timers", () => timers.setImmediate(() => 1), "TypeError", "`timers.setImmediate`");
  fails("require", () => require("./x"), "ReferenceError", "esbuild");
  same("require of a module", require("path") === path, true);
  same("path", [path.join("/a", "..", "b"), path.extname("x.tar.gz")], ["/b", ".gz"]);
  same("util", [util.format("%s %d %j", "a", 1, { b: 2 }), util.isDeepStrictEqual({ a: [1] }, { a: [1] }), util.types.isDate(new Date(0))], ["a 1 {\"b\":2}", true, true]);
  assert.deepStrictEqual({ a: 1 }, { a: 1 });
  fails("assert", () => assert.equal(1, 2), "AssertionError");
  const decoder = new StringDecoder("utf8");
  same("string_decoder", [decoder.write(Bytes.from([0xe2, 0x82])), decoder.end(Bytes.from([0xac]))], ["", "€"]);
}

async function events() {
  const emitter = new EventEmitter(), heard = [];
  emitter.on("x", (value) => heard.push(value));
  const next = once(emitter, "x");
  emitter.emit("x", 1);
  heard.push(await next);
  const target = new EventTarget();
  target.addEventListener("y", (event) => { heard.push(event.type); event.preventDefault(); }, { once: true });
  heard.push(target.dispatchEvent(new Event("y", { cancelable: true })), target.dispatchEvent(new Event("y")));
  const controller = new AbortController();
  controller.signal.addEventListener("abort", () => heard.push("aborted"));
  controller.abort();
  fails("a signal", () => controller.signal.throwIfAborted(), "AbortError");
  queueMicrotask(() => heard.push("later"));
  await null;
  for await (const part of Readable.from(["a", "b"])) heard.push(part);
  same("events", heard, [1, [1], "y", false, true, "aborted", "later", "a", "b"]);
}

export async function upgrade() {
  encodings();
  urls();
  await hashes();
  values();
  await events();
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(20)), id = globalThis.crypto.randomUUID();
  same("random", [drawn !== Math.random(), bytes.some((byte) => byte), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id), loaded],
    [true, true, true, Date.now()]);
  db.execute("CREATE TABLE drawn (x TEXT)");
  db.execute("INSERT INTO drawn VALUES (?)", [JSON.stringify([drawn, [...bytes], id, crypto.randomBytes(9).toString("hex")])]);
}
