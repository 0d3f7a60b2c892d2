// structuredClone, as the HTML standard defines it for values of the language.

const ERRORS = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
const WRAPPERS = [Boolean, Number, String, BigInt];
const REFUSED = [WeakMap, WeakSet, WeakRef, Promise, Symbol, FinalizationRegistry];

function refused(what) { return new DOMException(`${what} could not be cloned.`, "DataCloneError"); }

function copyOfError(error, clone) {
  const type = ERRORS.find((each) => error instanceof each && each.name === error.name) ?? Error;
  const made = new type();
  for (const name of ["message", "stack", "cause"]) {
    if (Object.hasOwn(error, name)) Object.defineProperty(made, name, { value: clone(error[name]), writable: true, configurable: true });
  }
  return made;
}

// A copy without what it contains, and what fills it.
function copyOf(value, clone) {
  if (REFUSED.some((type) => value instanceof type)) throw refused(Object.prototype.toString.call(value));
  if (value instanceof Date) return [new Date(value.getTime())];
  if (value instanceof RegExp) return [new RegExp(value.source, value.flags)];
  if (value instanceof ArrayBuffer) return [value.slice(0)];
  if (value instanceof Error) return [copyOfError(value, clone)];
  if (WRAPPERS.some((type) => value instanceof type)) return [Object(value.valueOf())];
  if (ArrayBuffer.isView(value)) {
    const type = value instanceof DataView ? DataView : globalThis[value[Symbol.toStringTag]];
    return [new type(clone(value.buffer), value.byteOffset, value instanceof DataView ? value.byteLength : value.length)];
  }
  if (value instanceof Map) return [new Map(), (copy) => { for (const [key, item] of [...value]) copy.set(clone(key), clone(item)); }];
  if (value instanceof Set) return [new Set(), (copy) => { for (const item of [...value]) copy.add(clone(item)); }];
  const copy = Array.isArray(value) ? new Array(value.length) : {};
  return [copy, () => {
    for (const key of Object.keys(value)) Object.defineProperty(copy, key, { value: clone(value[key]), writable: true, enumerable: true, configurable: true });
  }];
}

export function structuredClone(value) {
  if (!arguments.length) throw new TypeError("structuredClone() wants a value");
  const seen = new Map();
  function clone(it) {
    if (typeof it === "function" || typeof it === "symbol") throw refused(String(it));
    if (typeof it !== "object" || it === null) return it;
    if (seen.has(it)) return seen.get(it);
    const [copy, fill] = copyOf(it, clone);
    seen.set(it, copy);
    fill?.(copy);
    return copy;
  }
  return clone(value);
}
