const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("cluster", `
  Worker setupPrimary setupMaster fork disconnect
`, "a migration has one thread; `db.transform` runs batches in parallel"),
};
