const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("http2", `
  connect createServer createSecureServer getDefaultSettings getPackedSettings getUnpackedSettings performServerHandshake
  Http2ServerRequest Http2ServerResponse
`, "a sandbox has no network; put the data into a file of the script's directory or into a table"),
};
