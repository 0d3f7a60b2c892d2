const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("child_process", `
  _forkChild ChildProcess exec execFile execFileSync execSync fork spawn spawnSync
`, "a sandbox starts no processes"),
};
