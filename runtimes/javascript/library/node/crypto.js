// node:crypto: hashes, HMAC and random numbers from the run's seed.
const { missingAll } = require("../shared/missing.js");

const HASHES = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];
const { Buffer } = require("node:buffer");
const bytesOf = (data, encoding) => (typeof data === "string" ? Buffer.from(data, encoding) : new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength));

class Hash {
  #name;
  #key;
  #parts = [];
  #isDone = false;
  constructor(name, key) {
    this.#name = String(name).toLowerCase().replace("-", "");
    this.#key = key;
    if (HASHES.includes(this.#name)) return;
    throw Object.assign(new Error(`there is no hash \`${name}\` in a migration; hashes are ${HASHES.join(", ")}`), { code: "ERR_OSSL_EVP_UNSUPPORTED" });
  }
  #open() { if (this.#isDone) throw Object.assign(new Error("Digest already called"), { code: "ERR_CRYPTO_HASH_FINALIZED" }); }
  update(data, encoding = "utf8") {
    this.#open();
    this.#parts.push(Uint8Array.from(bytesOf(data, encoding)));
    return this;
  }
  digest(encoding = undefined) {
    this.#open();
    this.#isDone = true;
    const digest = Buffer.from(native.digest(this.#name, Buffer.concat(this.#parts), this.#key));
    return encoding && encoding !== "buffer" ? digest.toString(encoding) : digest;
  }
  copy() {
    this.#open();
    const copy = new Hash(this.#name, this.#key);
    copy.#parts = [...this.#parts];
    return copy;
  }
}

/** A secret as `createSecretKey` makes it; a migration has no other keys. */
class KeyObject {
  #bytes;
  constructor(bytes) { this.#bytes = Uint8Array.from(bytes); }
  get type() { return "secret"; }
  get symmetricKeySize() { return this.#bytes.length; }
  export({ format = "buffer" } = {}) {
    return format === "jwk" ? { kty: "oct", k: Buffer.from(this.#bytes).toString("base64url") } : Buffer.from(this.#bytes);
  }
  equals(other) { return Buffer.compare(this.#bytes, other.export()) === 0; }
}

function randomBytes(size, done = undefined) {
  const bytes = Buffer.alloc(size);
  native.randomBytes(bytes, "randomBytes()");
  return done ? queueMicrotask(() => done(null, bytes)) : bytes;
}

function randomInt(low, high) {
  if (typeof high !== "number") [low, high] = [0, low];
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low >= high) throw new RangeError("randomInt() wants whole numbers, the lower one first");
  return low + Number(randomBytes(8).readBigUInt64LE() % BigInt(high - low));
}

module.exports = {
  ...missingAll("crypto", `createCipheriv createDecipheriv createSign createVerify createPublicKey createPrivateKey
    createDiffieHellman createECDH generateKeyPair generateKeyPairSync generateKey generateKeySync pbkdf2 pbkdf2Sync scrypt scryptSync hkdf
    hkdfSync sign verify publicEncrypt privateDecrypt checkPrime checkPrimeSync`, "`node:crypto` has hashes, HMAC and random numbers here"),
  webcrypto: globalThis.crypto,
  subtle: globalThis.crypto.subtle,
  getRandomValues: (array) => globalThis.crypto.getRandomValues(array),
  randomUUID: () => globalThis.crypto.randomUUID(),
  createHash: (name) => new Hash(name),
  createHmac: (name, key) => new Hash(name, bytesOf(key instanceof KeyObject ? key.export() : key, "utf8")),
  createSecretKey: (key, encoding = "utf8") => new KeyObject(bytesOf(key, encoding)),
  KeyObject,
  hash: (name, data, encoding = "hex") => new Hash(name).update(data).digest(encoding),
  getHashes: () => [...HASHES],
  randomBytes, randomInt, Hash,
  pseudoRandomBytes: randomBytes,
  randomFillSync(array) {
    native.randomBytes(new Uint8Array(array.buffer ?? array, array.byteOffset ?? 0, array.byteLength), "randomFillSync()");
    return array;
  },
  timingSafeEqual(a, b) {
    if (a.byteLength !== b.byteLength) throw new RangeError("Input buffers must have the same byte length");
    return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
  },
};
