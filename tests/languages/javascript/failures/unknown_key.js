// says: the description has no key `summery`; its keys are `summary`, 
export const description = { summery: "x" };
export function upgrade() {
}
