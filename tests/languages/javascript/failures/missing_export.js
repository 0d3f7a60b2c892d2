// says: Could not find export 'nothing' in module 'runner-guest'
import { nothing } from "runner-guest";
export const description = "fails";
export function upgrade() {
}
