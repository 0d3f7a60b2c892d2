const url = require("url/url.js");

module.exports = {
  ...url,
  URL: globalThis.URL,
  URLSearchParams: globalThis.URLSearchParams,
  fileURLToPath(of) {
    const { protocol, pathname } = new globalThis.URL(of);
    if (protocol !== "file:") throw new TypeError("The URL must be of scheme file");
    return decodeURIComponent(pathname);
  },
  pathToFileURL: (path) => new globalThis.URL(encodeURI(path).replace(/[?#]/g, encodeURIComponent), "file:///"),
  domainToASCII: (domain) => globalThis.URL.parse(`ws://${domain}`)?.hostname ?? "",
};
