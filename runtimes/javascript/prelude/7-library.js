// What comes from libraries, which are evaluated when a script first touches them. The bundle that each global is in.

const LAZY = { Temporal: "temporal" };

// A property whose value is made when it is first read.
function lazily(object, name, make) {
  const become = (value) => Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  Object.defineProperty(object, name, {
    get() {
      const value = make();
      become(value);
      return value;
    },
    set: become,
    configurable: true,
  });
}

if (!native.isFake) {
  for (const [name, bundle] of Object.entries(LAZY)) lazily(globalThis, name, () => native.library(bundle)[name]);
}
