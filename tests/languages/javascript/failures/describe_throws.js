// says: TypeError: cannot read property
// says: failing.js:4:10: `return config.summary.text;`
export function describe() {
  return config.summary.text;
}
const config = {};
export function upgrade() {
}
