// The module `runner-guest` under Node.js, for unit tests of batch functions.
import "./host.js";

export * from "./prelude.js";
