const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("vm", `
  Script createContext createScript runInContext runInNewContext runInThisContext isContext compileFunction measureMemory
`, "write the code into the script"),
};
