const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("worker_threads", `
  MessagePort MessageChannel markAsUntransferable moveMessagePortToContext receiveMessageOnPort postMessageToThread Worker
  BroadcastChannel setEnvironmentData getEnvironmentData
`, "a migration has one thread; `db.transform` runs batches in parallel"),
  isMainThread: true,
  parentPort: null,
  workerData: null,
};
