const { missingAll } = require("../shared/missing.js");

module.exports = {
  ...missingAll("zlib", `
  crc32 Deflate Inflate Gzip Gunzip DeflateRaw InflateRaw Unzip BrotliCompress BrotliDecompress deflate deflateSync gzip gzipSync
  deflateRaw deflateRawSync unzip unzipSync inflate inflateSync gunzip gunzipSync inflateRaw inflateRawSync brotliCompress
  brotliCompressSync brotliDecompress brotliDecompressSync createDeflate createInflate createDeflateRaw createInflateRaw createGzip
  createGunzip createUnzip createBrotliCompress createBrotliDecompress
`, "decompress with a library in JavaScript, such as `fflate`"),
};
