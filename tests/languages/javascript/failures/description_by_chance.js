// says: the description depends on the clock or on random numbers
// says: hint: a description is the same at all times
export const description = `adds ${Math.random()}`;
export function upgrade() {
}
