// says: `setTimeout` is not available in a migration: time stands still during a run
export const description = "fails";
export async function upgrade() {
  await new Promise((done) => setTimeout(done, 10));
}
