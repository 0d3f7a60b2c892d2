const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("net", `
  _createServerHandle _normalizeArgs _setSimultaneousAccepts BlockList SocketAddress connect createConnection createServer isIP
  isIPv4 isIPv6 Server Socket Stream getDefaultAutoSelectFamily setDefaultAutoSelectFamily getDefaultAutoSelectFamilyAttemptTimeout
  setDefaultAutoSelectFamilyAttemptTimeout
`, "a sandbox has no network; put the data into a file of the script's directory or into a table"),
};
