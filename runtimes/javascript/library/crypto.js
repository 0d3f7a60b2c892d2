// crypto: random numbers from the run's seed, and digests.
import { missingAll } from "./shared/missing.js";

const INTEGERS = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array];
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const subtle = {
  async digest(algorithm, bytes) {
    const name = String(algorithm?.name ?? algorithm);
    const digest = /^sha-(1|256|384|512)$/i.test(name) ? native.digest(name.toLowerCase().replace("-", ""), bytes) : undefined;
    if (!digest) throw new DOMException(`\`crypto.subtle.digest\` has SHA-1, SHA-256, SHA-384 and SHA-512, not ${name}`, "NotSupportedError");
    return digest.buffer;
  },
  ...missingAll("crypto.subtle", "encrypt decrypt sign verify generateKey deriveKey deriveBits importKey exportKey wrapKey unwrapKey",
    "it has no keys; `node:crypto` has hashes and HMAC"),
};

export const crypto = {
  subtle,
  getRandomValues(array) {
    if (!INTEGERS.some((type) => array instanceof type)) throw new DOMException("the array is not one of integers", "TypeMismatchError");
    if (array.byteLength > 65536) throw new DOMException("more than 65,536 bytes", "QuotaExceededError");
    native.randomBytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), "crypto.getRandomValues()");
    return array;
  },
  randomUUID() {
    const bytes = new Uint8Array(16);
    native.randomBytes(bytes, "crypto.randomUUID()");
    bytes[6] = bytes[6] & 15 | 64;
    bytes[8] = bytes[8] & 63 | 128;
    return hex(bytes).replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  },
};
