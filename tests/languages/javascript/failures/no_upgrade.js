// says: the script exports no function `upgrade`
import { db } from "runner-guest";
export const description = "fails";
export function upgrad() {}
