// What comes from libraries, which are evaluated when a script first touches them. The bundle that each global is in.

const LAZY = {
  Intl: "intl", Temporal: "temporal", TextDecoder: "encoding", TextEncoder: "encoding", Blob: "encoding", URL: "url", URLSearchParams: "url", structuredClone: "clone",
  Event: "events", EventTarget: "events", CustomEvent: "events", AbortController: "events", AbortSignal: "events", crypto: "crypto",
  Buffer: "node:buffer",
};

// A property whose value is made when it is first read.
function lazily(object, name, make) {
  const become = (value) => Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  Object.defineProperty(object, name, {
    get() {
      const value = make();
      // A library may look for what it is about to bring.
      if (value !== undefined) become(value);
      return value;
    },
    set: become,
    configurable: true,
  });
}

// What a sandbox has no answer for: libraries may look whether it is there, and it says so when it is called.
const STILL = "time stands still during a run; call the function itself";
const ALONE = "a sandbox has no network; put the data into a table, or into a file of the script's directory, which `assets` reads";
const MISSING = {
  setTimeout: STILL, setInterval: STILL, fetch: ALONE, XMLHttpRequest: ALONE, WebSocket: ALONE,
  Worker: "a migration has one thread; `db.transform` runs batches in parallel",
};
const ES_MODULES = "a script is an ES module; use `import` and `export`, and bundle what is in CommonJS with all that it requires: "
  + "npx esbuild FILE --bundle --format=esm --platform=neutral --main-fields=module,main --outfile=BUNDLE.js";

// What bundles of packages in CommonJS call.
function require(name) {
  if (name === "runner-guest") return context;
  const library = native.nodeLibrary(String(name));
  if (library !== undefined) return library;
  throw new ReferenceError(`\`require(${shown(name)})\` finds no files: ${ES_MODULES}`);
}

if (!native.isFake) {
  methods(Date.prototype, { toTemporalInstant() { return native.library("temporal").toTemporalInstant.call(this); } });
  for (const [name, bundle] of Object.entries(LAZY)) lazily(globalThis, name, () => native.library(bundle)[name]);
  methods(globalThis, {
    self: globalThis, global: globalThis, require, clearTimeout() {}, clearInterval() {},
    ...Object.fromEntries(Object.entries(MISSING).map(([name, hint]) => [name, function () {
      throw new TypeError(`\`${name}\` is not available in a migration: ${hint}`);
    }])),
    // Without `versions.node`, libraries do not take it for Node.js.
    process: {
      env: { NODE_ENV: "production" }, argv: [], platform: "wasm", version: "", versions: {}, browser: true, cwd: () => "/",
      nextTick(f, ...values) { queueMicrotask(() => f(...values)); },
      emitWarning(warning) { log.warning(String(warning)); },
    },
  });
}
