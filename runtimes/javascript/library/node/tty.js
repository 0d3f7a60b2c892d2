const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("tty", `
  isatty ReadStream WriteStream
`, "a sandbox has no terminal"),
};
