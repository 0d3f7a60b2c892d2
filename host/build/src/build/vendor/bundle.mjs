// Bundles modules of `node_modules`: a module for each, and what they share. Arguments: the directory for them, one for the names that they
// export, and the modules.
import { existsSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const [out, scratch, ...modules] = process.argv.slice(1);
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;

// The modules of Node.js that the runtime has.
const PROVIDED = ["assert", "buffer", "crypto", "events", "path", "process", "querystring", "stream", "string_decoder", "url", "util"];
const builtins = builtinModules.filter((name) => !name.startsWith("_")).join("|");

// The directory of the package that a file is in, as the lock has it.
const packageOf = (path) => relative(".", path).replaceAll("\\", "/").match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0];

// Why a package needs native code; undefined if it does not.
const reasonOf = (directory) => {
  const sources = ["binding.gyp", "src/binding.gyp"].find((file) => existsSync(join(directory, file)));
  if (sources) return `it has a \`${sources}\``;
  const parts = Object.keys(lock[directory]?.optionalDependencies ?? {});
  const part = parts.find((name) => [`node_modules/${name}`, `${directory}/node_modules/${name}`].some((it) => lock[it]?.cpu));
  return part && `its part \`${part}\` is for one processor`;
};

const natives = new Map();
const names = {};

const plugin = {
  name: "runner",
  setup(bundle) {
    // Each module by a name of its own, with all of its exports: those of CommonJS are known once it was asked.
    bundle.onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice("entry:".length), namespace: "entry" }));
    bundle.onLoad({ filter: /.*/, namespace: "entry" }, ({ path }) => {
      const from = JSON.stringify(path);
      const listed = names[path]?.map((name) => JSON.stringify(name)).join(", ");
      // Without a default export, it is all of them, as Node.js has it of CommonJS.
      const whole = names[path]?.includes("default") ? "" : `export * as default from ${from};`;
      const contents = names[path] ? `export { ${listed} } from ${from}; ${whole}` : `import * as all from ${from}; export { all };`;
      return { contents, resolveDir: process.cwd(), loader: "js" };
    });
    // Modules of Node.js. CommonJS gets what they export by default, and those that the runtime lacks fail where they are used.
    bundle.onResolve({ filter: new RegExp(`^(node:.*|${builtins})$`) }, ({ path, kind }) => {
      const name = path.replace(/^node:/, "");
      // A package may have the name of a module that Node.js is about to drop, such as `punycode`.
      if (!PROVIDED.includes(name.split("/")[0])) return existsSync(join("node_modules", path)) ? undefined : { path: name, namespace: "missing" };
      return kind === "require-call" ? { path: name, namespace: "required" } : { path: `node:${name}`, external: true };
    });
    bundle.onLoad({ filter: /.*/, namespace: "required" }, ({ path }) => ({
      contents: `import all from "node:${path}"; module.exports = all;`,
    }));
    bundle.onLoad({ filter: /.*/, namespace: "missing" }, ({ path }) => ({
      contents: `
        const missing = (name) => {
          const fail = () => { throw new Error("\`node:${path}\` is not available in a migration: \`" + name + "\` was called"); };
          const own = ["prototype", "__esModule", "then", "toJSON"];
          const it = new Proxy(function () {}, {
            get: (of, key) => (typeof key === "symbol" || own.includes(key) ? of[key] : missing(name + "." + key)),
            getPrototypeOf: () => it,
            apply: fail,
            construct: fail,
          });
          return it;
        };
        module.exports = missing("${path}");`,
    }));
    // Native code. What is only optional is left out.
    bundle.onLoad({ filter: /node_modules/ }, ({ path }) => {
      const directory = packageOf(path);
      const reason = /\.(node|wasm)$/.test(path) ? `it contains \`${relative(directory ?? ".", path)}\`` : directory && reasonOf(directory);
      if (!reason) return undefined;
      const name = (directory ?? path).replace(/^.*node_modules\//, "");
      if (lock[directory]?.optional) return { contents: `throw new Error("the optional package \`${name}\` needs native code");` };
      natives.set(name, reason);
      return { contents: "" };
    });
  },
};

// Which builds of packages are taken: those for Node.js, whose modules the runtime has in part, and else those for browsers.
const FOR = [
  { platform: "neutral", mainFields: ["main", "module"], conditions: ["node"] },
  { platform: "browser", conditions: ["worker"] },
];

const options = {
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2023",
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  chunkNames: "shared/[hash]",
  charset: "utf8",
  preserveSymlinks: true,
  plugins: [plugin],
  logLevel: "silent",
  tsconfigRaw: {},
};

// Why esbuild fails, a line each; nothing if it does not.
async function bundled(of, more) {
  const entryPoints = of.map((module) => ({ in: `entry:${module}`, out: module }));
  const failures = await build({ ...options, ...more, entryPoints }).then(() => [], ({ errors, message }) => errors ?? [{ text: message }]);
  for (const [name, reason] of natives) console.log(`native ${name}: ${reason}`);
  if (natives.size) process.exit(1);
  return failures.map(({ text, location }) => (location ? `${location.file}:${location.line}: ${text}` : text));
}

// Why a module cannot be loaded; if it can, its names are known.
async function loaded(module, directory) {
  try {
    names[module] = Object.keys((await import(pathToFileURL(join(directory, `${module}.js`)))).all);
  } catch (error) {
    return `\`${module}\` cannot be loaded: ${error}`;
  }
}

// As in the runtime, for builds that are made for browsers.
globalThis.self ??= globalThis;
// Types are for editors.
let left = modules.filter((module) => !module.startsWith("@types/")), failures = [];
for (const [index, kind] of FOR.entries()) {
  const directory = join(scratch, String(index)), rest = [];
  failures = [];
  for (const module of left) {
    const why = await bundled([module], { ...kind, outdir: directory });
    if (!why.length) why.push(...[await loaded(module, directory)].filter(Boolean));
    // A package of which parts are imported need not have a module of its own.
    const isNeeded = !modules.some((other) => other.startsWith(`${module}/`));
    if (why.length && isNeeded) failures.push(...why);
    if (why.length) rest.push(module);
  }
  const good = left.filter((module) => !rest.includes(module));
  if (good.length) failures.push(...await bundled(good, { ...kind, outdir: out, banner: { js: "// @ts-nocheck" } }));
  left = rest;
}
for (const failure of failures) console.error(failure);
if (failures.length) process.exit(1);
