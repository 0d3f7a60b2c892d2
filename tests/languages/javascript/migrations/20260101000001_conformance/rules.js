import { depth } from "./deeper/depth.js";
import same, { double } from "../20260101000001_conformance/deeper/depth.js";
export const rules = { depth, same };
export function twice(x) { return double(x); }
