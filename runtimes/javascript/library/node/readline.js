const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("readline", `
  Interface clearLine clearScreenDown createInterface cursorTo emitKeypressEvents moveCursor
`, "a sandbox has no terminal"),
};
