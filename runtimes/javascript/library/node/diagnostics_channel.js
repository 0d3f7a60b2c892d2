const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("diagnostics_channel", `
  channel hasSubscribers subscribe tracingChannel unsubscribe Channel
`, "nothing listens here"),
};
