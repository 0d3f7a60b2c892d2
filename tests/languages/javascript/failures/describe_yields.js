// says: `describe` is a generator, and nothing iterates it: it must not `yield`
export function* describe() {
  yield "fails";
}
export function upgrade() {}
