// Events and signals, as in browsers. Nothing happens by itself: there is no clock that runs.
import { Event, EventTarget } from "event-target-shim";

export { Event, EventTarget };

export class CustomEvent extends Event {
  #detail;
  constructor(type, init = {}) {
    super(type, init);
    this.#detail = init?.detail ?? null;
  }
  get detail() { return this.#detail; }
}

const inside = Symbol("inside");

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  #handler = null;
  constructor(key) {
    if (key !== inside) throw new TypeError("an AbortSignal comes from an AbortController");
    super();
  }
  static abort(reason) {
    const controller = new AbortController();
    controller.abort(reason);
    return controller.signal;
  }
  static any(signals) {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) return AbortSignal.abort(signal.reason);
      signal.addEventListener("abort", () => controller.abort(signal.reason));
    }
    return controller.signal;
  }
  static timeout() { throw new TypeError("`AbortSignal.timeout` is not available in a migration: time stands still during a run"); }
  static end(signal, reason) {
    if (signal.#aborted) return;
    signal.#aborted = true;
    signal.#reason = reason;
    signal.dispatchEvent(new Event("abort"));
  }
  get aborted() { return this.#aborted; }
  get reason() { return this.#reason; }
  get onabort() { return this.#handler; }
  set onabort(handler) {
    if (this.#handler) this.removeEventListener("abort", this.#handler);
    this.#handler = handler;
    if (handler) this.addEventListener("abort", handler);
  }
  throwIfAborted() { if (this.#aborted) throw this.#reason; }
}
const { end } = AbortSignal;
delete AbortSignal.end;

export class AbortController {
  #signal = new AbortSignal(inside);
  get signal() { return this.#signal; }
  abort(reason = new DOMException("This operation was aborted", "AbortError")) { end(this.#signal, reason); }
}
