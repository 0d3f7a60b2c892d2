// `Temporal`, as the language's next edition has it. Its clock is `Date.now`, the run's, and its zones are those of `Intl`.

import { Temporal } from "temporal-polyfill/implementation";

export { Temporal, toTemporalInstant } from "temporal-polyfill/implementation";

native.library("intl").readTemporal(Temporal);
