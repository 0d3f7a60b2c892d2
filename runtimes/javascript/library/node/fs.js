const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("fs", `
  appendFile appendFileSync access accessSync chown chownSync chmod chmodSync close closeSync copyFile copyFileSync cp cpSync
  createReadStream createWriteStream exists existsSync fchown fchownSync fchmod fchmodSync fdatasync fdatasyncSync fstat fstatSync
  fsync fsyncSync ftruncate ftruncateSync futimes futimesSync lchown lchownSync link linkSync lstat lstatSync lutimes lutimesSync
  mkdir mkdirSync mkdtemp mkdtempSync open openSync openAsBlob readdir readdirSync read readSync readv readvSync readFile
  readFileSync readlink readlinkSync realpath realpathSync rename renameSync rm rmSync rmdir rmdirSync stat statfs statSync
  statfsSync symlink symlinkSync truncate truncateSync unwatchFile unlink unlinkSync utimes utimesSync watch watchFile writeFile
  writeFileSync write writeSync writev writevSync Dirent Stats ReadStream WriteStream FileReadStream FileWriteStream
  Dir opendir opendirSync
`, "read files of the script's directory with `assets` of runner-guest"),
  constants: {},
  promises: missingAll("fs.promises", "access appendFile copyFile cp lstat mkdir open readFile readdir rename rm rmdir stat unlink writeFile",
    "read files of the script's directory with `assets` of runner-guest"),
};
