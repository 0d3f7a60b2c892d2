const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("dgram", `
  createSocket Socket
`, "a sandbox has no network; put the data into a file of the script's directory or into a table"),
};
