const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("os", `
  arch availableParallelism cpus endianness freemem getPriority homedir hostname loadavg networkInterfaces platform release
  setPriority tmpdir totalmem type userInfo uptime version machine
`, "a sandbox has no operating system"),
  EOL: "\n",
};
