const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("dns", `
  lookup lookupService Resolver getDefaultResultOrder setDefaultResultOrder setServers getServers resolve resolve4 resolve6
  resolveAny resolveCaa resolveCname resolveMx resolveNaptr resolveNs resolvePtr resolveSoa resolveSrv resolveTxt reverse
`, "a sandbox has no network; put the data into a file of the script's directory or into a table"),
};
