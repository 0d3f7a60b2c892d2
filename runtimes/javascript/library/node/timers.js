const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("timers", `
  setTimeout setImmediate setInterval
`, "time stands still during a run: call the function itself"),
  clearTimeout() {},
  clearImmediate() {},
  clearInterval() {},
};
