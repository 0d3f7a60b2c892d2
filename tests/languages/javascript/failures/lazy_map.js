// says: `upgrade` returned an iterator, and nothing iterates it: loop over it in `upgrade`
export const description = "fails";
export const upgrade = async ({ db }) => ["CREATE TABLE t (id INTEGER)"].values().map((sql) => db.execute(sql));
