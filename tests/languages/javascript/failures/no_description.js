// says: the script exports no description: add `export const description
export function upgrade() {
}
