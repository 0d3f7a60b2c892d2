// What a unit test sets; the runtime has no such module.
import { setHost } from "./host.js";

export function fakeHost(host = {}) { setHost(host); }
