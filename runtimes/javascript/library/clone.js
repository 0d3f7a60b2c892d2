import { deserialize, serialize } from "@ungap/structured-clone";

export function structuredClone(value) {
  if (!arguments.length) throw new TypeError("structuredClone() wants a value");
  try {
    return deserialize(serialize(value));
  } catch (error) {
    throw error instanceof TypeError ? new DOMException(`${error.message}: it cannot be cloned`, "DataCloneError") : error;
  }
}
