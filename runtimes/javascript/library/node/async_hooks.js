const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("async_hooks", `
  AsyncLocalStorage createHook executionAsyncId triggerAsyncId executionAsyncResource AsyncResource
`, "nothing runs at the same time here"),
};
