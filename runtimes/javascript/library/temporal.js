// `Temporal`, as the language's next edition has it. Its clock is `Date.now`, the run's.
export { Temporal, toTemporalInstant } from "temporal-polyfill/implementation";
