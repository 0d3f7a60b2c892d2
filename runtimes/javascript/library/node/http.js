const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("http", `
  _connectionListener Agent ClientRequest IncomingMessage OutgoingMessage Server ServerResponse createServer validateHeaderName
  validateHeaderValue get request setMaxIdleHTTPParsers
`, "a sandbox has no network; put the data into a file of the script's directory or into a table"),
};
