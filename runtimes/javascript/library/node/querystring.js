const querystring = require("querystring-es3");

module.exports = { ...querystring, escape: encodeURIComponent, unescape: decodeURIComponent };
