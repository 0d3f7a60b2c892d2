const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("perf_hooks", `
  Performance PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList
  PerformanceResourceTiming monitorEventLoopDelay createHistogram
`, "time stands still during a run"),
  performance: globalThis.performance,
};
