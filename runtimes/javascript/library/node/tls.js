const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("tls", `
  getCiphers convertALPNProtocols checkServerIdentity createSecureContext SecureContext TLSSocket Server createServer connect
  createSecurePair
`, "a sandbox has no network; put the data into a file of the script's directory or into a table"),
};
