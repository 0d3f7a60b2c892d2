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
      const contents = names[path] ? `export { ${listed} } from ${from};` : `import * as all from ${from}; export { all };`;
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

const options = {
  entryPoints: modules.map((module) => ({ in: `entry:${module}`, out: module })),
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "browser",
  conditions: ["worker"],
  target: "es2023",
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  chunkNames: "shared/[hash]",
  charset: "utf8",
  preserveSymlinks: true,
  plugins: [plugin],
  logLevel: "silent",
  tsconfigRaw: {},
};

async function bundled(more) {
  try {
    await build({ ...options, ...more });
  } catch (error) {
    if (!natives.size) {
      for (const { text, location } of error.errors ?? [{ text: error.message }])
        console.error(location ? `${location.file}:${location.line}: ${text}` : text);
      process.exit(1);
    }
  }
  for (const [name, reason] of natives) console.log(`native ${name}: ${reason}`);
  if (natives.size) process.exit(1);
}

await bundled({ outdir: scratch });
// As in the runtime, for builds that are made for browsers.
globalThis.self ??= globalThis;
for (const module of modules) {
  try {
    names[module] = Object.keys((await import(pathToFileURL(join(scratch, `${module}.js`)))).all);
  } catch (error) {
    console.error(`\`${module}\` cannot be loaded: ${error}`);
    process.exit(1);
  }
}
await bundled({ outdir: out, banner: { js: "// @ts-nocheck" } });
