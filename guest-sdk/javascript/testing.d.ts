// The module `runner-guest/testing`, for unit tests under Node.js.
import type { Dialect, Parameter } from "./index.js";

export interface FakeHost {
  dialect?: Dialect;
  serverVersion?: string;
  parameters?: { [name: string]: string | number | bigint | boolean };
  /** The time of the run; 1970-01-01T00:00:00Z by default. */
  runTimestamp?: string | Date;
  /** 0 by default. */
  seed?: bigint;
  /** Files by their relative paths. */
  assets?: { [path: string]: string | Uint8Array };
  /** Also gets the changes of the schema, as statements of SQLite. */
  execute?(sql: string, parameters: readonly Parameter[]): number;
  /** The rows as objects. */
  query?(sql: string, parameters: readonly Parameter[]): object[];
  log?(level: "debug" | "info" | "warning", message: string): void;
}

/** Sets what `db`, `parameters`, `assets` and the rest of `runner-guest` are in the tests that follow. */
export function fakeHost(host?: FakeHost): void;
