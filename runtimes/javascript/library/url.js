import { urlClass } from "./shared/forms.js";

export { URLSearchParams } from "./shared/forms.js";
export const URL = urlClass(native);
