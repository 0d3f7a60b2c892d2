// says: `upgrade` is a generator, and nothing iterates it: it must not `yield`
export const description = "fails";
export async function* upgrade({ db }) {
  db.execute("CREATE TABLE t (id INTEGER)");
}
