const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("https", `
  Agent Server createServer get request
`, "a sandbox has no network; put the data into a file of the script's directory or into a table"),
};
