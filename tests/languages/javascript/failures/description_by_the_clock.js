// says: the description depends on the clock or on random numbers
export const description = `of ${new Date().getFullYear()}`;
export function upgrade() {
}
