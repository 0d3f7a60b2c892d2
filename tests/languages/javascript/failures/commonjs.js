// says: ReferenceError: `require("./rules")` finds no files
// says: a script is an ES module; use `import` and `export`
// says: npx esbuild
export const description = "fails";
const rules = require("./rules");
export function upgrade() {
}
