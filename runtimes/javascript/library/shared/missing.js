// What a sandbox has no answer for: it can be imported, and says so when it is called.

/** A function, which also serves as a class, that throws by its name. */
export function missing(name, hint) {
  return function () { throw new TypeError(`\`${name}\` is not available in a migration: ${hint}`); };
}

/** An object of such functions, for a module. */
export function missingAll(module, names, hint) {
  return Object.fromEntries(names.split(/\s+/).filter(Boolean).map((name) => [name, missing(`${module}.${name}`, hint)]));
}
