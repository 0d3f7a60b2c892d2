const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("v8", `
  cachedDataVersionTag getHeapSnapshot getHeapStatistics getHeapSpaceStatistics getHeapCodeStatistics setFlagsFromString Serializer
  Deserializer DefaultSerializer DefaultDeserializer deserialize takeCoverage stopCoverage serialize writeHeapSnapshot queryObjects
  setHeapSnapshotNearHeapLimit GCProfiler
`, "it belongs to another interpreter"),
};
