export const depth = 2;
export function double(x) { return 2 * x; }
export default "default";
