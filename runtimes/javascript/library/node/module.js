const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("module", `
  isBuiltin createRequire syncBuiltinESMExports Module runMain findSourceMap register SourceMap
`, "import modules with `import`"),
};
